//! Shows the log lines of a run's calls.

use sedge_api::view::run::{LogLineView, LogOf};
use sedge_store::Scan;

use crate::data::scan::Through;
use crate::error::AppError;
use crate::repository::Repository;
use crate::run::view::log_line_view;

/// Passes the log of a run to `take`, call by call, until `take` needs no more, and returns the
/// run.
///
/// The run is found by its id or by the beginning of its id. Without an id, it is the newest run.
///
/// # Errors
/// Returns an error if there is no such run. Errors of `take` are passed on.
pub fn run_logs<E: From<AppError>>(
    repository: &Repository,
    id: Option<&str>,
    mut take: impl FnMut(LogLineView) -> Result<Scan, E>,
) -> Result<LogOf, E> {
    let run = repository.run_by_id_or_newest(id)?.id;
    let scanned = repository.store().map_err(E::from)?.log_scan(&run, |line| {
        take(log_line_view(line)).map_err(Through::Taker)
    });
    scanned.map_err(Through::into_error)?;
    Ok(LogOf {
        run: run.to_string(),
    })
}
