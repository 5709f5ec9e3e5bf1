//! Runs a workflow.

use std::sync::Arc;

use sedge_api::view::workflow::WorkflowEnd;
use sedge_locks::mode::{Mode, Resource};
use sedge_model::lineage::Lineage;
use sedge_model::names::{RunId, WorkflowName};
use sedge_model::run::{RunEvent, RunKind};
use sedge_store::RunStart;
use sedge_sys::random;

use crate::call::frame::CallFrame;
use crate::error::AppError;
use crate::events::Events;
use crate::locks::Locks;
use crate::repository::Repository;
use crate::run::cx::RunCx;
use crate::secret::vault::Vault;
use crate::workflow::drive::workflow_drive;
use crate::workflow::gates::source_kept;
use crate::workflow::validate::workflow_check;

/// Runs a workflow until it ends or waits at a gate.
///
/// Dropping the future leaves the run interrupted; it can be resumed.
///
/// If the request or the workflow's file is `exclusive`, the run locks the whole datastore while a
/// process works on it: it waits until no other call of any process is in progress, and then runs
/// alone.
///
/// # Errors
/// Returns an error if the workflow, one of its models or a step's inputs are invalid: no run was
/// created then. Also returns an error if the workflow failed.
pub async fn workflow_run(
    repository: &Arc<Repository>,
    name: &str,
    exclusive: bool,
    events: Arc<dyn Events>,
) -> Result<WorkflowEnd, AppError> {
    let repository = repository.snapshot()?;
    let workflow = repository.workflow(name)?;
    workflow_check(&repository, &workflow).await?;
    let exclusive = exclusive || workflow.exclusive;
    let vault = Vault::open(&repository)?;
    let locks = Locks::new(&repository, Arc::clone(&events))?;
    let run = RunId::from_bits(random::bits());
    let frame = run_lock(&locks, &run, &workflow.name, exclusive).await?;
    let start = RunStart {
        id: run,
        kind: RunKind::Workflow,
        subject: workflow.name.to_string(),
        method: None,
        source: Some(source_kept(&workflow, &vault.redactors())),
        exclusive,
        session: repository.session()?.id().to_string(),
        by: locks.by(),
    };
    let claim = repository
        .store()?
        .run_start(&start, &[RunEvent::Started])?;
    let cx = RunCx::new(repository, claim, events, locks, vault);
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
