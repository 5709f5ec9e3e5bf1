//! The children of this process: found, and killed together with their process groups.
//!
//! `/proc` lists them, where it is mounted and the kernel was built to (`CONFIG_PROC_CHILDREN`).
//! Elsewhere every possible process id is tried: waitid(2) answers for children only. That takes a
//! second, and finds them all the same.
//!
//! A child stays a zombie until this process has waited for it, so the id of one that was found
//! cannot become another process's, as long as no other thread of this process waits for it.

use std::fs;

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpgid, getpgrp, kill_process, kill_process_group, waitid,
};

/// The largest process id that Linux gives out (`PID_MAX_LIMIT`).
const PID_MAX: i32 = 4 << 20;

/// What came of an attempt to kill children.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Killed {
    /// How many were sent the signal.
    pub(super) n_killed: usize,
    /// How many run as another user, whose processes this one may not kill.
    pub(super) n_denied: usize,
}

/// Sends SIGKILL to each child that is chosen, and to its process group unless that is the one of
/// this process. A group dies at once: none of its processes can start another one meanwhile.
pub(super) fn kill_children(mut is_chosen: impl FnMut(Pid) -> bool) -> Killed {
    let own_group = getpgrp();
    let mut killed = Killed::default();
    each_child(|child| {
        if !is_chosen(child) {
            return;
        }
        if let Ok(group) = getpgid(Some(child))
            && group != own_group
        {
            // What of it may be killed is, and the child itself is looked at next.
            let _ = kill_process_group(group, Signal::KILL);
        }
        match kill_process(child, Signal::KILL) {
            Err(Errno::PERM) => killed.n_denied += 1,
            Ok(()) | Err(_) => killed.n_killed += 1,
        }
    });
    killed
}

/// Calls `found` for every child, dead ones included that were not waited for.
fn each_child(found: impl FnMut(Pid)) {
    match listed() {
        Some(children) => children.into_iter().for_each(found),
        None => probed(found),
    }
}

/// Returns the children that `/proc` lists; `None` if it lists none of any thread.
fn listed() -> Option<Vec<Pid>> {
    let mut lists = Vec::new();
    for task in fs::read_dir("/proc/self/task").ok()?.flatten() {
        // A thread may have ended since.
        if let Ok(list) = fs::read_to_string(task.path().join("children")) {
            lists.push(list);
        }
    }
    if lists.is_empty() {
        return None;
    }
    let numbers = lists.iter().flat_map(|list| list.split_ascii_whitespace());
    let pids = numbers.filter_map(|number| Pid::from_raw(number.parse().ok()?));
    Some(pids.collect())
}

/// Calls `found` for every child, without `/proc`.
fn probed(mut found: impl FnMut(Pid)) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    for pid in (1..=PID_MAX).filter_map(Pid::from_raw) {
        if waitid(WaitId::Pid(pid), options).is_ok() {
            found(pid);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_child_is_found_with_proc_and_without() {
        let mut sleep = Command::new("/bin/sleep");
        let mut child = sleep.arg("600").spawn().expect("it is installed");
        let pid = Pid::from_child(&child);
        let mut by_probing = BTreeSet::new();
        probed(|pid| by_probing.extend([pid.as_raw_pid()]));
        assert!(by_probing.contains(&pid.as_raw_pid()), "{by_probing:?}");
        if let Some(listed) = listed() {
            assert!(listed.contains(&pid), "{listed:?}");
        }
        let parent = std::os::unix::process::parent_id();
        assert!(!by_probing.contains(&parent.cast_signed()), "not a child");
        let killed = kill_children(|it| it == pid);
        assert_eq!((killed.n_killed, killed.n_denied), (1, 0));
        assert!(!child.wait().expect("a child").success());
    }
}
