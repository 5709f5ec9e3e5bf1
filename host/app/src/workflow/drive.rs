//! Drives a run of a workflow until it ends or waits at a gate; `run` and `resume` both use this,
//! and a step that runs a nested workflow.
//!
//! The crate `sedge-workflow` decides the next step from the log alone. This module writes each
//! decision to the log before it acts on it, and runs the steps.
//!
//! The tasks of the steps share the state of the run behind a lock. A task that has a new event applies
//! it, together with all that follows from it and needs no evaluation of results, and submits one
//! transaction: see `submit`. Only when it is durable, the steps that it starts begin. Transactions
//! that are submitted at the same time are committed together. If the datastore refuses one, because
//! another process has written to the log meanwhile, the state is folded again from the log.
//!
//! A step that could only wait is not started yet, however many are ready: see `hold`.

mod assert;
mod child;
mod condition;
mod direct;
mod ending;
mod evaluate;
mod expand;
mod facts;
mod failed;
mod gate;
mod gate_digest;
mod hold;
mod method;
mod nested;
mod reopen;
mod report;
mod retry;
mod settle;
mod step;
mod stored_task;
mod submit;
mod tasks;
mod wait;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_api::view::workflow::WorkflowEnd;
use sedge_lang::workflow::Workflow;
use sedge_model::run::{RunStatus, StepInstance, StepPath};
use sedge_runtime::BoxFuture;
use sedge_store::{CallRecord, CalledRun, EventRecord, WriteSequence};
use sedge_sys::clock::Moment;
use sedge_workflow::{IllegalEvent, Plan, RunPause, RunState, StepOrder, Todo};
use tokio::sync::Notify;

use crate::call::StartWindow;
use crate::call::frame::CallFrame;
use crate::error::{AppError, RunInterrupted, RunUseError};
use crate::run::cx::RunCx;
use crate::run::driver_signal::DriverSignal;
use crate::run::stop::StopReason;

use expand::StoredItems;
use facts::{DriveFacts, InHand};
use hold::HeldFor;
use nested::SuspendedChild;
use reopen::StepAbove;
use tasks::DriveTasks;

pub(crate) use child::{
    CheckedChild, ChildFound, GivenToChild, ReadyChild, SECRET_IN_INPUTS, child_check,
    child_create, child_fault, child_found, child_options, child_request, exclusive_of,
};
pub(crate) use nested::{DEPTH_MAX, can_continue};

/// A run to drive.
pub(crate) struct DriveRequest {
    pub(crate) cx: Arc<RunCx>,
    /// The frame of the run, which keeps its locks, if any.
    pub(crate) frame: Arc<CallFrame>,
    pub(crate) workflow: Workflow,
    /// The graph of `workflow`.
    pub(crate) plan: Arc<Plan>,
    /// The first events of the log of the run, as far as they were read already. They are not read
    /// again.
    pub(crate) log: Vec<EventRecord>,
    /// The number of runs that this one is nested in.
    pub(crate) depth: usize,
    /// The step that the run belongs to; `None` for any run but that of a nested workflow.
    pub(super) above: Option<StepAbove>,
}

/// The work of one driver on one run.
pub(super) struct Drive {
    cx: Arc<RunCx>,
    frame: Arc<CallFrame>,
    workflow: Workflow,
    /// The places of the steps in the workflow: the numbers of the job and of the step in it.
    places: HashMap<StepPath, (usize, usize)>,
    plan: Arc<Plan>,
    depth: usize,
    above: Option<StepAbove>,
    /// The digest of what a user decides on at the gates of the run.
    digest: tokio::sync::OnceCell<String>,
    /// The same without the workflows that the steps run.
    digest_own: tokio::sync::OnceCell<String>,
    state: Mutex<DriveState>,
    /// Notified when the loop of the driver may have something to do.
    changed: Arc<Notify>,
    /// The steps that have started and wait.
    window: Arc<StartWindow>,
    /// Set when another task of this process has written to the log of the run.
    signal: Arc<DriverSignal>,
    /// The steps that are running, the evaluations, and the outstanding transactions. Each is a task
    /// of its own, so that steps run on several cores.
    tasks: DriveTasks,
}

/// What the tasks of a driver share.
struct DriveState {
    run: RunState,
    facts: DriveFacts,
    /// The first events of the log, as far as they were read before the state is folded for the first
    /// time.
    read: Vec<EventRecord>,
    /// The number of the last event that was applied to `run`.
    known: u64,
    /// The number of the last event that is known to be durable.
    durable: u64,
    /// The transactions since the state was folded: each assumes that those before it succeed.
    sequence: WriteSequence,
    /// The number of submitted transactions that are not known to be durable yet.
    n_submitted: usize,
    /// Counts how often the state was folded again.
    n_folds: u64,
    /// What is being evaluated.
    in_hand: HashMap<InHand, Todo>,
    /// The values of steps with `forEach` that are beside their events, by the numbers of these.
    items_read: HashMap<u64, StoredItems>,
    /// The steps that are ready and held back, in the order in which they start.
    held: HashMap<HeldFor, BTreeSet<StepOrder>>,
    /// The calls of interrupted attempts, by their ordinals in the run.
    replays: HashMap<u32, Vec<CallRecord>>,
    /// The runs that calls of former drivers have started, by the ordinals of the calls in the run;
    /// `None` until they are needed.
    called_runs: Option<HashMap<u32, Vec<CalledRun>>>,
    /// The child runs that are suspended, by their steps.
    suspended: HashMap<StepInstance, SuspendedChild>,
    /// When the calls that are running began, by their ordinals in the run.
    since: HashMap<u32, Moment>,
    /// When the log was last compared with the datastore.
    polled: Moment,
    /// The error that ends the work on the run.
    failure: Option<AppError>,
}

/// Works on the run of `cx` until it ends or waits.
///
/// # Errors
/// Returns an error if the workflow failed or was cancelled. It also returns one if the datastore
/// failed; the run is then released, and can be resumed.
pub(crate) async fn workflow_drive(request: DriveRequest) -> Result<WorkflowEnd, AppError> {
    let drive = Drive::new(request);
    let pause = drive.run().await?;
    match pause {
        RunPause::Suspended => drive.suspended_end(),
        RunPause::Ended(RunStatus::Succeeded) => drive.succeeded_end(),
        RunPause::Ended(
            RunStatus::Failed
            | RunStatus::Cancelled
            | RunStatus::Running
            | RunStatus::Suspended
            | RunStatus::Interrupted,
        )
        | RunPause::Working { .. } => Err(drive.workflow_failed()),
    }
}

/// Works on a child run that a call has started, until it ends or waits.
///
/// # Errors
/// Returns an error if the datastore failed, or if a call above the run is being rolled back; the
/// run is then released.
pub(crate) fn child_drive(request: DriveRequest) -> BoxFuture<Result<RunPause, AppError>> {
    Drive::new(request).run_boxed()
}

impl Drive {
    fn new(request: DriveRequest) -> Arc<Self> {
        let DriveRequest {
            cx,
            frame,
            workflow,
            plan,
            log,
            depth,
            above,
        } = request;
        let state = DriveState {
            run: RunState::new(Arc::clone(&plan)),
            facts: DriveFacts::default(),
            read: log,
            known: 0,
            durable: 0,
            sequence: WriteSequence::default(),
            n_submitted: 0,
            n_folds: 0,
            in_hand: HashMap::new(),
            items_read: HashMap::new(),
            held: HashMap::new(),
            replays: HashMap::new(),
            called_runs: None,
            suspended: HashMap::new(),
            since: HashMap::new(),
            polled: Moment::now(),
            failure: None,
        };
        let signal = cx.repository.driver_signals().register(cx.run());
        let changed = Arc::new(Notify::new());
        Arc::new(Self {
            cx,
            frame,
            places: places(&workflow),
            workflow,
            plan,
            depth,
            above,
            digest: tokio::sync::OnceCell::new(),
            digest_own: tokio::sync::OnceCell::new(),
            state: Mutex::new(state),
            window: StartWindow::new(Arc::clone(&changed)),
            changed,
            signal,
            tasks: DriveTasks::default(),
        })
    }

    /// Works on the run until it ends or waits. If the work ends otherwise, the run is released.
    async fn run(self: &Arc<Self>) -> Result<RunPause, AppError> {
        let mut claim = HeldClaim {
            drive: Arc::clone(self),
            is_settled: false,
        };
        let ended = match self.work().await {
            Ok(pause) => self.children_end(pause).map(|()| pause),
            Err(error) => Err(error),
        };
        if ended.is_err() {
            // Other steps may still be running. They are interrupted, and record it.
            self.cx.stop.stop(StopReason::Interrupted);
        }
        // The last events are reported before the run ends for the front end.
        self.tasks.ended().await;
        self.frame.callees_ended().await;
        claim.is_settled = true;
        ended.map_err(|error| {
            self.release();
            let (workflow, run) = (&self.workflow.name, self.cx.run());
            RunInterrupted::wrap(workflow, run, error, self.stopped_report())
        })
    }

    async fn work(self: &Arc<Self>) -> Result<RunPause, AppError> {
        self.fold_again(&mut self.state())?;
        self.gates_reopen().await?;
        self.settle_interrupted().await?;
        loop {
            self.tasks.reap();
            self.failure_check()?;
            self.append(Vec::new()).await?;
            let pause = self.pause()?;
            if let Some(pause @ (RunPause::Suspended | RunPause::Ended(_))) = pause {
                return Ok(pause);
            }
            self.running_stop_if_asked();
            if self.cx.stop.is_interrupted() {
                return self.interrupted_end().await;
            }
            match pause {
                Some(RunPause::Working { until_ms }) => self.wait(until_ms).await?,
                Some(RunPause::Suspended | RunPause::Ended(_)) | None => self.wait(None).await?,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, DriveState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a task that ends with the drive. An error of the host ends the work on the run.
    fn spawn(self: &Arc<Self>, work: impl Future<Output = Result<(), AppError>> + Send + 'static) {
        let drive = Arc::clone(self);
        // A task that takes a future by value reserves its size twice.
        let work = Box::pin(work);
        self.tasks.spawn(async move {
            if let Err(error) = work.await {
                drive.fail(error);
            }
        });
    }

    /// Ends the work on the run with an error. Only the first error counts.
    fn fail(&self, error: AppError) {
        self.state().failure.get_or_insert(error);
        self.changed.notify_one();
    }

    fn failure_check(&self) -> Result<(), AppError> {
        match self.state().failure.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Returns the time by the clock of the datastore, in milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> i64 {
        i64::try_from(self.cx.clock().now().0).unwrap_or(i64::MAX)
    }

    fn log_error(&self, source: IllegalEvent) -> AppError {
        AppError::from(RunUseError::Log {
            run: self.cx.run().clone(),
            source,
        })
    }

    /// Releases the run, so that it is interrupted at once.
    fn release(&self) {
        let released = self.cx.repository.store();
        let released = released.and_then(|it| Ok(it.run_release(&self.cx.claim)?));
        if let Err(error) = released {
            tracing::warn!(run = %self.cx.run(), %error, "failed to release a run");
        }
    }
}

fn places(workflow: &Workflow) -> HashMap<StepPath, (usize, usize)> {
    let jobs = workflow.jobs.iter().enumerate();
    let steps = jobs.flat_map(|(job, found)| {
        let steps = found.steps.iter().enumerate();
        steps.map(move |(at, step)| (step.path.clone(), (job, at)))
    });
    steps.collect()
}

/// The claim of a driver. If its future is dropped, a task releases the run as soon as its calls
/// have stopped.
struct HeldClaim {
    drive: Arc<Drive>,
    is_settled: bool,
}

impl Drop for HeldClaim {
    fn drop(&mut self) {
        // The tasks refer to the drive, so they have to be removed in any case.
        let mut tasks = self.drive.tasks.close();
        if self.is_settled {
            return;
        }
        let drive = Arc::clone(&self.drive);
        let background = self.drive.cx.repository.background().clone();
        // ignored: without a runtime the process ends, and the run is then interrupted.
        let _ = background.spawn(async move {
            while tasks.join_next().await.is_some() {}
            drive.frame.callees_ended().await;
            drive.release();
        });
    }
}
