//! Shows a workflow.

use sedge_model::workflow::Workflow;

use crate::error::AppError;
use crate::repository::Repository;

/// Reads a workflow. Its file is checked, the models that it names are not.
///
/// # Errors
/// There is none of that name, or its file is at fault.
pub fn workflow_get(repository: &Repository, name: &str) -> Result<Workflow, AppError> {
    repository.workflow(name)
}
