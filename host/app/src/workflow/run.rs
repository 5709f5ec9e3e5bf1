//! Runs a workflow.

use std::sync::Arc;

use sedge_api::view::workflow::WorkflowEnd;
use sedge_lang::input::GivenInputs;
use sedge_locks::mode::{Mode, Resource};
use sedge_model::lineage::Lineage;
use sedge_model::names::{RunId, WorkflowName};
use sedge_model::run::{RunEvent, RunKind};
use sedge_store::RunStart;
use sedge_sys::random;

use crate::call::checks::CheckSkips;
use crate::call::frame::CallFrame;
use crate::error::AppError;
use crate::events::Events;
use crate::locks::Locks;
use crate::repository::Repository;
use crate::run::cx::RunCx;
use crate::secret::vault::Vault;
use crate::workflow::drive::workflow_drive;
use crate::workflow::gates::source_kept;
use crate::workflow::inputs::{run_inputs, secrets_refuse};
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
/// Dropping the future leaves the run interrupted; it can be resumed.
///
/// If the request or the workflow's file is `exclusive`, the run locks the whole datastore while a
/// process works on it: it waits until no other call of any process is in progress, and then runs
/// alone.
///
/// # Errors
/// Returns an error if the workflow, its inputs, one of its models or a step's inputs are invalid:
/// no run was created then. Also returns an error if the workflow failed.
pub async fn workflow_run(
    repository: &Arc<Repository>,
    request: &WorkflowRunRequest,
    events: Arc<dyn Events>,
) -> Result<WorkflowEnd, AppError> {
    let repository = repository.snapshot()?;
    let workflow = repository.workflow(&request.workflow)?;
    repository.names_check()?;
    supported_check(&workflow)?;
    let inputs = run_inputs(&workflow, &request.inputs)?;
    let models = workflow_check(&repository, &workflow, inputs.as_ref()).await?;
    // Steps whose models are known only later may have any checks.
    if let Some(models) = models.into_iter().collect::<Option<Vec<_>>>() {
        let types = models.iter().map(|model| model.plugin.type_info());
        request.check_skips.check_known(types)?;
    }
    let exclusive = request.exclusive || workflow.exclusive;
    let vault = Vault::open(&repository)?;
    if let Some(inputs) = &inputs {
        secrets_refuse(inputs, &vault.redactors().strong)?;
    }
    let locks = Locks::new(&repository, Arc::clone(&events))?;
    let run = RunId::from_bits(random::bits());
    let frame = run_lock(&locks, &run, &workflow.name, exclusive).await?;
    let start = RunStart {
        id: run,
        kind: RunKind::Workflow,
        subject: workflow.name.to_string(),
        method: None,
        source: Some(source_kept(&workflow, &vault.redactors())),
        inputs: inputs.clone(),
        exclusive,
        session: repository.session()?.id().to_string(),
        by: locks.by(),
    };
    let claim = repository
        .store()?
        .run_start(&start, &[RunEvent::Started])?;
    let cx = RunCx::new(repository, claim, events, locks, vault);
    cx.check_skips_set(request.check_skips.clone());
    // ignored: no error is dropped, because this is an `Option`.
    cx.inputs_set(inputs.unwrap_or_default());
    workflow_drive(cx, frame, workflow).await
}

/// Returns the frame of a run. If the run is exclusive, it holds a lock on the datastore.
pub(crate) async fn run_lock(
    locks: &Arc<Locks>,
    run: &RunId,
    name: &WorkflowName,
    exclusive: bool,
) -> Result<Arc<CallFrame>, AppError> {
    let frame = CallFrame::of_run(Lineage::root(run.clone()));
    if exclusive {
        let what = format!("workflow {name}");
        let wants = [(Resource::Datastore, Mode::X)];
        frame.keep(locks.acquire(frame.lineage(), &what, &wants, None).await?);
    }
    Ok(frame)
}
