//! Decides what follows from the state of a run.

use sedge_lang::workflow::{Condition, Job, Step, Task, Workflow};
use sedge_model::run::{RunEvent, RunStatus, StepPath};

use crate::state::{RunState, StepState};

/// The next action of a run. The caller records it in the log, and calls [`next`] again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Append this event. Nothing has to be executed for it.
    Append(RunEvent),
    /// Append that this step starts, and then start its call.
    Start(StepPath),
    /// Wait until a running step has ended.
    Wait,
    /// Suspend: a gate has to be decided first.
    Rest,
    /// The run has ended.
    Nothing(RunStatus),
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

/// Returns the next action of a run of `workflow` in `state`.
///
/// This is the only function that knows which events may follow each other.
#[must_use]
pub fn next(workflow: &Workflow, state: &RunState) -> Next {
    if let Some(status) = state.ended() {
        return Next::Nothing(status);
    }
    let begun = workflow
        .jobs
        .iter()
        .find_map(|job| job_next(workflow, job, state));
    if let Some(next) = begun {
        return next;
    }
    let running = state
        .steps()
        .any(|(_, step)| matches!(step, StepState::Running { .. }));
    if running {
        return Next::Wait;
    }
    if state.gates_open().next().is_some() {
        return if state.is_suspended() {
            Next::Rest
        } else {
            Next::Append(RunEvent::Suspended)
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
    Next::Append(RunEvent::Ended {
        status,
        error: None,
    })
}

/// Returns the next action in a job, if there is one.
fn job_next(workflow: &Workflow, job: &Job, state: &RunState) -> Option<Next> {
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
            Some(Next::Append(RunEvent::StepSkipped {
                step: step.path.clone(),
                because,
            }))
        }
    }
}

/// Returns how to begin a step, if it has not begun and may begin.
fn step_next(job: &Job, step: &Step, state: &RunState) -> Option<Next> {
    match state.step(&step.path) {
        // Its conditions held when it was started for the first time.
        Some(StepState::Interrupted { .. }) => return Some(Next::Start(step.path.clone())),
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
            Some(Next::Append(RunEvent::StepSkipped {
                step: step.path.clone(),
                because,
            }))
        }
        Verdict::Holds => Some(match step.task {
            Task::ModelMethod { .. } => Next::Start(step.path.clone()),
            Task::ManualApproval { .. } => Next::Append(RunEvent::GateOpened {
                gate: step.path.clone(),
            }),
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
