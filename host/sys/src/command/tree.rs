//! A program and all that it started: found in /proc, held, and killed.
//!
//! Processes are held (SIGSTOP) before any is killed. Who is held starts nobody, so the search ends;
//! and as long as all live, their parents tell who belongs to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open,
    pidfd_send_signal, waitid,
};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::TOKEN_VARIABLE;
use crate::thread;

/// How often all processes are looked through, at most. A program that starts others as fast as
/// it can may be ahead for some rounds.
const ROUNDS_MAX: usize = 100;

/// How long a process that was killed is waited for. It ends at once unless it waits for a disk.
const DEATH_TIME_MAX: Duration = Duration::from_secs(1);

/// A program and all that it started. Dropping it kills them.
pub(super) struct Tree {
    child: Child,
    /// Readable when the program has ended.
    pidfd: Arc<OwnedFd>,
    end: oneshot::Receiver<io::Result<()>>,
    token: String,
    is_killed: bool,
    /// Removed when nobody is left who works in it.
    _folder: Option<TempDir>,
}

impl Tree {
    /// Takes a program that was just started, as the leader of a process group, and the folder that
    /// was made for it.
    ///
    /// # Errors
    /// It cannot be watched; then it is killed.
    pub(super) fn new(
        mut child: Child,
        token: String,
        folder: Option<TempDir>,
    ) -> io::Result<Self> {
        match watch(&child) {
            Ok((pidfd, end)) => Ok(Self {
                child,
                pidfd,
                end,
                token,
                is_killed: false,
                _folder: folder,
            }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits until the program has ended, once. It stays a zombie, so that its number, which is
    /// its group's, is nobody else's.
    pub(super) async fn ended(&mut self) -> io::Result<()> {
        (&mut self.end).await.map_err(io::Error::other)?
    }

    /// Kills what a program that has ended left behind, and returns how it ended.
    pub(super) fn finish(mut self) -> io::Result<ExitStatus> {
        self.kill();
        self.child.wait()
    }

    fn kill(&mut self) {
        self.is_killed = true;
        let leader = Pid::from_child(&self.child);
        for _ in 0..ROUNDS_MAX {
            let held = hold(leader.as_raw_pid(), &self.token);
            if held.is_empty() {
                break;
            }
            held.iter().for_each(|process| process.signal(Signal::KILL));
        }
        // Also where /proc cannot be read. That nobody is left in the group is no error.
        let _ = kill_process_group(leader, Signal::KILL);
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if !self.is_killed {
            self.kill();
        }
        // Who was killed and still waits for a disk stays a zombie: better than to wait with it.
        let mut end = [PollFd::new(&self.pidfd, PollFlags::IN)];
        let _ = poll(&mut end, DEATH_TIME_MAX.try_into().ok().as_ref());
        let _ = self.child.try_wait();
    }
}

/// Has a thread wait for the end of a program, which lasts until then.
fn watch(child: &Child) -> io::Result<(Arc<OwnedFd>, oneshot::Receiver<io::Result<()>>)> {
    let pidfd = Arc::new(pidfd_open(Pid::from_child(child), PidfdFlags::empty())?);
    let (send, end) = oneshot::channel();
    let watched = Arc::clone(&pidfd);
    thread::start("command-end", move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let ended = retry_on_intr(|| waitid(WaitId::PidFd(watched.as_fd()), options));
        // Nobody may wait for it any more.
        let _ = send.send(ended.map(drop).map_err(io::Error::from));
    })?;
    Ok((pidfd, end))
}

/// Finds all processes of a command that live, and holds them.
fn hold(leader: i32, token: &str) -> BTreeSet<Process> {
    let mut held = BTreeSet::new();
    // Nobody is older than who started them.
    let Some(since) = Stat::read(leader).map(|stat| stat.process.start) else {
        return held;
    };
    for _ in 0..ROUNDS_MAX {
        let n_before = held.len();
        let stats = stats_since(since);
        for stat in stats.values().filter(|stat| stat.is_alive) {
            let parent = stats.get(&stat.parent);
            let belongs = stat.process.number == leader
                || stat.group == leader
                || parent.is_some_and(|parent| held.contains(&parent.process))
                || stat.process.has_token(token);
            if belongs && held.insert(stat.process) {
                stat.process.signal(Signal::STOP);
            }
        }
        if held.len() == n_before {
            break;
        }
    }
    held
}

/// Returns all processes that were started at some time or later, by their numbers.
fn stats_since(start: u64) -> BTreeMap<i32, Stat> {
    let Ok(folder) = std::fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    let numbers = folder.flatten().filter_map(|entry| {
        let name = entry.file_name();
        name.to_str()?.parse().ok()
    });
    let stats = numbers.filter_map(Stat::read);
    stats
        .filter(|stat| stat.process.start >= start)
        .map(|stat| (stat.process.number, stat))
        .collect()
}

/// A process. Its number alone may be given to another one when it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Process {
    number: i32,
    /// When it was started, in ticks since the start of the machine.
    start: u64,
}

impl Process {
    /// Sends a signal to this process and no other.
    fn signal(&self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.number) else {
            return;
        };
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else {
            return;
        };
        // What has the number now is what the handle is of, or that is gone.
        let is_it = Stat::read(self.number).is_some_and(|stat| stat.process == *self);
        if is_it {
            // It may be gone, or be another user's.
            let _ = pidfd_send_signal(handle, signal);
        }
    }

    fn has_token(&self, token: &str) -> bool {
        let Ok(environment) = std::fs::read(format!("/proc/{}/environ", self.number)) else {
            return false;
        };
        environment.split(|byte| *byte == 0).any(|variable| {
            let value = variable.strip_prefix(TOKEN_VARIABLE.as_bytes());
            let path = value.and_then(|value| value.strip_prefix(b"="));
            path.is_some_and(|path| {
                path.split(|byte| *byte == b'/')
                    .any(|part| part == token.as_bytes())
            })
        })
    }
}

/// What is known of a process.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    process: Process,
    parent: i32,
    group: i32,
    is_alive: bool,
}

impl Stat {
    fn read(number: i32) -> Option<Self> {
        let text = std::fs::read(format!("/proc/{number}/stat")).ok()?;
        Self::parse(number, &String::from_utf8_lossy(&text))
    }

    /// Parses /proc/PID/stat; see proc(5). A program chooses its name, which is the second field,
    /// in parentheses.
    fn parse(number: i32, text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        // From the third field on; the start is the 22nd.
        let is_alive = !matches!(fields.next()?, "Z" | "X" | "x");
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let start = fields.nth(16)?.parse().ok()?;
        Some(Self {
            process: Process { number, start },
            parent,
            group,
            is_alive,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_it_is_called() {
        let line = "77 (a) R 1 (b) S 12 34 34 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 991 10 11 12";
        let expect = Stat {
            process: Process {
                number: 77,
                start: 991,
            },
            parent: 12,
            group: 34,
            is_alive: true,
        };
        assert_eq!(Stat::parse(77, line), Some(expect));
        let zombie = Stat::parse(77, &line.replace(" S ", " Z ")).expect("it is read");
        assert!(!zombie.is_alive);
        assert_eq!(Stat::parse(77, "77 (a) S 12"), None);
    }

    #[test]
    fn this_process_is_found() {
        let number = i32::try_from(std::process::id()).expect("a number");
        let own = Stat::read(number).expect("it is there");
        assert!(own.is_alive);
        assert_eq!(stats_since(own.process.start).get(&number), Some(&own));
        assert!(!own.process.has_token("no such token"));
    }
}
