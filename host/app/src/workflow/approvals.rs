//! Lists the gates that wait for a decision.

use std::sync::Arc;

use sedge_api::view::workflow::GateView;
use sedge_store::{GateRecord, Scan};
use sedge_sys::clock::Timestamp;
use serde_json::Value;

use crate::error::AppError;
use crate::expression::{EvaluatorSource, SecretPlace, StepVariables, run_value};
use crate::repository::Repository;
use crate::views::time;
use crate::workflow::gates::run_workflow;
use crate::workflow::prompt::prompt_shown;

/// Passes the open gates to `take`, until `take` needs no more. The oldest run comes first, and its
/// gates are in the order in which they were opened.
///
/// # Errors
/// Returns an error if the datastore cannot be read. Errors of `take` are passed on.
pub fn workflow_approvals<E: From<AppError>>(
    repository: &Arc<Repository>,
    mut take: impl FnMut(GateView) -> Result<Scan, E>,
) -> Result<(), E> {
    let gates = repository.store()?.gates_open().map_err(AppError::from)?;
    for record in gates {
        let gate = GateView {
            prompt: prompt(repository, &record)?,
            workflow: record.run.subject,
            gate: record.gate.to_string(),
            run: record.run.id.to_string(),
            since: time(record.opened_at),
        };
        match take(gate)? {
            Scan::More => {}
            Scan::Enough => break,
        }
    }
    Ok(())
}

/// Returns the prompt of a gate with its expressions evaluated.
fn prompt(repository: &Arc<Repository>, record: &GateRecord) -> Result<String, AppError> {
    let run = &record.run;
    let workflow = run_workflow(repository, run)?;
    // ignored: no error is dropped, because this is an `Option`.
    let inputs = repository.store()?.run_inputs(&run.id)?.unwrap_or_default();
    let source = EvaluatorSource {
        repository: repository.snapshot()?,
        now: Timestamp::now(),
        secrets: SecretPlace::Elsewhere,
    };
    let variables = StepVariables {
        inputs: Value::Object(inputs),
        run: run_value(&run.id, &run.subject, run.started_at),
        of_run: Some(run.id.clone()),
        job: Some(record.gate.job.clone()),
    };
    Ok(prompt_shown(&source, &workflow, &record.gate, &variables))
}
