//! Follows a run that any process works on until it ends or waits.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sedge_api::view::run::{RunWatched, StepStatusView, StepView};
use sedge_api::view::workflow::FailedStepView;
use sedge_lang::workflow::Workflow;
use sedge_model::names::RunId;
use sedge_model::run::{RunEvent, RunParent, RunStatus, StepAttempt, StepInstance, StepPath};
use sedge_store::EventRecord;
use sedge_sys::clock::{Moment, Timestamp, pause};

use crate::cx::Cx;
use crate::error::AppError;
use crate::events::Event;
use crate::repository::Repository;
use crate::run::failed::failed_below;
use crate::run::follow::{FOLLOW_INTERVAL, RunFollower};
use crate::run::gate_log::pause_before;
use crate::run::show::run_show;
use crate::run::watch_calls::WatchedCalls;
use crate::workflow::gate_find::gates_open_below;
use crate::workflow::gates::run_workflow;

/// A pause is at least this many times as long as the last look at the run took, so that watching a
/// run does not slow it down.
const PAUSE_FACTOR: u32 = 10;

/// The longest pause. The first look reads the whole log, which can take a while.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Reports the events of a run, those that happened before as well, until it has ended, waits for a
/// decision, or was interrupted. Without an id, follows the newest run.
///
/// Nothing is written: a reader never changes a run.
///
/// # Errors
/// Returns an error if there is no such run, or if the datastore cannot be read.
pub async fn run_watch(cx: &Cx, id: Option<&str>) -> Result<RunWatched, AppError> {
    let run = cx.repository.run_by_id_or_newest(id)?.id;
    let mut follower = RunFollower::new(run.clone());
    let mut reporter = LogReporter::new(run.clone());
    let mut calls = WatchedCalls::default();
    loop {
        let since = Moment::now();
        // The status is read first: what happens after that is read, too.
        let record = cx.repository.store()?.run_get(&run)?;
        let status = cx.repository.run_status(&record)?;
        let mut read = Vec::new();
        follower.read(&cx.repository, |run, record| {
            read.push((run.clone(), record));
        })?;
        for (run, record) in read {
            match call_of(&record.event) {
                Some(AttemptCall::Begun(step, call)) => calls.begun(&run, step, call),
                Some(AttemptCall::Ended(call)) => {
                    calls.ended(&cx.repository, &cx.events, (&run, call))?;
                }
                Some(AttemptCall::AllGone) => calls.forget(&run),
                None => {}
            }
            if let Some(event) = reporter.event(&cx.repository, &run, &record) {
                cx.events.event_at(event, record.at);
            }
        }
        calls.look(&cx.repository, &cx.events)?;
        match status {
            RunStatus::Running => {
                let rest = (since.elapsed() * PAUSE_FACTOR).min(PAUSE_MAX);
                pause(FOLLOW_INTERVAL.max(rest)).await;
            }
            RunStatus::Suspended
            | RunStatus::Succeeded
            | RunStatus::Failed
            | RunStatus::Cancelled
            | RunStatus::Interrupted => break,
        }
    }
    let report = run_show(cx, Some(run.as_str()))?;
    let record = cx.repository.store()?.run_get(&run)?;
    let failed_steps = match record.status.is_final() {
        true => report.steps.iter().filter_map(failed_step).collect(),
        false => failed_below(&cx.repository, &record)?,
    };
    Ok(RunWatched {
        gates: gates_open_below(&cx.repository, &record)?,
        failed_steps,
        run: report.run,
    })
}

/// The call of an attempt at a step.
enum AttemptCall<'e> {
    Begun(&'e StepInstance, u32),
    Ended(Option<u32>),
    /// The driver of the run is gone, and with it all attempts that were under way.
    AllGone,
}

fn call_of(event: &RunEvent) -> Option<AttemptCall<'_>> {
    match event {
        RunEvent::StepStarted { step, call, .. } => Some(AttemptCall::Begun(&step.step, *call)),
        RunEvent::StepSucceeded { call, .. }
        | RunEvent::StepFailed { call, .. }
        | RunEvent::StepRetried { call, .. } => Some(AttemptCall::Ended(*call)),
        RunEvent::Resumed | RunEvent::Released | RunEvent::Ended { .. } => {
            Some(AttemptCall::AllGone)
        }
        RunEvent::Started
        | RunEvent::Reset { .. }
        | RunEvent::EditsTaken
        | RunEvent::CancelRequested { .. }
        | RunEvent::DeadlinePassed
        | RunEvent::JobGuarded { .. }
        | RunEvent::Expanded { .. }
        | RunEvent::Guarded { .. }
        | RunEvent::EvaluationCalled { .. }
        | RunEvent::StepSkipped { .. }
        | RunEvent::ChildSuspended { .. }
        | RunEvent::GateOpened { .. }
        | RunEvent::GateDecided { .. }
        | RunEvent::GateExpired { .. }
        | RunEvent::GateReopened { .. }
        | RunEvent::Suspended => None,
    }
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
#[derive(Debug)]
struct LogReporter {
    /// The run that is watched.
    top: RunId,
    /// When the attempts that are under way started.
    started: HashMap<(RunId, StepInstance), Timestamp>,
    /// The steps of the attempts, by their runs and the numbers of their calls.
    steps: HashMap<(RunId, u32), StepInstance>,
    /// The step that each run of a nested workflow is part of, as the log names it.
    parents: HashMap<RunId, (RunId, StepAttempt)>,
    /// The steps of each run that may fail, as its file says.
    allowed: HashMap<RunId, HashSet<StepPath>>,
}

impl LogReporter {
    fn new(top: RunId) -> Self {
        Self {
            top,
            started: HashMap::new(),
            steps: HashMap::new(),
            parents: HashMap::new(),
            allowed: HashMap::new(),
        }
    }

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
            RunEvent::Expanded { step, items, .. } => Event::StepExpanded {
                run,
                step,
                n_instances: items.len(),
            },
            RunEvent::StepStarted { step, call, child } => {
                let key = (run.clone(), step.step.clone());
                self.started.insert(key, record.at);
                self.steps.insert((run.clone(), call), step.step.clone());
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
                pause: pause_before(next_at_ms, record.at),
            },
            RunEvent::StepSucceeded { step, .. } => self.ended(run, step, record.at, (true, false)),
            RunEvent::StepFailed {
                step, is_allowed, ..
            } => {
                let is_allowed = is_allowed || self.may_fail(repository, &run, &step.step.path);
                self.ended(run, step, record.at, (false, is_allowed))
            }
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
            RunEvent::GateReopened { gate, .. } => Event::GateReopened { run, gate },
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

    /// Returns the event for the begin of the run of a nested workflow, or of a run that a call has
    /// started; `None` for the run that is watched.
    fn child_started(&self, repository: &Repository, run: &RunId) -> Option<Event> {
        if *run == self.top {
            return None;
        }
        // ignored: without the name of its workflow, it is shown as a run of its own.
        let store = repository.store().ok()?;
        // ignored: the same as above.
        let record = store.run_get(run).ok()?;
        // ignored: the same as above.
        let workflow = record.subject.parse().ok()?;
        if let Some((parent, step)) = self.parents.get(run) {
            return Some(Event::ChildStarted {
                run: parent.clone(),
                step: step.clone(),
                child: run.clone(),
                workflow,
            });
        }
        // ignored: without its caller, it is shown as a run of its own.
        match store.run_options(run).ok()?.parent? {
            RunParent::Call { place, .. } => {
                let call = place.parent()?;
                let attempt = call.ordinals().first();
                let attempt = attempt.map(|ordinal| (call.run().clone(), *ordinal));
                let step = attempt.and_then(|attempt| self.steps.get(&attempt).cloned());
                Some(Event::CalledRunStarted {
                    call,
                    step,
                    child: run.clone(),
                    workflow,
                })
            }
            RunParent::Step { .. } => None,
        }
    }

    /// Returns whether a run may succeed although a step of it failed.
    fn may_fail(&mut self, repository: &Repository, run: &RunId, step: &StepPath) -> bool {
        let allowed = self.allowed.entry(run.clone()).or_insert_with(|| {
            let workflow = repository.store().and_then(|store| {
                let record = store.run_get(run)?;
                run_workflow(repository, &record)
            });
            // The failure itself is shown in any case.
            let steps = workflow.iter().flat_map(Workflow::steps);
            let allowed = steps.filter(|step| step.allow_failure);
            allowed.map(|step| step.path.clone()).collect()
        });
        allowed.contains(step)
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
