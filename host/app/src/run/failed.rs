//! The steps that have failed in a run, whatever its status.

use std::collections::{HashMap, HashSet};

use sedge_api::problem::call::CallProblem;
use sedge_api::view::workflow::FailedStepView;
use sedge_lang::workflow::Workflow;
use sedge_model::run::{GateDecision, OnTimeout, RunEvent, StepError, StepInstance, StepPath};
use sedge_store::{EventRecord, RunRecord};

use crate::error::AppError;
use crate::repository::Repository;
use crate::run::gate_log::log_as_of;
use crate::views::call::step_problem;
use crate::workflow::gate_find::runs_below;
use crate::workflow::gates::run_workflow;

/// Returns the steps that have failed in a run, and in the runs of its nested workflows that have
/// not ended. Those of a nested workflow have the path of its step in front.
///
/// # Errors
/// The datastore cannot be read.
pub(crate) fn failed_below(
    repository: &Repository,
    run: &RunRecord,
) -> Result<Vec<FailedStepView>, AppError> {
    let mut failed = Vec::new();
    for below in runs_below(repository, run)? {
        let workflow = run_workflow(repository, &below.run)?;
        let log = log_as_of(below.log, repository.clock().now());
        let steps = failed_steps(&workflow, &log);
        failed.extend(steps.into_iter().map(|step| FailedStepView {
            step: format!("{}{}", below.prefix, step.step),
            ..step
        }));
    }
    Ok(failed)
}

/// Returns the steps that have failed and the gates that were rejected, in that order.
pub(crate) fn failed_steps(workflow: &Workflow, log: &[EventRecord]) -> Vec<FailedStepView> {
    let allowed = workflow.steps().filter(|step| step.allow_failure);
    let mut failed = Failed {
        allowed: allowed.map(|step| &step.path).collect(),
        steps: Vec::new(),
        places: HashMap::new(),
    };
    for EventRecord { event, .. } in log {
        match event {
            RunEvent::StepFailed {
                step,
                error,
                is_allowed,
                ..
            } => failed.push(&step.step, Some(step_problem(error)), *is_allowed),
            RunEvent::GateDecided {
                gate,
                decision: GateDecision::Rejected,
                ..
            }
            | RunEvent::GateExpired {
                gate,
                then: OnTimeout::Reject,
            } => failed.push(gate, None, false),
            RunEvent::GateExpired {
                gate,
                then: OnTimeout::Fail,
            } => failed.push(gate, Some(step_problem(&StepError::GateExpired)), false),
            RunEvent::JobGuarded {
                job,
                is_satisfied: Err(error),
            } => failed.steps.push(Some(FailedStepView {
                step: job.to_string(),
                error: Some(step_problem(error)),
                is_allowed: false,
            })),
            RunEvent::Reset { steps } => failed.forget(steps),
            RunEvent::Started
            | RunEvent::Resumed
            | RunEvent::Released
            | RunEvent::EditsTaken
            | RunEvent::CancelRequested { .. }
            | RunEvent::DeadlinePassed
            | RunEvent::JobGuarded {
                is_satisfied: Ok(_),
                ..
            }
            | RunEvent::Expanded { .. }
            | RunEvent::Guarded { .. }
            | RunEvent::EvaluationCalled { .. }
            | RunEvent::StepStarted { .. }
            | RunEvent::StepSucceeded { .. }
            | RunEvent::StepRetried { .. }
            | RunEvent::StepSkipped { .. }
            | RunEvent::ChildSuspended { .. }
            | RunEvent::GateOpened { .. }
            | RunEvent::GateReopened { .. }
            | RunEvent::GateDecided {
                decision: GateDecision::Approved,
                ..
            }
            | RunEvent::GateExpired {
                then: OnTimeout::Continue,
                ..
            }
            | RunEvent::Suspended
            | RunEvent::Ended { .. } => {}
        }
    }
    failed.steps.into_iter().flatten().collect()
}

/// The steps that have failed so far.
struct Failed<'a> {
    /// The steps that may fail.
    allowed: HashSet<&'a StepPath>,
    /// A step that was reset is `None`.
    steps: Vec<Option<FailedStepView>>,
    /// The places of a step and its expansions in `steps`.
    places: HashMap<StepPath, Vec<usize>>,
}

impl Failed<'_> {
    fn push(&mut self, step: &StepInstance, error: Option<CallProblem>, is_allowed: bool) {
        let places = self.places.entry(step.path.clone()).or_default();
        places.push(self.steps.len());
        self.steps.push(Some(FailedStepView {
            step: step.to_string(),
            error,
            is_allowed: is_allowed || self.allowed.contains(&step.path),
        }));
    }

    fn forget(&mut self, steps: &[StepPath]) {
        for step in steps {
            // ignored: no error is dropped; a step that has not failed has no places.
            for place in self.places.remove(step).unwrap_or_default() {
                self.steps[place] = None;
            }
        }
        // The guard of a job is evaluated again when the job begins again.
        let jobs: HashSet<&str> = steps.iter().map(|step| step.job.as_str()).collect();
        for step in &mut self.steps {
            if step
                .as_ref()
                .is_some_and(|it| jobs.contains(it.step.as_str()))
            {
                *step = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sedge_lang::diagnostic::SourceFile;
    use sedge_model::call::CallError;
    use sedge_model::run::StepAttempt;
    use sedge_sys::clock::Timestamp;

    use super::*;

    const WORKFLOW: &str = "\
name: w
jobs:
  - name: j
    steps:
      - {name: a, task: {type: manual_approval}}
      - {name: b, allowFailure: true, task: {type: manual_approval}}
";

    fn path(step: &str) -> StepPath {
        StepPath {
            job: "j".parse().expect("a name"),
            step: step.parse().expect("a name"),
        }
    }

    fn step_failed(step: &str, is_allowed: bool) -> RunEvent {
        RunEvent::StepFailed {
            step: StepAttempt {
                step: StepInstance::of(path(step)),
                attempt: 1,
            },
            call: None,
            error: StepError::Call(CallError::Cancelled),
            is_allowed,
        }
    }

    fn check(events: Vec<RunEvent>, expect: &[&str]) {
        let workflow = Workflow::parse(&SourceFile::new("w.yaml", WORKFLOW)).expect("no faults");
        let record = |event| EventRecord {
            seq: 1,
            at: Timestamp(0),
            event,
        };
        let log: Vec<_> = events.into_iter().map(record).collect();
        let steps = failed_steps(&workflow, &log);
        let shown = steps.iter().map(|step| {
            let code = step.error.as_ref().map_or("rejected", |error| &error.code);
            let allowed = if step.is_allowed { " allowed" } else { "" };
            format!("{} {code}{allowed}", step.step)
        });
        assert_eq!(shown.collect::<Vec<_>>(), expect);
    }

    #[test]
    fn failed_steps_say_whether_that_is_allowed() {
        check(vec![RunEvent::Started], &[]);
        check(
            vec![step_failed("a", false), step_failed("b", false)],
            &["j/a cancelled", "j/b cancelled allowed"],
        );
        check(vec![step_failed("a", true)], &["j/a cancelled allowed"]);
        let expired = |then| RunEvent::GateExpired {
            gate: StepInstance::of(path("a")),
            then,
        };
        check(vec![expired(OnTimeout::Reject)], &["j/a rejected"]);
        check(vec![expired(OnTimeout::Fail)], &["j/a gate-expired"]);
        check(vec![expired(OnTimeout::Continue)], &[]);
    }

    #[test]
    fn step_that_was_reset_has_not_failed() {
        let reset = RunEvent::Reset {
            steps: vec![path("a")],
        };
        let log = vec![step_failed("a", false), step_failed("b", false), reset];
        check(log.clone(), &["j/b cancelled allowed"]);
        let again = [log, vec![step_failed("a", false)]].concat();
        check(again, &["j/b cancelled allowed", "j/a cancelled"]);
    }
}
