//! Follows a run that any process works on until it ends or waits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sedge_api::view::run::{RunWatched, StepStatusView, StepView};
use sedge_api::view::workflow::FailedStepView;
use sedge_model::names::RunId;
use sedge_model::run::{RunEvent, RunStatus, StepAttempt, StepInstance};
use sedge_store::EventRecord;
use sedge_sys::clock::{Timestamp, pause};

use crate::error::AppError;
use crate::events::{Event, Events};
use crate::repository::Repository;
use crate::run::failed::failed_below;
use crate::run::follow::{FOLLOW_INTERVAL, RunFollower};
use crate::run::show::run_show;
use crate::workflow::gate_find::gates_open_below;

/// Reports the events of a run, those that happened before as well, until it has ended, waits for a
/// decision, or was interrupted. Without an id, follows the newest run.
///
/// Nothing is written: a reader never changes a run.
///
/// # Errors
/// Returns an error if there is no such run, or if the datastore cannot be read.
pub async fn run_watch(
    repository: &Arc<Repository>,
    id: Option<&str>,
    events: Arc<dyn Events>,
) -> Result<RunWatched, AppError> {
    let run = repository.run_by_id_or_newest(id)?.id;
    let mut follower = RunFollower::new(run.clone());
    let mut reporter = LogReporter::default();
    loop {
        // The status is read first: what happens after that is read, too.
        let record = repository.store()?.run_get(&run)?;
        let status = repository.run_status(&record)?;
        follower.read(repository, |run, record| {
            if let Some(event) = reporter.event(repository, run, &record) {
                events.event(event);
            }
        })?;
        match status {
            RunStatus::Running => pause(FOLLOW_INTERVAL).await,
            RunStatus::Suspended
            | RunStatus::Succeeded
            | RunStatus::Failed
            | RunStatus::Cancelled
            | RunStatus::Interrupted => break,
        }
    }
    let report = run_show(repository, Some(run.as_str()))?;
    let record = repository.store()?.run_get(&run)?;
    let failed_steps = match record.status.is_final() {
        true => report.steps.iter().filter_map(failed_step).collect(),
        false => failed_below(repository, &record)?,
    };
    Ok(RunWatched {
        gates: gates_open_below(repository, &record)?,
        failed_steps,
        run: report.run,
    })
}

fn failed_step(step: &StepView) -> Option<FailedStepView> {
    match step.status {
        StepStatusView::Failed | StepStatusView::Rejected => Some(FailedStepView {
            step: step.step.clone(),
            error: step.error.clone(),
            is_allowed: step.is_allowed,
        }),
        StepStatusView::Pending
        | StepStatusView::Running
        | StepStatusView::Retrying
        | StepStatusView::Suspended
        | StepStatusView::Interrupted
        | StepStatusView::Succeeded
        | StepStatusView::Satisfied
        | StepStatusView::Skipped
        | StepStatusView::Waiting
        | StepStatusView::Approved
        | StepStatusView::Expired => None,
    }
}

/// Turns the log of runs into the events that a driver reports.
#[derive(Debug, Default)]
struct LogReporter {
    /// When the attempts that are under way started.
    started: HashMap<(RunId, StepInstance), Timestamp>,
    /// The step that each run of a nested workflow is part of.
    parents: HashMap<RunId, (RunId, StepAttempt)>,
}

impl LogReporter {
    /// Returns the event to report for an event of the log of `run`; `None` if it is not shown.
    #[expect(
        clippy::too_many_lines,
        reason = "it is one table, of which a half would say less"
    )]
    fn event(
        &mut self,
        repository: &Repository,
        run: &RunId,
        record: &EventRecord,
    ) -> Option<Event> {
        let run = run.clone();
        Some(match record.event.clone() {
            RunEvent::Started => match self.child_started(repository, &run) {
                Some(child) => child,
                None => Event::RunStarted { run },
            },
            RunEvent::Resumed => match self.child_started(repository, &run) {
                Some(child) => child,
                None => Event::RunResumed { run },
            },
            RunEvent::CancelRequested { by, reason } => Event::RunCancelling { run, by, reason },
            RunEvent::DeadlinePassed => Event::RunDeadlinePassed { run },
            RunEvent::JobGuarded {
                job,
                is_satisfied: Ok(true),
            } => Event::JobSatisfied { run, job },
            RunEvent::Expanded { step, items } => Event::StepExpanded {
                run,
                step,
                n_instances: items.len(),
            },
            RunEvent::StepStarted { step, child, .. } => {
                let key = (run.clone(), step.step.clone());
                self.started.insert(key, record.at);
                if let Some(child) = child {
                    self.parents.insert(child, (run.clone(), step.clone()));
                }
                Event::StepStarted { run, step }
            }
            RunEvent::StepRetried {
                step,
                error,
                next_at_ms,
                ..
            } => Event::StepRetried {
                run,
                step,
                error: error.to_string(),
                next_at_ms,
            },
            RunEvent::StepSucceeded { step, .. } => self.ended(run, step, record.at, (true, false)),
            RunEvent::StepFailed {
                step, is_allowed, ..
            } => self.ended(run, step, record.at, (false, is_allowed)),
            RunEvent::Guarded {
                step,
                is_satisfied: true,
            } => Event::StepSatisfied { run, step },
            RunEvent::StepSkipped { step, because } => Event::StepSkipped { run, step, because },
            RunEvent::GateOpened {
                gate,
                shown,
                deadline,
            } => Event::GateOpened {
                run,
                gate,
                prompt: shown.prompt,
                deadline,
            },
            RunEvent::GateDecided {
                gate, decision, by, ..
            } => Event::GateDecided {
                run,
                gate,
                decision,
                by,
            },
            RunEvent::GateExpired { gate, then } => Event::GateExpired { run, gate, then },
            RunEvent::Released
            | RunEvent::Reset { .. }
            | RunEvent::EditsTaken
            | RunEvent::JobGuarded { .. }
            | RunEvent::Guarded { .. }
            | RunEvent::EvaluationCalled { .. }
            | RunEvent::ChildSuspended { .. }
            | RunEvent::Suspended
            | RunEvent::Ended { .. } => return None,
        })
    }

    /// Returns the event for the begin of the run of a nested workflow; `None` for any other run.
    fn child_started(&self, repository: &Repository, run: &RunId) -> Option<Event> {
        let (parent, step) = self.parents.get(run)?;
        // ignored: without the name of its workflow, it is shown as a run of its own.
        let record = repository.store().ok()?.run_get(run).ok()?;
        Some(Event::ChildStarted {
            run: parent.clone(),
            step: step.clone(),
            child: run.clone(),
            // ignored: the same as above.
            workflow: record.subject.parse().ok()?,
        })
    }

    fn ended(
        &mut self,
        run: RunId,
        step: StepAttempt,
        at: Timestamp,
        (succeeded, is_allowed): (bool, bool),
    ) -> Event {
        let started = self.started.remove(&(run.clone(), step.step.clone()));
        // An assert has no start, and takes no time that counts.
        let ms = started.map_or(0, |started| at.0.saturating_sub(started.0));
        Event::StepEnded {
            run,
            step,
            elapsed: Duration::from_millis(ms),
            succeeded,
            is_allowed,
        }
    }
}
