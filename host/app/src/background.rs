//! Work that continues after the future that began it was dropped, for example the record of a call
//! that was cut off.
//!
//! Dropping a value cannot wait for the disk, so it hands such work to a task. The tasks of one
//! process are counted, so that a process which was interrupted can wait for them before it ends.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::watch;

/// The tasks that finish dropped work. Clones share the same tasks.
#[derive(Debug, Clone, Default)]
pub struct BackgroundWork(Arc<watch::Sender<usize>>);

impl BackgroundWork {
    /// Runs work in a task of its own. Returns false if the async runtime has ended, so that nothing
    /// can run any more.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> bool {
        let Ok(runtime) = Handle::try_current() else {
            return false;
        };
        self.0.send_modify(|n_tasks| *n_tasks += 1);
        let counted = CountedTask(Arc::clone(&self.0));
        runtime.spawn(async move {
            work.await;
            drop(counted);
        });
        true
    }

    /// Waits until all work is done.
    pub async fn done(&self) {
        let mut n_tasks = self.0.subscribe();
        if n_tasks.wait_for(|n_tasks| *n_tasks == 0).await.is_err() {
            unreachable!("the sender is in `self`")
        }
    }
}

/// One task. It counts until it is dropped, also if the task panics.
struct CountedTask(Arc<watch::Sender<usize>>);

impl Drop for CountedTask {
    fn drop(&mut self) {
        self.0.send_modify(|n_tasks| *n_tasks -= 1);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn done_waits_for_all_tasks() {
        let work = BackgroundWork::default();
        let (end, ended) = oneshot::channel::<()>();
        assert!(work.spawn(async move { drop(ended.await) }));
        let mut done = Box::pin(work.done());
        assert!(futures::poll!(&mut done).is_pending());
        end.send(()).expect("the task waits for it");
        done.await;
    }

    #[test]
    fn nothing_runs_without_a_runtime() {
        assert!(!BackgroundWork::default().spawn(async {}));
    }
}
