//! What differs between operating systems: one module for each, with the same functions.
//!
//! All other modules of this crate are the same everywhere. The book's page on platforms
//! (`docs/reference/platforms.md`) says which promise is weaker on which system.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;

use std::ffi::OsString;
use std::os::fd::OwnedFd;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "macos")]
use macos as system;
use rustix::fs::Stat;

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
compile_error!("this operating system has no module in host/sys/src/platform");

// This list is the interface. A module that lacks one of the names does not compile.
pub(crate) use system::{
    DESCRIPTOR_FOLDER, Descendants, FILE_USERS_COMMAND, HEAP_IS_COUNTED, LINE_BYTES_MAX,
    MemoryFile, RECEIVE_FLAGS, SEND_FLAGS, SYNC_ENDS_AT_THE_DEVICE, adopt_orphans, boot_id,
    descriptors_allowed, device_number, entry_at, hangup_is_ignored, inherited_close,
    is_network_file_system, lease_take, make_pipe, memory_bytes, mode_of, open_folder,
    orphans_kill, permission_bits, received_settle, unnamed_file,
};

/// The result of an attempt to kill processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Killed {
    /// How many processes were sent the signal.
    pub(crate) n_killed: usize,
    /// How many run as another user, so that this process may not kill them.
    pub(crate) n_denied: usize,
}

/// What a name in a folder stands for. A link is not followed.
#[derive(Debug)]
pub(crate) enum PathEntry {
    /// A folder, opened to look up names in it.
    Folder(OwnedFd),
    /// A symbolic link, with its target.
    Link(OsString),
    /// Anything else, with its metadata.
    Other(Stat),
}
