//! Lists workflows.

use sedge_model::diagnostic::Diagnostic;
use sedge_model::names::WorkflowName;
use sedge_model::workflow::Workflow;

use crate::error::AppError;
use crate::repository::Repository;

/// What a file defines, or what is wrong with it.
pub type Listed = Result<Workflow, Box<Diagnostic>>;

/// Returns every workflow, by name: what its file says, or what is wrong with it.
///
/// # Errors
/// The folder cannot be read.
pub fn workflow_list(repository: &Repository) -> Result<Vec<(WorkflowName, Listed)>, AppError> {
    let mut workflows = Vec::new();
    for name in repository.workflow_names()? {
        let workflow = match repository.workflow(name.as_str()) {
            Ok(workflow) => Ok(workflow),
            Err(AppError::Diagnostic(fault)) => Err(fault),
            Err(other) => return Err(other),
        };
        workflows.push((name, workflow));
    }
    Ok(workflows)
}
