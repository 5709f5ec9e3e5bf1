//! The program `sedge-reaper`: it starts one command for its parent process, and kills every
//! process that the command leaves behind.
//!
//! It leads a session of its own, and asks [`Descendants`] which processes belong to the command.
//! How they are found depends on the operating system.
//!
//! The reaper starts to kill when the program has ended, or when the other end of the socket on its
//! stdin is closed, by its parent or by the kernel after its parent died.

use std::ffi::OsString;
use std::io::{ErrorKind, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, recvmsg};
use rustix::process::{Pid, WaitOptions, WaitStatus, setsid, wait};
use tokio::net;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::report::ReaperReport;
use super::{End, PROTOCOL};
use crate::identity::Identity;
use crate::platform::{Descendants, RECEIVE_FLAGS, received_settle};
use crate::{clock, resources};

/// How often children are killed without a pause in between. A program that forks as fast as it can
/// may stay ahead for some rounds.
const ROUNDS_WITHOUT_PAUSE: u32 = 64;

/// The pause between later rounds. A process that waits for a disk dies late.
const PAUSE: Duration = Duration::from_millis(1);

/// Signals that a supervisor, or the kernel when a terminal is closed, sends to all processes of a
/// job. The reaper has to outlive them, or its command would.
const SURVIVED: [fn() -> SignalKind; 3] = [
    SignalKind::hangup,
    SignalKind::interrupt,
    SignalKind::terminate,
];

/// The parsed arguments of the reaper.
struct Order {
    /// The limit for the program's open descriptors; the reaper's own limit if `None`.
    descriptors_max: Option<u64>,
    folder: PathBuf,
    /// The identity that the folder has to have, as text. Empty if any folder will do.
    identity: OsString,
    /// Whether the folder was created for the program, and is removed with it.
    is_own_folder: bool,
    program: OsString,
    arguments: Vec<OsString>,
}

/// Runs the program `sedge-reaper`. Its environment is passed on to the command.
///
/// Only Sedge starts the reaper, with a socket as its stdin. Otherwise it fails.
#[must_use]
pub fn reaper_main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run() -> Result<(), Errno> {
    let outputs = received()?;
    let control = std::io::stdin().as_fd().try_clone_to_owned();
    let control = UnixStream::from(control.map_err(errno_of)?);
    control.set_nonblocking(true).map_err(errno_of)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(errno_of)?;
    runtime.block_on(async {
        let mut reports = control.try_clone().map_err(errno_of)?;
        let control = net::UnixStream::from_std(control).map_err(errno_of)?;
        let mut report = |report: ReaperReport| {
            // ignored: if the parent is dead, no process reads reports. A few frames never fill a
            // socket.
            let _ = reports.write_all(&report.to_frame());
        };
        let mut arguments = std::env::args_os().skip(1);
        if arguments.next().is_none_or(|version| version != PROTOCOL) {
            report(ReaperReport::OtherVersion);
            return Ok(());
        }
        let ended = match Order::parse(arguments) {
            None => Err(ReaperReport::ReaperFailed(Errno::INVAL.raw_os_error())),
            Some(order) => serve(&order, outputs, &control, &mut report).await,
        };
        report(ended.err().unwrap_or(ReaperReport::Gone));
        Ok(())
    })
}

/// Receives the program's stdin, stdout and stderr over the socket on the reaper's stdin.
fn received() -> Result<Vec<OwnedFd>, Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut buffers = [IoSliceMut::new(&mut byte)];
    let stdin = std::io::stdin();
    recvmsg(&stdin, &mut buffers, &mut ancillary, RECEIVE_FLAGS)?;
    let mut received = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            received.extend(descriptors);
        }
    }
    received_settle(&received)?;
    Ok(received)
}

impl Order {
    /// Reads `DESCRIPTORS own|given IDENTITY FOLDER PROGRAM ARGUMENTS…`; the number and the identity may
    /// be empty.
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        // ignored: an empty number means that no limit was passed.
        let descriptors_max = arguments.next()?.to_str()?.parse().ok();
        let is_own_folder = arguments.next()? == OWN_FOLDER;
        Some(Self {
            descriptors_max,
            is_own_folder,
            identity: arguments.next()?,
            folder: arguments.next()?.into(),
            program: arguments.next()?,
            arguments: arguments.collect(),
        })
    }

    /// Enters the folder of the program. It has to be the one that was checked: another one may have
    /// its name by now.
    fn enter_folder(&self) -> Result<(), Errno> {
        std::env::set_current_dir(&self.folder).map_err(errno_of)?;
        let here = Identity::of_current_folder().map_err(errno_of)?;
        match self.identity.is_empty() || self.identity == *here.to_string() {
            true => Ok(()),
            false => Err(Errno::STALE),
        }
    }

    /// Starts the program as the leader of a process group, and returns its process id.
    fn start(&self, outputs: Vec<OwnedFd>) -> Result<Pid, ReaperReport> {
        let [stdin, stdout, stderr] = <[OwnedFd; 3]>::try_from(outputs)
            .map_err(|_| ReaperReport::ReaperFailed(Errno::BADF.raw_os_error()))?;
        let entered = self.enter_folder();
        entered.map_err(|error| ReaperReport::FolderFailed(error.raw_os_error()))?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0);
        let child = command.spawn();
        let child =
            child.map_err(|error| ReaperReport::ProgramFailed(errno_of(error).raw_os_error()))?;
        Ok(Pid::from_child(&child))
    }
}

/// The argument for a folder that was created for the program.
pub(super) const OWN_FOLDER: &str = "own";

/// The argument for any other folder.
pub(super) const GIVEN_FOLDER: &str = "given";

/// Starts the program, and returns when no process below the reaper is left.
async fn serve(
    order: &Order,
    outputs: Vec<OwnedFd>,
    control: &net::UnixStream,
    report: &mut impl FnMut(ReaperReport),
) -> Result<(), ReaperReport> {
    let failed = |errno: Errno| ReaperReport::ReaperFailed(errno.raw_os_error());
    let (mut descendants, mut died, _survived) = prepare().map_err(failed)?;
    if let Some(max) = order.descriptors_max {
        let lowered = resources::descriptors_lower(max);
        lowered.map_err(|error| failed(errno_of(error)))?;
    }
    let leader = descendants.start(|| order.start(outputs)).await?;
    let mut is_ending = false;
    let mut n_rounds = 0;
    loop {
        let mut is_left = true;
        while is_left && let Some((pid, status)) = reaped(&mut is_left) {
            if pid == leader {
                report(ReaperReport::Ended(end_of(status)));
                is_ending = true;
            }
        }
        if !is_left && !descendants.has_orphans() {
            break;
        }
        if !is_ending {
            tokio::select! {
                () = descendants.changed(&mut died) => {}
                () = closed(control) => is_ending = true,
            }
            continue;
        }
        let killed = descendants.kill();
        if killed.n_killed == 0 && killed.n_denied > 0 {
            // All processes that are left run as another user.
            break;
        }
        n_rounds += 1;
        if n_rounds > ROUNDS_WITHOUT_PAUSE {
            clock::pause(PAUSE).await;
        } else {
            std::thread::yield_now();
        }
    }
    descendants.remove().await;
    if order.is_own_folder {
        // ignored: the process that created the folder removes it as well, unless it is dead.
        let _ = std::fs::remove_dir_all(&order.folder);
    }
    Ok(())
}

/// Makes this process a session leader that finds its descendants. Returns those, the stream of
/// SIGCHLD, and the streams of the signals that do not end this process while those values live.
fn prepare() -> Result<(Descendants, Signal, Vec<Signal>), Errno> {
    match setsid() {
        // This process leads a session already.
        Ok(_) | Err(Errno::PERM) => {}
        Err(error) => return Err(error),
    }
    let descendants = Descendants::new()?;
    let survived = SURVIVED.iter().map(|kind| signal(kind()));
    let survived: Result<Vec<Signal>, _> = survived.collect();
    let died = signal(SignalKind::child());
    let (died, survived) = (died.map_err(errno_of)?, survived.map_err(errno_of)?);
    Ok((descendants, died, survived))
}

/// Waits for a child that has died, and returns its id and status; `None` if no child has. Clears
/// `is_left` if this process has no children.
fn reaped(is_left: &mut bool) -> Option<(Pid, WaitStatus)> {
    match wait(WaitOptions::NOHANG) {
        Ok(reaped) => reaped,
        Err(Errno::INTR) => None,
        Err(_) => {
            *is_left = false;
            None
        }
    }
}

/// Waits until the other end of the socket is closed or sends anything.
async fn closed(control: &net::UnixStream) {
    while control.readable().await.is_ok() {
        match control.try_read(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => return,
        }
    }
}

fn end_of(status: WaitStatus) -> End {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => End::Exit(code),
        // ignored: an `Option`; without further options, a process that was waited for has either
        // exited or been killed by a signal.
        (None, signal) => End::Signal(signal.unwrap_or_default()),
    }
}

fn errno_of(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}
