//! The figures, for people: they are shown whether the test passes or not.

use std::io::Write;
use std::time::Duration;

use sedge_app::types::RunStatus;

use crate::books::Books;
use crate::monitor::Looked;
use crate::worker::Asked;
use crate::{N_MODELS, N_PROCESSES, N_TASKS};

/// Shows what was done, and how long calls waited.
pub(crate) fn show(
    part: &str,
    (seed, took): (u64, Duration),
    books: &Books,
    asked: &[Asked],
    looked: Looked,
) {
    let n_deadlocks: usize = asked.iter().map(|it| it.deadlocks).sum();
    let n_calls: usize = books.runs.values().map(|(_, n_calls)| n_calls).sum();
    let percentile = |percent: usize| {
        let at = books.waits_us.len().saturating_sub(1) * percent / 100;
        let us = books.waits_us.get(at).copied().unwrap_or_default();
        Duration::from_micros(us).as_secs_f64() * 1000.0
    };
    let (median, p99) = (percentile(50), percentile(99));
    let text = format!(
        "
stress, {part}: {N_PROCESSES} processes x {N_TASKS} tasks on {N_MODELS} models for {took:.0?}, seed {seed}
  runs      {} succeeded, {} failed, {} cancelled, {} interrupted
  calls     {n_calls} succeeded, {:.0} a second
  deadlocks {} undone, {n_deadlocks} told
  waits     median {median:.1} ms, p99 {p99:.1} ms ({:.1} times), longest {:.1} ms
  looks     {}, at most {} waiting; seen in a row: a deadlock {}, a lock of the dead {}
",
        books.n_of(RunStatus::Succeeded),
        books.n_of(RunStatus::Failed),
        books.n_of(RunStatus::Cancelled),
        books.n_of(RunStatus::Interrupted),
        n_calls as f64 / took.as_secs_f64(),
        books.n_undone,
        p99 / median,
        percentile(100),
        looked.n_looks,
        looked.waiting_max,
        looked.deadlock_max,
        looked.dead_max,
    );
    // Not by a macro: the harness would keep that to itself.
    let shown = std::io::stderr().lock().write_all(text.as_bytes());
    shown.expect("stderr can be written");
}
