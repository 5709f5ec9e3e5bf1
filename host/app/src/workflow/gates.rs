//! Decides a gate. Approving and rejecting share this code.
//!
//! A decision takes no lock. It is one compare-and-set on the run's log: if two users decide at
//! once, the later decision is refused.

use std::borrow::Cow;
use std::cmp::Reverse;

use sedge_api::view::workflow::{DecisionView, GateDecisionView};
use sedge_lang::diagnostic::SourceFile;
use sedge_lang::workflow::{Workflow, WrittenText};
use sedge_model::names::{RunId, WorkflowName};
use sedge_model::run::{GateDecision, RunEvent, StepPath};
use sedge_store::{Author, EventRecord, RunRecord};
use sedge_sys::host;
use sedge_workflow::{Next, RunAction, RunState, next};
use serde_json::Value;

use crate::error::{AppError, RunUseError};
use crate::repository::Repository;
use crate::run::find::RunIntent;
use crate::run::view::status_view;
use crate::secret::vault::{Redactors, Vault};

/// The gate to decide.
#[derive(Debug, Clone)]
pub struct GateRequest {
    /// The workflow's name.
    pub workflow: String,
    /// The gate's name, or `JOB/GATE` if two jobs of the workflow have a step of that name.
    pub gate: String,
    /// The run's id; `None` if only one run waits.
    pub run: Option<String>,
    /// The reason, in the user's words.
    pub comment: Option<String>,
}

/// Approves a gate. The run continues when it is resumed, or at once if a process works on it.
///
/// # Errors
/// Returns an error if there is no such run, or if it has no such open gate.
pub fn workflow_approve(
    repository: &Repository,
    request: &GateRequest,
) -> Result<GateDecisionView, AppError> {
    gate_decide(repository, request, GateDecision::Approved)
}

/// Rejects a gate.
///
/// Steps that depend on the gate's success will not run. If no other step is left to run, the run
/// fails because of this gate.
///
/// # Errors
/// Returns an error if there is no such run, or if it has no such open gate.
pub fn workflow_reject(
    repository: &Repository,
    request: &GateRequest,
) -> Result<GateDecisionView, AppError> {
    gate_decide(repository, request, GateDecision::Rejected)
}

/// Returns the workflow as it was when the run was created.
pub(crate) fn run_workflow(repository: &Repository, run: &RunRecord) -> Result<Workflow, AppError> {
    let name: WorkflowName = run.subject.parse()?;
    // ignored: no error is dropped, because this is an `Option`.
    let text = repository.store()?.run_source(&run.id)?.unwrap_or_default();
    let file = SourceFile::new(format!("{} (as of run {})", name.file(), run.id), text);
    Ok(Workflow::parse(&file)?)
}

/// Returns a workflow's text as the run stores it, with the values of secrets redacted in the
/// prompts.
///
/// Values elsewhere stay, because a run that is resumed needs its inputs unchanged.
pub(crate) fn source_kept(workflow: &Workflow, redactors: &Redactors) -> String {
    let mut text = workflow.file.text.clone();
    let mut prompts: Vec<&WrittenText> = workflow
        .steps()
        .filter_map(|step| step.task.prompt())
        .filter(|prompt| !prompt.span().is_empty())
        .collect();
    prompts.sort_by_key(|prompt| Reverse(prompt.span().start));
    for prompt in prompts {
        let Cow::Owned(redacted) = redactors.all.redact(prompt.as_str()) else {
            continue;
        };
        let mut changed = text.clone();
        changed.replace_range(prompt.span(), &Value::String(redacted).to_string());
        let file = SourceFile::new(workflow.file.name.clone(), changed);
        // A text that is not in YAML's quoted style may extend beyond its span.
        if let Ok(parsed) = Workflow::parse(&file) {
            text.clone_from(&parsed.file.text);
        }
    }
    text
}

pub(crate) fn gate_decide(
    repository: &Repository,
    request: &GateRequest,
    decision: GateDecision,
) -> Result<GateDecisionView, AppError> {
    let run =
        repository.run_of_workflow(&request.workflow, request.run.as_deref(), RunIntent::Decide)?;
    let workflow = run_workflow(repository, &run)?;
    let comment = match &request.comment {
        // The user may have pasted a secret into the comment.
        Some(comment) => {
            let redactor = Vault::open(repository)?.redactors().all;
            Some(redactor.redact(comment).into_owned())
        }
        None => None,
    };
    let missing = |state: &RunState| {
        AppError::from(RunUseError::GateMissing {
            workflow: workflow.name.clone(),
            run: run.id.clone(),
            gate: request.gate.clone(),
            open: state.gates_open().cloned().collect(),
        })
    };
    let Some(gate) = gate_path(&workflow, &request.gate)? else {
        let log = repository.store()?.run_events(&run.id)?;
        return Err(missing(&fold(&run.id, &log)?));
    };
    let mut state = RunState::default();
    let author = Author::Person(&run.id);
    repository.store()?.run_append(author, 0, |log| {
        state = fold(&run.id, log)?;
        if !state.gates_open().any(|open| *open == gate) {
            return Err(missing(&state));
        }
        let event = RunEvent::GateDecided {
            gate: gate.clone(),
            decision,
            by: host::user(),
            comment: comment.clone(),
        };
        let mut events = vec![event];
        apply(&run.id, &mut state, &events[0])?;
        // A process that works on the run applies the consequences itself. Otherwise, the
        // consequences that need no step to run are applied here: a rejected run has failed.
        if state.is_suspended() {
            while let Next::Act(RunAction::Append(event)) = next(&workflow, &state) {
                apply(&run.id, &mut state, &event)?;
                events.push(event);
            }
        }
        Ok::<_, AppError>(events)
    })?;
    let status = repository.run_status(&repository.store()?.run_get(&run.id)?)?;
    Ok(GateDecisionView {
        run: run.id.to_string(),
        workflow: workflow.name.to_string(),
        gate: gate.to_string(),
        decision: match decision {
            GateDecision::Approved => DecisionView::Approved,
            GateDecision::Rejected => DecisionView::Rejected,
        },
        status: status_view(status),
        gates_open: state.gates_open().map(ToString::to_string).collect(),
    })
}

pub(crate) fn fold(run: &RunId, log: &[EventRecord]) -> Result<RunState, AppError> {
    RunState::fold(log.iter().map(|record| &record.event)).map_err(|source| {
        AppError::from(RunUseError::Log {
            run: run.clone(),
            source,
        })
    })
}

fn apply(run: &RunId, state: &mut RunState, event: &RunEvent) -> Result<(), AppError> {
    state.apply(event).map_err(|source| {
        AppError::from(RunUseError::Log {
            run: run.clone(),
            source,
        })
    })
}

/// Returns the only step of a workflow that has the name `name` or the path `name`. Returns `None`
/// if there is no such step.
///
/// The name alone decides, and not which gates are open: these may change while the run continues,
/// and the same name would then decide another gate.
fn gate_path(workflow: &Workflow, name: &str) -> Result<Option<StepPath>, AppError> {
    let paths = workflow.steps().map(|step| &step.path);
    let mut named: Vec<StepPath> = paths
        .filter(|path| path.step.as_str() == name || path.to_string() == name)
        .cloned()
        .collect();
    if named.len() > 1 {
        return Err(AppError::from(RunUseError::GateAmbiguous {
            workflow: workflow.name.clone(),
            gate: name.to_owned(),
            steps: named,
        }));
    }
    Ok(named.pop())
}
