//! The project of a plugin author: its files, its component, its tests, and a round of the development
//! loop.

use schemars::JsonSchema;
use serde::Serialize;

use super::model::MethodRunView;
use super::permission::PermissionRequestView;
use super::plugin::{PluginChange, PluginView};

/// The language of a plugin's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PluginLanguage {
    /// Rust.
    Rust,
    /// Python.
    Python,
    /// TypeScript.
    #[serde(rename = "typescript")]
    TypeScript,
}

impl PluginLanguage {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Rust, Self::Python, Self::TypeScript];

    /// Returns the name of the language.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::TypeScript => "TypeScript",
        }
    }
}

/// The copy of the SDK in a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SdkCopyView {
    /// The version of Sedge that it was copied from.
    pub version: String,
    /// The version of the contract that it builds plugins for.
    pub contract: String,
    /// How it compares with the SDK of this program.
    pub state: SdkCopyState,
}

/// How the copy of the SDK in a project compares with the SDK of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SdkCopyState {
    /// It is the same.
    Current,
    /// It is that of another version, as it was copied.
    Outdated,
    /// Its files have been changed since.
    Changed,
    /// This program has no SDK to compare it with.
    Unknown,
}

/// A project that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginProjectMade {
    /// The type that its plugin provides: `@scope/name`.
    pub name: String,
    /// Its language.
    pub language: PluginLanguage,
    /// Its folder.
    pub path: String,
    /// Its files without those of the SDK, relative to the folder.
    pub files: Vec<String>,
    /// The copy of the SDK.
    pub sdk: SdkCopyView,
}

/// A component that was built.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginBuilt {
    /// The language of the project.
    pub language: PluginLanguage,
    /// The file of the component.
    pub file: String,
    /// Its size in bytes.
    pub size: u64,
    /// The plugin, as it describes itself.
    pub plugin: PluginView,
    /// The copy of the SDK in the project; absent if the project has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdk: Option<SdkCopyView>,
    /// What the author should know about the source.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// How long the compiler took, in milliseconds.
    pub build_ms: f64,
}

/// Tests that have passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginTested {
    /// The language of the project.
    pub language: PluginLanguage,
    /// The command that ran the tests, in the folder of the project.
    pub command: String,
}

/// A round of the development loop: a build, the plugin that was added, and a call.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginDevRound {
    /// The plugin, as it describes itself.
    pub plugin: PluginView,
    /// What adding it has changed.
    pub change: PluginChange,
    /// The permissions that it requests and that are not granted.
    pub not_granted: Vec<PermissionRequestView>,
    /// The call; null if there is none to repeat.
    pub call: Option<MethodRunView>,
    /// How long the build took, in milliseconds.
    pub build_ms: f64,
    /// How long checking, compiling and adding the component took, in milliseconds.
    pub add_ms: f64,
    /// How long the call took, in milliseconds; null if there was none.
    pub call_ms: Option<f64>,
}
