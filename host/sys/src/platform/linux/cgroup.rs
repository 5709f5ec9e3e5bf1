//! A control group for one command, if the machine delegated this process's group to it.
//!
//! The kernel kills a whole control group at once, including processes of other users, which the
//! reaper may not kill. See "Delegation" in cgroups(7).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{geteuid, getpid};

use crate::clock;

/// The extended attribute by which systemd marks a delegated group, and its value.
const DELEGATED: (&str, &[u8]) = ("user.delegate", b"1");

/// The file through which a process enters a group.
const PROCESSES: &str = "cgroup.procs";

/// How often the removal of a killed group is tried while its processes end.
const ATTEMPTS_MAX: u32 = 1000;

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(1);

/// The control group of one command.
#[derive(Debug)]
pub(super) struct ControlGroup {
    above: PathBuf,
    own: PathBuf,
}

impl ControlGroup {
    /// Creates a group and enters it, so that processes which this one starts from now on are in
    /// it. Returns `None` if this process's group is not delegated to it, or is not of version 2.
    pub(super) fn enter() -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let above = group(&own, &mounts)?;
        if !is_delegated(&above) {
            return None;
        }
        let group = Self {
            own: above.join(format!("sedge-command-{}", getpid().as_raw_pid())),
            above,
        };
        fs::create_dir(&group.own).ok()?;
        // The kernel can kill a group only through this file.
        let is_usable = group.own.join("cgroup.kill").is_file() && enter(&group.own).is_ok();
        if !is_usable {
            let _ = fs::remove_dir(&group.own);
            return None;
        }
        Some(group)
    }

    /// Has this process leave the group.
    ///
    /// # Errors
    /// The kernel refuses. Then the group must not be killed.
    pub(super) fn leave(&self) -> io::Result<()> {
        enter(&self.above)
    }

    /// Kills all processes of the group.
    pub(super) fn kill(&self) {
        // Processes that survive this are killed one by one.
        let _ = fs::write(self.own.join("cgroup.kill"), "1");
    }

    /// Removes the group once its processes are gone.
    pub(super) async fn remove(self) {
        for _ in 0..ATTEMPTS_MAX {
            if fs::remove_dir(&self.own).is_ok() {
                return;
            }
            clock::pause(PAUSE).await;
        }
    }
}

/// Has this process enter a group.
fn enter(group: &Path) -> io::Result<()> {
    // 0 is the process that writes.
    fs::write(group.join(PROCESSES), "0")
}

/// Returns the folder of this process's version 2 group, from /proc/self/cgroup and
/// /proc/self/mountinfo.
fn group(own: &str, mounts: &str) -> Option<PathBuf> {
    let group = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        // `41 31 0:38 ROOT MOUNT rw,relatime - cgroup2 …`; see proc(5).
        let (mount, kind) = line.split_once(" - ")?;
        if !kind.starts_with("cgroup2 ") {
            return None;
        }
        let mut fields = mount.split(' ').skip(3);
        let (root, mount) = (fields.next()?, fields.next()?);
        let below = Path::new(group).strip_prefix(root).ok()?;
        Some(Path::new(mount).join(below))
    })
}

/// Returns whether this process may divide a group, because the service manager marked it or
/// because it belongs to the user of this process, who is not root.
fn is_delegated(group: &Path) -> bool {
    let mut value = [0; 8];
    let attribute = rustix::fs::getxattr(group, DELEGATED.0, &mut value);
    if attribute.is_ok_and(|n_bytes| value.get(..n_bytes) == Some(DELEGATED.1)) {
        return true;
    }
    let user = geteuid();
    let owner = rustix::fs::stat(group).map(|stat| stat.st_uid);
    !user.is_root() && owner == Ok(user.as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_of_a_process_is_found() {
        let mounts = "30 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let check = |own: &str, expect: Option<&str>| {
            assert_eq!(group(own, mounts), expect.map(PathBuf::from), "{own}");
        };
        check("0::/\n", Some("/sys/fs/cgroup/unified/"));
        let user = "4:memory:/x\n0::/user.slice/a.scope\n";
        check(user, Some("/sys/fs/cgroup/unified/user.slice/a.scope"));
        check("4:memory:/x\n", None);
    }
}
