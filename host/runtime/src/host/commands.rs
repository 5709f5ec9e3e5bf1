//! The interface `commands`: runs programs that the operator pinned.

use std::sync::Arc;

use sedge_model::call::LogLevel;
use sedge_model::names::CommandName;
use sedge_model::permission::effective::Use;
use sedge_sys::command::{End, Printed, ProgramOutput};

use crate::bindings::sedge::model::commands::{self as guest, Host};
use crate::call::CallState;
use crate::host::{BoxFuture, RequestFault, connected, effects};

/// Runs the programs that the operator pinned.
pub trait CommandsPort: Send + Sync {
    /// Prepares a pinned command with its arguments and its stdin.
    ///
    /// # Errors
    /// No command of this name is pinned, or it does not accept these arguments.
    fn prepare(
        &self,
        name: &CommandName,
        arguments: Vec<String>,
        stdin: Vec<u8>,
    ) -> Result<CommandRun, CommandError>;
}

/// Why a command was not run, or did not end by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// No command of this name is pinned. The text says how to pin one.
    NotPinned(String),
    /// The pin does not allow these arguments. The text says why.
    ArgumentsRefused(String),
    /// The command ran longer than the pin allows.
    TimedOut {
        /// The limit in milliseconds.
        after_ms: u64,
    },
    /// The command could not be started. The text says why.
    NotStarted(String),
}

/// A command that starts when this future is polled. Dropping the future kills all processes of
/// the command.
pub type CommandRun = BoxFuture<Result<ProgramOutput, RequestFault<CommandError>>>;

impl CallState {
    /// Checks the permission for a command and prepares it.
    fn command(
        &mut self,
        name: &str,
        arguments: Vec<String>,
        stdin: Vec<u8>,
    ) -> wasmtime::Result<Result<CommandRun, guest::CommandError>> {
        let Ok(name) = name.parse::<CommandName>() else {
            let reason = "there is no command of this name, and there can be none".to_owned();
            return Ok(Err(guest::CommandError::NotPinned(reason)));
        };
        let identity = Arc::clone(&self.running()?.identity);
        if let Err(denial) = identity.permissions.command(&name) {
            return Ok(Err(guest::CommandError::Denied(self.denied(&denial))));
        }
        let port = connected(self.ports.commands.as_ref())?;
        let command = port.prepare(&name, arguments, stdin);
        if command.is_ok() {
            identity.uses.mark(&Use::Command(&name));
        }
        Ok(command.map_err(|error| self.command_failed(name.as_str(), error)))
    }

    /// Logs why a command was not run or did not end by itself, and returns the error for the
    /// guest.
    fn command_failed(&self, name: &str, error: CommandError) -> guest::CommandError {
        let (message, error) = match error {
            CommandError::NotPinned(reason) => {
                (reason.clone(), guest::CommandError::NotPinned(reason))
            }
            CommandError::ArgumentsRefused(reason) => (
                reason.clone(),
                guest::CommandError::ArgumentsRefused(reason),
            ),
            CommandError::NotStarted(reason) => {
                (reason.clone(), guest::CommandError::NotStarted(reason))
            }
            CommandError::TimedOut { after_ms } => (
                format!(
                    "the command `{name}` was killed after {after_ms} ms, the time limit of its pin"
                ),
                guest::CommandError::TimedOut(after_ms),
            ),
        };
        self.log.note(LogLevel::Warn, message);
        error
    }
}

impl Host for CallState {
    async fn run(
        &mut self,
        name: String,
        arguments: Vec<String>,
        stdin: Option<Vec<u8>>,
    ) -> wasmtime::Result<Result<guest::Output, guest::CommandError>> {
        let stdin = stdin.unwrap_or_default();
        let n_bytes = arguments.iter().map(String::len).sum::<usize>();
        self.count_host_call(name.len() + n_bytes + stdin.len())?;
        let run = match self.command(&name, arguments, stdin)? {
            Ok(run) => run,
            Err(error) => return Ok(Err(error)),
        };
        effects::begin(self.ports.effects.as_ref())?;
        self.data_share()?;
        match run.await {
            Ok(output) => {
                let ended = match output.end {
                    End::Exit(code) => format!("it ended with {code}"),
                    End::Signal(number) => format!("it was ended by signal {number}"),
                };
                let message = format!("ran the command `{name}`: {ended}");
                self.log.note(LogLevel::Info, message);
                self.count_bytes(output.stdout.bytes.len() + output.stderr.bytes.len())?;
                Ok(Ok(output_to_guest(output)?))
            }
            Err(RequestFault::Guest(error)) => Ok(Err(self.command_failed(&name, error))),
            Err(RequestFault::Host(error)) => Err(error.into()),
        }
    }
}

fn output_to_guest(output: ProgramOutput) -> wasmtime::Result<guest::Output> {
    let printed = |printed: Printed| guest::Printed {
        bytes: printed.bytes,
        cut: printed.is_cut,
    };
    Ok(guest::Output {
        // wait(2) reports both numbers as one byte.
        end: match output.end {
            End::Exit(code) => guest::End::Exit(code.try_into()?),
            End::Signal(number) => guest::End::Signal(number.try_into()?),
        },
        stdout: printed(output.stdout),
        stderr: printed(output.stderr),
    })
}
