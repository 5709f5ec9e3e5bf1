//! The limits of a call, where no file sets others.

use std::time::Duration;

use sedge_model::definition::Limits;
use sedge_runtime::HttpLimits;

/// How long one call may take: long enough for a cloud to make a machine, short enough
/// that a pipeline which hangs is noticed the same hour.
const WALL_TIME: Duration = Duration::from_secs(300);

/// How much memory one call may use. The heaviest known guest, a Python interpreter with
/// its libraries, needs a quarter of it.
const MEMORY_MEBIBYTES: u32 = 256;

/// How many calls deep a run may nest. A recursion without end is stopped here; each
/// level costs an instance and a stack of 2 MiB, of which little is touched.
const CALL_DEPTH: u32 = 64;

/// How many calls one call may make. Each leaves a row in the datastore, and one that was
/// started and not waited for holds one of the guest's 25 000 handles.
const CALLS_PER_CALL: u32 = 20_000;

/// How long a call waits for a lock. A net: dead processes and cycles are found without it,
/// so whoever is in the way for so long is at work, and longer than most people want to wait.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// The limits of a call, without holes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resolved {
    pub(crate) wall_time: Duration,
    pub(crate) memory_bytes: usize,
    pub(crate) call_depth: u32,
    pub(crate) calls_max: u32,
    pub(crate) http: HttpLimits,
}

/// Fills the holes that files left.
pub(crate) fn resolve(limits: &Limits) -> Resolved {
    let mebibytes = limits.memory_mebibytes.unwrap_or(MEMORY_MEBIBYTES);
    Resolved {
        wall_time: limits
            .wall_time_seconds
            .map_or(WALL_TIME, |s| Duration::from_secs(s.into())),
        memory_bytes: usize::try_from(u64::from(mebibytes) << 20).unwrap_or(usize::MAX),
        call_depth: limits.call_depth.unwrap_or(CALL_DEPTH),
        calls_max: limits.calls_per_call.unwrap_or(CALLS_PER_CALL),
        http: HttpLimits::default(),
    }
}
