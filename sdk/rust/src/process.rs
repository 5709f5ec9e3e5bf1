//! Commands that run while the method continues: their streams, their end, and how to kill them.

use std::io::{self, Read, Write};

use crate::host::{InputStream, OutputStream, Pollable, StreamError, commands, poll};
use crate::{CommandError, End, Output, Printed};

/// The size of one read, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// How much of each output [`Process::wait_with_output`] returns, in bytes.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// A command that was started and may still run.
///
/// Dropping this value kills the command, and every process that it has started, if it has not
/// ended. Returning from the method drops it, too.
///
/// ```no_run
/// use std::io::{BufRead, BufReader, Write};
///
/// use sedge_sdk::{Context, Failure};
///
/// fn evaluate(cx: &Context, lines: &[&str]) -> Result<Vec<String>, Failure> {
///     let mut process = cx.command("calculator").start()?;
///     let streams = process.stdin.take().zip(process.stdout.take());
///     let (mut stdin, stdout) = streams.expect("they are taken once");
///     let mut stdout = BufReader::new(stdout);
///     let mut answers = Vec::new();
///     for line in lines {
///         writeln!(stdin, "{line}")?;
///         let mut answer = String::new();
///         stdout.read_line(&mut answer)?;
///         answers.push(answer);
///     }
///     drop(stdin);
///     process.wait()?;
///     Ok(answers)
/// }
/// ```
#[derive(Debug)]
#[must_use = "dropping a process kills it"]
pub struct Process {
    command: String,
    /// The stream to its stdin. Dropping it lets the command see the end of its input.
    pub stdin: Option<ProcessStdin>,
    /// The stream of its stdout.
    pub stdout: Option<ProcessOutput>,
    /// The stream of its stderr.
    pub stderr: Option<ProcessOutput>,
    handle: commands::Process,
}

/// The stream to the stdin of a [`Process`]. A write waits until the bytes are in its pipe.
#[derive(Debug)]
pub struct ProcessStdin(OutputStream);

/// The stream of the stdout or stderr of a [`Process`]. It can be read after the end of the process,
/// too. Dropping it closes it.
#[derive(Debug)]
pub struct ProcessOutput(InputStream);

impl Process {
    pub(crate) fn new(command: String, handle: commands::Process) -> Self {
        Self {
            command,
            stdin: handle.stdin().map(ProcessStdin),
            stdout: handle.stdout().map(ProcessOutput),
            stderr: handle.stderr().map(ProcessOutput),
            handle,
        }
    }

    /// Returns how the command ended, and `None` while it runs.
    ///
    /// # Errors
    /// The command was not started, or did not end by itself.
    pub fn try_wait(&self) -> Result<Option<End>, CommandError> {
        let ended = self.handle.get().transpose();
        let ended = ended.map_err(|error| CommandError::of(self.command.clone(), error))?;
        Ok(ended.map(End::from))
    }

    /// Waits until the command has ended.
    ///
    /// A command that prints more than its pipe holds waits until its output is read. So read it
    /// before, drop the stream, or call [`Process::wait_with_output`]. A command that reads its
    /// stdin until the end waits until the stream is dropped.
    ///
    /// # Errors
    /// The command was not started, or did not end by itself.
    pub fn wait(&self) -> Result<End, CommandError> {
        let ended = self.handle.wait();
        let ended = ended.map_err(|error| CommandError::of(self.command.clone(), error))?;
        Ok(End::from(ended))
    }

    /// Drops stdin, reads both outputs as far as they were not taken, and waits for the end. Of each
    /// output at most 1 MiB is returned.
    ///
    /// # Errors
    /// The command was not started, or did not end by itself.
    pub fn wait_with_output(self) -> Result<Output, CommandError> {
        self.wait_with(&[])
    }

    /// Writes these bytes to stdin while it reads both outputs, and waits for the end.
    pub(crate) fn wait_with(mut self, stdin: &[u8]) -> Result<Output, CommandError> {
        let mut stdin = Feed {
            stream: self.stdin.take().filter(|_| !stdin.is_empty()),
            rest: stdin,
        };
        let mut stdout = Drain::new(self.stdout.take());
        let mut stderr = Drain::new(self.stderr.take());
        while wait_for_any(&[stdin.subscribe(), stdout.subscribe(), stderr.subscribe()]) {
            stdin.advance();
            stdout.advance();
            stderr.advance();
        }
        let end = self.wait()?;
        Ok(Output {
            end,
            stdout: stdout.printed,
            stderr: stderr.printed,
        })
    }

    /// Kills the command, and every process that it has started, if it has not ended. They are dead
    /// when this returns.
    pub fn kill(&self) {
        self.handle.kill();
    }

    /// Returns a pollable that is ready once the command has ended.
    #[must_use]
    pub fn subscribe(&self) -> Pollable {
        self.handle.subscribe()
    }
}

impl ProcessStdin {
    /// Returns a pollable that is ready once bytes can be written, or no process reads them any more.
    #[must_use]
    pub fn subscribe(&self) -> Pollable {
        self.0.subscribe()
    }

    /// Waits until the stream takes bytes. Returns how many.
    fn n_free(&self) -> io::Result<usize> {
        loop {
            let n_free = self.0.check_write().map_err(io_error)?;
            if n_free > 0 {
                return Ok(usize::try_from(n_free).unwrap_or(usize::MAX));
            }
            self.0.subscribe().block();
        }
    }
}

impl Write for ProcessStdin {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let n_bytes = self.n_free()?.min(bytes.len());
        self.0.write(&bytes[..n_bytes]).map_err(io_error)?;
        self.flush()?;
        Ok(n_bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(io_error)?;
        self.n_free().map(drop)
    }
}

impl ProcessOutput {
    /// Returns a pollable that is ready once there are bytes to read, or the stream is at its end.
    #[must_use]
    pub fn subscribe(&self) -> Pollable {
        self.0.subscribe()
    }
}

impl Read for ProcessOutput {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let n_bytes = bytes.len().min(PIECE_BYTES);
        match self.0.blocking_read(n_bytes as u64) {
            Ok(piece) => {
                bytes[..piece.len()].copy_from_slice(&piece);
                Ok(piece.len())
            }
            Err(StreamError::Closed) => Ok(0),
            Err(error) => Err(io_error(error)),
        }
    }
}

/// Waits until one of these is ready. Returns `false` if there is none.
///
/// It takes them from the caller's expression, so they are dropped before the streams are advanced: a
/// stream cannot be dropped while it has a pollable.
fn wait_for_any(waits: &[Option<Pollable>]) -> bool {
    let waits: Vec<&Pollable> = waits.iter().flatten().collect();
    if waits.is_empty() {
        return false;
    }
    poll(&waits);
    true
}

fn io_error(error: StreamError) -> io::Error {
    match error {
        StreamError::Closed => io::ErrorKind::BrokenPipe.into(),
        StreamError::LastOperationFailed(error) => io::Error::other(error.to_debug_string()),
    }
}

/// Input that is written while the outputs are read.
struct Feed<'a> {
    /// `None` once all is written, or no process reads it any more.
    stream: Option<ProcessStdin>,
    rest: &'a [u8],
}

impl Feed<'_> {
    fn subscribe(&self) -> Option<Pollable> {
        self.stream.as_ref().map(ProcessStdin::subscribe)
    }

    /// Writes as much as the stream takes. All is written once the stream takes more.
    fn advance(&mut self) {
        let Some(stream) = &self.stream else { return };
        let is_open = match stream.0.check_write() {
            Ok(0) => true,
            Ok(_) if self.rest.is_empty() => false,
            Ok(n_free) => {
                let n_free = usize::try_from(n_free).unwrap_or(usize::MAX);
                let (piece, rest) = self.rest.split_at(n_free.min(self.rest.len()));
                self.rest = rest;
                stream.0.write(piece).is_ok()
            }
            Err(_) => false,
        };
        if !is_open {
            self.stream = None;
        }
    }
}

/// An output that is collected.
struct Drain {
    /// `None` once it is at its end.
    stream: Option<ProcessOutput>,
    printed: Printed,
}

impl Drain {
    fn new(stream: Option<ProcessOutput>) -> Self {
        Self {
            stream,
            printed: Printed {
                bytes: Vec::new(),
                is_cut: false,
            },
        }
    }

    fn subscribe(&self) -> Option<Pollable> {
        self.stream.as_ref().map(ProcessOutput::subscribe)
    }

    /// Reads what there is.
    fn advance(&mut self) {
        let Some(stream) = &self.stream else { return };
        match stream.0.read(PIECE_BYTES as u64) {
            Ok(piece) => {
                let left = OUTPUT_BYTES_MAX - self.printed.bytes.len();
                self.printed.is_cut |= piece.len() > left;
                self.printed
                    .bytes
                    .extend_from_slice(&piece[..piece.len().min(left)]);
            }
            Err(StreamError::Closed) => self.stream = None,
            // The pin has a limit on the output.
            Err(StreamError::LastOperationFailed(_)) => {
                self.printed.is_cut = true;
                self.stream = None;
            }
        }
    }
}
