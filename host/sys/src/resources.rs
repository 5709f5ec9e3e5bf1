//! Resources of the machine that this process may use: memory and descriptors.

use std::io;
use std::path::Path;
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit of open descriptors that this process had before it raised it.
static DESCRIPTORS_BEFORE: OnceLock<u64> = OnceLock::new();

/// Raises this process's limit of open descriptors as far as the operating system allows. Programs
/// that it starts get the former limit, because some loop over every possible descriptor.
///
/// # Errors
/// The operating system refuses. The limit is then unchanged.
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

/// Returns this process's limit of open descriptors; `None` if there is no limit.
#[must_use]
pub fn descriptors_max() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Returns the limit of open descriptors for programs that this process starts; `None` if they get
/// the same limit as this process.
pub(crate) fn descriptors_before() -> Option<u64> {
    DESCRIPTORS_BEFORE.get().copied()
}

/// Sets this process's limit of open descriptors.
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

/// Returns how many bytes of memory this process can use: what the machine has available, or what
/// its control groups allow if that is less.
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

/// Returns the lowest memory limit of a control group and its ancestors. The group is given as a
/// line of /proc/self/cgroup: `0::/a/b`, or `4:memory:/a/b` for version 1; see cgroups(7).
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
        // A group without a limit has the text `max`.
        text.trim().parse::<u64>().ok()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_from_meminfo() {
        let text = "MemTotal:       24683520 kB\nMemFree:  4 kB\nMemAvailable:   2048 kB\n";
        assert_eq!(available(text), Some(2 << 20));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
        assert!(memory_bytes() > 1 << 20);
    }

    #[test]
    fn control_group_without_memory_controller_has_no_limit() {
        assert_eq!(group_limit("5:cpu:/"), None);
        assert_eq!(group_limit("no line"), None);
    }
}
