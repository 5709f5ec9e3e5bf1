//! Approves a gate of a workflow's run.

use sedge_api::view::workflow::GateDecisionView;
use sedge_model::run::GateDecision;

use crate::error::AppError;
use crate::gates::gate_decide;
use crate::repository::Repository;

pub use crate::gates::GateRequest;

/// Approves a gate. The run goes on when it is resumed, or at once if a process works on it.
///
/// # Errors
/// There is no such run or open gate.
pub fn workflow_approve(
    repository: &Repository,
    request: &GateRequest,
) -> Result<GateDecisionView, AppError> {
    gate_decide(repository, request, GateDecision::Approved)
}
