//! Starts a reaper for each command, and has the reaper kill the command.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, IoSlice, Read};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{self, Child, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, sendmsg};
use rustix::process::Pid;
use tempfile::TempDir;
use tokio::net;

use super::reaper::{GIVEN_FOLDER, OWN_FOLDER};
use super::report::{FRAME_BYTES, ReaperReport};
use super::{Command, PROTOCOL, WorkFolder};
use crate::clock::Moment;
use crate::platform::{SEND_FLAGS, adopt_orphans, orphans_kill};
use crate::resources;

/// How long a reaper may take to kill a command whose call has ended. After that this process kills
/// the reaper, and then the processes that the reaper left.
const KILL_TIME_MAX: Duration = Duration::from_secs(1);

/// The process ids of the reapers that were started and not yet waited for.
// process-wide: the kernel gives the orphans of all commands to the process, and killing them must
// spare every reaper.
static REAPERS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// A running reaper. Dropping it kills its command and everything that the command started.
pub(super) struct Reaper {
    process: Child,
    control: Option<net::UnixStream>,
    reports: Vec<u8>,
    /// Dropped, and so removed, when no process works in it any more.
    _folder: Option<TempDir>,
}

/// The result of a reaper.
pub(super) struct Work {
    /// Its reports.
    pub(super) reports: Vec<ReaperReport>,
    /// Its exit status.
    pub(super) status: ExitStatus,
}

/// Why a reaper was not started.
pub(super) enum StartError {
    /// The reaper cannot be executed.
    Reaper(io::Error),
    /// A resource of this process is missing.
    Other(io::Error),
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Other(error)
    }
}

impl From<Errno> for StartError {
    fn from(error: Errno) -> Self {
        Self::Other(error.into())
    }
}

impl Reaper {
    /// Starts a reaper, which starts the command in `folder` with the given descriptors as stdin,
    /// stdout and stderr.
    pub(super) fn start(
        command: &Command,
        folder: Result<&WorkFolder, TempDir>,
        outputs: [OwnedFd; 3],
    ) -> Result<Self, StartError> {
        let (control, other_end) = UnixStream::pair()?;
        control.set_nonblocking(true)?;
        send(&control, &outputs)?;
        let (kind, path, identity) = match &folder {
            Ok(given) => (GIVEN_FOLDER, given.path.as_path(), given.identity),
            Err(own) => (OWN_FOLDER, own.path(), None),
        };
        // ignored: an `Option`; a folder that was not checked has an empty argument.
        let identity = identity.map(|it| it.to_string()).unwrap_or_default();
        let limit = resources::descriptors_before().map(|limit| limit.to_string());
        // ignored: an `Option`; without a limit the argument is empty.
        let limit = limit.unwrap_or_default();
        let mut start = process::Command::new(&command.reaper);
        start
            .args([PROTOCOL, &limit, kind, &identity])
            .args([path, &command.program])
            .args(&command.arguments)
            .env_clear()
            .envs(command.variables.iter().cloned())
            .stdin(OwnedFd::from(other_end))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let control = net::UnixStream::from_std(control)?;
        // The lock is held until the reaper is registered, so that `sweep` never takes it for an
        // orphan.
        let mut reapers = reapers();
        adopt_orphans()?;
        let process = start.spawn().map_err(start_error)?;
        reapers.insert(Pid::from_child(&process).as_raw_pid());
        Ok(Self {
            process,
            control: Some(control),
            reports: Vec::new(),
            _folder: folder.err(),
        })
    }

    /// Waits until the reaper has ended, and returns its reports. If the reaper was killed, this
    /// process has killed the reaper's processes by then.
    pub(super) async fn ended(&mut self) -> io::Result<Work> {
        let mut buffer = [0; 16 * FRAME_BYTES];
        while let Some(control) = &self.control {
            control.readable().await?;
            match control.try_read(&mut buffer) {
                Ok(0) => self.control = None,
                Ok(n_read) => self.reports.extend_from_slice(&buffer[..n_read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // The reaper died before it had read everything that this process sent.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => self.control = None,
                Err(error) => return Err(error),
            }
        }
        self.wait_for_end()
    }

    /// Waits for the end of a reaper that has closed its socket or was killed.
    fn wait_for_end(&mut self) -> io::Result<Work> {
        let reaper = Pid::from_child(&self.process);
        let status = self.process.wait()?;
        reapers().remove(&reaper.as_raw_pid());
        let frames = self.reports.as_chunks().0.iter();
        let reports: io::Result<Vec<ReaperReport>> =
            frames.map(|it| ReaperReport::of_frame(*it)).collect();
        let is_whole = reports
            .as_ref()
            // ignored: unreadable reports are incomplete, and an error is returned for them below.
            .is_ok_and(|reports| !matches!(reports.last(), None | Some(ReaperReport::Ended(_))));
        if !is_whole {
            sweep(reaper);
        }
        Ok(Work {
            reports: reports?,
            status,
        })
    }

    /// Has the reaper kill the command, and waits until it has.
    fn kill(&mut self, control: net::UnixStream) -> io::Result<()> {
        let mut control = control.into_std()?;
        control.set_nonblocking(false)?;
        control.shutdown(Shutdown::Write)?;
        let deadline = Moment::now().after(KILL_TIME_MAX);
        let mut buffer = [0; 16 * FRAME_BYTES];
        while deadline.left() > Duration::ZERO {
            control.set_read_timeout(Some(deadline.left().max(Duration::from_millis(1))))?;
            match control.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n_read) => self.reports.extend_from_slice(&buffer[..n_read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::TimedOut.into())
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        let Some(control) = self.control.take() else {
            return;
        };
        // This blocks, usually for a moment and for a second at most. When the call has ended, its
        // locks are released, and no process that it started may be at work any more.
        if self.kill(control).is_err() {
            // ignored: the reaper may have been stopped by its command.
            let _ = self.process.kill();
        }
        // ignored: nothing can be done about a reaper that cannot be waited for.
        let _ = self.wait_for_end();
    }
}

/// Sends descriptors over a socket.
fn send(control: &UnixStream, descriptors: &[OwnedFd; 3]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let borrowed = descriptors.each_ref().map(AsFd::as_fd);
    ancillary.push(SendAncillaryMessage::ScmRights(&borrowed));
    sendmsg(control, &[IoSlice::new(b"3")], &mut ancillary, SEND_FLAGS)?;
    Ok(())
}

/// Distinguishes errors of the reaper's file from errors of its arguments or of this process.
fn start_error(error: io::Error) -> StartError {
    match Errno::from_io_error(&error) {
        Some(Errno::TOOBIG | Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE) => {
            StartError::Other(error)
        }
        Some(_) | None => StartError::Reaper(error),
    }
}

fn reapers() -> MutexGuard<'static, BTreeSet<i32>> {
    REAPERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills the processes of a reaper that was killed itself.
fn sweep(reaper: Pid) {
    let deadline = Moment::now().after(KILL_TIME_MAX);
    loop {
        // While this lock is held, no reaper is started and no other thread waits for the same
        // children.
        let reapers = reapers();
        let n_killed = orphans_kill(reaper, |child| reapers.contains(&child.as_raw_pid()));
        if n_killed == 0 || deadline.left().is_zero() {
            return;
        }
        drop(reapers);
        std::thread::yield_now();
    }
}
