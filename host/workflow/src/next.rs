//! Decides what follows from the state of a run.

use sedge_model::names::JobName;
use sedge_model::run::{RunEvent, RunStatus, StepAttempt, StepInstance, StepPath};

use crate::conditions::because;
use crate::facts::{HandItem, InstanceKey, RunFacts};
use crate::instance::InstanceState;
use crate::plan::{Plan, TaskKind};
use crate::reopen::is_passed;
use crate::state::RunState;
use crate::track::{ReadyRank, Tracker};

/// What follows from the state of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// The driver has to do this before an event can be written. [`RunState::take`] it, and ask
    /// again.
    Do(Todo),
    /// Append this event, and ask again. Nothing has to be executed for it.
    Append(RunEvent),
    /// Nothing can be decided until the log has another event, or until a time.
    Pause(RunPause),
}

/// Work of the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Todo {
    /// Evaluate the guard of a job: `JobGuarded` follows.
    JobGuard(JobName),
    /// Evaluate the values of a `forEach` step: `Expanded` follows, or `StepFailed` of attempt 1 of
    /// the step as a whole.
    Expand(StepPath),
    /// Evaluate the guard of a step: `Guarded` follows, or `StepFailed` of attempt 1.
    Guard(StepInstance),
    /// Start an attempt. `StepStarted` follows for a method or a workflow, `GateOpened` for a gate,
    /// `StepSucceeded`, `StepFailed` or `StepRetried` for an assert. If its inputs cannot be
    /// evaluated, `StepFailed` follows.
    Start {
        /// The attempt.
        step: StepAttempt,
        /// The kind of its task.
        kind: TaskKind,
        /// The ordinals of the calls of this same attempt so far, oldest first.
        interrupted: Vec<u32>,
    },
}

/// The reason why nothing can be decided now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunPause {
    /// Something runs, is in hand, or waits for its next attempt.
    Working {
        /// When to ask again even if nothing ends before: the next attempt of a step, or the
        /// deadline of a gate. Milliseconds since 1970-01-01T00:00:00Z.
        until_ms: Option<i64>,
    },
    /// The run is suspended: a gate has to be decided first.
    Suspended,
    /// The run has ended.
    Ended(RunStatus),
}

impl RunState {
    /// Returns what follows, the first thing that can be done first.
    ///
    /// While [`is_suspended`](Self::is_suspended) or [`is_released`](Self::is_released), a driver
    /// appends `Resumed` before it does any of it; [`RunPause::Suspended`] says that there is
    /// nothing to resume for.
    ///
    /// `now_ms` is the time in milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn next(&self, now_ms: i64) -> Next {
        if let Some(status) = self.facts.ended {
            return Next::Pause(RunPause::Ended(status));
        }
        if let Some(event) = self.gate_expired(now_ms) {
            return Next::Append(event);
        }
        if let Some(key) = self.tracker.skips.first() {
            return Next::Append(RunEvent::StepSkipped {
                step: self.facts.instance(&self.plan, *key),
                because: self.because(*key),
            });
        }
        if let Some(rank) = self.first_ready(now_ms) {
            return Next::Do(todo(&self.plan, &self.facts, rank.item));
        }
        let until_ms = self.until_ms(now_ms);
        if self.tracker.is_active() || !self.tracker.pauses.is_empty() {
            return Next::Pause(RunPause::Working { until_ms });
        }
        if !self.tracker.gates.is_empty() || !self.tracker.children.is_empty() {
            return match self.facts.is_suspended {
                true => Next::Pause(RunPause::Suspended),
                false => Next::Append(RunEvent::Suspended),
            };
        }
        Next::Append(RunEvent::Ended {
            status: self.tracker.final_status(&self.facts),
            error: None,
        })
    }

    /// Returns the event of the first gate whose deadline has passed.
    fn gate_expired(&self, now_ms: i64) -> Option<RunEvent> {
        let (at_ms, key) = self.tracker.deadlines.first()?;
        let InstanceState::Open {
            deadline: Some(deadline),
        } = self.facts.state(*key)
        else {
            return None;
        };
        (*at_ms <= now_ms).then(|| RunEvent::GateExpired {
            gate: self.facts.instance(&self.plan, *key),
            then: deadline.then,
        })
    }

    /// Returns the first thing that is ready and for which the limits have a slot. Among the
    /// retries whose pause is over, the one that was due first is asked.
    fn first_ready(&self, now_ms: i64) -> Option<ReadyRank> {
        let tracker = &self.tracker;
        let has_slot = tracker.has_slot(&self.plan);
        let slot = tracker.slots.first().filter(|_| has_slot);
        let retry = tracker.retries.first().filter(|_| has_slot);
        let retry_free = tracker.retries_free.first().copied();
        let due = [retry, retry_free].into_iter().flatten();
        let due = due.filter(|it| it.at_ms <= now_ms);
        let due = due.map(|it| Tracker::rank(&self.plan, HandItem::Instance(it.key)));
        let ready = [tracker.free.first().copied(), slot];
        ready.into_iter().flatten().chain(due).min()
    }

    /// Returns the first time after `now_ms` at which something becomes due.
    fn until_ms(&self, now_ms: i64) -> Option<i64> {
        // A retry that is due and waits for a slot does not count: the end of another step decides.
        let retry = self.tracker.pause_after(now_ms);
        let gate = self.tracker.deadlines.first().map(|(at_ms, _)| *at_ms);
        [retry, gate].into_iter().flatten().min()
    }

    /// Returns why an instance is skipped.
    fn because(&self, key: InstanceKey) -> String {
        if self.facts.is_cancelling {
            return "the run is cancelled".to_owned();
        }
        if self.facts.deadline_passed {
            return "the deadline of the run has passed".to_owned();
        }
        if let Some(gate) = self.gate_not_passed(key.step) {
            let gate = &self.plan.step_at(gate).path;
            return format!("the gate `{gate}`, which was opened again, was not approved");
        }
        because_of_parts(&self.plan, &self.tracker, key.step)
    }

    /// Returns the gate because of which a step is skipped whose own conditions hold.
    fn gate_not_passed(&self, step: u32) -> Option<u32> {
        let tracker = &self.tracker;
        let job = self.plan.step_at(step).job;
        if tracker.is_job_broken(&self.plan, job) == Some(true)
            || tracker.is_step_broken(&self.plan, step) == Some(true)
        {
            return None;
        }
        let mut gates = self.facts.reopened.before(step);
        gates.find(|gate| tracker.step_end(*gate).is_some_and(|end| !is_passed(end)))
    }
}

/// Returns which part of what a step or its job waits for can never hold.
fn because_of_parts(plan: &Plan, tracker: &Tracker, step: u32) -> String {
    let step = plan.step_at(step);
    let job = plan.job_at(step.job);
    let of_job = job.depends_on.iter().zip(&job.parts);
    if let Some((part, _)) = of_job
        .into_iter()
        .find(|(_, term)| tracker.is_term_broken(**term))
    {
        return because(part, "job");
    }
    let of_step = step.depends_on.iter().zip(&step.parts);
    let broken = of_step
        .into_iter()
        .find(|(_, term)| tracker.is_term_broken(**term));
    let (part, _) = broken.expect("an instance is skipped because a condition cannot hold");
    because(part, "step")
}

/// Returns the work for something that is ready.
pub(crate) fn todo(plan: &Plan, facts: &RunFacts, item: HandItem) -> Todo {
    let key = match item {
        HandItem::JobGuard(job) => return Todo::JobGuard(plan.job_at(job).name.clone()),
        HandItem::Instance(key) => key,
    };
    let step = plan.step_at(key.step);
    if facts.expands_next(plan, key) {
        return Todo::Expand(step.path.clone());
    }
    let instance = facts.instance(plan, key);
    if !facts.starts_next(plan, key) {
        return Todo::Guard(instance);
    }
    let (attempt, interrupted) = facts.state(key).attempt();
    Todo::Start {
        step: StepAttempt {
            step: instance,
            attempt,
        },
        kind: step.kind,
        interrupted,
    }
}
