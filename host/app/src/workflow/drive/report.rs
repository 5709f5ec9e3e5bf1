//! Reports the events of the log to the front end, once they are durable.

use std::time::Duration;

use sedge_model::names::RunId;
use sedge_model::run::{
    GateDeadline, GateShown, OnTimeout, RunEvent, StepAttempt, StepError, StepInstance, StepPath,
};

use super::Drive;
use crate::events::Event;
use crate::run::gate_log::pause_before;

impl Drive {
    /// Reports an event that this driver has written.
    pub(super) fn report(&self, event: &RunEvent) {
        let run = self.cx.run().clone();
        let shown = match event {
            RunEvent::DeadlinePassed => Event::RunDeadlinePassed { run },
            RunEvent::JobGuarded {
                job,
                is_satisfied: Ok(true),
            } => {
                let job = job.clone();
                Event::JobSatisfied { run, job }
            }
            RunEvent::Expanded { step, items, .. } => Event::StepExpanded {
                run,
                step: step.clone(),
                n_instances: items.len(),
            },
            RunEvent::Guarded {
                step,
                is_satisfied: true,
            } => {
                let step = step.clone();
                Event::StepSatisfied { run, step }
            }
            RunEvent::StepStarted { step, .. } => step_started(run, step),
            RunEvent::StepSucceeded { step, call } => self.step_ended(step, *call, Ok(())),
            RunEvent::StepFailed {
                step,
                call,
                is_allowed,
                ..
            } => self.step_ended(step, *call, Err(*is_allowed)),
            RunEvent::StepRetried {
                step,
                call,
                error,
                next_at_ms,
            } => {
                self.elapsed(*call);
                let pause = pause_before(*next_at_ms, self.cx.clock().now());
                step_retried(run, step, error, pause)
            }
            RunEvent::StepSkipped { step, because } => Event::StepSkipped {
                run,
                step: step.clone(),
                because: because.clone(),
            },
            RunEvent::GateOpened {
                gate,
                shown,
                deadline,
            } => gate_opened(run, gate, shown, *deadline),
            RunEvent::GateExpired { gate, then } => gate_expired(run, gate, *then),
            RunEvent::GateReopened { gate, .. } => gate_reopened(run, gate),
            RunEvent::GateDecided { .. } | RunEvent::CancelRequested { .. } => {
                return self.report_foreign(event);
            }
            RunEvent::Started
            | RunEvent::Resumed
            | RunEvent::Released
            | RunEvent::Reset { .. }
            | RunEvent::EditsTaken
            | RunEvent::JobGuarded { .. }
            | RunEvent::Guarded { .. }
            | RunEvent::EvaluationCalled { .. }
            | RunEvent::ChildSuspended { .. }
            | RunEvent::Suspended
            | RunEvent::Ended { .. } => return,
        };
        self.cx.event(shown);
    }

    /// Reports an event that another process may have written.
    pub(super) fn report_foreign(&self, event: &RunEvent) {
        let run = self.cx.run().clone();
        match event {
            RunEvent::GateDecided {
                gate, decision, by, ..
            } => self.cx.event(Event::GateDecided {
                run,
                gate: gate.clone(),
                decision: *decision,
                by: by.clone(),
            }),
            RunEvent::CancelRequested { by, reason } => self.cx.event(Event::RunCancelling {
                run,
                by: by.clone(),
                reason: reason.clone(),
            }),
            RunEvent::Started
            | RunEvent::Resumed
            | RunEvent::Released
            | RunEvent::Reset { .. }
            | RunEvent::EditsTaken
            | RunEvent::DeadlinePassed
            | RunEvent::JobGuarded { .. }
            | RunEvent::Expanded { .. }
            | RunEvent::Guarded { .. }
            | RunEvent::EvaluationCalled { .. }
            | RunEvent::StepStarted { .. }
            | RunEvent::StepSucceeded { .. }
            | RunEvent::StepFailed { .. }
            | RunEvent::StepRetried { .. }
            | RunEvent::StepSkipped { .. }
            | RunEvent::ChildSuspended { .. }
            | RunEvent::GateOpened { .. }
            | RunEvent::GateExpired { .. }
            | RunEvent::GateReopened { .. }
            | RunEvent::Suspended
            | RunEvent::Ended { .. } => {}
        }
    }

    /// Returns the event for the end of an attempt: `Err` says whether the run may succeed nevertheless.
    fn step_ended(&self, step: &StepAttempt, call: Option<u32>, end: Result<(), bool>) -> Event {
        let is_allowed = end
            .err()
            .is_some_and(|is_allowed| is_allowed || self.plan_step(&step.step).allow_failure);
        Event::StepEnded {
            run: self.cx.run().clone(),
            step: step.clone(),
            elapsed: self.elapsed(call),
            succeeded: end.is_ok(),
            is_allowed,
        }
    }

    /// Returns how long a call has been running.
    fn elapsed(&self, call: Option<u32>) -> Duration {
        let since = call.and_then(|call| self.state().since.remove(&call));
        // ignored: a step without a call took no time.
        since.map(|since| since.elapsed()).unwrap_or_default()
    }
}

fn step_started(run: RunId, step: &StepAttempt) -> Event {
    let step = step.clone();
    Event::StepStarted { run, step }
}

fn step_retried(run: RunId, step: &StepAttempt, error: &StepError, pause: Duration) -> Event {
    Event::StepRetried {
        run,
        step: step.clone(),
        error: one_line(error),
        pause,
    }
}

fn gate_opened(
    run: RunId,
    gate: &StepInstance,
    shown: &GateShown,
    deadline: Option<GateDeadline>,
) -> Event {
    Event::GateOpened {
        run,
        gate: gate.clone(),
        prompt: shown.prompt.clone(),
        deadline,
    }
}

fn gate_reopened(run: RunId, gate: &StepPath) -> Event {
    let gate = gate.clone();
    Event::GateReopened { run, gate }
}

fn gate_expired(run: RunId, gate: &StepInstance, then: OnTimeout) -> Event {
    Event::GateExpired {
        run,
        gate: gate.clone(),
        then,
    }
}

fn one_line(error: &StepError) -> String {
    let text = error.to_string();
    text.lines().collect::<Vec<_>>().join("; ")
}
