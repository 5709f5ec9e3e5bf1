//! The end of the work on a run, for the user.

use std::collections::HashSet;
use std::sync::Arc;

use sedge_api::view::workflow::WorkflowEnd;
use sedge_lang::workflow::{Step, Task};
use sedge_model::call::{CallError, CallStatus};
use sedge_model::run::{StepError, StepInstance};
use sedge_store::{EventRecord, RunRecord};
use sedge_workflow::{InstanceState, StepEnd};

use super::Drive;
use crate::call::failure::FailureReport;
use crate::error::{AppError, StepFault, WorkflowFailed, WorkflowFailedEnd};
use crate::run::failed::{failed_below, failed_steps};
use crate::workflow::gate_find::{gates_open_below, gates_rejected};

impl Drive {
    /// Returns the end of a run that waits for decisions.
    pub(super) fn suspended_end(&self) -> Result<WorkflowEnd, AppError> {
        let run = self.record()?;
        Ok(WorkflowEnd::Suspended {
            run: self.cx.run().to_string(),
            workflow: self.workflow.name.to_string(),
            gates: gates_open_below(&self.cx.repository, &run)?,
            failed_steps: failed_below(&self.cx.repository, &run)?,
        })
    }

    /// Returns the end of a run that succeeded. The log, which may be long, is read only if steps
    /// have failed nevertheless.
    pub(super) fn succeeded_end(&self) -> Result<WorkflowEnd, AppError> {
        let failed_steps = match self.has_failed_steps() {
            true => failed_steps(&self.workflow, &self.log()?),
            false => Vec::new(),
        };
        Ok(WorkflowEnd::Succeeded {
            run: self.cx.run().to_string(),
            workflow: self.workflow.name.to_string(),
            failed_steps,
        })
    }

    fn has_failed_steps(&self) -> bool {
        let state = self.state();
        let mut instances = state.run.instances();
        instances.any(|(_, found)| found.end() == Some(StepEnd::Failed))
    }

    fn record(&self) -> Result<RunRecord, AppError> {
        Ok(self.cx.repository.store()?.run_get(self.cx.run())?)
    }

    fn log(&self) -> Result<Vec<EventRecord>, AppError> {
        Ok(self.cx.repository.store()?.run_events(self.cx.run())?)
    }

    /// Returns an error with what made the run fail: its failed steps, its rejected gates and the
    /// guards of jobs that have no value.
    pub(super) fn workflow_failed(self: &Arc<Self>) -> AppError {
        let faults = self.faults();
        let steps: Vec<String> = faults.iter().map(|fault| fault.step.clone()).collect();
        let report = FailureReport::read(&self.cx.repository, self.cx.run(), |call| {
            call.step.as_ref().is_some_and(|step| steps.contains(step))
        });
        let state = self.state();
        let end = match &state.facts.cancelled {
            Some((by, reason)) => WorkflowFailedEnd::Cancelled {
                by: by.clone(),
                reason: reason.clone(),
            },
            None if state.run.deadline_passed() => WorkflowFailedEnd::Deadline,
            None => WorkflowFailedEnd::Steps,
        };
        AppError::from(WorkflowFailed {
            workflow: self.workflow.name.clone(),
            run: self.cx.run().clone(),
            end,
            faults,
            report,
        })
    }

    /// Returns the report on the calls that stopped because the work on the run ends. The error that
    /// ended the work names the call that lost its lock.
    pub(super) fn stopped_report(&self) -> Box<FailureReport> {
        let began: HashSet<u32> = self.state().since.keys().copied().collect();
        FailureReport::read(&self.cx.repository, self.cx.run(), |call| {
            let ordinal = call.lineage.ordinals().first();
            call.status == CallStatus::Cancelled
                && call.error != Some(CallError::LockLost)
                && ordinal.is_some_and(|it| began.contains(it))
        })
    }

    /// Returns the steps that failed: first those that made the run fail.
    fn faults(&self) -> Vec<StepFault> {
        let state = self.state();
        let mut faults = Vec::new();
        for (job, error) in &state.facts.jobs_failed {
            faults.push(StepFault {
                step: job.to_string(),
                from: None,
                model: None,
                timeout_ms: None,
                error: Some(error.clone()),
                rejections: Vec::new(),
                is_allowed: false,
            });
        }
        for (step, found) in state.run.instances() {
            let fault = |error: Option<StepError>, is_allowed: bool| {
                let written = self.written_step(&step);
                StepFault {
                    step: step.to_string(),
                    from: Some(step.path.clone()),
                    model: model_of(written),
                    timeout_ms: written.timeout.as_ref().map(|it| it.value.ms()),
                    rejections: self.rejections(error.as_ref()),
                    error,
                    is_allowed: is_allowed || written.allow_failure,
                }
            };
            match found {
                InstanceState::Failed { is_allowed, .. } => {
                    let error = self.error_of(&state.facts.errors, &step);
                    faults.push(fault(error, *is_allowed));
                }
                InstanceState::Rejected => faults.push(fault(None, false)),
                InstanceState::Waiting
                | InstanceState::Ready
                | InstanceState::Running { .. }
                | InstanceState::Interrupted { .. }
                | InstanceState::Retrying { .. }
                | InstanceState::ChildSuspended { .. }
                | InstanceState::Open { .. }
                | InstanceState::Succeeded { .. }
                | InstanceState::Satisfied
                | InstanceState::Skipped => {}
            }
        }
        faults.sort_by_key(|fault| fault.is_allowed);
        faults
    }

    /// Returns the gates of the nested workflow that a step ran which were rejected. The failure is
    /// known already: if the record cannot be read, it is reported without them.
    fn rejections(&self, error: Option<&StepError>) -> Vec<String> {
        let run = match error {
            Some(StepError::Child { run, .. }) => run,
            Some(
                StepError::Call(_)
                | StepError::Expression { .. }
                | StepError::Assert { .. }
                | StepError::GateExpired,
            )
            | None => return Vec::new(),
        };
        gates_rejected(&self.cx.repository, run).unwrap_or_else(|error| {
            tracing::warn!(%run, %error, "failed to read the gates of a nested workflow");
            Vec::new()
        })
    }

    /// Returns the error of a step that failed. A gate whose deadline failed it has no event with
    /// an error.
    fn error_of(
        &self,
        errors: &crate::expression::StepErrors,
        step: &StepInstance,
    ) -> Option<StepError> {
        let known = errors.get(step).cloned();
        Some(known.unwrap_or(StepError::GateExpired))
    }
}

/// Returns the model that a step calls; `None` if it calls none, or if the name has expressions.
fn model_of(step: &Step) -> Option<sedge_model::names::ModelName> {
    match &step.task {
        Task::ModelMethod { model, .. } => {
            // ignored: a name with expressions is in the record of the call.
            model.name().literal().and_then(|it| it.parse().ok())
        }
        Task::Workflow { .. } | Task::ManualApproval { .. } | Task::Assert { .. } => None,
    }
}
