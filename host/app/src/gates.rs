//! Decides a gate: approving and rejecting differ in one word.
//!
//! A decision takes no lock. It is one compare-and-set on the run's log, so that of two
//! people who decide at once one is told that the other was faster.

use sedge_model::diagnostic::SourceFile;
use sedge_model::names::{RunId, WorkflowName};
use sedge_model::run::{GateDecision, RunEvent, RunStatus, StepPath};
use sedge_model::workflow::Workflow;
use sedge_store::{Author, EventRecord, RunRecord};
use sedge_sys::host;
use sedge_workflow::{Next, RunState, next};

use crate::error::AppError;
use crate::repository::Repository;
use crate::run_find::Wanted;

/// Which gate to decide.
#[derive(Debug, Clone)]
pub struct GateRequest {
    /// The workflow's name.
    pub workflow: String,
    /// The gate's name, or `JOB/GATE` where two jobs have a gate of that name.
    pub gate: String,
    /// The run's id; none where only one run waits.
    pub run: Option<String>,
    /// Why, in the person's words.
    pub comment: Option<String>,
}

/// A gate that was decided.
#[derive(Debug, Clone)]
pub struct GateReport {
    /// The run.
    pub run: RunId,
    /// The workflow.
    pub workflow: WorkflowName,
    /// The gate.
    pub gate: StepPath,
    /// What was decided.
    pub decision: GateDecision,
    /// Where the run stands now.
    pub status: RunStatus,
    /// The gates that still wait.
    pub gates_open: Vec<StepPath>,
}

/// Returns the workflow as it was when the run was made.
pub(crate) fn run_workflow(repository: &Repository, run: &RunRecord) -> Result<Workflow, AppError> {
    let name: WorkflowName = run.subject.parse()?;
    // ignored: there is no error here, only no value.
    let text = repository.store()?.run_source(&run.id)?.unwrap_or_default();
    let file = SourceFile {
        name: format!("{} (as of run {})", name.file(), run.id),
        text,
    };
    Ok(Workflow::parse(&name, file)?)
}

pub(crate) fn gate_decide(
    repository: &Repository,
    request: &GateRequest,
    decision: GateDecision,
) -> Result<GateReport, AppError> {
    let run =
        repository.run_of_workflow(&request.workflow, request.run.as_deref(), Wanted::Decide)?;
    let workflow = run_workflow(repository, &run)?;
    let mut decided = None;
    let mut state = RunState::default();
    let author = Author::Person(&run.id);
    repository.store()?.run_append(author, 0, |log| {
        state = fold(&run.id, log)?;
        let gate = gate_find(&run, &workflow, &state, &request.gate)?;
        let event = RunEvent::GateDecided {
            gate: gate.clone(),
            decision,
            by: host::user(),
            comment: request.comment.clone(),
        };
        decided = Some(gate);
        let mut events = vec![event];
        apply(&run.id, &mut state, &events[0])?;
        // A process that works on the run draws the consequences itself. Otherwise those
        // that need nothing to be run are drawn here: a rejected run has failed.
        if state.is_suspended() {
            while let Next::Append(event) = next(&workflow, &state) {
                apply(&run.id, &mut state, &event)?;
                events.push(event);
            }
        }
        Ok::<_, AppError>(events)
    })?;
    let Some(gate) = decided else {
        unreachable!("without a gate there is an error")
    };
    let status = repository.run_status(&repository.store()?.run_get(&run.id)?)?;
    Ok(GateReport {
        run: run.id,
        workflow: workflow.name,
        gate,
        decision,
        status,
        gates_open: state.gates_open().cloned().collect(),
    })
}

pub(crate) fn fold(run: &RunId, log: &[EventRecord]) -> Result<RunState, AppError> {
    RunState::fold(log.iter().map(|record| &record.event)).map_err(|source| AppError::RunLog {
        run: run.clone(),
        source,
    })
}

fn apply(run: &RunId, state: &mut RunState, event: &RunEvent) -> Result<(), AppError> {
    state.apply(event).map_err(|source| AppError::RunLog {
        run: run.clone(),
        source,
    })
}

fn gate_find(
    run: &RunRecord,
    workflow: &Workflow,
    state: &RunState,
    name: &str,
) -> Result<StepPath, AppError> {
    let open: Vec<&StepPath> = state.gates_open().collect();
    let named: Vec<&&StepPath> = open
        .iter()
        .filter(|gate| gate.step.as_str() == name || gate.to_string() == name)
        .collect();
    match named[..] {
        [gate] => Ok((*gate).clone()),
        _ => Err(AppError::GateMissing {
            workflow: workflow.name.clone(),
            run: run.id.clone(),
            gate: name.to_owned(),
            open: open.into_iter().cloned().collect(),
        }),
    }
}
