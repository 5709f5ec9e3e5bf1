//! Shows what the calls of a run logged.

use sedge_api::view::run::{LogLineView, LogOf};
use sedge_store::Scan;

use crate::data_scan::Through;
use crate::error::AppError;
use crate::repository::Repository;
use crate::views::run::log_line_view;

/// Hands over the log of a run by its id or the beginning of it, call by call, as long as `take`
/// wants more; that of the newest run without an id. Returns which run that is.
///
/// # Errors
/// There is no such run, or whatever `take` fails with.
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
