//! The child's side. It has unsafe code for one thing that the standard library does not offer:
//! ending the process when an allocation fails.
//!
//! The kernel limits the memory of the child where it can. On macOS it cannot, so the allocator
//! counts; memory that does not come from it, such as the stacks of threads, is not limited there.

use std::alloc::{GlobalAlloc, Layout, System};
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use rustix::process::{Resource, Rlimit, setrlimit};

use super::EXIT_NO_MEMORY;
use crate::host::exit_now;
use crate::platform::{HEAP_IS_COUNTED, inherited_close};
use crate::thread;

/// The limits of a child.
#[derive(Debug, Clone, Copy)]
pub struct WorkerLimits {
    /// Bytes of memory, for its heap and the stacks of its threads.
    pub memory_bytes: u64,
    /// Bytes of each file that it writes; 0 if it writes none. A file in memory counts, too.
    pub file_bytes: u64,
}

/// The exit code of a child that panicked. The panic's message is on stderr.
const EXIT_PANIC: u8 = 101;

/// Whether this process is a child at work.
// process-wide: the allocator, of which a process has one, reads it.
static IS_WORKER: AtomicBool = AtomicBool::new(false);

/// The heap of a child at work, on systems where the allocator counts it.
// process-wide: the allocator, of which a process has one, counts in it.
static HEAP: HeapCount = HeapCount::unlimited();

/// Bytes of the heap, and the most that there may be.
#[derive(Debug)]
struct HeapCount {
    /// Allocated since the counting began. Memory from before that was freed makes it smaller.
    n_bytes: AtomicI64,
    n_bytes_max: AtomicI64,
}

/// Makes this process a child at work: applies the limits, reads the input from its parent, works,
/// writes the result, and ends.
///
/// # Errors
/// The pipes are not those of a parent, or the limits cannot be set.
pub fn serve(
    limits: WorkerLimits,
    work: impl FnOnce(&[u8], &mut dyn Write) -> io::Result<()>,
) -> io::Result<Infallible> {
    inherited_close();
    let no_more_than = |bytes| Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    setrlimit(Resource::Core, no_more_than(0))?;
    setrlimit(Resource::Fsize, no_more_than(limits.file_bytes))?;
    setrlimit(Resource::Data, no_more_than(limits.memory_bytes))?;
    HEAP.limit(limits.memory_bytes);
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
    // The parent sends nothing more, so the pipe ends only when the parent ends.
    let watch = || {
        // ignored: an error of the pipe means that the parent has ended, too.
        let _ = io::stdin().read(&mut [0]);
        exit_now(1);
    };
    if thread::start("parent", watch).is_err() {
        // Starting a thread fails only if memory is used up.
        exit_now(EXIT_NO_MEMORY);
    }
    let mut stdout = io::stdout().lock();
    let worked = catch_unwind(AssertUnwindSafe(|| work(&input, &mut stdout)));
    match worked {
        Ok(worked) => worked?,
        // Libraries panic if a thread cannot be started. One could be started before, so memory is
        // used up.
        Err(_) if thread::start("memory", || ()).is_err() => exit_now(EXIT_NO_MEMORY),
        Err(_) => exit_now(EXIT_PANIC),
    }
    stdout.flush()?;
    exit_now(0)
}

impl HeapCount {
    const fn unlimited() -> Self {
        Self {
            n_bytes: AtomicI64::new(0),
            n_bytes_max: AtomicI64::new(i64::MAX),
        }
    }

    fn limit(&self, bytes_max: u64) {
        let max = i64::try_from(bytes_max).unwrap_or(i64::MAX);
        self.n_bytes_max.store(max, Ordering::Relaxed);
    }

    /// Counts bytes that are allocated and freed, and returns whether the limit still holds.
    fn change(&self, n_more: usize, n_less: usize) -> bool {
        // The size of an allocation is at most `isize::MAX`.
        let change = n_more.cast_signed() as i64 - n_less.cast_signed() as i64;
        let before = self.n_bytes.fetch_add(change, Ordering::Relaxed);
        before.saturating_add(change) <= self.n_bytes_max.load(Ordering::Relaxed)
    }
}

/// The allocator of this program, which is the system's. In a child at work, the process ends with
/// `EXIT_NO_MEMORY` when an allocation fails, so that its parent knows the cause. SIGABRT could
/// have any cause.
#[derive(Debug)]
pub struct WorkerAllocator;

// SAFETY: every call is forwarded to the system's allocator, and its result is returned unchanged.
#[expect(unsafe_code, reason = "there is no safe way to be an allocator")]
unsafe impl GlobalAlloc for WorkerAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        counted(layout.size(), 0);
        // SAFETY: as the caller promises.
        checked(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        counted(layout.size(), 0);
        // SAFETY: as the caller promises.
        checked(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        counted(size, layout.size());
        // SAFETY: as the caller promises.
        checked(unsafe { System.realloc(memory, layout, size) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        counted(0, layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Counts memory that is allocated and freed, if the kernel does not. Ends a child at work that
/// needs more than it may.
#[inline]
fn counted(n_more: usize, n_less: usize) {
    if HEAP_IS_COUNTED && IS_WORKER.load(Ordering::Relaxed) && !HEAP.change(n_more, n_less) {
        end_without_memory();
    }
}

/// Returns allocated memory. Ends a child at work if the allocation failed.
#[inline]
fn checked(memory: *mut u8) -> *mut u8 {
    if memory.is_null() && IS_WORKER.load(Ordering::Relaxed) {
        end_without_memory();
    }
    memory
}

/// Ends this process at once.
#[cold]
#[expect(
    unsafe_code,
    reason = "nothing may be allocated here, so no clean-up code may run"
)]
fn end_without_memory() -> ! {
    // SAFETY: `_exit` ends the process without running any other code of it.
    unsafe { libc::_exit(EXIT_NO_MEMORY.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heap_is_counted_up_to_its_limit() {
        let heap = HeapCount::unlimited();
        assert!(heap.change(1 << 40, 0));
        assert!(heap.change(0, 1 << 40));
        heap.limit(100);
        // Memory from before the counting began is freed.
        assert!(heap.change(0, 10));
        assert!(heap.change(110, 0));
        assert!(!heap.change(1, 0));
        assert!(heap.change(50, 51));
        assert!(!heap.change(61, 60));
    }
}
