//! macOS 13 or newer: unlinked files, sessions and kqueue(2), and sysctl(3).
//!
//! Several promises are weaker than on Linux. The book's page on platforms lists them.

mod descendants;
mod files;
mod kernel;
mod machine;

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::{RecvFlags, SendFlags};

pub(crate) use descendants::{Descendants, adopt_orphans, orphans_kill};
pub(crate) use files::{
    DESCRIPTOR_FOLDER, MemoryFile, device_number, entry_at, inherited_close,
    is_network_file_system, make_pipe, mode_of, open_folder, permission_bits, unnamed_file,
};
pub(crate) use machine::{boot_id, hangup_is_ignored, memory_bytes};

/// The command that shows which processes have a file open.
pub(crate) const FILE_USERS_COMMAND: &str = "lsof";

/// Whether this program has to count the memory of a worker itself. The kernel accepts limits of
/// memory and does not enforce them.
pub(crate) const HEAP_IS_COUNTED: bool = true;

/// The most bytes of a line that a terminal passes on, its end included (`MAX_CANON`).
pub(crate) const LINE_BYTES_MAX: usize = 1024;

/// Whether fsync(2) ends at the device, which may lose what it has in its cache. `F_FULLFSYNC`
/// empties the cache as well; the standard library uses it, and SQLite has to be asked for it.
pub(crate) const SYNC_ENDS_AT_THE_DEVICE: bool = true;

/// How messages are sent. There is no flag against SIGPIPE, which Rust programs ignore anyway.
pub(crate) const SEND_FLAGS: SendFlags = SendFlags::empty();

/// How messages are received. There is no flag for [`received_settle`].
pub(crate) const RECEIVE_FLAGS: RecvFlags = RecvFlags::empty();

/// The largest limit of open descriptors that setrlimit(2) accepts (`OPEN_MAX`).
const DESCRIPTORS_MAX: u64 = 10_240;

/// Takes a lease on a file. There are no leases here.
pub(crate) fn lease_take(_file: impl AsFd) -> bool {
    false
}

/// Keeps received descriptors from programs that are started later.
pub(crate) fn received_settle(descriptors: &[OwnedFd]) -> Result<(), Errno> {
    for descriptor in descriptors {
        fcntl_setfd(descriptor, FdFlags::CLOEXEC)?;
    }
    Ok(())
}

/// Returns to which number the limit of open descriptors may be raised, given its hard limit.
pub(crate) fn descriptors_allowed(maximum: Option<u64>) -> Option<u64> {
    Some(maximum.map_or(DESCRIPTORS_MAX, |maximum| maximum.min(DESCRIPTORS_MAX)))
}
