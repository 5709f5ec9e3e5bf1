//! Shows a workflow.

use sedge_api::view::workflow::WorkflowView;

use crate::cx::Cx;
use crate::error::AppError;
use crate::workflow::view::workflow_view;

/// A workflow, and the text of its file.
#[derive(Debug, Clone)]
pub struct WorkflowText {
    /// The view of the workflow.
    pub workflow: WorkflowView,
    /// The text of the file.
    pub text: String,
}

/// Reads a workflow. This checks its file, but not the models that it names.
///
/// # Errors
/// Returns an error if there is no workflow of that name, or if its file is invalid.
pub fn workflow_get(cx: &Cx, name: &str) -> Result<WorkflowText, AppError> {
    let workflow = cx.repository.workflow(name)?;
    Ok(WorkflowText {
        workflow: workflow_view(&workflow),
        text: workflow.file.text.clone(),
    })
}
