//! Shows a run: its status, its steps, and the tree of its calls.

use sedge_api::view::call::CallStatusView;
use sedge_api::view::run::{RunReport, StepStatusView};
use sedge_model::call::CallStatus;
use sedge_model::run::{RunKind, RunStatus};
use sedge_sys::clock::Timestamp;

use crate::error::AppError;
use crate::repository::Repository;
use crate::run::gate_log::log_as_of;
use crate::run::steps::{StepsOf, step_views};
use crate::run::view::{
    cancellation_of, jobs_failed, method_times, run_problem, run_times, run_view_now,
};
use crate::views::call::{KeptVersions, call_views, kept_of};
use crate::workflow::approvals::inputs_shown;
use crate::workflow::gates::run_workflow;

/// Returns a run by its id or by the beginning of its id. Without an id, returns the newest run.
///
/// # Errors
/// Returns an error if there is no such run.
pub fn run_show(repository: &Repository, id: Option<&str>) -> Result<RunReport, AppError> {
    let run = repository.run_by_id_or_newest(id)?;
    let store = repository.store()?;
    let status = repository.run_status(&run)?;
    let now = Timestamp::now();
    let log = log_as_of(store.run_events(&run.id)?, now);
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
    let workflow = match run.kind {
        RunKind::Workflow => Some(run_workflow(repository, &run)?),
        RunKind::Method => None,
    };
    let options = store.run_options(&run.id)?;
    let times = match run.kind {
        RunKind::Workflow => run_times(&log, status, now),
        RunKind::Method => method_times(&run, status, now),
    };
    let inputs = store.run_inputs(&run.id)?;
    let of = StepsOf {
        run: &run.id,
        workflow: workflow.as_ref(),
        open: open_step,
    };
    Ok(RunReport {
        run: run_view_now(repository, &run)?,
        parent_step: options.parent.map(|(_, step)| step.to_string()),
        tags: options.tags,
        working_ms: times.working_ms,
        waiting_ms: times.waiting_ms,
        cancelled: cancellation_of(&log),
        inputs: match &workflow {
            Some(workflow) => inputs.map(|inputs| inputs_shown(workflow, inputs)),
            None => inputs,
        },
        error: run_problem(&log),
        failed_jobs: jobs_failed(&log),
        steps: step_views(&of, &log),
        calls: call_views(calls, kept, open_call),
    })
}
