//! The pipes of a program. Its input and outputs are served concurrently, so that neither side
//! waits for the other, and only a limited part of the output is kept.

use std::io::{self, ErrorKind, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;

use tokio::net::unix::pipe;
use tokio::task::coop::consume_budget;

use super::Printed;

/// How much is read at once, in bytes: the capacity of a Linux pipe.
const READ_BYTES: usize = 64 << 10;

/// A program's stdin, stdout and stderr.
pub(super) struct Pipes {
    stdin: Option<Feed>,
    stdout: Drain,
    stderr: Drain,
}

impl Pipes {
    /// Takes this process's ends of a program's pipes: one to write to, if the program has input,
    /// and one for each of its two outputs.
    ///
    /// # Errors
    /// The async runtime cannot watch the pipes.
    pub(super) fn new(
        stdin: Option<(PipeWriter, Vec<u8>)>,
        [stdout, stderr]: [PipeReader; 2],
        bytes_max: usize,
    ) -> io::Result<Self> {
        let feed = |(end, bytes): (PipeWriter, Vec<u8>)| Feed::new(end.into(), bytes);
        Ok(Self {
            stdin: stdin.map(feed).transpose()?,
            stdout: Drain::new(stdout.into(), bytes_max)?,
            stderr: Drain::new(stderr.into(), bytes_max)?,
        })
    }

    /// Writes all input, and reads the outputs until no process holds their other ends.
    pub(super) async fn talk(&mut self) {
        let Self {
            stdin,
            stdout,
            stderr,
        } = self;
        let feed = async {
            if let Some(feed) = stdin.take() {
                feed.write().await;
            }
        };
        tokio::join!(feed, stdout.read(), stderr.read());
    }

    /// Returns what was read from stdout and from stderr.
    pub(super) fn printed(self) -> (Printed, Printed) {
        (self.stdout.printed(), self.stderr.printed())
    }
}

struct Feed {
    pipe: pipe::Sender,
    bytes: Vec<u8>,
}

impl Feed {
    fn new(end: OwnedFd, bytes: Vec<u8>) -> io::Result<Self> {
        let pipe = pipe::Sender::from_owned_fd(end)?;
        Ok(Self { pipe, bytes })
    }

    /// Writes until all is written or no process reads any more; a program need not read its input.
    /// Then the pipe is closed.
    async fn write(self) {
        let mut rest = self.bytes.as_slice();
        while !rest.is_empty() && self.pipe.writable().await.is_ok() {
            match self.pipe.try_write(rest) {
                Ok(n_written) => {
                    rest = &rest[n_written..];
                    consume_budget().await;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}

struct Drain {
    pipe: pipe::Receiver,
    bytes_max: usize,
    bytes: Vec<u8>,
    /// Whether `bytes` is the complete output.
    is_whole: bool,
}

impl Drain {
    fn new(end: OwnedFd, bytes_max: usize) -> io::Result<Self> {
        Ok(Self {
            pipe: pipe::Receiver::from_owned_fd(end)?,
            bytes_max,
            bytes: Vec::new(),
            is_whole: false,
        })
    }

    async fn read(&mut self) {
        let mut buffer = vec![0; READ_BYTES];
        let mut is_too_much = false;
        while self.pipe.readable().await.is_ok() {
            match self.pipe.try_read(&mut buffer) {
                Ok(0) => {
                    self.is_whole = !is_too_much;
                    return;
                }
                Ok(n_read) => {
                    let n_kept = n_read.min(self.bytes_max - self.bytes.len());
                    self.bytes.extend_from_slice(&buffer[..n_kept]);
                    is_too_much |= n_kept < n_read;
                    // Without this, a program that writes faster than this task reads would starve
                    // other tasks.
                    consume_budget().await;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    fn printed(self) -> Printed {
        Printed {
            bytes: self.bytes,
            is_cut: !self.is_whole,
        }
    }
}
