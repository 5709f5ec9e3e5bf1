//! The limits of a process that follow from the machine, unless `sedge.yaml` sets them.

use sedge_model::limits::ProcessLimitsFile;
use sedge_runtime::BudgetLimits;
use sedge_sys::resources;

/// The minimum memory for all calls together: enough for one call, on any machine.
const PROCESS_MEMORY_BYTES_MIN: u64 = 256 << 20;

/// How many of the process's descriptors are reserved for the host.
///
/// The host needs them for the datastore, locks, plugins, pooled connections, and the pipes of
/// commands (four each, 64 at once). If the operating system grants few, the host reserves half of
/// them.
const HOST_DESCRIPTORS: u64 = 512;

/// The maximum number of descriptors for all guests together, however many the process may have.
const PROCESS_DESCRIPTORS_MAX: u64 = 65_536;

/// Fills in the limits for all calls of a process that `sedge.yaml` leaves open: half of the
/// available memory, and all descriptors that the host does not need.
pub(crate) fn budget(configured: &ProcessLimitsFile) -> BudgetLimits {
    let memory_bytes = configured
        .memory_mebibytes
        .map(|it| u64::from(it.get()) << 20);
    let half = || (resources::memory_bytes() / 2).max(PROCESS_MEMORY_BYTES_MIN);
    let descriptors = configured.descriptors.map(|it| it.get());
    BudgetLimits {
        memory_bytes: memory_bytes.unwrap_or_else(half),
        descriptors: descriptors.unwrap_or_else(|| guest_descriptors(resources::descriptors_max())),
    }
}

/// Returns how many of a process's descriptors its guests may hold.
fn guest_descriptors(max: Option<u64>) -> u32 {
    let max = max.unwrap_or(u64::MAX);
    let guests = max.saturating_sub(HOST_DESCRIPTORS).max(max / 2);
    u32::try_from(guests.min(PROCESS_DESCRIPTORS_MAX)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_reserved_for_the_host() {
        assert_eq!(guest_descriptors(Some(24)), 12);
        assert_eq!(guest_descriptors(Some(1024)), 512);
        assert_eq!(guest_descriptors(Some(4096)), 3584);
        assert_eq!(guest_descriptors(Some(1 << 20)), 65_536);
        assert_eq!(guest_descriptors(None), 65_536);
    }
}
