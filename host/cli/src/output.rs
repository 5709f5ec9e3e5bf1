//! The output of a command: data for stdout, notes for stderr, and the same as JSON.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal, Write};

use comfy_table::{ColumnConstraint, ContentArrangement, Row, Table, presets};
use sedge_api::document::{No, Success, Yes};
use serde::Serialize;
use serde_json::Value;

use crate::context::Context;
use crate::guest_text;
use crate::rows::PendingItems;
use crate::screen::{Screen, stderr_sentence};

/// The output of a command that succeeded.
#[derive(Default)]
pub(crate) struct Output {
    /// Builds the JSON document. Only a command with `--json` calls it.
    document: Option<Box<dyn FnOnce() -> serde_json::Result<String>>>,
    text: String,
    /// Whether the text is data, which is printed verbatim except to a terminal.
    is_data: bool,
    notes: Vec<String>,
    /// Whether the command has printed its data already, piece by piece.
    is_printed: bool,
    /// The exit code; 0 unless the command sets another one.
    exit: u8,
}

/// The document of a command that failed.
#[derive(Serialize)]
struct Failed<E> {
    ok: No,
    error: E,
}

impl Output {
    /// Returns the output of a command that has printed its data already.
    pub(crate) fn printed() -> Self {
        Self {
            is_printed: true,
            ..Self::default()
        }
    }

    /// Returns an output whose JSON document holds the result of a use case.
    pub(crate) fn new(data: impl Serialize + 'static) -> Self {
        Self::default().document(data)
    }

    /// Sets the content of the JSON document.
    pub(crate) fn document(mut self, data: impl Serialize + 'static) -> Self {
        let document = move || document(&Success { ok: Yes, data });
        self.document = Some(Box::new(document));
        self
    }

    /// Sets the text for stdout. Unless it is empty, it is printed with a newline at its end.
    pub(crate) fn text(mut self, text: impl Into<String>) -> Self {
        self.text = guest_text::visible(&text.into());
        self
    }

    /// Sets the text for stdout to data, which is printed verbatim except to a terminal.
    pub(crate) fn text_data(mut self, text: String) -> Self {
        self.text = text;
        self.is_data = true;
        self
    }

    /// Sets the text for stdout to a JSON value.
    pub(crate) fn text_json(self, value: &Value) -> Self {
        self.text_data(escaped(&format!("{value:#}")).into_owned() + "\n")
    }

    /// Sets the exit code of a command that succeeded and reports a result by its exit code.
    pub(crate) fn exit(mut self, code: u8) -> Self {
        self.exit = code;
        self
    }

    /// Returns the exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        self.exit
    }

    /// Adds a sentence for stderr.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// Prints an output in the form that the options request, and returns the exit code.
pub(crate) fn print(cx: &Context, output: Output) -> io::Result<u8> {
    let Output {
        document,
        mut text,
        is_data,
        notes,
        is_printed,
        exit,
    } = output;
    if cx.json
        && let Some(document) = document
    {
        stdout(&document()?)?;
        return Ok(exit);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    if !is_printed {
        stdout(&cx.screen.shown(text, is_data))?;
    }
    if !cx.quiet && !cx.json {
        for note in &notes {
            cx.screen.stderr(&stderr_sentence(note));
        }
    }
    Ok(exit)
}

/// Prints the JSON document of a command that failed, or the end of its list.
pub(crate) fn print_failure(cx: &Context, error: &impl Serialize) -> io::Result<()> {
    match cx.found.take() {
        PendingItems::Document(list) if !list.is_empty() => list.fail(error),
        PendingItems::Document(_)
        | PendingItems::Nothing
        | PendingItems::Table { .. }
        | PendingItems::Lines(_) => stdout(&failure_document(error)?),
    }
}

/// Returns the JSON document of a command that failed.
pub(crate) fn failure_document(error: &impl Serialize) -> io::Result<String> {
    Ok(document(&Failed { ok: No, error })?)
}

/// Returns the JSON document of a command that failed, in one line.
pub(crate) fn failure_line(error: &impl Serialize) -> serde_json::Result<String> {
    line(&Failed { ok: No, error })
}

/// Writes to stdout. A reader that has closed the pipe (`| head`) is not an error.
pub(crate) fn stdout(text: &str) -> io::Result<()> {
    stdout_bytes(text.as_bytes()).map(drop)
}

/// Writes bytes to stdout verbatim. Returns false if the reader has closed the pipe.
pub(crate) fn stdout_bytes(bytes: &[u8]) -> io::Result<bool> {
    // A filter of colours is not used here, because data must arrive unchanged.
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes lines to stdout, and empties the list. Returns false if the reader has closed the pipe.
pub(crate) fn stdout_buffered(lines: &mut Vec<String>) -> io::Result<bool> {
    let text = lines.concat();
    lines.clear();
    stdout_bytes(text.as_bytes())
}

/// Returns a JSON document with control characters as escapes, which mean the same and do not
/// affect a terminal.
pub(crate) fn document(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(escaped(&serde_json::to_string_pretty(value)?).into_owned() + "\n")
}

/// Returns a JSON document as [`document`] does, but in one line.
pub(crate) fn line(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(escaped(&serde_json::to_string(value)?).into_owned() + "\n")
}

/// Returns the text of a JSON document with control characters as escapes.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    let is_terminal = io::stdout().is_terminal();
    if text.bytes().all(|byte| byte < 0x7f) {
        return Cow::Borrowed(text);
    }
    let mut document = String::with_capacity(text.len());
    for c in text.chars() {
        if ('\u{7f}'..='\u{9f}').contains(&c)
            || is_terminal && guest_text::is_hidden(c) && c != '\n'
        {
            for unit in c.encode_utf16(&mut [0; 2]) {
                document.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            document.push(c);
        }
    }
    Cow::Owned(document)
}

/// The columns whose cells are never cut, because users copy or compare them.
const WHOLE: [&str; 9] = [
    "run", "model", "workflow", "status", "state", "version", "versions", "latest", "size",
];

/// The columns of a terminal that each cell has at least, if it is that long. If there is less room, a
/// table would consist of marks of cut cells.
const CELL_COLUMNS_MIN: usize = 10;

/// The space between two columns of a table.
const COLUMN_GAP: &str = "  ";

/// Returns rows as aligned columns under a heading. On a terminal, a line is narrower than it:
/// cells that do not fit are cut, and end with `…`. A terminal that is too narrow for that has records.
pub(crate) fn table(
    screen: &Screen,
    heading: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    table_or_records(screen, heading, rows, CELL_COLUMNS_MIN)
}

/// Returns rows as aligned columns under a heading. On a terminal on which a cell would be cut, each
/// row is a record.
pub(crate) fn table_of_whole_cells(
    screen: &Screen,
    heading: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    table_or_records(screen, heading, rows, usize::MAX)
}

fn table_or_records(
    screen: &Screen,
    heading: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
    cell_min: usize,
) -> String {
    // A cell is always one line.
    let line = |row: Vec<String>| -> Vec<String> {
        row.iter().map(|it| guest_text::unbroken(it)).collect()
    };
    let rows: Vec<Vec<String>> = rows.into_iter().map(line).collect();
    match screen.stdout_columns() {
        Some(columns) if columns_needed(heading, &rows, cell_min) >= columns => {
            records(heading, &rows, columns.saturating_sub(1))
        }
        Some(_) | None => aligned(screen, heading, rows),
    }
}

/// Returns the columns of a terminal that a table needs, if cells are cut to `cell_min` columns.
fn columns_needed(heading: &[&str], rows: &[Vec<String>], cell_min: usize) -> usize {
    let needed = heading.iter().enumerate().map(|(at, word)| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        let widths = cells.map(|cell| guest_text::columns_most(cell));
        let widest = widths.max().unwrap_or_default().max(word.len());
        match WHOLE.contains(word) {
            true => widest,
            false => widest.min(cell_min),
        }
    });
    needed.sum::<usize>() + COLUMN_GAP.len() * heading.len().saturating_sub(1)
}

/// Returns each row as a record: its first cell in a line, and below it the other cells, each behind
/// the name of its column.
fn records(heading: &[&str], rows: &[Vec<String>], columns: usize) -> String {
    let mut lines = Vec::new();
    for row in rows {
        let mut cells = heading.iter().zip(row);
        lines.extend(cells.next().map(|(_, first)| first.clone()));
        let mut line = String::new();
        for (word, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
            let item = match word.is_empty() {
                true => format!("{COLUMN_GAP}{cell}"),
                false => format!("{COLUMN_GAP}{}: {cell}", word.to_lowercase()),
            };
            let width = guest_text::columns_most(&line) + guest_text::columns_most(&item);
            if width > columns && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push_str(&item);
        }
        lines.extend((!line.is_empty()).then_some(line));
    }
    lines.join("\n")
}

fn aligned(screen: &Screen, heading: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    match screen.stdout_columns() {
        Some(columns) => table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(columns.saturating_sub(1)).unwrap_or(u16::MAX))
            .set_truncation_indicator("…"),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    let mut header = Row::from(
        heading
            .iter()
            .map(|word| word.to_uppercase())
            .collect::<Vec<_>>(),
    );
    header.max_height(1);
    table.set_header(header);
    for cells in rows {
        let mut row = Row::from(cells);
        row.max_height(1);
        table.add_row(row);
    }
    for (column, heading) in table.column_iter_mut().zip(heading) {
        column.set_padding((0, 2));
        if WHOLE.contains(heading) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    if let Some(last) = table.column_iter_mut().last() {
        last.set_padding((0, 0));
    }
    let lines = match screen.stdout_columns() {
        Some(columns) => lines_within(&mut table, columns.saturating_sub(1)),
        None => lines_of(&table),
    };
    lines.join("\n")
}

/// How often a table is made narrower.
const NARROWED_MAX: usize = 4;

/// Returns the lines of a table for a terminal. The table counts `…` as one column, and some
/// terminals show it in two, so a line is folded if it could be too long. A narrower table avoids
/// that, unless its columns cannot become narrower.
fn lines_within(table: &mut Table, columns: usize) -> Vec<String> {
    let mut width = columns;
    let mut lines = lines_of(table);
    for _ in 0..NARROWED_MAX {
        let widest = lines
            .iter()
            .map(|line| guest_text::columns_most(line))
            .max();
        let excess = widest.unwrap_or_default().saturating_sub(columns);
        if excess == 0 {
            break;
        }
        width = width.saturating_sub(excess).max(1);
        table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        lines = lines_of(table);
    }
    lines
}

fn lines_of(table: &Table) -> Vec<String> {
    table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// A line of a tree, and its children.
pub(crate) struct TreeNode {
    text: String,
    /// Further lines of the text, such as lines of YAML to copy.
    more: Vec<String>,
    below: Vec<TreeNode>,
}

impl TreeNode {
    pub(crate) fn new(text: String, below: Vec<TreeNode>) -> Self {
        let more = Vec::new();
        Self { text, more, below }
    }

    /// Returns a node without children.
    pub(crate) fn leaf(text: String) -> Self {
        Self::new(text, Vec::new())
    }

    /// Returns a node without children whose text has several lines.
    pub(crate) fn of_lines(text: &str) -> Self {
        let mut lines = text.lines().map(str::to_owned);
        Self {
            // ignored: no error is dropped; an empty text is an empty line.
            text: lines.next().unwrap_or_default(),
            more: lines.collect(),
            below: Vec::new(),
        }
    }
}

/// Adds the lines of a tree, each behind `indent`.
pub(crate) fn draw(nodes: &[TreeNode], indent: &str, lines: &mut Vec<String>) {
    for (at, node) in nodes.iter().enumerate() {
        let (branch, bar) = if at + 1 == nodes.len() {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        let text = guest_text::unbroken(&node.text);
        lines.push(format!("{indent}{branch}{text}"));
        for line in &node.more {
            let line = guest_text::unbroken(line);
            lines.push(format!("{indent}{bar}{line}"));
        }
        draw(&node.below, &format!("{indent}{bar}"), lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_narrow_terminal_are_records() {
        let heading = ["run", "of", "started"];
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["3n47mdtag7rh", "workflow s", "4 min ago"]),
            row(["4kws91x47rpq", "h.fetch", ""]),
        ];
        assert_eq!(columns_needed(&heading, &rows, 5), 12 + 2 + 5 + 2 + 5);
        assert_eq!(columns_needed(&heading, &rows, 10), 12 + 2 + 10 + 2 + 9);
        let expect = "3n47mdtag7rh\n  of: workflow s\n  started: 4 min ago\n\
                      4kws91x47rpq\n  of: h.fetch";
        assert_eq!(records(&heading, &rows, 30), expect);
        let expect = "3n47mdtag7rh\n  of: workflow s  started: 4 min ago\n\
                      4kws91x47rpq\n  of: h.fetch";
        assert_eq!(records(&heading, &rows, 40), expect);
    }
}
