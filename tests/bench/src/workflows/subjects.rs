//! The measured subjects of workflows, and their baselines.

use crate::subjects::{PROCESS_TRUE, peak};
use crate::table::Row;
use crate::workflows::N_STEPS;

/// The floors of runs, by [`N_STEPS`].
pub(super) const FLOOR: [&str; 4] = [
    "floor of 10 steps: bare calls, durable rows",
    "floor of 100 steps: bare calls, durable rows",
    "floor of 1000 steps: bare calls, durable rows",
    "floor of 10000 steps: bare calls, durable rows",
];

/// The same with what the datastore writes for a call in place of a small row.
pub(super) const FLOOR_OF_STORE: [&str; 4] = [
    "10 steps: bare calls, commits of the datastore",
    "100 steps: bare calls, commits of the datastore",
    "1000 steps: bare calls, commits of the datastore",
    "10000 steps: bare calls, commits of the datastore",
];

/// The run of a workflow with one step.
pub(super) const ONE: &str = "1 step: sedge workflow run";

/// Runs of chains.
pub(super) const CHAIN: [&str; 4] = [
    "chain of 10: sedge workflow run",
    "chain of 100: sedge workflow run",
    "chain of 1000: sedge workflow run",
    "chain of 10000: sedge workflow run",
];

/// The same without the start of the process and one step.
pub(super) const CHAIN_STEPS: [&str; 4] = [
    "chain of 10, its steps alone",
    "chain of 100, its steps alone",
    "chain of 1000, its steps alone",
    "chain of 10000, its steps alone",
];

/// Runs of steps side by side, which all use one model.
pub(super) const SIDE: [&str; 4] = [
    "10 side by side: sedge workflow run",
    "100 side by side: sedge workflow run",
    "1000 side by side: sedge workflow run",
    "10000 side by side: sedge workflow run",
];

/// The processor time of one step of a chain.
pub(super) const CHAIN_EACH: [&str; 4] = [
    "chain of 10, CPU of one step",
    "chain of 100, CPU of one step",
    "chain of 1000, CPU of one step",
    "chain of 10000, CPU of one step",
];

/// The processor time of one of the steps side by side.
pub(super) const SIDE_EACH: [&str; 4] = [
    "10 side by side, CPU of one step",
    "100 side by side, CPU of one step",
    "1000 side by side, CPU of one step",
    "10000 side by side, CPU of one step",
];

/// Resuming a run at its last step.
pub(super) const RESUME: [&str; 4] = [
    "resume after 10 steps: until the last one starts",
    "resume after 100 steps: until the last one starts",
    "resume after 1000 steps: until the last one starts",
    "resume after 10000 steps: until the last one starts",
];

/// Loading the same run.
pub(super) const LOAD: [&str; 4] = [
    "load of 10 steps: read the run, fold its log",
    "load of 100 steps: read the run, fold its log",
    "load of 1000 steps: read the run, fold its log",
    "load of 10000 steps: read the run, fold its log",
];

/// Showing a run with as many calls.
pub(super) const SHOW: [&str; 4] = [
    "sedge run show, 10 calls",
    "sedge run show, 100 calls",
    "sedge run show, 1000 calls",
    "sedge run show, 10000 calls",
];

/// Showing a run with one call.
pub(super) const SHOW_ONE: &str = "sedge run show, 1 call";

/// The processor time of one call that is shown.
pub(super) const SHOW_EACH: [&str; 4] = [
    "run show of 10, CPU of one call",
    "run show of 100, CPU of one call",
    "run show of 1000, CPU of one call",
    "run show of 10000, CPU of one call",
];

/// The name of a workflow whose steps write small files, and the subject of its run.
pub(super) const FILES_SMALL: (&str, &str) = ("files-small", "10 steps, 1 kB each: small files");

/// The name of a workflow whose steps write large files, and the subject of its run.
pub(super) const FILES_LARGE: (&str, &str) = ("files-large", "10 steps, 10 MB each: large files");

/// Returns the rows of the table.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = FLOOR.map(|it| Row::new(it, None, "")).into();
    for (store, floor) in FLOOR_OF_STORE.into_iter().zip(FLOOR) {
        rows.push(Row::new(store, Some(floor), ""));
    }
    rows.push(with_peak(ONE, PROCESS_TRUE, ""));
    for at in 0..N_STEPS.len() {
        let memory = if N_STEPS[at] == 10_000 { "100 MiB" } else { "" };
        let steps = if N_STEPS[at] == 1_000 { "1.5 x" } else { "" };
        rows.push(with_peak(CHAIN[at], FLOOR[at], memory));
        rows.push(Row::new(CHAIN_STEPS[at], Some(FLOOR[at]), steps));
        rows.push(with_peak(SIDE[at], FLOOR[at], memory));
    }
    for at in 0..N_STEPS.len() {
        rows.push(Row::new(LOAD[at], None, ""));
        let aim = if N_STEPS[at] == 10_000 { "2 x" } else { "" };
        rows.push(Row::new(RESUME[at], Some(LOAD[at]), aim));
    }
    rows.push(with_peak(SHOW_ONE, PROCESS_TRUE, ""));
    for subject in SHOW {
        rows.push(with_peak(subject, SHOW_ONE, ""));
    }
    for of in [CHAIN_EACH, SIDE_EACH, SHOW_EACH] {
        // The figure at 10 steps is within the noise of the start of a process.
        for (n, subject) in N_STEPS.into_iter().zip(of) {
            let aim = if n > 100 { "1.3 x" } else { "" };
            rows.push(Row::new(subject, Some(of[1]), aim));
        }
    }
    rows.push(with_peak(FILES_SMALL.1, PROCESS_TRUE, ""));
    rows.push(with_peak(FILES_LARGE.1, FILES_SMALL.1, "+ 20 MB"));
    rows
}

fn with_peak(subject: &'static str, baseline: &'static str, aim: &'static str) -> Row {
    Row {
        note: peak,
        ..Row::new(subject, Some(baseline), aim)
    }
}
