//! Lists the gates that wait for a person.

use sedge_store::GateRecord;

use crate::error::AppError;
use crate::gates::run_workflow;
use crate::repository::Repository;

/// A gate that waits.
#[derive(Debug, Clone)]
pub struct Approval {
    /// The gate and its run.
    pub record: GateRecord,
    /// What it asks; may be empty.
    pub prompt: String,
}

/// Returns the gates that wait, the longest waiting first.
///
/// # Errors
/// The datastore cannot be read.
pub fn workflow_approvals(repository: &Repository) -> Result<Vec<Approval>, AppError> {
    let mut approvals = Vec::new();
    for record in repository.store()?.gates_open()? {
        let workflow = run_workflow(repository, &record.run)?;
        let prompt = workflow.prompt(&record.gate).to_owned();
        approvals.push(Approval { record, prompt });
    }
    Ok(approvals)
}
