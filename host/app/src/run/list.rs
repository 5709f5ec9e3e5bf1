//! Lists runs.

use sedge_api::view::run::{RunKindView, RunStatusView, RunView};
use sedge_model::run::RunStatus;
use sedge_store::{RunFilter, Scan};
use sedge_sys::clock::Timestamp;

use crate::cx::Cx;
use crate::data::scan::Through;
use crate::error::{AppError, RunUseError};
use crate::repository::Repository;
use crate::run::view::run_view_now;

/// Which runs to list. Without a condition, all runs are listed.
#[derive(Debug, Clone, Default)]
pub struct RunListRequest {
    /// If any, only runs with one of these statuses.
    pub statuses: Vec<RunStatusView>,
    /// If set, only runs of the model or workflow of this name, or of the method `MODEL.METHOD`.
    pub of: Option<String>,
    /// If set, only runs of this kind.
    pub kind: Option<RunKindView>,
    /// If set, only runs that were started at this time or later.
    pub since: Option<Timestamp>,
}

/// Passes the runs to `take`, the newest first, until `take` needs no more. Further runs are not
/// read.
///
/// # Errors
/// Returns an error if the datastore cannot be read, or if only runs of a workflow are wanted that does
/// not exist and has never run. Errors of `take` are passed on.
pub fn run_list<E: From<AppError>>(
    cx: &Cx,
    request: &RunListRequest,
    mut take: impl FnMut(RunView) -> Result<Scan, E>,
) -> Result<(), E> {
    let filter = RunFilter {
        of: request.of.clone(),
        since: request.since,
        statuses: stored(&request.statuses),
        ..RunFilter::default()
    };
    if request.kind == Some(RunKindView::Workflow)
        && let Some(name) = &request.of
    {
        workflow_known(&cx.repository, name)?;
    }
    run_scan(&cx.repository, &filter, |run| {
        // The operating system knows whether a process is alive; the datastore does not.
        let has_status = request.statuses.is_empty() || request.statuses.contains(&run.status);
        let has_kind = request.kind.is_none_or(|kind| kind == run.kind);
        match has_status && has_kind {
            true => take(run),
            false => Ok(Scan::More),
        }
    })
}

/// Checks that there is a workflow of a name, or was one when it ran.
fn workflow_known(repository: &Repository, name: &str) -> Result<(), AppError> {
    let missing = match repository.workflow(name) {
        Err(AppError::Run(error @ RunUseError::WorkflowMissing { .. })) => AppError::Run(error),
        // Its runs can be listed although its file has faults.
        Ok(_) | Err(_) => return Ok(()),
    };
    let filter = RunFilter {
        of: Some(name.to_owned()),
        ..RunFilter::default()
    };
    let mut has_run = false;
    // A model may have the same name.
    run_scan(repository, &filter, |run| {
        has_run = run.kind == RunKindView::Workflow;
        Ok::<_, AppError>(match has_run {
            true => Scan::Enough,
            false => Scan::More,
        })
    })?;
    match has_run {
        true => Ok(()),
        false => Err(missing),
    }
}

/// Passes the runs that are neither suspended nor ended to `take`, the newest first. Their status
/// is `running`, `cancelling` or `interrupted`.
pub(crate) fn runs_unfinished<E: From<AppError>>(
    repository: &Repository,
    take: impl FnMut(RunView) -> Result<Scan, E>,
) -> Result<(), E> {
    let filter = RunFilter {
        statuses: stored(&[RunStatusView::Running]),
        ..RunFilter::default()
    };
    run_scan(repository, &filter, take)
}

fn run_scan<E: From<AppError>>(
    repository: &Repository,
    filter: &RunFilter,
    mut take: impl FnMut(RunView) -> Result<Scan, E>,
) -> Result<(), E> {
    let scanned = repository.store()?.run_scan(filter, |run| {
        let view = run_view_now(repository, &run);
        let view = view.map_err(|error| Through::Taker(error.into()))?;
        take(view).map_err(Through::Taker)
    });
    scanned.map_err(Through::into_error)
}

/// Returns the statuses that the datastore has for runs with the given statuses, each once.
fn stored(statuses: &[RunStatusView]) -> Vec<RunStatus> {
    let mut stored: Vec<RunStatus> = Vec::new();
    for status in statuses {
        let status = match status {
            RunStatusView::Running | RunStatusView::Cancelling | RunStatusView::Interrupted => {
                RunStatus::Running
            }
            RunStatusView::Suspended => RunStatus::Suspended,
            RunStatusView::Succeeded => RunStatus::Succeeded,
            RunStatusView::Failed => RunStatus::Failed,
            RunStatusView::Cancelled => RunStatus::Cancelled,
        };
        if !stored.contains(&status) {
            stored.push(status);
        }
    }
    stored
}
