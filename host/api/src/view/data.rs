//! Views of data.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::problem::Place;
use crate::time::Time;

/// One version of a piece of data, without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataVersionView {
    /// The model that it belongs to.
    pub model: String,
    /// Its name. It differs from the requested name if that is a former name.
    pub name: String,
    /// Its number, counted from 1.
    pub version: u64,
    /// Whether it is the latest version of its name.
    pub latest: bool,
    /// The kind of data.
    pub kind: DataKindView,
    /// The spec that the type declares for it: a resource or a file.
    pub spec: String,
    /// The media type of its content; `application/json` for a resource.
    pub media_type: String,
    /// The size of its content, in bytes.
    pub size: u64,
    /// The SHA-256 of its content, as hexadecimal digits.
    pub digest: String,
    /// Its labels.
    pub tags: BTreeMap<String, String>,
    /// How long it is retained: `infinite`, a time such as `7d`, or what it is bound to.
    pub lifetime: String,
    /// When it was written.
    pub created_at: Time,
    /// The call that wrote it. A restored version has the writer of the version that it comes from.
    pub written_by: DataWriterView,
    /// The version that it was restored from; absent if a call wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restored_from: Option<RestoredFromView>,
}

/// The origin of a version that a user restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoredFromView {
    /// The version of the same name whose content it has. It may have been deleted since.
    pub version: u64,
    /// The user who restored it.
    pub by: String,
}

/// The kind of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DataKindView {
    /// JSON that fits a schema.
    Resource,
    /// Bytes with a media type.
    File,
}

impl DataKindView {
    /// Returns the kind as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::File => "file",
        }
    }
}

/// The call that wrote a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataWriterView {
    /// The run.
    pub run: String,
    /// The job of the workflow; null if the run has no workflow.
    pub job: Option<String>,
    /// The step of that job; null if the run has no workflow.
    pub step: Option<String>,
    /// The call: the run, and the number of each call in its caller: `k3v9q2x8w1mz/1/2`.
    pub call: String,
    /// The method.
    pub method: String,
    /// The type of the model; null for data that was written before types were recorded.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// The SHA-256 of the plugin, as hexadecimal digits.
    pub plugin: String,
    /// The digest of the model's file; null for data that was written before it was recorded.
    pub definition: Option<String>,
    /// The names of the variables of the environment that expressions have read for the call. The
    /// content may contain their values.
    pub environment: Vec<String>,
}

/// One version of a piece of data, with its content or with the file that the content was written
/// to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataContentView {
    /// Its metadata.
    #[serde(flatten)]
    pub version: DataVersionView,
    /// The content of a resource; absent for a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Value>,
    /// The file that the content was written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// One result of a query.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum DataQueryItem {
    /// Its metadata, without its content.
    Version(Box<DataVersionView>),
    /// The value that the query selects.
    Selected(Value),
}

/// A report on a query, besides the versions that it found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataQueryReport {
    /// How many versions it was evaluated on.
    pub looked: u64,
    /// The versions on which it cannot be evaluated; they do not match. Null if there are none.
    pub faults: Option<QueryFaultsView>,
    /// The versions that lack a part that the query selects; that part is null for them. Null if
    /// there are none.
    pub missing: Option<QueryMissingView>,
}

/// The versions on which a query cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryFaultsView {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub first: QueryFaultView,
}

/// A version on which a query cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryFaultView {
    /// Its model.
    pub model: String,
    /// Its name.
    pub name: String,
    /// Its number.
    pub version: u64,
    /// The fault, as a lower-case fragment without a period.
    pub message: String,
    /// The place in the expression; its `file` is `predicate` or `select`.
    pub place: Place,
}

/// The versions that lack a part that a query selects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryMissingView {
    /// How many there are.
    pub count: u64,
    /// The missing part of the first of them, as the query writes it.
    pub first: String,
}

/// Data of one model that was deleted, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataDeletion {
    /// The model.
    pub model: String,
    /// Whether this was a dry run, which deletes nothing.
    pub dry_run: bool,
    /// How much was deleted, or would be, of each name.
    pub deleted: Vec<DeletedName>,
}

/// How much of one name was deleted, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletedName {
    /// The model.
    pub model: String,
    /// The name.
    pub name: String,
    /// How many versions.
    pub versions: u64,
    /// The size of their contents, in bytes.
    pub bytes: u64,
}

/// The data and files that a collection removed, or would remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataCollection {
    /// Whether this was a dry run, which removes nothing.
    pub dry_run: bool,
    /// The versions that are not retained any longer, by name.
    pub deleted: Vec<DeletedName>,
    /// Files that nothing refers to.
    pub files: FilesView,
    /// Unfinished files of processes that ended while they wrote them.
    pub unfinished_files: FilesView,
    /// How many names are past their lifetime and keep their latest version.
    pub latest_kept: u64,
}

/// How many files there are, and how large they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FilesView {
    /// How many.
    pub count: u64,
    /// Their size, in bytes.
    pub bytes: u64,
}

/// The deletion of the data of models that have no definition any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataPruned {
    /// Whether this was a dry run, which deletes nothing.
    pub dry_run: bool,
    /// The models, with how much data each has.
    pub models: Vec<ModelDataView>,
    /// Why the user has to confirm the deletion, as a clause; null if no confirmation is needed.
    pub doubt: Option<String>,
}

/// How much data a model has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelDataView {
    /// The model.
    pub model: String,
    /// How many names.
    pub names: u64,
    /// How many versions, of all names together.
    pub versions: u64,
    /// The size of their contents, in bytes.
    pub bytes: u64,
}

/// Data that was renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataRenamed {
    /// The model.
    pub model: String,
    /// The former name.
    pub from: String,
    /// The new name.
    pub to: String,
    /// Whether the former name still refers to the data.
    pub forward: bool,
}

/// A version that was restored: written again, as the latest version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataRestored {
    /// The model.
    pub model: String,
    /// The name of the data.
    pub name: String,
    /// The version that was to be restored.
    pub from: u64,
    /// The latest version, which has its content.
    pub version: u64,
    /// Whether a version was written. It is `false` if `from` was the latest version already.
    pub is_written: bool,
}

/// The difference between two versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataDiff {
    /// The older version.
    pub from: DataVersionView,
    /// The newer version.
    pub to: DataVersionView,
    /// Whether both have the same content.
    pub is_equal: bool,
    /// The difference in the unified format. `null` if the contents are equal, are not text, or are
    /// larger than 4 MiB.
    pub diff: Option<String>,
}
