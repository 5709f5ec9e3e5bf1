//! Steps of type `workflow`: a child run with its own record. The driver of the parent drives it.
//!
//! The id of the child is in the log of the parent before the child exists. The calls of the child
//! lock below the step of the parent. If the child waits for a decision, so does the step; as soon
//! as the child can continue, it is driven again.

use std::sync::Arc;
use std::time::Duration;

use sedge_api::problem::Explain;
use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode};
use sedge_lang::input::GivenInputs;
use sedge_lang::workflow::Workflow;
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_model::run::{RunEvent, RunKind, RunOptions, RunStatus, StepError};
use sedge_runtime::BoxFuture;
use sedge_store::{Claim, RunRecord, RunStart, StoreError};
use sedge_sys::clock::Timestamp;
use sedge_workflow::{Next, Plan, RunPause, RunState};
use serde_json::{Map, Value};

use super::step::{PreparedTask, StepStart};
use super::{Drive, DriveRequest, DriveState};
use crate::call::frame::CallFrame;
use crate::error::{AppError, RunInterrupted};
use crate::events::Event;
use crate::repository::Repository;
use crate::run::cancel::children_cancel;
use crate::run::cx::{RunCx, RunParts};
use crate::secret::argument::has_mark;
use crate::secret::vault::Vault;
use crate::workflow::gates::{fold, run_workflow, source_kept};
use crate::workflow::inputs::{run_inputs, secrets_refuse};
use crate::workflow::run::{deadline_of, frame_lock, tags_of};
use crate::workflow::validate::{supported_check, workflow_check};

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

/// A child run that can be driven.
struct ReadyChild {
    workflow: Workflow,
    claim: Claim,
    inputs: Map<String, Value>,
    options: RunOptions,
    started_at: Timestamp,
    exclusive: bool,
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
        let end = match self.child(&start, &child).await? {
            ChildRun::Ready(ready) => self.child_run(&start, *ready).await?,
            ChildRun::Is(end) => end,
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
                        let end = Err(reason.error(Duration::ZERO));
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
        let repository = &self.cx.repository;
        let store = repository.store()?;
        let ended = match record.status {
            RunStatus::Succeeded => Some(Ok(())),
            RunStatus::Failed | RunStatus::Cancelled => Some(Err(StepError::Child {
                run: record.id.clone(),
                status: record.status,
            })),
            RunStatus::Running | RunStatus::Suspended | RunStatus::Interrupted => None,
        };
        if let Some(ended) = ended {
            return Ok(ChildRun::Is(ChildEnd::Ended(ended)));
        }
        let workflow = run_workflow(repository, record)?;
        let log = store.run_events(&record.id)?;
        let plan = Arc::new(Plan::new(&workflow));
        let state = fold(&record.id, &plan, &log)?;
        if state.next(self.now_ms()) == Next::Pause(RunPause::Suspended)
            && !self.has_child_to_wake(&state)?
        {
            let seq = log.last().map_or(0, |it| it.seq);
            return Ok(ChildRun::Is(ChildEnd::Suspended { seq }));
        }
        let session = repository.session()?.id().to_string();
        let claim = store.run_claim(record, &session, &[RunEvent::Resumed])?;
        Ok(ChildRun::Ready(Box::new(ReadyChild {
            workflow,
            claim,
            // ignored: no error is dropped, because this is an `Option`.
            inputs: store.run_inputs(&record.id)?.unwrap_or_default(),
            options: store.run_options(&record.id)?,
            started_at: record.started_at,
            exclusive: record.exclusive,
        })))
    }

    /// Returns whether one of the child runs of a run can continue.
    fn has_child_to_wake(&self, state: &RunState) -> Result<bool, AppError> {
        for (_, found) in state.instances() {
            if let Some(run) = found.child()
                && can_continue(&self.cx.repository, run, self.now_ms())?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Checks the workflow and its inputs, and creates the child run.
    async fn child_new(
        self: &Arc<Self>,
        start: &StepStart,
        id: &RunId,
    ) -> Result<ReadyChild, AppError> {
        let repository = &self.cx.repository;
        let PreparedTask::Workflow { workflow, inputs } = &start.prepared.task else {
            unreachable!("only such a step has a child run")
        };
        if self.depth + 1 > DEPTH_MAX {
            return Err(self.nested_fault(
                start,
                format!("workflows are nested more than {DEPTH_MAX} deep"),
            ));
        }
        if has_mark(inputs) {
            let message = "the inputs of a workflow are stored, so they cannot contain a secret; \
                           use `${{ secret(\"NAME\") }}` where the nested workflow needs it";
            return Err(self.nested_fault(start, message.to_owned()));
        }
        let workflow = repository.workflow(workflow)?;
        supported_check(&workflow)?;
        let given = GivenInputs {
            // ignored: no error is dropped; the inputs of a step are an object.
            item: inputs.as_object().cloned().unwrap_or_default(),
            over: Vec::new(),
        };
        let inputs = run_inputs(&workflow, &given)?;
        workflow_check(repository, &workflow, inputs.as_ref()).await?;
        if let Some(inputs) = &inputs {
            secrets_refuse(inputs, &self.cx.vault.redactors().strong)?;
        }
        let options = self.child_options(start, &workflow, inputs.as_ref())?;
        let record = RunStart {
            id: id.clone(),
            kind: RunKind::Workflow,
            subject: workflow.name.to_string(),
            method: None,
            source: Some(source_kept(&workflow, &self.cx.vault.redactors())),
            inputs: inputs.clone(),
            exclusive: workflow.exclusive,
            session: repository.session()?.id().to_string(),
            actor: self.cx.locks.actor(),
            options: options.clone(),
        };
        let claim = repository
            .store()?
            .run_start(&record, &[RunEvent::Started])?;
        Ok(ReadyChild {
            exclusive: workflow.exclusive,
            workflow,
            claim,
            // ignored: no error is dropped, because this is an `Option`.
            inputs: inputs.unwrap_or_default(),
            options,
            started_at: Timestamp::now(),
        })
    }

    /// Returns the options of a child run: it is under the deadline and the labels of its parent.
    fn child_options(
        &self,
        start: &StepStart,
        workflow: &Workflow,
        inputs: Option<&Map<String, Value>>,
    ) -> Result<RunOptions, AppError> {
        let step = &start.prepared.step.step;
        let now_ms = self.now_ms();
        let own_ms = self.plan_step(step).timeout_ms.map(|ms| {
            let ms = i64::try_from(ms).unwrap_or(i64::MAX);
            now_ms.saturating_add(ms)
        });
        let deadlines = [
            self.cx.options.deadline_ms,
            own_ms,
            deadline_of(workflow, now_ms),
        ];
        let source = self.cx.evaluator_source();
        let mut tags = tags_of(&source, workflow, inputs)?;
        tags.extend(self.cx.options.tags.clone());
        Ok(RunOptions {
            check_skips: self.cx.options.check_skips.clone(),
            fail_on: self.cx.options.fail_on,
            tags,
            parent: Some((self.cx.run().clone(), step.clone())),
            deadline_ms: deadlines.into_iter().flatten().min(),
        })
    }

    fn nested_fault(&self, start: &StepStart, message: String) -> AppError {
        let step = self.written_step(&start.prepared.step.step);
        let span = step.name.span();
        let fault = Diagnostic::new(&self.workflow.file, span, message);
        fault.with_code(DiagnosticCode::Expression).into()
    }

    /// Drives a child run until it ends or waits. If the parent is cancelled, so is the child.
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
        let child = self.child_drive(start.call, ready).await?;
        let mut driven = child.run_boxed();
        let ended = tokio::select! {
            biased;
            pause = &mut driven => Some(pause),
            _ = self.stopped() => None,
        };
        let pause = match ended {
            Some(pause) => pause,
            None => {
                child.cancel_with(self).await?;
                driven.await
            }
        };
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

    async fn child_drive(
        self: &Arc<Self>,
        call: u32,
        ready: ReadyChild,
    ) -> Result<Arc<Self>, AppError> {
        let parts = RunParts {
            repository: self.cx.repository.clone(),
            events: self.cx.events(),
            locks: Arc::clone(&self.cx.locks),
            vault: Vault::open(&self.cx.repository)?,
        };
        let run = ready.claim.run.clone();
        let frame: Arc<CallFrame> = self.frame.nested_run(call, Lineage::root(run));
        let cx = RunCx::new(parts, ready.claim, ready.options, ready.started_at);
        cx.inputs_set(ready.inputs);
        if ready.exclusive {
            frame_lock(&cx.locks, &frame, &ready.workflow.name).await?;
        }
        Ok(Self::new(DriveRequest {
            cx,
            frame,
            workflow: ready.workflow,
            depth: self.depth + 1,
        }))
    }

    /// Returns the work on a run as a future whose type does not contain itself.
    fn run_boxed(self: &Arc<Self>) -> BoxFuture<Result<RunPause, AppError>> {
        let drive = Arc::clone(self);
        Box::pin(async move { drive.run().await })
    }

    /// Cancels this run because its parent was cancelled. At a deadline, nothing is to be done: the
    /// deadline of a child is not later than that of its parent.
    async fn cancel_with(self: &Arc<Self>, parent: &Self) -> Result<(), AppError> {
        let cancelled = parent.state().facts.cancelled.clone();
        let Some((by, reason)) = cancelled else {
            return Ok(());
        };
        let event = RunEvent::CancelRequested { by, reason };
        let holds = |state: &DriveState| !state.is_stopping() && state.run.ended().is_none();
        self.append_if(vec![event.into()], holds).await.map(drop)
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
    /// passed.
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
                    (self.cx.locks.actor(), Some(reason.to_owned()))
                }
                (None, None) => return Ok(()),
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

/// Returns why a child run cannot begin, if the step fails because of it; `None` if the work on the
/// run ends.
fn child_fault(error: &AppError) -> Option<String> {
    match error {
        AppError::Repository(_)
        | AppError::Model(_)
        | AppError::Plugin(_)
        | AppError::Run(_)
        | AppError::Secret(_) => {
            let mut text = vec![error.message()];
            text.extend(error.causes());
            text.extend(error.diagnostics().iter().map(ToString::to_string));
            text.dedup();
            Some(text.join("\n"))
        }
        AppError::Path(_)
        | AppError::Failed(_)
        | AppError::Data(_)
        | AppError::Datastore(_)
        | AppError::Lock(_)
        | AppError::Upkeep(_)
        | AppError::Process(_) => None,
    }
}
