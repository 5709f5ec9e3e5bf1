//! What all calls of this process may have together: memory and descriptors.
//!
//! The limits of one call do not bound the process, because a run has many calls. So each call also
//! takes what it uses from a budget of the process, and gives it back.
//!
//! A guest that asks for more than the budget has left is refused at once, with the limit's name.
//! It never waits, because its callers hold what it would wait for. Only a call that has no caller
//! and holds no lock waits, before it begins ([`Budget::admitted`]): then what it waits for is held
//! by calls that do not wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sedge_model::call::LimitName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The least memory that is kept free for a call whose plugin was called before, in bytes. Usual
/// guests need less.
const RESERVED_BYTES_MIN: u64 = 16 << 20;

/// How much all calls of the process may have together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Bytes of all memories and tables.
    pub memory_bytes: u64,
    /// Descriptors: files, folders and sockets that guests have open, and requests under way.
    pub descriptors: u32,
}

/// What all calls of the process have together, and may have.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: BudgetLimits,
    n_memory_bytes: AtomicU64,
    /// In MiB: what calls that are under way, and have no caller, are expected to need.
    expected: Arc<Semaphore>,
    descriptors: Arc<Semaphore>,
}

/// That a call may begin. Dropped at its end.
#[derive(Debug)]
pub struct Admission {
    memory: Option<OwnedSemaphorePermit>,
    folders: Option<Descriptors>,
}

impl Admission {
    /// Returns what is to be dropped at the end of the call: of the memory, and of its folders.
    pub(crate) fn parts(self) -> (Option<OwnedSemaphorePermit>, Option<Descriptors>) {
        (self.memory, self.folders)
    }
}

/// Descriptors that a guest holds, until this is dropped.
#[derive(Debug)]
pub(crate) struct Descriptors(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

impl Budget {
    pub(crate) fn new(limits: BudgetLimits) -> Arc<Self> {
        let mebibytes = usize::try_from(limits.memory_bytes >> 20).unwrap_or(usize::MAX);
        let permits = |n: usize| Arc::new(Semaphore::new(n.clamp(1, Semaphore::MAX_PERMITS)));
        Arc::new(Self {
            limits,
            n_memory_bytes: AtomicU64::new(0),
            // Each waits for a `u32` of them.
            expected: permits(mebibytes.min(u32::MAX as usize)),
            descriptors: permits(limits.descriptors as usize),
        })
    }

    pub(crate) fn memory_bytes_max(&self) -> u64 {
        self.limits.memory_bytes
    }

    /// Waits until a call may begin that has no caller and holds no lock: until the budget has room
    /// for what it may need, and for its folders.
    ///
    /// A call may need what its limit says. Once a plugin was called, twice of what it needed most is
    /// expected instead, or few calls could be under way at once.
    pub(crate) async fn admitted(
        &self,
        memory_bytes: usize,
        known_bytes: usize,
        n_folders: usize,
    ) -> Admission {
        let most = memory_bytes as u64;
        let known = known_bytes as u64;
        let expected = match known {
            0 => most,
            known => known.saturating_mul(2).max(RESERVED_BYTES_MIN).min(most),
        };
        let mebibytes = expected.div_ceil(1 << 20);
        let all = (self.limits.memory_bytes >> 20).max(1);
        let mebibytes = u32::try_from(mebibytes.clamp(1, all)).unwrap_or(u32::MAX);
        let memory = Arc::clone(&self.expected).acquire_many_owned(mebibytes);
        let memory = memory.await.ok();
        let n_folders = u32::try_from(n_folders).unwrap_or(u32::MAX);
        let folders = match n_folders <= self.limits.descriptors {
            true => Arc::clone(&self.descriptors)
                .acquire_many_owned(n_folders)
                .await
                .ok(),
            // It is refused when it begins: there never is room for so many.
            false => None,
        };
        Admission {
            memory,
            folders: folders.map(Descriptors),
        }
    }

    /// Takes descriptors, if there is room for them.
    ///
    /// # Errors
    /// There is none: the limit, and its value.
    pub(crate) fn descriptors(&self, n: usize) -> Result<Descriptors, (LimitName, u64)> {
        let permits = u32::try_from(n).unwrap_or(u32::MAX);
        let taken = Arc::clone(&self.descriptors).try_acquire_many_owned(permits);
        let limit = (
            LimitName::ProcessDescriptors,
            self.limits.descriptors.into(),
        );
        taken.map(Descriptors).map_err(|_| limit)
    }

    /// Takes memory; false if there is no room for it.
    pub(crate) fn memory_take(&self, n_bytes: u64) -> bool {
        let take = |taken: u64| {
            let taken = taken.checked_add(n_bytes)?;
            (taken <= self.limits.memory_bytes).then_some(taken)
        };
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        self.n_memory_bytes.fetch_update(set, fetch, take).is_ok()
    }

    /// Gives memory back.
    pub(crate) fn memory_return(&self, n_bytes: u64) {
        self.n_memory_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn budget(mebibytes: u64, descriptors: u32) -> Arc<Budget> {
        Budget::new(BudgetLimits {
            memory_bytes: mebibytes << 20,
            descriptors,
        })
    }

    fn polled<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn memory_beyond_the_budget_is_refused_at_once() {
        let budget = budget(2, 1);
        assert!(budget.memory_take(1 << 20));
        assert!(!budget.memory_take((1 << 20) + 1));
        assert!(!budget.memory_take(u64::MAX));
        assert!(budget.memory_take(1 << 20));
        budget.memory_return(2 << 20);
        assert!(budget.memory_take(2 << 20));
    }

    #[test]
    fn descriptors_beyond_the_budget_are_refused_at_once() {
        let budget = budget(1, 3);
        let two = budget.descriptors(2).expect("there is room");
        let refused = budget.descriptors(2).expect_err("there is no room");
        assert_eq!(refused, (LimitName::ProcessDescriptors, 3));
        drop(two);
        budget.descriptors(3).expect("there is room again");
    }

    #[test]
    fn a_call_begins_when_there_is_room_for_what_it_may_need() {
        let budget = budget(500, 8);
        let mut one = pin!(budget.admitted(200 << 20, 0, 2));
        let Poll::Ready(one) = polled(one.as_mut()) else {
            panic!("there is room")
        };
        let mut two = pin!(budget.admitted(200 << 20, 0, 2));
        let Poll::Ready(_two) = polled(two.as_mut()) else {
            panic!("there is room")
        };
        let mut three = pin!(budget.admitted(200 << 20, 0, 2));
        assert!(polled(three.as_mut()).is_pending());
        // In turn: one that needs little does not overtake it for ever.
        let mut small = pin!(budget.admitted(200 << 20, 1 << 20, 0));
        assert!(polled(small.as_mut()).is_pending());
        drop(one);
        assert!(polled(three.as_mut()).is_ready());
        assert!(polled(small.as_mut()).is_ready());
    }

    #[test]
    fn a_call_that_may_need_more_than_there_is_begins_alone() {
        let budget = budget(100, 8);
        let mut huge = pin!(budget.admitted(4 << 30, 0, 0));
        assert!(polled(huge.as_mut()).is_ready());
    }

    #[test]
    fn a_call_waits_until_there_is_room_for_its_folders() {
        let budget = budget(100, 4);
        let held = budget.descriptors(3).expect("there is room");
        let mut call = pin!(budget.admitted(1 << 20, 0, 2));
        assert!(polled(call.as_mut()).is_pending());
        drop(held);
        assert!(polled(call.as_mut()).is_ready());
    }
}
