//! Shows a workflow.

use sedge_api::view::workflow::WorkflowView;

use crate::error::AppError;
use crate::repository::Repository;
use crate::views::workflow::workflow_view;

/// A workflow, and its file as it was written.
#[derive(Debug, Clone)]
pub struct Report {
    /// What the file says.
    pub workflow: WorkflowView,
    /// The text of the file.
    pub text: String,
}

/// Reads a workflow. Its file is checked, the models that it names are not.
///
/// # Errors
/// There is none of that name, or its file is at fault.
pub fn workflow_get(repository: &Repository, name: &str) -> Result<Report, AppError> {
    let workflow = repository.workflow(name)?;
    Ok(Report {
        workflow: workflow_view(&workflow),
        text: workflow.file.text,
    })
}
