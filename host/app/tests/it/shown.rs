//! Views of runs, in forms that are short to compare.

use std::sync::Arc;

use sedge_api::view::run::{LogLineView, RunStatusView};
use sedge_app::run::logs::run_logs;
use sedge_app::types::{CallRecord, RunStatus, Scan};
use sedge_app::{AppError, Repository};
use sedge_store::{EventRecord, RunRecord};

use crate::fixture::cx_of;

/// A run, with its calls and events in the datastore.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) run: RunRecord,
    pub(crate) status: RunStatus,
    pub(crate) events: Vec<EventRecord>,
    pub(crate) calls: Vec<CallRecord>,
}

/// Returns all items that a use case lists.
pub(crate) fn collected<T, R>(
    list: impl FnOnce(&mut dyn FnMut(T) -> Result<Scan, AppError>) -> Result<R, AppError>,
) -> Vec<T> {
    let mut items = Vec::new();
    let listed = list(&mut |item| {
        items.push(item);
        Ok(Scan::More)
    });
    listed.map(drop).expect("a list");
    items
}

/// Returns the log of a run. Without an id, returns the log of the newest run.
pub(crate) fn log_of(repository: &Arc<Repository>, run: Option<&str>) -> Vec<LogLineView> {
    collected(|take| run_logs(&cx_of(repository), run, None, take))
}

/// Returns the status that a view shows.
pub(crate) fn stands(status: RunStatusView) -> RunStatus {
    match status {
        RunStatusView::Running | RunStatusView::Cancelling => RunStatus::Running,
        RunStatusView::Suspended => RunStatus::Suspended,
        RunStatusView::Succeeded => RunStatus::Succeeded,
        RunStatusView::Failed => RunStatus::Failed,
        RunStatusView::Cancelled => RunStatus::Cancelled,
        RunStatusView::Interrupted => RunStatus::Interrupted,
    }
}
