//! Approves a gate of a workflow's run.

use sedge_api::view::workflow::GateDecisionView;
use sedge_model::run::GateDecision;

use crate::error::AppError;
use crate::gates::gate_decide;
use crate::repository::Repository;

pub use crate::gates::GateRequest;

/// Approves a gate. The run continues when it is resumed, or at once if a process works on it.
///
/// # Errors
/// Returns an error if there is no such run, or if it has no such open gate.
pub fn workflow_approve(
    repository: &Repository,
    request: &GateRequest,
) -> Result<GateDecisionView, AppError> {
    gate_decide(repository, request, GateDecision::Approved)
}
