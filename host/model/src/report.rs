//! What the report of a plugin is about: one call, one model, or one run of a workflow.
//!
//! A report is a pure function of its subject, so a subject has everything that a report may show.
//! Times are milliseconds since 1970-01-01 (UTC).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lineage::Lineage;
use crate::names::{
    DataName, MethodName, ModelName, RunId, SpecName, TypeName, TypeVersion, WorkflowName,
};
use crate::run::StepInstance;

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportScope {
    /// One call of a method that has ended.
    Method,
    /// One model, with its data.
    Model,
    /// One run of a workflow that has ended.
    Workflow,
}

impl ReportScope {
    /// Returns the scope as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Model => "model",
            Self::Workflow => "workflow",
        }
    }
}

/// The subject of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportSubject {
    /// A call.
    Method(Box<ReportedCall>),
    /// A model.
    Model(Box<ReportedModelData>),
    /// A run.
    Workflow(Box<ReportedRun>),
}

impl ReportSubject {
    /// Returns the scope of the reports that are about it.
    #[must_use]
    pub fn scope(&self) -> ReportScope {
        match self {
            Self::Method(_) => ReportScope::Method,
            Self::Model(_) => ReportScope::Model,
            Self::Workflow(_) => ReportScope::Workflow,
        }
    }
}

/// A model that a report is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedModel {
    /// Its name.
    pub name: ModelName,
    /// The id of its definition in lower case, or its name.
    pub id: String,
    /// Its type.
    pub type_name: TypeName,
    /// The version of its type.
    pub type_version: TypeVersion,
    /// The tags of its definition.
    pub tags: BTreeMap<String, String>,
}

/// The content of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportedContent {
    /// A resource, redacted, with its sealed values hidden.
    Resource(Value),
    /// A file.
    File {
        /// Its media type.
        media_type: String,
        /// Its size in bytes.
        size: u64,
    },
    /// A resource that is too large to be read for a report.
    Omitted {
        /// Its size in bytes.
        size: u64,
    },
}

/// A version of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedData {
    /// The model that owns it.
    pub model: ModelName,
    /// Its name.
    pub name: DataName,
    /// Its version.
    pub version: u64,
    /// The spec that declares it.
    pub spec: SpecName,
    /// When it was created.
    pub created_at_ms: u64,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its content.
    pub content: ReportedContent,
}

/// Why a call or a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedFault {
    /// The code of the error, as documents for machines have it.
    pub code: String,
    /// A message for the user.
    pub message: String,
    /// The details of a method's failure.
    pub details: Option<Value>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportedOutcome {
    /// The value that the method returned.
    Succeeded(Value),
    /// It failed.
    Failed(ReportedFault),
    /// It was cancelled.
    Cancelled,
}

/// One call that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedCall {
    /// The model that was called.
    pub model: ReportedModel,
    /// The method.
    pub method: MethodName,
    /// The position of the call in the call tree of its run.
    pub lineage: Lineage,
    /// The step that the call belongs to.
    pub step: Option<StepInstance>,
    /// The arguments, redacted.
    pub arguments: Value,
    /// The global arguments, redacted.
    pub global_arguments: Value,
    /// When it began.
    pub started_at_ms: u64,
    /// When it ended.
    pub ended_at_ms: u64,
    /// How it ended.
    pub outcome: ReportedOutcome,
    /// The versions that it has committed, in the order of its writes.
    pub written: Vec<ReportedData>,
}

/// One model with its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedModelData {
    /// The model.
    pub model: ReportedModel,
    /// The global arguments, redacted.
    pub global_arguments: Value,
    /// The latest version of each name, sorted by name.
    pub data: Vec<ReportedData>,
}

/// How a run of a workflow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportedRunStatus {
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportedStepOutcome {
    /// The value that its method returned; null if it ran no method.
    Succeeded(Value),
    /// It failed.
    Failed(ReportedFault),
    /// It was cancelled.
    Cancelled,
    /// It did not run, for this reason.
    Skipped(String),
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedStep {
    /// Its path, as the contract describes it.
    pub step: String,
    /// The model and the method that it called, if it called one.
    pub target: Option<(ReportedModel, MethodName)>,
    /// How often it was tried.
    pub n_attempts: u32,
    /// When it began, if it did.
    pub started_at_ms: Option<u64>,
    /// When it ended, if it began.
    pub ended_at_ms: Option<u64>,
    /// How it ended.
    pub outcome: ReportedStepOutcome,
    /// Whether the run could succeed although this step failed.
    pub is_failure_allowed: bool,
    /// The versions that its call has committed, in the order of its writes.
    pub written: Vec<ReportedData>,
}

/// One run of a workflow that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedRun {
    /// The workflow.
    pub workflow: WorkflowName,
    /// The run.
    pub run: RunId,
    /// The labels of the run.
    pub tags: BTreeMap<String, String>,
    /// The inputs, redacted.
    pub inputs: Value,
    /// When it began.
    pub started_at_ms: u64,
    /// When it ended.
    pub ended_at_ms: u64,
    /// How it ended.
    pub status: ReportedRunStatus,
    /// Its steps, in the order in which they began.
    pub steps: Vec<ReportedStep>,
}
