//! What needs the user's attention in a repository.

use schemars::JsonSchema;
use serde::Serialize;

use super::datastore::DiskUse;
use super::permission::PermissionRequestView;
use super::run::RunView;
use super::workflow::GateView;

/// The state of a repository: what waits, runs or failed, and what is missing.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport {
    /// The open gates, the oldest run first.
    pub gates: Vec<GateView>,
    /// The runs in progress, the newest first.
    pub running: Vec<RunView>,
    /// The runs whose process ended before they did, the newest first.
    pub interrupted: Vec<RunView>,
    /// The failed runs of the last seven days after which no run of the same method or workflow was
    /// started, the newest first.
    pub failed: Vec<RunView>,
    /// The plugins whose component is not on this machine.
    pub missing_components: Vec<MissingComponent>,
    /// What plugins request, and models of their types may not do.
    pub not_granted: Vec<NotGranted>,
    /// The models and workflows whose files cannot be used. `sedge doctor` shows the faults.
    pub faulty_files: Vec<String>,
    /// Why secrets cannot be opened; null if all can be. No run begins while one cannot be opened,
    /// because its value could not be masked.
    pub secrets_closed: Option<String>,
    /// The disk space that the repository occupies.
    pub disk: DiskUse,
}

/// A plugin whose component is not on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissingComponent {
    /// The type that it provides.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its version.
    pub version: String,
    /// The place from which it was added.
    pub source: String,
}

/// A permission that a plugin requests, and that a model does not have at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotGranted {
    /// The model.
    pub model: String,
    /// What its plugin requests, and why.
    pub request: PermissionRequestView,
}
