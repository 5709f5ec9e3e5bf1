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
    /// Its name. It is another one than was given if that is a former name.
    pub name: String,
    /// Its number, counted from 1.
    pub version: u64,
    /// Whether it is the latest of its name.
    pub latest: bool,
    /// What kind of data it is.
    pub kind: DataKindView,
    /// The resource or file spec of the type that it fits.
    pub spec: String,
    /// The media type of its content; `application/json` of a resource.
    pub media_type: String,
    /// The size of its content, in bytes.
    pub size: u64,
    /// The SHA-256 of its content, as hexadecimal digits.
    pub digest: String,
    /// Its labels.
    pub tags: BTreeMap<String, String>,
    /// How long it is kept: `infinite`, a time such as `7d`, or what it is bound to.
    pub lifetime: String,
    /// When it was written.
    pub created_at: Time,
    /// What wrote it. A restored version has the writer of the version that it comes from.
    pub written_by: DataWriterView,
    /// Which version it was restored from; absent if a call wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restored_from: Option<RestoredFromView>,
}

/// Where a version comes from that a user restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoredFromView {
    /// The version of the same name whose content it has. It may have been deleted since.
    pub version: u64,
    /// The user who restored it.
    pub by: String,
}

/// What kind of data something is.
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

/// What wrote a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataWriterView {
    /// The run.
    pub run: String,
    /// The job of the workflow; null if it was no workflow.
    pub job: Option<String>,
    /// The step of that job; null if it was no workflow.
    pub step: Option<String>,
    /// The call: the run, and the number of each call from there down.
    pub call: String,
    /// The method.
    pub method: String,
    /// The type of the model; null of data that was written before types were recorded.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// The SHA-256 of the plugin, as hexadecimal digits.
    pub plugin: String,
    /// The digest of the model's file; null of data that was written before it was recorded.
    pub definition: Option<String>,
}

/// One version of a piece of data, with its content or where that was written to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataContentView {
    /// What is known of it.
    #[serde(flatten)]
    pub version: DataVersionView,
    /// The content of a resource. Bytes of a file have no form in JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Value>,
    /// The file that the content was written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// What a query shows of a version.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum DataQueryItem {
    /// All that is known of it, without its content.
    Version(Box<DataVersionView>),
    /// What the query selects of it.
    Selected(Value),
}

/// How a query went, besides what it found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataQueryReport {
    /// How many versions it looked at.
    pub looked: u64,
    /// The versions that it is wrong for; they do not match. Null if there are none.
    pub faults: Option<QueryFaultsView>,
    /// The versions of which something that it selects is not there; it is null for them. Null if
    /// there are none.
    pub missing: Option<QueryMissingView>,
}

/// The versions that a query is wrong for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryFaultsView {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub first: QueryFaultView,
}

/// A version that a query is wrong for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryFaultView {
    /// Its model.
    pub model: String,
    /// Its name.
    pub name: String,
    /// Its number.
    pub version: u64,
    /// What is wrong, as a lower-case fragment without a period.
    pub message: String,
    /// Where in which expression; its file is `predicate` or `select`.
    pub place: Place,
}

/// The versions of which something that a query selects is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryMissingView {
    /// How many there are.
    pub count: u64,
    /// What is not there in the first of them, as the query writes it.
    pub first: String,
}

/// Data of one model that was deleted, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataDeletion {
    /// The model.
    pub model: String,
    /// Whether it was only looked at what would be deleted.
    pub dry_run: bool,
    /// How much of each name.
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

/// What a collection removed, or would remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataCollection {
    /// Whether it was only looked at what would be removed.
    pub dry_run: bool,
    /// The versions that are not kept any longer, by name.
    pub deleted: Vec<DeletedName>,
    /// Files that nothing refers to.
    pub files: FilesView,
    /// Files that processes left that ended before they had written them.
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

/// The data of models that are gone, which was deleted, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataPruned {
    /// Whether it was only looked at what would be deleted.
    pub dry_run: bool,
    /// The models, with how much data each has.
    pub models: Vec<ModelDataView>,
    /// Why it would be refused unless the user confirms it, as a clause; null if it would not be.
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

/// Data that has another name now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataRenamed {
    /// The model.
    pub model: String,
    /// The name that the data had.
    pub from: String,
    /// The name that it has.
    pub to: String,
    /// Whether the former name leads to it.
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
    /// The difference in the unified format. `null` if the contents are equal, are no text, or are
    /// larger than 4 MiB.
    pub diff: Option<String>,
}
