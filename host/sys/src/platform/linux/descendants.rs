//! The processes of a command.
//!
//! The reaper of a command is a *subreaper* (prctl(2), `PR_SET_CHILD_SUBREAPER`): when a process
//! below it loses its parent, the kernel makes that process a child of the reaper, whatever session
//! or group it is in. So killing children until none is left kills every descendant.
//!
//! If the machine delegated a control group (`cgroup.rs`), the kernel kills that group as well,
//! including processes of other users.

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, getsid, set_child_subreaper, waitid};
use tokio::signal::unix::Signal;

use super::cgroup::ControlGroup;
use super::children::kill_children;
use crate::platform::Killed;

/// Makes this process the parent of all processes below it that lose their own parent.
pub(crate) fn adopt_orphans() -> Result<(), Errno> {
    set_child_subreaper(Some(getpid()))
}

/// The processes of the command of this process, which leads a session of its own.
#[derive(Debug)]
pub(crate) struct Descendants {
    group: Option<ControlGroup>,
}

impl Descendants {
    /// Prepares this process for a command.
    pub(crate) fn new() -> Result<Self, Errno> {
        adopt_orphans()?;
        Ok(Self { group: None })
    }

    /// Starts the command by calling `start`, which returns the id of its process.
    pub(crate) async fn start<E>(
        &mut self,
        start: impl FnOnce() -> Result<Pid, E>,
    ) -> Result<Pid, E> {
        let group = ControlGroup::enter();
        let started = start();
        let group = group.filter(|group| group.leave().is_ok());
        if started.is_ok() {
            self.group = group;
        } else if let Some(group) = group {
            group.remove().await;
        }
        started
    }

    /// Waits until a child has died; `died` is the stream of SIGCHLD.
    pub(crate) async fn changed(&mut self, died: &mut Signal) {
        died.recv().await;
    }

    /// Returns whether processes are left although this process has no children. The kernel makes
    /// all of them children here, so the answer is no.
    pub(crate) fn has_orphans(&mut self) -> bool {
        false
    }

    /// Kills all processes of the command that can be found now. Some may fork meanwhile, or become
    /// children of this process later, so this has to be repeated.
    pub(crate) fn kill(&mut self) -> Killed {
        if let Some(group) = &self.group {
            group.kill();
        }
        kill_children(|_| true)
    }

    /// Releases what was made for the command, once its processes are dead.
    pub(crate) async fn remove(self) {
        if let Some(group) = self.group {
            // Processes of other users may be left.
            group.kill();
            group.remove().await;
        }
    }
}

/// Kills the processes that a killed reaper left behind, and returns how many were sent the signal.
/// The kernel made them children of this process. `is_spared` is true for other children.
///
/// Children in this process's own session are spared. A reaper leads its own session, and its
/// descendants are in that session or a newer one, because a process enters an existing session
/// only at its birth.
pub(crate) fn orphans_kill(_reaper: Pid, is_spared: impl Fn(Pid) -> bool) -> usize {
    let mut orphans = Vec::new();
    let killed = kill_children(|child| {
        // ignored: a process that has ended is no orphan.
        let is_orphan = !is_spared(child) && getsid(Some(child)).ok() != getsid(None).ok();
        if is_orphan {
            orphans.push(child);
        }
        is_orphan
    });
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    for orphan in orphans {
        // ignored: a process that is not dead yet is waited for in the next round.
        let _ = waitid(WaitId::Pid(orphan), options);
    }
    killed.n_killed
}
