//! Views of runs, their steps and their logs.

use std::collections::HashMap;

use sedge_api::problem::call::CallProblem;
use sedge_api::view::run::{
    LogFieldView, LogLevelView, LogLineView, RunKindView, RunStatusView, RunView, StepStatusView,
    StepView,
};
use sedge_model::call::LogLevel;
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_model::run::{GateDecision, RunError, RunEvent, RunKind, RunStatus, StepPath};
use sedge_store::{EventRecord, LogRecord, RunRecord};
use sedge_sys::clock::Timestamp;

use crate::views::call::call_problem;
use crate::views::time;

/// Returns the view of a run with the given status.
pub(crate) fn run_view(run: &RunRecord, status: RunStatus) -> RunView {
    let ended = run.ended_at;
    RunView {
        id: run.id.to_string(),
        kind: match run.kind {
            RunKind::Method => RunKindView::Method,
            RunKind::Workflow => RunKindView::Workflow,
        },
        subject: run.subject.clone(),
        method: run.method.clone(),
        exclusive: run.exclusive,
        status: status_view(status),
        started_by: run.by.clone(),
        started_at: time(run.started_at),
        ended_at: ended.map(time),
        duration_ms: ended.map(|ended| ended.0.saturating_sub(run.started_at.0)),
    }
}

/// Returns the view of a run's status.
pub(crate) fn status_view(status: RunStatus) -> RunStatusView {
    match status {
        RunStatus::Running => RunStatusView::Running,
        RunStatus::Suspended => RunStatusView::Suspended,
        RunStatus::Succeeded => RunStatusView::Succeeded,
        RunStatus::Failed => RunStatusView::Failed,
        RunStatus::Cancelled => RunStatusView::Cancelled,
        RunStatus::Interrupted => RunStatusView::Interrupted,
    }
}

/// Returns why a run of one method failed, if its log says so.
pub(crate) fn run_problem(events: &[EventRecord]) -> Option<CallProblem> {
    let error = events.iter().rev().find_map(|record| match &record.event {
        RunEvent::Ended { error, .. } => error.as_deref(),
        RunEvent::Started
        | RunEvent::Resumed
        | RunEvent::StepStarted { .. }
        | RunEvent::StepSucceeded { .. }
        | RunEvent::StepFailed { .. }
        | RunEvent::StepSkipped { .. }
        | RunEvent::GateOpened { .. }
        | RunEvent::GateDecided { .. }
        | RunEvent::Suspended => None,
    })?;
    Some(match error {
        RunError::Call(error) => call_problem(error),
        RunError::Host { code, message } => CallProblem {
            code: code.clone(),
            message: message.clone(),
            ..CallProblem::default()
        },
    })
}

/// Returns the steps and gates that a run has reached. `open` is the status of steps that have
/// begun and not ended.
pub(crate) fn step_views(
    run: &RunId,
    events: &[EventRecord],
    open: StepStatusView,
) -> Vec<StepView> {
    let root = Lineage::root(run.clone());
    let mut steps = Steps::default();
    for EventRecord { at, event, .. } in events {
        match event {
            RunEvent::StepStarted { step, call } => {
                let view = steps.get(step);
                view.status = open;
                view.started_at.get_or_insert(time(*at));
                view.calls.push(root.child(*call).to_string());
            }
            RunEvent::StepSucceeded { step } => {
                ended(steps.get(step), StepStatusView::Succeeded, *at);
            }
            RunEvent::StepFailed { step, error } => {
                let view = steps.get(step);
                view.error = Some(call_problem(error));
                ended(view, StepStatusView::Failed, *at);
            }
            RunEvent::StepSkipped { step, because } => {
                let view = steps.get(step);
                view.because = Some(because.clone());
                ended(view, StepStatusView::Skipped, *at);
            }
            RunEvent::GateOpened { gate } => {
                let view = steps.get(gate);
                view.status = StepStatusView::Waiting;
                view.started_at = Some(time(*at));
            }
            RunEvent::GateDecided {
                gate,
                decision,
                by,
                comment,
            } => {
                let view = steps.get(gate);
                view.decided_by = Some(by.clone());
                view.comment.clone_from(comment);
                let status = match decision {
                    GateDecision::Approved => StepStatusView::Approved,
                    GateDecision::Rejected => StepStatusView::Rejected,
                };
                ended(view, status, *at);
            }
            RunEvent::Started
            | RunEvent::Resumed
            | RunEvent::Suspended
            | RunEvent::Ended { .. } => {}
        }
    }
    steps.views
}

/// The steps that have appeared in the log so far.
#[derive(Default)]
struct Steps<'a> {
    views: Vec<StepView>,
    places: HashMap<&'a StepPath, usize>,
}

impl<'a> Steps<'a> {
    fn get(&mut self, step: &'a StepPath) -> &mut StepView {
        let views = &mut self.views;
        let place = *self.places.entry(step).or_insert_with(|| {
            views.push(StepView {
                step: step.to_string(),
                status: StepStatusView::Waiting,
                because: None,
                decided_by: None,
                comment: None,
                error: None,
                calls: Vec::new(),
                started_at: None,
                ended_at: None,
                duration_ms: None,
            });
            views.len() - 1
        });
        &mut views[place]
    }
}

fn ended(step: &mut StepView, status: StepStatusView, at: Timestamp) {
    step.status = status;
    step.ended_at = Some(time(at));
    step.duration_ms = step
        .started_at
        .map(|started| at.0.saturating_sub(started.ms()));
}

/// Returns the view of a log line of a call.
pub(crate) fn log_line_view(record: LogRecord) -> LogLineView {
    let LogRecord {
        lineage,
        step,
        model,
        method,
        line,
    } = record;
    let field = |(key, value)| LogFieldView { key, value };
    LogLineView {
        call: lineage.to_string(),
        step,
        model: model.to_string(),
        method: method.to_string(),
        level: match line.level {
            LogLevel::Trace => LogLevelView::Trace,
            LogLevel::Debug => LogLevelView::Debug,
            LogLevel::Info => LogLevelView::Info,
            LogLevel::Warn => LogLevelView::Warn,
            LogLevel::Error => LogLevelView::Error,
        },
        message: line.message,
        fields: line.fields.into_iter().map(field).collect(),
    }
}

#[cfg(test)]
mod tests {
    use sedge_model::call::CallError;

    use super::*;

    fn step(path: &str) -> StepPath {
        let (job, step) = path.split_once('/').expect("a path");
        StepPath {
            job: job.parse().expect("a name"),
            step: step.parse().expect("a name"),
        }
    }

    fn check(events: Vec<RunEvent>, expect: &[&str]) {
        let record = |(n, event)| EventRecord {
            seq: n + 1,
            at: Timestamp(n * 10),
            event,
        };
        let events: Vec<_> = (0_u64..).zip(events).map(record).collect();
        let run = "000000000000".parse().expect("an id");
        let steps = step_views(&run, &events, StepStatusView::Interrupted);
        let shown = |it: &StepView| {
            let error = it.error.as_ref().map_or("", |error| &error.code);
            let (step, status) = (&it.step, it.status.as_str());
            format!(
                "{step} {status} {:?} {:?} {error}",
                it.calls, it.duration_ms
            )
        };
        let shown: Vec<_> = steps.iter().map(shown).collect();
        assert_eq!(shown, expect);
    }

    #[test]
    fn step_has_the_status_of_its_last_event() {
        let started = |path, call| RunEvent::StepStarted {
            step: step(path),
            call,
        };
        check(vec![RunEvent::Started], &[]);
        check(
            vec![
                started("j/a", 1),
                started("j/b", 2),
                RunEvent::Resumed,
                started("j/a", 3),
                RunEvent::StepSucceeded { step: step("j/a") },
                RunEvent::StepFailed {
                    step: step("j/b"),
                    error: CallError::Cancelled,
                },
                RunEvent::StepSkipped {
                    step: step("j/c"),
                    because: "`b` failed".to_owned(),
                },
                RunEvent::GateOpened { gate: step("j/g") },
                started("j/d", 4),
            ],
            &[
                r#"j/a succeeded ["000000000000/1", "000000000000/3"] Some(40) "#,
                r#"j/b failed ["000000000000/2"] Some(40) cancelled"#,
                "j/c skipped [] None ",
                "j/g waiting [] None ",
                r#"j/d interrupted ["000000000000/4"] None "#,
            ],
        );
    }
}
