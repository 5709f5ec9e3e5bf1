//! Commands: programs of the machine that the operator has pinned under names.
//!
//! A type requests one with [`Permission::Commands`](crate::Permission::Commands). The operator's
//! `sedge.yaml` says which program a name stands for and which arguments it accepts.

use std::fmt;

use serde_json::json;

use crate::bindings::sedge::model::commands;
use crate::{Context, Failure};

/// The maximum length of [`Printed::last_line`], in characters.
const LINE_CHARS_MAX: usize = 200;

/// A command to run.
#[derive(Debug, Clone)]
#[must_use = "it is run by `run`"]
pub struct Command {
    name: String,
    arguments: Vec<String>,
    stdin: Option<Vec<u8>>,
}

/// The result of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How the command ended.
    pub end: End,
    /// The output on stdout.
    pub stdout: Printed,
    /// The output on stderr.
    pub stderr: Printed,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It exited with this code. 0 means success.
    Exit(u8),
    /// This signal ended it.
    Signal(u8),
}

/// The output of a command on one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// The output, or its beginning.
    pub bytes: Vec<u8>,
    /// Whether the command printed more than the host stores.
    pub is_cut: bool,
}

/// Why a command was not run, or did not end by itself. Each case has the command's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// The plugin does not request the command, or the operator has not granted it. The message
    /// says how to grant it.
    Denied {
        /// The command.
        command: String,
        /// What the user can do.
        message: String,
    },
    /// The operator has not pinned a program under this name. The message says how to pin it.
    NotPinned {
        /// The command.
        command: String,
        /// What the user can do.
        message: String,
    },
    /// The pin does not allow these arguments.
    ArgumentsRefused {
        /// The command.
        command: String,
        /// Why.
        message: String,
    },
    /// The command ran longer than the pin allows, and was killed.
    TimedOut {
        /// The command.
        command: String,
        /// The limit in milliseconds.
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
    /// Returns a command. Add arguments to it and run it.
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
    /// Adds an argument. The program receives it verbatim; no shell interprets it.
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    pub fn arguments(mut self, arguments: impl IntoIterator<Item: Into<String>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets the bytes that the command can read from stdin. By default stdin is empty.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Runs the command, and returns its result even if it did not succeed.
    ///
    /// # Errors
    /// The command was not run, or did not end by itself.
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
    /// `command-failed`: it ended in another way. The details contain its output on stderr.
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
    /// Returns the output as text. Bytes that are not UTF-8 are replaced by `U+FFFD`.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Returns the last line that is not empty, up to a maximum length. On stderr it usually says
    /// why the command failed.
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

    /// Returns the case's name. It is also the code of the [`Failure`] that the error turns into.
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
                "the command `{command}` was killed after {after_ms} ms, the time limit of its pin"
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
    fn exit_codes_other_than_zero_are_failures() {
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
