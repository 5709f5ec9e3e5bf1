//! A request to make one call, and what a workflow says about it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sedge_model::call::Written;
use sedge_model::run::StepInstance;
use sedge_runtime::{BoxFuture, FirstExecuted};
use sedge_store::{CallEnd, StoreError};
use sedge_sys::clock::Moment;
use serde_json::Value;

use super::frame::CallFrame;
use super::{DataLabels, Replay, StartPlace};
use crate::error::AppError;
use crate::run::cx::ReadyModel;

/// A request to make one call, for the run, for a step or for another call.
pub(crate) struct CallRequest {
    /// The call's own frame.
    pub(crate) frame: Arc<CallFrame>,
    pub(crate) step: Option<StepInstance>,
    pub(crate) target: String,
    pub(crate) method: String,
    pub(crate) arguments: Value,
    /// The record of interrupted attempts at the same call.
    pub(crate) replay: Option<Replay>,
    /// What the workflow says about the call.
    pub(crate) terms: CallTerms,
}

/// What a workflow says about a call. Without a workflow, nothing.
#[derive(Clone, Default)]
pub(crate) struct CallTerms {
    /// The model, if it differs from the one that the name of the target stands for.
    pub(crate) model: Option<Arc<ReadyModel>>,
    /// Until when the call has to end.
    pub(crate) deadline: CallDeadline,
    /// The labels and retention of the data that the call writes.
    pub(crate) labels: Arc<DataLabels>,
    /// Commits the end of the call together with what follows from it in its run.
    pub(crate) ending: Option<Arc<dyn StepEnding>>,
    /// Whether the method has to be of kind `read`: an expression calls it.
    pub(crate) only_reads: bool,
    /// Counts the step among those that have started and wait.
    pub(crate) place: Option<Arc<StartPlace>>,
}

impl CallTerms {
    /// Notes that the process has room for the call.
    pub(super) fn admitted(&self, now: Moment) {
        self.deadline.begin(now);
        if let Some(place) = &self.place {
            place.admitted();
        }
    }

    /// Notes that the call has its locks.
    pub(super) fn locked(&self) {
        if let Some(place) = &self.place {
            place.locked();
        }
    }

    /// Returns what is called when the code of the call first executes.
    pub(super) fn first_executed(&self) -> Option<FirstExecuted> {
        let place = Arc::clone(self.place.as_ref()?);
        Some(Arc::new(move || place.executed()))
    }
}

/// Until when a call has to end.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallDeadline {
    /// The latest moment, whenever the call begins.
    pub(crate) latest: Option<Moment>,
    /// How long the call may take, waiting for its locks included. It counts from the moment at
    /// which the process first has room for the call.
    pub(crate) timeout: Option<Duration>,
    admitted: OnceLock<Moment>,
}

impl CallDeadline {
    pub(crate) fn new(latest: Option<Moment>, timeout: Option<Duration>) -> Self {
        Self {
            latest,
            timeout,
            admitted: OnceLock::new(),
        }
    }

    /// Begins to count the timeout, unless it has begun.
    fn begin(&self, now: Moment) {
        self.admitted.get_or_init(|| now);
    }

    /// Returns the latest moment at which the call ends.
    pub(super) fn at(&self) -> Option<Moment> {
        let own = self.timeout.zip(self.admitted.get());
        let own = own.map(|(timeout, admitted)| admitted.after(timeout));
        own.into_iter().chain(self.latest).min()
    }
}

/// Commits the end of a step's call.
pub(crate) trait StepEnding: Send + Sync {
    /// Commits the end of the call, the end of its step, and the start of the steps that follow, in
    /// one transaction. Returns the versions that the call wrote.
    ///
    /// # Errors
    /// The inner error is that of `Store::call_commit`. Nothing was written after an error.
    fn commit(
        self: Arc<Self>,
        end: CallEnd,
    ) -> BoxFuture<Result<Result<Vec<Written>, StoreError>, AppError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time that a step waits until the process has room for its call does not count, also if
    /// the call is rolled back and admitted again.
    #[test]
    fn timeout_counts_from_the_first_admission() {
        let timeout = Duration::from_secs(3600);
        let deadline = CallDeadline::new(None, Some(timeout));
        assert_eq!(deadline.at(), None);
        let begin = Moment::now();
        deadline.begin(begin);
        let at = deadline.at().expect("it has begun");
        deadline.begin(begin.after(timeout));
        assert_eq!(deadline.at(), Some(at));
        assert_eq!(at, begin.after(timeout));
        let run = Moment::now();
        let of_run = CallDeadline::new(Some(run), Some(timeout));
        assert_eq!(
            of_run.at(),
            Some(run),
            "the run's own deadline counts at once"
        );
        of_run.begin(run);
        assert_eq!(of_run.at(), Some(run));
    }
}
