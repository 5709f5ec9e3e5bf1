//! Permissions: what plugins request, and what operators grant.

use schemars::JsonSchema;
use serde::Serialize;

use crate::PluginText;

/// Something that a plugin cannot do unless it requests it and an operator grants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum PermissionView {
    /// Call a model, and read its data and its definition.
    Models {
        /// Its name; `*` for every model.
        model: String,
    },
    /// Run a workflow.
    Workflows {
        /// Its name; `*` for every workflow.
        workflow: String,
    },
    /// Send requests of HTTP.
    Http {
        /// The destination: `https://api.example.com`.
        url: String,
        /// With which methods; absent for all.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        methods: Vec<String>,
    },
    /// Make connections of TCP.
    Sockets {
        /// The destination: `db.example.com:5432`.
        to: String,
    },
    /// Use the files of one folder that the operator chooses.
    Files {
        /// The name by which the operator maps it to a folder.
        name: String,
        /// The permitted access.
        access: FileAccessView,
    },
    /// Read one environment variable.
    Env {
        /// Its name.
        name: String,
    },
    /// Use one secret.
    Secrets {
        /// Its name.
        name: String,
        /// The hosts to which the host of Sedge may send it in requests; absent if there are none.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        hosts: Vec<String>,
        /// Whether the plugin sees it.
        reveal: bool,
    },
    /// Run programs that the operator pinned.
    Commands {
        /// The name under which one is pinned; `*` for every one.
        name: String,
    },
    /// See a hidden value: a sealed field of another model, or the secret in an argument.
    Reveal {
        /// The value: `data:vault:/password`, or `argument:/token`.
        what: String,
    },
}

/// The permitted access to files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FileAccessView {
    /// Read them.
    Read,
    /// Read and write them.
    Write,
}

/// A permission that a plugin requests, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermissionRequestView {
    /// What it requests.
    pub permission: PermissionView,
    /// Why, in the plugin's words.
    pub reason: PluginText,
}

/// What an operator grants. Kinds of which nothing is granted are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrantsView {
    /// Models that may be called and read; `*` for every one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Workflows that may be run; `*` for every one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workflows: Vec<String>,
    /// Requests of HTTP.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpGrantView>,
    /// Connections of TCP.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sockets: Vec<SocketGrantView>,
    /// Folders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FolderGrantView>,
    /// Environment variables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretGrantView>,
    /// Pinned programs; `*` for every one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Hidden values that may be seen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reveal: Vec<String>,
}

/// Requests of HTTP that are granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpGrantView {
    /// The destination.
    pub url: String,
    /// With which methods; absent for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Ranges of private addresses to which the name may resolve; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
}

/// Connections of TCP that are granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SocketGrantView {
    /// The destination.
    pub to: String,
    /// Ranges of private addresses to which the name may resolve; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
}

/// A folder that is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FolderGrantView {
    /// The name by which the plugin requests it.
    pub name: String,
    /// Its path; a relative path begins at the repository.
    pub path: String,
    /// The permitted access.
    pub access: FileAccessView,
}

/// A secret that is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretGrantView {
    /// Its name.
    pub name: String,
    /// The hosts to which the host of Sedge may send it in requests; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Whether the plugin may see it.
    pub reveal: bool,
}
