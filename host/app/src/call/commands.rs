//! The programs that a call runs. The host finds them by their pins in `sedge.yaml` and checks the
//! arguments against the pin.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sedge_model::command::{CommandPin, LINEAGE_VARIABLE};
use sedge_model::lineage::Lineage;
use sedge_model::names::CommandName;
use sedge_model::repository::CONFIG_FILE;
use sedge_runtime::{CommandError, CommandRun, Fault, HostError};
use sedge_sys::command::{self, Command};
use sedge_sys::folder::FileError;
use sedge_sys::host::variable;
use sedge_sys::identity::Identity;

use super::outside::store_fault;
use super::rulers::{cwd_of, reachable};
use crate::error::{AppError, ProcessError};
use crate::limits::COMMAND_OUTPUT_BYTES_MAX;
use crate::run::cx::RunCx;

/// The number of characters shown of a path that is refused. The guest chooses its length.
const SHOWN_CHARS_MAX: usize = 100;

/// A command that a call requests to run.
pub(super) struct Asked<'a> {
    pub(super) name: &'a CommandName,
    pub(super) arguments: Vec<String>,
    pub(super) stdin: Vec<u8>,
}

/// The call that requests the command.
pub(super) struct By {
    pub(super) lineage: Lineage,
    /// Whether the call's method is of kind `read`.
    pub(super) only_reads: bool,
    /// The folders that the call, or one of its callers, may write to.
    pub(super) writable: Arc<BTreeSet<Identity>>,
}

/// Returns the program of a pin, ready to run with the requested arguments.
///
/// # Errors
/// Returns an error if there is no such pin, or if the pin does not allow the arguments.
pub(super) fn prepare(
    cx: &Arc<RunCx>,
    by: By,
    asked: Asked<'_>,
) -> Result<CommandRun, CommandError> {
    let name = asked.name;
    let Some(pin) = cx.repository.config().commands.get(name) else {
        return Err(CommandError::NotPinned(format!(
            "`{name}` is not pinned; these lines in {CONFIG_FILE} would pin it\n\
             commands:\n  {name}: {{program: /path/of/it, arguments: [...]}}"
        )));
    };
    let checked = pin.arguments.check(&asked.arguments);
    checked.map_err(|error| {
        let reason =
            format!("the command `{name}` of {CONFIG_FILE} does not take these arguments: {error}");
        CommandError::ArgumentsRefused(reason)
    })?;
    let cwd = cwd_of(&cx.repository, pin);
    let chosen = pin.arguments.chosen_paths(&asked.arguments);
    let reached = reachable(cwd.as_deref(), chosen, &by.writable);
    refuse(name, reached).map_err(CommandError::ArgumentsRefused)?;
    let pinned = std::iter::once(&*pin.program).chain(pin.cwd.as_deref());
    let reached = reachable(Some(cx.repository.path()), pinned, &by.writable);
    refuse(name, reached).map_err(CommandError::NotStarted)?;
    let mut command = command_of(cx, pin, asked);
    let cx = Arc::clone(cx);
    Ok(Box::pin(async move {
        // The pass is valid until the program and all processes that it started have ended.
        let pass = cx.locks.pass(&by.lineage, by.only_reads);
        let pass = pass.map_err(|error| Fault::Host(store_fault(error)))?;
        let tokens = pass.tokens(cx.repository.lineage_tokens());
        command
            .variables
            .push((LINEAGE_VARIABLE.to_owned(), tokens));
        command::run(command).await.map_err(fault)
    }))
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

fn command_of(cx: &RunCx, pin: &CommandPin, asked: Asked<'_>) -> Command {
    let variables = pin.environment.iter().filter_map(|name| {
        let value = variable(name.as_str())?;
        Some((name.to_string(), value))
    });
    let output_bytes_max = pin.output_kibibytes.map(|it| it.get() as usize * 1024);
    Command {
        reaper: cx.repository.reaper(),
        program: PathBuf::from(&pin.program),
        arguments: asked.arguments,
        variables: variables.collect(),
        folder: cwd_of(&cx.repository, pin),
        stdin: asked.stdin,
        output_bytes_max: output_bytes_max.unwrap_or(COMMAND_OUTPUT_BYTES_MAX),
        time_max: pin
            .timeout_seconds
            .map(|it| Duration::from_secs(it.get().into())),
    }
}

fn fault(error: command::CommandError) -> Fault<CommandError> {
    match error {
        command::CommandError::NotStarted { ref source, .. }
        | command::CommandError::Folder { ref source, .. } => {
            Fault::Guest(CommandError::NotStarted(format!("{error}: {source}")))
        }
        command::CommandError::TimedOut { after, .. } => Fault::Guest(CommandError::TimedOut {
            after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
        }),
        command::CommandError::Reaper { reaper, source } => {
            Fault::Host(store_fault(AppError::from(ProcessError::ReaperUnusable {
                reaper,
                source,
            })))
        }
        error @ command::CommandError::Wait { .. } => Fault::Host(HostError::new(error)),
    }
}
