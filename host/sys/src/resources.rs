//! Resources of the machine that this process may use: memory and descriptors.

use std::io;
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::platform;

/// The limit of open descriptors that this process had before it raised it.
// process-wide: the operating system has one limit for each process.
static DESCRIPTORS_BEFORE: OnceLock<u64> = OnceLock::new();

/// Raises this process's limit of open descriptors as far as the operating system allows. Programs
/// that it starts get the former limit, because some loop over every possible descriptor.
///
/// # Errors
/// The operating system refuses. The limit is then unchanged.
pub fn descriptors_raise() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let Some(current) = limit.current else {
        return Ok(());
    };
    let raised = Rlimit {
        current: platform::descriptors_allowed(limit.maximum),
        ..limit
    };
    setrlimit(Resource::Nofile, raised)?;
    DESCRIPTORS_BEFORE.get_or_init(|| current);
    Ok(())
}

/// Returns this process's limit of open descriptors; `None` if there is no limit.
#[must_use]
pub fn descriptors_max() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Returns the limit of open descriptors for programs that this process starts; `None` if they get
/// the same limit as this process.
pub(crate) fn descriptors_before() -> Option<u64> {
    DESCRIPTORS_BEFORE.get().copied()
}

/// Sets this process's limit of open descriptors.
///
/// # Errors
/// The operating system refuses.
pub(crate) fn descriptors_lower(current: u64) -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let lowered = Rlimit {
        current: Some(current),
        ..limit
    };
    Ok(setrlimit(Resource::Nofile, lowered)?)
}

/// Returns how many bytes of memory this process can use: what the machine has available, or what
/// the control groups of Linux allow if that is less.
#[must_use]
pub fn memory_bytes() -> u64 {
    platform::memory_bytes()
}
