//! What the SDK uses of `wasi:io`: pollables, and the streams of programs.
//!
//! Nothing happens beside the code of the test, so everything but a timer and a cancellation is ready at
//! once. Waiting for a timer advances the clock of the test.

use std::fmt;
use std::rc::Rc;

use super::super::program::{Program, Stream};
use super::super::world::current;

/// Something to wait for.
#[derive(Debug)]
pub struct Pollable(Wait);

#[derive(Debug, Clone, Copy)]
enum Wait {
    Now,
    /// At this time of the test's clock, in milliseconds.
    At(u64),
    Cancellation,
}

impl Pollable {
    pub(crate) fn now() -> Self {
        Self(Wait::Now)
    }

    pub(crate) fn at(ms: u64) -> Self {
        Self(Wait::At(ms))
    }

    pub(crate) fn cancellation() -> Self {
        Self(Wait::Cancellation)
    }

    /// Returns whether it is ready.
    #[must_use]
    pub fn ready(&self) -> bool {
        match self.0 {
            Wait::Now => true,
            Wait::At(ms) => current(|world| world.now_ms >= ms),
            Wait::Cancellation => current(|world| world.is_cancelled),
        }
    }

    /// Waits until it is ready.
    pub fn block(&self) {
        poll(&[self]);
    }
}

/// Waits until one of the pollables is ready, and returns the places of those that are. The clock of the
/// test advances to the first timer if nothing else is ready.
///
/// # Panics
/// There are none, or none of them will ever be ready: the method would wait until its deadline.
pub fn poll(pollables: &[&Pollable]) -> Vec<u32> {
    let ready = || -> Vec<u32> {
        let all = (0_u32..).zip(pollables);
        all.filter(|(_, it)| it.ready()).map(|(at, _)| at).collect()
    };
    let found = ready();
    if !found.is_empty() {
        return found;
    }
    let timers = pollables.iter().filter_map(|it| match it.0 {
        Wait::At(ms) => Some(ms),
        Wait::Now | Wait::Cancellation => None,
    });
    let first = timers.min();
    let first = first.expect("the method waits for something that never happens in this test");
    current(|world| world.now_ms = first);
    ready()
}

/// The output of a program.
#[derive(Debug)]
pub(crate) struct InputStream {
    program: Rc<Program>,
    stream: Stream,
}

/// The input of a program.
#[derive(Debug)]
pub(crate) struct OutputStream(Rc<Program>);

/// Why a stream has no more bytes.
#[derive(Debug)]
pub(crate) enum StreamError {
    /// It is at its end, or nothing reads it.
    Closed,
    /// The pin of the program has a limit, which was reached.
    LastOperationFailed(StreamFault),
}

/// The reason of a failed operation.
#[derive(Debug)]
pub(crate) struct StreamFault;

impl StreamFault {
    pub(crate) fn to_debug_string(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for StreamFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the program printed more than its pin allows to store")
    }
}

impl InputStream {
    pub(crate) fn new(program: Rc<Program>, stream: Stream) -> Self {
        Self { program, stream }
    }

    /// Returns the next bytes.
    pub(crate) fn read(&self, bytes_max: u64) -> Result<Vec<u8>, StreamError> {
        let n_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let (piece, is_cut) = self.program.read(self.stream, n_max);
        match (piece.is_empty(), is_cut) {
            (false, _) => Ok(piece),
            (true, true) => Err(StreamError::LastOperationFailed(StreamFault)),
            (true, false) => Err(StreamError::Closed),
        }
    }

    /// Returns the next bytes. All of them are there once the program has run.
    pub(crate) fn blocking_read(&self, bytes_max: u64) -> Result<Vec<u8>, StreamError> {
        self.read(bytes_max)
    }

    pub(crate) fn subscribe(&self) -> Pollable {
        Pollable::now()
    }
}

impl OutputStream {
    pub(crate) fn new(program: Rc<Program>) -> Self {
        Self(program)
    }

    /// Returns how many bytes can be written.
    pub(crate) fn check_write(&self) -> Result<u64, StreamError> {
        match self.0.has_ended() {
            true => Err(StreamError::Closed),
            false => Ok(1 << 30),
        }
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), StreamError> {
        match self.0.write(bytes) {
            true => Ok(()),
            false => Err(StreamError::Closed),
        }
    }

    pub(crate) fn flush(&self) -> Result<(), StreamError> {
        Ok(())
    }

    pub(crate) fn subscribe(&self) -> Pollable {
        Pollable::now()
    }
}
