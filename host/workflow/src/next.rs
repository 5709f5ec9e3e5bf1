//! What follows from where a run stands.

use sedge_model::run::{RunEvent, RunStatus, StepPath};
use sedge_model::workflow::{Condition, Job, Step, Task, Workflow};

use crate::state::{RunState, StepState};

/// The one thing that comes next. Ask again once it is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Write this; nothing has to be run for it.
    Append(RunEvent),
    /// Start the call of this step, after writing that it starts.
    Start(StepPath),
    /// Wait until a running step has ended.
    Wait,
    /// Rest: a person has to decide first.
    Rest,
    /// Nothing: the run has ended.
    Nothing(RunStatus),
}

/// How a job or step came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Succeeded,
    Failed,
    Skipped,
}

/// What is known of something that others wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It may still come.
    Undecided,
    /// All conditions hold.
    Holds,
    /// This one can never hold; its index.
    Broken(usize),
}

/// Returns what comes next in a run of `workflow` that stands at `state`.
///
/// This is the only function that knows what may follow what.
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
    Next::Append(RunEvent::Ended { status })
}

/// Returns what can be begun in a job, if anything.
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

/// Returns how to begin a step, if it has not begun and can be.
fn step_next(job: &Job, step: &Step, state: &RunState) -> Option<Next> {
    match state.step(&step.path) {
        // Its conditions held when it was started first.
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

/// Returns how a step came out; none while it may still change.
fn step_end(step: &Step, state: &RunState) -> Option<End> {
    match state.step(&step.path)? {
        StepState::Running { .. } | StepState::Interrupted { .. } | StepState::Open => None,
        StepState::Succeeded => Some(End::Succeeded),
        StepState::Failed(_) | StepState::Rejected => Some(End::Failed),
        StepState::Skipped => Some(End::Skipped),
    }
}

/// Returns how a job came out; none while a step of it may still change.
///
/// A job failed if a step did that was not allowed to; it was skipped if all of it was.
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
