//! Commands: programs of the machine that the operator has pinned under names.
//!
//! A type requests one with [`Permission::Commands`](crate::Permission::Commands). The operator's
//! `sedge.yaml` says which program a name stands for and which arguments it accepts.

use std::fmt;

use serde_json::json;

use crate::host::commands;
use crate::process::Process;
use crate::{CommandError, Context, Failure};

/// The maximum length of [`Printed::last_line`], in characters.
const LINE_CHARS_MAX: usize = 200;

/// A command to run.
#[derive(Debug, Clone)]
#[must_use = "it is run by `run` or `start`"]
pub struct Command {
    name: String,
    arguments: Vec<String>,
    stdin: Option<Vec<u8>>,
    folder: Option<String>,
    variables: Vec<(String, String)>,
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
            folder: None,
            variables: Vec::new(),
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

    /// Sets the folder that the command runs in: a relative path below the folder of its pin, without
    /// `..` and without links. The pin has to allow it (`subfolders`).
    pub fn folder(mut self, folder: impl Into<String>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Sets an environment variable. The pin has to list its name (`variables`).
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Runs the command, and returns its result even if it did not succeed.
    ///
    /// # Errors
    /// The command was not run, or did not end by itself.
    pub fn run(&self) -> Result<Output, CommandError> {
        if self.folder.is_some() || !self.variables.is_empty() {
            let source = match &self.stdin {
                Some(_) => commands::StdinSource::Piped,
                None => commands::StdinSource::Empty,
            };
            // ignored: an `Option`; without bytes the input is empty.
            let stdin = self.stdin.as_deref().unwrap_or_default();
            return self.start_with(source)?.wait_with(stdin);
        }
        let output = commands::run(&self.name, &self.arguments, self.stdin.as_deref());
        match output {
            Ok(output) => Ok(Output {
                end: End::from(output.end),
                stdout: printed(output.stdout),
                stderr: printed(output.stderr),
            }),
            Err(error) => Err(CommandError::of(self.name.clone(), error)),
        }
    }

    /// Starts the command and continues. The bytes of [`Command::stdin`] do not count: write to
    /// [`Process::stdin`] instead.
    ///
    /// A call can run 16 programs at once.
    ///
    /// # Errors
    /// The command cannot be started. What is found out later is an error of [`Process::wait`].
    pub fn start(&self) -> Result<Process, CommandError> {
        self.start_with(commands::StdinSource::Piped)
    }

    fn start_with(&self, stdin: commands::StdinSource) -> Result<Process, CommandError> {
        let variables = self
            .variables
            .iter()
            .map(|(name, value)| commands::Variable {
                name: name.clone(),
                value: value.clone(),
            });
        let options = commands::StartOptions {
            folder: self.folder.clone(),
            variables: variables.collect(),
            stdin,
        };
        match commands::start(&self.name, &self.arguments, &options) {
            Ok(process) => Ok(Process::new(self.name.clone(), process)),
            Err(error) => Err(CommandError::of(self.name.clone(), error)),
        }
    }
}

impl From<commands::End> for End {
    fn from(end: commands::End) -> Self {
        match end {
            commands::End::Exit(code) => Self::Exit(code),
            commands::End::Signal(number) => Self::Signal(number),
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
    pub(crate) fn of(command: String, error: commands::CommandError) -> Self {
        match error {
            commands::CommandError::Denied(message) => Self::Denied { command, message },
            commands::CommandError::NotPinned(message) => Self::NotPinned { command, message },
            commands::CommandError::ArgumentsRefused(message) => {
                Self::ArgumentsRefused { command, message }
            }
            commands::CommandError::OptionsRefused(message) => {
                Self::OptionsRefused { command, message }
            }
            commands::CommandError::Limit(limit) => Self::Limit {
                command,
                name: limit.name,
                value: limit.value,
            },
            commands::CommandError::TimedOut(after_ms) => Self::TimedOut { command, after_ms },
            commands::CommandError::NotStarted(message) => Self::NotStarted { command, message },
        }
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
