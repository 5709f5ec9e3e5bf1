//! Long lists: as a table for a person, as one document, or line by line as they are found.

use clap::Args;
use sedge_api::document::{ListEnd, NoMore, Yes};
use sedge_app::types::Scan;
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, line, stdout_buffered, table};

/// How many rows a person is shown, unless they say otherwise.
const ROWS_SHOWN: u64 = 1000;

/// How many lines are gathered before they are written.
const LINES_GATHERED: usize = 256;

/// Of commands that list.
#[derive(Debug, Default, Args)]
pub(crate) struct ListOptions {
    /// Show at most so many [default: 1000 in a table, else all]
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u64>,
    /// Write one JSON document a line to stdout, as they are found
    #[arg(long)]
    json_lines: bool,
}

impl ListOptions {
    /// Returns the options of a command that has its own default for a table.
    pub(crate) fn new(limit: Option<u64>, json_lines: bool) -> Self {
        Self { limit, json_lines }
    }
}

/// A list that is being made.
pub(crate) struct Rows<'a> {
    cx: &'a Context,
    form: Form,
    n_max: u64,
    n_rows: u64,
    /// Whether there is more than was asked for.
    is_cut: bool,
}

enum Form {
    Table {
        heading: Vec<String>,
        rows: Vec<Vec<String>>,
    },
    /// The command shows the items to a person in a form of its own.
    Text,
    /// Items are printed as they are found. The list is in the context, so that the document is
    /// finished if the command fails.
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

    /// Makes a list that a person is shown in another form than a table.
    pub(crate) fn of_text(cx: &'a Context, options: &ListOptions) -> Self {
        let mut rows = Self::new(cx, options, &[]);
        if rows.is_shown() {
            rows.form = Form::Text;
        }
        rows
    }

    /// Returns whether the list is for a person.
    pub(crate) fn is_shown(&self) -> bool {
        match self.form {
            Form::Table { .. } | Form::Text => true,
            Form::Document | Form::Lines(_) => false,
        }
    }

    /// Adds one, and says whether more are wanted.
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
                lines.len() < LINES_GATHERED || stdout_buffered(lines)?
            }
        };
        Ok(if is_read { Scan::More } else { Scan::Enough })
    }

    /// Returns what is left to print; `none` is said to a person where there is nothing.
    pub(crate) fn output(self, none: &str) -> Result<Output, CliError> {
        self.output_with(none, NoMore {})
    }

    /// Returns what is left to print of a list of which more is known than its items.
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
        Ok(output.note("There are more: `--limit N` shows so many, `--json-lines` all."))
    }
}
