//! Decides what follows from the state of a run.

use std::fmt;

use sedge_lang::workflow::{Condition, DependencyPart, Job, Step, Task, Workflow, WrittenText};
use sedge_lang::written::WrittenValue;
use sedge_model::names::{JobName, MethodName, StepName};
use sedge_model::run::{RunEvent, RunStatus, StepPath};

use crate::state::{RunState, StepState};

/// What follows from the state of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Next<'w> {
    /// Record this action in the log, and call [`next`] again.
    Act(RunAction<'w>),
    /// Nothing can be decided until the log has another event.
    Pause(RunPause),
}

/// An action that can be recorded now.
#[derive(Debug, Clone, PartialEq)]
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
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepCall<'w> {
    /// The step.
    pub step: &'w StepPath,
    /// The name of the model that it calls, as it is written.
    pub model: &'w WrittenText,
    /// The method that it calls.
    pub method: &'w MethodName,
    /// The arguments of the call, as they are written.
    pub inputs: &'w WrittenValue,
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
    let end_of = |name: &JobName| workflow.job(name).and_then(|job| job_end(job, state));
    match verdict(&job.depends_on, &end_of) {
        Verdict::Undecided => None,
        Verdict::Holds => job
            .steps
            .iter()
            .find_map(|step| step_next(job, step, state)),
        Verdict::Broken(at) => {
            let because = because(&job.depends_on[at], "job");
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
    let end_of = |name: &StepName| {
        let other = job.steps.iter().find(|other| other.path.step == *name);
        other.and_then(|other| step_end(other, state))
    };
    match verdict(&step.depends_on, &end_of) {
        Verdict::Undecided => None,
        Verdict::Broken(at) => {
            let because = because(&step.depends_on[at], "step");
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
            model: model.name(),
            method: &method.value,
            inputs,
        }),
        Task::ManualApproval { .. } => RunAction::Append(RunEvent::GateOpened {
            gate: step.path.clone(),
        }),
        // A run with such a task is refused before it begins: see `Workflow::unsupported_in_run`.
        Task::Workflow { .. } | Task::Assert { .. } => RunAction::Append(RunEvent::StepSkipped {
            step: step.path.clone(),
            because: format!(
                "a task of type `{}` is not supported yet",
                step.task.type_str()
            ),
        }),
    }
}

/// Returns the state of all parts of what a job or step waits for.
fn verdict<N>(parts: &[DependencyPart<N>], end_of: &impl Fn(&N) -> Option<End>) -> Verdict {
    let mut verdict = Verdict::Holds;
    for (at, part) in parts.iter().enumerate() {
        match part_holds(part, end_of) {
            Some(true) => {}
            Some(false) => return Verdict::Broken(at),
            None => verdict = Verdict::Undecided,
        }
    }
    verdict
}

/// Returns whether a part holds; `None` if that may still change. The depth of groups is limited
/// when the file is read.
fn part_holds<N>(part: &DependencyPart<N>, end_of: &impl Fn(&N) -> Option<End>) -> Option<bool> {
    let (parts, decisive) = match part {
        DependencyPart::One(on) => {
            return end_of(&on.on).map(|end| condition_holds(&on.condition, end));
        }
        DependencyPart::AnyOf(parts) => (parts, true),
        DependencyPart::AllOf(parts) => (parts, false),
    };
    let mut holds = Some(!decisive);
    for part in parts {
        match part_holds(part, end_of) {
            Some(it) if it == decisive => return Some(decisive),
            Some(_) => {}
            None => holds = None,
        }
    }
    holds
}

fn condition_holds(condition: &Condition, end: End) -> bool {
    match condition {
        Condition::Succeeded => end == End::Succeeded,
        Condition::Failed => end == End::Failed,
        Condition::Completed => end != End::Skipped,
        Condition::Always => true,
        Condition::Skipped => end == End::Skipped,
        Condition::And(parts) => parts.iter().all(|it| condition_holds(it, end)),
        Condition::Or(parts) => parts.iter().any(|it| condition_holds(it, end)),
        Condition::Not(inner) => !condition_holds(inner, end),
    }
}

/// Returns why something is skipped whose part `part` can never hold.
fn because<N: fmt::Display>(part: &DependencyPart<N>, what: &str) -> String {
    let all = part.dependencies().into_iter();
    let all: Vec<String> = all
        .map(|on| format!("`{}` as `{}`", on.on, on.condition))
        .collect();
    let all = all.join(", ");
    match part {
        DependencyPart::One(on) => {
            format!("the {what} `{}` did not end as `{}`", on.on, on.condition)
        }
        DependencyPart::AnyOf(_) => format!("no {what} ended as one of {all}"),
        DependencyPart::AllOf(_) => format!("not every {what} ended as it has to: {all}"),
    }
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
