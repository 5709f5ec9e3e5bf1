//! Resumes a run of a workflow: after its gates were decided, after its process crashed, or after it
//! failed, from some step.

use std::collections::BTreeSet;
use std::sync::Arc;

use sedge_api::view::workflow::WorkflowEnd;
use sedge_lang::expr::Expr;
use sedge_lang::input::{GivenInputs, inputs_merge};
use sedge_lang::suggest::nearest;
use sedge_lang::workflow::Workflow;
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_model::run::{CheckSkips, ExpansionName, RunEvent, RunStatus, StepInstance, StepPath};
use sedge_model::sealed::sealed_parts;
use sedge_store::{Claim, RunEdits, RunRecord};
use sedge_workflow::{InstanceState, Next, Plan, RunPause, RunState, edits_reset, steps_to_reset};
use serde_json::{Map, Value};

use crate::call::frame::CallFrame;
use crate::cx::Cx;
use crate::error::{AppError, ChildVerb, RunUseError};
use crate::events::Event;
use crate::locks::Locks;
use crate::repository::snapshot::RepositorySnapshot;
use crate::run::cx::{RunCx, RunParts};
use crate::run::find::RunIntent;
use crate::run::gate_log::ms;
use crate::secret::vault::Vault;
use crate::workflow::drive::{DriveRequest, can_continue, workflow_drive};
use crate::workflow::gate_find::gates_open_below;
use crate::workflow::gates::{fold, has_edits, run_workflow, source_kept};
use crate::workflow::inputs::{RunInputs, run_inputs, secrets_refuse};
use crate::workflow::run::frame_lock;
use crate::workflow::validate::{supported_check, workflow_check_left};

/// A request to resume a run of a workflow.
#[derive(Debug, Clone, Default)]
pub struct ResumeRequest {
    /// The workflow's name.
    pub workflow: String,
    /// The run's id; `None` if only one run of the workflow can be resumed, and with `from` for the
    /// newest run that has failed.
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
pub async fn workflow_resume(cx: &Cx, request: &ResumeRequest) -> Result<WorkflowEnd, AppError> {
    let repository = cx.repository.snapshot()?;
    let run = request.run.as_deref();
    let intent = match request.from {
        Some(_) => RunIntent::Restart,
        None => RunIntent::Resume,
    };
    let record = repository.run_of_workflow(&request.workflow, run, intent)?;
    repository.root_check(&record, ChildVerb::Resumed)?;
    let vault = Vault::open(&repository)?;
    let resumption = Resumption::new(&repository, &vault, &record, request)?;
    let checked = resumption.check(&repository);
    cx.cancel.unless_cancelled(checked).await?;
    let locks = Locks::new(cx, &repository)?;
    let frame = CallFrame::of_run(Lineage::root(record.id.clone()));
    if record.exclusive {
        let locked = frame_lock(&locks, &frame, &resumption.workflow.name);
        cx.cancel.unless_cancelled(locked).await?;
    }
    let is_edited = !request.take_edits && has_edits(&repository, &record)?;
    let mut options = repository.store()?.run_options(&record.id)?;
    if request.check_skips != CheckSkips::default() {
        options.check_skips = request.check_skips.clone();
    }
    let claim = resumption.claim(&repository, &record)?;
    let id = record.id.clone();
    cx.event(Event::RunResumed { run: id.clone() });
    if is_edited {
        let workflow = resumption.workflow.name.clone();
        cx.event(Event::WorkflowEdited { run: id, workflow });
    }
    let parts = RunParts {
        repository,
        base: cx.clone(),
        locks,
        vault,
    };
    let cx = RunCx::new(parts, claim, options, record.started_at);
    cx.inputs_set(resumption.inputs);
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
    inputs: RunInputs,
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
                let from = step_named(&old, &state, record, from)?;
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
            false => RunInputs::open(repository, &record.id, stored)?,
            true => {
                let begun = InputsBefore {
                    record,
                    state: &state,
                    reset: &reset,
                    stored,
                };
                let (inputs, begun) = begun.changed(repository, &workflow, request)?;
                reset.extend(begun);
                reset.sort();
                reset.dedup();
                if let Some(values) = &inputs.values {
                    secrets_refuse(values, &vault.redactors().strong)?;
                }
                edits.inputs = inputs.stored(repository, &record.id)?;
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
        let inputs = self.inputs.values.as_ref();
        workflow_check_left(repository, &self.workflow, inputs, is_left).await?;
        Ok(())
    }

    /// Claims the run, and writes what changes, in one transaction.
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
        let is_edited = self.edits != RunEdits::default() || !events.is_empty();
        events.push(RunEvent::Resumed);
        Ok(match is_edited {
            false => store.run_claim(record, &session, &events)?,
            // Which steps begin again, and what changes, depends on the events that were read.
            true => {
                let seen = (record, self.known);
                store.run_claim_edited(seen, &session, &self.edits, &events)?
            }
        })
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
    // The deadline of a run stays as it is when the run begins again.
    let deadline_ms = repository.store()?.run_options(&record.id)?.deadline_ms;
    let now_ms = ms(repository.clock().now());
    let is_late = state.deadline_passed() || deadline_ms.is_some_and(|it| it <= now_ms);
    match status {
        // Every step that began again would be skipped at once, and decisions would be lost.
        RunStatus::Failed if is_late => {
            refused("has failed, and its deadline has passed: start another run")
        }
        RunStatus::Failed if is_from => Ok(()),
        RunStatus::Interrupted | RunStatus::Suspended if is_from => {
            refused("has not failed, so it continues where it stopped: leave `--from` out")
        }
        RunStatus::Interrupted => Ok(()),
        RunStatus::Suspended => {
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
fn step_named(
    workflow: &Workflow,
    state: &RunState,
    record: &RunRecord,
    name: &str,
) -> Result<StepPath, AppError> {
    let named = workflow.steps().map(|step| &step.path);
    let named = named.filter(|path| path.step.as_str() == name || path.to_string() == name);
    let named: Vec<&StepPath> = named.collect();
    match named[..] {
        [one] => Ok(one.clone()),
        [] => {
            let mut instances = state.instances();
            let is_named = |it: &StepInstance| {
                let expansion = it.expansion.as_ref().map(ExpansionName::as_str);
                expansion.is_some() && (expansion == Some(name) || it.to_string() == name)
            };
            if let Some((item, _)) = instances.find(|(it, _)| is_named(it)) {
                return Err(AppError::from(RunUseError::StepItem {
                    run: record.id.clone(),
                    item: name.to_owned(),
                    step: item.path.clone(),
                }));
            }
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

/// A run whose inputs a user changes.
struct InputsBefore<'r> {
    record: &'r RunRecord,
    state: &'r RunState,
    /// The steps that begin again in any case.
    reset: &'r [StepPath],
    /// The inputs that the datastore has.
    stored: Option<Map<String, Value>>,
}

impl InputsBefore<'_> {
    /// Returns the inputs of the run with the given ones over them, and the steps that have begun and
    /// not ended, and begin again because they use an input that changes.
    ///
    /// # Errors
    /// The inputs do not fit the workflow, or a step that stays as it is has used an input that
    /// changes.
    fn changed(
        self,
        repository: &RepositorySnapshot,
        workflow: &Workflow,
        request: &ResumeRequest,
    ) -> Result<(RunInputs, Vec<StepPath>), AppError> {
        let run = &self.record.id;
        let given = request.inputs.merged(workflow.inputs.json())?;
        let mut stored = self.stored;
        // A sensitive input that is given again need not be opened.
        if let Some(stored) = &mut stored {
            stored.retain(|name, value| {
                !given.contains_key(name)
                    || sealed_parts(value).is_none()
                    || is_open(repository, run, name, value)
            });
        }
        let before = RunInputs::open(repository, run, stored)?.opened();
        // ignored: no error is dropped, because this is an `Option`.
        let mut merged = before.clone().unwrap_or_default();
        inputs_merge(&mut merged, given);
        let given = GivenInputs {
            item: merged,
            over: Vec::new(),
        };
        let inputs = run_inputs(workflow, &given)?;
        let after = inputs.opened();
        let changed = changed_names(before.as_ref(), after.as_ref());
        let begun = inputs_check(workflow, self.state, self.reset, &changed);
        let begun = begun.map_err(|(input, step)| RunUseError::InputUsed {
            run: run.clone(),
            input,
            step,
        })?;
        Ok((inputs, begun))
    }
}

/// Returns whether a sensitive input can be opened.
fn is_open(repository: &RepositorySnapshot, run: &RunId, name: &str, value: &Value) -> bool {
    let one = Map::from_iter([(name.to_owned(), value.clone())]);
    RunInputs::open(repository, run, Some(one)).is_ok()
}

/// Returns the names of the inputs that differ.
fn changed_names(
    before: Option<&Map<String, Value>>,
    after: Option<&Map<String, Value>>,
) -> BTreeSet<String> {
    let value = |of: Option<&Map<String, Value>>, key: &str| of.and_then(|it| it.get(key)).cloned();
    let keys = before.into_iter().chain(after).flat_map(Map::keys);
    keys.filter(|key| value(before, key) != value(after, key))
        .cloned()
        .collect()
}

/// Checks that no step that stays as it is has used an input that changes. Otherwise, returns the
/// input and the step as the error.
///
/// Returns the steps that have begun and not ended, and use such an input: they begin again, so that
/// they are evaluated with it. A step with a child run stays as it is: the child has its inputs.
fn inputs_check(
    workflow: &Workflow,
    state: &RunState,
    reset: &[StepPath],
    changed: &BTreeSet<String>,
) -> Result<Vec<StepPath>, (String, String)> {
    let mut begun = Vec::new();
    if changed.is_empty() {
        return Ok(begun);
    }
    for step in workflow.steps().filter(|it| !reset.contains(&it.path)) {
        let path = &step.path;
        let progress = StepProgress::of(state, path);
        if progress == StepProgress::None {
            continue;
        }
        let Some(input) = input_used(step.exprs(), changed) else {
            continue;
        };
        match progress {
            StepProgress::Kept => return Err((input, path.to_string())),
            StepProgress::Begun => begun.push(path.clone()),
            StepProgress::None => {}
        }
    }
    Ok(begun)
}

/// Returns the first of these inputs that expressions use.
fn input_used<'x>(
    exprs: impl IntoIterator<Item = &'x Expr>,
    changed: &BTreeSet<String>,
) -> Option<String> {
    exprs.into_iter().find_map(|expr| {
        let is_open = expr.uses("inputs") && !expr.names_all_members("inputs");
        let used = expr.references("inputs").into_iter().map(|it| it.name);
        let first = changed.first().filter(|_| is_open).cloned();
        used.into_iter().find(|it| changed.contains(it)).or(first)
    })
}

/// What a step has done in a run that is resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StepProgress {
    /// Nothing was evaluated for it.
    None,
    /// It has begun, and can begin again.
    Begun,
    /// It has ended, or a part of it has ended or has a child run.
    Kept,
}

impl StepProgress {
    fn of(state: &RunState, path: &StepPath) -> Self {
        if state.step_end(path).is_some() {
            return Self::Kept;
        }
        let mut progress = match state.expansions(path) {
            Some(_) => Self::Begun,
            None => Self::None,
        };
        for (_, instance) in state.instances_of(path) {
            if instance.end().is_some() || instance.child().is_some() {
                return Self::Kept;
            }
            if *instance != InstanceState::Waiting {
                progress = Self::Begun;
            }
        }
        progress
    }
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
