//! Whether a run can continue with an edited file of its workflow.

use std::collections::{BTreeMap, BTreeSet};

use sedge_lang::workflow::{Job, Workflow};
use sedge_model::run::StepPath;

use crate::facts::JobGuardEnd;
use crate::instance::InstanceState;
use crate::state::RunState;

/// Compares the file with which a run has been executed so far with an edited one.
///
/// Returns the steps that begin again if the run continues with the edited file: those that had
/// begun and not ended, and differ. They are in the author's order of the edited file, and steps
/// that it no longer has are not among them.
///
/// # Errors
/// The steps that have ended and differ, or are missing in the edited file, in the author's order.
/// Two steps are the same if their values in the files are the same, whatever their order, comments
/// and format.
pub fn edits_reset(
    old: &Workflow,
    new: &Workflow,
    state: &RunState,
) -> Result<Vec<StepPath>, Vec<StepPath>> {
    let written = |workflow: &Workflow| -> BTreeMap<StepPath, serde_json::Value> {
        workflow.written_steps().into_iter().collect()
    };
    let (before, after) = (written(old), written(new));
    let is_same = |path: &StepPath| before.get(path) == after.get(path);
    let (mut ended, mut begun) = (Vec::new(), BTreeSet::new());
    for step in old.steps() {
        let path = &step.path;
        let states: Vec<&InstanceState> = state.instances_of(path).map(|(_, it)| it).collect();
        let is_ended = state.step_end(path).is_some();
        let is_begun = is_ended
            || state.expansions(path).is_some()
            || states.iter().any(|it| **it != InstanceState::Waiting);
        let has_ended_item = states.iter().any(|it| it.end().is_some());
        let is_same = is_same(path) && (!is_ended || is_guard_same(old, new, state, path));
        match (is_same, has_ended_item || is_ended, is_begun) {
            (true, _, _) | (false, false, false) => {}
            (false, true, _) => ended.push(path.clone()),
            (false, false, true) => {
                begun.insert(path.clone());
            }
        }
    }
    if !ended.is_empty() {
        return Err(ended);
    }
    let new_steps = new.steps().map(|step| &step.path);
    Ok(new_steps
        .filter(|path| begun.contains(path))
        .cloned()
        .collect())
}

/// Returns whether the guard of a step's job, if it decided for the step, is the same.
fn is_guard_same(old: &Workflow, new: &Workflow, state: &RunState, step: &StepPath) -> bool {
    let guard = |workflow: &Workflow| {
        let job: Option<&Job> = workflow.job(&step.job);
        job.and_then(|it| it.guard.clone())
    };
    match state.job_guard(&step.job) {
        Some(JobGuardEnd::Satisfied | JobGuardEnd::Failed) => guard(old) == guard(new),
        Some(JobGuardEnd::Passed) | None => true,
    }
}
