//! Shows a run: its status, its steps, and the tree of its calls.

use sedge_api::view::call::CallStatusView;
use sedge_api::view::run::{RunReport, StepStatusView};
use sedge_model::call::CallStatus;
use sedge_model::run::RunStatus;

use crate::error::AppError;
use crate::repository::Repository;
use crate::run::view::{run_problem, run_view, step_views};
use crate::views::call::{KeptVersions, call_views, kept_of};

/// Returns a run by its id or by the beginning of its id. Without an id, returns the newest run.
///
/// # Errors
/// Returns an error if there is no such run.
pub fn run_show(repository: &Repository, id: Option<&str>) -> Result<RunReport, AppError> {
    let run = repository.run_by_id_or_newest(id)?;
    let store = repository.store()?;
    let status = repository.run_status(&run)?;
    let events = store.run_events(&run.id)?;
    let calls = store.call_list(&run.id)?;
    let mut kept = KeptVersions::new();
    if calls.iter().any(|it| it.status != CallStatus::Succeeded) {
        kept = kept_of(store, &run.id)?;
    }
    // If the process of the run is gone, its steps and calls that are stored as running are
    // interrupted.
    let (open_step, open_call) = if status == RunStatus::Running {
        (StepStatusView::Running, CallStatusView::Running)
    } else {
        (StepStatusView::Interrupted, CallStatusView::Interrupted)
    };
    Ok(RunReport {
        run: run_view(&run, status),
        inputs: store.run_inputs(&run.id)?,
        error: run_problem(&events),
        steps: step_views(&run.id, &events, open_step),
        calls: call_views(calls, kept, open_call),
    })
}
