//! What the user sees of a command: text on stdout, lines on stderr, and when they have colours.
//!
//! A [`Screen`] is part of the context of a command. Lines on stderr go through it alone, so it
//! knows whether the last one is transient and has to be erased.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use sedge_app::types::{Moment, stderr_columns, stdout_columns, variable};

use crate::guest_text::{self, INDENT, TerminalData};
use crate::output::stdout;
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

/// The variable that names the kind of the terminal. A terminal of the kind `dumb` cannot move the
/// cursor.
const TERMINAL_VARIABLE: &str = "TERM";

/// The largest number of bytes of lines that wait for the next drawing of the region.
const PENDING_BYTES_MAX: usize = 1 << 16;

/// What was written to stderr last.
#[derive(Debug, Default)]
struct StderrState {
    /// The transient lines at the end of the output, which the next output erases and which are
    /// drawn again below it.
    region: Vec<String>,
    /// Lines above the region that are written when it is drawn the next time. Drawing it for each
    /// line would flicker, and be slow if there are thousands of them.
    pending: String,
    /// A transient line below the region, which the next output replaces.
    in_place: String,
    /// The widths of those transient lines that are on the screen.
    drawn: Vec<usize>,
    /// The time of the last write.
    written: Option<Moment>,
}

impl StderrState {
    /// Returns the escape sequences that erase the transient lines on a terminal of a width. It may
    /// have become narrower since they were drawn, and a line then takes several rows.
    fn erase(&mut self, columns: Option<usize>) -> String {
        let columns = columns.unwrap_or(usize::MAX).max(1);
        let drawn = std::mem::take(&mut self.drawn).into_iter();
        let n_rows: usize = drawn.map(|width| width.div_ceil(columns).max(1)).sum();
        match n_rows {
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
        let widths = lines.iter().map(|line| guest_text::columns_most(line));
        self.drawn = widths.collect();
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

/// Returns a sentence of the program in lines that fit on stderr if that is a terminal. Hints have
/// commands, which are not broken; other sentences may quote a plugin.
pub(crate) fn stderr_sentence(text: &str) -> String {
    let Some(columns) = stderr_columns() else {
        return text.to_owned();
    };
    let columns = columns.saturating_sub(INDENT.len());
    match text.starts_with("hint: ") {
        true => guest_text::folded_around_commands(text, columns, INDENT),
        false => guest_text::folded(text, columns, INDENT),
    }
}

/// Returns the width of the terminal on stderr if it can show transient lines; `None` if stderr is
/// not a terminal, or one that cannot move its cursor.
pub(crate) fn transient_columns() -> Option<usize> {
    let is_dumb = variable(TERMINAL_VARIABLE).is_some_and(|it| it == "dumb");
    stderr_columns().filter(|_| !is_dumb)
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
        state.in_place.clear();
        state.pending.push_str(&style::marked(&lines));
        state.pending.push('\n');
        if state.region.is_empty() || state.pending.len() > PENDING_BYTES_MAX {
            self.redraw(&mut state);
        }
        state.written = Some(Moment::now());
    }

    /// Writes the lines that wait, and the transient lines below them. Errors are ignored, because
    /// there is no other place to show them.
    fn redraw(&self, state: &mut StderrState) {
        let erase = match state.drawn.is_empty() {
            true => String::new(),
            false => state.erase(stderr_columns()),
        };
        let pending = std::mem::take(&mut state.pending);
        let drawn = state.drawn();
        let mut raw = io::stderr().lock();
        // These sequences move the cursor of a terminal. They are written without colours, too.
        let _ = raw.write_all(erase.as_bytes());
        let mut stderr = AutoStream::new(raw, self.color);
        let _ = stderr.write_all(pending.as_bytes());
        let mut raw = stderr.into_inner();
        let _ = raw.write_all(drawn.as_bytes()).and_then(|()| raw.flush());
    }

    /// Writes a text to stdout. If both outputs are terminals and stderr has transient lines, the
    /// text appears above them: it is most likely the same terminal.
    pub(crate) fn stdout_above(&self, text: &str) -> io::Result<()> {
        let mut state = self.state();
        if state.region.is_empty() || self.stdout_columns.is_none() {
            return stdout(text);
        }
        let region = std::mem::take(&mut state.region);
        self.redraw(&mut state);
        let written = stdout(text);
        state.region = region;
        self.redraw(&mut state);
        written
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
        self.redraw(&mut state);
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
        self.redraw(&mut state);
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
        if region == state.region && state.pending.is_empty() {
            return;
        }
        state.region = region;
        self.redraw(&mut state);
    }

    /// Erases the transient lines of [`Screen::stderr_region`], and writes the lines that wait.
    pub(crate) fn stderr_region_end(&self) {
        let mut state = self.state();
        state.region.clear();
        self.redraw(&mut state);
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
        let columns = Some(80);
        assert_eq!(state.erase(columns), "");
        assert_eq!(state.drawn(), "a\nb\nc");
        assert_eq!(
            state.erase(columns),
            "\r\x1b[K\x1b[1A\r\x1b[K\x1b[1A\r\x1b[K"
        );
        assert_eq!(state.erase(columns), "");
        state.region.clear();
        state.in_place.clear();
        assert_eq!(
            (state.drawn().as_str(), state.erase(columns).as_str()),
            ("", "")
        );
    }

    /// The terminal has become narrower, and has broken the line into two rows.
    #[test]
    fn rows_of_a_broken_line_are_erased() {
        let mut state = StderrState {
            region: vec!["x".repeat(60)],
            ..StderrState::default()
        };
        state.drawn();
        assert_eq!(state.erase(Some(40)).matches("\x1b[K").count(), 2);
    }
}
