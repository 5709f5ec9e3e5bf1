//! What is measured, what it is compared with, and the table of it all.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::figures::{Figures, Samples};
use crate::nested::COUNTS;

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

pub(crate) const NESTED: &str = "one nested call, by its caller's clock";
pub(crate) const NESTED_ON_DEMAND: &str = "the same without a pool of instances";
pub(crate) const PART_LOCK: &str = "part of a call: IX + X, taken and freed";
pub(crate) const PART_START: &str = "part of a call: note its start";
pub(crate) const PART_CALL: &str = "part of a call: run the guest";
pub(crate) const PART_COMMIT: &str = "part of a call: commit it";
pub(crate) const METHOD_RUN: &str = "model method run sink run, in process";

/// A row of the table.
struct Row {
    subject: String,
    baseline: Option<&'static str>,
    aim: &'static str,
    note: fn(&Samples, &Figures) -> String,
}

/// Returns the subject of all of `spawn`'s calls together.
pub(crate) fn spawn_total(count: u32, parallel: bool) -> String {
    let how = if parallel {
        "in parallel"
    } else {
        "in sequence"
    };
    format!("spawn, {count} calls {how}")
}

/// Returns the subject of one of `spawn`'s calls: the whole run's time divided by them.
pub(crate) fn spawn_per_call(count: u32, parallel: bool) -> String {
    format!("{}, each", spawn_total(count, parallel))
}

/// Returns all figures as one table. Times are in milliseconds.
pub(crate) fn table(figures: &Figures) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "SUBJECT (ms)",
        "N",
        "MIN",
        "MEDIAN",
        "P90",
        "RATIO",
        "TO",
        "AIM",
        "NOTE",
    ]);
    for row in rows() {
        if let Some(samples) = figures.get(&row.subject) {
            table.add_row(cells(&row, samples, figures));
        }
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if (1..=5).contains(&at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}

fn cells(row: &Row, samples: &Samples, figures: &Figures) -> Vec<String> {
    let ms = |percent| format!("{:.3}", samples.percentile_ms(percent));
    let baseline = row
        .baseline
        .and_then(|baseline| Some((baseline, figures.get(baseline)?)));
    let ratio = baseline.map(|(_, baseline)| {
        let ratio = samples.percentile_ms(50) / baseline.percentile_ms(50);
        format!("{ratio:.2}")
    });
    vec![
        row.subject.clone(),
        samples.n().to_string(),
        ms(0),
        ms(50),
        ms(90),
        ratio.unwrap_or_default(),
        baseline
            .map_or("", |(baseline, _)| short(baseline))
            .to_owned(),
        row.aim.to_owned(),
        (row.note)(samples, figures),
    ]
}

fn rows() -> Vec<Row> {
    let row = |subject: &str, baseline, aim| Row {
        subject: subject.to_owned(),
        baseline,
        aim,
        note: |_, _| String::new(),
    };
    let process = |subject, aim| Row {
        note: peak,
        ..row(subject, Some(PROCESS_TRUE), aim)
    };
    let floor = Some(BARE_FLOOR);
    let mut rows = vec![
        process(PROCESS_TRUE, ""),
        process(PROCESS_VERSION, "3 ms"),
        process(PROCESS_DATA_GET, "5 ms"),
        process(PROCESS_METHOD_RUN, "10 ms"),
        process(PROCESS_WORKFLOW_RUN, ""),
        process(PROCESS_PLUGIN_ADD, ""),
        row(START_REPOSITORY, None, ""),
        row(START_STORE, None, ""),
        row(START_ENGINE, None, ""),
        row(START_ENGINE_POOL, None, ""),
        row(START_PLUGIN, None, ""),
        row(DISK_APPEND, floor, ""),
        row(DISK_COMMIT, floor, ""),
        row(BARE_INSTANTIATE, floor, ""),
        row(BARE_INVOKE, floor, ""),
        row(BARE_INVOKE_ON_DEMAND, floor, ""),
        row(BARE_FLOOR, floor, ""),
        row(NESTED, floor, "≤ 1.5 x"),
        row(NESTED_ON_DEMAND, floor, ""),
        row(PART_LOCK, floor, ""),
        row(PART_START, floor, ""),
        row(PART_CALL, floor, ""),
        row(PART_COMMIT, floor, ""),
        row(METHOD_RUN, floor, ""),
    ];
    for count in COUNTS {
        for parallel in [false, true] {
            rows.push(row(&spawn_total(count, parallel), None, ""));
            rows.push(Row {
                note: rate,
                ..row(&spawn_per_call(count, parallel), floor, "")
            });
        }
    }
    rows
}

/// Returns a subject's name up to its colon.
fn short(subject: &str) -> &str {
    subject.split(':').next().unwrap_or(subject)
}

/// Tells the peak memory; only a bound where it is no more than that of a process which
/// does nothing: what was counted then is the bench itself, up to the `exec`.
#[expect(
    clippy::cast_precision_loss,
    reason = "no process has so many kibibytes"
)]
fn peak(samples: &Samples, figures: &Figures) -> String {
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
