//! Programs of the machine, run as commands. A program inherits nothing of this process but what
//! [`Command`] names, and all processes that it started end with it.
//!
//! Each program is started by a *reaper*, a small program of its own (`reaper.rs`). When [`run`] is
//! over because the program ended, its deadline passed or the future was dropped, the reaper has
//! killed every process that descends from the program, whatever session, group or environment
//! those processes chose. The reaper does the same if this process dies, also by `kill -9`: it
//! notices that its socket was closed. If the reaper itself is killed, this process kills the
//! processes that the reaper left.
//!
//! How descendants are found depends on the operating system (`platform/`). On Linux the kernel
//! makes the reaper the parent of every orphan below it, and this process the parent of the orphans
//! of a killed reaper. None of this needs `/proc`. Without `/proc`, finding orphans takes a second.
//!
//! The program's session has no terminal, so the program can neither read passwords from one nor
//! write to it.
//!
//! On Linux two cases are not covered. Processes survive if the program kills its reaper *and* this
//! process. A process that runs as another user, for example by `sudo`, survives because a user may
//! not kill it, unless the machine delegated a control group to the user. macOS covers less: see
//! `platform/macos/descendants.rs`. Descriptors that the parent of this process left open for its
//! children are open in the program, too; descriptors that this process opens are not.

mod pipes;
mod reaper;
mod report;
mod start;
mod streams;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::clock::{self, Moment};
use crate::identity::Identity;
use pipes::Pipes;
pub use reaper::reaper_main;
use report::ReaperReport;
use start::{Reaper, StartError, Work};
pub use streams::{
    OutputRead, ProgramEnd, ProgramOutputStream, ProgramStdin, ReadFault, StreamedProgram,
};

/// The version that a reaper and the process that starts it have to share.
const PROTOCOL: &str = env!("CARGO_PKG_VERSION");

/// How many programs run at once by default; others wait in a queue. Each takes several
/// descriptors, so without this limit one guest that starts many programs would leave none for
/// other guests.
const AT_ONCE_MAX: usize = 64;

/// The places of the programs that run at once. Clones share the places.
#[derive(Debug, Clone)]
pub struct CommandSlots(Arc<Semaphore>);

impl CommandSlots {
    /// Returns places for `n_at_once` programs.
    #[must_use]
    pub fn new(n_at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(n_at_once)))
    }
}

impl Default for CommandSlots {
    fn default() -> Self {
        Self::new(AT_ONCE_MAX)
    }
}

/// How long output is read after the end of the program. All of it is in the pipes by then. Only a
/// process that survives in one of the cases above can still hold them open.
const REST_TIME_MAX: Duration = Duration::from_secs(1);

/// A program, and how to run it.
#[derive(Debug, Clone)]
pub struct Command {
    /// The path of the reaper, the program `sedge-reaper`.
    pub reaper: PathBuf,
    /// The path of the program.
    pub program: PathBuf,
    /// Its arguments, passed unchanged and without a shell.
    pub arguments: Vec<String>,
    /// Its environment.
    pub variables: Vec<(String, String)>,
    /// The folder it runs in. If `None`, it runs in an empty folder that is removed afterwards.
    pub folder: Option<WorkFolder>,
    /// The most time it may take; unlimited if `None`.
    pub time_max: Option<Duration>,
}

/// The folder that a program runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkFolder {
    /// Its path.
    pub path: PathBuf,
    /// Its identity when it was checked. The program is not started in any other folder to which the
    /// path leads by then. `None` if it was not checked.
    pub identity: Option<Identity>,
}

impl WorkFolder {
    /// Returns the folder to which a path leads when the program is started.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self {
            path,
            identity: None,
        }
    }
}

/// What passes through the pipes of a program that is run to its end.
#[derive(Debug, Clone)]
pub struct PipedBytes {
    /// The bytes it can read from stdin.
    pub stdin: Vec<u8>,
    /// How many bytes of each output are kept. Further output is read and dropped.
    pub output_bytes_max: usize,
}

/// What a program whose streams are served by its user can read from stdin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StdinSource {
    /// Nothing.
    Empty,
    /// What the user writes.
    Piped,
}

/// The result of a program that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramOutput {
    /// How it ended.
    pub end: End,
    /// What it and its descendants printed to stdout.
    pub stdout: Printed,
    /// What it and its descendants printed to stderr.
    pub stderr: Printed,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It exited with this code.
    Exit(i32),
    /// A signal of this number ended it.
    Signal(i32),
}

/// Captured output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Printed {
    /// The output, or its beginning if it was cut.
    pub bytes: Vec<u8>,
    /// Whether there was more output.
    pub is_cut: bool,
}

/// Why a program was not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It could not be started.
    #[error("cannot start `{}`", program.display())]
    NotStarted {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder that it is to run in cannot be entered.
    #[error("cannot run `{}` in `{}`", program.display(), folder.display())]
    Folder {
        /// The program.
        program: PathBuf,
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The reaper cannot be used, and so no program can be run.
    #[error("cannot run commands without `{}`", reaper.display())]
    Reaper {
        /// Where the reaper was expected.
        reaper: PathBuf,
        /// Why it cannot be used.
        source: ReaperFault,
    },
    /// It took longer than it may.
    #[error("`{}` took longer than {} s", program.display(), after.as_secs_f64())]
    TimedOut {
        /// The program.
        program: PathBuf,
        /// How long it may take.
        after: Duration,
    },
    /// Its end could not be waited for.
    #[error("cannot wait for `{}`", program.display())]
    Wait {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Why a reaper cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReaperFault {
    /// It cannot be executed.
    #[error("it cannot be executed")]
    NotExecuted(#[source] io::Error),
    /// It belongs to another version of this program.
    #[error("it is of another version than this program, {PROTOCOL}")]
    OtherVersion,
    /// It failed.
    #[error("it failed: {0}")]
    Failed(String),
}

/// Waits for one of the `slots`, and runs a program until it ends. Every process that it left
/// behind is then killed.
///
/// Dropping the future kills the program and its descendants before the drop returns.
///
/// # Errors
/// The program cannot be started, or takes too long.
pub async fn run(
    slots: &CommandSlots,
    command: Command,
    bytes: PipedBytes,
) -> Result<ProgramOutput, ProgramError> {
    let _slot = slots.0.acquire().await;
    let begin = Moment::now();
    let (reaper, pipes) = piped(&command, bytes)?;
    let (work, stdout, stderr) = in_time(&command, begin, talked(reaper, pipes)).await?;
    Ok(ProgramOutput {
        end: end_of(&command, &work)?,
        stdout,
        stderr,
    })
}

/// Prepares a program whose streams are served by its user. It starts when
/// [`StreamedProgram::end`] is polled and one of the `slots` is free.
///
/// # Errors
/// A resource of this process is missing.
pub fn start(
    slots: &CommandSlots,
    command: Command,
    stdin: StdinSource,
    output_bytes_max: Option<u64>,
) -> io::Result<StreamedProgram> {
    let (stdin, stdin_end) = match stdin {
        StdinSource::Empty => (None, nothing()?),
        StdinSource::Piped => {
            let (end, pipe) = io::pipe()?;
            (Some(ProgramStdin::new(pipe)?), end.into())
        }
    };
    let (stdout, stdout_end) = io::pipe()?;
    let (stderr, stderr_end) = io::pipe()?;
    let ends = [stdin_end, stdout_end.into(), stderr_end.into()];
    let slots = slots.clone();
    Ok(StreamedProgram {
        stdin,
        stdout: ProgramOutputStream::new(stdout, output_bytes_max)?,
        stderr: ProgramOutputStream::new(stderr, output_bytes_max)?,
        end: Box::pin(async move {
            let _slot = slots.0.acquire().await;
            let begin = Moment::now();
            let mut reaper = started(&command, ends)?;
            let work = in_time(&command, begin, async { reaper.ended().await }).await?;
            end_of(&command, &work)
        }),
    })
}

/// Starts a program and the service of its pipes.
fn piped(command: &Command, bytes: PipedBytes) -> Result<(Reaper, Pipes), ProgramError> {
    let pipes = || -> io::Result<_> {
        let (stdin, feed) = match bytes.stdin.is_empty() {
            true => (nothing()?, None),
            false => {
                let (stdin, feed) = io::pipe()?;
                (stdin.into(), Some((feed, bytes.stdin)))
            }
        };
        let (read_stdout, stdout) = io::pipe()?;
        let (read_stderr, stderr) = io::pipe()?;
        let outputs = [read_stdout, read_stderr];
        let pipes = Pipes::new(feed, outputs, bytes.output_bytes_max)?;
        Ok((pipes, [stdin, stdout.into(), stderr.into()]))
    };
    let (pipes, ends) = pipes().map_err(|source| not_started(command, source))?;
    Ok((started(command, ends)?, pipes))
}

/// Starts a program with these descriptors as its stdin, stdout and stderr.
fn started(command: &Command, ends: [OwnedFd; 3]) -> Result<Reaper, ProgramError> {
    let folder = match &command.folder {
        Some(given) => Ok(given),
        None => Err(empty_folder().map_err(|source| not_started(command, source))?),
    };
    Reaper::start(command, folder, ends).map_err(|error| match error {
        StartError::Reaper(source) => ProgramError::Reaper {
            reaper: command.reaper.clone(),
            source: ReaperFault::NotExecuted(source),
        },
        StartError::Other(source) => not_started(command, source),
    })
}

fn not_started(command: &Command, source: io::Error) -> ProgramError {
    ProgramError::NotStarted {
        program: command.program.clone(),
        source,
    }
}

/// Waits for the end of a program that has begun at `begin`, at most as long as the program may
/// take.
async fn in_time<T>(
    command: &Command,
    begin: Moment,
    ended: impl Future<Output = io::Result<T>>,
) -> Result<T, ProgramError> {
    let ended = match command.time_max {
        None => ended.await,
        Some(after) => match clock::until(begin.after(after), ended).await {
            Ok(ended) => ended,
            Err(clock::DeadlinePassed) => {
                let program = command.program.clone();
                return Err(ProgramError::TimedOut { program, after });
            }
        },
    };
    ended.map_err(|source| ProgramError::Wait {
        program: command.program.clone(),
        source,
    })
}

/// Serves the pipes of a program until it has ended.
async fn talked(mut reaper: Reaper, mut pipes: Pipes) -> io::Result<(Work, Printed, Printed)> {
    let work = {
        let mut talk = pin!(pipes.talk());
        let ended = tokio::select! {
            () = &mut talk => None,
            work = reaper.ended() => Some(work?),
        };
        match ended {
            None => reaper.ended().await?,
            Some(work) => {
                // ignored: the pipes report the output as cut if it was not read by then.
                let _ = clock::until(Moment::now().after(REST_TIME_MAX), talk).await;
                work
            }
        }
    };
    let (stdout, stderr) = pipes.printed();
    Ok((work, stdout, stderr))
}

/// Returns a stdin that is at its end.
fn nothing() -> io::Result<OwnedFd> {
    Ok(File::open("/dev/null")?.into())
}

/// Creates an empty folder for one program.
fn empty_folder() -> io::Result<TempDir> {
    tempfile::Builder::new()
        .prefix("sedge-command-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
}

/// Returns how a program ended, according to its reaper's reports.
fn end_of(command: &Command, work: &Work) -> Result<End, ProgramError> {
    let (program, reaper) = (command.program.clone(), command.reaper.clone());
    let unusable = |source| ProgramError::Reaper { reaper, source };
    let source = |errno: &i32| io::Error::from_raw_os_error(*errno);
    match work.reports.first() {
        Some(ReaperReport::Ended(end)) => Ok(*end),
        Some(ReaperReport::ProgramFailed(errno)) => Err(ProgramError::NotStarted {
            program,
            source: source(errno),
        }),
        Some(ReaperReport::FolderFailed(errno)) => Err(ProgramError::Folder {
            program,
            // ignored: an `Option`; a command that names no folder runs in an empty one.
            folder: command.folder.clone().map(|it| it.path).unwrap_or_default(),
            source: source(errno),
        }),
        Some(ReaperReport::OtherVersion) => Err(unusable(ReaperFault::OtherVersion)),
        Some(ReaperReport::ReaperFailed(errno)) => {
            Err(unusable(ReaperFault::Failed(source(errno).to_string())))
        }
        // The reaper was killed, and the program with it.
        None if work.status.signal().is_some() => Ok(End::Signal(Signal::KILL.as_raw())),
        Some(ReaperReport::Gone) | None => {
            Err(unusable(ReaperFault::Failed(work.status.to_string())))
        }
    }
}
