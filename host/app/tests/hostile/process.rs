//! What this process takes of the machine, where the machine tells (Linux).

use std::fs;

/// The most memory that the process has had since a moment.
pub(crate) struct PeakMemory {
    before_bytes: Option<u64>,
}

impl PeakMemory {
    /// Forgets the peak that there was.
    pub(crate) fn begin() -> Self {
        // 5: the peak becomes what is there now.
        let is_reset = fs::write("/proc/self/clear_refs", "5").is_ok();
        Self {
            before_bytes: is_reset.then(|| status_bytes("VmRSS:")).flatten(),
        }
    }

    /// Returns by how much the process has been larger since; none where nobody tells.
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

/// Returns how many files the process has open; none where nobody tells.
pub(crate) fn n_open_files() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
