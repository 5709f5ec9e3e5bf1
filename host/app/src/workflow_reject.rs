//! Rejects a gate of a workflow's run.

use sedge_api::view::workflow::GateDecisionView;
use sedge_model::run::GateDecision;

use crate::error::AppError;
use crate::gates::gate_decide;
use crate::repository::Repository;

pub use crate::gates::GateRequest;

/// Rejects a gate. What waits for the gate's success will not run; if nothing else is left
/// to do, the run has failed with this.
///
/// # Errors
/// There is no such run or open gate.
pub fn workflow_reject(
    repository: &Repository,
    request: &GateRequest,
) -> Result<GateDecisionView, AppError> {
    gate_decide(repository, request, GateDecision::Rejected)
}
