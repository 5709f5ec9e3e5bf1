//! Views of the events of runs, for faces that write each event as a document.

use sedge_api::Time;
use sedge_api::view::event::{RunEventLine, RunEventView};
use sedge_api::view::run::OnTimeoutView;
use sedge_api::view::workflow::DecisionView;
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_model::run::{EvaluationPlace, GateDecision, OnTimeout, RunEvent, StepAttempt};
use sedge_store::{EventRecord, LogRecord};

use crate::events::{Event, ReportedEvent};
use crate::run::gate_log::deadline_view;
use crate::run::view::{log_line_view, status_view};
use crate::views::call::step_problem;
use crate::views::time;

/// Returns the document of an event that has no place in the log of its run: of a line that a call
/// logged. Returns `None` for every other event.
#[must_use]
pub fn logged_line(reported: &ReportedEvent) -> Option<RunEventLine> {
    let Event::Logged {
        call,
        step,
        model,
        method,
        line,
    } = &reported.event
    else {
        return None;
    };
    let view = log_line_view(LogRecord {
        lineage: call.clone(),
        step: step.as_ref().map(ToString::to_string),
        model: model.clone(),
        method: method.clone(),
        line: line.clone(),
    });
    let run = view.call.split('/').next();
    Some(RunEventLine {
        // ignored: no error is dropped, because a text has a first part.
        run: run.unwrap_or_default().to_owned(),
        seq: None,
        at: time(reported.at),
        event: RunEventView::Logged(view),
    })
}

/// Returns the document of an event of a run.
pub(crate) fn event_line(run: &RunId, record: &EventRecord) -> RunEventLine {
    RunEventLine {
        run: run.to_string(),
        seq: Some(record.seq),
        at: time(record.at),
        event: event_view(run, &record.event),
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "it is one table, of which a half would say less"
)]
fn event_view(run: &RunId, event: &RunEvent) -> RunEventView {
    let root = Lineage::root(run.clone());
    let name = |call: u32| root.child(call).to_string();
    let of = |it: &StepAttempt| (it.step.to_string(), it.attempt);
    match event {
        RunEvent::Started => RunEventView::Started,
        RunEvent::Resumed => RunEventView::Resumed,
        RunEvent::Released => RunEventView::Released,
        RunEvent::Reset { steps } => RunEventView::Reset {
            steps: steps.iter().map(ToString::to_string).collect(),
        },
        RunEvent::EditsTaken => RunEventView::EditsTaken,
        RunEvent::CancelRequested { by, reason } => RunEventView::CancelRequested {
            by: by.to_string(),
            reason: reason.clone(),
        },
        RunEvent::DeadlinePassed => RunEventView::DeadlinePassed,
        RunEvent::JobGuarded { job, is_satisfied } => RunEventView::JobGuarded {
            job: job.to_string(),
            // ignored: the error is the next field.
            is_satisfied: is_satisfied.as_ref().ok().copied(),
            error: is_satisfied.as_ref().err().map(step_problem),
        },
        RunEvent::Expanded { step, items, .. } => RunEventView::StepExpanded {
            step: step.to_string(),
            expansions: items.iter().map(|it| it.name.to_string()).collect(),
        },
        RunEvent::Guarded { step, is_satisfied } => RunEventView::StepGuarded {
            step: step.to_string(),
            is_satisfied: *is_satisfied,
        },
        RunEvent::EvaluationCalled { place, call } => RunEventView::EvaluationCalled {
            of: match place {
                EvaluationPlace::JobGuard(job) => job.to_string(),
                EvaluationPlace::Guard(step) | EvaluationPlace::Assert(step) => step.to_string(),
            },
            call: name(*call),
        },
        RunEvent::StepStarted { step, call, child } => {
            let (step, attempt) = of(step);
            RunEventView::StepStarted {
                step,
                attempt,
                call: name(*call),
                child: child.as_ref().map(ToString::to_string),
            }
        }
        RunEvent::StepSucceeded { step, call } => {
            let (step, attempt) = of(step);
            let call = call.map(name);
            RunEventView::StepSucceeded {
                step,
                attempt,
                call,
            }
        }
        RunEvent::StepFailed {
            step,
            call,
            error,
            is_allowed,
        } => {
            let (step, attempt) = of(step);
            RunEventView::StepFailed {
                step,
                attempt,
                call: call.map(name),
                error: step_problem(error),
                is_allowed: *is_allowed,
            }
        }
        RunEvent::StepRetried {
            step,
            call,
            error,
            next_at_ms,
        } => {
            let (step, attempt) = of(step);
            RunEventView::StepRetried {
                step,
                attempt,
                call: call.map(name),
                error: step_problem(error),
                next_attempt_at: Time::from_ms(u64::try_from(*next_at_ms).unwrap_or(0)),
            }
        }
        RunEvent::StepSkipped { step, because } => RunEventView::StepSkipped {
            step: step.to_string(),
            because: because.clone(),
        },
        RunEvent::ChildSuspended { step } => RunEventView::ChildSuspended {
            step: step.to_string(),
        },
        RunEvent::GateOpened {
            gate,
            shown,
            deadline,
        } => RunEventView::GateOpened {
            step: gate.to_string(),
            prompt: shown.prompt.clone(),
            deadline: deadline.as_ref().map(deadline_view),
        },
        RunEvent::GateDecided {
            gate,
            decision,
            by,
            comment,
            ..
        } => RunEventView::GateDecided {
            step: gate.to_string(),
            decision: match decision {
                GateDecision::Approved => DecisionView::Approved,
                GateDecision::Rejected => DecisionView::Rejected,
            },
            by: by.to_string(),
            comment: comment.clone(),
        },
        RunEvent::GateExpired { gate, then } => RunEventView::GateExpired {
            step: gate.to_string(),
            on_timeout: match then {
                OnTimeout::Fail => OnTimeoutView::Fail,
                OnTimeout::Reject => OnTimeoutView::Reject,
                OnTimeout::Continue => OnTimeoutView::Continue,
            },
        },
        RunEvent::GateReopened { gate, .. } => RunEventView::GateReopened {
            step: gate.to_string(),
        },
        RunEvent::Suspended => RunEventView::Suspended,
        RunEvent::Ended { status, .. } => RunEventView::Ended {
            status: status_view(*status),
        },
    }
}

#[cfg(test)]
mod tests {
    use sedge_model::run::{RunStatus, StepError, StepInstance, StepPath};
    use sedge_sys::clock::Timestamp;

    use super::*;

    fn step() -> StepInstance {
        StepInstance::of(StepPath {
            job: "main".parse().expect("a name"),
            step: "a".parse().expect("a name"),
        })
    }

    fn check(event: RunEvent, expect: &str) {
        let run: RunId = "000000000000".parse().expect("an id");
        let record = EventRecord {
            seq: 3,
            at: Timestamp(0),
            event,
        };
        let line = serde_json::to_string(&event_line(&run, &record)).expect("it is JSON");
        assert_eq!(line, expect);
    }

    #[test]
    fn event_has_run_step_call_number_and_time() {
        let attempt = StepAttempt {
            step: step(),
            attempt: 2,
        };
        check(
            RunEvent::StepStarted {
                step: attempt.clone(),
                call: 7,
                child: None,
            },
            r#"{"run":"000000000000","seq":3,"at":"1970-01-01T00:00:00.000Z","event":"stepStarted","step":"main/a","attempt":2,"call":"000000000000/7","child":null}"#,
        );
        check(
            RunEvent::StepRetried {
                step: attempt,
                call: None,
                error: StepError::GateExpired,
                next_at_ms: 1000,
            },
            r#"{"run":"000000000000","seq":3,"at":"1970-01-01T00:00:00.000Z","event":"stepRetried","step":"main/a","attempt":2,"call":null,"error":{"code":"gate-expired","message":"no user decided before the deadline of the gate"},"nextAttemptAt":"1970-01-01T00:00:01.000Z"}"#,
        );
        check(
            RunEvent::Ended {
                status: RunStatus::Succeeded,
                error: None,
            },
            r#"{"run":"000000000000","seq":3,"at":"1970-01-01T00:00:00.000Z","event":"ended","status":"succeeded"}"#,
        );
    }
}
