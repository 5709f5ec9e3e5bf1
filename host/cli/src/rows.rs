//! Long lists: as a table, as one JSON document, or as JSON lines that are printed while items are
//! found.

use clap::Args;
use sedge_api::document::{ListEnd, NoMore, Yes};
use sedge_app::types::Scan;
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, line, stdout_buffered, table};

/// The number of rows in a table, unless the user sets another one.
const ROWS_SHOWN: u64 = 1000;

/// The number of lines that are buffered before they are written.
const LINES_BUFFERED: usize = 256;

/// The options of commands that list.
#[derive(Debug, Default, Args)]
pub(crate) struct ListOptions {
    /// Show at most N items [default: 1000 in a table, else all]
    #[arg(long, short = 'n', value_name = "N")]
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
    /// Whether there are more items than the limit allows.
    is_cut: bool,
}

enum Form {
    Table {
        heading: Vec<String>,
        rows: Vec<Vec<String>>,
    },
    /// The command itself shows the items as text.
    Text,
    /// Items are printed as they are found. The context holds the list, so that the document is
    /// completed if the command fails.
    Document,
    Lines(Vec<String>),
}

impl<'a> Rows<'a> {
    pub(crate) fn new(cx: &'a Context, options: &ListOptions, heading: &[&str]) -> Self {
        let (form, n_max) = if options.json_lines {
            (Form::Lines(Vec::new()), u64::MAX)
        } else if cx.json {
            (Form::Document, u64::MAX)
        } else {
            let heading = heading.iter().map(|&word| word.to_owned()).collect();
            let rows = Vec::new();
            (Form::Table { heading, rows }, ROWS_SHOWN)
        };
        Self {
            cx,
            form,
            n_max: options.limit.unwrap_or(n_max),
            n_rows: 0,
            is_cut: false,
        }
    }

    /// Creates a list whose text the command itself formats.
    pub(crate) fn of_text(cx: &'a Context, options: &ListOptions) -> Self {
        let mut rows = Self::new(cx, options, &[]);
        if rows.is_shown() {
            rows.form = Form::Text;
        }
        rows
    }

    /// Returns whether the list is shown as text.
    pub(crate) fn is_shown(&self) -> bool {
        match self.form {
            Form::Table { .. } | Form::Text => true,
            Form::Document | Form::Lines(_) => false,
        }
    }

    /// Adds an item, and returns whether the list takes more.
    pub(crate) fn push(
        &mut self,
        item: &impl Serialize,
        row: impl FnOnce() -> Vec<String>,
    ) -> Result<Scan, CliError> {
        if self.n_rows == self.n_max {
            self.is_cut = true;
            return Ok(Scan::Enough);
        }
        self.n_rows += 1;
        let is_read = match &mut self.form {
            Form::Table { rows, .. } => {
                rows.push(row());
                true
            }
            Form::Text => true,
            Form::Document => self.cx.list_push(item)?,
            Form::Lines(lines) => {
                lines.push(line(item).map_err(std::io::Error::from)?);
                lines.len() < LINES_BUFFERED || stdout_buffered(lines)?
            }
        };
        Ok(if is_read { Scan::More } else { Scan::Enough })
    }

    /// Returns the output that is left to print. For an empty list, that is the note `none`.
    pub(crate) fn output(self, none: &str) -> Result<Output, CliError> {
        self.output_with(none, NoMore {})
    }

    /// Returns the output as [`Rows::output`] does, and adds the keys of `more` to the document.
    pub(crate) fn output_with(self, none: &str, more: impl Serialize) -> Result<Output, CliError> {
        let output = match self.form {
            Form::Document => {
                let list = self.cx.list_take().unwrap_or_default();
                list.finish(&ListEnd {
                    ok: Yes,
                    count: self.n_rows,
                    is_cut: self.is_cut,
                    more,
                })?;
                return Ok(Output::printed());
            }
            Form::Lines(mut lines) => {
                stdout_buffered(&mut lines)?;
                Output::printed()
            }
            Form::Table { .. } | Form::Text if self.n_rows == 0 && !self.is_cut => {
                Output::default().note(none)
            }
            Form::Text => Output::default(),
            Form::Table { heading, rows } => {
                let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
                Output::default().text(table(&heading, rows))
            }
        };
        if !self.is_cut {
            return Ok(output);
        }
        Ok(output.note("There are more: `--limit N` shows N of them, `--json-lines` shows all."))
    }
}
