//! The measured subjects of locks, and their baselines.

use crate::figures::{Figures, Samples};
use crate::subjects::{NESTED, PART_CALL, PART_LOCK, PART_START};
use crate::table::Row;

pub(super) const MUTEX: &str = "a mutex of tokio: taken and freed";
pub(super) const IN_PROCESS: &str = "in process: X, taken and freed";
pub(super) const FILE_TURNS: &str = "two turns: flock, write the same amount, unlock";
pub(super) const SHARED_X: &str = "shared: X, taken and freed";
pub(super) const SHARED: &str = "shared: IX + X, taken and freed";
pub(super) const SHARED_BESIDE: &str = "the same beside a process that has 10 locks";

pub(super) const WAKE_TASK: &str = "a wake-up: a task, by a channel of tokio";
pub(super) const HAND_OVER: &str = "handed over in process";
pub(super) const HAND_OVER_SHARED: &str = "handed over in process, in the shared table";
pub(super) const WAKE_PIPE: &str = "a pipe: another process is woken";
pub(super) const HAND_OVER_OTHER: &str = "handed over to another process";
pub(super) const WAKE_KILLED: &str = "a file's lock: got after kill -9";
pub(super) const HAND_OVER_KILLED: &str = "handed over after kill -9";

pub(super) const QUEUED: &str = "1 000 waiters in process: queued, each";
pub(super) const SERVED: &str = "1 000 waiters in process: served, each";
pub(super) const QUEUED_SHARED: &str = "1 000 waiters for another process: queued, each";
pub(super) const SERVED_SHARED: &str = "1 000 waiters for another process: served, each";
pub(super) const IDLE_NO_WAITER: &str = "idle: processor time in 1 s, no waiter";
pub(super) const IDLE: &str = "processor time in 1 s, 1 000 wait in process";
pub(super) const IDLE_SHARED: &str = "processor time in 1 s, 1 000 wait for another";

pub(super) const DECIDE_EMPTY: &str = "an empty table: to decide";
pub(super) const DECIDE_NO_CYCLE: &str = "to decide: 1 000 wait, no cycle";
pub(super) const DECIDE_CYCLE: &str = "to decide: 1 000 wait, closes a cycle of all";
pub(super) const CYCLE_BETWEEN: &str = "deadlock of two processes, reported";
pub(super) const CYCLE_BETWEEN_LONG: &str = "deadlock of two processes and 1 000 waits, reported";

/// Returns the rows for the costs of locks.
pub(crate) fn rows() -> Vec<Row> {
    let row = Row::new;
    vec![
        row(MUTEX, None, ""),
        row(IN_PROCESS, Some(MUTEX), "≤ 2 µs"),
        row(FILE_TURNS, None, ""),
        row(SHARED_X, Some(FILE_TURNS), ""),
        row(SHARED, Some(FILE_TURNS), "≤ 150 µs"),
        row(SHARED_BESIDE, Some(FILE_TURNS), "≤ 150 µs"),
        row(WAKE_TASK, None, ""),
        row(HAND_OVER, Some(WAKE_TASK), ""),
        row(HAND_OVER_SHARED, Some(WAKE_TASK), ""),
        row(WAKE_PIPE, None, ""),
        row(HAND_OVER_OTHER, Some(WAKE_PIPE), "≤ 2 ms"),
        row(WAKE_KILLED, None, ""),
        row(HAND_OVER_KILLED, Some(WAKE_KILLED), "≤ 5 ms"),
        row(QUEUED, Some(IN_PROCESS), ""),
        row(SERVED, Some(IN_PROCESS), ""),
        row(QUEUED_SHARED, Some(SHARED_X), ""),
        row(SERVED_SHARED, Some(SHARED_X), ""),
        row(IDLE_NO_WAITER, None, ""),
        row(IDLE, Some(IDLE_NO_WAITER), ""),
        row(IDLE_SHARED, Some(IDLE_NO_WAITER), ""),
        row(DECIDE_EMPTY, None, ""),
        row(DECIDE_NO_CYCLE, Some(DECIDE_EMPTY), ""),
        row(DECIDE_CYCLE, Some(DECIDE_EMPTY), "≤ 5 ms"),
        row(CYCLE_BETWEEN, Some(SHARED_X), "≤ 5 ms"),
        row(CYCLE_BETWEEN_LONG, Some(SHARED_X), "≤ 5 ms"),
        Row {
            note: without_the_disk,
            ..row(PART_LOCK, Some(NESTED), "≤ 0.1 x")
        },
    ]
}

/// Returns the locks' share of a nested call without its commit, which mostly waits for the disk.
fn without_the_disk(lock: &Samples, figures: &Figures) -> String {
    let median = |subject| figures.get(subject).map(|it| it.percentile_ms(50));
    let (Some(start), Some(call)) = (median(PART_START), median(PART_CALL)) else {
        return String::new();
    };
    let lock = lock.percentile_ms(50);
    let part = 100.0 * lock / (lock + start + call);
    format!("{part:.0} % of one without its commit")
}
