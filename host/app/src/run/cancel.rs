//! Cancels a run: a running one, which its process then stops, or one that no process works on.

use std::sync::Arc;
use std::time::Duration;

use sedge_api::view::run::{CancellationView, RunCancelled};
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_model::run::{Actor, RunEvent, RunKind, RunStatus};
use sedge_store::{Author, EventRecord, LogEntry, RunRecord};
use sedge_sys::clock::{self, Timestamp};
use sedge_workflow::{Next, Plan, RunState};

use crate::cx::Cx;
use crate::error::{AppError, ChildVerb, RunUseError};
use crate::repository::Repository;
use crate::run::gate_log::ms;
use crate::run::view::{cancellation_of, run_view_now};
use crate::views::time;
use crate::workflow::gates::{apply, fold, run_workflow};
use crate::workflow::inputs::text_redacted;

/// How often a process asks whether a user cancels the run of one method that it works on. Each
/// question reads one entry of an index.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// The reason for which a run ends whose call was cut off.
pub(crate) const CALL_CUT_OFF: &str = "the call that started it was cut off";

/// The reason for which a run ends whose call was cancelled.
pub(crate) const CALL_CANCELLED: &str = "the call that started it was cancelled";

/// The reason for which a run ends whose call is made again.
pub(crate) const CALL_REPEATED: &str = "the run of the call that started it was resumed";

/// Cancels a run for the user of `cx`. The run is found by its id or by the beginning of its id.
///
/// If a process works on the run, it starts nothing more, and stops what is running; until then the
/// run is `cancelling`. A run that is suspended or interrupted ends at once, and so do the runs of
/// its nested workflows, and the interrupted runs that commands of its calls have started.
///
/// # Errors
/// Returns an error if there is no such run, if it has ended, or if it is part of another run.
pub fn run_cancel(cx: &Cx, id: &str, reason: Option<&str>) -> Result<RunCancelled, AppError> {
    let run = cx.repository.run_by_id(id)?;
    cx.repository.root_check(&run, ChildVerb::Cancelled)?;
    let reason = match reason {
        Some(reason) => Some(text_redacted(&cx.repository, &[&run.id], reason)?),
        None => None,
    };
    let by = cx.recorded_actor()?;
    let request = RunEvent::CancelRequested {
        by: by.clone(),
        reason,
    };
    let mut children = Vec::new();
    // The runs of nested workflows end first. If this process is killed in between, the run at the
    // top can still be cancelled.
    for child in children_unended(&cx.repository, &run)? {
        cancel_one(&cx.repository, &child, &request)?;
        children.push(child.id.to_string());
    }
    let above = Lineage::root(run.id.clone());
    command_runs_end(&cx.repository, &by, &above, CALL_CANCELLED)?;
    let log = cancel_one(&cx.repository, &run, &request)?;
    // A driver in this process need not wait until it asks for news.
    cx.repository.driver_signals().wake(&run.id);
    let run = cx.repository.store()?.run_get(&run.id)?;
    Ok(RunCancelled {
        run: run_view_now(&cx.repository, &run)?,
        cancelled: cancellation_of(&log).unwrap_or_else(|| CancellationView {
            by: by.name,
            reason: None,
            at: time(cx.clock.now()),
        }),
        children,
    })
}

/// Waits until a user cancels the run of one method. The driver of a workflow's run has other ways
/// to learn of that.
pub(crate) async fn cancel_requested(repository: &Repository, run: &RunId) {
    // A task of this process that cancels the run makes this signal.
    let signal = repository.driver_signals().register(run);
    loop {
        tokio::select! {
            () = signal.notified() => {}
            () = clock::pause(POLL_EVERY) => {}
        }
        match is_cancel_requested(repository, run) {
            Ok(true) => return,
            Ok(false) => {}
            // The call itself reports what is wrong with the datastore.
            Err(error) => tracing::warn!(%run, %error, "failed to ask whether a run is cancelled"),
        }
    }
}

fn is_cancel_requested(repository: &Repository, run: &RunId) -> Result<bool, AppError> {
    let store = repository.store()?;
    Ok(store.run_seq(run)? > 0 && cancellation_of(&store.run_events(run)?).is_some())
}

/// Ends an interrupted run as cancelled, and with it the runs of its nested workflows and the
/// interrupted runs that commands of its calls have started. Returns false, and leaves the run as it
/// is, if a process has resumed it since `run` was read.
pub(crate) fn interrupted_end(
    repository: &Repository,
    by: &Actor,
    run: &RunRecord,
    reason: &str,
) -> Result<bool, AppError> {
    let request = RunEvent::CancelRequested {
        by: by.clone(),
        reason: Some(reason.to_owned()),
    };
    let now = repository.store()?.run_get(&run.id)?;
    if now.claim != run.claim || repository.run_status(&now)? != RunStatus::Interrupted {
        return Ok(false);
    }
    for child in children_unended(repository, run)? {
        cancel_one(repository, &child, &request)?;
    }
    command_runs_end(repository, by, &Lineage::root(run.id.clone()), CALL_CUT_OFF)?;
    cancel_one(repository, run, &request)?;
    let ended = repository.store()?.run_get(&run.id)?;
    Ok(ended.status.is_final())
}

/// Ends the runs of nested workflows of a run that was cancelled, or whose deadline has passed, and
/// that no process works on.
///
/// # Errors
/// The datastore cannot be read or written.
pub(crate) fn children_cancel(
    repository: &Repository,
    run: &RunRecord,
    by: &Actor,
    reason: Option<&str>,
) -> Result<(), AppError> {
    let request = RunEvent::CancelRequested {
        by: by.clone(),
        reason: reason.map(str::to_owned),
    };
    for child in children_unended(repository, run)? {
        cancel_one(repository, &child, &request)?;
    }
    Ok(())
}

/// Ends the runs of workflows that calls of a run have started and that were cut off, because the run
/// has ended: no call continues them any more. A run that waits for a decision is left: a user
/// continues it.
///
/// # Errors
/// The datastore cannot be read or written.
pub(crate) fn children_left_end(repository: &Repository, run: &RunId) -> Result<(), AppError> {
    for called in repository.store()?.runs_of_calls(run)? {
        if repository.run_status(&called.run)? == RunStatus::Interrupted {
            interrupted_end(repository, &Actor::sedge(), &called.run, CALL_CUT_OFF)?;
        }
    }
    Ok(())
}

/// Ends runs that commands of calls below `above` have started and that were cut off together with
/// their commands: nothing continues them any more. A run that waits for a decision is left, because its command has
/// ended, and a user continues the run.
///
/// # Errors
/// The datastore cannot be read or written.
pub(crate) fn command_runs_end(
    repository: &Repository,
    by: &Actor,
    above: &Lineage,
    reason: &str,
) -> Result<(), AppError> {
    let store = repository.store()?;
    for run in store.runs_of_commands(above)? {
        if repository.run_status(&run)? == RunStatus::Interrupted {
            interrupted_end(repository, by, &run, reason)?;
        }
    }
    Ok(())
}

/// Returns the runs of nested workflows that have not ended, the innermost ones first. Returns none
/// if a process works on the run: it cancels them.
fn children_unended(repository: &Repository, run: &RunRecord) -> Result<Vec<RunRecord>, AppError> {
    if repository.run_status(run)? == RunStatus::Running {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let mut pending = vec![run.id.clone()];
    while let Some(parent) = pending.pop() {
        for child in repository.store()?.run_children(&parent)? {
            pending.push(child.id.clone());
            if !child.status.is_final() {
                found.push(child);
            }
        }
    }
    found.reverse();
    Ok(found)
}

/// Writes to the log of one run that it is cancelled, and its end if no process works on it.
/// Returns the log.
fn cancel_one(
    repository: &Repository,
    run: &RunRecord,
    request: &RunEvent,
) -> Result<Vec<EventRecord>, AppError> {
    let store = repository.store()?;
    let now = repository.clock().now();
    let seq = store.run_seq(&run.id)?;
    let run = store.run_get(&run.id)?;
    let status = repository.run_status(&run)?;
    let plan = match run.kind {
        RunKind::Workflow => Some(Arc::new(Plan::new(&run_workflow(repository, &run)?))),
        RunKind::Method => None,
    };
    store.run_append(Author::Person(&run.id), 0, |log| {
        // The run may have ended since its status was read.
        let status = match &plan {
            Some(plan) => fold(&run.id, plan, log)?.ended().unwrap_or(status),
            None => status,
        };
        if let Some(error) = ended(&run, status, log) {
            return Err(error);
        }
        let is_requested = cancellation_of(log).is_some();
        // A process may have claimed the run since its status was read.
        let is_new = |record: &EventRecord| record.seq > seq;
        let resumed = |it: &EventRecord| is_new(it) && it.event == RunEvent::Resumed;
        let is_running = status == RunStatus::Running || log.iter().any(resumed);
        let mut events = Vec::new();
        match &plan {
            Some(plan) if !is_running => events = events_of_end(&run, plan, log, request, now)?,
            Some(_) | None => {
                events.extend((!is_requested).then(|| request.clone()));
                events.extend((!is_running).then(cancelled));
            }
        }
        Ok(events.into_iter().map(LogEntry::from).collect())
    })
}

/// Returns the events that end a run of a workflow that no process works on.
fn events_of_end(
    run: &RunRecord,
    plan: &Arc<Plan>,
    log: &[EventRecord],
    request: &RunEvent,
    now: Timestamp,
) -> Result<Vec<RunEvent>, AppError> {
    let mut state = fold(&run.id, plan, log)?;
    let mut events = Vec::new();
    let mut add = |state: &mut RunState, event: RunEvent| {
        apply(&run.id, state, &event)?;
        events.push(event);
        Ok::<_, AppError>(())
    };
    if !state.is_suspended() && !state.is_released() {
        // Its process is gone, so nothing of the run is running.
        add(&mut state, RunEvent::Released)?;
    }
    if !state.is_cancelling() {
        add(&mut state, request.clone())?;
    }
    while let Next::Append(event) = state.next(ms(now)) {
        // The steps of nested workflows wait for their runs, which this command ends.
        if event == RunEvent::Suspended {
            break;
        }
        add(&mut state, event)?;
    }
    if state.ended().is_none() {
        add(&mut state, cancelled())?;
    }
    Ok(events)
}

fn cancelled() -> RunEvent {
    RunEvent::Ended {
        status: RunStatus::Cancelled,
        error: None,
    }
}

/// Returns the error for a run that has ended: how and when.
fn ended(run: &RunRecord, status: RunStatus, log: &[EventRecord]) -> Option<AppError> {
    let at = run.ended_at.map(|at| format!(" at {}", time(at)));
    // ignored: no error is dropped, because this is an `Option`.
    let at = at.unwrap_or_default();
    let is = match status {
        RunStatus::Succeeded => format!("has succeeded{at}"),
        RunStatus::Failed => format!("has failed{at}"),
        RunStatus::Cancelled => match cancellation_of(log) {
            Some(CancellationView { by, .. }) => format!("was cancelled{at} by {by}"),
            None => format!("was cancelled{at}"),
        },
        RunStatus::Running | RunStatus::Suspended | RunStatus::Interrupted => return None,
    };
    Some(AppError::from(RunUseError::State {
        run: run.id.clone(),
        is,
    }))
}

#[cfg(test)]
mod tests {
    use sedge_model::run::RunOptions;
    use sedge_store::RunStart;

    use super::*;
    use crate::init::init;

    /// Otherwise the driver learns of it only when it next asks for news.
    #[test]
    fn cancellation_wakes_the_driver_of_this_process() {
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        init(folder.path()).expect("an empty folder");
        let repository = Repository::open(folder.path()).expect("a repository");
        let actor = Actor {
            name: "ada".to_owned(),
            uid: None,
        };
        let start = RunStart {
            id: "000000000000".parse().expect("an id"),
            kind: RunKind::Method,
            subject: "sink".to_owned(),
            method: Some("run".to_owned()),
            source: None,
            inputs: None,
            exclusive: false,
            session: String::new(),
            actor: actor.clone(),
            by_call: None,
            options: RunOptions::default(),
        };
        let store = repository.store().expect("a datastore");
        store.run_start(&start, &[]).expect("it can be created");
        let signal = repository.driver_signals().register(&start.id);
        assert!(!signal.take());
        let cx = Cx::new(Arc::clone(&repository), actor);
        run_cancel(&cx, start.id.as_str(), None).expect("it has not ended");
        assert!(signal.take());
    }
}
