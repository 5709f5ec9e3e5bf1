//! What was made of the files of swamp, another tool for automation models.

use schemars::JsonSchema;
use serde::Serialize;

use super::permission::PermissionRequestView;
use super::plugin::PluginChange;

/// An extension of swamp whose models were built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SwampExtensionBuilt {
    /// The name of the extension, as its manifest has it.
    pub name: String,
    /// The version of the extension.
    pub version: String,
    /// The labels of the extension.
    pub labels: Vec<String>,
    /// The folder with the components and the files of permissions.
    pub out: String,
    /// The models, in the order of the manifest.
    pub models: Vec<SwampModelView>,
    /// The parts of the extension that have no counterpart.
    pub not_taken: Vec<NotTakenView>,
}

/// A model in TypeScript for swamp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SwampModelView {
    /// Its file, relative to the folder of the extension.
    pub source: String,
    /// The component; absent if it was not built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub built: Option<SwampComponentView>,
    /// The file with the permissions that it requests, for review; absent if the source cannot be
    /// analysed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions_file: Option<PermissionsFileView>,
    /// Why it was not built.
    pub faults: Vec<String>,
    /// How to get it built.
    pub help: Vec<String>,
    /// What it uses and cannot use in the sandbox. A method that uses it fails.
    pub not_supported: Vec<NotSupportedView>,
    /// What the analysis cannot tell, such as an address that is computed.
    pub unknown: Vec<String>,
    /// What the bundler warns of.
    pub warnings: Vec<String>,
}

/// The component of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SwampComponentView {
    /// The type that it provides.
    pub name: String,
    /// The version of the type.
    pub version: String,
    /// The file of the component.
    pub file: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, in lower-case hex.
    pub sha256: String,
    /// The names of its methods.
    pub methods: Vec<String>,
    /// The permissions that it requests.
    pub permissions: Vec<PermissionRequestView>,
    /// What adding it to the repository has changed; absent if it was not added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added: Option<PluginChange>,
}

/// The file with the permissions of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermissionsFileView {
    /// The file.
    pub file: String,
    /// Whether it was there already, and was used as it is.
    pub is_kept: bool,
}

/// Something that a model uses and cannot use in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotSupportedView {
    /// What it is: `Deno.connect`.
    pub what: String,
    /// The place in the source: `ssh.ts:40`.
    pub at: String,
    /// Why it is not supported.
    pub why: String,
}

/// Something that was not taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotTakenView {
    /// What it is.
    pub what: String,
    /// Why it was not taken.
    pub why: String,
}

/// A repository of swamp that was taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SwampImported {
    /// The models in TypeScript whose types are used by a definition.
    pub plugins: Vec<SwampModelView>,
    /// The definitions of models.
    pub models: Vec<ImportedFileView>,
    /// The workflows.
    pub workflows: Vec<ImportedFileView>,
    /// The data of each model.
    pub data: Vec<ImportedDataView>,
    /// The names of the secrets, whose values are not taken: `VAULT.KEY`.
    pub secrets: Vec<ImportedSecretView>,
    /// What was not taken over.
    pub not_taken: Vec<NotTakenView>,
}

/// A file of the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedFileView {
    /// The name of the model or workflow.
    pub name: String,
    /// Its file, relative to both repositories.
    pub file: String,
    /// Whether it was there already, with the same text.
    pub is_kept: bool,
}

/// The data of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedDataView {
    /// The model.
    pub model: String,
    /// The names whose latest version was written.
    pub written: Vec<String>,
    /// How many names have the same latest version already.
    pub kept: u64,
}

/// A secret that the repository uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedSecretView {
    /// Its name.
    pub name: String,
    /// Whether the secrets of this repository have it already.
    pub is_there: bool,
}
