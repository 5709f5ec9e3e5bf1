//! Facts about this process and its machine, from sysctl(3).

use std::io;

use super::kernel;

/// The memory that is taken for available if the system does not report it, in bytes. Every Mac has
/// more.
const MEMORY_BYTES_UNKNOWN: u64 = 1 << 30;

/// Returns an id that differs for every start of the machine.
pub(crate) fn boot_id() -> io::Result<String> {
    kernel::text(c"kern.bootsessionuuid")
}

/// Returns whether this process ignores SIGHUP; `None` if that is unknown.
pub(crate) fn hangup_is_ignored() -> Option<bool> {
    // ignored: then it is unknown.
    kernel::is_ignored(libc::SIGHUP).ok()
}

/// Returns how many bytes of memory this process can use: the part of the machine's memory that the
/// kernel reports as available, as memory_pressure(1) shows it.
pub(crate) fn memory_bytes() -> u64 {
    // ignored: an estimate replaces what the system does not report.
    let Ok(all) = kernel::number(c"hw.memsize") else {
        return MEMORY_BYTES_UNKNOWN;
    };
    // ignored: without the percentage, half of the memory counts as available.
    let percentage = kernel::number(c"kern.memorystatus_level").unwrap_or(50);
    all / 100 * percentage.min(100)
}
