//! The runs of workflows that calls have started.

use std::sync::Arc;

use sedge_lang::workflow::Workflow;
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_model::run::{RunEvent, RunStatus};
use sedge_runtime::{GuestRun, GuestRunEnd, GuestRunStep};
use sedge_store::{EventRecord, RunRecord};
use sedge_workflow::{InstanceState, Plan};
use serde_json::{Map, Value};

use crate::error::AppError;
use crate::repository::Repository;
use crate::run::failed::failed_steps;
use crate::run::view::{cancellation_of, jobs_failed};
use crate::workflow::gate_find::gates_open_below;
use crate::workflow::gates::{fold, run_workflow};

/// The maximum size of the outputs of one run for a guest, in bytes of JSON. The authors of the steps'
/// plugins choose it, and the host allocates it.
const OUTPUT_BYTES_MAX: usize = 4 << 20;

/// The maximum number of failed steps and of open gates that a guest is given. A workflow chooses how
/// many it has.
const ITEMS_MAX: usize = 100;

/// Returns where a run stands that its caller has waited for, from its record.
///
/// # Errors
/// The datastore cannot be read.
pub(crate) fn run_ended(repository: &Repository, run: &RunId) -> Result<GuestRun, AppError> {
    let store = repository.store()?;
    let record = store.run_get(run)?;
    let workflow = run_workflow(repository, &record)?;
    let end = match record.status {
        RunStatus::Succeeded => GuestRunEnd::Succeeded {
            outputs: outputs(repository, &record, &workflow)?,
        },
        RunStatus::Failed => failed(&workflow, &store.run_events(run)?),
        RunStatus::Cancelled => GuestRunEnd::Cancelled {
            reason: cancellation_of(&store.run_events(run)?).and_then(|it| it.reason),
        },
        // If it is not suspended any more, another process already continues it.
        RunStatus::Suspended | RunStatus::Running | RunStatus::Interrupted => {
            let mut gates = gates_open_below(repository, &record)?;
            gates.truncate(ITEMS_MAX);
            GuestRunEnd::Suspended { gates }
        }
    };
    let run = run.clone();
    Ok(GuestRun { run, end })
}

/// Returns what the methods of the steps returned, by the paths of the steps; `None` if it is too
/// large.
fn outputs(
    repository: &Repository,
    run: &RunRecord,
    workflow: &Workflow,
) -> Result<Option<String>, AppError> {
    let store = repository.store()?;
    let plan = Arc::new(Plan::new(workflow));
    let state = fold(&run.id, &plan, &store.run_events(&run.id)?)?;
    let root = Lineage::root(run.id.clone());
    let mut outputs = Map::new();
    let mut n_bytes = 0;
    for (step, found) in state.instances() {
        let InstanceState::Succeeded { call: Some(call) } = found else {
            continue;
        };
        let record = store.call_get(&root.child(*call))?;
        // A gate and the step of a nested workflow have no call.
        let Some(outcome) = record.and_then(|it| it.outcome) else {
            continue;
        };
        n_bytes += outcome.value.to_string().len();
        if n_bytes > OUTPUT_BYTES_MAX {
            return Ok(None);
        }
        outputs.insert(step.to_string(), outcome.value);
    }
    let text = Value::Object(outputs).to_string();
    Ok((text.len() <= OUTPUT_BYTES_MAX).then_some(text))
}

fn failed(workflow: &Workflow, log: &[EventRecord]) -> GuestRunEnd {
    let is_late = log
        .iter()
        .any(|record| record.event == RunEvent::DeadlinePassed);
    let name = &workflow.name;
    let message = match is_late {
        true => format!("the workflow `{name}` failed: its deadline passed"),
        false => format!("the workflow `{name}` failed"),
    };
    let jobs = jobs_failed(log).into_iter().map(|it| GuestRunStep {
        step: it.job,
        code: it.error.code,
        message: it.error.message,
        is_allowed: false,
    });
    let steps = failed_steps(workflow, log).into_iter().map(|it| {
        let (code, message) = match it.error {
            Some(error) => (error.code, error.message),
            None => ("rejected".to_owned(), "the gate was rejected".to_owned()),
        };
        GuestRunStep {
            step: it.step,
            code,
            message,
            is_allowed: it.is_allowed,
        }
    });
    GuestRunEnd::Failed {
        message,
        steps: jobs.chain(steps).take(ITEMS_MAX).collect(),
    }
}
