//! Steps of type `model_method`: a call, whose commit also ends the step.

use std::sync::Arc;

use sedge_model::run::StepError;
use sedge_sys::clock::Moment;

use super::Drive;
use super::ending::MethodEnding;
use super::step::{PreparedMethod, PreparedTask, StepStart};
use crate::call::frame::CallFrame;
use crate::call::{CallFault, CallRequest, CallTerms, Replay, StepEnding, call_run};
use crate::error::AppError;

impl Drive {
    /// Runs the method of a step to its end, or until the run stops.
    ///
    /// The commit of the call records the end of the step. It is recorded here if the call could
    /// not begin, or was stopped.
    pub(super) async fn method_run(
        self: &Arc<Self>,
        start: StepStart,
        frame: Arc<CallFrame>,
    ) -> Result<(), AppError> {
        let start = Arc::new(start);
        let PreparedTask::Method(method) = &start.prepared.task else {
            return Ok(());
        };
        let request = self.method_request(&start, method, Arc::clone(&frame))?;
        let since = Moment::now();
        let called = tokio::select! {
            biased;
            called = call_run(&self.cx, request) => Ok(called),
            reason = self.stopped() => Err(reason),
        };
        let end = match called {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(CallFault::Refused(error) | CallFault::Failed(error))) => {
                Err(StepError::Call(error))
            }
            // The step stays begun, and can be resumed once the cause is fixed.
            Ok(Err(CallFault::App(error))) => return Err(error),
            Err(reason) => {
                // The guest and its commands have stopped only when its callees have.
                frame.callees_ended().await;
                Err(reason.error(since.elapsed()))
            }
        };
        self.attempt_ended(&start, &end).await
    }

    fn method_request(
        self: &Arc<Self>,
        start: &Arc<StepStart>,
        method: &PreparedMethod,
        frame: Arc<CallFrame>,
    ) -> Result<CallRequest, AppError> {
        let step = &start.prepared.step.step;
        let ending: Arc<dyn StepEnding> = Arc::new(MethodEnding {
            drive: Arc::clone(self),
            start: Arc::clone(start),
        });
        Ok(CallRequest {
            frame,
            step: Some(step.clone()),
            target: method.model.clone(),
            method: method.method.to_string(),
            arguments: method.arguments.clone(),
            replay: self.replay(&start.prepared.interrupted)?,
            terms: CallTerms {
                model: method.direct.as_ref().map(|it| Arc::clone(&it.model)),
                deadline: self.attempt_deadline(step),
                labels: Arc::clone(&method.labels),
                ending: Some(ending),
                only_reads: false,
            },
        })
    }

    /// Returns the record of the interrupted calls of an attempt; `None` if there are none.
    fn replay(&self, interrupted: &[u32]) -> Result<Option<Replay>, AppError> {
        if interrupted.is_empty() {
            return Ok(None);
        }
        let mut calls = Vec::new();
        let mut unread = Vec::new();
        {
            let mut state = self.state();
            for ordinal in interrupted {
                match state.replays.remove(ordinal) {
                    Some(known) => calls.extend(known),
                    None => unread.push(*ordinal),
                }
            }
        }
        let store = self.cx.repository.store()?;
        calls.extend(store.calls_of_attempts(self.cx.run(), &unread)?);
        calls.sort_by(|one, other| one.lineage.cmp(&other.lineage));
        Ok(Some(Replay::of(interrupted, calls)))
    }
}
