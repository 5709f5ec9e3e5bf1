//! The tasks of a driver.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::{JoinError, JoinSet};

/// The tasks of a driver. A task may start others, which belong to the same set.
#[derive(Default)]
pub(super) struct DriveTasks {
    state: Mutex<TasksState>,
}

#[derive(Default)]
struct TasksState {
    running: JoinSet<()>,
    /// Whether the driver is gone, so that no further task starts.
    is_closed: bool,
}

impl DriveTasks {
    fn state(&self) -> MutexGuard<'_, TasksState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a task. Once the set is closed, nothing starts: a task that was running when the set
    /// was closed must not start another one, because the driver, which stops tasks, is gone.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.state();
        if !state.is_closed {
            state.running.spawn(work);
        }
    }

    /// Removes the tasks that have ended. A panic of the host in one of them goes on here.
    pub(super) fn reap(&self) {
        loop {
            let ended = self.state().running.try_join_next();
            match ended {
                Some(ended) => task_ended(ended),
                None => return,
            }
        }
    }

    /// Waits until all tasks have ended, also those that they start.
    pub(super) async fn ended(&self) {
        loop {
            let mut running = std::mem::take(&mut self.state().running);
            if running.is_empty() {
                return;
            }
            while let Some(task) = running.join_next().await {
                task_ended(task);
            }
        }
    }

    /// Aborts all tasks, and lets no other one start. Returns the aborted tasks, which the caller
    /// waits for.
    pub(super) fn close(&self) -> JoinSet<()> {
        let mut state = self.state();
        state.is_closed = true;
        let mut running = std::mem::take(&mut state.running);
        running.abort_all();
        running
    }
}

/// Notes that a task has ended: a panic of the host in it goes on here.
fn task_ended(ended: Result<(), JoinError>) {
    match ended {
        Ok(()) => {}
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The task was aborted.
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A chain of tasks, each of which started the next one, used to go on after its driver was
    /// gone, if a task was running at that moment.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn task_that_runs_while_the_set_is_closed_starts_no_other_one() {
        let tasks = Arc::new(DriveTasks::default());
        let (n_started, at_work) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (set, count, working) = (
            Arc::clone(&tasks),
            Arc::clone(&n_started),
            Arc::clone(&at_work),
        );
        let (closed, is_closed) = std::sync::mpsc::channel();
        tasks.spawn(async move {
            working.store(1, Ordering::SeqCst);
            is_closed.recv().expect("the test closes the set");
            set.spawn(async move {
                count.fetch_add(1, Ordering::SeqCst);
            });
        });
        while at_work.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let mut aborted = tasks.close();
        closed.send(()).expect("the task waits");
        while aborted.join_next().await.is_some() {}
        tasks.ended().await;
        assert_eq!(n_started.load(Ordering::SeqCst), 0);
    }
}
