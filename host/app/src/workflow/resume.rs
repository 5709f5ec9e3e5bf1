//! Resumes a run of a workflow: after its gates were decided, after its process crashed, or after it
//! failed, from some step.

mod inputs;

use std::collections::BTreeSet;
use std::sync::Arc;

use sedge_api::view::workflow::WorkflowEnd;
use sedge_lang::input::GivenInputs;
use sedge_lang::suggest::nearest;
use sedge_lang::workflow::Workflow;
use sedge_model::lineage::Lineage;
use sedge_model::run::{
    Actor, CheckSkips, ExpansionName, RunEvent, RunStatus, StepInstance, StepPath,
};
use sedge_store::{Claim, EventRecord, RunClaimant, RunEdits, RunRecord};
use sedge_workflow::{Next, Plan, RunPause, RunState, edits_reset, steps_to_reset};

use self::inputs::InputsBefore;
use crate::call::frame::CallFrame;
use crate::cx::Cx;
use crate::error::{AppError, ChildVerb, RunUseError};
use crate::events::Event;
use crate::locks::Locks;
use crate::repository::snapshot::RepositorySnapshot;
use crate::run::cancel::{CALL_REPEATED, command_runs_end};
use crate::run::cx::{RunCx, RunParts};
use crate::run::find::RunIntent;
use crate::run::gate_log::ms;
use crate::run::view::is_past_deadline;
use crate::secret::vault::Vault;
use crate::workflow::drive::{DriveRequest, can_continue, workflow_drive};
use crate::workflow::gate_find::{children, gate_approved, gates_open_below};
use crate::workflow::gates::{fold, has_edits, run_workflow, source_kept};
use crate::workflow::inputs::{RunInputs, secrets_refuse};
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
    repository.workflow_expect(&resumption.workflow);
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
    // The calls that have started these runs are made again.
    let above = Lineage::root(record.id.clone());
    command_runs_end(&repository, locks.actor(), &above, CALL_REPEATED)?;
    let claim = resumption.claim(&repository, &record, locks.actor())?;
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
        call_above: None,
    };
    let cx = RunCx::new(parts, claim, options, record.started_at);
    cx.inputs_set(resumption.inputs);
    // The driver folds its own state, and a large run should not have two.
    drop(resumption.state);
    workflow_drive(DriveRequest {
        cx,
        frame,
        workflow: resumption.workflow,
        plan: resumption.plan,
        log: resumption.log,
        depth: 0,
        above: None,
    })
    .await
}

/// What a resumed run continues with.
struct Resumption {
    /// The workflow with which the run continues.
    workflow: Workflow,
    /// The graph of that workflow.
    plan: Arc<Plan>,
    inputs: RunInputs,
    /// What changes in the record of the run.
    edits: RunEdits,
    /// The log that this is based on.
    log: Vec<EventRecord>,
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
        let old_plan = Arc::new(Plan::new(&old));
        let state = fold(&record.id, &old_plan, &log)?;
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
        let (workflow, plan) = match request.take_edits {
            false => (old, old_plan),
            true => {
                let new = repository.workflow(&record.subject)?;
                supported_check(&new)?;
                let begun = edits_reset(&old, &new, &state_after_reset(record, &state, &reset)?);
                let begun = begun.map_err(|steps| RunUseError::EditsRefused {
                    run: record.id.clone(),
                    steps: steps.iter().map(ToString::to_string).collect(),
                })?;
                steps_add(&mut reset, begun);
                edits.source = Some(source_kept(&new, &vault.redactors()));
                let plan = Arc::new(Plan::new(&new));
                (new, plan)
            }
        };
        let inputs = InputsBefore {
            record,
            state: &state,
            reset: &reset,
            stored: store.run_inputs(&record.id)?,
        };
        let inputs = match is_changing(request) {
            false => RunInputs::open(repository, &record.id, inputs.stored)?,
            true => {
                let changed = inputs.changed(repository, &workflow, request)?;
                steps_add(&mut reset, changed.begun);
                if let Some(values) = &changed.inputs.values {
                    secrets_refuse(values, &vault.redactors().strong)?;
                }
                if !changed.is_same {
                    edits.inputs = changed.inputs.stored(repository, &record.id)?;
                }
                changed.inputs
            }
        };
        let resumption = Self {
            workflow,
            plan,
            inputs,
            edits,
            log,
            reset,
            state,
        };
        resumption.nested_approvals_check(repository, record)?;
        Ok(resumption)
    }

    /// Refuses to change inputs if a user has approved a gate of a nested workflow that has ended, so that
    /// it cannot be opened again, and if something that follows has not started.
    fn nested_approvals_check(
        &self,
        repository: &RepositorySnapshot,
        record: &RunRecord,
    ) -> Result<(), AppError> {
        if self.edits.inputs.is_none() {
            return Ok(());
        }
        let state = self.state_after(record)?;
        let unstarted_behind = state.steps_with_unstarted_behind();
        for (step, child) in children(&self.log) {
            let found = state.instance(&step);
            let is_of_step =
                found.is_some_and(|it| it.end().is_some() || it.child() == Some(&child));
            let run = repository.run_if_present(&child)?;
            let has_ended = run.is_some_and(|it| it.status.is_final());
            if !is_of_step || !has_ended || !unstarted_behind.contains(&step.path) {
                continue;
            }
            if let Some(gate) = gate_approved(repository, &child)? {
                let path = &step.path;
                return Err(AppError::from(RunUseError::State {
                    run: record.id.clone(),
                    is: format!(
                        "cannot continue with other inputs: the gate `{step}/{gate}` was approved \
                         for those that the run has, and cannot be opened again, because the nested \
                         workflow of the step `{path}` has ended. Start another run, or if the run \
                         has failed, begin again from that step: `--from {path}`"
                    ),
                }));
            }
        }
        Ok(())
    }

    /// Returns the state of the run with the text with which it continues, after its steps were reset.
    fn state_after(&self, record: &RunRecord) -> Result<RunState, AppError> {
        let changes = self.events_of_changes();
        let events = self.log.iter().map(|it| &it.event).chain(&changes);
        RunState::fold(Arc::clone(&self.plan), events).map_err(|source| {
            AppError::from(RunUseError::Log {
                run: record.id.clone(),
                source,
            })
        })
    }

    /// Returns the events that say what changes.
    fn events_of_changes(&self) -> Vec<RunEvent> {
        let mut events = Vec::new();
        if self.edits.source.is_some() {
            events.push(RunEvent::EditsTaken);
        }
        if !self.reset.is_empty() {
            let steps = self.reset.clone();
            events.push(RunEvent::Reset { steps });
        }
        events
    }

    /// Checks what is left of the run: its models, plugins and methods.
    async fn check(&self, repository: &RepositorySnapshot) -> Result<(), AppError> {
        let reset: BTreeSet<&StepPath> = self.reset.iter().collect();
        let continued = self.continued(repository)?;
        let is_left = |path: &StepPath| {
            reset.contains(path)
                || (self.state.step_end(path).is_none() && !continued.contains(path))
        };
        let inputs = self.inputs.values.as_ref();
        workflow_check_left(repository, &self.workflow, inputs, is_left).await?;
        Ok(())
    }

    /// Returns the steps of which only child runs are left. These have their own texts, and do not need
    /// the files of their workflows.
    fn continued(&self, repository: &RepositorySnapshot) -> Result<BTreeSet<StepPath>, AppError> {
        let (mut continued, mut needed) = (BTreeSet::new(), BTreeSet::new());
        for (step, found) in self.state.instances().filter(|(_, it)| it.end().is_none()) {
            let child = match found.child() {
                Some(child) => repository.run_if_present(child)?,
                None => None,
            };
            match child {
                Some(_) => continued.insert(step.path),
                None => needed.insert(step.path),
            };
        }
        continued.retain(|path| !needed.contains(path));
        Ok(continued)
    }

    /// Claims the run for a user, and writes what changes, in one transaction.
    fn claim(
        &self,
        repository: &RepositorySnapshot,
        record: &RunRecord,
        user: &Actor,
    ) -> Result<Claim, AppError> {
        let store = repository.store()?;
        let session = repository.session()?.id().to_string();
        let mut events = self.events_of_changes();
        let claimant = RunClaimant {
            session: &session,
            user: Some(user),
        };
        let is_edited = self.edits != RunEdits::default() || !events.is_empty();
        events.push(RunEvent::Resumed);
        Ok(match is_edited {
            false => store.run_claim(record, claimant, &events)?,
            // Which steps begin again, and what changes, depends on the events that were read.
            true => {
                let known = self.log.last().map_or(0, |it| it.seq);
                let seen = (record, known);
                store.run_claim_edited(seen, claimant, &self.edits, &events)?
            }
        })
    }
}

/// Returns whether the user gives inputs or takes the file as it is now.
fn is_changing(request: &ResumeRequest) -> bool {
    request.take_edits || request.inputs != GivenInputs::default()
}

/// Adds steps to sorted ones, so that each is there once.
fn steps_add(steps: &mut Vec<StepPath>, more: Vec<StepPath>) {
    steps.extend(more);
    steps.sort();
    steps.dedup();
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
    let now_ms = ms(repository.clock().now());
    let is_late = state.deadline_passed() || is_past_deadline(repository, record)?;
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
            // The gates that wait are opened again with what changes.
            // A run whose deadline has passed fails, whatever is decided.
            let stays = waits && !is_late && !is_changing(request);
            if stays && !can_continue(repository, &record.id, now_ms)? {
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
