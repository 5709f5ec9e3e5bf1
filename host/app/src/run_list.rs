//! Lists runs.

use sedge_api::view::run::{RunStatusView, RunView};
use sedge_model::run::RunStatus;
use sedge_store::{RunFilter, Scan};
use sedge_sys::clock::Timestamp;

use crate::data_scan::Through;
use crate::error::AppError;
use crate::repository::Repository;
use crate::views::run::run_view;

/// Which runs to list; all without a condition.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Only those that stand there.
    pub status: Option<RunStatusView>,
    /// Only those of a model or workflow of this name, or of a method: `MODEL.METHOD`.
    pub of: Option<String>,
    /// Only those that were started then or later.
    pub since: Option<Timestamp>,
}

/// Hands over runs, the newest first, as long as `take` wants more. No more of them are read.
///
/// # Errors
/// The datastore cannot be read, or whatever `take` fails with.
pub fn run_list<E: From<AppError>>(
    repository: &Repository,
    request: &Request,
    mut take: impl FnMut(RunView) -> Result<Scan, E>,
) -> Result<(), E> {
    let filter = RunFilter {
        of: request.of.clone(),
        since: request.since,
        status: request.status.map(stored),
        ..RunFilter::default()
    };
    let scanned = repository.store()?.run_scan(&filter, |run| {
        let status = repository.run_status(&run);
        let view = status.map(|status| run_view(&run, status));
        let view = view.map_err(|error| Through::Taker(error.into()))?;
        // Whether a process is alive is known to the operating system, and not to the datastore.
        if request.status.is_some_and(|wanted| wanted != view.status) {
            return Ok(Scan::More);
        }
        take(view).map_err(Through::Taker)
    });
    scanned.map_err(Through::into_error)
}

/// Returns where the datastore has a run that stands there.
fn stored(status: RunStatusView) -> RunStatus {
    match status {
        RunStatusView::Running | RunStatusView::Interrupted => RunStatus::Running,
        RunStatusView::Suspended => RunStatus::Suspended,
        RunStatusView::Succeeded => RunStatus::Succeeded,
        RunStatusView::Failed => RunStatus::Failed,
        RunStatusView::Cancelled => RunStatus::Cancelled,
    }
}
