//! The interface `commands`.

pub(crate) use crate::bindings::sedge::model::commands::*;

use std::rc::Rc;

use super::super::permissions::Attempt;
use super::super::program::{Program, Stream};
use super::super::script::{CommandHandler, CommandRun};
use super::super::world::{World, current};
use super::io::{InputStream, OutputStream, Pollable};
use crate::bindings::sedge::model::types::LimitReached;

/// Lets the handler of the test answer a command.
pub(crate) fn run(
    name: &str,
    arguments: &[String],
    stdin: Option<&[u8]>,
) -> Result<Output, CommandError> {
    let command = CommandRun {
        name: name.to_owned(),
        arguments: arguments.to_vec(),
        stdin: stdin.map(<[u8]>::to_vec).unwrap_or_default(),
        ..CommandRun::default()
    };
    let handler = current(|world| admitted(world, &command))?;
    current(|world| world.scripts.commands_run.push(command.clone()));
    let output = handler(&command);
    output.map(Output::from).map_err(CommandError::from)
}

/// Starts a command, which the handler of the test answers later.
pub(crate) fn start(
    name: &str,
    arguments: &[String],
    options: &StartOptions,
) -> Result<Process, CommandError> {
    let variables = options.variables.iter();
    let command = CommandRun {
        name: name.to_owned(),
        arguments: arguments.to_vec(),
        stdin: Vec::new(),
        folder: options.folder.clone(),
        variables: variables
            .map(|it| (it.name.clone(), it.value.clone()))
            .collect(),
    };
    let handler = current(|world| admitted(world, &command))?;
    Ok(Process {
        program: Rc::new(Program::new(command, handler)),
        has_stdin: options.stdin == StdinSource::Piped,
    })
}

/// A program that was started.
#[derive(Debug)]
pub(crate) struct Process {
    program: Rc<Program>,
    has_stdin: bool,
}

impl Process {
    pub(crate) fn stdin(&self) -> Option<OutputStream> {
        self.has_stdin
            .then(|| OutputStream::new(Rc::clone(&self.program)))
    }

    pub(crate) fn stdout(&self) -> Option<InputStream> {
        let program = Rc::clone(&self.program);
        Some(InputStream::new(program, Stream::Stdout))
    }

    pub(crate) fn stderr(&self) -> Option<InputStream> {
        let program = Rc::clone(&self.program);
        Some(InputStream::new(program, Stream::Stderr))
    }

    pub(crate) fn subscribe(&self) -> Pollable {
        Pollable::now()
    }

    pub(crate) fn get(&self) -> Option<Result<End, CommandError>> {
        Some(self.wait())
    }

    pub(crate) fn wait(&self) -> Result<End, CommandError> {
        let ended = self.program.end();
        ended.map(End::from).map_err(CommandError::from)
    }

    pub(crate) fn kill(&self) {
        self.program.kill();
    }
}

/// Checks that the running call may run a command, and returns the handler that answers it.
fn admitted(world: &World, command: &CommandRun) -> Result<CommandHandler, CommandError> {
    let permitted = world.permitted(&Attempt::Command(&command.name));
    permitted.map_err(CommandError::Denied)?;
    let name = &command.name;
    let handler = world.scripts.command(name);
    handler.ok_or_else(|| {
        // The host writes a pattern of the arguments, if there are any.
        let arguments = match command.arguments.is_empty() {
            true => "[]",
            false => "[...]",
        };
        CommandError::NotPinned(format!(
            "`{name}` is not pinned; these lines in sedge.yaml would pin it\n\
             commands:\n  {name}: {{program: /path/of/it, arguments: {arguments}}}"
        ))
    })
}

impl From<crate::End> for End {
    fn from(end: crate::End) -> Self {
        match end {
            crate::End::Exit(code) => Self::Exit(code),
            crate::End::Signal(number) => Self::Signal(number),
        }
    }
}

impl From<crate::Output> for Output {
    fn from(output: crate::Output) -> Self {
        let printed = |printed: crate::Printed| Printed {
            bytes: printed.bytes,
            cut: printed.is_cut,
        };
        Self {
            end: output.end.into(),
            stdout: printed(output.stdout),
            stderr: printed(output.stderr),
        }
    }
}

impl From<crate::CommandError> for CommandError {
    fn from(error: crate::CommandError) -> Self {
        match error {
            crate::CommandError::Denied { message, .. } => Self::Denied(message),
            crate::CommandError::NotPinned { message, .. } => Self::NotPinned(message),
            crate::CommandError::ArgumentsRefused { message, .. } => {
                Self::ArgumentsRefused(message)
            }
            crate::CommandError::OptionsRefused { message, .. } => Self::OptionsRefused(message),
            crate::CommandError::Limit { name, value, .. } => {
                Self::Limit(LimitReached { name, value })
            }
            crate::CommandError::TimedOut { after_ms, .. } => Self::TimedOut(after_ms),
            crate::CommandError::NotStarted { message, .. } => Self::NotStarted(message),
        }
    }
}
