//! Programs of the machine: each is given nothing of this process but what is named, and ends
//! together with all that it started.
//!
//! What is promised: when [`run`] is over, whether the program ended, its time was up or the
//! future was dropped, every process is dead that the program started, and those started, as far
//! as it can be told by one of three signs: it is in the program's process group, a living process
//! of them is its parent, or it has the program's token in its environment
//! ([`TOKEN_VARIABLE`]), which is inherited. So a process that only leaves its group or its session,
//! or whose parent is gone, does not get away. The program has a session of its own, and so no
//! terminal to read passwords from or to write to. When this process itself is killed, the kernel
//! kills the program.
//!
//! What is not promised: a process gets away that has all three undone, that is, one that has left
//! the group, has lost its parent *and* was started without the variable (or has written over
//! it, or lets nobody read it, as agents that keep keys do: `PR_SET_DUMPABLE`); and one that runs as
//! another user, by `sudo` and the like. When this process itself is
//! killed, nobody is left to look for what the program had started in its turn: such processes live
//! on, unless they end with the program by themselves. Files that whoever started this process left
//! open for its children are open in the program, too; none of those that this process opens is.

mod pipes;
mod start;
#[cfg(test)]
mod tests;
mod tree;

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::clock::{self, Moment};
use crate::random;
use pipes::Pipes;
use tree::Tree;

/// The variable that every program gets, and that all have which it starts: a token of its own,
/// behind those of the commands that this process itself is part of, with `/` between.
pub const TOKEN_VARIABLE: &str = "SEDGE_COMMAND";

/// How many programs run at once; others wait for their turn. Each takes a handful of descriptors,
/// of which a process often has no more than 1024, and a thread: without this, one guest that
/// starts many would leave none for its neighbours.
const AT_ONCE_MAX: usize = 64;

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE_MAX);

/// How long what a program printed is read after its end. All of it is in the pipes by then, and
/// nobody holds them any more, but for a process that got away.
const REST_TIME_MAX: Duration = Duration::from_secs(1);

/// A program, and how it is to be run.
#[derive(Debug, Clone)]
pub struct Command {
    /// Where it is.
    pub program: PathBuf,
    /// What it is given, each as it is: no shell sees them.
    pub arguments: Vec<String>,
    /// Its environment, beside [`TOKEN_VARIABLE`].
    pub variables: Vec<(String, String)>,
    /// Where it runs; in an empty folder that is removed afterwards where that is none.
    pub folder: Option<PathBuf>,
    /// What it can read from stdin.
    pub stdin: Vec<u8>,
    /// How many bytes of each output are kept; what is beyond is read all the same.
    pub output_bytes_max: usize,
    /// How long it may take, if that is limited.
    pub time_max: Option<Duration>,
}

/// What became of a program that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub end: End,
    /// What it and its children printed to stdout.
    pub stdout: Printed,
    /// The same of stderr.
    pub stderr: Printed,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Exit(i32),
    /// By a signal of this number.
    Signal(i32),
}

/// What was printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Printed {
    /// It, or its beginning.
    pub bytes: Vec<u8>,
    /// Whether there was more.
    pub is_cut: bool,
}

/// Why a program was not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("cannot start `{}`", program.display())]
    NotStarted {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
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

/// Runs a program until it ends. What it started and left behind is killed then.
///
/// Dropping the future kills all of it, before it returns; when the program itself has ended, and
/// only what it left behind is yet to be killed, soon after.
///
/// # Errors
/// The program cannot be started, or takes too long.
pub async fn run(command: Command) -> Result<Output, CommandError> {
    let _turn = TURNS.acquire().await;
    let (program, time_max) = (command.program.clone(), command.time_max);
    let begin = Moment::now();
    let running = Running::start(command).map_err(|source| CommandError::NotStarted {
        program: program.clone(),
        source,
    })?;
    let ended = match time_max {
        None => running.end().await,
        Some(after) => match clock::until(begin.after(after), running.end()).await {
            Ok(ended) => ended,
            Err(clock::TimeIsUp) => return Err(CommandError::TimedOut { program, after }),
        },
    };
    ended.map_err(|source| CommandError::Wait { program, source })
}

/// A program that runs. Dropping it ends it.
struct Running {
    tree: Tree,
    pipes: Pipes,
}

impl Running {
    fn start(command: Command) -> io::Result<Self> {
        let empty = match command.folder {
            Some(_) => None,
            None => Some(empty_folder()?),
        };
        let given = command.folder.as_deref();
        let folder = given.or(empty.as_ref().map(TempDir::path));
        let token = format!("{:016x}{:016x}", random::bits(), random::bits());
        let stdin = match command.stdin.is_empty() {
            true => Stdio::null(),
            false => Stdio::piped(),
        };
        let mut program = std::process::Command::new(&command.program);
        program
            .args(&command.arguments)
            .env_clear()
            .envs(command.variables)
            .env(TOKEN_VARIABLE, path_of_tokens(&token))
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(folder) = folder {
            program.current_dir(folder);
        }
        let child = start::start(program)?;
        let mut tree = Tree::new(child, token, empty)?;
        let pipes = Pipes::of(tree.child(), command.stdin, command.output_bytes_max)?;
        Ok(Self { tree, pipes })
    }

    async fn end(self) -> io::Result<Output> {
        let Self {
            mut tree,
            mut pipes,
        } = self;
        let status = {
            let mut talk = pin!(pipes.talk());
            let has_talked = tokio::select! {
                () = &mut talk => true,
                ended = tree.ended() => { ended?; false }
            };
            if has_talked {
                tree.ended().await?;
            }
            // It looks through all processes of the machine.
            let finish = tokio::task::spawn_blocking(move || tree.finish());
            let status = finish.await.map_err(io::Error::other)??;
            if !has_talked {
                // What is not read until then is told by the pipes.
                // ignored: what is not read until then is reported by the pipes.
                let _ = clock::until(Moment::now().after(REST_TIME_MAX), talk).await;
            }
            status
        };
        let (stdout, stderr) = pipes.printed();
        Ok(Output {
            end: end_of(status)?,
            stdout,
            stderr,
        })
    }
}

/// Makes a folder for a program alone.
fn empty_folder() -> io::Result<TempDir> {
    tempfile::Builder::new()
        .prefix("sedge-command-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
}

/// Returns the value of [`TOKEN_VARIABLE`] for a program with this token. One that this process
/// is part of can so be found by the token of that one, too.
fn path_of_tokens(token: &str) -> OsString {
    // ignored: there is no error here, only no value.
    let mut path = std::env::var_os(TOKEN_VARIABLE).unwrap_or_default();
    if !path.is_empty() {
        path.push("/");
    }
    path.push(token);
    path
}

fn end_of(status: ExitStatus) -> io::Result<End> {
    let exit = status.code().map(End::Exit);
    let end = exit.or_else(|| status.signal().map(End::Signal));
    end.ok_or_else(|| {
        io::Error::other(format!(
            "it ended neither by itself nor by a signal: {status}"
        ))
    })
}
