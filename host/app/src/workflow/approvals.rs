//! Lists the gates that wait for a decision.

use std::collections::HashMap;
use std::convert::Infallible;

use sedge_api::view::run::{FormerApprovalView, RunParentView};
use sedge_api::view::workflow::{FailedStepView, GateView};
use sedge_lang::workflow::Workflow;
use sedge_model::names::RunId;
use sedge_model::run::{RunParent, StepInstance};
use sedge_model::sealed::{SEALED_SHOWN, sealed_replace};
use sedge_store::{EventRecord, GateRecord, RunRecord, Scan};
use serde_json::{Map, Value};

use crate::cx::Cx;
use crate::error::AppError;
use crate::repository::Repository;
use crate::run::failed::failed_below;
use crate::run::gate_log::{deadline_view, former_approval_view, gate_entries, ms};
use crate::run::view::is_past_deadline;
use crate::views::time;
use crate::workflow::gates::run_workflow;

/// Passes the open gates to `take`, until `take` needs no more. The oldest run comes first, and its
/// gates are in the order in which they were opened. A gate whose deadline has passed is decided,
/// and does not wait any more, and nothing can be decided in a run whose deadline has passed.
///
/// # Errors
/// Returns an error if the datastore cannot be read. Errors of `take` are passed on.
pub fn workflow_approvals<E: From<AppError>>(
    cx: &Cx,
    mut take: impl FnMut(GateView) -> Result<Scan, E>,
) -> Result<(), E> {
    let gates = cx
        .repository
        .store()?
        .gates_open()
        .map_err(AppError::from)?;
    let now = ms(cx.clock.now());
    let waits = |gate: &GateRecord| gate.deadline.is_none_or(|it| it.at_ms > now);
    let mut runs: HashMap<RunId, RunOfGates> = HashMap::new();
    for gate in gates.into_iter().filter(waits) {
        let id = &gate.run.id;
        let of_run = match runs.get(id) {
            Some(of_run) => of_run,
            None => {
                let of_run = RunOfGates::read(&cx.repository, &gate.run)?;
                runs.entry(id.clone()).or_insert(of_run)
            }
        };
        if of_run.is_late {
            continue;
        }
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
    /// Whether the deadline of the run has passed, so that nothing can be decided.
    is_late: bool,
    /// The approvals of gates that were opened again.
    former: HashMap<StepInstance, FormerApprovalView>,
}

impl RunOfGates {
    fn read(repository: &Repository, run: &RunRecord) -> Result<Self, AppError> {
        let store = repository.store()?;
        let workflow = run_workflow(repository, run)?;
        let parent = store.run_options(&run.id)?.parent;
        let inputs = store.run_inputs(&run.id)?;
        let root = repository.run_root(run)?;
        Ok(Self {
            parent: parent.as_ref().map(parent_view),
            inputs: inputs.map(|inputs| inputs_shown(&workflow, inputs)),
            failed_steps: failed_below(repository, &root)?,
            is_late: is_past_deadline(repository, run)?,
            former: former_approvals(&store.run_events(&run.id)?),
        })
    }
}

/// Returns the approvals that count no more, by the gates that were opened again.
fn former_approvals(log: &[EventRecord]) -> HashMap<StepInstance, FormerApprovalView> {
    let gates = gate_entries(log).into_iter();
    let former = gates.filter_map(|it| Some((it.gate, former_approval_view(&it.former?))));
    former.collect()
}

/// Returns the view of what has started a run.
pub(crate) fn parent_view(parent: &RunParent) -> RunParentView {
    let run = parent.run().to_string();
    let (step, call) = match parent {
        RunParent::Step { step, .. } => (Some(step.to_string()), None),
        RunParent::Call { place, .. } => (None, place.parent().map(|it| it.to_string())),
    };
    RunParentView { run, step, call }
}

/// Returns the inputs of a run with `[sealed]` in place of sensitive values.
pub(crate) fn inputs_shown(workflow: &Workflow, inputs: Map<String, Value>) -> Map<String, Value> {
    // An older version of the workflow may not have declared them as sensitive.
    let places = workflow.inputs.sensitive(&inputs);
    let mut shown = Value::Object(inputs);
    for place in places {
        if let Some(value) = shown.pointer_mut(&place) {
            *value = Value::String(SEALED_SHOWN.to_owned());
        }
    }
    let sealed = sealed_replace(&mut shown, &mut |_, _| {
        Ok::<_, Infallible>(Value::String(SEALED_SHOWN.to_owned()))
    });
    match (sealed, shown) {
        (Ok(()), Value::Object(inputs)) => inputs,
        (
            Ok(()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_),
        ) => Map::new(),
        (Err(never), _) => match never {},
    }
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
        former_approval: of_run.former.get(&record.gate).cloned(),
        inputs: of_run.inputs.clone(),
        failed_steps: of_run.failed_steps.clone(),
    }
}

#[cfg(test)]
mod tests {
    use sedge_lang::diagnostic::SourceFile;

    use super::*;

    #[test]
    fn sensitive_inputs_are_shown_as_sealed() {
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
            "region": "eu", "token": "x", "login": {"user": "ann", "password": "y"},
            "former": {"$sealed": {"key": "k", "value": "v"}},
        });
        let Value::Object(inputs) = inputs else {
            panic!("an object");
        };
        let shown = inputs_shown(&workflow, inputs);
        let expect = serde_json::json!({
            "region": "eu", "token": "[sealed]", "login": {"user": "ann", "password": "[sealed]"},
            "former": "[sealed]",
        });
        assert_eq!(Value::Object(shown), expect);
    }
}
