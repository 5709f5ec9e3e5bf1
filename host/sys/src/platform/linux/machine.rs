//! Facts about this process and its machine, from `/proc` and the control groups.

use std::fs;
use std::io;
use std::path::Path;

/// Returns an id that differs for every start of the machine.
pub(crate) fn boot_id() -> io::Result<String> {
    // See random(4).
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(id.trim().to_owned())
}

/// Returns whether this process ignores SIGHUP; `None` if that is unknown.
pub(crate) fn hangup_is_ignored() -> Option<bool> {
    // ignored: without `/proc` it is unknown.
    let status = fs::read_to_string("/proc/self/status").ok()?;
    ignored_signals(&status).map(|mask| mask & 1 != 0)
}

/// Reads the mask of ignored signals, bit 0 for signal 1, from /proc/PID/status; see proc(5).
fn ignored_signals(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|it| it.strip_prefix("SigIgn:"))?;
    // ignored: the kernel writes a number; any other text counts as unknown.
    u64::from_str_radix(line.trim(), 16).ok()
}

/// Returns how many bytes of memory this process can use: what the machine has available, or what
/// its control groups allow if that is less.
pub(crate) fn memory_bytes() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok();
    let machine = machine
        .and_then(|text| available(&text))
        .unwrap_or_else(|| {
            let info = rustix::system::sysinfo();
            u64::from(info.mem_unit) * (info.freeram + info.bufferram)
        });
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
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
        let text = fs::read_to_string(Path::new(mount).join(group).join(file)).ok()?;
        // A group without a limit has the text `max`.
        text.trim().parse::<u64>().ok()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read() {
        let status = "Name:\ta\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n";
        assert_eq!(ignored_signals(status), Some(0x1001));
        assert_eq!(ignored_signals("Name:\ta\n"), None);
    }

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
