//! The measured subjects of calls and processes, and their baselines.

use crate::figures::{Figures, Samples};
use crate::nested::COUNTS;
use crate::table::Row;

pub(crate) const PROCESS_TRUE: &str = "/bin/true";
pub(crate) const PROCESS_VERSION: &str = "sedge --version";
pub(crate) const PROCESS_DATA_GET: &str = "sedge data get sink record";
pub(crate) const PROCESS_METHOD_RUN: &str = "sedge model method run sink run";
pub(crate) const PROCESS_WORKFLOW_RUN: &str = "sedge workflow run A";
pub(crate) const PROCESS_PLUGIN_ADD: &str = "sedge plugin add sink.wasm (compiles)";

pub(crate) const START_REPOSITORY: &str = "part of a start: open the repository";
pub(crate) const START_STORE: &str = "part of a start: open the store, read a record";
pub(crate) const START_ENGINE: &str = "part of a start: engine on demand, linker";
pub(crate) const START_ENGINE_POOL: &str = "part of a start: engine with a pool, linker";
pub(crate) const START_PLUGIN: &str = "part of a start: plugin from the cache";

pub(crate) const DISK_APPEND: &str = "append 100 B + fdatasync";
pub(crate) const DISK_COMMIT: &str = "a durable row: SQLite, one commit";
pub(crate) const BARE_INSTANTIATE: &str = "bare: store + instantiate + drop, pool";
pub(crate) const BARE_INVOKE: &str = "bare: the same with invoke, pool";
pub(crate) const BARE_INVOKE_ON_DEMAND: &str = "bare: the same with invoke, on demand";
pub(crate) const BARE_FLOOR: &str = "floor: bare invoke, then a durable row";

pub(crate) const NESTED: &str = "one nested call, from request to answer";
pub(crate) const NESTED_ON_DEMAND: &str = "the same without a pool of instances";
pub(crate) const PART_LOCK: &str = "part of a call: IX + X, taken and freed";
pub(crate) const PART_START: &str = "part of a call: note its start";
pub(crate) const PART_CALL: &str = "part of a call: run the guest";
pub(crate) const PART_COMMIT: &str = "part of a call: commit it";
pub(crate) const METHOD_RUN: &str = "model method run sink run, in process";

pub(crate) const HTTP_BARE: &str = "bare: a call that gets 1 MiB by HTTP";
pub(crate) const HTTP_FLOOR: &str = "floor: the same, then a durable row";
pub(crate) const HTTP_RUN: &str = "model method run fetcher fetch, 1 MiB, in process";

/// Returns the subject for all calls of `spawn` together.
pub(crate) fn spawn_total(count: u32, parallel: bool) -> String {
    let how = if parallel {
        "in parallel"
    } else {
        "in sequence"
    };
    format!("spawn, {count} calls {how}")
}

/// Returns the subject for one call of `spawn`: the time of the whole run divided by the number of
/// calls.
pub(crate) fn spawn_per_call(count: u32, parallel: bool) -> String {
    format!("{}, each", spawn_total(count, parallel))
}

/// Returns the rows for the costs of calls and processes.
pub(crate) fn rows() -> Vec<Row> {
    let process = |subject, aim| Row {
        note: peak,
        ..Row::new(subject, Some(PROCESS_TRUE), aim)
    };
    let floor = Some(BARE_FLOOR);
    let mut rows = vec![
        process(PROCESS_TRUE, ""),
        process(PROCESS_VERSION, "3 ms"),
        process(PROCESS_DATA_GET, "5 ms"),
        process(PROCESS_METHOD_RUN, "10 ms"),
        process(PROCESS_WORKFLOW_RUN, ""),
        process(PROCESS_PLUGIN_ADD, ""),
        Row::new(START_REPOSITORY, None, ""),
        Row::new(START_STORE, None, ""),
        Row::new(START_ENGINE, None, ""),
        Row::new(START_ENGINE_POOL, None, ""),
        Row::new(START_PLUGIN, None, ""),
        Row::new(DISK_APPEND, floor, ""),
        Row::new(DISK_COMMIT, floor, ""),
        Row::new(BARE_INSTANTIATE, floor, ""),
        Row::new(BARE_INVOKE, floor, ""),
        Row::new(BARE_INVOKE_ON_DEMAND, floor, ""),
        Row::new(BARE_FLOOR, floor, ""),
        Row::new(NESTED, floor, "≤ 1.5 x"),
        Row::new(NESTED_ON_DEMAND, floor, ""),
        Row::new(PART_LOCK, floor, ""),
        Row::new(PART_START, floor, ""),
        Row::new(PART_CALL, floor, ""),
        Row::new(PART_COMMIT, floor, ""),
        Row::new(METHOD_RUN, floor, ""),
    ];
    for subject in [HTTP_BARE, HTTP_FLOOR, HTTP_RUN] {
        rows.push(Row::new(subject, Some(HTTP_FLOOR), ""));
    }
    for count in COUNTS {
        for parallel in [false, true] {
            rows.push(Row::new(&spawn_total(count, parallel), None, ""));
            rows.push(Row {
                note: rate,
                ..Row::new(&spawn_per_call(count, parallel), floor, "")
            });
        }
    }
    rows
}

/// Returns the peak memory as a note. It is only an upper bound if it is not above that of
/// `/bin/true`: it is then the memory of the benchmark itself, before the `exec`.
#[expect(
    clippy::cast_precision_loss,
    reason = "no process has so many kibibytes"
)]
pub(crate) fn peak(samples: &Samples, figures: &Figures) -> String {
    let nothing = figures.get(PROCESS_TRUE).and_then(Samples::peak_kib);
    let Some(peak) = samples.peak_kib() else {
        return String::new();
    };
    let sign = if nothing.is_some_and(|nothing| peak <= nothing + nothing / 20) {
        "< "
    } else {
        ""
    };
    format!("peak {sign}{:.1} MiB", peak as f64 / 1024.0)
}

fn rate(samples: &Samples, _: &Figures) -> String {
    format!("{:.0} calls/s", 1e3 / samples.percentile_ms(50))
}
