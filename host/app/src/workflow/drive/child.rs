//! Child runs: what those of steps and those of calls have in common.
//!
//! A child run has a record of its own, inputs that its workflow's schema has checked, and the
//! deadline and the labels of its parent. Its calls lock below the step or the call that started it.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use sedge_api::problem::Explain;
use sedge_lang::input::GivenInputs;
use sedge_lang::workflow::{Step, Task, Workflow};
use sedge_model::lineage::Lineage;
use sedge_model::names::{EnvName, RunId, WorkflowName};
use sedge_model::run::{RunEvent, RunKind, RunOptions, RunParent, RunStatus};
use sedge_store::{Claim, RunRecord, RunStart};
use sedge_sys::clock::Timestamp;
use sedge_workflow::{Next, Plan, RunPause, RunState};
use serde_json::{Map, Value};

use super::DriveRequest;
use super::nested::can_continue;
use crate::call::frame::CallFrame;
use crate::error::{AppError, ProcessError};
use crate::repository::snapshot::RepositorySnapshot;
use crate::run::cx::{CallAbove, RunCx, RunParts};
use crate::run::gate_log::ms;
use crate::secret::argument::{ArgumentMark, marks_replace};
use crate::secret::vault::Vault;
use crate::workflow::gates::{fold, run_workflow, source_kept};
use crate::workflow::inputs::{RunInputs, run_inputs, secrets_refuse, sensitive_handed_check};
use crate::workflow::run::{deadline_of, frame_lock, run_tags};
use crate::workflow::validate::{supported_check, workflow_check};

/// The reason why inputs with a secret are refused.
pub(crate) const SECRET_IN_INPUTS: &str = "the inputs of a workflow are stored, so they cannot contain a secret; use \
     `${{ secret(\"NAME\") }}` where the nested workflow needs it";

/// A child run that can be driven.
pub(crate) struct ReadyChild {
    pub(crate) workflow: Workflow,
    pub(crate) claim: Claim,
    inputs: RunInputs,
    options: RunOptions,
    started_at: Timestamp,
    exclusive: bool,
}

/// A child run that exists.
pub(crate) enum ChildFound {
    /// It was interrupted, or its gates are decided: it can be driven.
    Ready(Box<ReadyChild>),
    /// It has ended.
    Ended(RunStatus),
    /// It waits for a decision.
    Suspended {
        /// The number of its last event.
        seq: u64,
    },
}

/// A workflow that can run as a child run, with its inputs.
pub(crate) struct CheckedChild {
    pub(crate) workflow: Workflow,
    pub(crate) inputs: RunInputs,
}

/// The inputs that a parent gives to a child run, before they are checked.
pub(crate) struct GivenToChild {
    pub(crate) inputs: Map<String, Value>,
    /// The places that have a sensitive input of the parent, as JSON pointers.
    pub(crate) sensitive: Vec<String>,
}

/// Returns the inputs that a step gives to a child run, with the sensitive inputs of its own run.
///
/// # Errors
/// They contain a secret or a sealed field. The error is the message.
pub(crate) fn child_inputs_opened(
    cx: &RunCx,
    inputs: &Value,
) -> Result<GivenToChild, &'static str> {
    let mut opened = inputs.clone();
    let (mut sensitive, mut has_secret) = (Vec::new(), false);
    marks_replace(&mut opened, &mut |pointer, mark| match mark {
        ArgumentMark::Input(of) => {
            sensitive.push(pointer.to_owned());
            // ignored: no error is dropped. A run that no longer has the input hands over null.
            cx.input_value(of).unwrap_or_default()
        }
        ArgumentMark::Secret(_) | ArgumentMark::Field(_) => {
            has_secret = true;
            Value::Null
        }
    });
    match has_secret {
        true => Err(SECRET_IN_INPUTS),
        false => Ok(GivenToChild {
            // ignored: no error is dropped; the inputs of a step are an object.
            inputs: opened.as_object().cloned().unwrap_or_default(),
            sensitive,
        }),
    }
}

/// Claims a child run that a former driver or a former attempt at the call has created, unless it
/// has ended or waits for a decision.
pub(crate) fn child_found(cx: &RunCx, record: &RunRecord) -> Result<ChildFound, AppError> {
    let store = cx.repository.store()?;
    if record.status.is_final() {
        return Ok(ChildFound::Ended(record.status));
    }
    let workflow = run_workflow(&cx.repository, record)?;
    let log = store.run_events(&record.id)?;
    let plan = Arc::new(Plan::new(&workflow));
    let state = fold(&record.id, &plan, &log)?;
    let now_ms = ms(cx.clock().now());
    if state.next(now_ms) == Next::Pause(RunPause::Suspended)
        && !has_child_to_wake(cx, &state, now_ms)?
    {
        let seq = log.last().map_or(0, |it| it.seq);
        return Ok(ChildFound::Suspended { seq });
    }
    // They are opened before the claim: a run that cannot be opened stays as it is.
    let inputs = RunInputs::open(&cx.repository, &record.id, store.run_inputs(&record.id)?)?;
    let session = cx.repository.session()?.id().to_string();
    let claim = store.run_claim(record, session.as_str(), &[RunEvent::Resumed])?;
    Ok(ChildFound::Ready(Box::new(ReadyChild {
        workflow,
        claim,
        inputs,
        options: store.run_options(&record.id)?,
        started_at: record.started_at,
        exclusive: record.exclusive,
    })))
}

/// Returns whether one of the child runs of a run can continue.
fn has_child_to_wake(cx: &RunCx, state: &RunState, now_ms: i64) -> Result<bool, AppError> {
    for (_, found) in state.instances() {
        if let Some(run) = found.child()
            && can_continue(&cx.repository, run, now_ms)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Checks a workflow and its inputs, before a child run of it is created.
pub(crate) async fn child_check(
    cx: &RunCx,
    workflow: &str,
    given: GivenToChild,
) -> Result<CheckedChild, AppError> {
    let repository = &cx.repository;
    let workflow = repository.workflow(workflow)?;
    supported_check(&workflow)?;
    let GivenToChild { inputs, sensitive } = given;
    sensitive_handed_check(&workflow, &inputs, &sensitive)?;
    let given = GivenInputs {
        item: inputs,
        over: Vec::new(),
    };
    let inputs = run_inputs(&workflow, &given)?;
    workflow_check(repository, &workflow, inputs.values.as_ref()).await?;
    if let Some(values) = &inputs.values {
        secrets_refuse(values, &cx.vault.redactors().strong)?;
    }
    Ok(CheckedChild { workflow, inputs })
}

/// Returns the first workflow that needs the whole datastore for itself, of a workflow and those that
/// its steps run. Steps that compute the name of their workflow are left out.
///
/// # Errors
/// The file of a nested workflow cannot be used.
pub(crate) fn exclusive_of(
    repository: &RepositorySnapshot,
    workflow: &Workflow,
) -> Result<Option<WorkflowName>, AppError> {
    if workflow.exclusive {
        return Ok(Some(workflow.name.clone()));
    }
    let mut pending = nested_names(workflow);
    let mut seen = HashSet::new();
    while let Some(name) = pending.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let nested = repository.workflow(&name)?;
        if nested.exclusive {
            return Ok(Some(nested.name));
        }
        pending.extend(nested_names(&nested));
    }
    Ok(None)
}

/// Returns the names of the workflows that the steps of a workflow run, as far as the file has them.
pub(super) fn nested_names(workflow: &Workflow) -> Vec<String> {
    let name = |step: &Step| match &step.task {
        Task::Workflow { workflow, .. } => workflow.literal().map(str::to_owned),
        Task::ModelMethod { .. } | Task::ManualApproval { .. } | Task::Assert { .. } => None,
    };
    workflow.steps().filter_map(name).collect()
}

/// Returns the options of a child run: it is under the deadline and the labels of its parent, and
/// under the deadline `own_ms` of the step or the call that starts it. `environment` has the variables
/// of the environment whose values its inputs may contain.
pub(crate) fn child_options(
    cx: &RunCx,
    child: &CheckedChild,
    environment: &BTreeSet<EnvName>,
    parent: RunParent,
    own_ms: Option<i64>,
) -> Result<RunOptions, AppError> {
    let deadlines = [
        cx.options.deadline_ms,
        own_ms,
        deadline_of(&child.workflow, ms(cx.clock().now())),
    ];
    let source = cx.evaluator_source();
    let own = run_tags(&source, &child.workflow, child.inputs.values.as_ref())?;
    let mut tags = own.tags;
    tags.extend(cx.options.tags.clone());
    let mut environment = &cx.options.environment | environment;
    environment.extend(own.environment);
    Ok(RunOptions {
        check_skips: cx.options.check_skips.clone(),
        fail_on: cx.options.fail_on,
        tags,
        parent: Some(parent),
        deadline_ms: deadlines.into_iter().flatten().min(),
        environment,
    })
}

/// Creates a child run. Its record is durable then, and names its place in the parent run.
pub(crate) fn child_create(
    cx: &RunCx,
    id: RunId,
    child: CheckedChild,
    options: RunOptions,
) -> Result<ReadyChild, AppError> {
    let CheckedChild { workflow, inputs } = child;
    let stored = inputs.stored(&cx.repository, &id)?;
    let record = RunStart {
        id,
        kind: RunKind::Workflow,
        subject: workflow.name.to_string(),
        method: None,
        source: Some(source_kept(&workflow, &cx.vault.redactors())),
        inputs: stored,
        exclusive: workflow.exclusive,
        session: cx.repository.session()?.id().to_string(),
        actor: cx.locks.actor().clone(),
        by_call: cx.locks.by_call(),
        options: options.clone(),
    };
    let store = cx.repository.store()?;
    let claim = store.run_start(&record, &[RunEvent::Started])?;
    Ok(ReadyChild {
        exclusive: workflow.exclusive,
        workflow,
        claim,
        inputs,
        options,
        started_at: cx.clock().now(),
    })
}

/// Returns what drives a child run. `caller` is the frame of the step's run or of the call, and
/// `ordinal` the place of the child run in it. `call_above` is the call that the child run is below,
/// if any.
pub(crate) async fn child_request(
    cx: &RunCx,
    caller: &Arc<CallFrame>,
    ordinal: u32,
    ready: ReadyChild,
    call_above: Option<CallAbove>,
) -> Result<DriveRequest, AppError> {
    let parts = RunParts {
        base: cx.base().with_cancel(cx.stop.for_children()),
        repository: cx.repository.clone(),
        locks: Arc::clone(&cx.locks),
        vault: Vault::open(&cx.repository)?,
        call_above,
    };
    // What the child gets of this run may come back in the results of its calls.
    parts.vault.sealed_add(cx.vault.sealed());
    let run = ready.claim.run.clone();
    let frame = caller.nested_run(ordinal, Lineage::root(run));
    let child = RunCx::below(cx, parts, ready.claim, ready.options, ready.started_at);
    child.inputs_set(ready.inputs);
    if ready.exclusive {
        let locked = frame_lock(&child.locks, &frame, &ready.workflow.name);
        let locked = match child.stop.unless_stopped(locked).await {
            Ok(locked) => locked,
            Err(_) => Err(ProcessError::Interrupted.into()),
        };
        if let Err(error) = locked {
            cx.repository.store()?.run_release(&child.claim)?;
            return Err(error);
        }
    }
    Ok(DriveRequest {
        cx: child,
        depth: caller.n_runs(),
        frame,
        plan: Arc::new(Plan::new(&ready.workflow)),
        log: Vec::new(),
        workflow: ready.workflow,
        above: None,
    })
}

/// Returns why a child run cannot begin, if the error fails only its step or its call; `None` if the
/// error ends the work on the parent run.
pub(crate) fn child_fault(error: &AppError) -> Option<String> {
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
        | AppError::Author(_)
        | AppError::Failed(_)
        | AppError::Data(_)
        | AppError::Datastore(_)
        | AppError::Lock(_)
        | AppError::Upkeep(_)
        | AppError::Process(_) => None,
    }
}
