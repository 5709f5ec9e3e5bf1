//! A child process of this program that works on what a stranger made: bytes in, bytes out,
//! within limits of time and memory.
//!
//! Some work cannot be interrupted, nor its memory counted, inside of a process. In a process
//! of its own the operating system does both. The child inherits nothing but its three pipes,
//! has an empty environment, and ends when this process ends: it holds one end of a pipe whose
//! other end the kernel closes then.

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

/// How a child ends that has no memory left.
const EXIT_NO_MEMORY: u8 = 75;

/// The most bytes of a child's stderr that are kept: a panic's words.
const STDERR_BYTES_MAX: usize = 4096;

/// How often a child is looked at that has closed its pipes and is yet to end.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// How much is read at once, in bytes: what a pipe of Linux holds.
const READ_BYTES: usize = 64 << 10;

/// Work for a child.
#[derive(Debug)]
pub struct Task<'a> {
    /// This program.
    pub program: PathBuf,
    /// What makes it call [`serve`].
    pub arguments: Vec<String>,
    /// What it is given.
    pub input: &'a [u8],
    /// How many bytes it may return.
    pub output_bytes_max: u64,
    /// When it has to be done.
    pub deadline: Moment,
}

/// Why a child did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It cannot be started.
    #[error("failed to start `{}`", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was not done by its deadline.
    #[error("it was not done in time")]
    Time,
    /// It needed more memory than it may have.
    #[error("it needed more memory than it may have")]
    Memory,
    /// It ended without a result.
    #[error("it ended without a result ({status}){}", said(stderr))]
    Ended {
        /// How.
        status: ExitStatus,
        /// What it printed to stderr.
        stderr: String,
    },
    /// Its pipes cannot be used.
    #[error("failed to talk to it")]
    Pipes(#[source] io::Error),
}

fn said(stderr: &str) -> String {
    match stderr.lines().next() {
        Some(line) => format!(": {line}"),
        None => String::new(),
    }
}

/// Has a child do some work, and returns its result. Dropping the future kills the child.
///
/// # Errors
/// It cannot be started, reached a limit, or ended without a result.
pub async fn run(task: Task<'_>) -> Result<Vec<u8>, WorkerError> {
    let mut worker = Worker::start(&task)?;
    let talked = clock::until(task.deadline, worker.talk(&task)).await;
    let (output, stderr) = talked
        .map_err(|clock::TimeIsUp| WorkerError::Time)?
        .map_err(WorkerError::Pipes)?;
    // It has closed its pipes, and so it has ended, or is about to.
    let status = loop {
        if let Some(status) = worker.child.try_wait().map_err(WorkerError::Pipes)? {
            break status;
        }
        if task.deadline.left().is_zero() {
            return Err(WorkerError::Time);
        }
        clock::pause(LOOK_EVERY).await;
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

/// A child at work. Dropping it kills it.
struct Worker {
    child: Child,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // ignored: it does not fail for a child that has ended.
        let _ = self.child.kill();
        // ignored: a child that was killed is gone at once.
        let _ = self.child.wait();
    }
}

impl Worker {
    fn start(task: &Task<'_>) -> Result<Self, WorkerError> {
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

    /// Gives it its input, and returns what it wrote to stdout and stderr.
    async fn talk(&mut self, task: &Task<'_>) -> io::Result<(Vec<u8>, Vec<u8>)> {
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
        // The child knows by this pipe that this process is alive.
        drop(stdin);
        match fed {
            // Its end says why it read no further.
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

/// Reads until the other end is closed, and keeps at most so much of it.
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
