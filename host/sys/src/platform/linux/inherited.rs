//! Descriptors that a process has inherited. Closing them all is unsafe code.

/// Closes all descriptors but stdin, stdout and stderr. The parent may have inherited descriptors
/// that it does not know of, and would pass them on.
///
/// Call this before this process has opened anything.
#[expect(
    unsafe_code,
    reason = "only the kernel knows which descriptors there are"
)]
pub(crate) fn inherited_close() {
    // SAFETY: closing a descriptor that a value of this process owns would make that value use
    // another file later. The only caller is a child at work, at a point of its life where no value
    // owns one: `main` has parsed the command line, and opened nothing. The call has no other
    // effect on memory.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
    // ignored: Linux before 5.9 does not have the call, and the descriptors stay open.
    let _ = closed;
}
