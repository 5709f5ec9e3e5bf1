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

/// The run of a workflow with one step.
pub(super) const ONE: &str = "1 step: sedge workflow run";

/// Runs of chains.
pub(super) const CHAIN: [&str; 4] = [
    "chain of 10: sedge workflow run",
    "chain of 100: sedge workflow run",
    "chain of 1000: sedge workflow run",
    "chain of 10000: sedge workflow run",
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
    "resume after 10 steps: sedge workflow resume",
    "resume after 100 steps: sedge workflow resume",
    "resume after 1000 steps: sedge workflow resume",
    "resume after 10000 steps: sedge workflow resume",
];

/// Reading the log of the same run.
pub(super) const LOAD: [&str; 4] = [
    "load of 10 steps: read the log of the run",
    "load of 100 steps: read the log of the run",
    "load of 1000 steps: read the log of the run",
    "load of 10000 steps: read the log of the run",
];

/// Showing a run with as many calls.
pub(super) const SHOW: [&str; 4] = [
    "sedge run show, 10 calls",
    "sedge run show, 100 calls",
    "sedge run show, 1000 calls",
    "sedge run show, 10000 calls",
];

/// The name of a workflow whose steps write small files, and the subject of its run.
pub(super) const FILES_SMALL: (&str, &str) = ("files-small", "10 steps, 1 kB each: small files");

/// The name of a workflow whose steps write large files, and the subject of its run.
pub(super) const FILES_LARGE: (&str, &str) = ("files-large", "10 steps, 10 MB each: large files");

/// Returns the rows of the table.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = FLOOR.map(|it| Row::new(it, None, "")).into();
    rows.push(with_peak(ONE, PROCESS_TRUE, ""));
    for at in 0..N_STEPS.len() {
        let (chain, side) = match N_STEPS[at] {
            1_000 => ("1.5 x", ""),
            10_000 => ("100 MiB", "100 MiB"),
            _ => ("", ""),
        };
        rows.push(with_peak(CHAIN[at], FLOOR[at], chain));
        rows.push(with_peak(SIDE[at], FLOOR[at], side));
    }
    for of in [CHAIN_EACH, SIDE_EACH] {
        // The figure at 10 steps is within the noise of the start of a process.
        for (n, subject) in N_STEPS.into_iter().zip(of) {
            let aim = if n > 100 { "1.3 x" } else { "" };
            rows.push(Row::new(subject, Some(of[1]), aim));
        }
    }
    for at in 0..N_STEPS.len() {
        rows.push(Row::new(LOAD[at], None, ""));
        let aim = if N_STEPS[at] == 10_000 { "2 x" } else { "" };
        rows.push(with_peak(RESUME[at], LOAD[at], aim));
    }
    for subject in SHOW {
        rows.push(with_peak(subject, SHOW[1], ""));
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
