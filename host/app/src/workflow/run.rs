//! Runs a workflow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sedge_api::view::workflow::WorkflowEnd;
use sedge_lang::input::GivenInputs;
use sedge_lang::workflow::{Workflow, WrittenText};
use sedge_locks::mode::{Mode, Resource};
use sedge_model::lineage::Lineage;
use sedge_model::names::{EnvName, RunId, WorkflowName};
use sedge_model::run::{AssertSeverity, CheckSkips, RunEvent, RunKind, RunOptions};
use sedge_store::RunStart;
use sedge_sys::random;
use sedge_workflow::Plan;
use serde_json::{Map, Value};

use crate::call::checks::check_skips_known;
use crate::call::frame::CallFrame;
use crate::cx::Cx;
use crate::error::AppError;
use crate::events::Event;
use crate::expression::{
    EvaluatorSource, ResultsUsed, SecretPlace, StepVariables, expression_fault, has_data,
};
use crate::locks::Locks;
use crate::run::cx::{RunCx, RunParts};
use crate::run::gate_log::ms;
use crate::secret::argument::has_mark;
use crate::secret::vault::Vault;
use crate::workflow::drive::{DriveRequest, workflow_drive};
use crate::workflow::gates::source_kept;
use crate::workflow::inputs::{RunInputs, run_inputs, secrets_refuse, tags_refuse};
use crate::workflow::validate::{supported_check, workflow_check};

/// A request to run a workflow.
#[derive(Debug, Clone, Default)]
pub struct WorkflowRunRequest {
    /// The workflow's name.
    pub workflow: String,
    /// Its inputs.
    pub inputs: GivenInputs,
    /// Whether the run locks the whole datastore, also if the workflow's file does not say so.
    pub exclusive: bool,
    /// The checks to skip before the methods of all steps.
    pub check_skips: CheckSkips,
    /// An assert whose severity is below this counts as an allowed failure.
    pub fail_on: Option<AssertSeverity>,
    /// The labels of the run and of the data that it writes. They count over those of the file.
    pub tags: BTreeMap<String, String>,
}

impl WorkflowRunRequest {
    /// Returns the request to run a workflow without inputs.
    #[must_use]
    pub fn of(workflow: &str) -> Self {
        Self {
            workflow: workflow.to_owned(),
            ..Self::default()
        }
    }
}

/// Runs a workflow until it ends or waits at a gate.
///
/// If the use case is cancelled, the run is interrupted: all calls of it stop and record that they
/// were cancelled, and the run can be resumed.
///
/// If the request or the workflow's file is `exclusive`, the run locks the whole datastore while a
/// process works on it: it waits until no other call of any process is in progress, and then runs
/// alone.
///
/// # Errors
/// Returns an error if the workflow, its inputs, one of its models or a step's inputs are invalid:
/// no run was created then. Also returns an error if the workflow failed or was cancelled.
pub async fn workflow_run(cx: &Cx, request: &WorkflowRunRequest) -> Result<WorkflowEnd, AppError> {
    let repository = cx.repository.snapshot()?;
    let workflow = repository.workflow(&request.workflow)?;
    repository.names_check()?;
    supported_check(&workflow)?;
    repository.workflow_expect(&workflow);
    let inputs = run_inputs(&workflow, &request.inputs)?;
    let checked = workflow_check(&repository, &workflow, inputs.values.as_ref());
    let models = cx.cancel.unless_cancelled(checked).await?;
    // Steps whose models are known only later may have any checks.
    if let Some(models) = models.into_iter().collect::<Option<Vec<_>>>() {
        let types = models.iter().map(|model| model.plugin.type_info());
        check_skips_known(&request.check_skips, types)?;
    }
    let exclusive = request.exclusive || workflow.exclusive;
    let vault = Vault::open(&repository)?;
    let kept = source_checked(&vault, &workflow, &inputs, &request.tags)?;
    let source = EvaluatorSource::of_arguments(&repository);
    let started_at = source.now;
    let tags = run_tags(&source, &workflow, inputs.values.as_ref())?;
    let locks = Locks::new(cx, &repository)?;
    let run = RunId::from_bits(random::bits());
    let frame = CallFrame::of_run(Lineage::root(run.clone()));
    if exclusive {
        let locked = frame_lock(&locks, &frame, &workflow.name);
        cx.cancel.unless_cancelled(locked).await?;
    }
    let options = run_options(request, tags, deadline_of(&workflow, ms(cx.clock.now())));
    let start = RunStart {
        id: run.clone(),
        kind: RunKind::Workflow,
        subject: workflow.name.to_string(),
        method: None,
        source: Some(kept),
        inputs: inputs.stored(&repository, &run)?,
        exclusive,
        session: repository.session()?.id().to_string(),
        actor: locks.actor().clone(),
        by_call: locks.by_call(),
        options: options.clone(),
    };
    let claim = repository
        .store()?
        .run_start(&start, &[RunEvent::Started])?;
    cx.event(Event::RunStarted { run });
    let parts = RunParts {
        repository,
        base: cx.clone(),
        locks,
        vault,
        call_above: None,
    };
    let cx = RunCx::new(parts, claim, options, started_at);
    cx.inputs_set(inputs);
    workflow_drive(DriveRequest {
        cx,
        frame,
        plan: Arc::new(Plan::new(&workflow)),
        log: Vec::new(),
        workflow,
        depth: 0,
        above: None,
    })
    .await
}

/// Returns the options of a run that a user starts.
fn run_options(
    request: &WorkflowRunRequest,
    of_workflow: RunTags,
    deadline_ms: Option<i64>,
) -> RunOptions {
    let RunTags {
        mut tags,
        environment,
    } = of_workflow;
    tags.extend(request.tags.clone());
    RunOptions {
        check_skips: request.check_skips.clone(),
        fail_on: request.fail_on,
        tags,
        parent: None,
        deadline_ms,
        environment,
    }
}

/// Returns the text of a workflow for the record of a run, after a check that the record would hold no
/// secret and no sensitive input in plain.
///
/// # Errors
/// An input or a label would hold one.
fn source_checked(
    vault: &Vault,
    workflow: &Workflow,
    inputs: &RunInputs,
    tags: &BTreeMap<String, String>,
) -> Result<String, AppError> {
    let secrets = vault.redactors();
    if let Some(values) = &inputs.values {
        secrets_refuse(values, &secrets.strong)?;
    }
    // A user may repeat a sensitive input in a label.
    vault.sealed_add(inputs.redacted());
    tags_refuse(tags, &vault.redactors().strong)?;
    // A command that resumes the run compares the text, and then knows the secrets only.
    Ok(source_kept(workflow, &secrets))
}

/// Locks the whole datastore for a run, as long as its frame exists.
pub(crate) async fn frame_lock(
    locks: &Arc<Locks>,
    frame: &CallFrame,
    name: &WorkflowName,
) -> Result<(), AppError> {
    let what = format!("workflow {name}");
    let wants = [(Resource::Datastore, Mode::X)];
    frame.note_wanted(&wants);
    let lock = locks.acquire(frame.lock_lineage(), &what, &wants, None);
    frame.keep(lock.await?);
    Ok(())
}

/// Returns the deadline of a run that begins now, if the file has one: milliseconds since
/// 1970-01-01T00:00:00Z.
pub(crate) fn deadline_of(workflow: &Workflow, now_ms: i64) -> Option<i64> {
    let timeout = workflow.timeout.as_ref()?;
    let span_ms = i64::try_from(timeout.value.ms()).unwrap_or(i64::MAX);
    Some(now_ms.saturating_add(span_ms))
}

/// The labels of a run.
#[derive(Debug, Default)]
pub(crate) struct RunTags {
    pub(crate) tags: BTreeMap<String, String>,
    /// The variables of the environment that their expressions have read.
    pub(crate) environment: BTreeSet<EnvName>,
}

/// Evaluates the labels of a workflow, before a run of it begins.
///
/// # Errors
/// An expression has no value, with its place.
pub(crate) fn run_tags(
    source: &EvaluatorSource,
    workflow: &Workflow,
    inputs: Option<&Map<String, Value>>,
) -> Result<RunTags, AppError> {
    if workflow.tags.is_empty() {
        return Ok(RunTags::default());
    }
    let source = EvaluatorSource {
        secrets: SecretPlace::Elsewhere,
        ..source.clone()
    };
    // ignored: no error is dropped, because this is an `Option`.
    let inputs = Value::Object(inputs.cloned().unwrap_or_default());
    let variables = StepVariables::before_run(inputs);
    let exprs = workflow.tags.values().flat_map(WrittenText::exprs);
    source.evaluate(has_data(exprs), |evaluator| {
        let mut tags = BTreeMap::new();
        for (key, text) in &workflow.tags {
            let used = ResultsUsed::of(text.exprs());
            let value = variables.with_env(evaluator, &used, |env| evaluator.text(text, env))?;
            recorded_check(text, &value)?;
            let value = match value {
                Value::String(text) => text,
                Value::Null => String::new(),
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    value.to_string()
                }
            };
            tags.insert(key.clone(), value);
        }
        Ok(RunTags {
            tags,
            environment: evaluator.environment(),
        })
    })
}

/// Refuses a text that becomes part of a record, and that contains a secret or a sensitive input.
///
/// # Errors
/// The value has a mark. The error names the expressions.
pub(crate) fn recorded_check(text: &WrittenText, value: &Value) -> Result<(), AppError> {
    match text.exprs().next().filter(|_| has_mark(value)) {
        None => Ok(()),
        Some(first) => {
            let message = "it becomes part of a record, so it cannot contain a sensitive input or a \
                           secret";
            Err(expression_fault(first, message).into())
        }
    }
}
