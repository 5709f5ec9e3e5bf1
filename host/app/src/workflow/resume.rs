//! Resumes a run of a workflow: after its gates were decided, or after its process crashed.

use std::sync::Arc;

use sedge_api::view::workflow::WorkflowEnd;
use sedge_model::run::{RunEvent, RunStatus};
use sedge_workflow::{Next, RunPause, next};

use crate::call::checks::CheckSkips;
use crate::error::{AppError, RunUseError};
use crate::events::Events;
use crate::locks::Locks;
use crate::repository::Repository;
use crate::run::cx::RunCx;
use crate::run::find::RunIntent;
use crate::secret::vault::Vault;
use crate::workflow::drive::workflow_drive;
use crate::workflow::gates::{fold, run_workflow};
use crate::workflow::run::run_lock;

/// Resumes a run, and works on it until it ends or waits at a gate. Without an id, resumes the only
/// run of the workflow that can be resumed. `check_skips` are the checks to skip from now on; the
/// record of the run does not have those that `workflow run` skipped.
///
/// # Errors
/// Returns an error if there is no such run, if its gates are undecided, or if another process
/// works on it: nothing was changed then. Also returns an error if the workflow failed.
pub async fn workflow_resume(
    repository: &Arc<Repository>,
    name: &str,
    run: Option<&str>,
    check_skips: &CheckSkips,
    events: Arc<dyn Events>,
) -> Result<WorkflowEnd, AppError> {
    let repository = repository.snapshot()?;
    let record = repository.run_of_workflow(name, run, RunIntent::Resume)?;
    let workflow = run_workflow(&repository, &record)?;
    let refused = |is: &str| {
        AppError::from(RunUseError::State {
            run: record.id.clone(),
            is: is.to_owned(),
        })
    };
    match repository.run_status(&record)? {
        RunStatus::Interrupted => {}
        RunStatus::Suspended => {
            let state = fold(&record.id, &repository.store()?.run_events(&record.id)?)?;
            if next(&workflow, &state) == Next::Pause(RunPause::Suspended) {
                return Err(AppError::from(RunUseError::GatesUndecided {
                    workflow: workflow.name,
                    run: record.id,
                    gates: state.gates_open().cloned().collect(),
                }));
            }
        }
        RunStatus::Running => return Err(refused("is running: another process works on it")),
        RunStatus::Succeeded => return Err(refused("has succeeded: there is nothing left to do")),
        RunStatus::Failed => return Err(refused("has failed")),
        RunStatus::Cancelled => return Err(refused("was cancelled")),
    }
    let vault = Vault::open(&repository)?;
    let locks = Locks::new(&repository, Arc::clone(&events))?;
    let frame = run_lock(&locks, &record.id, &workflow.name, record.exclusive).await?;
    let session = repository.session()?.id().to_string();
    let claim = repository
        .store()?
        .run_claim(&record, &session, &RunEvent::Resumed)?;
    // ignored: no error is dropped, because this is an `Option`.
    let inputs = repository
        .store()?
        .run_inputs(&record.id)?
        .unwrap_or_default();
    let cx = RunCx::new(repository, claim, events, locks, vault);
    cx.check_skips_set(check_skips.clone());
    cx.inputs_set(inputs);
    workflow_drive(cx, frame, workflow).await
}
