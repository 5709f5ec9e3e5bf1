//! A program that a method has started. It runs when its output or its end is asked for, with what was
//! written to its stdin until then.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;

use super::script::{CommandHandler, CommandRun};
use super::world::current;
use crate::{CommandError, End, Output, Printed};

/// A program that a method has started.
pub(crate) struct Program(RefCell<State>);

struct State {
    command: CommandRun,
    handler: CommandHandler,
    ended: Option<Result<End, CommandError>>,
    stdout: Printing,
    stderr: Printing,
}

/// One output of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// The output that was not read yet.
#[derive(Debug, Default)]
struct Printing {
    rest: VecDeque<u8>,
    is_cut: bool,
}

impl From<Printed> for Printing {
    fn from(printed: Printed) -> Self {
        Self {
            rest: printed.bytes.into(),
            is_cut: printed.is_cut,
        }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.borrow();
        f.debug_tuple("Program").field(&state.command).finish()
    }
}

impl Program {
    pub(super) fn new(command: CommandRun, handler: CommandHandler) -> Self {
        Self(RefCell::new(State {
            command,
            handler,
            ended: None,
            stdout: Printing::default(),
            stderr: Printing::default(),
        }))
    }

    /// Returns whether the program has run.
    pub(super) fn has_ended(&self) -> bool {
        self.0.borrow().ended.is_some()
    }

    /// Adds bytes to the stdin of the program. Returns whether it can still read them.
    pub(super) fn write(&self, bytes: &[u8]) -> bool {
        let mut state = self.0.borrow_mut();
        state.command.stdin.extend_from_slice(bytes);
        state.ended.is_none()
    }

    /// Returns the next bytes of an output, and whether more of it was dropped.
    pub(super) fn read(&self, stream: Stream, n_max: usize) -> (Vec<u8>, bool) {
        self.run();
        let mut state = self.0.borrow_mut();
        let printing = match stream {
            Stream::Stdout => &mut state.stdout,
            Stream::Stderr => &mut state.stderr,
        };
        let n_bytes = printing.rest.len().min(n_max);
        (printing.rest.drain(..n_bytes).collect(), printing.is_cut)
    }

    /// Returns how the program ended.
    pub(super) fn end(&self) -> Result<End, CommandError> {
        self.run();
        let state = self.0.borrow();
        state.ended.clone().expect("the program has run")
    }

    /// Ends the program, unless it has run.
    pub(super) fn kill(&self) {
        self.0.borrow_mut().ended.get_or_insert(Ok(End::Signal(9)));
    }

    /// Lets the handler of the test answer, once. It may use the context of the test, so it runs
    /// outside of the look-up.
    fn run(&self) {
        let (command, handler) = {
            let state = self.0.borrow();
            if state.ended.is_some() {
                return;
            }
            (state.command.clone(), state.handler.clone())
        };
        current(|world| world.scripts.commands_run.push(command.clone()));
        let output = handler(&command);
        let mut state = self.0.borrow_mut();
        state.ended = Some(match output {
            Ok(Output {
                end,
                stdout,
                stderr,
            }) => {
                state.stdout = stdout.into();
                state.stderr = stderr.into();
                Ok(end)
            }
            Err(error) => Err(error),
        });
    }
}
