//! Steps of type `workflow`: a child run with its own record. The driver of the parent drives it.
//!
//! The id of the child is in the log of the parent before the child exists. The calls of the child
//! lock below the step of the parent. If the child waits for a decision, so does the step; as soon
//! as the child can continue, it is driven again.

use std::sync::Arc;
use std::time::Duration;

use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode};
use sedge_model::names::RunId;
use sedge_model::run::{Actor, RunEvent, RunParent, RunStatus, StepError};
use sedge_runtime::BoxFuture;
use sedge_store::{RunRecord, StoreError};
use sedge_workflow::{Next, Plan, RunPause};

use super::child::{
    ChildFound, ReadyChild, child_check, child_create, child_fault, child_found,
    child_inputs_opened, child_options, child_request,
};
use super::reopen::StepAbove;
use super::step::{PreparedTask, StepStart};
use super::{Drive, DriveRequest, DriveState};
use crate::call::contention_of;
use crate::error::{AppError, LockUseError, ProcessError, RunInterrupted};
use crate::events::Event;
use crate::repository::Repository;
use crate::run::cancel::{
    CALL_CANCELLED, CALL_CUT_OFF, children_cancel, children_left_end, command_runs_end,
    interrupted_end,
};
use crate::run::stop::StopReason;
use crate::workflow::gate_find::failed_by_rejection;
use crate::workflow::gates::{fold, run_workflow};

/// The maximum number of runs that a run is nested in.
///
/// Authors of workflows choose what their steps run. Cycles are found before the run unless the
/// name of a workflow has expressions; then this ends them.
pub(crate) const DEPTH_MAX: usize = 16;

/// A child run that waits for a decision.
#[derive(Debug, Clone)]
pub(super) struct SuspendedChild {
    run: RunId,
    /// The number of its last event.
    seq: u64,
}

/// What to do with a child run.
enum ChildRun {
    /// It can be driven.
    Ready(Box<ReadyChild>),
    /// It has ended, or it waits for a decision, or it cannot begin.
    Is(ChildEnd),
}

/// How a child run stands when the work on it has ended.
enum ChildEnd {
    Ended(Result<(), StepError>),
    Suspended {
        /// The number of its last event.
        seq: u64,
    },
}

impl Drive {
    /// Runs the nested workflow of a step until it ends or waits.
    pub(super) async fn nested_run(self: &Arc<Self>, start: StepStart) -> Result<(), AppError> {
        let Some(child) = start.child.clone() else {
            return Ok(());
        };
        if self.cx.stop.is_interrupted() {
            // The step stays begun, and the next driver runs it.
            return Ok(());
        }
        let ended = match self.child(&start, &child).await? {
            ChildRun::Ready(ready) => self.child_run(&start, *ready).await,
            ChildRun::Is(end) => Ok(end),
        };
        let end = match (ended, self.cx.stop.reason()) {
            // The step stays begun, and the next driver works on the child run.
            (Err(AppError::Process(ProcessError::Interrupted)), Some(StopReason::Interrupted)) => {
                return Ok(());
            }
            // The child run is ended together with this run: see `Drive::children_end`.
            (
                Err(AppError::Process(ProcessError::Interrupted)),
                Some(StopReason::Cancelled | StopReason::DeadlinePassed),
            ) => {
                let (run, status) = (child.clone(), RunStatus::Cancelled);
                ChildEnd::Ended(Err(StepError::Child { run, status }))
            }
            (ended, _) => ended?,
        };
        match end {
            ChildEnd::Ended(end) => self.nested_ended(&start, &end).await,
            ChildEnd::Suspended { seq } => {
                let step = start.prepared.step.step.clone();
                let suspended = SuspendedChild { run: child, seq };
                self.state().suspended.insert(step.clone(), suspended);
                let event = RunEvent::ChildSuspended { step };
                let holds = |state: &DriveState| {
                    state.is_running(&start.prepared.step, start.call) && !state.is_stopping()
                };
                let is_suspended = self.append_if(vec![event.into()], holds).await?;
                let reason = self.state().stop_reason();
                match reason {
                    // The child run is ended together with this run: see `Drive::children_end`.
                    Some(reason) if !is_suspended => {
                        let end = Err(StepError::Call(reason.error(Duration::ZERO)));
                        self.attempt_ended(&start, &end).await
                    }
                    Some(_) | None => Ok(()),
                }
            }
        }
    }

    /// Records the end of an attempt. If a gate of the nested workflow was rejected, no other attempt
    /// follows: it would ask again what a user has decided.
    async fn nested_ended(
        self: &Arc<Self>,
        start: &StepStart,
        end: &Result<(), StepError>,
    ) -> Result<(), AppError> {
        let step = &start.prepared.step;
        let has_retry = self.plan_step(&step.step).retry.is_some();
        match end {
            Err(error @ StepError::Child { run, .. })
                if has_retry && failed_by_rejection(&self.cx.repository, run)? =>
            {
                let event = self.failed_event(step, Some(start.call), error);
                let holds = |state: &DriveState| state.is_running(step, start.call);
                self.append_if(vec![event.into()], holds).await.map(drop)
            }
            Ok(()) | Err(_) => self.attempt_ended(start, end).await,
        }
    }

    /// Creates the child run, or claims it if it exists.
    async fn child(self: &Arc<Self>, start: &StepStart, id: &RunId) -> Result<ChildRun, AppError> {
        let store = self.cx.repository.store()?;
        match store.run_get(id) {
            Ok(record) => self.child_known(&record),
            Err(StoreError::RunMissing(_)) => {
                let created = self.child_new(start, id).await;
                match created {
                    Ok(ready) => Ok(ChildRun::Ready(Box::new(ready))),
                    Err(error) => {
                        let message = child_fault(&error).ok_or(error)?;
                        let failed = Err(StepError::Expression { message });
                        Ok(ChildRun::Is(ChildEnd::Ended(failed)))
                    }
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Claims a child run that a former driver has created.
    fn child_known(&self, record: &RunRecord) -> Result<ChildRun, AppError> {
        Ok(match child_found(&self.cx, record)? {
            ChildFound::Ready(ready) => ChildRun::Ready(ready),
            ChildFound::Suspended { seq } => ChildRun::Is(ChildEnd::Suspended { seq }),
            ChildFound::Ended(RunStatus::Succeeded) => ChildRun::Is(ChildEnd::Ended(Ok(()))),
            ChildFound::Ended(status) => {
                let run = record.id.clone();
                ChildRun::Is(ChildEnd::Ended(Err(StepError::Child { run, status })))
            }
        })
    }

    /// Checks the workflow and its inputs, and creates the child run.
    async fn child_new(
        self: &Arc<Self>,
        start: &StepStart,
        id: &RunId,
    ) -> Result<ReadyChild, AppError> {
        let PreparedTask::Workflow {
            workflow,
            inputs,
            environment,
        } = &start.prepared.task
        else {
            unreachable!("only such a step has a child run")
        };
        if self.depth + 1 > DEPTH_MAX {
            return Err(self.nested_fault(
                start,
                format!("workflows are nested more than {DEPTH_MAX} deep"),
            ));
        }
        let opened = child_inputs_opened(&self.cx, inputs);
        let opened = opened.map_err(|message| self.nested_fault(start, message.to_owned()))?;
        let child = child_check(&self.cx, workflow, opened).await?;
        let step = &start.prepared.step.step;
        let own_ms = self.plan_step(step).timeout_ms.map(|ms| {
            let ms = i64::try_from(ms).unwrap_or(i64::MAX);
            self.now_ms().saturating_add(ms)
        });
        let parent = RunParent::Step {
            run: self.cx.run().clone(),
            step: step.clone(),
        };
        let options = child_options(&self.cx, &child, environment, parent, own_ms)?;
        child_create(&self.cx, id.clone(), child, options)
    }

    fn nested_fault(&self, start: &StepStart, message: String) -> AppError {
        let step = self.written_step(&start.prepared.step.step);
        let span = step.name.span();
        let fault = Diagnostic::new(&self.workflow.file, span, message);
        fault.with_code(DiagnosticCode::Expression).into()
    }

    /// Drives a child run until it ends or waits. If the parent stops, the child run is interrupted:
    /// see [`RunStop::for_children`].
    ///
    /// [`RunStop::for_children`]: crate::run::stop::RunStop::for_children
    async fn child_run(
        self: &Arc<Self>,
        start: &StepStart,
        ready: ReadyChild,
    ) -> Result<ChildEnd, AppError> {
        let run = ready.claim.run.clone();
        let workflow = ready.workflow.name.clone();
        self.cx.event(Event::ChildStarted {
            run: self.cx.run().clone(),
            step: start.prepared.step.clone(),
            child: run.clone(),
            workflow: workflow.clone(),
        });
        let above = self.cx.call_above().cloned();
        let request = child_request(&self.cx, &self.frame, start.call, ready, above).await;
        let request = match request {
            Ok(request) => DriveRequest {
                above: Some(StepAbove {
                    drive: Arc::clone(self),
                    step: start.prepared.step.step.clone(),
                }),
                ..request
            },
            Err(error) => return self.child_not_locked(&run, error),
        };
        let child = Self::new(request);
        let pause = child.run_boxed().await;
        // The message of the parent says that its own run was interrupted, too.
        let pause = pause.map_err(|error| RunInterrupted::unwrap(&run, error))?;
        Ok(match pause {
            RunPause::Suspended => ChildEnd::Suspended {
                seq: child.state().known,
            },
            RunPause::Ended(RunStatus::Succeeded) => ChildEnd::Ended(Ok(())),
            RunPause::Ended(status) => ChildEnd::Ended(Err(StepError::Child { run, status })),
            RunPause::Working { .. } => unreachable!("a driver does not stop while it works"),
        })
    }

    /// Returns the failure of a step whose child run needs the whole datastore for itself and did not
    /// get it because of other calls. The child run is ended: another attempt at the step creates a
    /// new one.
    ///
    /// # Errors
    /// Returns the error if it is another one, or if the child run cannot be ended.
    fn child_not_locked(&self, child: &RunId, error: AppError) -> Result<ChildEnd, AppError> {
        let AppError::Lock(LockUseError::Refused(error)) = error else {
            return Err(error);
        };
        let error = contention_of(error).map_err(LockUseError::Refused)?;
        let repository = &self.cx.repository;
        let record = repository.store()?.run_get(child)?;
        let reason = "it did not get the datastore for itself";
        interrupted_end(repository, &Actor::sedge(), &record, reason)?;
        Ok(ChildEnd::Ended(Err(StepError::Call(error))))
    }

    /// Returns the work on a run as a future whose type does not contain itself.
    pub(super) fn run_boxed(self: &Arc<Self>) -> BoxFuture<Result<RunPause, AppError>> {
        let drive = Arc::clone(self);
        Box::pin(async move { drive.run().await })
    }

    /// Starts the steps again whose child runs can continue.
    pub(super) async fn children_check(self: &Arc<Self>) -> Result<(), AppError> {
        let suspended = self.state().suspended.clone();
        for (step, child) in suspended {
            let store = self.cx.repository.store()?;
            let seq = store.run_seq(&child.run)?;
            if seq == child.seq {
                continue;
            }
            let continues = can_continue(&self.cx.repository, &child.run, self.now_ms())?;
            let mut state = self.state();
            match continues {
                true => {
                    state.suspended.remove(&step);
                    state.run.wake(&step);
                    self.changed.notify_one();
                }
                false => {
                    let run = child.run.clone();
                    state.suspended.insert(step, SuspendedChild { run, seq });
                }
            }
        }
        Ok(())
    }

    /// Ends the child runs that wait for a decision, if this run was cancelled or its deadline has
    /// passed. Otherwise, ends those that calls have started and that were cut off. In both cases, ends
    /// the runs of commands that were cut off.
    pub(super) fn children_end(&self, pause: RunPause) -> Result<(), AppError> {
        let RunPause::Ended(_) = pause else {
            return Ok(());
        };
        let repository = &self.cx.repository;
        let (cancelled, reason) = {
            let state = self.state();
            (state.facts.cancelled.clone(), state.stop_reason())
        };
        let record =
            || -> Result<RunRecord, AppError> { Ok(repository.store()?.run_get(self.cx.run())?) };
        let (by, of_commands) = match (cancelled, reason) {
            (Some((by, reason)), _) => {
                children_cancel(repository, &record()?, &by, reason.as_deref())?;
                (by, CALL_CANCELLED)
            }
            (None, Some(_)) => {
                let reason = "the deadline of the run that it is part of has passed";
                children_cancel(repository, &record()?, &Actor::sedge(), Some(reason))?;
                (Actor::sedge(), CALL_CUT_OFF)
            }
            (None, None) => {
                children_left_end(repository, self.cx.run())?;
                (Actor::sedge(), CALL_CUT_OFF)
            }
        };
        if !self.cx.has_run_commands() {
            return Ok(());
        }
        command_runs_end(repository, &by, self.frame.lock_lineage(), of_commands)
    }
}

/// Returns whether a run that was suspended can continue: one of its gates, or of those of its own
/// child runs, was decided.
pub(crate) fn can_continue(
    repository: &Repository,
    run: &RunId,
    now_ms: i64,
) -> Result<bool, AppError> {
    let store = repository.store()?;
    let record = match store.run_get(run) {
        Ok(record) => record,
        Err(StoreError::RunMissing(_)) => return Ok(true),
        Err(error) => return Err(error.into()),
    };
    if record.status != RunStatus::Suspended {
        return Ok(true);
    }
    let workflow = run_workflow(repository, &record)?;
    let plan = Arc::new(Plan::new(&workflow));
    let state = fold(run, &plan, &store.run_events(run)?)?;
    if state.next(now_ms) != Next::Pause(RunPause::Suspended) {
        return Ok(true);
    }
    for (_, found) in state.instances() {
        if let Some(child) = found.child()
            && can_continue(repository, child, now_ms)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}
