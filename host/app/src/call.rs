//! The life of one call: from the command line, from a step of a workflow, or from another call.
//!
//! The host resolves the target, admits the call, acquires its locks, runs the checks and the
//! method, commits its changes, and releases the locks. If the call is rolled back in between, the
//! host releases the locks, and retries the call from its admission on.

mod admission;
pub(crate) mod checks;
mod control_files;
pub(crate) mod core_dump;
pub(crate) mod failure;
pub mod failure_text;
mod fault;
mod field_access;
pub(crate) mod frame;
pub(crate) mod inputs;
mod locking;
mod ports;
mod record;
mod redactor;
mod replay;
mod request;
mod runs;
mod sealed;
mod secret_arguments;
mod start_window;
mod surroundings;
mod writes;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sedge_lang::argument::whole_numbers;
use sedge_lang::type_info::MethodKind;
use sedge_model::call::{CallError, LimitName, Outcome, TargetKind};
use sedge_model::names::{EnvName, MethodName};
use sedge_model::permission::effective::Uses;
use sedge_runtime::{CallIdentity, CallPart, CallReport, CallSpec, Staging, StagingAbove};
use sedge_sys::clock::{DeadlinePassed, Moment};
use sedge_sys::identity::Identity as FileIdentity;
use serde_json::{Map, Value};

use crate::error::{AppError, LockUseError, ModelError, ProcessError};
use crate::repository::Repository;
use crate::run::cx::{ReadyModel, RunCx};
use crate::run::stored::{model_tagged, stored_arguments};
use crate::secret::argument::arguments_open;

use fault::{AttemptFault, host_fault};
use field_access::FieldAccess;
use frame::{CallFrame, DeadlockChains, RollbackCause, RollbackPending};
use inputs::inputs_checked;
use locking::lock;
use ports::{CallPorts, ModelsAhead};
use record::Record;
use redactor::CallRedactor;
use replay::CallReplay;
use runs::CallRuns;
use sealed::SealedSeen;
use secret_arguments::secret_arguments;
use writes::Writes;

pub(crate) use writes::{DataLabels, LabelOverride};

pub(crate) use fault::{CallFault, evaluation_fault};
pub(crate) use locking::contention_of;
pub(crate) use record::arguments_recorded_as;
pub(crate) use replay::Replay;
pub(crate) use request::{CallDeadline, CallRequest, CallTerms, StepEnding};
pub(crate) use sealed::{SEALED_BYTES_MAX, has_short_text, sealed_texts};
pub(crate) use start_window::{StartPlace, StartWindow};

/// The state that a callee inherits from its caller.
pub(crate) struct Caller {
    pub(crate) frame: Arc<CallFrame>,
    pub(crate) identity: Arc<CallIdentity>,
    pub(crate) staging: Arc<Staging>,
    /// The folders that the caller, or one of its own callers, may write to.
    pub(crate) writable: Arc<BTreeSet<FileIdentity>>,
}

/// Runs a call to its end.
///
/// If the run stops, so does the call, and its record says so: see [`RunStop`]. If the future is
/// dropped, the guest stops, too, and a task of its own records the call as cancelled.
///
/// [`RunStop`]: crate::run::stop::RunStop
///
/// A call that is rolled back is retried here, to break a deadlock or because another observation has
/// written the same data; only the record shows it.
pub(crate) async fn call_run(cx: &Arc<RunCx>, request: CallRequest) -> Result<Outcome, CallFault> {
    match nested_run(cx, request, None).await {
        Ok(outcome) => Ok(outcome),
        Err(AttemptFault::Fault(fault)) => Err(fault),
        // The run itself is never rolled back, but the call that has started it may be.
        Err(AttemptFault::RolledBack) => Err(LockUseError::RolledBack.into()),
    }
}

/// Runs a call to its end as [`call_run`] does, for its caller if it has one.
///
/// # Errors
/// [`AttemptFault::RolledBack`] if a caller is being rolled back.
async fn nested_run(
    cx: &Arc<RunCx>,
    request: CallRequest,
    caller: Option<&Caller>,
) -> Result<Outcome, AttemptFault> {
    let since = Moment::now();
    let ready = cx.stop.unless_stopped(ReadyCall::resolve(cx, &request));
    let ready = ready.await??;
    ready.may_be_called_by(cx, caller)?;
    if request.terms.only_reads {
        ready.may_be_called_by_expression()?;
    }
    let frame = &request.frame;
    let mut record = Record::new(cx, &request, &ready, since);
    loop {
        let ended = tokio::select! {
            biased;
            () = frame.rolled_back() => Err(AttemptFault::RolledBack),
            ended = attempt(cx, &request, &ready, caller, &mut record) => ended,
        };
        match ended {
            Err(AttemptFault::RolledBack) if frame.is_rolled_back() => {}
            Err(AttemptFault::RolledBack) => return Err(AttemptFault::RolledBack),
            Err(AttemptFault::Fault(fault)) => return Ok(record.settle(Err(fault)).await?),
            Ok(outcome) => return Ok(outcome),
        }
        frame.unlock().await;
        record.roll_back()?;
        frame.reset();
    }
}

async fn attempt(
    cx: &Arc<RunCx>,
    request: &CallRequest,
    ready: &ReadyCall,
    caller: Option<&Caller>,
    record: &mut Record<'_>,
) -> Result<Outcome, AttemptFault> {
    // What is recorded from here on is not stopped. The port `StopPort` stops the guest.
    admitted(cx, request, ready).await?;
    request.terms.admitted(cx.clock().moment());
    let locked = record.waited(lock(cx, request, ready, caller));
    let lock_epoch = cx.stop.unless_stopped(locked).await??;
    request.terms.locked();
    ready.check_exists(cx)?;
    record.begin(request, ready).await?;
    let labels = Arc::clone(&request.terms.labels);
    let state = AttemptState {
        writes: Arc::new(Writes::new(ready, labels, lock_epoch)),
        replay: Arc::new(record.replay()),
        runs: Arc::default(),
    };
    // Many calls can wait up to here, and the state of a guest is large: it is allocated now.
    let ran = Box::pin(run(cx, request, ready, caller, &state));
    let mut report = ran.await?;
    match state.runs.ended().await {
        Ok(()) => {}
        Err(_) if request.frame.is_in_rollback() => return Err(AttemptFault::RolledBack),
        // A run that the call has started was stopped, and so is the call.
        Err(AppError::Process(ProcessError::Interrupted)) => report.fail(CallError::Cancelled),
        Err(error) => return Err(error.into()),
    }
    if let Some(difference) = state.replay.difference(report.result.is_ok()) {
        report.fail(retry_differs(&request.frame, difference));
    }
    let is_seen = match ready.kind {
        MethodKind::Read => !report.changes.is_empty(),
        MethodKind::Observe
        | MethodKind::Create
        | MethodKind::Update
        | MethodKind::Delete
        | MethodKind::Action => report.result.is_ok() || !report.changes.is_empty(),
    };
    match request.frame.end(is_seen, &report.seen_of) {
        Ok(()) => record.commit(report, ready, &state.writes).await,
        Err(RollbackPending) => Err(AttemptFault::RolledBack),
    }
}

/// Waits until the process has room for a call, not beyond the deadline of the step.
async fn admitted(
    cx: &RunCx,
    request: &CallRequest,
    ready: &ReadyCall,
) -> Result<(), AttemptFault> {
    let since = cx.clock().moment();
    let admitted = admission::wait(cx, &request.frame, &ready.model);
    let Some(deadline) = request.terms.deadline.at() else {
        return Ok(cx.stop.unless_stopped(admitted).await??);
    };
    match cx
        .stop
        .unless_stopped(cx.clock().until(deadline, admitted))
        .await?
    {
        Ok(admitted) => Ok(admitted?),
        Err(DeadlinePassed) => {
            let after = cx.clock().elapsed(since);
            let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            Err(CallError::TimedOut { after_ms }.into())
        }
    }
}

/// The state of one attempt at a call.
struct AttemptState {
    writes: Arc<Writes>,
    replay: Arc<CallReplay>,
    runs: Arc<CallRuns>,
}

/// Returns the error of a call that was rolled back, and whose retry differs from its record.
fn retry_differs(frame: &CallFrame, difference: String) -> CallError {
    let (ours, theirs) = match frame.rollback_cause() {
        Some(RollbackCause::ChangedMeanwhile { name, reason }) => {
            let reason = format!("{reason}; {difference}");
            return CallError::ChangedMeanwhile { name, reason };
        }
        Some(RollbackCause::Deadlock(DeadlockChains { ours, theirs })) => (ours, theirs),
        None => (Vec::new(), Vec::new()),
    };
    CallError::Deadlock {
        ours,
        theirs,
        difference: Some(difference),
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A call whose target exists and whose arguments fit the schema.
struct ReadyCall {
    model: Arc<ReadyModel>,
    method: MethodName,
    kind: MethodKind,
    /// The given arguments, merged with those of the definition.
    given: Arc<Value>,
    /// The global arguments of the definition.
    global_arguments: Arc<Value>,
    /// The variables of the environment that the expressions of the definition have read.
    environment: BTreeSet<EnvName>,
    /// The permissions that the call uses, in all its attempts.
    uses: Arc<Uses>,
}

impl ReadyCall {
    async fn resolve(cx: &Arc<RunCx>, request: &CallRequest) -> Result<Self, CallFault> {
        let model = match &request.terms.model {
            Some(model) => Arc::clone(model),
            None => cx.model(&request.target).await.map_err(|error| {
                if let AppError::Model(ModelError::Missing { name, .. }) = error {
                    not_found(TargetKind::Model, &name)
                } else {
                    error.into()
                }
            })?,
        };
        let spec = model.plugin.type_info().method(&request.method);
        let spec = spec.ok_or_else(|| not_found(TargetKind::Method, &request.method))?;
        let (method, kind) = (spec.name.clone(), spec.kind);
        let source = cx.evaluator_source();
        let (arguments, inputs) = arguments_routed(&model, &method, &request.arguments)?;
        let stored = stored_arguments(&model, source, &method, inputs).await;
        let stored = stored.map_err(evaluation_fault)?;
        let given =
            effective_arguments(&model, &method, stored.of_method, arguments, &cx.repository)?;
        let limit = |name, value: u32| {
            let value = value.into();
            CallFault::Refused(CallError::Limit { name, value })
        };
        let depth_max = model.limits.call_depth;
        let above = cx.locks.joined().map_or(0, |it| it.caller.depth());
        // The calls above the runs that this one is part of count, too.
        if above + request.frame.lock_lineage().depth() > depth_max as usize {
            return Err(limit(LimitName::CallDepth, depth_max));
        }
        let calls_max = model.limits.calls_per_run;
        if !cx.call_counted(calls_max) {
            return Err(limit(LimitName::CallsPerRun, calls_max));
        }
        let model = model_tagged(model, stored.tags);
        Ok(Self {
            uses: Arc::new(Uses::new(Arc::clone(&model.permissions))),
            model,
            method,
            kind,
            given: Arc::new(given),
            global_arguments: stored.global,
            environment: stored.environment,
        })
    }
}

impl ReadyCall {
    /// Checks that the model still exists: a call that held the lock earlier may have deleted it.
    fn check_exists(&self, cx: &RunCx) -> Result<(), CallFault> {
        let definition = &self.model.definition;
        if cx.repository.definition_remains(&definition.file)? {
            return Ok(());
        }
        Err(not_found(TargetKind::Model, definition.name.as_str()))
    }

    /// Checks the kinds: what a method of kind `read` or `observe` must not do, its callees must not
    /// do for it either.
    fn may_be_called_by(&self, cx: &RunCx, caller: Option<&Caller>) -> Result<(), CallError> {
        let mut above = caller
            .map(|caller| caller.identity.kind)
            .into_iter()
            .chain(cx.locks.looking_kind());
        let Some(of_caller) = above.find(|kind| !kind.may_call(self.kind)) else {
            return Ok(());
        };
        let reason = format!(
            "a method of kind `{}` may not call `{}` of `{}`, of kind `{}`",
            of_caller.as_str(),
            self.method,
            self.model.definition.name,
            self.kind.as_str()
        );
        Err(CallError::Denied { reason })
    }
}

impl ReadyCall {
    /// Checks the kind of a method that a guard or an assert calls.
    fn may_be_called_by_expression(&self) -> Result<(), CallError> {
        match self.kind {
            MethodKind::Read => Ok(()),
            MethodKind::Observe
            | MethodKind::Create
            | MethodKind::Update
            | MethodKind::Delete
            | MethodKind::Action => {
                let reason = format!(
                    "a guard or an assert calls only methods of kind `read`, and `{}` of `{}` is of \
                     kind `{}`",
                    self.method,
                    self.model.definition.name,
                    self.kind.as_str()
                );
                Err(CallError::Denied { reason })
            }
        }
    }
}

fn not_found(target: TargetKind, name: &str) -> CallFault {
    CallError::NotFound {
        target,
        name: name.to_owned(),
    }
    .into()
}

async fn run(
    cx: &Arc<RunCx>,
    request: &CallRequest,
    ready: &ReadyCall,
    caller: Option<&Caller>,
    state: &AttemptState,
) -> Result<CallReport, AttemptFault> {
    let ReadyCall {
        model,
        given,
        global_arguments,
        ..
    } = ready;
    let surroundings = match surroundings::gather(&cx.repository, model, ready.kind) {
        Ok(surroundings) => surroundings,
        // The guest did not run, but the denial is recorded nevertheless.
        Err(denied) => return Ok(CallReport::refused(denied)),
    };
    let above = match (caller, cx.call_above()) {
        (Some(caller), _) => StagingAbove::Caller(Arc::clone(&caller.staging)),
        (None, Some(above)) => StagingAbove::RunOf(Arc::clone(&above.staging)),
        (None, None) => StagingAbove::Nothing,
    };
    let staging = Staging::new(
        model.definition.name.clone(),
        request.frame.lineage().clone(),
        above,
        usize::try_from(model.limits.staged_bytes).unwrap_or(usize::MAX),
    );
    // A call of another process, for which this process works, may change the data, and other
    // observations may change what an observation writes.
    if cx.locks.joined().is_some() || ready.kind == MethodKind::Observe {
        staging.share();
    }
    let identity = Arc::new(identity_of(request, ready, caller, cx.clock().moment()));
    let called = Caller {
        frame: Arc::clone(&request.frame),
        identity: Arc::clone(&identity),
        staging: Arc::clone(&staging),
        writable: Arc::new(surroundings::writable(&surroundings, caller)),
    };
    let access = FieldAccess {
        cx,
        model,
        identity: &identity,
    };
    let prepared = secret_arguments(access, given, global_arguments).await?;
    let sealed = Arc::new(prepared.seen()?);
    let ports = CallPorts {
        cx: Arc::clone(cx),
        model: Arc::clone(model),
        caller: Arc::new(called),
        writes: Arc::clone(&state.writes),
        replay: Arc::clone(&state.replay),
        runs: Arc::clone(&state.runs),
        sealed: Arc::clone(&sealed),
        models_ahead: ModelsAhead::default(),
    };
    let spec = CallSpec {
        identity,
        part: CallPart::Method,
        arguments: prepared.arguments,
        global_arguments: prepared.global_arguments,
        surroundings,
        staging,
        ports: ports.connect(),
        secrets: prepared.secrets,
        admission: request.frame.admission(),
        first_executed: request.terms.first_executed(),
    };
    let mut checked = checks::checks_run(cx, ready, &spec, &sealed).await?;
    if let Some(report) = checked.refused() {
        return Ok(report);
    }
    let mut report = part_run(cx, model, spec, &sealed).await?;
    report.log = checked.log_before(report.log);
    Ok(report)
}

/// Returns the identity of a call that begins now.
fn identity_of(
    request: &CallRequest,
    ready: &ReadyCall,
    caller: Option<&Caller>,
    begin: Moment,
) -> CallIdentity {
    let model = &ready.model;
    let own_deadline = begin.after(model.limits.wall_time);
    let own_deadline = match request.terms.deadline.at() {
        Some(deadline) => deadline.min(own_deadline),
        None => own_deadline,
    };
    let deadline = caller.map_or(own_deadline, |caller| {
        caller.identity.deadline.min(own_deadline)
    });
    CallIdentity {
        model: model.definition.name.clone(),
        model_id: model.definition.stable_id(),
        tags: model.definition.tags.clone(),
        method: ready.method.clone(),
        kind: ready.kind,
        lineage: request.frame.lineage().clone(),
        step: request.step.clone(),
        permissions: Arc::clone(&model.permissions),
        uses: Arc::clone(&ready.uses),
        begin,
        deadline,
        limits: model.limits,
    }
}

/// Runs the method of a call, or one of its checks.
async fn part_run(
    cx: &RunCx,
    model: &ReadyModel,
    spec: CallSpec,
    sealed: &SealedSeen,
) -> Result<CallReport, AttemptFault> {
    let lineage = spec.identity.lineage.clone();
    let ran = cx.repository.runtime()?.call(&model.plugin, spec).await;
    let mut report = ran.map_err(host_fault)?;
    CallRedactor::with_sealed(&cx.vault, sealed).report(&mut report);
    if let Some(dump) = report.core_dump.take() {
        cx.core_dump(&lineage, dump);
    }
    Ok(report)
}

/// Separates what a caller gave into arguments of the method and inputs of the definition.
pub(crate) fn arguments_routed(
    model: &ReadyModel,
    method: &MethodName,
    given: &Value,
) -> Result<(Value, Map<String, Value>), CallError> {
    let Some(members) = given.as_object() else {
        // The schema refuses it.
        return Ok((given.clone(), Map::new()));
    };
    let routed = inputs_checked(model, method, members.clone())?;
    Ok((Value::Object(routed.arguments), routed.inputs))
}

/// Merges a call's arguments over those that the definition stores, and checks the result. The
/// inputs of the definition are not among the arguments any more: see [`arguments_routed`]. What
/// stands for a secret is checked by the value of the secret.
pub(crate) fn effective_arguments(
    model: &ReadyModel,
    method: &MethodName,
    stored: Map<String, Value>,
    arguments: Value,
    repository: &Repository,
) -> Result<Value, CallError> {
    let mut given = match arguments {
        Value::Object(given) if !stored.is_empty() => {
            let mut merged = stored;
            merged.extend(given);
            Value::Object(merged)
        }
        Value::Object(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_) => arguments,
    };
    if let Some(spec) = model.plugin.type_info().method(method.as_str()) {
        whole_numbers(&spec.arguments, &spec.arguments, &mut given);
    }
    let schema = model.plugin.arguments_schema(method.as_str());
    let violations = schema
        .map(|schema| arguments_open(repository, &given).violations(|it| schema.violations(it)))
        // ignored: no error is dropped, because this is an `Option`.
        .unwrap_or_default();
    if violations.is_empty() {
        Ok(given)
    } else {
        Err(CallError::InvalidInput { violations })
    }
}
