//! The start of steps: what the tasks of the various kinds have in common.

use std::collections::BTreeSet;
use std::sync::Arc;

use sedge_lang::workflow::{Step, Task};
use sedge_model::names::{EnvName, MethodName, RunId};
use sedge_model::run::{EvaluationPlace, RunEvent, StepAttempt, StepError, StepInstance};
use sedge_store::{DirectModel, LogEntry, StartedTask, UnsavedPut};
use sedge_sys::clock::Moment;
use sedge_sys::random;
use sedge_workflow::{InstanceState, PlanStep, TaskKind, Todo};
use serde_json::Value;

use super::stored_task;
use super::{Drive, DriveState};
use crate::call::{CallDeadline, DataLabels, StartPlace};
use crate::error::AppError;
use crate::run::cx::ReadyModel;

/// The result of an evaluation, before it has its place in the log.
#[derive(Clone)]
pub(super) enum StepDecision {
    /// This event follows.
    Event(Box<RunEvent>),
    /// An attempt at a step starts.
    Start(Arc<PreparedStart>),
}

/// An attempt at a step with its evaluated inputs.
pub(super) struct PreparedStart {
    pub(super) step: StepAttempt,
    /// The ordinals of the interrupted calls of this attempt.
    pub(super) interrupted: Vec<u32>,
    pub(super) task: PreparedTask,
    /// The task as the datastore has it, if its inputs are sealed.
    pub(super) sealed: Option<StartedTask>,
}

/// What a step runs.
pub(super) enum PreparedTask {
    Method(PreparedMethod),
    Workflow {
        /// The name or the id of the workflow.
        workflow: String,
        inputs: Value,
        /// The variables of the environment that the expressions of the inputs have read.
        environment: BTreeSet<EnvName>,
    },
}

/// The method that a step runs.
pub(super) struct PreparedMethod {
    /// The name or the id of the model.
    pub(super) model: String,
    pub(super) method: MethodName,
    pub(super) arguments: Value,
    /// The variables of the environment that the expressions of the inputs have read.
    pub(super) environment: BTreeSet<EnvName>,
    pub(super) labels: Arc<DataLabels>,
    /// Of a step that runs a method directly on a type.
    pub(super) direct: Option<Box<PreparedDirect>>,
}

/// The model of a step that runs a method directly on a type.
pub(super) struct PreparedDirect {
    pub(super) model: Arc<ReadyModel>,
    pub(super) of_type: DirectModel,
    /// The definition that is stored when the step starts, if the model is unsaved.
    pub(super) unsaved: Option<UnsavedPut>,
}

/// An attempt that is in the log and begins when the log is durable.
pub(super) struct StepStart {
    pub(super) prepared: Arc<PreparedStart>,
    /// The ordinal of its call.
    pub(super) call: u32,
    /// The child run of a nested workflow.
    pub(super) child: Option<RunId>,
    /// The place of the step among those that wait, if it runs a method.
    pub(super) place: Option<Arc<StartPlace>>,
}

impl StepStart {
    pub(super) fn with_place(mut self, place: Option<Arc<StartPlace>>) -> Self {
        self.place = place;
        self
    }
}

impl Drive {
    /// Gives the result of an evaluation its place in the log.
    pub(super) fn placed(
        &self,
        state: &DriveState,
        prepared: &StepDecision,
    ) -> (LogEntry, Option<StepStart>) {
        let prepared = match prepared {
            StepDecision::Event(event) => {
                let event = match self.expansion_conflict(state, event) {
                    Some(failed) => failed,
                    None => RunEvent::clone(event),
                };
                return (event.into(), None);
            }
            StepDecision::Start(prepared) => prepared,
        };
        let call = state.run.call_next();
        let child = match &prepared.task {
            PreparedTask::Method(_) => None,
            PreparedTask::Workflow { .. } => {
                let known = state.run.instance(&prepared.step.step);
                let known = known.and_then(InstanceState::child).cloned();
                Some(known.unwrap_or_else(|| RunId::from_bits(random::bits())))
            }
        };
        let event = RunEvent::StepStarted {
            step: prepared.step.clone(),
            call,
            child: child.clone(),
        };
        let entry = stored_task::entry(&self.cx, event, prepared);
        let start = StepStart {
            prepared: Arc::clone(prepared),
            call,
            child,
            place: None,
        };
        (entry, Some(start))
    }

    /// Begins an attempt that is in the log.
    pub(super) fn step_begin(self: &Arc<Self>, start: StepStart) {
        let drive = Arc::clone(self);
        self.state().since.insert(start.call, Moment::now());
        match &start.prepared.task {
            PreparedTask::Method(_) => {
                let frame = self.frame.callee(start.call);
                self.spawn(async move { drive.method_run(start, frame).await });
            }
            PreparedTask::Workflow { .. } => {
                self.spawn(async move { drive.nested_run(start).await });
            }
        }
    }

    /// Returns the step of the file.
    pub(super) fn written_step(&self, step: &StepInstance) -> &Step {
        let place = self.places.get(&step.path);
        let (job, at) = *place.expect("the state has only steps of the workflow");
        &self.workflow.jobs[job].steps[at]
    }

    /// Returns the step of the plan.
    pub(super) fn plan_step(&self, step: &StepInstance) -> &PlanStep {
        let planned = self.plan.step(&step.path);
        planned.expect("the state has only steps of the workflow")
    }

    /// Returns until when the call of an attempt has to end.
    pub(super) fn attempt_deadline(&self, step: &StepInstance) -> CallDeadline {
        let timeout = self.plan_step(step).timeout_ms;
        let timeout = timeout.map(std::time::Duration::from_millis);
        CallDeadline::new(self.run_deadline(), timeout)
    }

    /// Records that an attempt has ended, if it is still running.
    pub(super) async fn attempt_ended(
        self: &Arc<Self>,
        start: &StepStart,
        end: &Result<(), StepError>,
    ) -> Result<(), AppError> {
        let step = &start.prepared.step;
        let event = self.end_event(step, Some(start.call), end);
        let holds = |state: &DriveState| state.is_running(step, start.call);
        self.append_if(vec![event.into()], holds).await.map(drop)
    }

    /// Returns the event with which an attempt ends: a failed one may be followed by another.
    pub(super) fn end_event(
        &self,
        step: &StepAttempt,
        call: Option<u32>,
        end: &Result<(), StepError>,
    ) -> RunEvent {
        let step = step.clone();
        match end {
            Ok(()) => RunEvent::StepSucceeded { step, call },
            Err(error) => match self.retry_at_ms(&step, error) {
                Some(next_at_ms) => RunEvent::StepRetried {
                    step,
                    call,
                    error: error.clone(),
                    next_at_ms,
                },
                None => self.failed_event(&step, call, error),
            },
        }
    }

    /// Returns the event with which the last attempt at a step fails.
    pub(super) fn failed_event(
        &self,
        step: &StepAttempt,
        call: Option<u32>,
        error: &StepError,
    ) -> RunEvent {
        RunEvent::StepFailed {
            step: step.clone(),
            call,
            error: error.clone(),
            is_allowed: self.is_allowed(error),
        }
    }

    /// Returns whether the failure of an assert is below the severity that counts for the run.
    fn is_allowed(&self, error: &StepError) -> bool {
        match (error, self.cx.options.fail_on) {
            (StepError::Assert { severity, .. }, Some(fail_on)) => *severity < fail_on,
            (StepError::Assert { .. }, None)
            | (
                StepError::Call(_)
                | StepError::Expression { .. }
                | StepError::Child { .. }
                | StepError::GateExpired,
                _,
            ) => false,
        }
    }
}

/// Returns the event for an expression of a step that has no value: there is no further attempt.
pub(super) fn expression_failed(todo: &Todo, message: String) -> RunEvent {
    let error = StepError::Expression { message };
    let failed = |step: StepAttempt| RunEvent::StepFailed {
        step,
        call: None,
        error: error.clone(),
        is_allowed: false,
    };
    let first = |step: StepInstance| StepAttempt { step, attempt: 1 };
    match todo {
        Todo::JobGuard(job) => RunEvent::JobGuarded {
            job: job.clone(),
            is_satisfied: Err(error),
        },
        Todo::Expand(step) => failed(first(StepInstance::of(step.clone()))),
        Todo::Guard(step) => failed(first(step.clone())),
        Todo::Start { step, .. } => failed(step.clone()),
    }
}

/// Returns the place of an expression that can run methods.
pub(super) fn evaluation_place(todo: &Todo) -> Option<EvaluationPlace> {
    match todo {
        Todo::JobGuard(job) => Some(EvaluationPlace::JobGuard(job.clone())),
        Todo::Guard(step) => Some(EvaluationPlace::Guard(step.clone())),
        Todo::Start {
            step,
            kind: TaskKind::Assert,
            ..
        } => Some(EvaluationPlace::Assert(step.step.clone())),
        Todo::Expand(_)
        | Todo::Start {
            kind: TaskKind::Method | TaskKind::Workflow | TaskKind::Gate,
            ..
        } => None,
    }
}

/// Returns the method of a step; `None` if its task is of another kind.
pub(super) fn method_of(task: &Task) -> Option<&MethodName> {
    match task {
        Task::ModelMethod { method, .. } => Some(&method.value),
        Task::Workflow { .. } | Task::ManualApproval { .. } | Task::Assert { .. } => None,
    }
}
