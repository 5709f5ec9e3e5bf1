//! Shows a run: where it stands, its steps, and the tree of its calls.

use sedge_model::run::RunStatus;
use sedge_store::{CallRecord, EventRecord, RunRecord};

use crate::error::AppError;
use crate::repository::Repository;

/// A run and all that belongs to it.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// The run as it is stored.
    pub run: RunRecord,
    /// Where it stands.
    pub status: RunStatus,
    /// Its log, oldest first.
    pub events: Vec<EventRecord>,
    /// Its calls: each caller before its callees.
    pub calls: Vec<CallRecord>,
}

/// Returns a run by its id or the beginning of it; the newest run without one.
///
/// # Errors
/// There is no such run.
pub fn run_show(repository: &Repository, id: Option<&str>) -> Result<RunReport, AppError> {
    let run = repository.run_by_id_or_newest(id)?;
    let store = repository.store()?;
    Ok(RunReport {
        status: repository.run_status(&run)?,
        events: store.run_events(&run.id)?,
        calls: store.call_list(&run.id)?,
        run,
    })
}
