//! Lists the gates that wait for a decision.

use std::collections::HashMap;

use sedge_api::view::run::RunParentView;
use sedge_api::view::workflow::{FailedStepView, GateView};
use sedge_lang::workflow::Workflow;
use sedge_model::names::RunId;
use sedge_store::{GateRecord, RunRecord, Scan};
use sedge_sys::clock::Timestamp;
use serde_json::{Map, Value};

use crate::error::AppError;
use crate::repository::Repository;
use crate::run::failed::failed_below;
use crate::run::gate_log::{deadline_view, ms};
use crate::views::time;
use crate::workflow::gates::run_workflow;

/// Passes the open gates to `take`, until `take` needs no more. The oldest run comes first, and its
/// gates are in the order in which they were opened. A gate whose deadline has passed is decided,
/// and does not wait any more.
///
/// # Errors
/// Returns an error if the datastore cannot be read. Errors of `take` are passed on.
pub fn workflow_approvals<E: From<AppError>>(
    repository: &Repository,
    mut take: impl FnMut(GateView) -> Result<Scan, E>,
) -> Result<(), E> {
    let gates = repository.store()?.gates_open().map_err(AppError::from)?;
    let now = ms(Timestamp::now());
    let waits = |gate: &GateRecord| gate.deadline.is_none_or(|it| it.at_ms > now);
    let mut runs: HashMap<RunId, RunOfGates> = HashMap::new();
    for gate in gates.into_iter().filter(waits) {
        let id = &gate.run.id;
        let of_run = match runs.get(id) {
            Some(of_run) => of_run,
            None => {
                let of_run = RunOfGates::read(repository, &gate.run)?;
                runs.entry(id.clone()).or_insert(of_run)
            }
        };
        match take(gate_view(&gate, of_run))? {
            Scan::More => {}
            Scan::Enough => break,
        }
    }
    Ok(())
}

/// What all gates of one run share.
struct RunOfGates {
    parent: Option<RunParentView>,
    inputs: Option<Map<String, Value>>,
    failed_steps: Vec<FailedStepView>,
}

impl RunOfGates {
    fn read(repository: &Repository, run: &RunRecord) -> Result<Self, AppError> {
        let store = repository.store()?;
        let workflow = run_workflow(repository, run)?;
        let parent = store.run_options(&run.id)?.parent;
        let inputs = store.run_inputs(&run.id)?;
        let root = repository.run_root(run)?;
        Ok(Self {
            parent: parent.map(|(run, step)| RunParentView {
                run: run.to_string(),
                step: step.to_string(),
            }),
            inputs: inputs.map(|inputs| inputs_shown(&workflow, inputs)),
            failed_steps: failed_below(repository, &root)?,
        })
    }
}

/// Returns the inputs of a run without those that have a sensitive part.
pub(crate) fn inputs_shown(workflow: &Workflow, inputs: Map<String, Value>) -> Map<String, Value> {
    let sensitive = workflow.inputs.sensitive(&inputs);
    let is_shown = |name: &str| {
        // A JSON pointer writes `~` and `/` of a name as `~0` and `~1`.
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        let below = format!("{pointer}/");
        let mut sensitive = sensitive.iter();
        !sensitive.any(|it| *it == pointer || it.starts_with(&below))
    };
    let shown = inputs.into_iter().filter(|(name, _)| is_shown(name));
    shown.collect()
}

fn gate_view(record: &GateRecord, of_run: &RunOfGates) -> GateView {
    let digest = &record.shown.digest;
    GateView {
        workflow: record.run.subject.clone(),
        gate: record.gate.to_string(),
        run: record.run.id.to_string(),
        parent: of_run.parent.clone(),
        since: time(record.opened_at),
        prompt: record.shown.prompt.clone(),
        deadline: record.deadline.as_ref().map(deadline_view),
        digest: (!digest.is_empty()).then(|| digest.clone()),
        inputs: of_run.inputs.clone(),
        failed_steps: of_run.failed_steps.clone(),
    }
}

#[cfg(test)]
mod tests {
    use sedge_lang::diagnostic::SourceFile;

    use super::*;

    #[test]
    fn sensitive_inputs_are_not_shown() {
        let text = "\
name: w
inputs:
  region: {type: string}
  token: {type: string, sensitive: true}
  login: {type: object, properties: {user: {type: string}, password: {type: string, sensitive: true}}}
jobs: [{name: j, steps: [{name: s, task: {type: manual_approval}}]}]
";
        let workflow = Workflow::parse(&SourceFile::new("w.yaml", text)).expect("no faults");
        let inputs = serde_json::json!({
            "region": "eu", "token": "x", "login": {"user": "ann", "password": "y"}
        });
        let Value::Object(inputs) = inputs else {
            panic!("an object");
        };
        let shown = inputs_shown(&workflow, inputs);
        assert_eq!(shown.keys().collect::<Vec<_>>(), ["region"]);
    }
}
