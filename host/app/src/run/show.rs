//! Shows a run: its status, its steps, and the tree of its calls.

use sedge_api::view::call::{CallStatusView, CalledRunView};
use sedge_api::view::run::{RunReport, StepStatusView, StepView};
use sedge_model::call::CallStatus;
use sedge_model::names::RunId;
use sedge_model::run::{RunKind, RunStatus};
use sedge_store::{EventRecord, RunRecord};

use crate::cx::Cx;
use crate::error::AppError;
use crate::repository::Repository;
use crate::run::gate_log::log_as_of;
use crate::run::steps::{StepsOf, step_views};
use crate::run::view::{
    cancellation_of, jobs_failed, method_times, run_problem, run_status_view, run_times,
    run_view_now,
};
use crate::views::call::{CalledRuns, KeptVersions, call_views, kept_of};
use crate::workflow::approvals::{inputs_shown, parent_view};
use crate::workflow::gates::run_workflow;

/// Returns a run by its id or by the beginning of its id. Without an id, returns the newest run.
///
/// # Errors
/// Returns an error if there is no such run.
pub fn run_show(cx: &Cx, id: Option<&str>) -> Result<RunReport, AppError> {
    let run = cx.repository.run_by_id_or_newest(id)?;
    let store = cx.repository.store()?;
    let status = cx.repository.run_status(&run)?;
    let now = cx.clock.now();
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
        RunKind::Workflow => Some(run_workflow(&cx.repository, &run)?),
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
    let parent = options.parent.as_ref().map(parent_view);
    let called = called_runs(&cx.repository, &run)?;
    Ok(RunReport {
        run: run_view_now(&cx.repository, &run)?,
        parent_step: parent.as_ref().and_then(|it| it.step.clone()),
        parent_call: parent.and_then(|it| it.call),
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
        steps: steps_shown(&cx.repository, &of, &log)?,
        calls: call_views(calls, kept, called, open_call),
    })
}

/// Returns the steps of a run. The event of a step that runs a workflow names the child run before it
/// exists. A step whose workflow was refused has failed without one.
fn steps_shown(
    repository: &Repository,
    of: &StepsOf<'_>,
    log: &[EventRecord],
) -> Result<Vec<StepView>, AppError> {
    let mut steps = step_views(of, log);
    for step in steps.iter_mut().filter(|it| it.error.is_some()) {
        let Some(child) = &step.child else {
            continue;
        };
        let child: RunId = child.parse().expect("it was made of an id");
        if repository.run_if_present(&child)?.is_none() {
            step.child = None;
        }
    }
    Ok(steps)
}

/// Returns the runs of workflows that the calls of a run have started, by the calls.
fn called_runs(repository: &Repository, run: &RunRecord) -> Result<CalledRuns, AppError> {
    let mut found = CalledRuns::new();
    for called in repository.store()?.runs_of_calls(&run.id)? {
        let Some(call) = called.place.parent() else {
            continue;
        };
        found.entry(call).or_default().push(CalledRunView {
            run: called.run.id.to_string(),
            workflow: called.run.subject.clone(),
            status: run_status_view(repository, &called.run)?,
        });
    }
    Ok(found)
}
