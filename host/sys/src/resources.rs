//! What of the machine this process may use: memory and descriptors.

use std::io;
use std::path::Path;
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many descriptors this process could have open before it raised that.
static DESCRIPTORS_BEFORE: OnceLock<u64> = OnceLock::new();

/// Raises how many descriptors this process may have open as far as the operating system allows.
/// Programs that it starts get the former number: some look at every possible descriptor.
///
/// # Errors
/// The operating system refuses. Then it is as before.
pub fn descriptors_raise() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let Some(current) = limit.current else {
        return Ok(());
    };
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised)?;
    DESCRIPTORS_BEFORE.get_or_init(|| current);
    Ok(())
}

/// Returns how many descriptors this process may have open; `None` if that is not limited.
#[must_use]
pub fn descriptors_max() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Returns how many descriptors a program may have open that this process starts, if it is to have
/// another number than this process.
pub(crate) fn descriptors_before() -> Option<u64> {
    DESCRIPTORS_BEFORE.get().copied()
}

/// Lets this process have so many descriptors open, and no more.
///
/// # Errors
/// The operating system refuses.
pub(crate) fn descriptors_lower(current: u64) -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let lowered = Rlimit {
        current: Some(current),
        ..limit
    };
    Ok(setrlimit(Resource::Nofile, lowered)?)
}

/// Returns how many bytes of memory this process could use: what the machine has to give, or what
/// its control groups allow, if that is less.
#[must_use]
pub fn memory_bytes() -> u64 {
    let machine = std::fs::read_to_string("/proc/meminfo").ok();
    let machine = machine
        .and_then(|text| available(&text))
        .unwrap_or_else(|| {
            let info = rustix::system::sysinfo();
            u64::from(info.mem_unit) * (info.freeram + info.bufferram)
        });
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().filter_map(group_limit);
    limits.fold(machine, u64::min)
}

/// Reads the line `MemAvailable: 1024 kB` of /proc/meminfo; see proc(5).
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|it| it.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}

/// Returns the least memory that a control group allows, or one above it, by its line in
/// /proc/self/cgroup: `0::/a/b`, or `4:memory:/a/b` of version 1; see cgroups(7).
fn group_limit(line: &str) -> Option<u64> {
    let mut fields = line.splitn(3, ':');
    let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let (mount, file) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max"),
        "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        _ => return None,
    };
    let path = path.trim_start_matches('/');
    let groups = Path::new(path).ancestors();
    let limits = groups.filter_map(|group| {
        let text = std::fs::read_to_string(Path::new(mount).join(group).join(file)).ok()?;
        // A group without a limit says `max`.
        text.trim().parse::<u64>().ok()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_has_is_read() {
        let text = "MemTotal:       24683520 kB\nMemFree:  4 kB\nMemAvailable:   2048 kB\n";
        assert_eq!(available(text), Some(2 << 20));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
        assert!(memory_bytes() > 1 << 20);
    }

    #[test]
    fn other_control_groups_limit_no_memory() {
        assert_eq!(group_limit("5:cpu:/"), None);
        assert_eq!(group_limit("no line"), None);
    }
}
