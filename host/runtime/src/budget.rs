//! Limits on the memory and the descriptors that all calls of this process use together.
//!
//! The limits of one call do not bound the process, because a run can make many calls. Therefore
//! each call also takes what it uses from a budget of the process, and returns it at its end.
//!
//! A guest that asks for more than the budget has left is refused at once, and the error names the
//! limit. A guest never waits for budget: its callers may hold the memory that it would wait for.
//! Only a call that has no caller and holds no lock waits, and it waits before it begins
//! ([`ProcessBudget::admit`]). The calls that it waits for do not depend on it, so they can end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sedge_model::call::LimitName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The minimum that [`ProcessBudget::admit`] reserves for a call whose plugin has been called before, in
/// bytes. Most guests need less.
const RESERVED_BYTES_MIN: u64 = 16 << 20;

/// The limits on what all calls of the process use together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetLimits {
    /// The maximum size of all memories and tables, in bytes.
    pub memory_bytes: u64,
    /// The maximum number of descriptors: open files, folders and sockets of guests, and requests
    /// in flight.
    pub descriptors: u32,
}

/// Counts what all calls of the process use, and enforces [`BudgetLimits`].
#[derive(Debug)]
pub(crate) struct ProcessBudget {
    limits: BudgetLimits,
    n_memory_bytes: AtomicU64,
    /// One permit per MiB. A running call that has no caller holds as many as it is expected to
    /// need.
    expected: Arc<Semaphore>,
    descriptors: Arc<Semaphore>,
}

/// Permission for a call to begin. The call drops it at its end.
#[derive(Debug)]
pub struct Admission {
    memory: Option<OwnedSemaphorePermit>,
    folders: Option<Descriptors>,
}

impl Admission {
    /// Returns the reservations for memory and for folders. The caller drops them when the call
    /// ends.
    pub(crate) fn parts(self) -> (Option<OwnedSemaphorePermit>, Option<Descriptors>) {
        (self.memory, self.folders)
    }
}

/// Descriptors that a guest holds. Dropping this value returns them to the budget.
#[derive(Debug)]
pub(crate) struct Descriptors(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

impl ProcessBudget {
    pub(crate) fn new(limits: BudgetLimits) -> Arc<Self> {
        let mebibytes = usize::try_from(limits.memory_bytes >> 20).unwrap_or(usize::MAX);
        let permits = |n: usize| Arc::new(Semaphore::new(n.clamp(1, Semaphore::MAX_PERMITS)));
        Arc::new(Self {
            limits,
            n_memory_bytes: AtomicU64::new(0),
            // `acquire_many_owned` takes a `u32`, so more permits could not be requested at once.
            expected: permits(mebibytes.min(u32::MAX as usize)),
            descriptors: permits(limits.descriptors as usize),
        })
    }

    pub(crate) fn memory_bytes_max(&self) -> u64 {
        self.limits.memory_bytes
    }

    /// Waits until the budget has room for the memory and the folders of a call. The call must
    /// have no caller and hold no lock.
    ///
    /// The first call of a plugin reserves the call's memory limit. Later calls reserve twice the
    /// most that the plugin has needed so far; if they reserved their limits, few calls could run
    /// at once.
    pub(crate) async fn admit(
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
            // The budget can never hold so many, so waiting would not end. The call is refused
            // when it begins.
            false => None,
        };
        Admission {
            memory,
            folders: folders.map(Descriptors),
        }
    }

    /// Takes `n` descriptors.
    ///
    /// # Errors
    /// Too few descriptors are left. The error holds the limit and its value.
    pub(crate) fn descriptors(&self, n: usize) -> Result<Descriptors, (LimitName, u64)> {
        let permits = u32::try_from(n).unwrap_or(u32::MAX);
        let taken = Arc::clone(&self.descriptors).try_acquire_many_owned(permits);
        let limit = (
            LimitName::ProcessDescriptors,
            self.limits.descriptors.into(),
        );
        taken.map(Descriptors).map_err(|_| limit)
    }

    /// Takes memory; returns `false` if the budget has too little left.
    pub(crate) fn memory_take(&self, n_bytes: u64) -> bool {
        let take = |taken: u64| {
            let taken = taken.checked_add(n_bytes)?;
            (taken <= self.limits.memory_bytes).then_some(taken)
        };
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        self.n_memory_bytes.fetch_update(set, fetch, take).is_ok()
    }

    /// Returns memory to the budget.
    pub(crate) fn memory_return(&self, n_bytes: u64) {
        self.n_memory_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn budget(mebibytes: u64, descriptors: u32) -> Arc<ProcessBudget> {
        ProcessBudget::new(BudgetLimits {
            memory_bytes: mebibytes << 20,
            descriptors,
        })
    }

    fn poll_once<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
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
    fn call_waits_until_the_budget_has_room_for_its_memory() {
        let budget = budget(500, 8);
        let mut one = pin!(budget.admit(200 << 20, 0, 2));
        let Poll::Ready(one) = poll_once(one.as_mut()) else {
            panic!("there is room")
        };
        let mut two = pin!(budget.admit(200 << 20, 0, 2));
        let Poll::Ready(_two) = poll_once(two.as_mut()) else {
            panic!("there is room")
        };
        let mut three = pin!(budget.admit(200 << 20, 0, 2));
        assert!(poll_once(three.as_mut()).is_pending());
        // Waiters are served in order, so that small calls cannot starve a large one.
        let mut small = pin!(budget.admit(200 << 20, 1 << 20, 0));
        assert!(poll_once(small.as_mut()).is_pending());
        drop(one);
        assert!(poll_once(three.as_mut()).is_ready());
        assert!(poll_once(small.as_mut()).is_ready());
    }

    #[test]
    fn call_larger_than_the_budget_begins_alone() {
        let budget = budget(100, 8);
        let mut huge = pin!(budget.admit(4 << 30, 0, 0));
        assert!(poll_once(huge.as_mut()).is_ready());
    }

    #[test]
    fn call_waits_until_the_budget_has_room_for_its_folders() {
        let budget = budget(100, 4);
        let held = budget.descriptors(3).expect("there is room");
        let mut call = pin!(budget.admit(1 << 20, 0, 2));
        assert!(poll_once(call.as_mut()).is_pending());
        drop(held);
        assert!(poll_once(call.as_mut()).is_ready());
    }
}
