//! Lists the gates that wait for a decision.

use sedge_api::view::workflow::GateView;
use sedge_store::Scan;

use crate::error::AppError;
use crate::repository::Repository;
use crate::views::time;
use crate::workflow::gates::run_workflow;

/// Passes the open gates to `take`, until `take` needs no more. The oldest run comes first, and its
/// gates are in the order in which they were opened.
///
/// # Errors
/// Returns an error if the datastore cannot be read. Errors of `take` are passed on.
pub fn workflow_approvals<E: From<AppError>>(
    repository: &Repository,
    mut take: impl FnMut(GateView) -> Result<Scan, E>,
) -> Result<(), E> {
    let gates = repository.store()?.gates_open().map_err(AppError::from)?;
    for record in gates {
        let workflow = run_workflow(repository, &record.run)?;
        let gate = GateView {
            prompt: workflow.prompt(&record.gate).to_owned(),
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
