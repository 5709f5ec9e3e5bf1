//! A timeline as text that fits into a number of columns.

use super::{Timeline, TimelineBar, TimelineRow, float};
use crate::guest_text;

/// The most columns for the time and the status at the end of a row.
const NOTE_COLUMNS_MAX: usize = 20;

/// The columns between the parts of a row.
const GAP_COLUMNS: usize = 4;

/// The fewest columns for bars.
const BAR_COLUMNS_MIN: usize = 10;

/// The part of a bar in which something works.
const WORK: char = '█';

/// The part of a bar in which a gate waits.
const WAIT: char = '░';

/// Returns the timeline as lines of at most `columns` columns.
pub(super) fn drawn(timeline: &Timeline, columns: usize) -> String {
    // A terminal has one column more than its lines.
    let folded = |text: &str| guest_text::folded(text, columns + 1, guest_text::INDENT);
    let mut lines = vec![
        folded(&guest_text::unbroken(&timeline.title)),
        folded(&timeline.summary),
    ];
    let labels: Vec<String> = timeline.rows.iter().map(label).collect();
    let notes: Vec<String> = timeline.rows.iter().map(TimelineRow::note).collect();
    let half = columns.saturating_sub(BAR_COLUMNS_MIN + GAP_COLUMNS) / 2;
    let label_columns = widest(&labels).min(columns / 3).min(half);
    let note_columns = widest(&notes).min(NOTE_COLUMNS_MAX).min(half);
    let beside = label_columns + note_columns + GAP_COLUMNS;
    let bar_columns = columns.saturating_sub(beside).max(BAR_COLUMNS_MIN);
    if !timeline.rows.is_empty() {
        lines.push(String::new());
    }
    for ((row, label), note) in timeline.rows.iter().zip(labels).zip(notes) {
        let label = guest_text::shortened(&label, label_columns);
        let pad = label_columns.saturating_sub(label.chars().count());
        let bars = bars(timeline, row, bar_columns);
        let note = guest_text::shortened(&note, note_columns);
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

/// Returns the columns of the widest text.
fn widest(texts: &[String]) -> usize {
    let widths = texts.iter().map(|it| guest_text::columns_most(it));
    // ignored: no error is dropped; without a text there is no width.
    widths.max().unwrap_or_default()
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
