//! Prints figures as a table: one row per subject, with its ratio to a baseline of the same run.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::figures::{Figures, Samples};

/// A row of a table.
pub(crate) struct Row {
    pub(crate) subject: String,
    /// The baseline: the median is divided by the baseline's median.
    pub(crate) baseline: Option<&'static str>,
    /// The target. Nothing checks it.
    pub(crate) aim: &'static str,
    pub(crate) note: fn(&Samples, &Figures) -> String,
}

impl Row {
    /// Returns a row without a note.
    pub(crate) fn new(subject: &str, baseline: Option<&'static str>, aim: &'static str) -> Self {
        Self {
            subject: subject.to_owned(),
            baseline,
            aim,
            note: |_, _| String::new(),
        }
    }
}

/// The unit of the times in a table.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    Milliseconds,
    Microseconds,
}

impl Unit {
    fn header(self) -> &'static str {
        match self {
            Self::Milliseconds => "SUBJECT (ms)",
            Self::Microseconds => "SUBJECT (µs)",
        }
    }

    fn text(self, ms: f64) -> String {
        match self {
            Self::Milliseconds => format!("{ms:.3}"),
            Self::Microseconds => format!("{:.2}", ms * 1e3),
        }
    }
}

/// Returns the rows that have figures as a table.
pub(crate) fn table(unit: Unit, rows: &[Row], figures: &Figures) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        unit.header(),
        "N",
        "MIN",
        "MEDIAN",
        "P90",
        "RATIO",
        "TO",
        "AIM",
        "NOTE",
    ]);
    for row in rows {
        if let Some(samples) = figures.get(&row.subject) {
            table.add_row(cells(unit, row, samples, figures));
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

fn cells(unit: Unit, row: &Row, samples: &Samples, figures: &Figures) -> Vec<String> {
    let time = |percent| unit.text(samples.percentile_ms(percent));
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
        time(0),
        time(50),
        time(90),
        ratio.unwrap_or_default(),
        baseline
            .map_or("", |(baseline, _)| short(baseline))
            .to_owned(),
        row.aim.to_owned(),
        (row.note)(samples, figures),
    ]
}

/// Returns a subject's name up to its first colon or comma.
fn short(subject: &str) -> &str {
    subject.split([':', ',']).next().unwrap_or(subject)
}
