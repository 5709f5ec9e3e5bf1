//! The programs that a call runs. The host finds them by their pins in `sedge.yaml` and checks the
//! arguments against the pin.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sedge_lang::repository::CONFIG_FILE;
use sedge_lang::type_info::MethodKind;
use sedge_model::command::{CommandPin, LINEAGE_VARIABLE};
use sedge_model::names::CommandName;
use sedge_runtime::{CommandError, CommandRun, CommandsPort, HostError, RequestFault};
use sedge_sys::command::{self, Command};
use sedge_sys::folder::FileError;
use sedge_sys::host::variable;

use super::CallPorts;
use crate::call::control_files::{cwd_of, reachable};
use crate::call::fault::carried;
use crate::error::{AppError, ProcessError};
use crate::run::cx::RunCx;

/// How much of each output of a command is kept, unless its pin sets another limit.
///
/// The guest has the output in memory, and so has the host while the command runs.
const COMMAND_OUTPUT_BYTES_MAX: usize = 1 << 20;

/// The number of characters shown of a path that is refused. The guest chooses its length.
const SHOWN_CHARS_MAX: usize = 100;

impl CommandsPort for CallPorts {
    fn prepare(
        &self,
        name: &CommandName,
        arguments: Vec<String>,
        stdin: Vec<u8>,
    ) -> Result<CommandRun, CommandError> {
        let (repository, writable) = (&self.cx.repository, &self.caller.writable);
        let Some(pin) = repository.config().commands.get(name) else {
            return Err(CommandError::NotPinned(format!(
                "`{name}` is not pinned; these lines in {CONFIG_FILE} would pin it\n\
                 commands:\n  {name}: {{program: /path/of/it, arguments: [...]}}"
            )));
        };
        let checked = pin.arguments.check(&arguments);
        checked.map_err(|error| {
            let reason = format!(
                "the command `{name}` of {CONFIG_FILE} does not take these arguments: {error}"
            );
            CommandError::ArgumentsRefused(reason)
        })?;
        let cwd = cwd_of(repository, pin);
        let chosen = pin.arguments.chosen_paths(&arguments);
        let reached = reachable(cwd.as_deref(), chosen, writable);
        refuse(name, reached).map_err(CommandError::ArgumentsRefused)?;
        let pinned = std::iter::once(&*pin.program).chain(pin.cwd.as_deref());
        let reached = reachable(Some(repository.path()), pinned, writable);
        refuse(name, reached).map_err(CommandError::NotStarted)?;
        let mut command = command_of(&self.cx, pin, arguments, stdin);
        let (cx, lineage) = (
            Arc::clone(&self.cx),
            self.caller.frame.lock_lineage().clone(),
        );
        let only_reads = self.identity().kind == MethodKind::Read;
        Ok(Box::pin(async move {
            // The pass is valid until the program and all processes that it started have ended.
            let pass = cx.locks.pass(&lineage, cx.lock_claim(), only_reads);
            let pass = pass.map_err(|error| RequestFault::Host(carried(error)))?;
            let tokens = pass.tokens(cx.repository.lineage_tokens());
            command
                .variables
                .push((LINEAGE_VARIABLE.to_owned(), tokens));
            cx.command_runs();
            let ran = command::run(cx.repository.command_slots(), command);
            ran.await.map_err(fault)
        }))
    }
}

/// Refuses a command if the call or its callers may write to a path that controls the command, or
/// if the host cannot check that.
///
/// The host never grants write access to a folder that a pin leads to. This function checks again,
/// because the pin's paths may lead elsewhere by now, and because the guest chose some arguments.
fn refuse(name: &CommandName, reached: Result<Option<&str>, FileError>) -> Result<(), String> {
    match reached {
        Ok(None) => Ok(()),
        Ok(Some(path)) => Err(format!(
            "the command `{name}` of {CONFIG_FILE} is not run with `{}`: it leads to a folder that the call, or a caller of it, may write to",
            path.chars().take(SHOWN_CHARS_MAX).collect::<String>()
        )),
        Err(error) => Err(format!(
            "the command `{name}` of {CONFIG_FILE} is not run, because Sedge cannot check whether the call may write to its files: {error}: {}",
            error.source
        )),
    }
}

fn command_of(cx: &RunCx, pin: &CommandPin, arguments: Vec<String>, stdin: Vec<u8>) -> Command {
    let variables = pin.environment.iter().filter_map(|name| {
        let value = variable(name.as_str())?;
        Some((name.to_string(), value))
    });
    let output_bytes_max = pin.output_kibibytes.map(|it| it.get() as usize * 1024);
    Command {
        reaper: cx.repository.reaper(),
        program: PathBuf::from(&pin.program),
        arguments,
        variables: variables.collect(),
        folder: cwd_of(&cx.repository, pin),
        stdin,
        output_bytes_max: output_bytes_max.unwrap_or(COMMAND_OUTPUT_BYTES_MAX),
        time_max: pin
            .timeout_seconds
            .map(|it| Duration::from_secs(it.get().into())),
    }
}

fn fault(error: command::ProgramError) -> RequestFault<CommandError> {
    match error {
        command::ProgramError::NotStarted { ref source, .. }
        | command::ProgramError::Folder { ref source, .. } => {
            RequestFault::Guest(CommandError::NotStarted(format!("{error}: {source}")))
        }
        command::ProgramError::TimedOut { after, .. } => {
            RequestFault::Guest(CommandError::TimedOut {
                after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
            })
        }
        command::ProgramError::Reaper { reaper, source } => {
            RequestFault::Host(carried(AppError::from(ProcessError::ReaperUnusable {
                reaper,
                source,
            })))
        }
        error @ command::ProgramError::Wait { .. } => RequestFault::Host(HostError::new(error)),
    }
}
