//! Runs a method of a model, as a run of its own.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use sedge_api::problem::Explain;
use sedge_api::view::model::MethodRunView;
use sedge_lang::input::{GivenInput, GivenInputs};
use sedge_model::call::{CallError, Outcome};
use sedge_model::lineage::Lineage;
use sedge_model::names::{MethodName, ModelName, RunId};
use sedge_model::run::{Actor, CheckSkips, RunError, RunEvent, RunKind, RunOptions, RunStatus};
use sedge_runtime::Plugin;
use sedge_store::{Claim, RunStart, UnsavedPut};
use sedge_sys::clock::Moment;
use sedge_sys::random;
use serde_json::{Map, Value};

use crate::call::checks::check_skips_known;
use crate::call::core_dump::{CoreDumpEnd, CoreDumpFile};
use crate::call::failure::FailureReport;
use crate::call::frame::CallFrame;
use crate::call::inputs::schema_joined;
use crate::call::{
    CallFault, CallRequest, CallTerms, arguments_routed, call_run, effective_arguments,
};
use crate::cx::Cx;
use crate::error::{AppError, CallFailed, ModelError};
use crate::events::Event;
use crate::expression::EvaluatorSource;
use crate::locks::Locks;
use crate::repository::Repository;
use crate::repository::snapshot::RepositorySnapshot;
use crate::run::cancel::{
    CALL_CANCELLED, CALL_CUT_OFF, cancel_requested, children_cancel, children_left_end,
    command_runs_end,
};
use crate::run::cx::{ReadyModel, RunCx, RunParts};
use crate::run::stop::StopReason;
use crate::run::stored::{stored_arguments, stored_faults};
use crate::secret::vault::Vault;
use crate::views::call::versions_written;

/// A request to run a method.
#[derive(Debug, Clone, Default)]
pub struct ModelMethodRunRequest {
    /// The model's name.
    pub model: String,
    /// The method's name.
    pub method: String,
    /// The arguments as JSON; `inputs` are merged over them. A key that the definition declares as
    /// an input is an input of the definition.
    pub arguments: Map<String, Value>,
    /// The arguments of a command line. Text is converted to the type that the schema requires.
    pub inputs: Vec<GivenInput>,
    /// The checks to skip.
    pub check_skips: CheckSkips,
    /// The file for the core dump of the first guest that traps. [`Settings`] must also request
    /// core dumps.
    ///
    /// [`Settings`]: crate::Settings
    pub core_dump: Option<PathBuf>,
}

impl ModelMethodRunRequest {
    /// Returns all that is given to the method.
    pub(super) fn given(&self) -> GivenInputs {
        GivenInputs {
            item: self.arguments.clone(),
            over: self.inputs.clone(),
        }
    }
}

/// A method that can run: its model is ready, and its arguments are checked.
pub(super) struct PreparedRun {
    pub(super) model: Arc<ReadyModel>,
    pub(super) method: MethodName,
    pub(super) arguments: Map<String, Value>,
    /// The definition of an unsaved model that is to be stored when the run is created.
    pub(super) unsaved: Option<UnsavedPut>,
}

/// Runs a method and waits for its end. If the use case is cancelled, so is the run.
///
/// # Errors
/// Returns an error if the request is invalid, before anything runs; or if the method failed.
pub async fn model_method_run(
    cx: &Cx,
    request: &ModelMethodRunRequest,
) -> Result<MethodRunView, AppError> {
    let repository = &cx.repository.snapshot()?;
    let prepared = cx.cancel.unless_cancelled(prepare(repository, request));
    prepared_run(cx, repository, request, prepared.await?).await
}

/// Loads the model, and checks the arguments.
async fn prepare(
    repository: &RepositorySnapshot,
    request: &ModelMethodRunRequest,
) -> Result<PreparedRun, AppError> {
    let model = Arc::new(ReadyModel::load(repository, &request.model).await?);
    let method = method_find(&model.plugin, &model.definition.name, &request.method)?;
    let arguments = arguments_of(repository, &model, &method, &request.given()).await?;
    Ok(PreparedRun {
        model,
        method,
        arguments,
        unsaved: None,
    })
}

/// Creates a run of a method and waits for its end.
///
/// # Errors
/// Returns an error if the checks to skip do not exist, or if another process has changed the
/// unsaved model, before a run is created; or if the method failed.
pub(super) async fn prepared_run(
    cx: &Cx,
    repository: &RepositorySnapshot,
    request: &ModelMethodRunRequest,
    prepared: PreparedRun,
) -> Result<MethodRunView, AppError> {
    check_skips_known(&request.check_skips, [prepared.model.plugin.type_info()])?;
    let dump_file = request.core_dump.as_deref().map(CoreDumpFile::new);
    let dump_file = dump_file.transpose()?;
    let vault = Vault::open(repository)?;
    let locks = Locks::new(cx, repository)?;
    let options = RunOptions {
        check_skips: request.check_skips.clone(),
        ..RunOptions::default()
    };
    let claim = run_begin(repository, &prepared, &options, &locks)?;
    let PreparedRun {
        model,
        method,
        arguments,
        unsaved: _,
    } = prepared;
    let run = claim.run.clone();
    cx.event(Event::RunStarted { run: run.clone() });
    let frame = CallFrame::of_run(Lineage::root(run.clone()));
    let first = frame.lineage().child(1);
    let parts = RunParts {
        base: cx.clone(),
        repository: repository.clone(),
        locks,
        vault,
        call_above: None,
    };
    let cx = RunCx::new(parts, claim, options, cx.clock.now());
    let ending = RunEnding::new(&cx, &frame);
    cx.model_known(Arc::clone(&model));
    let call = CallRequest {
        frame: frame.callee(1),
        step: None,
        target: model.definition.name.to_string(),
        method: method.to_string(),
        arguments: Value::Object(arguments),
        replay: None,
        terms: CallTerms::default(),
    };
    let since = Moment::now();
    let ended = call_until_cancelled(&cx, call).await;
    frame.callees_ended().await;
    ending.end(&ended);
    let core_dump = dump_file.map_or(CoreDumpEnd::NotWanted, |file| file.save(&cx));
    match ended {
        Ok(outcome) => Ok(MethodRunView {
            written: versions_written(&first, &outcome.written),
            value: outcome.value,
            elapsed_ms: since.elapsed().as_secs_f64() * 1000.0,
            core_dump: core_dump.details(),
            run: run.to_string(),
        }),
        Err(CallFault::Refused(source) | CallFault::Failed(source)) => {
            Err(AppError::from(CallFailed {
                is_interrupted: source == CallError::Cancelled && cx.stop.is_interrupted(),
                report: FailureReport::read(repository, &run, |_| true),
                core_dump,
                run,
                model: model.definition.name.clone(),
                method,
                source,
            }))
        }
        Err(CallFault::App(error)) => Err(error),
    }
}

/// Runs the only call of a run. If a user cancels the run, or this process is to end, the call is
/// stopped, and its record says that it was cancelled.
async fn call_until_cancelled(cx: &Arc<RunCx>, call: CallRequest) -> Result<Outcome, CallFault> {
    let mut ending = pin!(call_run(cx, call));
    tokio::select! {
        biased;
        ended = &mut ending => return ended,
        _ = cx.stop.stopped() => {}
        () = cancel_requested(&cx.repository, cx.run()) => {
            cx.stop.stop(StopReason::Cancelled);
        }
    }
    ending.await
}

/// Creates the run, and with it the definition of an unsaved model.
fn run_begin(
    repository: &Repository,
    prepared: &PreparedRun,
    options: &RunOptions,
    locks: &Locks,
) -> Result<Claim, AppError> {
    let start = RunStart {
        id: RunId::from_bits(random::bits()),
        kind: RunKind::Method,
        subject: prepared.model.definition.name.to_string(),
        method: Some(prepared.method.to_string()),
        source: None,
        inputs: None,
        exclusive: false,
        session: repository.session()?.id().to_string(),
        actor: locks.actor().clone(),
        by_call: locks.by_call(),
        options: options.clone(),
    };
    let store = repository.store()?;
    let Some(put) = &prepared.unsaved else {
        return Ok(store.run_start(&start, &[])?);
    };
    let begun = store.run_start_unsaved(&start, put)?;
    begun.ok_or_else(|| {
        let name = put.name.clone();
        AppError::from(ModelError::UnsavedChanged { name })
    })
}

/// Returns why a run failed, for its log.
fn run_error(fault: &CallFault) -> RunError {
    match fault {
        CallFault::Refused(error) | CallFault::Failed(error) => RunError::Call(error.clone()),
        CallFault::App(error) => {
            let mut message = vec![error.message()];
            message.extend(error.causes());
            RunError::Host {
                code: error.code().as_str().to_owned(),
                message: message.join(": "),
            }
        }
    }
}

/// Ends the run. If it is dropped before, the run was cut off: a task of its own then waits for the
/// end of the call, and records the run as cancelled.
struct RunEnding {
    cx: Arc<RunCx>,
    frame: Arc<CallFrame>,
    has_ended: bool,
}

impl RunEnding {
    fn new(cx: &Arc<RunCx>, frame: &Arc<CallFrame>) -> Self {
        Self {
            cx: Arc::clone(cx),
            frame: Arc::clone(frame),
            has_ended: false,
        }
    }

    /// Ends the run with the result of its call.
    fn end(mut self, ended: &Result<Outcome, CallFault>) {
        self.has_ended = true;
        match ended {
            Ok(_) => run_end(&self.cx, RunStatus::Succeeded, None),
            Err(
                CallFault::Failed(CallError::Cancelled) | CallFault::Refused(CallError::Cancelled),
            ) => {
                run_end(&self.cx, RunStatus::Cancelled, None);
            }
            Err(fault) => run_end(&self.cx, RunStatus::Failed, Some(&run_error(fault))),
        }
    }
}

impl Drop for RunEnding {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let (cx, frame) = (Arc::clone(&self.cx), Arc::clone(&self.frame));
        let has_begun = self.cx.repository.background().spawn(async move {
            frame.callees_ended().await;
            run_end(&cx, RunStatus::Cancelled, None);
        });
        if !has_begun {
            let run = self.cx.run();
            tracing::warn!(%run, "a run was cut off at the end of the process, and appears as interrupted");
        }
    }
}

/// Records the end of a run. If this fails, the run appears as interrupted, and the record of its
/// call still has the result.
fn run_end(cx: &RunCx, status: RunStatus, error: Option<&RunError>) {
    let store = cx.repository.store();
    let ended = store.and_then(|store| Ok(store.run_end(&cx.claim, status, error)?));
    if let Err(error) = ended.and_then(|()| children_end(cx, status)) {
        tracing::warn!(run = %cx.run(), %error, "failed to record the end of a run");
    }
}

/// Ends the runs of workflows that the call has started and that are left. If the run was cancelled,
/// so are those that wait for a decision. The runs of commands that were cut off end in any case.
fn children_end(cx: &RunCx, status: RunStatus) -> Result<(), AppError> {
    let repository = &cx.repository;
    let (by, of_commands) = match status {
        RunStatus::Cancelled => {
            let record = repository.store()?.run_get(cx.run())?;
            let log = repository.store()?.run_events(cx.run())?;
            let decision = log.into_iter().find_map(|record| {
                if let RunEvent::CancelRequested { by, reason } = record.event {
                    return Some((by, reason));
                }
                None
            });
            // Without a decision, this process was requested to end.
            let (by, reason) =
                decision.unwrap_or_else(|| (Actor::sedge(), Some(CALL_CUT_OFF.to_owned())));
            children_cancel(repository, &record, &by, reason.as_deref())?;
            (by, CALL_CANCELLED)
        }
        RunStatus::Succeeded
        | RunStatus::Failed
        | RunStatus::Running
        | RunStatus::Suspended
        | RunStatus::Interrupted => {
            children_left_end(repository, cx.run())?;
            (Actor::sedge(), CALL_CUT_OFF)
        }
    };
    if !cx.has_run_commands() {
        return Ok(());
    }
    let above = Lineage::root(cx.run().clone());
    command_runs_end(repository, &by, &above, of_commands)
}

/// Returns the method of a name.
///
/// # Errors
/// The type of the model has no such method.
pub(super) fn method_find(
    plugin: &Plugin,
    model: &ModelName,
    name: &str,
) -> Result<MethodName, AppError> {
    let info = plugin.type_info();
    match info.method(name) {
        Some(method) => Ok(method.name.clone()),
        None => Err(AppError::from(ModelError::MethodMissing {
            model: model.clone(),
            type_name: info.name.clone(),
            method: name.to_owned(),
            methods: info
                .methods
                .iter()
                .map(|method| method.name.to_string())
                .collect(),
        })),
    }
}

/// Returns the arguments and inputs of a user's request, checked before a run is created.
pub(super) async fn arguments_of(
    repository: &RepositorySnapshot,
    model: &Arc<ReadyModel>,
    method: &MethodName,
    given: &GivenInputs,
) -> Result<Map<String, Value>, AppError> {
    let info = model.plugin.type_info();
    let schema = info
        .method(method.as_str())
        .map_or(&Value::Null, |method| &method.arguments);
    let schema = schema_joined(&model.definition.inputs, schema);
    let given = given.merged(&schema)?;
    let source = EvaluatorSource::of_arguments(repository);
    arguments_check(model, source, method, &given).await?;
    Ok(given)
}

/// Evaluates what the definition stores, and returns whether all arguments fit.
async fn arguments_fit(
    model: &Arc<ReadyModel>,
    source: EvaluatorSource,
    method: &MethodName,
    arguments: &Map<String, Value>,
) -> Result<Result<Value, CallError>, AppError> {
    let given = Value::Object(arguments.clone());
    let (arguments, inputs) = match arguments_routed(model, method, &given) {
        Ok(routed) => routed,
        Err(refused) => return Ok(Err(refused)),
    };
    let repository = source.repository.clone();
    let stored = stored_arguments(model, source, method, inputs).await?;
    Ok(effective_arguments(
        model,
        method,
        stored.of_method,
        arguments,
        &repository,
    ))
}

/// Checks arguments against a method's schema, after merging in those of the definition. Evaluates
/// the expressions of the definition for this.
///
/// # Errors
/// Returns an error if the arguments do not fit the schema, or if an expression has no value. If a
/// value of the definition is what does not fit, the error has its place.
pub(crate) async fn arguments_check(
    model: &Arc<ReadyModel>,
    source: EvaluatorSource,
    method: &MethodName,
    arguments: &Map<String, Value>,
) -> Result<(), AppError> {
    match arguments_fit(model, source, method, arguments).await? {
        Err(CallError::InvalidInput { violations }) => {
            let definition = &model.definition;
            if let Some(faults) = stored_faults(definition, method, arguments, &violations) {
                return Err(faults.into());
            }
            Err(AppError::from(ModelError::Violations {
                what: format!("the arguments of `{method}` of `{}`", model.definition.name),
                violations,
                type_name: model.plugin.type_info().name.clone(),
            }))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}
