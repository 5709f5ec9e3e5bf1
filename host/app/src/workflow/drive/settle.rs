//! Steps that a former driver had started and whose end it could not record.

use std::collections::HashMap;
use std::sync::Arc;

use sedge_model::call::CallStatus;
use sedge_model::run::{StepAttempt, StepError};
use sedge_store::{CallRecord, LogEntry};
use sedge_workflow::InstanceState;

use super::Drive;
use crate::error::AppError;

impl Drive {
    /// Reads the calls of the interrupted steps, all at once. If a call had ended, its record is
    /// the end of its step: a version of Sedge before the event format 2 wrote both in two
    /// transactions.
    pub(super) async fn settle_interrupted(self: &Arc<Self>) -> Result<(), AppError> {
        let interrupted = self.interrupted();
        let ordinals: Vec<u32> = interrupted.iter().flat_map(|it| it.1.clone()).collect();
        if ordinals.is_empty() {
            return Ok(());
        }
        let store = self.cx.repository.store()?;
        let mut calls: HashMap<u32, Vec<CallRecord>> = HashMap::new();
        for call in store.calls_of_attempts(self.cx.run(), &ordinals)? {
            if let Some(ordinal) = call.lineage.ordinals().first() {
                calls.entry(*ordinal).or_default().push(call);
            }
        }
        let mut ended: Vec<LogEntry> = Vec::new();
        for (step, ordinals) in interrupted {
            let mut ends = ordinals.iter().filter_map(|ordinal| {
                let call = calls
                    .get(ordinal)?
                    .iter()
                    .find(|it| it.lineage.depth() == 1)?;
                Some((*ordinal, end_of(call)?))
            });
            if let Some((ordinal, end)) = ends.next_back() {
                ended.push(self.end_event(&step, Some(ordinal), &end).into());
            }
        }
        self.state().replays = calls;
        if ended.is_empty() {
            return Ok(());
        }
        self.append(ended).await
    }

    /// Returns the interrupted attempts that run methods, each with the ordinals of its calls.
    fn interrupted(&self) -> Vec<(StepAttempt, Vec<u32>)> {
        let state = self.state();
        let instances = state.run.instances();
        let interrupted = instances.filter_map(|(step, found)| match found {
            InstanceState::Interrupted {
                attempt,
                calls,
                child: None,
            } => {
                let attempt = *attempt;
                Some((StepAttempt { step, attempt }, calls.clone()))
            }
            InstanceState::Interrupted { child: Some(_), .. }
            | InstanceState::Waiting
            | InstanceState::Ready
            | InstanceState::Running { .. }
            | InstanceState::Retrying { .. }
            | InstanceState::ChildSuspended { .. }
            | InstanceState::Open { .. }
            | InstanceState::Succeeded { .. }
            | InstanceState::Satisfied
            | InstanceState::Failed { .. }
            | InstanceState::Rejected
            | InstanceState::Skipped => None,
        });
        interrupted.collect()
    }
}

/// Returns how a call ended; `None` if it was cut off.
fn end_of(call: &CallRecord) -> Option<Result<(), StepError>> {
    match (call.status, &call.error) {
        (CallStatus::Succeeded, _) => Some(Ok(())),
        (CallStatus::Failed, Some(error)) => Some(Err(StepError::Call(error.clone()))),
        (CallStatus::Running | CallStatus::Cancelled | CallStatus::Failed, _) => None,
    }
}
