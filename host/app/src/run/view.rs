//! Views of runs and their logs.

use sedge_api::problem::call::CallProblem;
use sedge_api::view::run::{
    CancellationView, JobProblemView, LogFieldView, LogLevelView, LogLineView, RunKindView,
    RunStatusView, RunView,
};
use sedge_model::call::LogLevel;
use sedge_model::run::{RunError, RunEvent, RunKind, RunStatus};
use sedge_store::{EventRecord, LogRecord, RunRecord};
use sedge_sys::clock::Timestamp;

use crate::error::AppError;
use crate::repository::Repository;
use crate::run::failed::failed_below;
use crate::run::gate_log::ms;
use crate::views::call::{call_problem, step_problem};
use crate::views::time;

/// Returns the view of a run with the given status.
pub(crate) fn run_view(run: &RunRecord, status: RunStatusView) -> RunView {
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
        status,
        started_by: run.by.name.clone(),
        started_at: time(run.started_at),
        ended_at: ended.map(time),
        duration_ms: ended.map(|ended| ended.0.saturating_sub(run.started_at.0)),
        parent: run.parent.as_ref().map(ToString::to_string),
        can_only_fail: false,
        deadline_passed: false,
    }
}

/// Returns the view of a run as it is now: its status, and whether it can only fail.
///
/// # Errors
/// The datastore, or the file that says whether the run's process is alive, cannot be read.
pub(crate) fn run_view_now(repository: &Repository, run: &RunRecord) -> Result<RunView, AppError> {
    let status = run_status_view(repository, run)?;
    let (can_only_fail, deadline_passed) = match status {
        RunStatusView::Suspended => {
            let is_late = is_past_deadline(repository, run)?;
            let failed = failed_below(repository, run)?;
            let has_failed = failed.iter().any(|step| !step.is_allowed);
            (is_late || has_failed, is_late)
        }
        RunStatusView::Interrupted => (false, is_past_deadline(repository, run)?),
        RunStatusView::Running
        | RunStatusView::Cancelling
        | RunStatusView::Succeeded
        | RunStatusView::Failed
        | RunStatusView::Cancelled => (false, false),
    };
    Ok(RunView {
        can_only_fail,
        deadline_passed,
        ..run_view(run, status)
    })
}

/// Returns whether the deadline of a run has passed, whether or not its log says so.
///
/// # Errors
/// The datastore cannot be read.
pub(crate) fn is_past_deadline(repository: &Repository, run: &RunRecord) -> Result<bool, AppError> {
    let deadline_ms = repository.store()?.run_options(&run.id)?.deadline_ms;
    let now_ms = ms(repository.clock().now());
    Ok(deadline_ms.is_some_and(|it| it <= now_ms))
}

/// Returns the status of a run, after asking the operating system whether its process is alive.
pub(crate) fn run_status_view(
    repository: &Repository,
    run: &RunRecord,
) -> Result<RunStatusView, AppError> {
    let status = repository.run_status(run)?;
    match status {
        // Only the log says whether a user has cancelled a run that is still running.
        RunStatus::Running => {
            let log = repository.store()?.run_events(&run.id)?;
            Ok(match cancellation_of(&log) {
                Some(_) => RunStatusView::Cancelling,
                None => RunStatusView::Running,
            })
        }
        RunStatus::Suspended
        | RunStatus::Succeeded
        | RunStatus::Failed
        | RunStatus::Cancelled
        | RunStatus::Interrupted => Ok(status_view(status)),
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

/// Returns the cancellation of a run, if its log has one.
pub(crate) fn cancellation_of(log: &[EventRecord]) -> Option<CancellationView> {
    log.iter().find_map(|record| {
        if let RunEvent::CancelRequested { by, reason } = &record.event {
            return Some(CancellationView {
                by: by.name.clone(),
                reason: reason.clone(),
                at: time(record.at),
            });
        }
        None
    })
}

/// Returns why a run of one method failed, if its log says so.
pub(crate) fn run_problem(log: &[EventRecord]) -> Option<CallProblem> {
    let error = log.iter().rev().find_map(|record| {
        if let RunEvent::Ended { error, .. } = &record.event {
            return error.as_deref();
        }
        None
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

/// Returns the jobs whose guard has no value.
pub(crate) fn jobs_failed(log: &[EventRecord]) -> Vec<JobProblemView> {
    let failed = log.iter().filter_map(|record| {
        if let RunEvent::JobGuarded {
            job,
            is_satisfied: Err(error),
        } = &record.event
        {
            return Some(JobProblemView {
                job: job.to_string(),
                error: step_problem(error),
            });
        }
        None
    });
    failed.collect()
}

/// How long a run was worked on, and how long it waited for decisions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RunTimes {
    pub(crate) working_ms: u64,
    pub(crate) waiting_ms: u64,
}

/// What happens to a run between two of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RunPhase {
    /// A driver works on it.
    Working,
    /// It waits for decisions.
    Waiting,
    /// It has ended, or has no driver.
    Resting,
}

/// What an event says about the work on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WorkMark {
    /// A phase begins.
    Begins(RunPhase),
    /// Something was done.
    Work,
    /// A user's command can write it although no process works on the run.
    OfUser,
}

/// Returns how long a run was worked on and how long it waited for decisions, until `now` for a run
/// that still is or does. The work of a process that is gone ended with its last event. The time from
/// a failure to a resumption is neither.
pub(crate) fn run_times(log: &[EventRecord], status: RunStatus, now: Timestamp) -> RunTimes {
    let mut times = RunTimes::default();
    let Some(first) = log.first() else {
        return times;
    };
    let mut phase = RunPhase::Working;
    let mut since = first.at;
    // When a driver wrote an event last.
    let mut last = first.at;
    for (place, record) in log.iter().enumerate() {
        match work_mark(&record.event) {
            WorkMark::OfUser => continue,
            WorkMark::Work => {}
            WorkMark::Begins(next) => {
                let is_killed = phase == RunPhase::Working
                    && (record.event == RunEvent::Resumed || is_cancelled(&log[place..]));
                times.add(phase, since, if is_killed { last } else { record.at });
                (phase, since) = (next, record.at);
            }
        }
        last = record.at;
    }
    let goes_on = match status {
        RunStatus::Running | RunStatus::Suspended => true,
        RunStatus::Succeeded
        | RunStatus::Failed
        | RunStatus::Cancelled
        | RunStatus::Interrupted => false,
    };
    times.add(phase, since, if goes_on { now } else { last });
    times
}

fn work_mark(event: &RunEvent) -> WorkMark {
    match event {
        RunEvent::Suspended => WorkMark::Begins(RunPhase::Waiting),
        RunEvent::Resumed => WorkMark::Begins(RunPhase::Working),
        RunEvent::Released | RunEvent::Ended { .. } => WorkMark::Begins(RunPhase::Resting),
        RunEvent::Reset { .. }
        | RunEvent::EditsTaken
        | RunEvent::CancelRequested { .. }
        | RunEvent::GateDecided { .. }
        | RunEvent::GateExpired { .. } => WorkMark::OfUser,
        RunEvent::Started
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
        | RunEvent::GateReopened { .. } => WorkMark::Work,
    }
}

/// Returns whether a command that cancels a run whose process is gone has written these events: it
/// notes first that the run has no driver.
fn is_cancelled(log: &[EventRecord]) -> bool {
    match log {
        [released, next, ..] => {
            released.event == RunEvent::Released
                && released.at == next.at
                && matches!(next.event, RunEvent::CancelRequested { .. })
        }
        [_] | [] => false,
    }
}

/// Returns how long a run of one method was worked on. That is unknown if its process is gone.
pub(crate) fn method_times(run: &RunRecord, status: RunStatus, now: Timestamp) -> RunTimes {
    let until = match status {
        RunStatus::Running | RunStatus::Suspended => Some(now),
        RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => run.ended_at,
        RunStatus::Interrupted => None,
    };
    let working = until.map(|until| until.0.saturating_sub(run.started_at.0));
    RunTimes {
        // ignored: no error is dropped, because this is an `Option`.
        working_ms: working.unwrap_or_default(),
        waiting_ms: 0,
    }
}

impl RunTimes {
    fn add(&mut self, phase: RunPhase, since: Timestamp, until: Timestamp) {
        let ms = until.0.saturating_sub(since.0);
        match phase {
            RunPhase::Working => self.working_ms += ms,
            RunPhase::Waiting => self.waiting_ms += ms,
            RunPhase::Resting => {}
        }
    }
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
    use sedge_model::run::Actor;

    use super::*;

    #[test]
    fn waiting_is_counted_apart_from_working() {
        let check = |log: &[(u64, RunEvent)], status, now, expect: (u64, u64)| {
            let record = |(at, event): &(u64, RunEvent)| EventRecord {
                seq: 1,
                at: Timestamp(*at),
                event: event.clone(),
            };
            let log: Vec<_> = log.iter().map(record).collect();
            let times = run_times(&log, status, Timestamp(now));
            assert_eq!((times.working_ms, times.waiting_ms), expect);
        };
        let with_status = |status| RunEvent::Ended {
            status,
            error: None,
        };
        let ended = with_status(RunStatus::Succeeded);
        let failed = with_status(RunStatus::Failed);
        let cancelled = with_status(RunStatus::Cancelled);
        let (started, resumed) = (RunEvent::Started, RunEvent::Resumed);
        check(&[], RunStatus::Running, 9, (0, 0));
        check(&[(5, started.clone())], RunStatus::Running, 9, (4, 0));
        check(&[(5, started.clone())], RunStatus::Interrupted, 9, (0, 0));
        let suspended = [(5, started.clone()), (8, RunEvent::Suspended)];
        check(&suspended, RunStatus::Suspended, 20, (3, 12));
        let log = [
            (5, started.clone()),
            (8, RunEvent::Suspended),
            (100, resumed.clone()),
            (107, ended.clone()),
        ];
        check(&log, RunStatus::Succeeded, 500, (10, 92));
        // The process was killed after 10, and the run was resumed much later.
        let log = [
            (5, started.clone()),
            (10, RunEvent::DeadlinePassed),
            (1000, resumed.clone()),
            (1001, ended.clone()),
        ];
        check(&log, RunStatus::Succeeded, 5000, (6, 0));
        // The run failed after 10, and a user resumed it much later from some step.
        let log = [
            (5, started.clone()),
            (10, failed),
            (1000, RunEvent::Reset { steps: Vec::new() }),
            (1000, resumed),
            (1001, ended),
        ];
        check(&log, RunStatus::Succeeded, 5000, (6, 0));
        // The process was killed after 10, and a user cancelled the run much later.
        let by = Actor {
            name: "ann".to_owned(),
            uid: None,
        };
        let log = [
            (5, started),
            (10, RunEvent::DeadlinePassed),
            (1000, RunEvent::Released),
            (1000, RunEvent::CancelRequested { by, reason: None }),
            (1000, cancelled),
        ];
        check(&log, RunStatus::Cancelled, 5000, (5, 0));
    }
}
