//! Plugins: what they say of their types, and how they are pinned.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::permission::{GrantsView, PermissionRequestView};
use crate::PluginText;

/// A plugin, as it describes itself. Its texts are the plugin's own.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginView {
    /// The type that it provides: `@scope/name`.
    pub name: String,
    /// The version of the type: `YYYY.MM.DD.N`.
    pub version: String,
    /// Its purpose.
    pub description: PluginText,
    /// The JSON Schema of what a definition gives to every method.
    pub global_arguments: Value,
    /// Its methods, in the author's order.
    pub methods: Vec<MethodView>,
    /// The kinds of resources that its methods write.
    pub resources: Vec<ResourceSpecView>,
    /// The kinds of files that its methods write.
    pub files: Vec<FileSpecView>,
    /// What it requests.
    pub permissions: Vec<PermissionRequestView>,
    /// The checks that run before its methods; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckSpecView>,
    /// The upgrades of its global arguments, oldest first; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub upgrades: Vec<UpgradeSpecView>,
    /// The reports that it can make; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<ReportSpecView>,
    /// The SHA-256 of its component, in lower-case hex.
    pub sha256: String,
    /// The version of the contract that it was built for.
    pub contract: String,
}

/// A method of a type.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MethodView {
    /// Its name, unique in the type.
    pub name: String,
    /// Its effect on the external object.
    pub kind: MethodKindView,
    /// Its description, in a sentence.
    pub description: PluginText,
    /// The JSON Schema of its arguments.
    pub arguments: Value,
}

/// A check that runs before methods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckSpecView {
    /// Its name, unique in the type.
    pub name: String,
    /// What it checks, in a sentence.
    pub description: PluginText,
    /// The methods before which it runs; empty for all that do more than look.
    pub applies_to: Vec<String>,
    /// The labels by which it can be skipped.
    pub labels: Vec<String>,
}

/// A change of the global arguments between two versions of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpgradeSpecView {
    /// The first version of the type that needs it.
    pub to_version: String,
    /// What changes, in a sentence.
    pub description: PluginText,
}

/// A report that a type can make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportSpecView {
    /// Its name, unique in the type.
    pub name: String,
    /// What it shows, in a sentence.
    pub description: PluginText,
    /// What it is about.
    pub scope: ReportScopeView,
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ReportScopeView {
    /// One call of a method of the type.
    Method,
    /// One model of the type, with its data.
    Model,
    /// One run of a workflow that has called a model of the type.
    Workflow,
}

impl ReportScopeView {
    /// Returns the scope as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Model => "model",
            Self::Workflow => "workflow",
        }
    }
}

/// The effect of a method on the external object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MethodKindView {
    /// It looks, and writes nothing.
    Read,
    /// It looks, and writes what it has seen.
    Observe,
    /// It makes the thing.
    Create,
    /// It changes the thing.
    Update,
    /// It removes the thing.
    Delete,
    /// Anything else.
    Action,
}

impl MethodKindView {
    /// Returns the kind as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Observe => "observe",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Action => "action",
        }
    }
}

/// A kind of resource that a type's methods write.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSpecView {
    /// Its name, unique in the type.
    pub name: String,
    /// What it is.
    pub description: PluginText,
    /// The JSON Schema of its content.
    pub schema: Value,
    /// The treatment of content that violates the schema.
    pub on_violation: OnViolationView,
    /// How long it is kept, as the plugin requests it; absent if it requests nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<RetentionView>,
}

/// The treatment of a resource that violates its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnViolationView {
    /// It is not written.
    Refuse,
    /// It is written, and the call's log has a warning.
    Warn,
}

/// A kind of file that a type's methods write.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileSpecView {
    /// Its name, unique in the type.
    pub name: String,
    /// What it is.
    pub description: PluginText,
    /// For example `text/plain`.
    pub media_type: String,
    /// How long it is kept, as the plugin requests it; absent if it requests nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<RetentionView>,
}

/// How long data is kept, with the keys of definitions. What is not said is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetentionView {
    /// How long a version is retained: `7d`, `infinite`, …; absent if without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<String>,
    /// How many versions are kept, or how old they may be; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub garbage_collection: Option<KeepView>,
    /// Labels of everything that is written; absent for none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// How many old versions of a piece of data are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum KeepView {
    /// The newest so many, the latest included.
    Versions(u32),
    /// Those that are younger than this: `30d`.
    Age(String),
}

/// The plugins that were added.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginsAdded {
    /// The plugins, in the order in which they were named.
    pub plugins: Vec<PluginAdded>,
}

/// A plugin that was added.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginAdded {
    /// The plugin.
    #[serde(flatten)]
    pub plugin: PluginView,
    /// The effect on `sedge.lock`.
    pub change: PluginChange,
    /// The plugin that was pinned before; null if there was none.
    pub before: Option<PinnedBefore>,
    /// The permissions of all models of the type.
    pub grants: GrantsView,
    /// How much is granted of each of `permissions`, in their order.
    pub granted: Vec<GrantedShare>,
    /// The file of its component in the repository; absent if the component is not kept there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendored_file: Option<String>,
}

/// A component that was pinned before another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PinnedBefore {
    /// The version of the type.
    pub version: String,
    /// The SHA-256 of the component, in lower-case hex.
    pub sha256: String,
}

/// How much is granted of what a plugin requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GrantedShare {
    /// All of it.
    All,
    /// Some of it.
    Part,
    /// Nothing.
    Nothing,
}

/// The effect of adding a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PluginChange {
    /// No plugin provided its type before.
    Added,
    /// It takes the place of another component.
    Replaced,
    /// The same component was pinned before.
    Unchanged,
    /// The same component was pinned before, and was missing on this machine.
    Restored,
}

/// The components that were restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginsRestored {
    /// The plugins whose components were found.
    pub plugins: Vec<PluginRestored>,
    /// The types of the plugins whose components are still missing on this machine.
    pub missing: Vec<String>,
}

/// A plugin whose component was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginRestored {
    /// The type that it provides.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The version of the type.
    pub version: String,
    /// The SHA-256 of its component, in lower-case hex.
    pub sha256: String,
    /// Where the component was found: a path, the name of a plugin that comes with Sedge, or a URL.
    pub from: String,
    /// Whether the component was missing on this machine before.
    pub was_missing: bool,
}

/// A plugin that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginRemoved {
    /// The type that it provided.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The version of the type.
    pub version: String,
    /// The SHA-256 of its component, in lower-case hex.
    pub sha256: String,
    /// The names of the models of the type, which cannot run any more.
    pub models: Vec<String>,
    /// The file of its component in the repository, which was removed, too; absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendored_file: Option<String>,
}

/// A pinned plugin in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginListed {
    /// The type that it provides.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The version of the type.
    pub version: String,
    /// The SHA-256 of its component, in lower-case hex.
    pub sha256: String,
    /// The version of the contract that it was built for.
    pub contract: String,
    /// Where it was added from: a path, the name of a plugin that comes with Sedge, or a URL.
    pub source: String,
    /// What it had requested when a user last decided what to grant, one line each.
    pub asked: Vec<String>,
    /// How many requests `asked` has.
    #[serde(rename = "requested")]
    pub n_requested: usize,
    /// How many of them are granted completely, to all models of the type.
    #[serde(rename = "granted")]
    pub n_granted: usize,
    /// The grants of that decision, for all models of the type.
    pub grants: GrantsView,
    /// Whether its component is on this machine.
    pub is_here: bool,
}
