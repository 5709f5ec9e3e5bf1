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
    }
}

/// Returns the view of a run as it is now: its status, and whether it can only fail.
///
/// # Errors
/// The datastore, or the file that says whether the run's process is alive, cannot be read.
pub(crate) fn run_view_now(repository: &Repository, run: &RunRecord) -> Result<RunView, AppError> {
    let status = run_status_view(repository, run)?;
    let can_only_fail = match status {
        RunStatusView::Suspended => {
            let failed = failed_below(repository, run)?;
            failed.iter().any(|step| !step.is_allowed)
        }
        RunStatusView::Running
        | RunStatusView::Cancelling
        | RunStatusView::Succeeded
        | RunStatusView::Failed
        | RunStatusView::Cancelled
        | RunStatusView::Interrupted => false,
    };
    Ok(RunView {
        can_only_fail,
        ..run_view(run, status)
    })
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

/// Returns how long a run was worked on and how long it waited for decisions, until `now` for a run
/// that still is or does. The work of a process that is gone ended with its last event.
pub(crate) fn run_times(log: &[EventRecord], status: RunStatus, now: Timestamp) -> RunTimes {
    let mut times = RunTimes::default();
    let Some(first) = log.first() else {
        return times;
    };
    let mut is_waiting = false;
    let mut since = first.at;
    let mut last = first.at;
    for EventRecord { at, event, .. } in log {
        let is_suspended = matches!(event, RunEvent::Suspended);
        if is_suspended || matches!(event, RunEvent::Resumed) {
            // A process that was killed worked until its last event, and not until the resumption.
            let until = if is_waiting || is_suspended {
                *at
            } else {
                last
            };
            times.add(is_waiting, since, until);
            (is_waiting, since) = (is_suspended, *at);
        }
        last = *at;
    }
    let goes_on = match status {
        RunStatus::Running | RunStatus::Suspended => true,
        RunStatus::Succeeded
        | RunStatus::Failed
        | RunStatus::Cancelled
        | RunStatus::Interrupted => false,
    };
    times.add(is_waiting, since, if goes_on { now } else { last });
    times
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
    fn add(&mut self, is_waiting: bool, since: Timestamp, until: Timestamp) {
        let ms = until.0.saturating_sub(since.0);
        match is_waiting {
            true => self.waiting_ms += ms,
            false => self.working_ms += ms,
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
        let ended = RunEvent::Ended {
            status: RunStatus::Succeeded,
            error: None,
        };
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
            (5, started),
            (10, RunEvent::DeadlinePassed),
            (1000, resumed),
            (1001, ended),
        ];
        check(&log, RunStatus::Succeeded, 5000, (6, 0));
    }
}
