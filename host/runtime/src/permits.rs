//! Limits how many guests execute at once.
//!
//! A guest holds a permit only while its code executes. It releases the permit whenever it waits:
//! for a lock, for a callee, or for a timer. Therefore a waiting guest never blocks others, and
//! even a limit of one cannot cause a deadlock.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

thread_local! {
    /// Whether this thread executes a guest that holds a permit. A callee on the same thread uses
    /// that permit, because its caller does not execute meanwhile.
    // process-wide: it describes the stack of a thread, which a guest and its callee share.
    static HAS_PERMIT: Cell<bool> = const { Cell::new(false) };
}

type Acquiring = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

/// Permits for the execution of guests.
#[derive(Debug, Clone)]
pub(crate) struct Permits(Arc<Semaphore>);

impl Permits {
    /// Returns a set of `n_permits` permits, at least one.
    pub(crate) fn new(n_permits: usize) -> Self {
        let n_permits = n_permits.clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(n_permits)))
    }

    /// Runs a guest, which holds a permit whenever it executes.
    pub(crate) async fn run<F: Future>(&self, guest: F) -> F::Output {
        let mut guest = pin!(guest);
        let mut acquiring: Option<Acquiring> = None;
        std::future::poll_fn(|task| self.poll(guest.as_mut(), &mut acquiring, task)).await
    }

    fn poll<F: Future>(
        &self,
        guest: Pin<&mut F>,
        acquiring: &mut Option<Acquiring>,
        task: &mut Context<'_>,
    ) -> Poll<F::Output> {
        if HAS_PERMIT.get() {
            return guest.poll(task);
        }
        let permit = match acquiring {
            None => Arc::clone(&self.0).try_acquire_owned().ok(),
            Some(_) => None,
        };
        let _permit = match permit {
            Some(permit) => Some(permit),
            None => {
                let semaphore = Arc::clone(&self.0);
                let pending = acquiring.get_or_insert_with(|| {
                    Box::pin(async { semaphore.acquire_owned().await.ok() })
                });
                match pending.as_mut().poll(task) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(permit) => {
                        *acquiring = None;
                        permit
                    }
                }
            }
        };
        let _inside = Inside::enter();
        guest.poll(task)
    }
}

/// Marks that the thread executes a guest, until it is dropped. A panic drops it, too.
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
    async fn no_more_guests_execute_than_there_are_permits() {
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
    async fn waiting_guest_holds_no_permit() {
        let permits = Permits::new(1);
        let (send, received) = tokio::sync::oneshot::channel();
        let receives = permits.run(async { received.await.expect("it is sent") });
        let sends = permits.run(async { send.send(7).expect("the other guest waits") });
        assert_eq!(tokio::join!(receives, sends).0, 7);
    }

    #[tokio::test]
    async fn callee_uses_its_callers_permit() {
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
