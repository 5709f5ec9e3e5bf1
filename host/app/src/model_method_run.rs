//! Runs a method of a model: from a terminal, from a workflow's step, or from another call.
//!
//! `call_run` is the life of one call, the same for all three: resolve, lock, run,
//! commit, unlock. [`model_method_run`] wraps it in a run of its own.

mod outside;
mod replay;

use std::sync::Arc;
use std::time::Duration;

use sedge_locks::manager::{LockError, LockGuard};
use sedge_locks::table::{Mode, Resource};
use sedge_model::call::{CallError, LimitName, LogLine, Outcome, StagedWrite, TargetKind, Written};
use sedge_model::lineage::Lineage;
use sedge_model::names::{MethodName, ModelName, RunId};
use sedge_model::run::{RunKind, RunStatus, StepPath};
use sedge_model::schema::{argument_from_text, arguments_merged};
use sedge_model::type_info::MethodKind;
use sedge_runtime::{CallLimits, CallReport, CallSpec, HostError, Identity, Staging};
use sedge_store::{CallEnd, CallStart, Claim, RunStart};
use sedge_sys::clock::Moment;
use sedge_sys::{host, random};
use serde_json::{Map, Value};

use crate::error::AppError;
use crate::events::{Event, Events};
use crate::limits::LOCK_WAIT;
use crate::repository::Repository;
use crate::run_cx::{ReadyModel, RunCx};

pub(crate) use replay::Replay;

/// What to run.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The model's name.
    pub model: String,
    /// The method's name.
    pub method: String,
    /// Arguments as JSON; `inputs` are laid over them.
    pub arguments: Map<String, Value>,
    /// Arguments as text, by name: each becomes what the schema wants.
    pub inputs: Vec<(String, String)>,
}

/// A method that succeeded.
#[derive(Debug, Clone)]
pub struct Report {
    /// The run.
    pub run: RunId,
    /// What it left behind.
    pub outcome: Outcome,
    /// How long it took, waiting included.
    pub elapsed: Duration,
}

/// Runs a method and waits for its end. Dropping the future cancels the run.
///
/// # Errors
/// What is wrong with the request, found before anything runs; or why the method failed.
pub async fn model_method_run(
    repository: &Arc<Repository>,
    request: &Request,
    events: Arc<dyn Events>,
) -> Result<Report, AppError> {
    let model = Arc::new(ReadyModel::load(repository, &request.model).await?);
    let method = method_find(&model, &request.method)?;
    let arguments = arguments_of(&model, &method, request)?;
    let run = RunId::from_bits(random::bits());
    let claim = repository.store()?.run_start(
        &RunStart {
            id: run.clone(),
            kind: RunKind::Method,
            subject: model.definition.name.to_string(),
            method: Some(method.to_string()),
            source: None,
            session: repository.session()?.to_owned(),
            by: host::user(),
        },
        &[],
    )?;
    events.event(Event::RunStarted { run: run.clone() });
    let mut ending = RunEnding {
        repository,
        claim: &claim,
        status: RunStatus::Cancelled,
    };
    let cx = RunCx::new(Arc::clone(repository), claim.clone(), events);
    cx.model_known(Arc::clone(&model));
    let call = CallRequest {
        lineage: Lineage::root(run.clone()).child(1),
        step: None,
        target: request.model.clone(),
        method: method.to_string(),
        arguments: Value::Object(arguments),
        replay: None,
    };
    let since = Moment::now();
    let ended = call_run(&cx, call, None).await;
    cx.calls_ended().await;
    ending.status = if ended.is_ok() {
        RunStatus::Succeeded
    } else {
        RunStatus::Failed
    };
    drop(ending);
    match ended {
        Ok(outcome) => Ok(Report {
            run,
            outcome,
            elapsed: since.elapsed(),
        }),
        Err(CallFault::Call(source)) => Err(AppError::CallFailed {
            run,
            model: model.definition.name.clone(),
            method,
            source,
        }),
        Err(CallFault::App(error)) => Err(error),
    }
}

/// Ends the run when it is dropped, as cancelled unless told otherwise.
struct RunEnding<'a> {
    repository: &'a Repository,
    claim: &'a Claim,
    status: RunStatus,
}

impl Drop for RunEnding<'_> {
    fn drop(&mut self) {
        // If this fails, the run shows as interrupted, and its call says how it ended.
        let ended = self
            .repository
            .store()
            .map(|store| store.run_end(self.claim, self.status));
        if let Err(error) | Ok(Err(error)) = ended.map(|ended| ended.map_err(AppError::from)) {
            tracing::warn!(run = %self.claim.run, %error, "failed to note the end of a run");
        }
    }
}

fn method_find(model: &ReadyModel, name: &str) -> Result<MethodName, AppError> {
    let info = model.plugin.type_info();
    match info.method(name) {
        Some(method) => Ok(method.name.clone()),
        None => Err(AppError::MethodMissing {
            model: model.definition.name.clone(),
            type_name: info.name.clone(),
            method: name.to_owned(),
            methods: info
                .methods
                .iter()
                .map(|method| method.name.to_string())
                .collect(),
        }),
    }
}

/// Returns the arguments of a request from a person, checked before a run is made of it.
fn arguments_of(
    model: &ReadyModel,
    method: &MethodName,
    request: &Request,
) -> Result<Map<String, Value>, AppError> {
    let info = model.plugin.type_info();
    let schema = info
        .method(method.as_str())
        .map_or(&Value::Null, |method| &method.arguments);
    let mut arguments = request.arguments.clone();
    for (name, text) in &request.inputs {
        arguments.insert(name.clone(), argument_from_text(schema, name, text));
    }
    arguments_check(model, method, &arguments)?;
    Ok(arguments)
}

/// Checks arguments against a method's schema, with what the definition adds to them.
pub(crate) fn arguments_check(
    model: &ReadyModel,
    method: &MethodName,
    arguments: &Map<String, Value>,
) -> Result<(), AppError> {
    match effective_arguments(model, method, &Value::Object(arguments.clone())) {
        Err(CallError::InvalidInput { violations }) => Err(AppError::Violations {
            what: format!("the arguments of `{method}` of `{}`", model.definition.name),
            violations,
            type_name: model.plugin.type_info().name.clone(),
        }),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// One call to be made, by whomever.
pub(crate) struct CallRequest {
    /// The call's own place.
    pub(crate) lineage: Lineage,
    pub(crate) step: Option<StepPath>,
    pub(crate) target: String,
    pub(crate) method: String,
    pub(crate) arguments: Value,
    /// What interrupted attempts at the same call had done.
    pub(crate) replay: Option<Replay>,
}

/// What a callee takes from its caller.
pub(crate) struct Caller {
    pub(crate) kind: MethodKind,
    pub(crate) staging: Arc<Staging>,
    pub(crate) deadline: Moment,
}

/// Why a call has no outcome.
#[derive(Debug)]
pub(crate) enum CallFault {
    /// The call is at fault; its caller is told.
    Call(CallError),
    /// A file, the store or the machine is at fault; the run ends.
    App(AppError),
}

impl<E: Into<AppError>> From<E> for CallFault {
    fn from(error: E) -> Self {
        Self::App(error.into())
    }
}

impl From<CallError> for CallFault {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

/// The life of one call: resolve, lock, run, commit, unlock. Dropping the future stops
/// the guest, notes the call as cancelled, and unlocks.
pub(crate) async fn call_run(
    cx: &Arc<RunCx>,
    request: CallRequest,
    caller: Option<&Caller>,
) -> Result<Outcome, CallFault> {
    let since = Moment::now();
    let ready = ReadyCall::resolve(cx, &request).await?;
    ready.may_be_called_by(caller)?;
    let _locks = lock(cx, &request.lineage, &ready, caller).await?;
    call_start(cx, &request, &ready)?;
    let commit = Commit {
        cx,
        lineage: request.lineage.clone(),
        model: ready.model.definition.name.clone(),
        since,
        committed: false,
    };
    let report = run(cx, request, ready, caller).await?;
    commit.commit(report)
}

/// A call whose target exists and whose arguments fit.
struct ReadyCall {
    model: Arc<ReadyModel>,
    method: MethodName,
    kind: MethodKind,
    /// The arguments, with what the definition adds to them.
    given: Value,
}

impl ReadyCall {
    async fn resolve(cx: &Arc<RunCx>, request: &CallRequest) -> Result<Self, CallFault> {
        let model = cx.model(&request.target).await.map_err(|error| {
            if let AppError::ModelMissing { name, .. } = error {
                not_found(TargetKind::Model, &name)
            } else {
                error.into()
            }
        })?;
        let spec = model.plugin.type_info().method(&request.method);
        let spec = spec.ok_or_else(|| not_found(TargetKind::Method, &request.method))?;
        let (method, kind) = (spec.name.clone(), spec.kind);
        let given = effective_arguments(&model, &method, &request.arguments)?;
        let depth_max = model.limits.call_depth;
        if request.lineage.depth() > depth_max as usize {
            let value = depth_max.into();
            return Err(CallError::Limit {
                name: LimitName::CallDepth,
                value,
            }
            .into());
        }
        Ok(Self {
            model,
            method,
            kind,
            given,
        })
    }
}

impl ReadyCall {
    /// A method of kind `read` writes nothing, so it cannot have others write for it.
    fn may_be_called_by(&self, caller: Option<&Caller>) -> Result<(), CallError> {
        let reads = |kind| kind == MethodKind::Read;
        if reads(self.kind) || caller.is_none_or(|caller| !reads(caller.kind)) {
            return Ok(());
        }
        let (method, model, kind) = (
            &self.method,
            &self.model.definition.name,
            self.kind.as_str(),
        );
        let reason = format!(
            "a method of kind `read` may not call `{method}` of `{model}`, of kind `{kind}`"
        );
        Err(CallError::Denied { reason })
    }
}

fn not_found(target: TargetKind, name: &str) -> CallFault {
    CallError::NotFound {
        target,
        name: name.to_owned(),
    }
    .into()
}

fn call_start(cx: &RunCx, request: &CallRequest, ready: &ReadyCall) -> Result<(), AppError> {
    let start = CallStart {
        lineage: request.lineage.clone(),
        step: request.step.clone(),
        model: ready.model.definition.name.clone(),
        method: ready.method.clone(),
        plugin: ready.model.plugin.description().sha256.clone(),
        arguments: request.arguments.clone(),
    };
    Ok(cx.repository.store()?.call_start(&cx.claim, &start)?)
}

async fn run(
    cx: &Arc<RunCx>,
    request: CallRequest,
    ready: ReadyCall,
    caller: Option<&Caller>,
) -> Result<CallReport, CallFault> {
    let ReadyCall {
        model,
        method,
        kind,
        given,
    } = ready;
    let name = model.definition.name.clone();
    let begin = Moment::now();
    let own_deadline = begin.after(model.limits.wall_time);
    let deadline = caller.map_or(own_deadline, |caller| caller.deadline.min(own_deadline));
    let staging = Staging::new(
        name.clone(),
        caller.map(|caller| Arc::clone(&caller.staging)),
    );
    let identity = Identity {
        model: name,
        method,
        lineage: request.lineage,
        step: request.step,
    };
    let called = Caller {
        kind,
        staging: Arc::clone(&staging),
        deadline,
    };
    let outside = outside::CallOutside::new(cx, &model, identity.clone(), called, request.replay);
    let spec = CallSpec {
        identity,
        kind,
        arguments: given,
        global_arguments: Value::Object(model.definition.global_arguments.value.clone()),
        limits: CallLimits {
            memory_bytes: model.limits.memory_bytes,
            begin,
            deadline,
            calls_max: model.limits.calls_max,
        },
        staging,
        outside: Arc::new(outside),
    };
    cx.repository
        .runtime()?
        .call(&model.plugin, spec)
        .await
        .map_err(host_fault)
}

/// Lays a call's arguments over those of the definition, and checks the result.
fn effective_arguments(
    model: &ReadyModel,
    method: &MethodName,
    arguments: &Value,
) -> Result<Value, CallError> {
    let preset = model.definition.method_arguments.get(method);
    let given = match (arguments, preset) {
        (Value::Object(given), Some(preset)) => Value::Object(arguments_merged(preset, given)),
        (other, _) => other.clone(),
    };
    let schema = model.plugin.arguments_schema(method.as_str());
    let violations = schema
        .map(|schema| schema.violations(&given))
        .unwrap_or_default();
    if violations.is_empty() {
        Ok(given)
    } else {
        Err(CallError::InvalidInput { violations })
    }
}

/// Takes what a call of a method locks: an intent on the datastore, then the model.
async fn lock(
    cx: &RunCx,
    lineage: &Lineage,
    ready: &ReadyCall,
    caller: Option<&Caller>,
) -> Result<[LockGuard; 2], CallFault> {
    let locks = cx.repository.locks()?;
    let own_deadline = Moment::now().after(LOCK_WAIT);
    let deadline = caller.map_or(own_deadline, |caller| caller.deadline.min(own_deadline));
    let (intent, mode) = match ready.kind {
        MethodKind::Read => (Mode::IS, Mode::S),
        MethodKind::Create | MethodKind::Update | MethodKind::Delete | MethodKind::Action => {
            (Mode::IX, Mode::X)
        }
    };
    let datastore = locks
        .acquire(lineage, intent, &Resource::Datastore, deadline)
        .await;
    let datastore = datastore.map_err(lock_fault)?;
    let model = Resource::Model(ready.model.definition.name.clone());
    let model = locks
        .acquire(lineage, mode, &model, deadline)
        .await
        .map_err(lock_fault)?;
    Ok([model, datastore])
}

fn lock_fault(error: LockError) -> CallFault {
    if let LockError::Busy {
        resource,
        holders,
        waited_ms,
    } = error
    {
        CallError::Busy {
            resource: resource.to_string(),
            holders,
            waited_ms,
        }
        .into()
    } else {
        error.into()
    }
}

/// An error that went through the runtime: one of ours, if it was ours before.
fn host_fault(error: HostError) -> CallFault {
    match error.downcast_ref::<outside::Carried>() {
        Some(carried) => match carried.take() {
            Some(own) => own.into(),
            None => error.into(),
        },
        None => error.into(),
    }
}

/// A call that has begun and is not committed. Dropping it notes the call as cancelled.
struct Commit<'a> {
    cx: &'a RunCx,
    lineage: Lineage,
    model: ModelName,
    since: Moment,
    committed: bool,
}

impl Commit<'_> {
    fn commit(mut self, report: CallReport) -> Result<Outcome, CallFault> {
        let CallReport {
            result,
            writes,
            log,
        } = report;
        let written = self.write(result.clone(), writes, log)?;
        Ok(Outcome {
            value: result?,
            written,
        })
    }

    fn write(
        &mut self,
        result: Result<Value, CallError>,
        writes: Vec<StagedWrite>,
        log: Vec<LogLine>,
    ) -> Result<Vec<Written>, AppError> {
        self.committed = true;
        let elapsed_us = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (lineage, model) = (self.lineage.clone(), self.model.clone());
        let end = CallEnd {
            lineage,
            model,
            result,
            writes,
            log,
            elapsed_us,
        };
        Ok(self
            .cx
            .repository
            .store()?
            .call_commit(&self.cx.claim, &end)?)
    }
}

impl Drop for Commit<'_> {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        if let Err(error) = self.write(Err(CallError::Cancelled), Vec::new(), Vec::new()) {
            tracing::warn!(call = %self.lineage, %error, "failed to note that a call was cancelled");
        }
    }
}
