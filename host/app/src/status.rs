//! Reports what needs the user's attention in a repository.

use std::collections::BTreeSet;
use std::time::Duration;

use sedge_api::view::datastore::DiskUse;
use sedge_api::view::run::{RunKindView, RunStatusView, RunView};
use sedge_api::view::status::{MissingComponent, NotGranted, StatusReport};
use sedge_store::Scan;
use sedge_sys::clock::Timestamp;

use crate::error::AppError;
use crate::plugin::loaded::component_file;
use crate::repository::Repository;
use crate::run::cx::ReadyModel;
use crate::run::list::{Request, run_list};
use crate::views::permission::request_view;
use crate::workflow::approvals::workflow_approvals;

/// How long ago a run may have failed to be reported.
const FAILED_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Returns what waits, runs or failed in a repository, and what is missing. This needs no lock, and
/// runs no plugin.
///
/// # Errors
/// Returns an error if the datastore, or a folder of the repository, cannot be read. A file that
/// cannot be used is part of the report.
pub async fn status(repository: &Repository) -> Result<StatusReport, AppError> {
    let mut gates = Vec::new();
    workflow_approvals::<AppError>(repository, |gate| {
        gates.push(gate);
        Ok(Scan::More)
    })?;
    let missing_components = missing_components(repository)?;
    let mut faulty_files = Vec::new();
    let mut not_granted = Vec::new();
    for name in repository.model_names()? {
        match denied(repository, name.as_str(), &missing_components).await {
            Ok(denied) => not_granted.extend(denied),
            Err(_) => faulty_files.push(name.file()),
        }
    }
    for name in repository.workflow_names()? {
        if repository.workflow(name.as_str()).is_err() {
            faulty_files.push(name.file());
        }
    }
    let datastore = repository.store()?.status()?;
    Ok(StatusReport {
        gates,
        running: runs_with(repository, RunStatusView::Running)?,
        interrupted: runs_with(repository, RunStatusView::Interrupted)?,
        failed: failed(repository)?,
        missing_components,
        not_granted,
        faulty_files,
        disk: DiskUse {
            database_bytes: datastore.n_database_bytes,
            log_bytes: datastore.n_log_bytes,
            file_bytes: datastore.n_file_bytes,
            versions: datastore.n_versions,
            runs: datastore.n_runs,
        },
    })
}

fn runs_with(repository: &Repository, status: RunStatusView) -> Result<Vec<RunView>, AppError> {
    let request = Request {
        status: Some(status),
        ..Request::default()
    };
    let mut runs = Vec::new();
    run_list::<AppError>(repository, &request, |run| {
        runs.push(run);
        Ok(Scan::More)
    })?;
    Ok(runs)
}

/// Returns the failed runs after which the same method or workflow was not run again.
fn failed(repository: &Repository) -> Result<Vec<RunView>, AppError> {
    let age_ms = u64::try_from(FAILED_AGE_MAX.as_millis()).unwrap_or(u64::MAX);
    let request = Request {
        since: Some(Timestamp(Timestamp::now().0.saturating_sub(age_ms))),
        ..Request::default()
    };
    let (mut seen, mut failed) = (BTreeSet::new(), Vec::new());
    run_list::<AppError>(repository, &request, |run| {
        let is_workflow = run.kind == RunKindView::Workflow;
        let subject = (is_workflow, run.subject.clone(), run.method.clone());
        let is_newest = seen.insert(subject);
        if is_newest && run.status == RunStatusView::Failed {
            failed.push(run);
        }
        Ok(Scan::More)
    })?;
    Ok(failed)
}

fn missing_components(repository: &Repository) -> Result<Vec<MissingComponent>, AppError> {
    let components = repository.state_folder("plugins")?;
    let mut missing = Vec::new();
    for (type_name, pinned) in &repository.plugin_lock().plugins {
        if !components.has(&component_file(&pinned.sha256))? {
            missing.push(MissingComponent {
                type_name: type_name.to_string(),
                version: pinned.version.to_string(),
                source: pinned.source.clone(),
            });
        }
    }
    Ok(missing)
}

/// Returns the requests of a model's plugin of which nothing is granted. Returns none if the
/// component is missing, which is reported by itself.
async fn denied(
    repository: &Repository,
    name: &str,
    missing: &[MissingComponent],
) -> Result<Vec<NotGranted>, AppError> {
    let type_name = repository.definition(name)?.type_name.value.to_string();
    if missing.iter().any(|it| it.type_name == type_name) {
        return Ok(Vec::new());
    }
    let model = ReadyModel::load(repository, name).await?;
    let explained = model.permissions.explain().into_iter();
    let denied = explained.filter(|it| it.effective.is_empty());
    let denied = denied.map(|it| NotGranted {
        model: name.to_owned(),
        request: request_view(&it.request),
    });
    Ok(denied.collect())
}
