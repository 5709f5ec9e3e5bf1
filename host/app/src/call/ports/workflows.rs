//! Runs workflows for a call, or answers from the record of earlier attempts.
//!
//! The record of a run names its place among what the call has called, and is durable before anything
//! of the run begins. So another attempt at the call finds it there, and creates no second run.

use std::collections::BTreeSet;
use std::sync::Arc;

use sedge_api::problem::Explain;
use sedge_model::call::LimitName;
use sedge_model::digest::Digest;
use sedge_model::names::{EnvName, RunId};
use sedge_model::run::RunParent;
use sedge_model::violation::Violation;
use sedge_runtime::{
    EndedByHost, GuestRun, GuestRunEnded, GuestRunError, GuestRunRequest, HostError, RequestFault,
    RolledBack, WorkflowsPort,
};
use sedge_store::RunRecord;
use serde_json::{Map, Value};

use super::CallPorts;
use crate::call::fault::carried;
use crate::call::frame::RollbackPending;
use crate::call::replay::{CallReplay, NestedRunRequest, RecalledRun};
use crate::call::runs::{CallRuns, RunWorked};
use crate::call::{Caller, retry_differs};
use crate::error::{AppError, RunUseError};
use crate::events::Event;
use crate::run::called::run_ended;
use crate::run::cx::{CallAbove, RunCx};
use crate::secret::argument::has_mark;
use crate::workflow::approvals::inputs_shown;
use crate::workflow::drive::{
    CheckedChild, ChildFound, DEPTH_MAX, GivenToChild, ReadyChild, SECRET_IN_INPUTS, child_check,
    child_create, child_drive, child_fault, child_found, child_options, child_request,
    exclusive_of,
};
use crate::workflow::gates::run_workflow;
use crate::workflow::inputs::RunInputsError;

impl WorkflowsPort for CallPorts {
    fn run(&self, request: GuestRunRequest) -> GuestRunEnded<GuestRun> {
        let starting = self.starting(request);
        Box::pin(async move {
            let starting = starting?;
            let begun = starting.begin(Purpose::Wait).await?;
            starting.ended(begun).await
        })
    }

    fn start(&self, request: GuestRunRequest) -> GuestRunEnded<RunId> {
        let starting = self.starting(request);
        Box::pin(async move {
            let begun = starting?.begin(Purpose::GoOn).await?;
            Ok(begun.run)
        })
    }
}

impl CallPorts {
    /// Returns the run that a guest requests, unless it may not run workflows or the inputs contain a
    /// secret.
    fn starting(&self, request: GuestRunRequest) -> Result<StartingRun, StartFault> {
        if let Some(kind) = self.cx.locks.looking_kind() {
            let reason = format!(
                "the workflow `{}` may not run: a method of kind `{}` started the command that \
                 this call is part of",
                request.workflow.escape_debug(),
                kind.as_str()
            );
            return Err(RequestFault::Guest(GuestRunError::Denied(reason)));
        }
        let redactor = self.redactor();
        if redactor.passed(&request.inputs) != request.inputs || has_mark(&request.inputs) {
            let refused = GuestRunError::Refused(SECRET_IN_INPUTS.to_owned());
            return Err(RequestFault::Guest(refused));
        }
        let sensitive = redactor.sensitive_places(&request.inputs);
        let inputs = match request.inputs {
            Value::Object(inputs) => inputs,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => unreachable!("the runtime has checked the inputs"),
        };
        Ok(StartingRun {
            cx: Arc::clone(&self.cx),
            caller: Arc::clone(&self.caller),
            replay: Arc::clone(&self.replay),
            runs: Arc::clone(&self.runs),
            ordinal: request.ordinal,
            workflow: request.workflow,
            inputs,
            sensitive,
            environment: self.writes.origin.environment.clone(),
        })
    }
}

type StartFault = RequestFault<GuestRunError>;

/// What the guest does while the run is in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// It waits.
    Wait,
    /// It goes on.
    GoOn,
}

/// The run of a workflow that a guest requests.
struct StartingRun {
    cx: Arc<RunCx>,
    caller: Arc<Caller>,
    replay: Arc<CallReplay>,
    runs: Arc<CallRuns>,
    /// The place among what the call has called.
    ordinal: u32,
    /// The workflow as the guest wrote it.
    workflow: String,
    inputs: Map<String, Value>,
    /// The places of the inputs that contain a sensitive input of the run of the call.
    sensitive: Vec<String>,
    /// The variables of the environment that expressions have read for the call.
    environment: BTreeSet<EnvName>,
}

/// A run that exists.
struct BegunRun {
    run: RunId,
    /// Resolves when the work on it has ended; `None` if there is nothing to work on.
    worked: Option<RunWorked>,
}

impl StartingRun {
    /// Creates the run and works on it, unless an earlier attempt has created it.
    async fn begin(&self, purpose: Purpose) -> Result<BegunRun, StartFault> {
        if let Some(stopped) = self.stopped() {
            return Err(stopped);
        }
        match self.recall() {
            RecalledRun::Known(run) => return self.known(&run.id).await,
            RecalledRun::Differs(difference) => {
                let error = retry_differs(&self.caller.frame, difference);
                return Err(RequestFault::Host(HostError::new(EndedByHost(error))));
            }
            RecalledRun::Diverged => {
                let (call, workflow) = (self.caller.frame.lineage(), &self.workflow);
                tracing::warn!(%call, %workflow, "the replay diverged, continuing live");
            }
            RecalledRun::Nothing => {}
        }
        self.limits_check(purpose)?;
        let given = GivenToChild {
            inputs: self.inputs.clone(),
            sensitive: self.sensitive.clone(),
        };
        let checked = child_check(&self.cx, &self.workflow, given).await;
        let child = checked.map_err(start_fault)?;
        let exclusive = exclusive_of(&self.cx.repository, &child.workflow);
        if let Some(name) = exclusive.map_err(start_fault)? {
            return Err(refused(format!(
                "the workflow `{name}` needs the whole datastore for itself (`exclusive: true`), and the \
                 call that would run it uses the datastore",
            )));
        }
        let most = self.caller.identity.limits.calls_per_run;
        if !self.cx.call_counted(most) {
            return Err(limit(LimitName::CallsPerRun, most.into()));
        }
        let ready = self.create(child).map_err(carried_fault)?;
        self.drive(ready?).await.map_err(carried_fault)
    }

    /// Returns what the record says about this place.
    fn recall(&self) -> RecalledRun {
        let digest = |record: &RunRecord| match run_workflow(&self.cx.repository, record) {
            Ok(workflow) => request_digest(
                &self.workflow,
                &inputs_shown(&workflow, self.inputs.clone()),
            ),
            // A run whose own text cannot be read is not the same as any.
            Err(error) => {
                tracing::warn!(run = %record.id, %error, "failed to compare a run with its request");
                Digest::of(&[])
            }
        };
        let requested = NestedRunRequest {
            workflow: &self.workflow,
            digest: &digest,
        };
        self.replay.recall_run(self.ordinal, &requested)
    }

    /// Returns the error that ends the guest if the run of its call stops.
    fn stopped(&self) -> Option<StartFault> {
        let reason = self.cx.stop.reason()?;
        let error = reason.error(self.caller.identity.begin.elapsed());
        Some(RequestFault::Host(HostError::new(EndedByHost(error))))
    }

    fn limits_check(&self, purpose: Purpose) -> Result<(), StartFault> {
        let limits = &self.caller.identity.limits;
        if self.caller.frame.n_runs() > DEPTH_MAX {
            return Err(refused(format!(
                "the workflow `{}` is not run: runs of workflows are nested more than {DEPTH_MAX} \
                 deep, those that methods run included",
                self.workflow.escape_debug()
            )));
        }
        let is_full = self.runs.n_running() >= limits.parallel_calls as usize;
        if purpose == Purpose::GoOn && is_full {
            let value = limits.parallel_calls.into();
            return Err(limit(LimitName::ParallelCalls, value));
        }
        Ok(())
    }

    /// Creates the record of the run, which names its place.
    fn create(&self, child: CheckedChild) -> Result<Result<ReadyChild, StartFault>, AppError> {
        let frame = &self.caller.frame;
        if let Err(RollbackPending) = frame.run_starts() {
            return Ok(Err(RequestFault::Host(HostError::new(RolledBack))));
        }
        let shown = inputs_shown(&child.workflow, self.inputs.clone());
        let parent = RunParent::Call {
            place: frame.lineage().child(self.ordinal),
            request: request_digest(&self.workflow, &shown),
        };
        let options = child_options(&self.cx, &child, &self.environment, parent, None)?;
        let id = RunId::from_bits(sedge_sys::random::bits());
        child_create(&self.cx, id, child, options).map(Ok)
    }

    /// Answers with a run that an earlier attempt has created, and works on it if it can continue.
    async fn known(&self, run: &RunId) -> Result<BegunRun, StartFault> {
        if let Err(RollbackPending) = self.caller.frame.run_starts() {
            return Err(RequestFault::Host(HostError::new(RolledBack)));
        }
        let found = || {
            let record = self.cx.repository.store()?.run_get(run)?;
            child_found(&self.cx, &record)
        };
        match found().map_err(carried_fault)? {
            ChildFound::Ready(ready) => self.drive(*ready).await.map_err(carried_fault),
            ChildFound::Ended(_) | ChildFound::Suspended { .. } => Ok(BegunRun {
                run: run.clone(),
                worked: None,
            }),
        }
    }

    async fn drive(&self, ready: ReadyChild) -> Result<BegunRun, AppError> {
        let run = ready.claim.run.clone();
        self.cx.event(Event::CalledRunStarted {
            call: self.caller.frame.lineage().clone(),
            step: self.caller.identity.step.clone(),
            child: run.clone(),
            workflow: ready.workflow.name.clone(),
        });
        let Caller {
            frame,
            staging,
            identity,
            ..
        } = &*self.caller;
        let above = CallAbove {
            staging: Arc::clone(staging),
            deadline: identity.deadline,
        };
        let request = child_request(&self.cx, frame, self.ordinal, ready, Some(above)).await?;
        let worked = self.runs.drive(run.clone(), child_drive(request));
        Ok(BegunRun {
            run,
            worked: Some(worked),
        })
    }

    /// Waits for the run, and returns where it stands.
    async fn ended(&self, begun: BegunRun) -> Result<GuestRun, StartFault> {
        if let Some(worked) = begun.worked {
            match worked.await {
                Ok(Ok(())) => {}
                // The error ends the call in any case.
                Ok(Err(_)) if self.caller.frame.is_in_rollback() => {
                    return Err(RequestFault::Host(HostError::new(RolledBack)));
                }
                Ok(Err(error)) => {
                    return Err(self.stopped().unwrap_or_else(|| carried_fault(error)));
                }
                // The task is aborted only together with this future.
                Err(_) => return Err(RequestFault::Host(HostError::new(RolledBack))),
            }
        }
        run_ended(&self.cx.repository, &begun.run).map_err(carried_fault)
    }
}

/// Returns the digest by which another attempt at the call recognizes its request. `shown` are the
/// inputs without the sensitive ones, of which the record keeps no trace.
fn request_digest(workflow: &str, shown: &Map<String, Value>) -> Digest {
    let request = Value::Array(vec![Value::from(workflow), Value::Object(shown.clone())]);
    Digest::of(request.to_string().as_bytes())
}

fn refused(reason: String) -> StartFault {
    RequestFault::Guest(GuestRunError::Refused(reason))
}

fn limit(name: LimitName, value: u64) -> StartFault {
    RequestFault::Guest(GuestRunError::Limit { name, value })
}

fn carried_fault(error: AppError) -> StartFault {
    RequestFault::Host(carried(error))
}

/// Returns why a run cannot begin, for the guest; an error of the host ends the call.
fn start_fault(error: AppError) -> StartFault {
    let violation = |message: String| Violation {
        path: String::new(),
        message,
    };
    if let AppError::Run(RunUseError::WorkflowMissing { name, .. }) = error {
        return RequestFault::Guest(GuestRunError::NotFound(name));
    }
    if let AppError::Run(RunUseError::Inputs(RunInputsError::Invalid { violations, .. })) = error {
        return RequestFault::Guest(GuestRunError::InvalidInput(violations));
    }
    if let AppError::Run(RunUseError::Inputs(RunInputsError::Undeclared { .. })) = error {
        let undeclared = vec![violation(error.message())];
        return RequestFault::Guest(GuestRunError::InvalidInput(undeclared));
    }
    match child_fault(&error) {
        Some(reason) => refused(reason),
        None => carried_fault(error),
    }
}
