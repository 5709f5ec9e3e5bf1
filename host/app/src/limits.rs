//! The limits of a call that apply if no file sets others.

use std::time::Duration;

use sedge_model::definition::{self, Limits};
use sedge_model::repository;
use sedge_runtime::{BudgetLimits, ComponentLimits, HttpLimits, Quotas};
use sedge_sys::resources;

/// How long one call may take.
///
/// This is long enough for a cloud to create a machine, and short enough that a user notices a
/// hanging pipeline within the hour.
const WALL_TIME: Duration = Duration::from_secs(300);

/// How much memory one call may use.
///
/// The heaviest known guest, a Python interpreter with its libraries, needs a quarter of it.
const MEMORY_MEBIBYTES: u32 = 256;

/// How deeply calls may nest in a run.
///
/// This stops endless recursion. Each level costs an instance and a stack of 2 MiB, of which the
/// guest touches little.
const CALL_DEPTH: u32 = 64;

/// How many calls a run may make.
///
/// Breadth and depth multiply: without this limit, a plugin that calls itself twice at each level
/// would fill the datastore with rows.
const CALLS_PER_RUN: u32 = 200_000;

/// How many calls one call may make.
///
/// Each leaves a row in the datastore. A call that was started and not awaited holds one of the
/// guest's 25 000 handles.
const CALLS_PER_CALL: u32 = 20_000;

/// How many callees of one call may be in progress at once.
///
/// Each is a task with its arguments, and a guest could otherwise start them faster than they run.
const PARALLEL_CALLS: u32 = 10_000;

/// How many host functions one call may call.
///
/// The limit on the guest's own time matters more; a user can lower this one for a model.
const HOST_CALLS: u32 = 100_000_000;

/// How much data one call may exchange with the host: twice what it may write to files.
const HOST_MEBIBYTES: u32 = 32 << 10;

/// How much data one call may stage in memory before it commits.
const STAGED_MEBIBYTES: u32 = 64;

/// How much data one call may write to files, so that it cannot fill the disk.
const FILE_MEBIBYTES: u32 = 16 << 10;

/// How many files one call may have open. Each costs a descriptor, and up to 64 KiB of memory.
const OPEN_FILES: u32 = 64;

/// How many lines of one call's log are kept. Each is a row in the datastore.
const LOG_LINES: u32 = 10_000;

/// How much of one call's log is kept. The log is in memory until the call ends.
const LOG_KIBIBYTES: u32 = 1024;

/// How much of each output of a command is kept, unless its pin sets another limit.
///
/// The guest has the output in memory, and so has the host while the command runs.
pub(crate) const COMMAND_OUTPUT_BYTES_MAX: usize = 1 << 20;

/// How long a call waits for a lock.
///
/// Crashed processes and deadlocks are detected without this deadline. A call that holds a lock for
/// so long is working, and takes longer than most users want to wait.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// The minimum memory for all calls together: enough for one call, on any machine.
const PROCESS_MEMORY_BYTES_MIN: u64 = (MEMORY_MEBIBYTES as u64) << 20;

/// How many of the process's descriptors are reserved for the host.
///
/// The host needs them for the datastore, locks, plugins, pooled connections, and the pipes of
/// commands (four each, 64 at once). If the operating system grants few, the host reserves half of
/// them.
const HOST_DESCRIPTORS: u64 = 512;

/// The maximum number of descriptors for all guests together, however many the process may have.
const PROCESS_DESCRIPTORS_MAX: u64 = 65_536;

/// The limits of a call, with every value set.
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

/// Returns the value of a file, in units of two to the power of `shift`, or else the default.
fn bytes(configured: Option<u32>, shift: u32, otherwise: u64) -> u64 {
    configured.map_or(otherwise, |configured| u64::from(configured) << shift)
}

/// Fills in the limits for all calls of a process that `sedge.yaml` leaves open: half of the
/// available memory, and all descriptors that the host does not need.
pub(crate) fn budget(configured: &repository::ProcessLimits) -> BudgetLimits {
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

/// Returns the value of a file, in seconds, or else the default.
fn seconds(configured: Option<u32>, otherwise: Duration) -> Duration {
    configured.map_or(otherwise, |configured| {
        Duration::from_secs(configured.into())
    })
}

/// Fills in the limits of the engine that `sedge.yaml` leaves open.
pub(crate) fn component_limits(
    configured: &repository::ComponentLimits,
    otherwise: ComponentLimits,
) -> ComponentLimits {
    ComponentLimits {
        bytes: bytes(configured.mebibytes, 20, otherwise.bytes),
        code_bytes: bytes(configured.code_mebibytes, 20, otherwise.code_bytes),
        function_bytes: bytes(configured.function_kibibytes, 10, otherwise.function_bytes),
        functions: bytes(configured.functions, 0, otherwise.functions),
        instances: bytes(configured.instances, 0, otherwise.instances),
        custom_bytes: bytes(configured.custom_mebibytes, 20, otherwise.custom_bytes),
        compile: seconds(configured.compile_seconds, otherwise.compile),
        compile_bytes: bytes(configured.compile_mebibytes, 20, otherwise.compile_bytes),
        describe: seconds(configured.describe_seconds, otherwise.describe),
    }
}

/// Fills in the limits that the files leave open.
pub(crate) fn resolve(limits: &Limits) -> Resolved {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let mebibytes =
        |configured: Option<u32>, otherwise| u64::from(configured.unwrap_or(otherwise)) << 20;
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

fn http(configured: &definition::HttpLimits) -> HttpLimits {
    let otherwise = HttpLimits::default();
    let header_bytes = bytes(
        configured.header_kibibytes,
        10,
        otherwise.header_bytes as u64,
    );
    HttpLimits {
        request_bytes: bytes(configured.request_mebibytes, 20, otherwise.request_bytes),
        response_bytes: bytes(configured.response_mebibytes, 20, otherwise.response_bytes),
        header_bytes: usize::try_from(header_bytes).unwrap_or(usize::MAX),
        requests: configured.requests.unwrap_or(otherwise.requests),
        connect: seconds(configured.connect_seconds, otherwise.connect),
        first_byte: seconds(configured.first_byte_seconds, otherwise.first_byte),
        between_bytes: seconds(configured.between_bytes_seconds, otherwise.between_bytes),
        total: seconds(configured.total_seconds, otherwise.total),
    }
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
