//! The child's side. It has unsafe code for two things that the standard library has no way
//! for: closing descriptors that it does not know, and ending when memory is used up.

use std::alloc::{GlobalAlloc, Layout, System};
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Resource, Rlimit, setrlimit};

use super::EXIT_NO_MEMORY;
use crate::host::exit_now;
use crate::thread;

/// What a child may use.
#[derive(Debug, Clone, Copy)]
pub struct WorkerLimits {
    /// Bytes of memory: of its heap, and of the stacks of its threads.
    pub memory_bytes: u64,
}

/// How a child ends that panicked, which is told on stderr.
const EXIT_PANIC: u8 = 101;

/// Whether this process is a child at work.
static IS_WORKER: AtomicBool = AtomicBool::new(false);

/// Makes this process a child at work: applies the limits, reads what its parent gives it,
/// works, writes the result, and ends.
///
/// # Errors
/// The pipes are not those of a parent, or the limits cannot be set.
pub fn serve(
    limits: WorkerLimits,
    work: impl FnOnce(&[u8], &mut dyn Write) -> io::Result<()>,
) -> io::Result<Infallible> {
    close_inherited();
    let no_more_than = |bytes| Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    setrlimit(Resource::Core, no_more_than(0))?;
    setrlimit(Resource::Fsize, no_more_than(0))?;
    setrlimit(Resource::Data, no_more_than(limits.memory_bytes))?;
    IS_WORKER.store(true, Ordering::Relaxed);
    let mut stdin = io::stdin().lock();
    let mut length = [0; 8];
    stdin.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let mut input = Vec::new();
    stdin.by_ref().take(length).read_to_end(&mut input)?;
    drop(stdin);
    if input.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // Nothing more comes. When the pipe ends, the parent has, too.
    let watch = || {
        // ignored: when the pipe ends, for whatever reason, the parent has ended, too.
        let _ = io::stdin().read(&mut [0]);
        exit_now(1);
    };
    if thread::start("parent", watch).is_err() {
        // A thread needs no more than memory.
        exit_now(EXIT_NO_MEMORY);
    }
    let mut stdout = io::stdout().lock();
    let worked = catch_unwind(AssertUnwindSafe(|| work(&input, &mut stdout)));
    match worked {
        Ok(worked) => worked?,
        // Libraries panic where a thread cannot be started, as it could be before.
        Err(_) if thread::start("memory", || ()).is_err() => exit_now(EXIT_NO_MEMORY),
        Err(_) => exit_now(EXIT_PANIC),
    }
    stdout.flush()?;
    exit_now(0)
}

/// Closes all descriptors but the three pipes: the parent may have inherited some that it does
/// not know of, and would pass them on.
#[expect(
    unsafe_code,
    reason = "only the kernel knows which descriptors there are"
)]
fn close_inherited() {
    // SAFETY: closing a descriptor that a value of this process owns would have that value use
    // another file later. At this point of the child's life there is none: `main` has parsed
    // the command line, and opened nothing. The call has no other effect on memory.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
    // ignored: Linux before 5.9 does not know the call: then the descriptors stay.
    let _ = closed;
}

/// The allocator of this program: that of the system. In a child at work, the program ends
/// where memory is used up, in a way that its parent knows, instead of by SIGABRT, which could
/// mean anything.
#[derive(Debug)]
pub struct WorkerAllocator;

// SAFETY: all is handed on to the allocator of the system, and its answer is returned as it is.
#[expect(unsafe_code, reason = "there is no safe way to be an allocator")]
unsafe impl GlobalAlloc for WorkerAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        found(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        found(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        found(unsafe { System.realloc(memory, layout, size) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Returns allocated memory; ends a child at work if there is none.
#[inline]
#[expect(
    unsafe_code,
    reason = "nothing may be allocated here, and so nothing tidied up"
)]
fn found(memory: *mut u8) -> *mut u8 {
    if memory.is_null() && IS_WORKER.load(Ordering::Relaxed) {
        // SAFETY: the process ends at once, without running anything else of it.
        unsafe { libc::_exit(EXIT_NO_MEMORY.into()) }
    }
    memory
}
