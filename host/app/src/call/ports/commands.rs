//! The programs that a call runs. The host finds them by their pins in `sedge.yaml`, and checks the
//! arguments, the folder and the variables against the pin.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sedge_lang::repository::CONFIG_FILE;
use sedge_lang::type_info::MethodKind;
use sedge_locks::joined::{JoinedMethods, Pass};
use sedge_model::command::{CommandPin, LINEAGE_VARIABLE, is_reserved, narrowest_form};
use sedge_model::lineage::Lineage;
use sedge_model::names::{CommandName, EnvName};
use sedge_runtime::{
    CommandError, CommandRequest, CommandRun, CommandStart, CommandsPort, HostError, RequestFault,
    StartedCommand,
};
use sedge_sys::command::{self, Command, PipedBytes, StdinSource, StreamedProgram, WorkFolder};
use sedge_sys::folder::{FileError, Folder};
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

/// The maximum size of the value of a variable that a guest sets, in bytes. The guest chooses the
/// length, and Linux refuses a program whose environment and arguments take too much.
const VARIABLE_BYTES_MAX: usize = 32 << 10;

/// The maximum size of the path of a folder that a guest chooses, in bytes, as in Linux (`PATH_MAX`).
const FOLDER_BYTES_MAX: usize = 4096;

/// The number of characters shown of a text that is refused. The guest chooses its length.
const SHOWN_CHARS_MAX: usize = 100;

impl CommandsPort for CallPorts {
    fn prepare(&self, request: CommandRequest, stdin: Vec<u8>) -> Result<CommandRun, CommandError> {
        let prepared = self.prepared(request)?;
        Ok(Box::pin(async move {
            // The pass is valid until the program and all processes that it started have ended.
            let (command, _pass) = prepared.begin().map_err(RequestFault::Host)?;
            let output_bytes_max = prepared
                .output_bytes_max
                .unwrap_or(COMMAND_OUTPUT_BYTES_MAX);
            let bytes = PipedBytes {
                stdin,
                output_bytes_max,
            };
            let ran = command::run(prepared.cx.repository.command_slots(), command, bytes);
            ran.await.map_err(fault)
        }))
    }

    fn prepare_start(
        &self,
        request: CommandRequest,
        stdin: StdinSource,
    ) -> Result<CommandStart, CommandError> {
        let prepared = self.prepared(request)?;
        Ok(Box::new(move || {
            let (command, pass) = prepared.begin().map_err(RequestFault::Host)?;
            let program = command.program.clone();
            let limit = prepared.output_bytes_max.map(|it| it as u64);
            let slots = prepared.cx.repository.command_slots();
            let started = command::start(slots, command, stdin, limit)
                .map_err(|source| fault(command::ProgramError::NotStarted { program, source }))?;
            let StreamedProgram {
                stdin,
                stdout,
                stderr,
                end,
            } = started;
            Ok(StartedCommand {
                stdin,
                stdout,
                stderr,
                end: Box::pin(async move {
                    // See `prepare`.
                    let _pass = pass;
                    end.await.map_err(fault)
                }),
            })
        }))
    }
}

/// A command that its pin allows, and that can begin.
struct PreparedCommand {
    cx: Arc<RunCx>,
    lineage: Lineage,
    methods: JoinedMethods,
    command: Command,
    output_bytes_max: Option<usize>,
}

impl PreparedCommand {
    /// Returns the command with its token, and the pass for which the token stands.
    fn begin(&self) -> Result<(Command, Pass), HostError> {
        let (cx, mut command) = (&self.cx, self.command.clone());
        let pass = cx.locks.pass(&self.lineage, cx.lock_claim(), self.methods);
        let pass = pass.map_err(carried)?;
        let tokens = pass.tokens(cx.repository.lineage_tokens());
        command
            .variables
            .push((LINEAGE_VARIABLE.to_owned(), tokens));
        cx.command_runs();
        Ok((command, pass))
    }
}

impl CallPorts {
    /// Checks a request against the pin.
    fn prepared(&self, request: CommandRequest) -> Result<PreparedCommand, CommandError> {
        let CommandRequest {
            name,
            arguments,
            folder,
            variables,
        } = request;
        let (repository, writable) = (&self.cx.repository, &self.caller.writable);
        let Some(pin) = repository.config().commands.get(&name) else {
            return Err(not_pinned(&name, &arguments));
        };
        arguments_check(&name, pin, &arguments)?;
        let variables = variables_checked(&name, pin, variables)?;
        let folder = self.work_folder(&name, pin, folder)?;
        let path = folder.as_ref().map(|it| it.path.as_path());
        let chosen = pin.arguments.chosen_paths(&arguments);
        let reached = reachable(path, chosen, writable);
        refuse(&name, reached).map_err(CommandError::ArgumentsRefused)?;
        let pinned = std::iter::once(&*pin.program).chain(pin.cwd.as_deref());
        let reached = reachable(Some(repository.path()), pinned, writable);
        refuse(&name, reached).map_err(CommandError::NotStarted)?;
        let of_machine = pin.environment.iter().filter_map(|name| {
            let value = variable(name.as_str())?;
            Some((name.to_string(), value))
        });
        let time_max = pin.timeout_seconds.map(|it| it.get().into());
        Ok(PreparedCommand {
            cx: Arc::clone(&self.cx),
            lineage: self.caller.frame.lock_lineage().clone(),
            methods: joined_methods(self.identity().kind),
            command: Command {
                reaper: repository.reaper(),
                program: PathBuf::from(&pin.program),
                arguments,
                // Of two values of a variable, the last one counts.
                variables: of_machine.chain(variables).collect(),
                folder,
                time_max: time_max.map(Duration::from_secs),
            },
            output_bytes_max: pin.output_kibibytes.map(|it| it.get() as usize * 1024),
        })
    }

    /// Returns the folder that a command runs in: that of its pin, or one below it that the guest
    /// chose. Returns `None` if it runs in an empty folder.
    fn work_folder(
        &self,
        name: &CommandName,
        pin: &CommandPin,
        chosen: Option<String>,
    ) -> Result<Option<WorkFolder>, CommandError> {
        let cwd = cwd_of(&self.cx.repository, pin);
        let Some(chosen) = chosen else {
            return Ok(cwd.map(WorkFolder::at));
        };
        let refused = |reason: String| {
            CommandError::OptionsRefused(format!(
                "the command `{name}` of {CONFIG_FILE} is not run in `{}`: {reason}",
                shown(&chosen)
            ))
        };
        let Some(cwd) = cwd.filter(|_| pin.subfolders) else {
            let keys = match pin.cwd {
                Some(_) => "`subfolders: true`",
                None => "`cwd: FOLDER` and `subfolders: true`",
            };
            let reason =
                format!("its pin lets no model choose a folder; {keys} in the pin would allow it");
            return Err(refused(reason));
        };
        if !is_below(&chosen) {
            let reason = "it has to be a relative path without `..`, of at most 4096 bytes";
            return Err(refused(reason.to_owned()));
        }
        let reached = reachable(
            Some(cwd.as_path()),
            [chosen.as_str()],
            &self.caller.writable,
        );
        refuse(name, reached).map_err(CommandError::OptionsRefused)?;
        let unusable = |error: FileError| refused(format!("{error}: {}", error.source));
        let top = Folder::open(&cwd).map_err(unusable)?;
        let Some(identity) = top.folder_below(&chosen).map_err(unusable)? else {
            let reason = "there is no such folder below `cwd` of its pin; links are not followed";
            return Err(refused(reason.to_owned()));
        };
        Ok(Some(WorkFolder {
            path: cwd.join(&chosen),
            identity: Some(identity),
        }))
    }
}

fn not_pinned(name: &CommandName, arguments: &[String]) -> CommandError {
    // ignored: an `Option`; arguments that cannot be written are left to the operator.
    let form = narrowest_form(arguments).unwrap_or_else(|| "[...]".to_owned());
    CommandError::NotPinned(format!(
        "`{name}` is not pinned; these lines in {CONFIG_FILE} would pin it\n\
         commands:\n  {name}: {{program: /path/of/it, arguments: {form}}}"
    ))
}

/// Checks arguments. The error has the line that would allow exactly these, if it can be written.
fn arguments_check(
    name: &CommandName,
    pin: &CommandPin,
    arguments: &[String],
) -> Result<(), CommandError> {
    pin.arguments.check(arguments).map_err(|error| {
        let reason =
            format!("the command `{name}` of {CONFIG_FILE} does not take these arguments: {error}");
        let form = narrowest_form(arguments);
        let reason = match form.and_then(|form| pin.arguments.extended(&form)) {
            Some(forms) => {
                format!("{reason}; this line in its pin would allow them, too\narguments: {forms}")
            }
            None => reason,
        };
        CommandError::ArgumentsRefused(reason)
    })
}

/// Checks the variables that a guest sets.
fn variables_checked(
    name: &CommandName,
    pin: &CommandPin,
    variables: Vec<(String, String)>,
) -> Result<Vec<(String, String)>, CommandError> {
    let refused = |variable: &str, reason: &str| {
        CommandError::OptionsRefused(format!(
            "the command `{name}` of {CONFIG_FILE} is not run with the variable `{}`: {reason}",
            shown(variable)
        ))
    };
    let mut checked: Vec<(String, String)> = Vec::new();
    for (variable, value) in variables {
        let Ok(parsed) = variable.parse::<EnvName>() else {
            return Err(refused(&variable, "it has to be the name of a variable"));
        };
        if !pin.variables.contains(&parsed) {
            let reason = match is_reserved(&parsed) {
                true => "no model may set it, because it can decide which code a program runs"
                    .to_owned(),
                false => {
                    let all = pin.variables.iter().chain([&parsed]).map(EnvName::as_str);
                    let all: Vec<&str> = all.collect();
                    format!(
                        "its pin lets no model set it; this line in the pin would allow it\nvariables: [{}]",
                        all.join(", ")
                    )
                }
            };
            return Err(refused(&variable, &reason));
        }
        if value.len() > VARIABLE_BYTES_MAX || value.contains('\0') {
            let reason = "its value has more than 32 KiB, or a NUL character";
            return Err(refused(&variable, reason));
        }
        if checked.iter().any(|(other, _)| *other == variable) {
            return Err(refused(&variable, "it is set twice"));
        }
        checked.push((variable, value));
    }
    Ok(checked)
}

/// Returns whether a path stays below its start folder, judged by its text.
fn is_below(path: &str) -> bool {
    let is_name = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let is_bounded = !path.is_empty() && path.len() <= FOLDER_BYTES_MAX;
    is_bounded && !path.contains('\0') && Path::new(path).components().all(is_name)
}

/// Returns a text of a guest as a message shows it.
fn shown(text: &str) -> String {
    let beginning: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    beginning.escape_debug().to_string()
}

/// Returns the methods that a `sedge` which a command starts may run: those that the call may call.
fn joined_methods(kind: MethodKind) -> JoinedMethods {
    match kind {
        MethodKind::Read => JoinedMethods::Reads,
        MethodKind::Observe => JoinedMethods::Observations,
        MethodKind::Create | MethodKind::Update | MethodKind::Delete | MethodKind::Action => {
            JoinedMethods::All
        }
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
            shown(path)
        )),
        Err(error) => Err(format!(
            "the command `{name}` of {CONFIG_FILE} is not run, because Sedge cannot check whether the call may write to its files: {error}: {}",
            error.source
        )),
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
