//! The interface `commands`: runs programs that the operator pinned.

pub(crate) mod process;

use std::sync::Arc;

use sedge_model::call::{CallError, LimitName, LogLevel};
use sedge_model::names::CommandName;
use sedge_model::permission::effective::Use;
use sedge_sys::command::{
    End, Printed, ProgramOutput, ProgramOutputStream, ProgramStdin, StdinSource,
};
use wasmtime::component::Resource;

use self::process::{GuestProcess, PROCESSES_MAX};
use crate::bindings::sedge::model::commands::{self as guest, Host};
use crate::bindings::sedge::model::types;
use crate::call::CallState;
use crate::host::{BoxFuture, RequestFault, connected, effects};

/// Runs the programs that the operator pinned.
pub trait CommandsPort: Send + Sync {
    /// Prepares a pinned command, which is run to its end with this stdin.
    ///
    /// # Errors
    /// No command of this name is pinned, or its pin does not allow the request.
    fn prepare(&self, request: CommandRequest, stdin: Vec<u8>) -> Result<CommandRun, CommandError>;

    /// Prepares a pinned command whose streams the guest serves.
    ///
    /// # Errors
    /// No command of this name is pinned, or its pin does not allow the request.
    fn prepare_start(
        &self,
        request: CommandRequest,
        stdin: StdinSource,
    ) -> Result<CommandStart, CommandError>;
}

/// What a guest asks for, as it wrote it.
#[derive(Debug, Clone)]
pub struct CommandRequest {
    /// The name of the pin.
    pub name: CommandName,
    /// The arguments.
    pub arguments: Vec<String>,
    /// The folder below that of the pin to run in; `None` for that of the pin.
    pub folder: Option<String>,
    /// The variables to set, as names and values.
    pub variables: Vec<(String, String)>,
}

/// A command whose streams the guest serves.
pub struct StartedCommand {
    /// Its stdin, unless that is empty.
    pub stdin: Option<ProgramStdin>,
    /// Its stdout.
    pub stdout: ProgramOutputStream,
    /// Its stderr.
    pub stderr: ProgramOutputStream,
    /// Runs the program until it has ended. Dropping the future kills all processes of the command.
    pub end: CommandEnd,
}

/// See [`StartedCommand::end`].
pub type CommandEnd = BoxFuture<Result<End, RequestFault<CommandError>>>;

/// Starts a command that was prepared.
pub type CommandStart =
    Box<dyn FnOnce() -> Result<StartedCommand, RequestFault<CommandError>> + Send>;

/// Why a command was not run, or did not end by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// No command of this name is pinned. The text says how to pin one.
    NotPinned(String),
    /// The pin does not allow these arguments. The text says why.
    ArgumentsRefused(String),
    /// The pin does not allow the folder or a variable. The text says why.
    OptionsRefused(String),
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
    /// Checks the permission for a command, and has the port prepare it.
    fn command<T>(
        &mut self,
        name: &str,
        prepare: impl FnOnce(&dyn CommandsPort, CommandName) -> Result<T, CommandError>,
    ) -> wasmtime::Result<Result<T, guest::CommandError>> {
        let Ok(name) = name.parse::<CommandName>() else {
            let reason = "there is no command of this name, and there can be none".to_owned();
            return Ok(Err(guest::CommandError::NotPinned(reason)));
        };
        let identity = Arc::clone(&self.running()?.identity);
        if let Err(denial) = identity.permissions.command(&name) {
            return Ok(Err(guest::CommandError::Denied(self.denied(&denial))));
        }
        let port = connected(self.ports.commands.as_ref())?;
        let command = prepare(port.as_ref(), name.clone());
        if command.is_ok() {
            identity.uses.mark(&Use::Command(&name));
        }
        Ok(command.map_err(|error| self.command_failed(name.as_str(), error)))
    }

    /// Returns the error for a guest that runs too many programs at once, and logs it.
    fn too_many_programs(&self, name: &str) -> guest::CommandError {
        let (limit, value) = (LimitName::ParallelCommands, u64::from(PROCESSES_MAX));
        let error = CallError::Limit { name: limit, value };
        let message = format!(
            "the command `{}` was not started: {error}",
            name.escape_debug()
        );
        self.log.note(LogLevel::Warn, message);
        guest::CommandError::Limit(types::LimitReached {
            name: limit.as_str().to_owned(),
            value,
        })
    }

    /// Logs why a command was not run or did not end by itself, and returns the error for the
    /// guest.
    fn command_failed(&self, name: &str, error: CommandError) -> guest::CommandError {
        let (message, error) = error.into_guest(name);
        self.log.note(LogLevel::Warn, message);
        error
    }
}

impl CommandError {
    /// Returns the message for the log, and the error for the guest.
    fn into_guest(self, name: &str) -> (String, guest::CommandError) {
        match self {
            Self::NotPinned(reason) => (reason.clone(), guest::CommandError::NotPinned(reason)),
            Self::ArgumentsRefused(reason) => (
                reason.clone(),
                guest::CommandError::ArgumentsRefused(reason),
            ),
            Self::OptionsRefused(reason) => {
                (reason.clone(), guest::CommandError::OptionsRefused(reason))
            }
            Self::NotStarted(reason) => (reason.clone(), guest::CommandError::NotStarted(reason)),
            Self::TimedOut { after_ms } => (
                format!(
                    "the command `{name}` was killed after {after_ms} ms, the time limit of its pin"
                ),
                guest::CommandError::TimedOut(after_ms),
            ),
        }
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
        let prepared = self.command(&name, |port, name| {
            let request = CommandRequest {
                name,
                arguments,
                folder: None,
                variables: Vec::new(),
            };
            port.prepare(request, stdin)
        })?;
        let run = match prepared {
            Ok(run) => run,
            Err(error) => return Ok(Err(error)),
        };
        effects::begin(self.ports.effects.as_ref())?;
        self.data_share()?;
        match run.await {
            Ok(output) => {
                let message = format!("ran the command `{name}`: {}", end_shown(output.end));
                self.log.note(LogLevel::Info, message);
                self.count_bytes(output.stdout.bytes.len() + output.stderr.bytes.len())?;
                Ok(Ok(output_to_guest(output)?))
            }
            Err(RequestFault::Guest(error)) => Ok(Err(self.command_failed(&name, error))),
            Err(RequestFault::Host(error)) => Err(error.into()),
        }
    }

    async fn start(
        &mut self,
        name: String,
        arguments: Vec<String>,
        options: guest::StartOptions,
    ) -> wasmtime::Result<Result<Resource<GuestProcess>, guest::CommandError>> {
        let guest::StartOptions {
            folder,
            variables,
            stdin,
        } = options;
        let of_arguments = arguments.iter().map(String::len).sum::<usize>();
        let of_variables = variables.iter().map(|it| it.name.len() + it.value.len());
        let of_folder = folder.as_ref().map_or(0, String::len);
        let n_bytes = name.len() + of_arguments + of_variables.sum::<usize>() + of_folder;
        self.count_host_call(n_bytes)?;
        let stdin = match stdin {
            guest::StdinSource::Empty => StdinSource::Empty,
            guest::StdinSource::Piped => StdinSource::Piped,
        };
        let prepared = self.command(&name, |port, name| {
            let variables = variables.into_iter().map(|it| (it.name, it.value));
            let request = CommandRequest {
                name,
                arguments,
                folder,
                variables: variables.collect(),
            };
            port.prepare_start(request, stdin)
        })?;
        let start = match prepared {
            Ok(start) => start,
            Err(error) => return Ok(Err(error)),
        };
        let Some(place) = self.running()?.processes.place() else {
            return Ok(Err(self.too_many_programs(&name)));
        };
        let descriptors = self.pipes_take()?;
        effects::begin(self.ports.effects.as_ref())?;
        self.data_share()?;
        match start() {
            Ok(started) => {
                let message = format!("started the command `{name}`");
                self.log.note(LogLevel::Info, message);
                let processes = &mut self.running()?.processes;
                let process = processes.run(name, place, started, descriptors);
                Ok(Ok(self.table.push(process)?))
            }
            Err(RequestFault::Guest(error)) => Ok(Err(self.command_failed(&name, error))),
            Err(RequestFault::Host(error)) => Err(error.into()),
        }
    }
}

/// Says how a program ended.
fn end_shown(end: End) -> String {
    match end {
        End::Exit(code) => format!("it ended with {code}"),
        End::Signal(number) => format!("it was ended by signal {number}"),
    }
}

/// Returns the end of a program to the guest. wait(2) reports both numbers as one byte.
fn end_to_guest(end: End) -> wasmtime::Result<guest::End> {
    Ok(match end {
        End::Exit(code) => guest::End::Exit(code.try_into()?),
        End::Signal(number) => guest::End::Signal(number.try_into()?),
    })
}

fn output_to_guest(output: ProgramOutput) -> wasmtime::Result<guest::Output> {
    let printed = |printed: Printed| guest::Printed {
        bytes: printed.bytes,
        cut: printed.is_cut,
    };
    Ok(guest::Output {
        end: end_to_guest(output.end)?,
        stdout: printed(output.stdout),
        stderr: printed(output.stderr),
    })
}
