//! Resumes a run of a workflow: after its gates were decided, after its process crashed, or after it
//! failed, from some step.

use std::collections::BTreeSet;
use std::sync::Arc;

use sedge_api::view::workflow::WorkflowEnd;
use sedge_lang::input::{GivenInputs, inputs_merge};
use sedge_lang::suggest::nearest;
use sedge_lang::workflow::Workflow;
use sedge_model::lineage::Lineage;
use sedge_model::run::{CheckSkips, RunEvent, RunStatus, StepPath};
use sedge_store::{Author, Claim, RunEdits, RunRecord};
use sedge_sys::clock::Timestamp;
use sedge_workflow::{Next, Plan, RunPause, RunState, edits_reset, steps_to_reset};
use serde_json::{Map, Value};

use crate::call::frame::CallFrame;
use crate::error::{AppError, ChildVerb, RunUseError};
use crate::events::{Event, Events};
use crate::locks::Locks;
use crate::repository::Repository;
use crate::repository::snapshot::RepositorySnapshot;
use crate::run::cx::{RunCx, RunParts};
use crate::run::find::RunIntent;
use crate::run::gate_log::ms;
use crate::secret::vault::Vault;
use crate::workflow::drive::{DriveRequest, can_continue, workflow_drive};
use crate::workflow::gate_find::gates_open_below;
use crate::workflow::gates::{fold, has_edits, run_workflow, source_kept};
use crate::workflow::inputs::{run_inputs, secrets_refuse};
use crate::workflow::run::frame_lock;
use crate::workflow::validate::{supported_check, workflow_check_left};

/// A request to resume a run of a workflow.
#[derive(Debug, Clone, Default)]
pub struct ResumeRequest {
    /// The workflow's name.
    pub workflow: String,
    /// The run's id; `None` if only one run of the workflow can be resumed.
    pub run: Option<String>,
    /// The step from which a failed run begins again: `JOB/STEP`, or the name of the step alone if
    /// the workflow has one step of that name.
    pub from: Option<String>,
    /// Whether the run continues with the workflow's file as it is now.
    pub take_edits: bool,
    /// Inputs for the steps that have not started, over those of the run.
    pub inputs: GivenInputs,
    /// The checks to skip from now on. If none are given, those of the run stay.
    pub check_skips: CheckSkips,
}

/// Resumes a run, and works on it until it ends or waits at a gate.
///
/// What is left is checked before the run is claimed: a model or a plugin that is missing leaves the
/// run as it was.
///
/// # Errors
/// Returns an error if there is no such run, if its gates are undecided, if another process works
/// on it, or if what is left of it cannot run: nothing was changed then. Also returns an error if
/// the workflow failed or was cancelled.
pub async fn workflow_resume(
    repository: &Arc<Repository>,
    request: &ResumeRequest,
    events: Arc<dyn Events>,
) -> Result<WorkflowEnd, AppError> {
    let repository = repository.snapshot()?;
    let run = request.run.as_deref();
    let record = repository.run_of_workflow(&request.workflow, run, RunIntent::Resume)?;
    repository.root_check(&record, ChildVerb::Resumed)?;
    let vault = Vault::open(&repository)?;
    let resumption = Resumption::new(&repository, &vault, &record, request)?;
    resumption.check(&repository).await?;
    let locks = Locks::new(&repository, Arc::clone(&events))?;
    let frame = CallFrame::of_run(Lineage::root(record.id.clone()));
    if record.exclusive {
        frame_lock(&locks, &frame, &resumption.workflow.name).await?;
    }
    let is_edited = !request.take_edits && has_edits(&repository, &record)?;
    let mut options = repository.store()?.run_options(&record.id)?;
    if request.check_skips != CheckSkips::default() {
        options.check_skips = request.check_skips.clone();
    }
    let claim = resumption.claim(&repository, &record)?;
    let id = record.id.clone();
    events.event(Event::RunResumed { run: id.clone() });
    if is_edited {
        let workflow = resumption.workflow.name.clone();
        events.event(Event::WorkflowEdited { run: id, workflow });
    }
    let parts = RunParts {
        repository,
        events,
        locks,
        vault,
    };
    let cx = RunCx::new(parts, claim, options, record.started_at);
    // ignored: no error is dropped, because this is an `Option`.
    cx.inputs_set(resumption.inputs.unwrap_or_default());
    workflow_drive(DriveRequest {
        cx,
        frame,
        workflow: resumption.workflow,
        depth: 0,
    })
    .await
}

/// What a resumed run continues with.
struct Resumption {
    /// The workflow with which the run continues.
    workflow: Workflow,
    inputs: Option<Map<String, Value>>,
    /// What changes in the record of the run.
    edits: RunEdits,
    /// The number of the last event that this is based on.
    known: u64,
    /// The steps that begin again.
    reset: Vec<StepPath>,
    /// The state of the run before it is resumed.
    state: RunState,
}

impl Resumption {
    /// Decides what the run continues with.
    fn new(
        repository: &RepositorySnapshot,
        vault: &Vault,
        record: &RunRecord,
        request: &ResumeRequest,
    ) -> Result<Self, AppError> {
        let store = repository.store()?;
        let old = run_workflow(repository, record)?;
        let log = store.run_events(&record.id)?;
        let state = fold(&record.id, &Arc::new(Plan::new(&old)), &log)?;
        status_check(repository, record, &state, request)?;
        let mut reset = match &request.from {
            Some(from) => {
                let from = step_named(&old, record, from)?;
                let steps = steps_to_reset(&state, &from);
                steps.expect("the step was found in the workflow")
            }
            None => Vec::new(),
        };
        let mut edits = RunEdits::default();
        let workflow = match request.take_edits {
            false => old,
            true => {
                let new = repository.workflow(&record.subject)?;
                supported_check(&new)?;
                let begun = edits_reset(&old, &new, &state_after_reset(record, &state, &reset)?);
                let begun = begun.map_err(|steps| RunUseError::EditsRefused {
                    run: record.id.clone(),
                    steps: steps.iter().map(ToString::to_string).collect(),
                })?;
                reset.extend(begun);
                reset.sort();
                reset.dedup();
                edits.source = Some(source_kept(&new, &vault.redactors()));
                new
            }
        };
        let stored = store.run_inputs(&record.id)?;
        let changed = GivenInputs::default() != request.inputs;
        let inputs = match changed || request.take_edits {
            false => stored,
            true => {
                let given = GivenInputs {
                    // ignored: no error is dropped, because this is an `Option`.
                    item: inputs_over(stored.clone().unwrap_or_default(), &workflow, request)?,
                    over: Vec::new(),
                };
                let inputs = run_inputs(&workflow, &given)?;
                let unchanged =
                    inputs_check(&workflow, &state, &reset, stored.as_ref(), inputs.as_ref());
                unchanged.map_err(|(input, step)| RunUseError::InputUsed {
                    run: record.id.clone(),
                    input,
                    step,
                })?;
                if let Some(inputs) = &inputs {
                    secrets_refuse(inputs, &vault.redactors().strong)?;
                }
                edits.inputs.clone_from(&inputs);
                inputs
            }
        };
        Ok(Self {
            workflow,
            inputs,
            edits,
            known: log.last().map_or(0, |it| it.seq),
            reset,
            state,
        })
    }

    /// Checks what is left of the run: its models, plugins and methods.
    async fn check(&self, repository: &RepositorySnapshot) -> Result<(), AppError> {
        let reset: BTreeSet<&StepPath> = self.reset.iter().collect();
        let is_left = |path: &StepPath| reset.contains(path) || self.state.step_end(path).is_none();
        let inputs = self.inputs.as_ref();
        workflow_check_left(repository, &self.workflow, inputs, is_left).await?;
        Ok(())
    }

    /// Writes what changes, and claims the run.
    fn claim(
        &self,
        repository: &RepositorySnapshot,
        record: &RunRecord,
    ) -> Result<Claim, AppError> {
        let store = repository.store()?;
        let session = repository.session()?.id().to_string();
        let mut events = Vec::new();
        if self.edits.source.is_some() {
            events.push(RunEvent::EditsTaken);
        }
        if !self.reset.is_empty() {
            let steps = self.reset.clone();
            events.push(RunEvent::Reset { steps });
        }
        if self.edits != RunEdits::default() {
            let author = Author::Person(&record.id);
            let entries = std::mem::take(&mut events).into_iter().map(Into::into);
            store.run_append_edits(author, self.known, &self.edits, entries.collect())?;
        }
        events.push(RunEvent::Resumed);
        Ok(store.run_claim(record, &session, &events)?)
    }
}

/// Refuses to resume a run whose status does not permit it.
fn status_check(
    repository: &RepositorySnapshot,
    record: &RunRecord,
    state: &RunState,
    request: &ResumeRequest,
) -> Result<(), AppError> {
    let refused = |is: &str| {
        Err(AppError::from(RunUseError::State {
            run: record.id.clone(),
            is: is.to_owned(),
        }))
    };
    let status = repository.run_status(record)?;
    let is_from = request.from.is_some();
    match status {
        RunStatus::Failed if is_from => Ok(()),
        RunStatus::Interrupted | RunStatus::Suspended if is_from => {
            refused("has not failed, so it continues where it stopped: leave `--from` out")
        }
        RunStatus::Interrupted => Ok(()),
        RunStatus::Suspended => {
            let now_ms = ms(Timestamp::now());
            let waits = state.next(now_ms) == Next::Pause(RunPause::Suspended);
            if waits && !can_continue(repository, &record.id, now_ms)? {
                return Err(AppError::from(RunUseError::GatesUndecided {
                    workflow: record.subject.parse()?,
                    run: record.id.clone(),
                    gates: gates_open_below(repository, record)?,
                }));
            }
            Ok(())
        }
        RunStatus::Running => refused("is running: another process works on it"),
        RunStatus::Succeeded => refused("has succeeded: there is nothing left to do"),
        RunStatus::Failed => {
            refused("has failed; `--from STEP` runs a step and all that depends on it again")
        }
        RunStatus::Cancelled => refused("was cancelled"),
    }
}

/// Returns the step of a name or a path.
fn step_named(workflow: &Workflow, record: &RunRecord, name: &str) -> Result<StepPath, AppError> {
    let named = workflow.steps().map(|step| &step.path);
    let named = named.filter(|path| path.step.as_str() == name || path.to_string() == name);
    let named: Vec<&StepPath> = named.collect();
    match named[..] {
        [one] => Ok(one.clone()),
        [] => {
            let paths: Vec<String> = workflow.steps().map(|it| it.path.to_string()).collect();
            let near = nearest(name, paths.iter().map(String::as_str));
            Err(AppError::from(RunUseError::StepMissing {
                run: record.id.clone(),
                step: name.to_owned(),
                near: near.map(str::to_owned),
            }))
        }
        [_, _, ..] => Err(AppError::from(RunUseError::GateAmbiguous {
            workflow: workflow.name.clone(),
            gate: name.to_owned(),
            steps: named.iter().map(ToString::to_string).collect(),
        })),
    }
}

/// Returns the inputs of a run with the given ones over them.
fn inputs_over(
    mut inputs: Map<String, Value>,
    workflow: &Workflow,
    request: &ResumeRequest,
) -> Result<Map<String, Value>, AppError> {
    let given = request.inputs.merged(workflow.inputs.json())?;
    inputs_merge(&mut inputs, given);
    Ok(inputs)
}

/// Checks that no step that stays as it ended has used an input that changes. Otherwise, returns the
/// input and the step.
fn inputs_check(
    workflow: &Workflow,
    state: &RunState,
    reset: &[StepPath],
    before: Option<&Map<String, Value>>,
    after: Option<&Map<String, Value>>,
) -> Result<(), (String, String)> {
    let value = |of: Option<&Map<String, Value>>, key: &str| of.and_then(|it| it.get(key)).cloned();
    let keys = before.into_iter().chain(after).flat_map(Map::keys);
    let changed: BTreeSet<&str> = keys
        .filter(|key| value(before, key) != value(after, key))
        .map(String::as_str)
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    for step in workflow.steps() {
        if reset.contains(&step.path) || state.step_end(&step.path).is_none() {
            continue;
        }
        for expr in step.exprs() {
            let is_open = expr.uses("inputs") && !expr.names_all_members("inputs");
            let used = expr.references("inputs").into_iter().map(|it| it.name);
            let first = changed
                .first()
                .filter(|_| is_open)
                .map(|it| (*it).to_owned());
            let used = used.into_iter().find(|it| changed.contains(it.as_str()));
            if let Some(input) = used.or(first) {
                return Err((input, step.path.to_string()));
            }
        }
    }
    Ok(())
}

/// Returns the state of a run in which these steps begin again.
fn state_after_reset(
    record: &RunRecord,
    state: &RunState,
    steps: &[StepPath],
) -> Result<RunState, AppError> {
    let mut after = state.clone();
    if steps.is_empty() {
        return Ok(after);
    }
    let event = RunEvent::Reset {
        steps: steps.to_vec(),
    };
    match after.apply(&event) {
        Ok(()) => Ok(after),
        Err(source) => Err(AppError::from(RunUseError::Log {
            run: record.id.clone(),
            source,
        })),
    }
}
