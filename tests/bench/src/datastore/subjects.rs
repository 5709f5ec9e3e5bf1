//! The measured subjects of the datastore, and their baselines.

use super::N_FEW;
use crate::figures::{Figures, Samples};
use crate::subjects::peak;
use crate::table::Row;

pub(super) const APPEND: &str = "append 1 KiB + fdatasync";
pub(super) const SQLITE: &str = "a durable row of 1 KiB: SQLite, one commit";
pub(super) const SQLITE_BESIDE: &str = "beside these: SQLite, one commit";
pub(super) const START: &str = "begin a call";
pub(super) const COMMIT: &str = "commit a call that wrote 1 KiB";
pub(super) const START_AND_COMMIT: &str = "begin and commit it";
const CONCURRENT_1: &str = "commits by 1 task: each";
/// The numbers of concurrent tasks, with their subjects.
pub(super) const CONCURRENT: [(usize, &str); 3] = [
    (1, CONCURRENT_1),
    (8, "commits by 8 tasks: each"),
    (64, "commits by 64 tasks: each"),
];

pub(super) const FILE_COPY: &str = "a large file: cp + fsync";
pub(super) const FILE_IN: &str = "a large file: into the store";
pub(super) const FILE_BY_GUEST: &str = "a large file: sedge model method run";
pub(super) const FILE_BY_GUEST_SMALL: &str = "a file of 1 MiB: sedge model method run";
pub(super) const FILE_OUT: &str = "a large file: sedge data get --output";

/// A subject for each size of a datastore.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale([&'static str; 5]);

macro_rules! scale {
    ($subject:literal) => {
        Scale([
            concat!($subject, " of 10"),
            concat!($subject, " of 10^3"),
            concat!($subject, " of 10^4"),
            concat!($subject, " of 10^5"),
            concat!($subject, " of 10^6"),
        ])
    };
}

pub(super) const FILL: Scale = scale!("fill: each version");
pub(super) const COMMIT_INTO: Scale = scale!("commit into a store");
pub(super) const LATEST: Scale = scale!("the latest");
pub(super) const VERSION: Scale = scale!("a version by number");
pub(super) const PAGE: Scale = scale!("page of 100 versions");
pub(super) const NAMES: Scale = scale!("1 000 names");
pub(super) const MODELS: Scale = scale!("10 models with sums");
pub(super) const QUERY_NAME: Scale = scale!("query by model and name");
pub(super) const QUERY_TAG: Scale = scale!("query by tag");
pub(super) const QUERY_CONTENT: Scale = scale!("query by content");
pub(super) const PROCESS: Scale = scale!("sedge data get");

impl Scale {
    /// Returns the subject for a datastore with `n_versions`.
    pub(super) fn of(self, n_versions: u64) -> &'static str {
        let exponent = n_versions.ilog10();
        self.0[exponent.saturating_sub(2) as usize]
    }

    /// Returns a row for each size from `first` on, which is the baseline of the others.
    fn rows(self, first: u64, aim: &'static str, note: Note) -> Vec<Row> {
        let baseline = self.of(first);
        let subjects = self.0.into_iter().skip_while(|it| *it != baseline);
        let row = |subject| Row {
            note,
            ..Row::new(subject, Some(baseline), aim)
        };
        subjects.map(row).collect()
    }
}

type Note = fn(&Samples, &Figures) -> String;

/// Returns the rows for the costs of the datastore.
pub(crate) fn rows() -> Vec<Row> {
    let row = |subject, aim| Row::new(subject, Some(SQLITE), aim);
    let mut rows = vec![
        row(APPEND, ""),
        row(SQLITE, ""),
        row(START, ""),
        row(COMMIT, "≤ 1.3 x"),
        row(START_AND_COMMIT, ""),
    ];
    rows.extend(CONCURRENT.map(|(_, subject)| Row {
        note: rate,
        ..Row::new(subject, Some(CONCURRENT_1), "")
    }));
    let beside = |subject, aim| Row::new(subject, Some(SQLITE_BESIDE), aim);
    rows.push(beside(SQLITE_BESIDE, ""));
    rows.extend(COMMIT_INTO.0.map(|subject| beside(subject, "≤ 1.3 x")));
    rows.extend(FILL.rows(1000, "", bytes));
    let nothing: Note = |_, _| String::new();
    rows.extend(LATEST.rows(1000, "≤ 1.5 x", nothing));
    rows.extend(VERSION.rows(1000, "", nothing));
    // In a smaller datastore, a name has fewer than a hundred versions.
    rows.extend(PAGE.rows(100_000, "", nothing));
    for scale in [NAMES, MODELS, QUERY_NAME, QUERY_TAG, QUERY_CONTENT] {
        rows.extend(scale.rows(1000, "", nothing));
    }
    rows.extend(PROCESS.rows(N_FEW, "≤ 1.3 x", peak));
    let file = |subject, aim, note| Row {
        note,
        ..Row::new(subject, Some(FILE_COPY), aim)
    };
    rows.extend([
        file(FILE_COPY, "", throughput as Note),
        file(FILE_IN, "", throughput),
        file(FILE_OUT, "", peak_and_throughput),
        file(FILE_BY_GUEST_SMALL, "", peak),
        file(FILE_BY_GUEST, "< 64 MiB", peak_and_throughput),
    ]);
    rows
}

fn rate(samples: &Samples, _: &Figures) -> String {
    format!("{:.0} commits/s", 1e3 / samples.percentile_ms(50))
}

fn bytes(samples: &Samples, _: &Figures) -> String {
    let bytes = samples.bytes().unwrap_or_default();
    format!("{bytes} B on the disk")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no file here has so many mebibytes"
)]
fn throughput(samples: &Samples, _: &Figures) -> String {
    let mebibytes = (samples.bytes().unwrap_or_default() >> 20) as f64;
    format!("{:.0} MiB/s", mebibytes * 1e3 / samples.percentile_ms(50))
}

fn peak_and_throughput(samples: &Samples, figures: &Figures) -> String {
    let [peak, throughput] = [peak, throughput].map(|note| note(samples, figures));
    format!("{peak}, {throughput}")
}
