//! The resources that this process uses, where the machine reports them (Linux).

use std::fs;

/// The peak memory of the process since a point in time.
pub(crate) struct PeakMemory {
    before_bytes: Option<u64>,
}

impl PeakMemory {
    /// Resets the peak.
    pub(crate) fn begin() -> Self {
        // 5: the peak becomes the current size.
        let is_reset = fs::write("/proc/self/clear_refs", "5").is_ok();
        Self {
            before_bytes: is_reset.then(|| status_bytes("VmRSS:")).flatten(),
        }
    }

    /// Returns by how much the peak exceeds the size at the start. Returns `None` if the machine
    /// does not report it.
    pub(crate) fn grew_bytes(&self) -> Option<u64> {
        Some(status_bytes("VmHWM:")?.saturating_sub(self.before_bytes?))
    }
}

fn status_bytes(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}

/// Returns how many files the process has open.
pub(crate) fn n_open_files() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
