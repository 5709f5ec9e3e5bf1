//! Inputs that a user gives to a run that is resumed.

use std::collections::BTreeSet;

use sedge_lang::expr::Expr;
use sedge_lang::input::{GivenInputs, inputs_merge};
use sedge_lang::workflow::Workflow;
use sedge_model::names::RunId;
use sedge_model::run::StepPath;
use sedge_model::sealed::sealed_parts;
use sedge_store::RunRecord;
use sedge_workflow::{InstanceState, RunState};
use serde_json::{Map, Value};

use super::ResumeRequest;
use crate::error::{AppError, RunUseError};
use crate::repository::snapshot::RepositorySnapshot;
use crate::workflow::inputs::{RunInputs, RunInputsError, run_inputs};

/// A run whose inputs a user changes.
pub(super) struct InputsBefore<'r> {
    pub(super) record: &'r RunRecord,
    pub(super) state: &'r RunState,
    /// The steps that begin again in any case.
    pub(super) reset: &'r [StepPath],
    /// The inputs that the datastore has.
    pub(super) stored: Option<Map<String, Value>>,
}

/// The inputs with which a run continues.
pub(super) struct InputsAfter {
    pub(super) inputs: RunInputs,
    /// Whether they are those that the run had.
    pub(super) is_same: bool,
    /// The steps that have begun and not ended, and begin again because they use an input that changes.
    pub(super) begun: Vec<StepPath>,
}

impl InputsBefore<'_> {
    /// Returns the inputs of the run with the given ones over them.
    ///
    /// # Errors
    /// The inputs do not fit the workflow, or a step that stays as it is has used an input that
    /// changes.
    pub(super) fn changed(
        self,
        repository: &RepositorySnapshot,
        workflow: &Workflow,
        request: &ResumeRequest,
    ) -> Result<InputsAfter, AppError> {
        let run = &self.record.id;
        let given = request.inputs.merged(workflow.inputs.json())?;
        let stored = match self.stored {
            Some(stored) => Some(without_closed(repository, run, stored, &given)?),
            None => None,
        };
        let before_run = RunInputs::open(repository, run, stored)?;
        let before = before_run.opened();
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
        Ok(InputsAfter {
            is_same: inputs == before_run,
            inputs,
            begun,
        })
    }
}

/// Leaves out the sensitive inputs that are given again and cannot be opened: their former values are not
/// needed.
///
/// # Errors
/// The keys cannot be read, so it is unknown whether an input can be opened.
fn without_closed(
    repository: &RepositorySnapshot,
    run: &RunId,
    stored: Map<String, Value>,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, AppError> {
    let mut kept = Map::new();
    for (name, value) in stored {
        let is_in_doubt = given.contains_key(&name) && sealed_parts(&value).is_some();
        if !is_in_doubt || can_open(repository, run, &name, &value)? {
            kept.insert(name, value);
        }
    }
    Ok(kept)
}

/// Returns whether a sensitive input can be opened.
///
/// # Errors
/// The keys cannot be read. That is not the same as a key that is missing.
fn can_open(
    repository: &RepositorySnapshot,
    run: &RunId,
    name: &str,
    value: &Value,
) -> Result<bool, AppError> {
    let one = Map::from_iter([(name.to_owned(), value.clone())]);
    match RunInputs::open(repository, run, Some(one)) {
        Ok(_) => Ok(true),
        Err(AppError::Run(RunUseError::Inputs(RunInputsError::Closed { .. }))) => Ok(false),
        Err(error) => Err(error),
    }
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
/// they are evaluated with it. A step with a child run stays as it is: the child has its inputs. A gate
/// may have shown the input: the driver opens it again if something behind it is left to start.
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
    let gates = state.gates_asked();
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
            StepProgress::Kept if gates.contains(path) => {}
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
