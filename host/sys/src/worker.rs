//! A child process of this program that works on untrusted input, within limits of time and memory.
//! It reads bytes and returns bytes.
//!
//! Some work can neither be interrupted nor have its memory counted within a process. For a
//! separate process the operating system does both. The child inherits nothing but its three pipes
//! and has an empty environment. It ends when this process ends: the kernel then closes the other
//! end of its stdin.

mod child;

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::net::unix::pipe;
use tokio::task::coop::consume_budget;

pub use child::{WorkerAllocator, WorkerLimits, serve};

use crate::clock::{self, Moment};

/// The exit code of a child whose memory was used up.
const EXIT_NO_MEMORY: u8 = 75;

/// The most bytes of a child's stderr that are kept, enough for a panic's message.
const STDERR_BYTES_MAX: usize = 4096;

/// How often a child that has closed its pipes is checked until it ends.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// How much is read at once, in bytes: the capacity of a Linux pipe.
const READ_BYTES: usize = 64 << 10;

/// Work for a child.
#[derive(Debug)]
pub struct WorkerTask<'a> {
    /// The path of this program.
    pub program: PathBuf,
    /// The arguments that make the program call [`serve`].
    pub arguments: Vec<String>,
    /// The child's input.
    pub input: &'a [u8],
    /// The most bytes that the child may return.
    pub output_bytes_max: u64,
    /// The deadline for the result.
    pub deadline: Moment,
}

/// Why a child returned no result.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The child cannot be started.
    #[error("failed to start `{}`", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The deadline passed.
    #[error("it did not finish in time")]
    Time,
    /// The child needed more memory than its limit allows.
    #[error("it needed more memory than its limit allows")]
    Memory,
    /// The child ended without a result.
    #[error("it ended without a result ({status}){}", first_line(stderr))]
    Ended {
        /// Its exit status.
        status: ExitStatus,
        /// What it printed to stderr.
        stderr: String,
    },
    /// Reading or writing the child's pipes failed.
    #[error("failed to communicate with it")]
    Pipes(#[source] io::Error),
}

fn first_line(stderr: &str) -> String {
    match stderr.lines().next() {
        Some(line) => format!(": {line}"),
        None => String::new(),
    }
}

/// Has a child do some work, and returns the result. Dropping the future kills the child.
///
/// # Errors
/// The child cannot be started, reached a limit, or ended without a result.
pub async fn run(task: WorkerTask<'_>) -> Result<Vec<u8>, WorkerError> {
    let mut worker = Worker::start(&task)?;
    let talked = clock::until(task.deadline, worker.talk(&task)).await;
    let (output, stderr) = talked
        .map_err(|clock::DeadlinePassed| WorkerError::Time)?
        .map_err(WorkerError::Pipes)?;
    // The child has closed its pipes, so it has ended or is about to.
    let status = loop {
        if let Some(status) = worker.child.try_wait().map_err(WorkerError::Pipes)? {
            break status;
        }
        if task.deadline.left().is_zero() {
            return Err(WorkerError::Time);
        }
        clock::pause(POLL_INTERVAL).await;
    };
    if status.success() {
        return Ok(output);
    }
    if status.code() == Some(EXIT_NO_MEMORY.into()) {
        return Err(WorkerError::Memory);
    }
    let stderr = String::from_utf8_lossy(&stderr).trim().to_owned();
    Err(WorkerError::Ended { status, stderr })
}

/// A running child. Dropping it kills it.
struct Worker {
    child: Child,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // ignored: killing a child that has ended does not fail.
        let _ = self.child.kill();
        // ignored: a child that was killed ends at once.
        let _ = self.child.wait();
    }
}

impl Worker {
    fn start(task: &WorkerTask<'_>) -> Result<Self, WorkerError> {
        let mut command = Command::new(&task.program);
        command
            .args(&task.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().map_err(|source| WorkerError::Start {
            program: task.program.clone(),
            source,
        })?;
        Ok(Self { child })
    }

    /// Writes the child's input, and returns what it wrote to stdout and stderr.
    async fn talk(&mut self, task: &WorkerTask<'_>) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let missing = || io::Error::other("it has no pipe");
        let stdin = self.child.stdin.take().ok_or_else(missing)?;
        let stdout = self.child.stdout.take().ok_or_else(missing)?;
        let stderr = self.child.stderr.take().ok_or_else(missing)?;
        let stdin = pipe::Sender::from_owned_fd(stdin.into())?;
        let length = (task.input.len() as u64).to_le_bytes();
        let feed = async {
            write(&stdin, &length).await?;
            write(&stdin, task.input).await
        };
        let output_max = usize::try_from(task.output_bytes_max).unwrap_or(usize::MAX);
        let output = read(stdout.into(), output_max);
        let (fed, output, stderr) =
            tokio::join!(feed, output, read(stderr.into(), STDERR_BYTES_MAX));
        // The child needs this pipe open to know that this process is alive.
        drop(stdin);
        match fed {
            // The child's exit status says why it stopped reading.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            Ok(()) | Err(_) => Ok((output?, stderr?)),
        }
    }
}

async fn write(pipe: &pipe::Sender, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        pipe.writable().await?;
        match pipe.try_write(rest) {
            Ok(n_written) => rest = &rest[n_written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        consume_budget().await;
    }
    Ok(())
}

/// Reads until the other end is closed, and keeps at most `bytes_max` bytes.
async fn read(end: OwnedFd, bytes_max: usize) -> io::Result<Vec<u8>> {
    let pipe = pipe::Receiver::from_owned_fd(end)?;
    let mut kept = Vec::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        pipe.readable().await?;
        match pipe.try_read(&mut buffer) {
            Ok(0) => return Ok(kept),
            Ok(n_read) => {
                let n_kept = n_read.min(bytes_max - kept.len());
                kept.extend_from_slice(&buffer[..n_kept]);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        consume_budget().await;
    }
}
