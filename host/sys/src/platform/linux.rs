//! Linux: descriptors of paths, sealed memory, adopted orphans, control groups and `/proc`.

mod cgroup;
mod children;
mod descendants;
mod files;
mod inherited;
mod lease;
mod machine;

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

pub(crate) use descendants::{Descendants, adopt_orphans, orphans_kill};
pub(crate) use files::{
    DESCRIPTOR_FOLDER, MemoryFile, device_number, entry_at, is_network_file_system, make_pipe,
    mode_of, open_folder, permission_bits, unnamed_file,
};
pub(crate) use inherited::inherited_close;
pub(crate) use lease::lease_take;
pub(crate) use machine::{boot_id, hangup_is_ignored, memory_bytes};

/// The command that shows which processes have a file open.
pub(crate) const FILE_USERS_COMMAND: &str = "fuser -v";

/// Whether this program has to count the memory of a worker itself. The kernel does it here
/// (`RLIMIT_DATA`), including the stacks of threads and mapped memory.
pub(crate) const HEAP_IS_COUNTED: bool = false;

/// The most bytes of a line that a terminal passes on, its end included. Of a longer line, only the
/// beginning arrives; see n_tty(4).
pub(crate) const LINE_BYTES_MAX: usize = 4096;

/// Whether fsync(2) ends at the device, which may lose what it has in its cache.
pub(crate) const SYNC_ENDS_AT_THE_DEVICE: bool = false;

/// How messages are sent: a closed socket is an error and no signal.
pub(crate) const SEND_FLAGS: SendFlags = SendFlags::NOSIGNAL;

/// How messages are received: no program that is started later inherits received descriptors.
pub(crate) const RECEIVE_FLAGS: RecvFlags = RecvFlags::CMSG_CLOEXEC;

/// Keeps received descriptors from programs that are started later. [`RECEIVE_FLAGS`] does so here.
pub(crate) fn received_settle(_descriptors: &[OwnedFd]) -> Result<(), Errno> {
    Ok(())
}

/// Returns to which number the limit of open descriptors may be raised, given its hard limit.
pub(crate) fn descriptors_allowed(maximum: Option<u64>) -> Option<u64> {
    maximum
}
