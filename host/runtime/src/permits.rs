//! How many guests execute at once.
//!
//! A permit is needed while a guest's code executes, and only then: it is given back
//! whenever the guest waits, for a lock, for a callee, or for the clock. So nobody who waits
//! keeps others from going on, whatever the limit, and a limit of one is no deadlock.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

thread_local! {
    /// Whether this thread is inside of a guest that has a permit. A callee that is run by
    /// the same thread goes on with it: its caller does not execute meanwhile.
    static HAS_PERMIT: Cell<bool> = const { Cell::new(false) };
}

type Asking = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

/// How many guests execute at once, at most.
#[derive(Debug, Clone)]
pub(crate) struct Permits(Arc<Semaphore>);

impl Permits {
    /// Returns as many permits; at least one.
    pub(crate) fn new(n_permits: usize) -> Self {
        let n_permits = n_permits.clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(n_permits)))
    }

    /// Runs a guest, with a permit whenever it executes.
    pub(crate) async fn run<F: Future>(&self, guest: F) -> F::Output {
        let mut guest = pin!(guest);
        let mut asking: Option<Asking> = None;
        std::future::poll_fn(|task| self.poll(guest.as_mut(), &mut asking, task)).await
    }

    fn poll<F: Future>(
        &self,
        guest: Pin<&mut F>,
        asking: &mut Option<Asking>,
        task: &mut Context<'_>,
    ) -> Poll<F::Output> {
        if HAS_PERMIT.get() {
            return guest.poll(task);
        }
        let permit = match asking {
            None => Arc::clone(&self.0).try_acquire_owned().ok(),
            Some(_) => None,
        };
        let _permit = match permit {
            Some(permit) => Some(permit),
            None => {
                let semaphore = Arc::clone(&self.0);
                let asked = asking.get_or_insert_with(|| {
                    Box::pin(async { semaphore.acquire_owned().await.ok() })
                });
                match asked.as_mut().poll(task) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(permit) => {
                        *asking = None;
                        permit
                    }
                }
            }
        };
        let _inside = Inside::enter();
        guest.poll(task)
    }
}

/// The thread is inside of a guest until this is dropped, also by a panic.
struct Inside;

impl Inside {
    fn enter() -> Self {
        HAS_PERMIT.set(true);
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        HAS_PERMIT.set(false);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_more_execute_than_there_are_permits() {
        let permits = Permits::new(2);
        let (n_now, n_most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let (permits, n_now, n_most) =
                (permits.clone(), Arc::clone(&n_now), Arc::clone(&n_most));
            tasks.spawn(async move {
                let guest = async {
                    for _ in 0..20 {
                        n_most
                            .fetch_max(n_now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::hint::black_box((0..1000).sum::<u64>());
                        n_now.fetch_sub(1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                    }
                };
                permits.run(guest).await;
            });
        }
        assert_eq!(tasks.join_all().await.len(), 64);
        assert!(n_most.load(Ordering::SeqCst) <= 2, "{n_most:?}");
    }

    #[tokio::test]
    async fn who_waits_has_no_permit() {
        let permits = Permits::new(1);
        let (tell, told) = tokio::sync::oneshot::channel();
        let waits = permits.run(async { told.await.expect("it is told") });
        let tells = permits.run(async { tell.send(7).expect("somebody waits") });
        assert_eq!(tokio::join!(waits, tells).0, 7);
    }

    #[tokio::test]
    async fn a_callee_goes_on_with_its_callers_permit() {
        let permits = Permits::new(1);
        let nested = permits.run(async {
            permits
                .run(async { permits.run(async { 3 }).await + 1 })
                .await
                + 1
        });
        assert_eq!(nested.await, 5);
    }
}
