//! What plugins request, what operators grant, and the resulting permissions.
//!
//! A plugin cannot do anything outside of its sandbox unless its description *requests* it and an
//! operator *grants* it. A grant without a request has no effect.

mod address;
pub mod choice;
pub mod effective;
pub mod grants;
pub mod pattern;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::guest_text::GuestText;
use crate::names::{EnvName, FolderName, SecretName};
use pattern::{CommandPattern, Endpoint, HttpOrigin, ModelPattern};

/// The access to files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileAccess {
    /// Read only.
    #[default]
    Read,
    /// Read and write.
    Write,
}

impl FileAccess {
    /// Returns the access as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// The kinds of permissions, in the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PermissionKind {
    /// Other models.
    Models,
    /// HTTP requests.
    Http,
    /// Connections other than HTTP.
    Sockets,
    /// Folders.
    Files,
    /// Variables of the environment.
    Env,
    /// Secrets.
    Secrets,
    /// Programs of the machine.
    Commands,
}

impl PermissionKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Models,
        Self::Http,
        Self::Sockets,
        Self::Files,
        Self::Env,
        Self::Secrets,
        Self::Commands,
    ];

    /// Returns the name of the kind in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Models => "models",
            Self::Http => "http",
            Self::Sockets => "sockets",
            Self::Files => "files",
            Self::Env => "env",
            Self::Secrets => "secrets",
            Self::Commands => "commands",
        }
    }
}

/// Something that a plugin may do only if it requests it and the operator grants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Permission {
    /// Call a model and read its data.
    Models {
        /// The model.
        model: ModelPattern,
    },
    /// HTTP requests.
    Http {
        /// The destination.
        url: HttpOrigin,
        /// The HTTP methods. Empty means all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        methods: Vec<String>,
    },
    /// TCP connections.
    Sockets {
        /// The destination.
        to: Endpoint,
    },
    /// Files of one folder that the operator chooses.
    Files {
        /// The name that the operator maps to a folder.
        name: FolderName,
        /// The access to the folder.
        access: FileAccess,
    },
    /// One environment variable.
    Env {
        /// Its name.
        name: EnvName,
    },
    /// One secret.
    Secrets {
        /// Its name.
        name: SecretName,
        /// Where the host may put it into requests.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        hosts: Vec<HttpOrigin>,
        /// Whether the plugin requests to see it.
        #[serde(default)]
        reveal: bool,
    },
    /// Programs that the operator pinned.
    Commands {
        /// The name under which the program is pinned.
        name: CommandPattern,
    },
}

impl Permission {
    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> PermissionKind {
        match self {
            Self::Models { .. } => PermissionKind::Models,
            Self::Http { .. } => PermissionKind::Http,
            Self::Sockets { .. } => PermissionKind::Sockets,
            Self::Files { .. } => PermissionKind::Files,
            Self::Env { .. } => PermissionKind::Env,
            Self::Secrets { .. } => PermissionKind::Secrets,
            Self::Commands { .. } => PermissionKind::Commands,
        }
    }

    /// Returns the subject as it is named on a command line: `https://example.com`.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::Models { model } => model.to_string(),
            Self::Http { url, .. } => url.to_string(),
            Self::Sockets { to } => to.to_string(),
            Self::Files { name, .. } => name.to_string(),
            Self::Env { name } => name.to_string(),
            Self::Secrets { name, .. } => name.to_string(),
            Self::Commands { name } => name.to_string(),
        }
    }
}

/// Describes the permission completely in one line. Equal permissions have equal lines.
/// `sedge.lock` uses this line to record the requests that a decision was based on.
impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind().as_str(), self.subject())?;
        match self {
            Self::Http { methods, .. } => methods.iter().try_for_each(|m| write!(f, " {m}")),
            Self::Files { access, .. } => write!(f, " {}", access.as_str()),
            Self::Secrets { hosts, reveal, .. } => {
                hosts.iter().try_for_each(|host| write!(f, " {host}"))?;
                f.write_str(if *reveal { " reveal" } else { "" })
            }
            Self::Models { .. }
            | Self::Sockets { .. }
            | Self::Env { .. }
            | Self::Commands { .. } => Ok(()),
        }
    }
}

/// A permission that a plugin requests, and its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionRequest {
    /// The permission.
    pub permission: Permission,
    /// The reason, for the operator who decides.
    pub reason: GuestText,
}

/// Returns whether a text is an HTTP method: a token in upper case (RFC 9110, 9.1).
#[must_use]
pub fn is_http_method(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
}
