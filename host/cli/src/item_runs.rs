//! One run for each item of stdin: what is printed when a run ends, and the summary.

use std::io;

use sedge_api::document::{ListEnd, Yes};
use sedge_api::problem::{ErrorCode, Explain};
use sedge_api::view::run::{RunItemView, RunItemsCounts};
use sedge_app::AppError;
use sedge_app::types::{GivenInputs, InputItemError, InputItems};
use sedge_sys::fault::MachineError;
use sedge_sys::folder::FileError;
use sedge_sys::input::Input;
use sedge_sys::thread::{self, Stop};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::context::Context;
use crate::error::CliError;
use crate::inputs::{InputOptions, ItemOptions, STDIN_BUFFER_BYTES};
use crate::json_list::JsonList;
use crate::lost_output::WorkDone;
use crate::output::{self, Output, line, stdout};
use crate::rows::PendingItems;

/// How many items are read from stdin before their runs begin. Each can have megabytes.
const ITEMS_AHEAD_MAX: usize = 2;

/// The exit code of a run that is suspended.
pub(crate) const SUSPENDED_EXIT: u8 = 4;

/// The exit codes of failed runs, the worst one first. The worst one is that of all runs.
const EXITS_WORST_FIRST: [u8; 6] = [70, 130, 1, 2, 3, 75];

/// The result of a run that did not fail.
pub(crate) trait RunResult: Serialize {
    /// Returns whether the run waits for a decision.
    fn is_suspended(&self) -> bool;

    /// Returns the output for it.
    fn output(self) -> Output;
}

/// Some of several runs failed. Each error was shown when its run ended.
#[derive(Debug)]
pub(crate) struct ItemsFailed {
    /// The code of the worst error.
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    pub(crate) hints: Vec<String>,
}

/// Calls `run` for each item of stdin, one after the other, and prints what it returns.
///
/// # Errors
/// A run failed, or stdin cannot be read. The error's class is that of the worst run.
pub(crate) fn run_each<T: RunResult>(
    cx: &Context,
    options: InputOptions,
    run: impl AsyncFn(GivenInputs) -> Result<T, AppError>,
) -> Result<Output, CliError> {
    let mut runs = ItemRuns::new(cx, &options.items);
    let over = options.given()?.over;
    cx.wait_run(async {
        let mut items = items_start()?;
        loop {
            let item = tokio::select! {
                biased;
                () = cx.cancel.cancelled() => return Err(runs.interrupted()),
                item = items.recv() => match item {
                    Some(item) => item,
                    None => break,
                },
            };
            runs.begin(&item);
            let ended = match item {
                Item::Inputs(item) => {
                    let over = over.clone();
                    run(GivenInputs { item, over })
                        .await
                        .map_err(CliError::from)
                }
                Item::Fault(error) => Err(error_of(error)),
                Item::Unreadable(error) => return Err(AppError::from(error).into()),
                Item::Broken(error) => return Err(runs.broken(error)),
            };
            let goes_on = runs.end(ended).map_err(|error| runs.lost(error))?;
            if cx.cancel.is_cancelled() {
                return Err(runs.interrupted());
            }
            if !goes_on {
                break;
            }
        }
        Ok::<_, CliError>(())
    })?;
    runs.finish()
}

/// The runs that have ended so far.
struct ItemRuns<'a> {
    cx: &'a Context,
    form: Form,
    keep_going: bool,
    counts: RunItemsCounts,
    /// The number of the current item, from 1.
    item: u64,
    worst: Option<ErrorCode>,
    /// The first item that failed.
    first_failed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Document,
    Lines,
}

impl<'a> ItemRuns<'a> {
    fn new(cx: &'a Context, options: &ItemOptions) -> Self {
        let form = match (options.json_lines, cx.json) {
            (true, _) => Form::Lines,
            (false, true) => Form::Document,
            (false, false) => Form::Text,
        };
        if form == Form::Document {
            cx.found
                .replace(PendingItems::Document(JsonList::default()));
        }
        Self {
            cx,
            form,
            keep_going: options.keep_going,
            counts: RunItemsCounts::default(),
            item: 0,
            worst: None,
            first_failed: None,
        }
    }

    fn begin(&mut self, item: &Item) {
        match item {
            Item::Inputs(_) | Item::Fault(_) => self.item += 1,
            Item::Unreadable(_) | Item::Broken(_) => return,
        }
        if self.form == Form::Text && !self.cx.quiet {
            self.cx.screen.stderr(&format!("Item {}:", self.item));
        }
    }

    /// Records and prints the end of the current run. Returns whether the next one may begin.
    fn end<T: RunResult>(&mut self, ended: Result<T, CliError>) -> Result<bool, CliError> {
        match &ended {
            Ok(result) if result.is_suspended() => self.counts.suspended += 1,
            Ok(_) => self.counts.succeeded += 1,
            Err(error) => {
                self.counts.failed += 1;
                self.first_failed.get_or_insert(self.item);
                let code = error.code();
                let is_worse = |worst: ErrorCode| rank(code) < rank(worst);
                if self.worst.is_none_or(is_worse) {
                    self.worst = Some(code);
                }
            }
        }
        let goes_on = ended.is_ok() || self.keep_going;
        let is_read = match self.form {
            Form::Text => self.shown(ended).map(|()| true),
            Form::Document | Form::Lines => self.pushed(ended),
        };
        // The reader of stdout may have closed the pipe.
        Ok(is_read? && goes_on)
    }

    fn shown<T: RunResult>(&self, ended: Result<T, CliError>) -> io::Result<()> {
        match ended {
            Ok(result) => {
                output::print(self.cx, result.output())?;
            }
            Err(error) => error.print(&self.cx.screen),
        }
        Ok(())
    }

    /// Prints the result as JSON. Returns false if the reader of stdout has closed the pipe.
    fn pushed<T: RunResult>(&self, ended: Result<T, CliError>) -> io::Result<bool> {
        let (data, error) = match ended {
            Ok(data) => (Some(data), None),
            Err(error) => (None, Some(error.problem())),
        };
        let view = RunItemView {
            item: self.item,
            ok: error.is_none(),
            data,
            error,
        };
        if self.form == Form::Lines {
            stdout(&line(&view)?)?;
            return Ok(true);
        }
        match &mut *self.cx.found.borrow_mut() {
            PendingItems::Document(list) => list.push(&view),
            PendingItems::Nothing | PendingItems::Table { .. } | PendingItems::Lines(_) => Ok(true),
        }
    }

    /// Returns the error for a rest of stdin that cannot be split into items. It counts more than the
    /// failures of runs before, also with `--keep-going`: the number of the missing items is not known.
    fn broken(&self, error: InputItemError) -> CliError {
        match (self.item, error_of(error)) {
            (n, CliError::Usage { message, hints }) if n > 0 => CliError::Usage {
                message: format!("no item after item {n} was run, because {message}"),
                hints,
            },
            (_, other) => other,
        }
    }

    /// Returns the error of a program that was interrupted: which item was the last one. How its run
    /// ended was shown before.
    fn interrupted(&self) -> CliError {
        CliError::Items(ItemsFailed {
            code: ErrorCode::Interrupted,
            message: match self.item {
                0 => "interrupted: no item was run".to_owned(),
                n => format!("interrupted: no item after item {n} was run"),
            },
            hints: Vec::new(),
        })
    }

    /// Returns the error of runs whose output cannot be written.
    fn lost(&self, error: CliError) -> CliError {
        error.after(|| WorkDone::Items(self.item))
    }

    /// Returns what is left to print after the last run.
    fn finish(self) -> Result<Output, CliError> {
        let n_items = self.item;
        if let (Some(code), Some(first)) = (self.worst, self.first_failed) {
            let (message, hints) = match self.keep_going {
                true => (
                    format!("{} of {n_items} runs failed", self.counts.failed),
                    Vec::new(),
                ),
                false => (
                    format!("the run of item {first} failed, and no later item was run"),
                    vec!["`--keep-going` runs the other items as well".to_owned()],
                ),
            };
            return Err(CliError::Items(ItemsFailed {
                code,
                message,
                hints,
            }));
        }
        let exit = match self.counts.suspended {
            0 => 0,
            _ => SUSPENDED_EXIT,
        };
        let output = match self.cx.found.take() {
            PendingItems::Document(list) => {
                let end = ListEnd {
                    ok: Yes,
                    count: n_items,
                    is_cut: false,
                    more: self.counts,
                };
                let finished = list.finish(&end).map_err(CliError::from);
                finished.map_err(|error| error.after(|| WorkDone::Items(n_items)))?;
                Output::printed()
            }
            PendingItems::Nothing | PendingItems::Table { .. } | PendingItems::Lines(_) => {
                Output::default().note(summary(n_items, &self.counts))
            }
        };
        Ok(output.exit(exit))
    }
}

fn rank(code: ErrorCode) -> usize {
    let exit = code.class().exit_code();
    let place = EXITS_WORST_FIRST.iter().position(|it| *it == exit);
    place.unwrap_or(EXITS_WORST_FIRST.len())
}

fn summary(n_items: u64, counts: &RunItemsCounts) -> String {
    match (n_items, counts.suspended) {
        (0, _) => "Stdin has no items, so nothing was run.".to_owned(),
        (1, 0) => "The run of the only item succeeded.".to_owned(),
        (n, 0) => format!("All {n} runs succeeded."),
        (n, suspended) => format!(
            "{n} items: {} succeeded, {suspended} suspended.",
            counts.succeeded
        ),
    }
}

/// A result of the thread that reads stdin.
#[derive(Debug)]
enum Item {
    Inputs(Map<String, Value>),
    /// The item cannot be used; the next ones can.
    Fault(InputItemError),
    /// The rest of stdin cannot be split into items.
    Broken(InputItemError),
    /// Stdin cannot be read.
    Unreadable(FileError),
}

/// Starts to read stdin on another thread, which ends with the process at the latest: a read of
/// stdin cannot be interrupted.
fn items_start() -> Result<mpsc::Receiver<Item>, CliError> {
    let mut input = Input::stdin().map_err(AppError::from)?;
    let (sender, receiver) = mpsc::channel(ITEMS_AHEAD_MAX);
    thread::start("stdin", move || {
        items_read(&mut input, |item| sender.blocking_send(item).is_ok());
    })
    .map_err(MachineError::of("start a thread"))?;
    Ok(receiver)
}

/// Passes on all items until `send` returns false.
fn items_read(input: &mut Input, mut send: impl FnMut(Item) -> bool) {
    let mut items = InputItems::new();
    let mut buffer = vec![0; STDIN_BUFFER_BYTES];
    loop {
        loop {
            let item = match items.take() {
                Ok(None) => break,
                Ok(Some(inputs)) => Item::Inputs(inputs),
                Err(error @ InputItemError::Fault(_)) => Item::Fault(error),
                Err(error) => Item::Broken(error),
            };
            if !send(item) {
                return;
            }
        }
        if items.is_over() {
            return;
        }
        match input.read(&mut buffer, &Stop::default()) {
            Ok(0) => items.end(),
            Ok(n) => items.push(&buffer[..n]),
            Err(error) => {
                send(Item::Unreadable(error));
                return;
            }
        }
    }
}

fn error_of(error: InputItemError) -> CliError {
    match error {
        InputItemError::Fault(fault) => AppError::from(*fault).into(),
        error @ (InputItemError::TooLarge(_)
        | InputItemError::TooMany
        | InputItemError::NotText(_)
        | InputItemError::NotObject { .. }
        | InputItemError::Comma(_)
        | InputItemError::AfterEnd
        | InputItemError::Unfinished(_)) => CliError::Usage {
            message: format!("stdin cannot be used: {error}"),
            hints: vec![
                "give a JSON object, a JSON array of objects, JSON lines, or YAML documents \
                 between `---`"
                    .to_owned(),
            ],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worst_exit_code_counts() {
        let codes = [
            ErrorCode::Internal,
            ErrorCode::CallFailed,
            ErrorCode::Usage,
            ErrorCode::ModelMissing,
            ErrorCode::LockTimeout,
        ];
        let ranks = codes.map(rank);
        assert!(ranks.is_sorted_by(|a, b| a < b), "{ranks:?}");
    }

    #[test]
    fn summary_counts_the_runs() {
        let check = |n_items, suspended, expect: &str| {
            let counts = RunItemsCounts {
                succeeded: n_items - suspended,
                suspended,
                failed: 0,
            };
            assert_eq!(summary(n_items, &counts), expect);
        };
        check(0, 0, "Stdin has no items, so nothing was run.");
        check(1, 0, "The run of the only item succeeded.");
        check(3, 0, "All 3 runs succeeded.");
        check(3, 1, "3 items: 2 succeeded, 1 suspended.");
    }
}
