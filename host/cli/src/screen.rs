//! What the user sees of a command: text on stdout, lines on stderr, and when they have colours.
//!
//! A [`Screen`] is part of the context of a command. Lines on stderr go through it alone, so it
//! knows whether the last one is transient and has to be erased.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use sedge_app::types::{Moment, stderr_columns, stdout_columns};

use crate::guest_text::{self, INDENT, TerminalData};
use crate::style;

/// The escape sequence that erases the current line.
const ERASE: &str = "\r\x1b[K";

/// The output of a command to the user.
#[derive(Debug)]
pub(crate) struct Screen {
    color: ColorChoice,
    /// The width of stdout in columns when the command began; `None` if it is no terminal.
    stdout_columns: Option<usize>,
    stderr: Mutex<StderrState>,
}

/// The escape sequence that erases the line above the current one.
const ERASE_ABOVE: &str = "\x1b[1A\r\x1b[K";

/// What was written to stderr last.
#[derive(Debug, Default)]
struct StderrState {
    /// The transient lines at the end of the output, which the next output erases and which are
    /// drawn again below it.
    region: Vec<String>,
    /// A transient line below them, which the next output replaces.
    in_place: String,
    /// How many lines of both are on the screen.
    n_drawn: usize,
    /// The time of the last write.
    written: Option<Moment>,
}

impl StderrState {
    /// Returns the escape sequences that erase the transient lines.
    fn erase(&mut self) -> String {
        match std::mem::take(&mut self.n_drawn) {
            0 => String::new(),
            n => format!("{ERASE}{}", ERASE_ABOVE.repeat(n - 1)),
        }
    }

    /// Returns the transient lines, as they are drawn behind other output. The cursor stays in the
    /// last one.
    fn drawn(&mut self) -> String {
        let in_place = Some(&self.in_place).filter(|line| !line.is_empty());
        let lines: Vec<&str> = self
            .region
            .iter()
            .chain(in_place)
            .map(String::as_str)
            .collect();
        self.n_drawn = lines.len();
        lines.join("\n")
    }
}

impl Default for Screen {
    /// Returns a screen with colours if the output is a terminal that has them.
    fn default() -> Self {
        Self::new(clap::ColorChoice::Auto)
    }
}

/// Returns a text of a plugin, or with one, in lines that fit on stderr if that is a terminal.
/// [`Screen::stderr`] indents all lines but the first. The terminal itself would continue a long line
/// at the left edge, where only the program's own lines begin.
pub(crate) fn stderr_folded(text: &str, indent: &str) -> String {
    match stderr_columns() {
        Some(columns) => guest_text::folded(text, columns.saturating_sub(INDENT.len()), indent),
        None => text.to_owned(),
    }
}

/// Draws the transient lines again. An error is ignored, because there is no other place to show it.
fn redraw(state: &mut StderrState) {
    let erase = state.erase();
    let drawn = state.drawn();
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "{erase}{drawn}").and_then(|()| stderr.flush());
}

impl Screen {
    /// Returns a screen with the user's choice of colours.
    pub(crate) fn new(color: clap::ColorChoice) -> Self {
        Self {
            color: match color {
                clap::ColorChoice::Auto => ColorChoice::Auto,
                clap::ColorChoice::Always => ColorChoice::Always,
                clap::ColorChoice::Never => ColorChoice::Never,
            },
            stdout_columns: stdout_columns(),
            stderr: Mutex::default(),
        }
    }

    /// Returns a text in the form for stdout, which depends on whether that is a terminal.
    pub(crate) fn shown(&self, text: String, is_data: bool) -> String {
        if is_data {
            if !io::stdout().is_terminal() {
                return text;
            }
            let mut data = TerminalData::default();
            return data.push(text.as_bytes()) + &data.finish();
        }
        let text = match self.stdout_columns {
            Some(columns) => guest_text::folded(&text, columns, INDENT),
            None => text,
        };
        match self.has_color_on_stdout() {
            true => style::tables(&text),
            false => text,
        }
    }

    /// Returns the width of stdout in columns; `None` if it is no terminal.
    pub(crate) fn stdout_columns(&self) -> Option<usize> {
        self.stdout_columns
    }

    fn has_color_on_stdout(&self) -> bool {
        let choice = match self.color {
            ColorChoice::Auto => AutoStream::choice(&io::stdout()),
            chosen @ (ColorChoice::Always | ColorChoice::AlwaysAnsi | ColorChoice::Never) => chosen,
        };
        choice != ColorChoice::Never
    }

    /// Writes a line to stderr. An error is ignored, because there is no other place to show it.
    ///
    /// Further lines are indented: only the program itself begins a line at the left edge.
    pub(crate) fn stderr(&self, line: &str) {
        let lines = guest_text::visible(line).replace('\n', &format!("\n{INDENT}"));
        let mut state = self.state();
        let erase = state.erase();
        state.in_place.clear();
        let drawn = state.drawn();
        let lines = style::marked(&lines);
        let mut stderr = AutoStream::new(io::stderr().lock(), self.color);
        let _ = write!(stderr, "{erase}{lines}\n{drawn}").and_then(|()| stderr.flush());
        state.written = Some(Moment::now());
    }

    /// Asks a question on stderr, and returns the line that the user types; `None` if stdin has
    /// ended.
    pub(crate) fn stderr_ask(&self, question: &str) -> io::Result<Option<String>> {
        self.stderr_prompt(question);
        let mut answer = String::new();
        if io::stdin().read_line(&mut answer)? == 0 {
            // The user ended the input in the line of the question.
            self.stderr("");
            return Ok(None);
        }
        Ok(Some(answer.trim().to_owned()))
    }

    /// Writes a prompt to stderr, without a newline. An error is ignored.
    pub(crate) fn stderr_prompt(&self, prompt: &str) {
        let mut state = self.state();
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{}", guest_text::line(prompt)).and_then(|()| stderr.flush());
        state.written = Some(Moment::now());
    }

    /// Returns whether the last write to stderr was at least `since` ago.
    pub(crate) fn stderr_is_quiet(&self, since: Duration) -> bool {
        let written = self.state().written;
        written.is_none_or(|written| written.elapsed() >= since)
    }

    /// Writes a transient line to stderr, which has to be a terminal. The next output replaces the
    /// line; an empty line only erases it.
    pub(crate) fn stderr_in_place(&self, line: &str, columns: usize) {
        let mut state = self.state();
        if line.is_empty() && state.in_place.is_empty() {
            return;
        }
        // A line that wraps could not be erased.
        state.in_place = guest_text::line(line)
            .chars()
            .take(columns.saturating_sub(1))
            .collect();
        redraw(&mut state);
        state.written = Some(Moment::now());
    }

    /// Replaces the transient lines at the end of stderr, which has to be a terminal. Other output
    /// appears above them. Without lines, they are only erased.
    pub(crate) fn stderr_region(&self, lines: &[String], columns: usize) {
        let mut state = self.state();
        let fitted = lines.iter().map(|line| {
            // A line that wraps could not be erased.
            guest_text::shortened(&guest_text::line(line), columns.saturating_sub(1))
        });
        let region: Vec<String> = fitted.collect();
        if !region.is_empty() {
            state.written = Some(Moment::now());
        }
        if region == state.region {
            return;
        }
        state.region = region;
        redraw(&mut state);
    }

    fn state(&self) -> MutexGuard<'_, StderrState> {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_transient_lines_are_erased() {
        let mut state = StderrState {
            region: vec!["a".to_owned(), "b".to_owned()],
            in_place: "c".to_owned(),
            ..StderrState::default()
        };
        assert_eq!(state.erase(), "");
        assert_eq!(state.drawn(), "a\nb\nc");
        assert_eq!(state.erase(), "\r\x1b[K\x1b[1A\r\x1b[K\x1b[1A\r\x1b[K");
        assert_eq!(state.erase(), "");
        state.region.clear();
        state.in_place.clear();
        assert_eq!((state.drawn().as_str(), state.erase().as_str()), ("", ""));
    }
}
