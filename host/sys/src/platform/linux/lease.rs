//! Leases on files. Taking one is unsafe code, because no library offers it.

use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::fstatfs;

/// The magic numbers of the file systems on which a lease and the times of a file can be relied
/// on, from statfs(2): ext2 to ext4, XFS, Btrfs, F2FS, tmpfs. On the others, another machine or
/// another program may change a file without this kernel's knowledge, or the time of a change
/// means something else.
const LOCAL: [u32; 5] = [
    0x0000_ef53,
    0x5846_5342,
    0x9123_683e,
    0xf2f5_2010,
    0x0102_1994,
];

/// The command of fcntl(2) that chooses the signal of a lease. It has this number on every
/// processor, and the C library's headers for Rust lack it.
const F_SETSIG: libc::c_int = 10;

/// Takes a read lease; see fcntl(2), `F_SETLEASE`. Returns whether it was granted.
///
/// It is granted only if no descriptor and no mapping exists through which the file can be written.
/// Afterwards, a process that opens or truncates the file for writing waits, and this process is killed
/// before the other one goes on. SIGKILL is used because a process can ignore or block any other signal,
/// and may have inherited that.
#[expect(unsafe_code, reason = "no library offers leases as safe functions")]
pub(crate) fn lease_take(file: impl AsFd) -> bool {
    let file = file.as_fd();
    // ignored: on a file system that cannot be identified, no lease is taken.
    let is_local = fstatfs(file)
        .is_ok_and(|found| u32::try_from(found.f_type).is_ok_and(|magic| LOCAL.contains(&magic)));
    if !is_local {
        return false;
    }
    // SAFETY: both calls get an open descriptor and a number, and no memory.
    unsafe {
        libc::fcntl(file.as_raw_fd(), F_SETSIG, libc::SIGKILL) == 0
            && libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_RDLCK) == 0
    }
}
