//! Runs a workflow.

use std::sync::Arc;

use sedge_model::names::RunId;
use sedge_model::run::{RunEvent, RunKind};
use sedge_store::RunStart;
use sedge_sys::{host, random};

use crate::error::AppError;
use crate::events::Events;
use crate::repository::Repository;
use crate::workflow_drive::{WorkflowEnd, workflow_drive};
use crate::workflow_validate::workflow_check;

/// Runs a workflow until it ends or waits at a gate. Dropping the future leaves the run
/// interrupted, to be resumed.
///
/// # Errors
/// The workflow, a model in it, or a step's inputs are at fault: then no run was made. Or
/// the workflow failed.
pub async fn workflow_run(
    repository: &Arc<Repository>,
    name: &str,
    events: Arc<dyn Events>,
) -> Result<WorkflowEnd, AppError> {
    repository.expect_many_calls();
    let workflow = repository.workflow(name)?;
    workflow_check(repository, &workflow).await?;
    let start = RunStart {
        id: RunId::from_bits(random::bits()),
        kind: RunKind::Workflow,
        subject: workflow.name.to_string(),
        method: None,
        source: Some(workflow.file.text.clone()),
        session: repository.session()?.to_owned(),
        by: host::user(),
    };
    let claim = repository
        .store()?
        .run_start(&start, &[RunEvent::Started])?;
    workflow_drive(repository, workflow, claim, events).await
}
