//! Rejects a gate of a workflow's run.

use sedge_api::view::workflow::GateDecisionView;
use sedge_model::run::GateDecision;

use crate::error::AppError;
use crate::gates::gate_decide;
use crate::repository::Repository;

pub use crate::gates::GateRequest;

/// Rejects a gate.
///
/// Steps that depend on the gate's success will not run. If no other step is left to run, the run
/// fails because of this gate.
///
/// # Errors
/// Returns an error if there is no such run, or if it has no such open gate.
pub fn workflow_reject(
    repository: &Repository,
    request: &GateRequest,
) -> Result<GateDecisionView, AppError> {
    gate_decide(repository, request, GateDecision::Rejected)
}
