//! The runs of workflows that one attempt at a call works on.
//!
//! Each run is driven by a task of its own, so a guest can start several and continue. The call ends
//! only when all of them have ended or wait for a decision. If the attempt is cut off, the tasks are
//! aborted, and each run is released: it is interrupted, and the next attempt works on it again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_model::names::RunId;
use sedge_runtime::BoxFuture;
use sedge_workflow::RunPause;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

use crate::error::{AppError, RunInterrupted};

/// The runs that one attempt at a call works on.
#[derive(Default)]
pub(super) struct CallRuns {
    tasks: Mutex<JoinSet<()>>,
    /// The first error of the host that ended the work on a run for which the guest does not wait.
    failure: Arc<Mutex<Option<AppError>>>,
}

/// Resolves when the work on a run has ended.
pub(super) type RunWorked = oneshot::Receiver<Result<(), AppError>>;

impl CallRuns {
    /// Returns the number of runs that are in progress.
    pub(super) fn n_running(&self) -> usize {
        let mut tasks = self.tasks();
        while let Some(ended) = tasks.try_join_next() {
            task_ended(ended);
        }
        tasks.len()
    }

    /// Works on a run in a task. An error for which nothing waits any more is reported by
    /// [`CallRuns::ended`].
    pub(super) fn drive(
        &self,
        run: RunId,
        work: BoxFuture<Result<RunPause, AppError>>,
    ) -> RunWorked {
        let (end, ended) = oneshot::channel();
        let failure = Arc::clone(&self.failure);
        self.tasks().spawn(async move {
            let worked = work.await.map(drop);
            // The user learns of the run that this one is part of.
            let worked = worked.map_err(|error| RunInterrupted::unwrap(&run, error));
            if let Err(Err(error)) = end.send(worked) {
                slot(&failure).get_or_insert(error);
            }
        });
        ended
    }

    /// Waits until all runs have ended or wait for a decision.
    ///
    /// # Errors
    /// The host failed at a run.
    pub(super) async fn ended(&self) -> Result<(), AppError> {
        let mut tasks = std::mem::take(&mut *self.tasks());
        while let Some(ended) = tasks.join_next().await {
            task_ended(ended);
        }
        match slot(&self.failure).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn slot(failure: &Mutex<Option<AppError>>) -> MutexGuard<'_, Option<AppError>> {
    failure.lock().unwrap_or_else(PoisonError::into_inner)
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
