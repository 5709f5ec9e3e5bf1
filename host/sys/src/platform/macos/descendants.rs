//! The processes of a command.
//!
//! macOS has no subreaper: a process that loses its parent becomes a child of launchd. A process
//! belongs to a command if one of these is true:
//!
//! - It is in the session of the reaper. A process leaves it by setsid(2) only.
//! - Its parent belongs to the command.
//! - It belonged to the command when the reaper last looked. The reaper looks whenever a process of
//!   the command forks or ends (`EVFILT_PROC` of kqueue(2)), and keeps the start time of each
//!   process, so that a later process of the same id is not taken for it.
//!
//! This is weaker than on Linux. A process survives if it starts a session of its own and loses its
//! parent before the reaper has looked, or if it has a session of its own and the command kills the
//! reaper. Processes of other users are not found.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use rustix::event::kqueue::kqueue;
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{
    Pid, Signal as KillSignal, getpgrp, getpid, getsid, kill_process, kill_process_group,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::Signal;

use super::kernel::{self, Process};
use crate::platform::Killed;

/// How often the list of processes is read at once, because a process that is new in it may have
/// forked before it was watched. A command that forks as fast as it can always has new ones.
const LOOKS_MAX: u32 = 8;

/// Does nothing: the kernel gives orphans to launchd, and [`orphans_kill`] looks for them.
pub(crate) fn adopt_orphans() -> Result<(), Errno> {
    Ok(())
}

/// The processes of the command of this process, which leads a session of its own.
#[derive(Debug)]
pub(crate) struct Descendants {
    /// The events of the processes in `seen`.
    queue: AsyncFd<OwnedFd>,
    /// The start times of the processes that belonged to the command at the last look, by their ids.
    seen: BTreeMap<i32, (u64, u64)>,
}

impl Descendants {
    /// Prepares this process for a command. The async runtime has to run.
    pub(crate) fn new() -> Result<Self, Errno> {
        let queue = kqueue()?;
        fcntl_setfd(&queue, FdFlags::CLOEXEC)?;
        let queue = AsyncFd::with_interest(queue, Interest::READABLE);
        Ok(Self {
            queue: queue.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?,
            seen: BTreeMap::new(),
        })
    }

    /// Starts the command by calling `start`, which returns the id of its process.
    pub(crate) async fn start<E>(
        &mut self,
        start: impl FnOnce() -> Result<Pid, E>,
    ) -> Result<Pid, E> {
        let started = start();
        self.look();
        started
    }

    /// Waits until a process of the command has forked or ended; `died` is the stream of SIGCHLD.
    pub(crate) async fn changed(&mut self, died: &mut Signal) {
        tokio::select! {
            _ = died.recv() => {}
            ready = self.queue.readable() => {
                // ignored: the runtime is ending, and this process with it.
                if let Ok(mut ready) = ready {
                    ready.clear_ready();
                }
            }
        }
        self.look();
    }

    /// Returns whether processes are left although this process has no children.
    pub(crate) fn has_orphans(&mut self) -> bool {
        !self.look().is_empty()
    }

    /// Kills all processes of the command that can be found now. Some may fork meanwhile, so this
    /// has to be repeated.
    pub(crate) fn kill(&mut self) -> Killed {
        kill_all(&self.look())
    }

    /// Releases what was made for the command, once its processes are dead.
    pub(crate) async fn remove(self) {}

    /// Returns the processes that belong to the command, and watches all of them from now on.
    fn look(&mut self) -> Vec<Process> {
        // ignored: the events only say when to look.
        let _ = kernel::events_clear(&self.queue);
        let mut found = Vec::new();
        for _ in 0..LOOKS_MAX {
            found = self.family(kernel::processes());
            let now = found.iter().map(|it| (it.pid.as_raw_pid(), it.started));
            let before = std::mem::replace(&mut self.seen, now.collect());
            let mut is_known = true;
            for process in &found {
                if before.get(&process.pid.as_raw_pid()) != Some(&process.started) {
                    is_known = false;
                    // ignored: the process has ended, and is not found in the next round.
                    let _ = kernel::watch(&self.queue, process.pid);
                }
            }
            if is_known {
                break;
            }
        }
        found
    }

    /// Returns those processes that belong to the command.
    fn family(&self, all: Vec<Process>) -> Vec<Process> {
        let own = getpid();
        let (mut family, mut others): (Vec<Process>, Vec<Process>) = all
            .into_iter()
            .filter(|process| process.pid != own)
            .partition(|process| {
                self.seen.get(&process.pid.as_raw_pid()) == Some(&process.started)
                    || process.parent == Some(own)
                    || getsid(Some(process.pid)) == Ok(own)
            });
        loop {
            let is_child =
                |process: &Process| family.iter().any(|it| Some(it.pid) == process.parent);
            let (children, rest): (Vec<Process>, Vec<Process>) =
                others.into_iter().partition(is_child);
            if children.is_empty() {
                return family;
            }
            family.extend(children);
            others = rest;
        }
    }
}

/// Kills the processes that a killed reaper left behind, and returns how many were sent the signal.
/// Only those in the reaper's session can be found. `is_spared` is for systems that make them
/// children of this process.
pub(crate) fn orphans_kill(reaper: Pid, _is_spared: impl Fn(Pid) -> bool) -> usize {
    let mut left = kernel::processes();
    // No session has the id of an earlier one as long as that one has processes.
    left.retain(|process| getsid(Some(process.pid)) == Ok(reaper));
    kill_all(&left).n_killed
}

/// Sends SIGKILL to processes, and to their process groups unless that is this process's group.
/// All processes of a group get the signal at once, so none of them can fork meanwhile.
fn kill_all(processes: &[Process]) -> Killed {
    let own_group = getpgrp();
    let mut killed = Killed::default();
    for process in processes {
        // Its id may belong to another process by now.
        let now = kernel::process(process.pid.as_raw_pid());
        if now.is_none_or(|now| now.started != process.started) {
            continue;
        }
        if let Some(group) = process.group.filter(|group| *group != own_group) {
            // ignored: processes of the group that may be killed were killed, and the process itself
            // is next.
            let _ = kill_process_group(group, KillSignal::KILL);
        }
        match kill_process(process.pid, KillSignal::KILL) {
            Err(Errno::PERM) => killed.n_denied += 1,
            Ok(()) | Err(_) => killed.n_killed += 1,
        }
    }
    killed
}
