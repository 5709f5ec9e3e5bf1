//! Long lists: as a table, as one JSON document, or as JSON lines that are printed while items are
//! found.

use std::io;

use clap::Args;
use sedge_api::document::{ListEnd, NoMore, Yes};
use sedge_app::types::Scan;
use serde::Serialize;

use crate::commands::shared::whole_number;
use crate::context::Context;
use crate::error::CliError;
use crate::json_list::JsonList;
use crate::output::{Output, line, stdout, stdout_buffered, table};
use crate::screen::Screen;

/// The number of rows in a table, unless the user sets another one.
const ROWS_SHOWN: u64 = 1000;

/// How many items beyond the limit are counted. Each has to be read, so that a list of 20 runs would
/// otherwise take as long as a list of all.
const MORE_COUNTED_MAX: u64 = 1_000;

/// The number of lines that are buffered before they are written.
const LINES_BUFFERED: usize = 256;

/// The options of commands that list.
#[derive(Debug, Default, Args)]
pub(crate) struct ListOptions {
    /// Show at most N items [default: 1000 in a table, else all]
    #[arg(long, short = 'n', value_name = "N", value_parser = whole_number)]
    limit: Option<u64>,
    /// Write one JSON document per line to stdout while items are found
    #[arg(long)]
    json_lines: bool,
}

impl ListOptions {
    /// Returns the options of a command that has its own default for the limit.
    pub(crate) fn new(limit: Option<u64>, json_lines: bool) -> Self {
        Self { limit, json_lines }
    }
}

/// A list that is being built.
pub(crate) struct Rows<'a> {
    cx: &'a Context,
    form: Form,
    n_max: u64,
    n_rows: u64,
    /// How many items there are beyond the limit. Documents and lines count at most one of them.
    n_more: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    /// The command itself shows the items as text.
    Text,
    Document,
    Lines,
}

/// The items that a list has found and not printed yet. The context holds them, so that they are
/// printed, too, if the command fails half way.
#[derive(Debug, Default)]
pub(crate) enum PendingItems {
    #[default]
    Nothing,
    Table {
        heading: Vec<String>,
        rows: Vec<Vec<String>>,
    },
    Document(JsonList),
    Lines(Vec<String>),
}

impl PendingItems {
    fn push(
        &mut self,
        item: &impl Serialize,
        row: impl FnOnce() -> Vec<String>,
    ) -> io::Result<bool> {
        match self {
            Self::Nothing => Ok(true),
            Self::Table { rows, .. } => {
                rows.push(row());
                Ok(true)
            }
            Self::Document(list) => list.push(item),
            Self::Lines(lines) => {
                lines.push(line(item)?);
                Ok(lines.len() < LINES_BUFFERED || stdout_buffered(lines)?)
            }
        }
    }

    /// Returns the rows of a table, as text.
    fn text(self, screen: &Screen) -> Option<String> {
        match self {
            Self::Table { heading, rows } if !rows.is_empty() => {
                let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
                Some(table(screen, &heading, rows))
            }
            Self::Nothing | Self::Table { .. } | Self::Document(_) | Self::Lines(_) => None,
        }
    }
}

/// Prints the items that a list found before its command failed, other than those of a JSON
/// document: the error completes that one.
pub(crate) fn print_found(screen: &Screen, found: PendingItems) -> io::Result<()> {
    match found {
        PendingItems::Lines(mut lines) => stdout_buffered(&mut lines).map(drop),
        found
        @ (PendingItems::Nothing | PendingItems::Table { .. } | PendingItems::Document(_)) => {
            match found.text(screen) {
                Some(text) => stdout(&screen.shown(text + "\n", false)),
                None => Ok(()),
            }
        }
    }
}

impl<'a> Rows<'a> {
    pub(crate) fn new(cx: &'a Context, options: &ListOptions, heading: &[&str]) -> Self {
        let (form, found) = if options.json_lines {
            (Form::Lines, PendingItems::Lines(Vec::new()))
        } else if cx.json {
            (Form::Document, PendingItems::Document(JsonList::default()))
        } else {
            let heading = heading.iter().map(|&word| word.to_owned()).collect();
            let rows = Vec::new();
            (Form::Table, PendingItems::Table { heading, rows })
        };
        let n_max = match form {
            Form::Lines | Form::Document => u64::MAX,
            Form::Table | Form::Text => ROWS_SHOWN,
        };
        cx.found.replace(found);
        Self {
            cx,
            form,
            n_max: options.limit.unwrap_or(n_max),
            n_rows: 0,
            n_more: 0,
        }
    }

    /// Creates a list whose text the command itself formats.
    pub(crate) fn of_text(cx: &'a Context, options: &ListOptions) -> Self {
        let mut rows = Self::new(cx, options, &[]);
        if rows.is_shown() {
            rows.form = Form::Text;
            cx.found.take();
        }
        rows
    }

    /// Returns whether the list is shown as text.
    pub(crate) fn is_shown(&self) -> bool {
        match self.form {
            Form::Table | Form::Text => true,
            Form::Document | Form::Lines => false,
        }
    }

    /// Returns whether the list has taken the last item, and not only counted it.
    pub(crate) fn has_taken(&self) -> bool {
        self.n_more == 0
    }

    /// Adds an item, and returns whether the list takes more.
    pub(crate) fn push(
        &mut self,
        item: &impl Serialize,
        row: impl FnOnce() -> Vec<String>,
    ) -> Result<Scan, CliError> {
        if self.n_rows == self.n_max {
            self.n_more += 1;
            let is_counted = self.is_shown() && self.n_more < MORE_COUNTED_MAX;
            return Ok(if is_counted { Scan::More } else { Scan::Enough });
        }
        self.n_rows += 1;
        let is_read = self.cx.found.borrow_mut().push(item, row)?;
        Ok(if is_read { Scan::More } else { Scan::Enough })
    }

    /// Returns the output that is left to print. For an empty list, that is the note `none`.
    pub(crate) fn output(self, none: &str) -> Result<Output, CliError> {
        self.output_with(none, NoMore {})
    }

    /// Returns the output as [`Rows::output`] does, and adds the keys of `more` to the document.
    pub(crate) fn output_with(self, none: &str, more: impl Serialize) -> Result<Output, CliError> {
        let is_shown = self.is_shown();
        let output = match self.cx.found.take() {
            PendingItems::Document(list) => {
                list.finish(&ListEnd {
                    ok: Yes,
                    count: self.n_rows,
                    is_cut: self.n_more > 0,
                    more,
                })?;
                return Ok(Output::printed());
            }
            PendingItems::Lines(mut lines) => {
                stdout_buffered(&mut lines)?;
                Output::printed()
            }
            PendingItems::Table { .. } | PendingItems::Nothing
                if self.n_rows == 0 && self.n_more == 0 =>
            {
                Output::default().note(none)
            }
            found @ (PendingItems::Nothing | PendingItems::Table { .. }) => {
                match found.text(&self.cx.screen) {
                    Some(text) => Output::default().text(text),
                    None => Output::default(),
                }
            }
        };
        if self.n_more == 0 {
            return Ok(output);
        }
        let more = match self.n_more {
            _ if !is_shown => "There are more".to_owned(),
            // The count ends there, so there may be no further one.
            MORE_COUNTED_MAX.. => format!("… (at least {MORE_COUNTED_MAX} more)"),
            n => format!("… ({n} more)"),
        };
        Ok(output.note(format!(
            "{more}: `--limit N` shows N of them, `--json-lines` shows all."
        )))
    }
}
