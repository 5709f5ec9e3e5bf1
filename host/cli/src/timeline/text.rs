//! A timeline as text that fits into a number of columns.

use super::{Timeline, TimelineBar, TimelineRow, float};
use crate::guest_text;

/// The columns for the time and the status at the end of a row.
const NOTE_COLUMNS: usize = 20;

/// The fewest columns for bars.
const BAR_COLUMNS_MIN: usize = 10;

/// The part of a bar in which something works.
const WORK: char = '█';

/// The part of a bar in which a gate waits.
const WAIT: char = '░';

/// Returns the timeline as lines of at most `columns` columns.
pub(super) fn drawn(timeline: &Timeline, columns: usize) -> String {
    let mut lines = vec![
        guest_text::shortened(&guest_text::unbroken(&timeline.title), columns),
        guest_text::shortened(&timeline.summary, columns),
    ];
    let labels: Vec<String> = timeline.rows.iter().map(label).collect();
    let widest = labels.iter().map(|it| guest_text::columns_most(it)).max();
    let label_columns = widest.unwrap_or(0).min(columns / 3);
    let beside = label_columns + NOTE_COLUMNS + 4;
    let bar_columns = columns.saturating_sub(beside).max(BAR_COLUMNS_MIN);
    if !timeline.rows.is_empty() {
        lines.push(String::new());
    }
    for (row, label) in timeline.rows.iter().zip(labels) {
        let label = guest_text::shortened(&label, label_columns);
        let pad = label_columns.saturating_sub(label.chars().count());
        let bars = bars(timeline, row, bar_columns);
        let note = guest_text::shortened(&row.note(), NOTE_COLUMNS);
        let line = format!("{label}{:pad$}  {bars}  {note}", "");
        lines.push(line.trim_end().to_owned());
    }
    let waits = timeline.rows.iter().flat_map(|row| &row.bars);
    if waits.into_iter().any(|bar| bar.is_wait) {
        lines.push(String::new());
        lines.push(format!("{WORK} works, {WAIT} waits at a gate"));
    }
    if !timeline.scale.shortened().is_empty() {
        lines.push("Time without work is drawn short.".to_owned());
    }
    lines.join("\n")
}

fn label(row: &TimelineRow) -> String {
    format!(
        "{:1$}{2}",
        "",
        2 * row.depth,
        guest_text::unbroken(&row.label)
    )
}

/// Returns the bars of a row, each at least one column wide.
fn bars(timeline: &Timeline, row: &TimelineRow, columns: usize) -> String {
    let mut cells = vec![' '; columns];
    for bar in &row.bars {
        let (from, until) = cells_of(timeline, bar, columns);
        let cell = if bar.is_wait { WAIT } else { WORK };
        cells[from..until].fill(cell);
    }
    cells.into_iter().collect()
}

fn cells_of(timeline: &Timeline, bar: &TimelineBar, columns: usize) -> (usize, usize) {
    let last = columns.saturating_sub(1);
    let column = |time| whole(timeline.scale.at(time) * float(columns as u64));
    let from = column(bar.from).min(last);
    (from, column(bar.until).clamp(from + 1, columns))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is between 0 and the number of columns"
)]
fn whole(number: f64) -> usize {
    number.round() as usize
}
