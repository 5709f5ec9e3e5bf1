//! What plugins request, what operators grant, and the resulting permissions.
//!
//! A plugin cannot do anything outside of its sandbox unless its description *requests* it and an
//! operator *grants* it. A grant without a request has no effect.

mod address;
pub mod choice;
pub mod effective;
pub mod grants;
mod kinds;
pub mod pattern;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::guest_text::GuestText;
use kinds::KindRules;

pub use kinds::commands::CommandPermission;
pub use kinds::env::EnvPermission;
pub use kinds::files::{FileAccess, FolderPermission};
pub use kinds::http::{HttpPermission, is_http_method};
pub use kinds::models::ModelPermission;
pub use kinds::secrets::SecretPermission;
pub use kinds::sockets::SocketPermission;

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
    Models(ModelPermission),
    /// HTTP requests.
    Http(HttpPermission),
    /// Connections of TCP.
    Sockets(SocketPermission),
    /// Files of one folder that the operator chooses.
    Files(FolderPermission),
    /// One environment variable.
    Env(EnvPermission),
    /// One secret.
    Secrets(SecretPermission),
    /// Programs that the operator pinned.
    Commands(CommandPermission),
}

impl Permission {
    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> PermissionKind {
        match self {
            Self::Models(_) => PermissionKind::Models,
            Self::Http(_) => PermissionKind::Http,
            Self::Sockets(_) => PermissionKind::Sockets,
            Self::Files(_) => PermissionKind::Files,
            Self::Env(_) => PermissionKind::Env,
            Self::Secrets(_) => PermissionKind::Secrets,
            Self::Commands(_) => PermissionKind::Commands,
        }
    }

    /// Returns the rules of its kind.
    fn rules(&self) -> &dyn KindRules {
        match self {
            Self::Models(it) => it,
            Self::Http(it) => it,
            Self::Sockets(it) => it,
            Self::Files(it) => it,
            Self::Env(it) => it,
            Self::Secrets(it) => it,
            Self::Commands(it) => it,
        }
    }

    /// Returns the subject as it is named on a command line: `https://example.com`.
    #[must_use]
    pub fn subject(&self) -> String {
        self.rules().subject()
    }
}

/// Describes the permission completely in one line. Equal permissions have equal lines.
/// `sedge.lock` uses this line to record the requests that a decision was based on.
impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind().as_str(), self.subject())?;
        self.rules().details(f)
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
