//! Steps of type `workflow`: a child run with its own record. The driver of the parent drives it.
//!
//! The id of the child is in the log of the parent before the child exists. The calls of the child
//! lock below the step of the parent. If the child waits for a decision, so does the step; as soon
//! as the child can continue, it is driven again.

use std::sync::Arc;
use std::time::Duration;

use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode};
use sedge_model::names::RunId;
use sedge_model::run::{RunEvent, RunParent, RunStatus, StepError};
use sedge_runtime::BoxFuture;
use sedge_store::{RunRecord, StoreError};
use sedge_workflow::{Next, Plan, RunPause};

use super::child::{
    ChildFound, ReadyChild, child_check, child_create, child_fault, child_found,
    child_inputs_opened, child_options, child_request,
};
use super::step::{PreparedTask, StepStart};
use super::{Drive, DriveState};
use crate::error::{AppError, ProcessError, RunInterrupted};
use crate::events::Event;
use crate::repository::Repository;
use crate::run::cancel::{children_cancel, children_left_end};
use crate::run::stop::StopReason;
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
            ChildEnd::Ended(end) => self.attempt_ended(&start, &end).await,
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
        let PreparedTask::Workflow { workflow, inputs } = &start.prepared.task else {
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
        let options = child_options(&self.cx, &child, parent, own_ms)?;
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
        let request = child_request(&self.cx, &self.frame, start.call, ready).await?;
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
    /// passed. Otherwise, ends those that calls have started and that were cut off.
    pub(super) fn children_end(&self, pause: RunPause) -> Result<(), AppError> {
        let (by, reason) = {
            let state = self.state();
            let RunPause::Ended(_) = pause else {
                return Ok(());
            };
            match (&state.facts.cancelled, state.stop_reason()) {
                (Some((by, reason)), _) => (by.clone(), reason.clone()),
                (None, Some(_)) => {
                    let reason = "the deadline of the run that it is part of has passed";
                    (self.cx.locks.actor().clone(), Some(reason.to_owned()))
                }
                (None, None) => {
                    return children_left_end(
                        &self.cx.repository,
                        self.cx.run(),
                        self.cx.locks.actor(),
                    );
                }
            }
        };
        let record = self.cx.repository.store()?.run_get(self.cx.run())?;
        children_cancel(&self.cx.repository, &record, &by, reason.as_deref())
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
