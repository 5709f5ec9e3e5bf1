//! Finds the children of this process, and kills them together with their process groups.
//!
//! `/proc` lists the children if it is mounted and the kernel was built with
//! `CONFIG_PROC_CHILDREN`. Otherwise every possible process id is probed: waitid(2) succeeds for
//! children only. Probing takes a second.
//!
//! A child stays a zombie until this process has waited for it, so the id of a child cannot be
//! reused as long as no other thread of this process waits for it.

use std::fs;

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpgid, getpgrp, kill_process, kill_process_group, waitid,
};

use crate::platform::Killed;

/// The largest process id that Linux gives out (`PID_MAX_LIMIT`).
const PID_MAX: i32 = 4 << 20;

/// Sends SIGKILL to each chosen child, and to its process group unless that is this process's
/// group. All processes of a group get the signal at once, so none of them can fork meanwhile.
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
            // An error is ignored: processes of the group that may be killed were killed, and the
            // child itself is next.
            let _ = kill_process_group(group, Signal::KILL);
        }
        match kill_process(child, Signal::KILL) {
            Err(Errno::PERM) => killed.n_denied += 1,
            Ok(()) | Err(_) => killed.n_killed += 1,
        }
    });
    killed
}

/// Calls `found` for every child, including dead ones that were not waited for.
fn each_child(found: impl FnMut(Pid)) {
    match listed() {
        Some(children) => children.into_iter().for_each(found),
        None => probed(found),
    }
}

/// Returns the children that `/proc` lists; `None` if it has no list for any thread.
fn listed() -> Option<Vec<Pid>> {
    let mut lists = Vec::new();
    for task in fs::read_dir("/proc/self/task").ok()?.flatten() {
        // A thread may have ended meanwhile.
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

/// Calls `found` for every child, without using `/proc`.
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
    fn child_is_found_with_and_without_proc() {
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
