//! Shows what the calls of a run logged.

use sedge_model::names::RunId;
use sedge_store::LogRecord;

use crate::error::AppError;
use crate::repository::Repository;

/// Returns the log of a run by its id or the beginning of it, call by call; that of the
/// newest run without one.
///
/// # Errors
/// There is no such run.
pub fn run_logs(
    repository: &Repository,
    id: Option<&str>,
) -> Result<(RunId, Vec<LogRecord>), AppError> {
    let run = repository.run_by_id_or_newest(id)?;
    let lines = repository.store()?.log_list(&run.id)?;
    Ok((run.id, lines))
}
