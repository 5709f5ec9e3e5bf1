//! Steps of type `model_method`: a call, whose commit also ends the step.

use std::collections::HashMap;
use std::sync::Arc;

use sedge_model::call::CallError;
use sedge_model::run::StepError;
use sedge_store::CalledRun;

use super::Drive;
use super::ending::MethodEnding;
use super::step::{PreparedMethod, PreparedTask, StepStart};
use crate::call::frame::CallFrame;
use crate::call::{CallFault, CallRequest, CallTerms, Replay, StepEnding, call_run};
use crate::error::AppError;

impl Drive {
    /// Runs the method of a step to its end. If the run stops, so does the call.
    ///
    /// The commit of the call records the end of the step. It is recorded here if the call could
    /// not begin, or was cancelled.
    pub(super) async fn method_run(
        self: &Arc<Self>,
        mut start: StepStart,
        frame: Arc<CallFrame>,
    ) -> Result<(), AppError> {
        let place = start.place.take();
        let start = Arc::new(start);
        let PreparedTask::Method(method) = &start.prepared.task else {
            return Ok(());
        };
        let mut request = self.method_request(&start, method, Arc::clone(&frame))?;
        // It is dropped with the call, so another step can start when the end is recorded.
        request.terms.place = place;
        let end = match call_run(&self.cx, request).await {
            Ok(_) => Ok(()),
            // The step stays begun, and the next driver runs it again.
            Err(
                CallFault::Refused(CallError::Cancelled) | CallFault::Failed(CallError::Cancelled),
            ) if self.cx.stop.is_interrupted() => {
                return Ok(());
            }
            Err(CallFault::Refused(error) | CallFault::Failed(error)) => {
                Err(StepError::Call(error))
            }
            // The step stays begun, and can be resumed once the cause is fixed.
            Err(CallFault::App(error)) => return Err(error),
        };
        if self.cx.stop.reason().is_some() {
            // A guest that was dropped and its commands have stopped only when its callees have.
            frame.callees_ended().await;
        }
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
                ..CallTerms::default()
            },
        })
    }

    /// Returns the runs that these interrupted calls have started. They are read once for all steps:
    /// what is started later belongs to attempts of this driver.
    fn runs_of_attempts(&self, interrupted: &[u32]) -> Result<Vec<CalledRun>, AppError> {
        let mut state = self.state();
        let runs = match &mut state.called_runs {
            Some(runs) => runs,
            None => {
                let store = self.cx.repository.store()?;
                let mut by_call: HashMap<u32, Vec<CalledRun>> = HashMap::new();
                for run in store.runs_of_calls(self.cx.run())? {
                    if let Some(ordinal) = run.place.ordinals().first() {
                        by_call.entry(*ordinal).or_default().push(run);
                    }
                }
                state.called_runs.insert(by_call)
            }
        };
        let found = interrupted.iter().filter_map(|it| runs.get(it));
        Ok(found.flatten().cloned().collect())
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
        let runs = self.runs_of_attempts(interrupted)?;
        Ok(Some(Replay::of(interrupted, calls, runs)))
    }
}
