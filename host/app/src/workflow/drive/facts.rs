//! What a driver keeps of a run's log besides its state: the values and errors that the state does
//! not hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sedge_model::names::{EnvName, JobName};
use sedge_model::run::{Actor, RunEvent, StepError, StepInstance, StepPath};
use sedge_workflow::Todo;
use serde_json::Value;

use crate::expression::{StepErrors, StepWriters};

/// What is evaluated by a task.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum InHand {
    /// The guard of a job.
    JobGuard(JobName),
    /// The values of a step with `forEach`.
    Expand(StepPath),
    /// The guard of a step, or its start.
    Step(StepInstance),
}

impl InHand {
    pub(super) fn of(todo: &Todo) -> Self {
        match todo {
            Todo::JobGuard(job) => Self::JobGuard(job.clone()),
            Todo::Expand(step) => Self::Expand(step.clone()),
            Todo::Guard(step) => Self::Step(step.clone()),
            Todo::Start { step, .. } => Self::Step(step.step.clone()),
        }
    }

    /// Returns what an event is the result of.
    pub(super) fn of_event(event: &RunEvent) -> Option<Self> {
        match event {
            RunEvent::JobGuarded { job, .. } => Some(Self::JobGuard(job.clone())),
            RunEvent::Expanded { step, .. } => Some(Self::Expand(step.clone())),
            RunEvent::Guarded { step, .. } => Some(Self::Step(step.clone())),
            RunEvent::StepStarted { step, .. } | RunEvent::StepSucceeded { step, .. } => {
                Some(Self::Step(step.step.clone()))
            }
            RunEvent::StepFailed { step, .. } | RunEvent::StepRetried { step, .. } => {
                Some(Self::Step(step.step.clone()))
            }
            RunEvent::StepSkipped { step, .. } => Some(Self::Step(step.clone())),
            RunEvent::GateOpened { gate, .. } => Some(Self::Step(gate.clone())),
            RunEvent::Started
            | RunEvent::Resumed
            | RunEvent::Released
            | RunEvent::Reset { .. }
            | RunEvent::EditsTaken
            | RunEvent::CancelRequested { .. }
            | RunEvent::DeadlinePassed
            | RunEvent::EvaluationCalled { .. }
            | RunEvent::ChildSuspended { .. }
            | RunEvent::GateDecided { .. }
            | RunEvent::GateExpired { .. }
            | RunEvent::GateReopened { .. }
            | RunEvent::Suspended
            | RunEvent::Ended { .. } => None,
        }
    }
}

/// What the log says and the state does not hold.
#[derive(Debug, Default)]
pub(super) struct DriveFacts {
    /// The errors of the steps that failed.
    pub(super) errors: StepErrors,
    /// The items of the expansions.
    pub(super) items: HashMap<StepInstance, Arc<Value>>,
    /// The variables of the environment that the expressions of the items have read.
    pub(super) environment: HashMap<StepPath, BTreeSet<EnvName>>,
    /// The ordinal of the last call that a step started. What it ran is stored with the event.
    pub(super) starts: HashMap<StepInstance, u32>,
    /// The calls and child runs of the steps, by which the data is found that they wrote.
    pub(super) written: StepWriters,
    /// The jobs whose guard has no value.
    pub(super) jobs_failed: BTreeMap<JobName, StepError>,
    /// The user who cancels the run, and the reason.
    pub(super) cancelled: Option<(Actor, Option<String>)>,
}

impl DriveFacts {
    /// Notes what an event says. The values of a step with `forEach` are noted by
    /// `Drive::items_note`.
    pub(super) fn note(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Reset { steps } => self.forget(steps),
            RunEvent::GateReopened { gate, skipped } => {
                self.forget(&[std::slice::from_ref(gate), skipped].concat());
            }
            RunEvent::Expanded {
                step, environment, ..
            } => {
                self.environment.insert(step.clone(), environment.clone());
            }
            RunEvent::StepStarted { step, call, .. } => {
                self.starts.insert(step.step.clone(), *call);
            }
            RunEvent::StepFailed { step, error, .. } => {
                self.errors.insert(step.step.clone(), error.clone());
            }
            RunEvent::StepSucceeded { step, .. } => {
                self.starts.remove(&step.step);
            }
            RunEvent::JobGuarded {
                job,
                is_satisfied: Err(error),
            } => {
                self.jobs_failed.insert(job.clone(), error.clone());
            }
            RunEvent::CancelRequested { by, reason } => {
                self.cancelled = Some((by.clone(), reason.clone()));
            }
            RunEvent::Started
            | RunEvent::Resumed
            | RunEvent::Released
            | RunEvent::EditsTaken
            | RunEvent::DeadlinePassed
            | RunEvent::JobGuarded {
                is_satisfied: Ok(_),
                ..
            }
            | RunEvent::Guarded { .. }
            | RunEvent::EvaluationCalled { .. }
            | RunEvent::StepRetried { .. }
            | RunEvent::StepSkipped { .. }
            | RunEvent::ChildSuspended { .. }
            | RunEvent::GateOpened { .. }
            | RunEvent::GateDecided { .. }
            | RunEvent::GateExpired { .. }
            | RunEvent::Suspended
            | RunEvent::Ended { .. } => {}
        }
        self.written.note(event);
    }

    /// Forgets steps that begin again.
    fn forget(&mut self, steps: &[StepPath]) {
        let stays = |step: &StepInstance| !steps.contains(&step.path);
        self.errors.retain(|step, _| stays(step));
        self.items.retain(|step, _| stays(step));
        self.environment.retain(|path, _| !steps.contains(path));
        self.starts.retain(|step, _| stays(step));
        self.jobs_failed
            .retain(|job, _| steps.iter().all(|it| it.job != *job));
    }
}

#[cfg(test)]
mod tests {
    use sedge_model::run::StepAttempt;
    use serde_json::json;

    use super::*;

    fn path(step: &str) -> StepPath {
        StepPath {
            job: "main".parse().expect("a name"),
            step: step.parse().expect("a name"),
        }
    }

    #[test]
    fn reset_forgets_the_facts_of_its_steps_only() {
        let mut facts = DriveFacts::default();
        for step in ["a", "b"] {
            let attempt = StepAttempt {
                step: StepInstance::of(path(step)),
                attempt: 1,
            };
            let one = StepInstance {
                path: path(step),
                expansion: Some("one".parse().expect("a name")),
            };
            facts.items.insert(one, Arc::new(json!(1)));
            facts.note(&RunEvent::StepStarted {
                step: attempt.clone(),
                call: 3,
                child: None,
            });
            facts.note(&RunEvent::StepFailed {
                step: attempt,
                call: Some(3),
                error: StepError::GateExpired,
                is_allowed: false,
            });
        }
        facts.note(&RunEvent::Reset {
            steps: vec![path("a")],
        });
        let [a, b] = ["a", "b"].map(|it| StepInstance::of(path(it)));
        assert!(!facts.starts.contains_key(&a) && facts.starts.contains_key(&b));
        assert!(!facts.errors.contains_key(&a) && facts.errors.contains_key(&b));
        assert_eq!(facts.items.len(), 1);
    }
}
