//! Calls of the kernel that no library offers as safe functions. This is the only unsafe code for
//! macOS.
#![expect(
    unsafe_code,
    reason = "the lists of processes, sysctl, events of processes, and named pipes in a folder"
)]

use std::ffi::{CStr, CString, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::ptr;

use rustix::event::Timespec;
use rustix::event::kqueue::{Event, EventFilter, EventFlags, ProcessEvents, kevent_timespec};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::Pid;

/// The most processes that are read at once. macOS gives out ids below 100 000.
const PROCESSES_MAX: usize = 100_000;

/// The most bytes of a text that sysctl(3) returns here. An id has 36.
const TEXT_BYTES_MAX: usize = 256;

/// How many events are read at once.
const EVENTS_MAX: usize = 64;

/// A time-out of zero: an answer is wanted at once.
const AT_ONCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// A living process, of this user unless this user is root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process {
    pub(super) pid: Pid,
    /// The id of its parent; `None` for a process of the kernel.
    pub(super) parent: Option<Pid>,
    pub(super) group: Option<Pid>,
    /// When it was started, in seconds and microseconds. A later process of the same id has another
    /// time.
    pub(super) started: (u64, u64),
}

/// Returns all living processes whose details this user may read.
pub(super) fn processes() -> Vec<Process> {
    let mut pids = vec![0_i32; PROCESSES_MAX];
    // SAFETY: the kernel writes at most the given number of bytes, which is the size of the buffer.
    let n_pids = unsafe {
        libc::proc_listallpids(
            pids.as_mut_ptr().cast::<c_void>(),
            bytes_of(pids.as_slice()),
        )
    };
    // A negative number is an error: then no process can be found.
    pids.truncate(usize::try_from(n_pids).unwrap_or(0));
    pids.into_iter().filter_map(process).collect()
}

/// Returns a living process; `None` if it has ended or belongs to another user.
pub(super) fn process(pid: i32) -> Option<Process> {
    let mut info = MaybeUninit::<libc::proc_bsdinfo>::zeroed();
    let size = bytes_of(std::slice::from_ref(&info));
    // SAFETY: the kernel writes at most `size` bytes, which is the size of the structure.
    let n_bytes = unsafe {
        let to = info.as_mut_ptr().cast::<c_void>();
        libc::proc_pidinfo(pid, libc::PROC_PIDTBSDINFO, 0, to, size)
    };
    if n_bytes != size {
        return None;
    }
    // SAFETY: the structure has integers only, was zeroed, and the kernel has filled it.
    let info = unsafe { info.assume_init() };
    let id = |number: u32| Pid::from_raw(number.cast_signed());
    Some(Process {
        pid: Pid::from_raw(pid)?,
        parent: id(info.pbi_ppid),
        group: id(info.pbi_pgid),
        started: (info.pbi_start_tvsec, info.pbi_start_tvusec),
    })
}

/// Adds the forks and the end of a process to the events of a queue.
pub(super) fn watch(queue: impl AsFd, pid: Pid) -> Result<(), Errno> {
    let flags = ProcessEvents::FORK | ProcessEvents::EXIT;
    let wanted = EventFilter::Proc { pid, flags };
    let wanted = Event::new(wanted, EventFlags::ADD | EventFlags::CLEAR, ptr::null_mut());
    let mut none = [MaybeUninit::<Event>::uninit(); 0];
    // SAFETY: the event names a process, and no descriptor that would have to stay open.
    unsafe { kevent_timespec(queue, &[wanted], &mut none, Some(&AT_ONCE)) }?;
    Ok(())
}

/// Takes the events out of a queue. Each process has one at most.
pub(super) fn events_clear(queue: impl AsFd) -> Result<(), Errno> {
    for _ in 0..PROCESSES_MAX / EVENTS_MAX {
        let mut space = [MaybeUninit::<Event>::uninit(); EVENTS_MAX];
        // SAFETY: no event is added, so there is no descriptor that would have to stay open.
        let (events, _) =
            unsafe { kevent_timespec(queue.as_fd(), &[], &mut space, Some(&AT_ONCE)) }?;
        if events.len() < EVENTS_MAX {
            break;
        }
    }
    Ok(())
}

/// Returns a text of sysctl(3).
pub(super) fn text(name: &CStr) -> io::Result<String> {
    let mut value = [0_u8; TEXT_BYTES_MAX];
    read(name, &mut value)?;
    let text = CStr::from_bytes_until_nul(&value).map_err(io::Error::other)?;
    Ok(text.to_string_lossy().into_owned())
}

/// Returns a number of sysctl(3), which has 4 or 8 bytes.
pub(super) fn number(name: &CStr) -> io::Result<u64> {
    let mut value = [0_u8; 8];
    let n_bytes = read(name, &mut value)?;
    let [a, b, c, d, ..] = value;
    match n_bytes {
        4 => Ok(u32::from_ne_bytes([a, b, c, d]).into()),
        8 => Ok(u64::from_ne_bytes(value)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Reads a value of sysctl(3), and returns its number of bytes.
fn read(name: &CStr, value: &mut [u8]) -> io::Result<usize> {
    let mut n_bytes = value.len();
    // SAFETY: the name ends with a zero byte, the kernel writes at most `n_bytes`, which is the
    // size of the buffer, and nothing is set.
    let result = unsafe {
        let to = value.as_mut_ptr().cast::<c_void>();
        libc::sysctlbyname(name.as_ptr(), to, &raw mut n_bytes, ptr::null_mut(), 0)
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(n_bytes)
}

/// Returns whether this process ignores a signal.
pub(super) fn is_ignored(signal: c_int) -> io::Result<bool> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action, the call only writes the present one.
    if unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the structure has integers only, was zeroed, and the call has filled it.
    Ok(unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN)
}

/// Creates a named pipe in a folder.
pub(super) fn make_pipe(folder: impl AsFd, name: &str, mode: Mode) -> Result<(), Errno> {
    let name = CString::new(name).map_err(|_| Errno::INVAL)?;
    let folder = folder.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open for the time of the call, and the name ends with a zero byte.
    match unsafe { libc::mkfifoat(folder, name.as_ptr(), mode.as_raw_mode()) } {
        0 => Ok(()),
        _ => Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}

/// Closes a descriptor that no value of this process owns.
///
/// The only caller is [`super::files::inherited_close`], at a point of a child's life where no
/// value owns any descriptor but the three pipes.
pub(super) fn close(descriptor: RawFd) {
    // SAFETY: closing a descriptor that a value owns would make that value use another file later.
    // No value owns one: see above. The call has no effect on memory.
    let closed = unsafe { libc::close(descriptor) };
    // ignored: the descriptor was closed already.
    let _ = closed;
}

/// Returns the size of values in bytes, as the kernel expects it.
fn bytes_of<T>(values: &[T]) -> c_int {
    c_int::try_from(size_of_val(values)).expect("the buffers of this file are small")
}
