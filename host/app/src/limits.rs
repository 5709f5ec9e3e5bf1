//! The limits of a call, where no file sets others.

use std::time::Duration;

use sedge_model::definition::{self, Limits};
use sedge_model::repository;
use sedge_runtime::{BudgetLimits, ComponentLimits, HttpLimits, Quotas};
use sedge_sys::resources;

/// How long one call may take: long enough for a cloud to make a machine, short enough
/// that a pipeline which hangs is noticed the same hour.
const WALL_TIME: Duration = Duration::from_secs(300);

/// How much memory one call may use. The heaviest known guest, a Python interpreter with
/// its libraries, needs a quarter of it.
const MEMORY_MEBIBYTES: u32 = 256;

/// How many calls deep a run may nest. A recursion without end is stopped here; each
/// level costs an instance and a stack of 2 MiB, of which little is touched.
const CALL_DEPTH: u32 = 64;

/// How many calls a run may make. Breadth and depth multiply: without this, a plugin that
/// calls itself twice at each level would fill the datastore with rows.
const CALLS_PER_RUN: u32 = 200_000;

/// How many calls one call may make. Each leaves a row in the datastore, and one that was
/// started and not waited for holds one of the guest's 25 000 handles.
const CALLS_PER_CALL: u32 = 20_000;

/// How many calls one call may have started that have not ended. Each is a task with what
/// it was given, which a guest could otherwise pile up faster than any of them runs.
const PARALLEL_CALLS: u32 = 10_000;

/// How many functions of the host one call may call. The guest's own time is the bound
/// that matters; this is one that a person can lower to a model's measure.
const HOST_CALLS: u32 = 100_000_000;

/// How much may pass between one call and the host: twice what it may write to files.
const HOST_MEBIBYTES: u32 = 32 << 10;

/// How much one call may stage in memory before it is committed.
const STAGED_MEBIBYTES: u32 = 64;

/// How much one call may write to files: a disk that is full serves nobody.
const FILE_MEBIBYTES: u32 = 16 << 10;

/// How many files one call may have open: each costs a descriptor, and up to 64 KiB.
const OPEN_FILES: u32 = 64;

/// How many lines of one call's log are kept: each is a row in the datastore.
const LOG_LINES: u32 = 10_000;

/// How much of one call's log is kept. It is in memory until the call ends.
const LOG_KIBIBYTES: u32 = 1024;

/// How much of each output of a command is kept. A guest has it in memory, and the host has it
/// besides while the command runs; its pin may say otherwise.
pub(crate) const COMMAND_OUTPUT_BYTES_MAX: usize = 1 << 20;

/// How long a call waits for a lock. A net: dead processes and cycles are found without it,
/// so whoever is in the way for so long is at work, and longer than most people want to wait.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// The least memory that all calls may have together: room for one call, on any machine.
const PROCESS_MEMORY_BYTES_MIN: u64 = (MEMORY_MEBIBYTES as u64) << 20;

/// How many descriptors are kept from guests, of as many as there are: for the datastore, locks,
/// plugins, connections that are kept, and the pipes of commands (four each, 64 at once). Where the
/// operating system gives few, the host keeps half of them.
const HOST_DESCRIPTORS: u64 = 512;

/// The most descriptors that all guests may hold together, however many the process may have.
const PROCESS_DESCRIPTORS_MAX: u64 = 65_536;

/// The limits of a call, without holes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resolved {
    pub(crate) wall_time: Duration,
    pub(crate) memory_bytes: usize,
    pub(crate) call_depth: u32,
    pub(crate) calls_per_run: u32,
    pub(crate) staged_bytes: usize,
    pub(crate) quotas: Quotas,
    pub(crate) http: HttpLimits,
}

/// Returns what a file says in units of two to the power of `shift`, or else what holds otherwise.
fn bytes(said: Option<u32>, shift: u32, otherwise: u64) -> u64 {
    said.map_or(otherwise, |said| u64::from(said) << shift)
}

/// Fills the holes that `sedge.yaml` left in what all calls of a process may have together: half of
/// the memory that the machine has to give, and the descriptors that the host does not need.
pub(crate) fn budget(said: &repository::ProcessLimits) -> BudgetLimits {
    let memory_bytes = said.memory_mebibytes.map(|it| u64::from(it.get()) << 20);
    let half = || (resources::memory_bytes() / 2).max(PROCESS_MEMORY_BYTES_MIN);
    let descriptors = said.descriptors.map(|it| it.get());
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

/// Returns what a file says in seconds, or else what holds otherwise.
fn seconds(said: Option<u32>, otherwise: Duration) -> Duration {
    said.map_or(otherwise, |said| Duration::from_secs(said.into()))
}

/// Fills the holes that `sedge.yaml` left in what the engine allows.
pub(crate) fn component_limits(
    said: &repository::ComponentLimits,
    otherwise: ComponentLimits,
) -> ComponentLimits {
    ComponentLimits {
        bytes: bytes(said.mebibytes, 20, otherwise.bytes),
        code_bytes: bytes(said.code_mebibytes, 20, otherwise.code_bytes),
        function_bytes: bytes(said.function_kibibytes, 10, otherwise.function_bytes),
        functions: bytes(said.functions, 0, otherwise.functions),
        instances: bytes(said.instances, 0, otherwise.instances),
        custom_bytes: bytes(said.custom_mebibytes, 20, otherwise.custom_bytes),
        compile: seconds(said.compile_seconds, otherwise.compile),
        compile_bytes: bytes(said.compile_mebibytes, 20, otherwise.compile_bytes),
        describe: seconds(said.describe_seconds, otherwise.describe),
    }
}

/// Fills the holes that files left.
pub(crate) fn resolve(limits: &Limits) -> Resolved {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let mebibytes = |said: Option<u32>, otherwise| u64::from(said.unwrap_or(otherwise)) << 20;
    let memory = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
    let log_bytes = u64::from(limits.log_kibibytes.unwrap_or(LOG_KIBIBYTES)) << 10;
    Resolved {
        wall_time: limits.wall_time_seconds.map_or(WALL_TIME, seconds),
        memory_bytes: memory(mebibytes(limits.memory_mebibytes, MEMORY_MEBIBYTES)),
        call_depth: limits.call_depth.unwrap_or(CALL_DEPTH),
        calls_per_run: limits.calls_per_run.unwrap_or(CALLS_PER_RUN),
        staged_bytes: memory(mebibytes(limits.staged_mebibytes, STAGED_MEBIBYTES)),
        quotas: Quotas {
            cpu: limits.cpu_seconds.map(seconds),
            calls: limits.calls_per_call.unwrap_or(CALLS_PER_CALL),
            parallel_calls: limits.parallel_calls.unwrap_or(PARALLEL_CALLS),
            host_calls: limits.host_calls.unwrap_or(HOST_CALLS).into(),
            host_bytes: mebibytes(limits.host_mebibytes, HOST_MEBIBYTES),
            file_bytes: mebibytes(limits.file_mebibytes, FILE_MEBIBYTES),
            open_files: limits.open_files.unwrap_or(OPEN_FILES),
            log_lines: limits.log_lines.unwrap_or(LOG_LINES),
            log_bytes: memory(log_bytes),
        },
        http: http(&limits.http),
    }
}

fn http(said: &definition::HttpLimits) -> HttpLimits {
    let otherwise = HttpLimits::default();
    let header_bytes = bytes(said.header_kibibytes, 10, otherwise.header_bytes as u64);
    HttpLimits {
        request_bytes: bytes(said.request_mebibytes, 20, otherwise.request_bytes),
        response_bytes: bytes(said.response_mebibytes, 20, otherwise.response_bytes),
        header_bytes: usize::try_from(header_bytes).unwrap_or(usize::MAX),
        requests: said.requests.unwrap_or(otherwise.requests),
        connect: seconds(said.connect_seconds, otherwise.connect),
        first_byte: seconds(said.first_byte_seconds, otherwise.first_byte),
        between_bytes: seconds(said.between_bytes_seconds, otherwise.between_bytes),
        total: seconds(said.total_seconds, otherwise.total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_kept_for_the_host() {
        assert_eq!(guest_descriptors(Some(24)), 12);
        assert_eq!(guest_descriptors(Some(1024)), 512);
        assert_eq!(guest_descriptors(Some(4096)), 3584);
        assert_eq!(guest_descriptors(Some(1 << 20)), 65_536);
        assert_eq!(guest_descriptors(None), 65_536);
    }
}
