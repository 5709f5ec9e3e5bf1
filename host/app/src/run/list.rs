//! Lists runs.

use sedge_api::view::run::{RunStatusView, RunView};
use sedge_model::run::RunStatus;
use sedge_store::{RunFilter, Scan};
use sedge_sys::clock::Timestamp;

use crate::data::scan::Through;
use crate::error::AppError;
use crate::repository::Repository;
use crate::run::view::run_view;

/// Which runs to list. Without a condition, all runs are listed.
#[derive(Debug, Clone, Default)]
pub struct RunListRequest {
    /// If set, only runs with this status.
    pub status: Option<RunStatusView>,
    /// If set, only runs of the model or workflow of this name, or of the method `MODEL.METHOD`.
    pub of: Option<String>,
    /// If set, only runs that were started at this time or later.
    pub since: Option<Timestamp>,
}

/// Passes the runs to `take`, the newest first, until `take` needs no more. Further runs are not
/// read.
///
/// # Errors
/// Returns an error if the datastore cannot be read. Errors of `take` are passed on.
pub fn run_list<E: From<AppError>>(
    repository: &Repository,
    request: &RunListRequest,
    mut take: impl FnMut(RunView) -> Result<Scan, E>,
) -> Result<(), E> {
    let filter = RunFilter {
        of: request.of.clone(),
        since: request.since,
        status: request.status.map(stored),
        ..RunFilter::default()
    };
    run_scan(repository, &filter, |run| {
        // The operating system knows whether a process is alive; the datastore does not.
        if request.status.is_some_and(|wanted| wanted != run.status) {
            return Ok(Scan::More);
        }
        take(run)
    })
}

/// Passes the runs that are neither suspended nor ended to `take`, the newest first. Their status
/// is `running` or `interrupted`.
pub(crate) fn runs_unfinished<E: From<AppError>>(
    repository: &Repository,
    take: impl FnMut(RunView) -> Result<Scan, E>,
) -> Result<(), E> {
    let filter = RunFilter {
        status: Some(stored(RunStatusView::Running)),
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
        let status = repository.run_status(&run);
        let view = status.map(|status| run_view(&run, status));
        let view = view.map_err(|error| Through::Taker(error.into()))?;
        take(view).map_err(Through::Taker)
    });
    scanned.map_err(Through::into_error)
}

/// Returns the status that the datastore has for a run with the given status.
fn stored(status: RunStatusView) -> RunStatus {
    match status {
        RunStatusView::Running | RunStatusView::Interrupted => RunStatus::Running,
        RunStatusView::Suspended => RunStatus::Suspended,
        RunStatusView::Succeeded => RunStatus::Succeeded,
        RunStatusView::Failed => RunStatus::Failed,
        RunStatusView::Cancelled => RunStatus::Cancelled,
    }
}
