//! Decides what follows from the state of a run.

use sedge_lang::workflow::{Condition, Job, Step, Task, Workflow};
use sedge_model::names::{MethodName, ModelName};
use sedge_model::run::{RunEvent, RunStatus, StepPath};
use serde_json::{Map, Value};

use crate::state::{RunState, StepState};

/// What follows from the state of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<'w> {
    /// Record this action in the log, and call [`next`] again.
    Act(RunAction<'w>),
    /// Nothing can be decided until the log has another event.
    Pause(RunPause),
}

/// An action that can be recorded now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunAction<'w> {
    /// Append this event. Nothing has to be executed for it.
    Append(RunEvent),
    /// Append that this step starts, and then start its call.
    Start(StepCall<'w>),
}

/// The reason why nothing can be decided now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunPause {
    /// A step is running, and its end decides what follows.
    Running,
    /// The run is suspended: a gate has to be decided first.
    Suspended,
    /// The run has ended.
    Ended(RunStatus),
}

/// The call of a step that starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepCall<'w> {
    /// The step.
    pub step: &'w StepPath,
    /// The model that it calls.
    pub model: &'w ModelName,
    /// The method that it calls.
    pub method: &'w MethodName,
    /// The arguments of the call.
    pub inputs: &'w Map<String, Value>,
}

/// The result of a job or step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Succeeded,
    Failed,
    Skipped,
}

/// The state of the conditions of a job or step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Some conditions are not decided yet.
    Undecided,
    /// All conditions hold.
    Holds,
    /// The condition with this index can never hold.
    Broken(usize),
}

/// Returns what follows for a run of `workflow` in `state`.
///
/// This is the only function that knows which events may follow each other.
#[must_use]
pub fn next<'w>(workflow: &'w Workflow, state: &RunState) -> Next<'w> {
    if let Some(status) = state.ended() {
        return Next::Pause(RunPause::Ended(status));
    }
    let action = workflow
        .jobs
        .iter()
        .find_map(|job| job_next(workflow, job, state));
    if let Some(action) = action {
        return Next::Act(action);
    }
    let running = state
        .steps()
        .any(|(_, step)| matches!(step, StepState::Running { .. }));
    if running {
        return Next::Pause(RunPause::Running);
    }
    if state.gates_open().next().is_some() {
        return if state.is_suspended() {
            Next::Pause(RunPause::Suspended)
        } else {
            Next::Act(RunAction::Append(RunEvent::Suspended))
        };
    }
    let failed = workflow
        .jobs
        .iter()
        .any(|job| job_end(job, state) == Some(End::Failed));
    let status = if failed {
        RunStatus::Failed
    } else {
        RunStatus::Succeeded
    };
    Next::Act(RunAction::Append(RunEvent::Ended {
        status,
        error: None,
    }))
}

/// Returns the next action in a job, if there is one.
fn job_next<'w>(workflow: &'w Workflow, job: &'w Job, state: &RunState) -> Option<RunAction<'w>> {
    let ends = job.depends_on.iter().map(|on| {
        let end = workflow.job(&on.on).and_then(|job| job_end(job, state));
        (end, on.condition)
    });
    match verdict(ends) {
        Verdict::Undecided => None,
        Verdict::Holds => job
            .steps
            .iter()
            .find_map(|step| step_next(job, step, state)),
        Verdict::Broken(at) => {
            let on = &job.depends_on[at];
            let because = format!(
                "the job `{}` did not end as `{}`",
                on.on,
                on.condition.as_str()
            );
            let step = job
                .steps
                .iter()
                .find(|step| state.step(&step.path).is_none())?;
            Some(RunAction::Append(RunEvent::StepSkipped {
                step: step.path.clone(),
                because,
            }))
        }
    }
}

/// Returns the next action of a step, if it has not begun and may begin or has to be skipped.
fn step_next<'w>(job: &'w Job, step: &'w Step, state: &RunState) -> Option<RunAction<'w>> {
    match state.step(&step.path) {
        // Its conditions held when it was started for the first time.
        Some(StepState::Interrupted { .. }) => return Some(step_begin(step)),
        Some(_) => return None,
        None => {}
    }
    let ends = step.depends_on.iter().map(|on| {
        let other = job.steps.iter().find(|other| other.path.step == on.on);
        (other.and_then(|other| step_end(other, state)), on.condition)
    });
    match verdict(ends) {
        Verdict::Undecided => None,
        Verdict::Broken(at) => {
            let on = &step.depends_on[at];
            let because = format!(
                "the step `{}` did not end as `{}`",
                on.on,
                on.condition.as_str()
            );
            Some(RunAction::Append(RunEvent::StepSkipped {
                step: step.path.clone(),
                because,
            }))
        }
        Verdict::Holds => Some(step_begin(step)),
    }
}

/// Returns the action with which a step begins.
fn step_begin(step: &Step) -> RunAction<'_> {
    match &step.task {
        Task::ModelMethod {
            model,
            method,
            inputs,
        } => RunAction::Start(StepCall {
            step: &step.path,
            model: &model.value,
            method: &method.value,
            inputs: &inputs.value,
        }),
        Task::ManualApproval { .. } => RunAction::Append(RunEvent::GateOpened {
            gate: step.path.clone(),
        }),
    }
}

fn verdict(ends: impl Iterator<Item = (Option<End>, Condition)>) -> Verdict {
    let mut verdict = Verdict::Holds;
    for (at, (end, condition)) in ends.enumerate() {
        let Some(end) = end else {
            verdict = Verdict::Undecided;
            continue;
        };
        let holds = match condition {
            Condition::Succeeded => end == End::Succeeded,
            Condition::Failed => end == End::Failed,
            Condition::Completed => end != End::Skipped,
            Condition::Always => true,
        };
        if !holds {
            return Verdict::Broken(at);
        }
    }
    verdict
}

/// Returns the result of a step; `None` if it may still change.
fn step_end(step: &Step, state: &RunState) -> Option<End> {
    match state.step(&step.path)? {
        StepState::Running { .. } | StepState::Interrupted { .. } | StepState::Open => None,
        StepState::Succeeded => Some(End::Succeeded),
        StepState::Failed(_) | StepState::Rejected => Some(End::Failed),
        StepState::Skipped => Some(End::Skipped),
    }
}

/// Returns the result of a job; `None` if a step of it may still change.
///
/// A job failed if a step failed that is not allowed to. It was skipped if all its steps were
/// skipped.
fn job_end(job: &Job, state: &RunState) -> Option<End> {
    let mut end = End::Skipped;
    for step in &job.steps {
        match step_end(step, state)? {
            End::Failed if !step.allow_failure => end = End::Failed,
            End::Succeeded | End::Failed if end == End::Skipped => end = End::Succeeded,
            End::Succeeded | End::Failed | End::Skipped => {}
        }
    }
    Some(end)
}

#[cfg(test)]
mod tests;
