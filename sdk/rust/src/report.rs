//! Reports: what a report is about, and the report that a plugin makes of it.
//!
//! The subjects have default values, so that a test of a report names only the parts that it is
//! about.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Failure;
use crate::bindings::sedge::model::reports as wire;

/// A report that a plugin has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its text for people, in Markdown (CommonMark), at most 1 MiB.
    pub markdown: String,
    /// The same for programs, at most 4 MiB as text.
    pub json: Value,
}

impl Report {
    /// Returns a report: its text for people in Markdown, and the same for programs.
    pub fn new(markdown: impl Into<String>, json: impl Into<Value>) -> Self {
        Self {
            markdown: markdown.into(),
            json: json.into(),
        }
    }
}

/// A model that a report is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedModel {
    /// Its name.
    pub name: String,
    /// The `id` of its definition, or its name if the definition has no `id`.
    pub id: String,
    /// Its type.
    pub type_name: String,
    /// The version of its type, as `YYYY.MM.DD.N`.
    pub type_version: String,
    /// The tags of its definition.
    pub tags: BTreeMap<String, String>,
}

/// The content of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportedContent {
    /// A resource. Sealed values are `[sealed]`.
    Resource(Value),
    /// A file, without its content.
    File {
        /// Its media type.
        media_type: String,
        /// Its size in bytes.
        size: u64,
    },
    /// A resource without its content, because all contents of the report together would be too
    /// large.
    Omitted {
        /// Its size in bytes.
        size: u64,
    },
}

/// A version of data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedData {
    /// The model that owns it.
    pub model: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u64,
    /// The spec of the type that declares it.
    pub spec: String,
    /// When it was created, in milliseconds since 1970-01-01 (UTC).
    pub created_at_ms: u64,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its content.
    pub content: ReportedContent,
}

/// Why a call or a step failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedFault {
    /// A short word for programs, for example `timed-out`; `plugin/CODE` for the failure of a
    /// method, and `rejected` for a gate.
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
    /// Why it failed.
    Failed(ReportedFault),
    /// It was cancelled.
    Cancelled,
}

/// One call of a method that has ended: what a report of the scope `method` is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedCall {
    /// The model that was called.
    pub model: ReportedModel,
    /// The method.
    pub method: String,
    /// The run that the call belongs to.
    pub run: String,
    /// The call, for example `k3v9q2x8w1mz/1/2`.
    pub call: String,
    /// The workflow step that the call belongs to, or `None`.
    pub step: Option<String>,
    /// The arguments.
    pub arguments: Value,
    /// The global arguments of the model.
    pub global_arguments: Value,
    /// When it began, in milliseconds since 1970-01-01 (UTC).
    pub started_at_ms: u64,
    /// When it ended, in milliseconds since 1970-01-01 (UTC).
    pub ended_at_ms: u64,
    /// How it ended.
    pub outcome: ReportedOutcome,
    /// The versions that it has committed, in the order of its writes.
    pub written: Vec<ReportedData>,
}

/// One model with its data: what a report of the scope `model` is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedModelData {
    /// The model.
    pub model: ReportedModel,
    /// Its global arguments.
    pub global_arguments: Value,
    /// The latest version of each name, sorted by name.
    pub data: Vec<ReportedData>,
}

/// How a run of a workflow ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReportedRunStatus {
    /// It succeeded.
    #[default]
    Succeeded,
    /// It failed.
    Failed,
    /// A user cancelled it.
    Cancelled,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportedStepOutcome {
    /// The value that its method returned; null for a step that ran no method.
    Succeeded(Value),
    /// Why it failed.
    Failed(ReportedFault),
    /// It was cancelled.
    Cancelled,
    /// It did not run.
    Skipped {
        /// Why it did not.
        reason: String,
    },
}

/// One step of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedStep {
    /// `job/step`, or `job/expansion` of a step with `forEach`. The steps of a nested workflow
    /// follow the name of the step that runs it.
    pub step: String,
    /// The model that it called, or `None`.
    pub model: Option<ReportedModel>,
    /// The method that it called, or `None`.
    pub method: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it began, in milliseconds since 1970-01-01 (UTC), if it did.
    pub started_at_ms: Option<u64>,
    /// When it ended, in milliseconds since 1970-01-01 (UTC), if it began.
    pub ended_at_ms: Option<u64>,
    /// How it ended.
    pub outcome: ReportedStepOutcome,
    /// Whether the run could succeed although this step failed.
    pub failure_allowed: bool,
    /// The versions that its call has committed, in the order of its writes.
    pub written: Vec<ReportedData>,
}

/// One run of a workflow that has ended: what a report of the scope `workflow` is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedRun {
    /// The workflow.
    pub workflow: String,
    /// The id of the run.
    pub run: String,
    /// The labels of the run.
    pub tags: BTreeMap<String, String>,
    /// The inputs.
    pub inputs: Value,
    /// When it began, in milliseconds since 1970-01-01 (UTC).
    pub started_at_ms: u64,
    /// When it ended, in milliseconds since 1970-01-01 (UTC).
    pub ended_at_ms: u64,
    /// How it ended.
    pub status: ReportedRunStatus,
    /// Its steps, in the order in which they began.
    pub steps: Vec<ReportedStep>,
}

impl Default for ReportedContent {
    fn default() -> Self {
        Self::Resource(Value::Null)
    }
}

impl Default for ReportedOutcome {
    fn default() -> Self {
        Self::Succeeded(Value::Null)
    }
}

impl Default for ReportedStepOutcome {
    fn default() -> Self {
        Self::Succeeded(Value::Null)
    }
}

/// What a report is about: [`ReportedCall`], [`ReportedModelData`] or [`ReportedRun`]. The type
/// decides the scope of the report.
pub trait ReportSubject: sealed::Sealed + Sized {}

impl ReportSubject for ReportedCall {}
impl ReportSubject for ReportedModelData {}
impl ReportSubject for ReportedRun {}

pub(crate) mod sealed {
    use super::{ReportedCall, ReportedModelData, ReportedRun, wire};

    /// The part of a subject that only this crate uses.
    pub trait Sealed {
        /// The scope of the reports that are about it.
        const SCOPE: wire::ReportScope;

        /// Returns it from a request of this scope, or `None` if the request has another one.
        fn of_request(subject: wire::ReportSubject) -> Option<Self>
        where
            Self: Sized;
    }

    impl Sealed for ReportedCall {
        const SCOPE: wire::ReportScope = wire::ReportScope::Method;

        fn of_request(subject: wire::ReportSubject) -> Option<Self> {
            match subject {
                wire::ReportSubject::Method(call) => Some(call.into()),
                wire::ReportSubject::Model(_) | wire::ReportSubject::Workflow(_) => None,
            }
        }
    }

    impl Sealed for ReportedModelData {
        const SCOPE: wire::ReportScope = wire::ReportScope::Model;

        fn of_request(subject: wire::ReportSubject) -> Option<Self> {
            match subject {
                wire::ReportSubject::Model(model) => Some(model.into()),
                wire::ReportSubject::Method(_) | wire::ReportSubject::Workflow(_) => None,
            }
        }
    }

    impl Sealed for ReportedRun {
        const SCOPE: wire::ReportScope = wire::ReportScope::Workflow;

        fn of_request(subject: wire::ReportSubject) -> Option<Self> {
            match subject {
                wire::ReportSubject::Workflow(run) => Some(run.into()),
                wire::ReportSubject::Method(_) | wire::ReportSubject::Model(_) => None,
            }
        }
    }
}

/// Makes the report of one request.
pub(crate) type MakeReport = dyn Fn(wire::ReportSubject) -> Result<Report, Failure>;

/// Returns what makes a report of any request, from what makes one of its own subject.
pub(crate) fn of_any_subject<S: ReportSubject>(
    make: impl Fn(&S) -> Result<Report, Failure> + 'static,
) -> Box<MakeReport> {
    Box::new(move |subject| match S::of_request(subject) {
        Some(subject) => make(&subject),
        None => Err(Failure::new(
            "wrong-scope",
            "the report is about something else than it declares",
        )),
    })
}

/// Parses JSON of the host. If it did not parse, the text would still be useful.
fn parsed(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

fn all<T, U: From<T>>(items: Vec<T>) -> Vec<U> {
    items.into_iter().map(U::from).collect()
}

impl From<wire::ReportModel> for ReportedModel {
    fn from(wire: wire::ReportModel) -> Self {
        Self {
            name: wire.name,
            id: wire.id,
            type_name: wire.type_,
            type_version: wire.type_version,
            tags: wire.tags.into_iter().collect(),
        }
    }
}

impl From<wire::ReportData> for ReportedData {
    fn from(wire: wire::ReportData) -> Self {
        Self {
            model: wire.model,
            name: wire.name,
            version: wire.version,
            spec: wire.spec,
            created_at_ms: wire.created_at_ms,
            tags: wire.tags.into_iter().collect(),
            content: match wire.content {
                wire::ReportContent::Resource(text) => ReportedContent::Resource(parsed(text)),
                wire::ReportContent::File(file) => ReportedContent::File {
                    media_type: file.media_type,
                    size: file.size,
                },
                wire::ReportContent::Omitted(size) => ReportedContent::Omitted { size },
            },
        }
    }
}

impl From<wire::ReportFault> for ReportedFault {
    fn from(wire: wire::ReportFault) -> Self {
        Self {
            code: wire.code,
            message: wire.message,
            details: wire.details.map(parsed),
        }
    }
}

impl From<wire::ReportOfCall> for ReportedCall {
    fn from(wire: wire::ReportOfCall) -> Self {
        Self {
            model: wire.model.into(),
            method: wire.method,
            run: wire.run,
            call: wire.call,
            step: wire.step,
            arguments: parsed(wire.arguments),
            global_arguments: parsed(wire.global_arguments),
            started_at_ms: wire.started_at_ms,
            ended_at_ms: wire.ended_at_ms,
            outcome: match wire.outcome {
                wire::ReportOutcome::Succeeded(value) => ReportedOutcome::Succeeded(parsed(value)),
                wire::ReportOutcome::Failed(fault) => ReportedOutcome::Failed(fault.into()),
                wire::ReportOutcome::Cancelled => ReportedOutcome::Cancelled,
            },
            written: all(wire.written),
        }
    }
}

impl From<wire::ReportOfModel> for ReportedModelData {
    fn from(wire: wire::ReportOfModel) -> Self {
        Self {
            model: wire.model.into(),
            global_arguments: parsed(wire.global_arguments),
            data: all(wire.data),
        }
    }
}

impl From<wire::ReportStep> for ReportedStep {
    fn from(wire: wire::ReportStep) -> Self {
        Self {
            step: wire.step,
            model: wire.model.map(ReportedModel::from),
            method: wire.method,
            attempts: wire.attempts,
            started_at_ms: wire.started_at_ms,
            ended_at_ms: wire.ended_at_ms,
            outcome: match wire.outcome {
                wire::ReportStepOutcome::Succeeded(value) => {
                    ReportedStepOutcome::Succeeded(parsed(value))
                }
                wire::ReportStepOutcome::Failed(fault) => ReportedStepOutcome::Failed(fault.into()),
                wire::ReportStepOutcome::Cancelled => ReportedStepOutcome::Cancelled,
                wire::ReportStepOutcome::Skipped(reason) => ReportedStepOutcome::Skipped { reason },
            },
            failure_allowed: wire.failure_allowed,
            written: all(wire.written),
        }
    }
}

impl From<wire::ReportOfRun> for ReportedRun {
    fn from(wire: wire::ReportOfRun) -> Self {
        Self {
            workflow: wire.workflow,
            run: wire.run,
            tags: wire.tags.into_iter().collect(),
            inputs: parsed(wire.inputs),
            started_at_ms: wire.started_at_ms,
            ended_at_ms: wire.ended_at_ms,
            status: match wire.status {
                wire::ReportRunStatus::Succeeded => ReportedRunStatus::Succeeded,
                wire::ReportRunStatus::Failed => ReportedRunStatus::Failed,
                wire::ReportRunStatus::Cancelled => ReportedRunStatus::Cancelled,
            },
            steps: all(wire.steps),
        }
    }
}
