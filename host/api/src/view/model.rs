//! Models: what their definitions say, what they may do, and what a method left behind.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::call::VersionsWritten;
use super::permission::{GrantsView, PermissionView};
use super::plugin::UpgradeSpecView;
use super::workflow::FileFault;
use crate::problem::details::CoreDumpDetails;
use crate::{PluginText, Time};

/// A model, as its definition says.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelView {
    /// Its name.
    pub name: String,
    /// Its id, if the definition has one.
    pub id: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The version of the type that the definition was written for, if it says so.
    pub type_version: Option<String>,
    /// Its purpose, if the definition states one.
    pub description: Option<String>,
    /// Its labels.
    pub tags: BTreeMap<String, String>,
    /// The global arguments, which every method gets.
    pub global_arguments: Map<String, Value>,
    /// The limits of its calls that the definition sets.
    pub limits: LimitsView,
    /// Its file, within the repository; null if it is unsaved.
    pub file: Option<String>,
    /// Whether its definition is in the datastore, and not in a file.
    pub unsaved: bool,
}

/// Limits that a definition sets, with the keys of the file. Those that it does not set are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitsView {
    /// How long one call may take from the start of its code, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_time_seconds: Option<u32>,
    /// How long the code of one call may execute, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<u32>,
    /// How much memory one call may use, in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mebibytes: Option<u32>,
    /// How many calls deep a run may nest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_depth: Option<u32>,
    /// How many calls a run may make, ended ones included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_run: Option<u32>,
    /// How many values one `forEach` step of a workflow may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_each_items: Option<u32>,
    /// How many calls one call may make, ended ones included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_call: Option<u32>,
    /// How many calls one call may have started that have not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_calls: Option<u32>,
    /// How many functions of the host one call may call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_calls: Option<u32>,
    /// How much may pass between one call and the host, in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_mebibytes: Option<u32>,
    /// How much one call may stage in memory before it is committed, in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staged_mebibytes: Option<u32>,
    /// How much one call may write to files, in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_mebibytes: Option<u32>,
    /// How many files one call may have open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u32>,
    /// How many lines of one call's log are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_lines: Option<u32>,
    /// How much of one call's log is kept, in KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_kibibytes: Option<u32>,
    /// The limits of its HTTP requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpLimitsView>,
}

/// Limits of requests of HTTP, with the keys of the file. Those that it does not set are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpLimitsView {
    /// How many requests one call may have under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
    /// How large the body of one request may be, in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_mebibytes: Option<u32>,
    /// How large the body of one response may be, in MiB, as it comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_mebibytes: Option<u32>,
    /// How large the headers of one request or response may be, in KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_kibibytes: Option<u32>,
    /// How long it may take to make a connection, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_seconds: Option<u32>,
    /// How long a server may take to begin its response, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_seconds: Option<u32>,
    /// How long nothing of a body may come, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between_bytes_seconds: Option<u32>,
    /// How long a request and its response may take, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_seconds: Option<u32>,
}

/// A model in a list: its definition, or what is wrong with its file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ModelListed {
    /// The file is valid.
    Sound(Box<ModelView>),
    /// The file is invalid.
    Faulty(FileFault),
}

/// A model that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelCreated {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its file, within the repository.
    pub file: String,
    /// The permissions that it has because they are granted to all models of its type.
    pub inherited: Vec<InheritedPermission>,
}

/// A permission that is granted to all models of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InheritedPermission {
    /// What the plugin requests.
    pub permission: PermissionView,
    /// The granted part of it, one line each.
    pub effective: Vec<String>,
}

/// A model whose definition was edited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelEdited {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its file, within the repository.
    pub file: String,
    /// Whether the file was changed.
    pub changed: bool,
}

/// A model that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelDeleted {
    /// Its name.
    pub name: String,
    /// The path of its former file in the repository; null if it was unsaved.
    pub file: Option<String>,
    /// How many names of data it leaves behind.
    pub data_kept: u64,
}

/// The permissions of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelPermissions {
    /// The model.
    pub model: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The requests of its plugin, in the plugin's order.
    pub permissions: Vec<ModelPermissionView>,
}

/// The new grants of a model, and its permissions now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelGranted {
    /// The model.
    pub model: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The file with its grants, within the repository.
    pub file: String,
    /// The grants that were added to the file.
    pub added: GrantsView,
    /// The permissions that were to be granted, and had been granted before.
    pub already: Vec<PermissionView>,
    /// The requests of its plugin, in the plugin's order, each with its current grants.
    pub permissions: Vec<ModelPermissionView>,
}

/// The revoked grants of a model, and its remaining permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelRevoked {
    /// The model.
    pub model: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The file with its grants, within the repository.
    pub file: String,
    /// The grants that were removed from the file.
    pub removed: GrantsView,
    /// What its plugin requests, in the plugin's order, and what the model may still do; null if
    /// the plugin cannot be used.
    pub permissions: Option<Vec<ModelPermissionView>>,
}

/// One thing that a model's plugin requests, and what the model may do of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelPermissionView {
    /// What it requests.
    pub permission: PermissionView,
    /// Why, in the plugin's words.
    pub reason: PluginText,
    /// The granted part of it, one line each; empty if nothing is granted.
    pub effective: Vec<String>,
    /// When a call that used it last ended, to the minute; null if none did.
    pub last_used: Option<Time>,
}

/// A method that succeeded, in a run of its own.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MethodRunView {
    /// The run.
    pub run: String,
    /// The value that the method returned.
    pub value: Value,
    /// The versions that its call wrote, without those of nested calls.
    pub written: VersionsWritten,
    /// How long it took from the request to the end of the commit, the time that it waited
    /// included, in milliseconds.
    pub elapsed_ms: f64,
    /// The result of the core dump, if one was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core_dump: Option<CoreDumpDetails>,
}

/// What `model upgrade` changed, or would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelsUpgraded {
    /// The definitions that changed, sorted by name.
    pub models: Vec<ModelUpgraded>,
    /// How many definitions were up to date.
    #[serde(rename = "currentCount")]
    pub n_current: u64,
    /// Whether the files stay as they are.
    pub is_dry_run: bool,
}

/// A definition that was upgraded to the version of its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelUpgraded {
    /// The model.
    pub name: String,
    /// Its file, within the repository.
    pub file: String,
    /// The version of the type that the definition named, if it named one.
    pub from: Option<String>,
    /// The version of the type.
    pub to: String,
    /// The steps that the plugin made, oldest first.
    pub steps: Vec<UpgradeSpecView>,
    /// The change of the file, as a unified diff.
    pub diff: String,
}
