//! Long lists: as a table for a person, as one document, or line by line as they are found.

use clap::Args;
use sedge_app::types::Scan;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, line, stdout_buffered, table};

/// How many rows a person is shown, unless they say otherwise.
const ROWS_SHOWN: usize = 1000;

/// How many lines are gathered before they are written.
const LINES_GATHERED: usize = 256;

/// Of commands that list.
#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    /// Show at most so many [default: 1000 in a table, else all]
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<usize>,
    /// Write one JSON document a line to stdout, as they are found
    #[arg(long)]
    json_lines: bool,
}

/// A list that is being made.
pub(crate) struct Rows {
    form: Form,
    n_max: usize,
    n_rows: usize,
    /// Whether there is more than was asked for.
    is_cut: bool,
}

enum Form {
    Table {
        heading: Vec<String>,
        rows: Vec<Vec<String>>,
    },
    Document(Vec<Value>),
    Lines(Vec<String>),
}

impl Rows {
    pub(crate) fn new(cx: &Context, options: &ListOptions, heading: &[&str]) -> Self {
        let (form, n_max) = if options.json_lines {
            (Form::Lines(Vec::new()), usize::MAX)
        } else if cx.json {
            (Form::Document(Vec::new()), usize::MAX)
        } else {
            let heading = heading.iter().map(|&word| word.to_owned()).collect();
            let rows = Vec::new();
            (Form::Table { heading, rows }, ROWS_SHOWN)
        };
        Self {
            form,
            n_max: options.limit.unwrap_or(n_max),
            n_rows: 0,
            is_cut: false,
        }
    }

    /// Adds one, and says whether more are wanted.
    pub(crate) fn push(
        &mut self,
        document: impl FnOnce() -> Value,
        row: impl FnOnce() -> Vec<String>,
    ) -> Result<Scan, CliError> {
        if self.n_rows == self.n_max {
            self.is_cut = true;
            return Ok(Scan::Enough);
        }
        self.n_rows += 1;
        match &mut self.form {
            Form::Table { rows, .. } => rows.push(row()),
            Form::Document(documents) => documents.push(document()),
            Form::Lines(lines) => {
                lines.push(line(&document()));
                if lines.len() == LINES_GATHERED && !stdout_buffered(lines)? {
                    return Ok(Scan::Enough);
                }
            }
        }
        Ok(Scan::More)
    }

    /// Returns what to print; `none` is said to a person where there is nothing.
    pub(crate) fn output(self, none: &str) -> Result<Output, CliError> {
        let output = match self.form {
            Form::Document(documents) => Output::new(json!(documents)),
            Form::Lines(mut lines) => {
                stdout_buffered(&mut lines)?;
                return Ok(Output::printed());
            }
            Form::Table { rows, .. } if rows.is_empty() && !self.is_cut => {
                Output::default().note(none)
            }
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
