//! Reports what needs the user's attention in a repository.

use std::collections::BTreeSet;
use std::time::Duration;

use sedge_api::problem::{ErrorClass, Explain};
use sedge_api::view::datastore::DiskUse;
use sedge_api::view::run::{RunKindView, RunStatusView, RunView};
use sedge_api::view::status::{MissingComponent, NotGranted, StatusReport};
use sedge_lang::definition::Definition;
use sedge_store::Scan;
use sedge_sys::clock::Timestamp;

use crate::cx::Cx;
use crate::error::AppError;
use crate::repository::Repository;
use crate::repository::snapshot::RepositorySnapshot;
use crate::run::cx::ReadyModel;
use crate::run::list::{RunListRequest, run_list, runs_unfinished};
use crate::secret::vault::Vault;
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
pub async fn status(cx: &Cx) -> Result<StatusReport, AppError> {
    let mut gates = Vec::new();
    workflow_approvals::<AppError>(cx, |gate| {
        gates.push(gate);
        Ok(Scan::More)
    })?;
    let repository = &cx.repository.snapshot()?;
    let missing_components = missing_components(repository)?;
    let mut faulty_files = Vec::new();
    let mut not_granted = Vec::new();
    for (listed, definition) in repository.definitions()? {
        let denied = match definition {
            Ok(definition) => denied(repository, &definition, &missing_components).await,
            Err(error) => Err(error),
        };
        match denied {
            Ok(denied) => not_granted.extend(denied),
            Err(error) => faulty_files.push(faulty(error, listed.path)?),
        }
    }
    for (listed, workflow) in repository.workflows()? {
        if let Err(error) = workflow {
            faulty_files.push(faulty(error, listed.path)?);
        }
    }
    let datastore = repository.store()?.status()?;
    let (running, interrupted) = unfinished(repository)?;
    Ok(StatusReport {
        gates,
        running,
        interrupted,
        failed: failed(cx)?,
        missing_components,
        not_granted,
        faulty_files,
        secrets_closed: secrets_closed(repository)?,
        disk: DiskUse {
            database_bytes: datastore.n_database_bytes,
            log_bytes: datastore.n_log_bytes,
            file_bytes: datastore.n_file_bytes,
            versions: datastore.n_versions,
            runs: datastore.n_runs,
        },
    })
}

/// Returns what cannot be used, such as a file.
///
/// # Errors
/// Returns `error` if it says nothing about what was used: it is temporary, an interruption, or a bug.
fn faulty(error: AppError, unusable: String) -> Result<String, AppError> {
    match error.code().class() {
        ErrorClass::Failed | ErrorClass::Usage | ErrorClass::State => Ok(unusable),
        ErrorClass::Temporary | ErrorClass::Interrupted | ErrorClass::Bug => Err(error),
    }
}

/// Returns why secrets cannot be opened; `None` if all can be.
fn secrets_closed(repository: &Repository) -> Result<Option<String>, AppError> {
    let Err(error) = Vault::open(repository) else {
        return Ok(None);
    };
    let mut reason = vec![error.message()];
    reason.extend(error.causes());
    faulty(error, reason.join(": ")).map(Some)
}

/// Returns the runs in progress, and the interrupted ones. One scan returns both, so that a run
/// whose process ends meanwhile is in one of them.
fn unfinished(repository: &Repository) -> Result<(Vec<RunView>, Vec<RunView>), AppError> {
    let mut runs = Vec::new();
    runs_unfinished::<AppError>(repository, |run| {
        runs.push(run);
        Ok(Scan::More)
    })?;
    let is_running = |run: &RunView| run.status != RunStatusView::Interrupted;
    Ok(runs.into_iter().partition(is_running))
}

/// Returns the failed runs after which the same method or workflow was not run again.
fn failed(cx: &Cx) -> Result<Vec<RunView>, AppError> {
    let age_ms = u64::try_from(FAILED_AGE_MAX.as_millis()).unwrap_or(u64::MAX);
    let request = RunListRequest {
        since: Some(Timestamp(cx.clock.now().0.saturating_sub(age_ms))),
        ..RunListRequest::default()
    };
    let (mut seen, mut failed) = (BTreeSet::new(), Vec::new());
    run_list::<AppError>(cx, &request, |run| {
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

fn missing_components(repository: &RepositorySnapshot) -> Result<Vec<MissingComponent>, AppError> {
    let plugins = repository.plugins_pinned()?.into_iter();
    let missing = plugins.filter(|plugin| !plugin.is_here);
    let missing = missing.map(|plugin| MissingComponent {
        type_name: plugin.type_name.to_string(),
        version: plugin.pinned.version.to_string(),
        source: plugin.pinned.source.clone(),
    });
    Ok(missing.collect())
}

/// Returns the requests of a model's plugin of which nothing is granted. Returns none if the
/// component is missing, which is reported by itself.
async fn denied(
    repository: &RepositorySnapshot,
    definition: &Definition,
    missing: &[MissingComponent],
) -> Result<Vec<NotGranted>, AppError> {
    let type_name = definition.type_name.value.to_string();
    if missing.iter().any(|it| it.type_name == type_name) {
        return Ok(Vec::new());
    }
    let model = ReadyModel::load(repository, definition.name.as_str()).await?;
    let explained = model.permissions.explain().into_iter();
    let denied = explained.filter(|it| it.effective.is_empty());
    let denied = denied.map(|it| NotGranted {
        model: definition.name.to_string(),
        request: request_view(&it.request),
    });
    Ok(denied.collect())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::{Path, PathBuf};

    use sedge_sys::folder::FileError;

    use super::*;
    use crate::error::PathError;

    #[test]
    fn only_faults_of_files_are_listed() {
        let file = || "models/a.yaml".to_owned();
        let of_file = AppError::from(PathError::NoFileName(PathBuf::from("..")));
        assert_eq!(faulty(of_file, file()).ok(), Some(file()));
        let temporary = io::Error::from(io::ErrorKind::OutOfMemory);
        let temporary = FileError::new("read", Path::new("models/a.yaml"), temporary);
        assert!(faulty(AppError::from(temporary), file()).is_err());
    }
}
