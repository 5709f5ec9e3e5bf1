//! Commands: programs of the machine that the operator pinned by names.
//!
//! A type asks for one with [`Permission::Commands`](crate::Permission::Commands). Which program a
//! name stands for, and which arguments it takes, is in the operator's `sedge.yaml`.

use std::fmt;

use serde_json::json;

use crate::bindings::sedge::model::commands;
use crate::{Context, Failure};

/// How much of the last line of an output is told, in characters.
const LINE_CHARS_MAX: usize = 200;

/// A command that is to be run.
#[derive(Debug, Clone)]
#[must_use = "it is run by `run`"]
pub struct Command {
    name: String,
    arguments: Vec<String>,
    stdin: Option<Vec<u8>>,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub end: End,
    /// What it printed to stdout.
    pub stdout: Printed,
    /// What it printed to stderr.
    pub stderr: Printed,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code; 0 is a success.
    Exit(u8),
    /// By a signal of this number.
    Signal(u8),
}

/// What a command printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// It, or its beginning.
    pub bytes: Vec<u8>,
    /// Whether there was more than the host keeps.
    pub is_cut: bool,
}

/// Why a command was not run, or not to its end. Each has the command's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// The plugin did not ask for it, or nobody granted it; the message says what would.
    Denied {
        /// The command.
        command: String,
        /// What a person can do.
        message: String,
    },
    /// The operator has pinned no program by this name; the message says what would.
    NotPinned {
        /// The command.
        command: String,
        /// What a person can do.
        message: String,
    },
    /// The pin does not allow these arguments.
    ArgumentsRefused {
        /// The command.
        command: String,
        /// Why.
        message: String,
    },
    /// It took longer than the pin allows, and was killed.
    TimedOut {
        /// The command.
        command: String,
        /// How long it may take, in milliseconds.
        after_ms: u64,
    },
    /// It could not be started.
    NotStarted {
        /// The command.
        command: String,
        /// Why.
        message: String,
    },
}

/// Commands.
impl Context {
    /// Returns a command that the plugin asks for, to be given arguments and run.
    ///
    /// ```no_run
    /// use sedge_sdk::{Context, Failure};
    ///
    /// fn revision(cx: &Context, branch: &str) -> Result<String, Failure> {
    ///     let output = cx.command("git-rev-parse").argument(branch).run()?.success()?;
    ///     Ok(output.stdout.text().trim().to_owned())
    /// }
    /// ```
    pub fn command(&self, name: impl Into<String>) -> Command {
        Command {
            name: name.into(),
            arguments: Vec::new(),
            stdin: None,
        }
    }
}

impl Command {
    /// Adds an argument. The program gets it as it is: no shell sees it.
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    pub fn arguments(mut self, arguments: impl IntoIterator<Item: Into<String>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets what it can read from stdin. Without this there is nothing.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Runs it, and returns what became of it, also if it was no success.
    ///
    /// # Errors
    /// It was not run, or not to its end.
    pub fn run(&self) -> Result<Output, CommandError> {
        let output = commands::run(&self.name, &self.arguments, self.stdin.as_deref());
        match output {
            Ok(output) => Ok(Output {
                end: match output.end {
                    commands::End::Exit(code) => End::Exit(code),
                    commands::End::Signal(number) => End::Signal(number),
                },
                stdout: printed(output.stdout),
                stderr: printed(output.stderr),
            }),
            Err(error) => Err(CommandError::of(self.name.clone(), error)),
        }
    }
}

fn printed(printed: commands::Printed) -> Printed {
    Printed {
        bytes: printed.bytes,
        is_cut: printed.cut,
    }
}

impl Output {
    /// Returns the output if the command ended with 0.
    ///
    /// # Errors
    /// `command-failed`: it did not. The details have what it printed to stderr.
    pub fn success(self) -> Result<Self, Failure> {
        if self.end == End::Exit(0) {
            return Ok(self);
        }
        let message = match self.stderr.last_line() {
            Some(line) => format!("a command {}: {line}", self.end),
            None => format!("a command {}", self.end),
        };
        let details = json!({"stderr": self.stderr.text()});
        Err(Failure::new("command-failed", message).with_details(details))
    }
}

impl Printed {
    /// Returns it as text; what is none is replaced by `U+FFFD`.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Returns the last line that is not empty, or its beginning; of what was printed to stderr, it
    /// mostly says why a command failed.
    #[must_use]
    pub fn last_line(&self) -> Option<String> {
        let text = self.text();
        let mut lines = text.lines().rev().map(str::trim);
        let line = lines.find(|line| !line.is_empty())?;
        Some(line.chars().take(LINE_CHARS_MAX).collect())
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "ended with {code}"),
            Self::Signal(number) => write!(f, "was ended by signal {number}"),
        }
    }
}

impl CommandError {
    fn of(command: String, error: commands::CommandError) -> Self {
        match error {
            commands::CommandError::Denied(message) => Self::Denied { command, message },
            commands::CommandError::NotPinned(message) => Self::NotPinned { command, message },
            commands::CommandError::ArgumentsRefused(message) => {
                Self::ArgumentsRefused { command, message }
            }
            commands::CommandError::TimedOut(after_ms) => Self::TimedOut { command, after_ms },
            commands::CommandError::NotStarted(message) => Self::NotStarted { command, message },
        }
    }

    /// Returns the case's name, which is the code of the [`Failure`] that it turns into.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied { .. } => "denied",
            Self::NotPinned { .. } => "not-pinned",
            Self::ArgumentsRefused { .. } => "arguments-refused",
            Self::TimedOut { .. } => "timed-out",
            Self::NotStarted { .. } => "not-started",
        }
    }

    fn command(&self) -> &str {
        match self {
            Self::Denied { command, .. }
            | Self::NotPinned { command, .. }
            | Self::ArgumentsRefused { command, .. }
            | Self::TimedOut { command, .. }
            | Self::NotStarted { command, .. } => command,
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied { message, .. }
            | Self::NotPinned { message, .. }
            | Self::ArgumentsRefused { message, .. }
            | Self::NotStarted { message, .. } => f.write_str(message),
            Self::TimedOut { command, after_ms } => write!(
                f,
                "the command `{command}` was killed after {after_ms} ms, which is all that its pin allows"
            ),
        }
    }
}

impl std::error::Error for CommandError {}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        Self::new(error.code(), error.to_string()).with_details(json!({"command": error.command()}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zero_is_a_success() {
        let output = |end: End| Output {
            end,
            stdout: Printed {
                bytes: b"out".to_vec(),
                is_cut: false,
            },
            stderr: Printed {
                bytes: b"first\n  err \xff\n\n".to_vec(),
                is_cut: false,
            },
        };
        assert!(output(End::Exit(0)).success().is_ok());
        for (end, expect) in [
            (End::Exit(3), "a command ended with 3: err \u{fffd}"),
            (
                End::Signal(9),
                "a command was ended by signal 9: err \u{fffd}",
            ),
        ] {
            let failure = output(end).success().expect_err("no success");
            assert_eq!(failure.message, expect);
            assert_eq!(
                failure.details,
                Some(json!({"stderr": "first\n  err \u{fffd}\n\n"}))
            );
        }
    }
}
