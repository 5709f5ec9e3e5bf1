//! The details of a problem, for programs: one type for each subject.

use schemars::JsonSchema;
use serde::Serialize;

use super::call::{CallProblem, FailedCall, ViolationView};
use crate::Time;
use crate::view::permission::PermissionRequestView;

/// More data about a problem, for programs. Its keys depend on the code.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Details {
    /// The details of a method that failed.
    Call(Box<CallDetails>),
    /// The details of a workflow that failed.
    Workflow(Box<WorkflowDetails>),
    /// The gates that must be decided first.
    Gates(GatesDetails),
    /// The decision of a gate that was decided before.
    Decision(DecisionDetails),
    /// The run that the problem concerns.
    Run(RunDetails),
    /// The violations of a schema.
    Violations(ViolationsDetails),
    /// The permissions that must be decided first.
    Permissions(PermissionsDetails),
}

/// The details of a method that failed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallDetails {
    /// The run.
    pub run: String,
    /// The model.
    pub model: String,
    /// The method.
    pub method: String,
    /// Why it has no outcome.
    pub call: CallProblem,
    /// Where the failure began, and what was kept and rolled back.
    #[serde(flatten)]
    pub report: FailureDetails,
    /// The result of the core dump, if one was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core_dump: Option<CoreDumpDetails>,
}

/// The details of a workflow that failed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowDetails {
    /// The run.
    pub run: String,
    /// The workflow.
    pub workflow: String,
    /// The steps that failed: first those that kept it from succeeding, then those that were
    /// allowed to fail.
    pub steps: Vec<StepProblem>,
    /// Where the failure began, and what was kept and rolled back.
    #[serde(flatten)]
    pub report: FailureDetails,
}

/// A step that failed in a workflow that failed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepProblem {
    /// The step, as `job/step`; the job, if its guard has no value.
    pub step: String,
    /// The error; null for a gate that was rejected.
    pub error: Option<CallProblem>,
    /// Whether the workflow may succeed although the step failed.
    pub is_allowed: bool,
}

/// Where a run's failure began, and what its calls kept and rolled back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureDetails {
    /// The failed calls that have no failed callee; only the first few.
    pub failed: Vec<FailedCall>,
    /// How many there are.
    pub failed_count: u64,
    /// The failed calls whose writes were kept; only the first few.
    pub kept: Vec<FailedCall>,
    /// How many there are.
    pub kept_count: u64,
    /// The failed calls whose changes were rolled back; only the first few.
    pub rolled_back: Vec<FailedCall>,
    /// How many there are.
    pub rolled_back_count: u64,
}

/// The result of a core dump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CoreDumpDetails {
    /// The call whose guest trapped; null if none did.
    pub call: Option<String>,
    /// The file; null if none was written.
    pub path: Option<String>,
    /// Its size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Why it was not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The gates that must be decided first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatesDetails {
    /// The run.
    pub run: String,
    /// The gates, as `job/step`.
    pub gates: Vec<String>,
}

/// The decision of a gate that was decided before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionDetails {
    /// The run.
    pub run: String,
    /// The gate, as `job/step`.
    pub gate: String,
    /// How it was decided: `approved` or `rejected` by a user; `fail`, `reject` or `continue` by
    /// its deadline.
    pub decision: String,
    /// The user who decided; null if it was the deadline.
    pub by: Option<String>,
    /// When it was decided.
    pub at: Time,
    /// The user's comment; null if there is none.
    pub comment: Option<String>,
}

/// The run that the problem concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunDetails {
    /// The run.
    pub run: String,
}

/// The violations of a schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ViolationsDetails {
    /// Where, and what is wrong there.
    pub violations: Vec<ViolationView>,
}

/// The permissions that must be decided first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermissionsDetails {
    /// What the plugin requests, and why, as `plugin describe` shows it.
    pub permissions: Vec<PermissionRequestView>,
}
