//! Shows the log lines of a run while they are stored.

use std::collections::HashMap;

use sedge_api::view::run::{LogLineView, LogOf};
use sedge_model::names::RunId;
use sedge_model::run::RunStatus;
use sedge_store::Scan;
use sedge_sys::clock::{Moment, pause};

use crate::cx::Cx;
use crate::error::AppError;
use crate::repository::Repository;
use crate::run::follow::FOLLOW_INTERVAL;
use crate::run::logs::run_logs;

/// A pause is at least this many times as long as the last look at the log took, so that following
/// a run with a long log does not slow the run down.
const PAUSE_FACTOR: u32 = 10;

/// Passes the log of a run to `take` as [`run_logs`] does, and then
/// each further line, until the run has ended or waits, or `take` needs no more. The lines of a call
/// are stored when it ends or publishes.
///
/// # Errors
/// Returns an error if there is no such run. Errors of `take` are passed on.
pub async fn run_logs_follow<E: From<AppError>>(
    cx: &Cx,
    id: Option<&str>,
    step: Option<&str>,
    mut take: impl FnMut(LogLineView) -> Result<Scan, E>,
) -> Result<LogOf, E> {
    let run = cx.repository.run_by_id_or_newest(id)?.id;
    let mut n_shown: HashMap<String, usize> = HashMap::new();
    loop {
        // The status is read first: what is logged after that is read, too.
        let status = status_of(&cx.repository, &run)?;
        let since = Moment::now();
        let mut n_read: HashMap<String, usize> = HashMap::new();
        let mut is_enough = false;
        let of = run_logs(cx, Some(run.as_str()), step, |line| {
            let n = n_read.entry(line.call.clone()).or_default();
            *n += 1;
            let known = n_shown.entry(line.call.clone()).or_default();
            if *n <= *known {
                return Ok(Scan::More);
            }
            *known = *n;
            let taken: Result<Scan, E> = take(line);
            is_enough = matches!(taken, Ok(Scan::Enough));
            taken
        })?;
        match status {
            RunStatus::Running if !is_enough => {
                pause(FOLLOW_INTERVAL.max(since.elapsed() * PAUSE_FACTOR)).await;
            }
            RunStatus::Running
            | RunStatus::Suspended
            | RunStatus::Succeeded
            | RunStatus::Failed
            | RunStatus::Cancelled
            | RunStatus::Interrupted => return Ok(of),
        }
    }
}

fn status_of(repository: &Repository, run: &RunId) -> Result<RunStatus, AppError> {
    let record = repository.store()?.run_get(run)?;
    repository.run_status(&record)
}
