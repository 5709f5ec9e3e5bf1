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
pub mod revoke;

use std::fmt;
use std::str::FromStr;

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

/// A line does not describe a permission, or describes one of a newer version of Sedge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not describe a permission")]
pub struct PermissionLineError(String);

/// Parses the line that [`Permission`] displays.
impl FromStr for Permission {
    type Err = PermissionLineError;

    fn from_str(line: &str) -> Result<Self, PermissionLineError> {
        permission_of(line).ok_or_else(|| PermissionLineError(line.to_owned()))
    }
}

fn permission_of(line: &str) -> Option<Permission> {
    let mut words = line.split(' ');
    let (word, subject) = (words.next()?, words.next()?);
    let details: Vec<&str> = words.collect();
    let mut kinds = PermissionKind::ALL.into_iter();
    match kinds.find(|kind| kind.as_str() == word)? {
        PermissionKind::Models => {
            ModelPermission::of_words(subject, &details).map(Permission::Models)
        }
        PermissionKind::Http => HttpPermission::of_words(subject, &details).map(Permission::Http),
        PermissionKind::Sockets => {
            SocketPermission::of_words(subject, &details).map(Permission::Sockets)
        }
        PermissionKind::Files => {
            FolderPermission::of_words(subject, &details).map(Permission::Files)
        }
        PermissionKind::Env => EnvPermission::of_words(subject, &details).map(Permission::Env),
        PermissionKind::Secrets => {
            SecretPermission::of_words(subject, &details).map(Permission::Secrets)
        }
        PermissionKind::Commands => {
            CommandPermission::of_words(subject, &details).map(Permission::Commands)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_of_each_kind_is_parsed_as_it_was_displayed() {
        let mut kinds = Vec::new();
        for line in [
            "models sink",
            "models *",
            "http https://*.example.com:8443 GET HEAD",
            "http https://example.com",
            "sockets db.example.com:5432",
            "files inbox read",
            "files inbox write",
            "env HOME",
            "secrets TOKEN",
            "secrets TOKEN reveal",
            "secrets TOKEN https://api.example.com https://*.example.com reveal",
            "commands date",
            "commands *",
        ] {
            let permission: Permission = line.parse().expect(line);
            assert_eq!(permission.to_string(), line);
            kinds.push(permission.kind());
        }
        kinds.dedup();
        assert_eq!(kinds, PermissionKind::ALL);
    }

    #[test]
    fn other_line_is_refused() {
        for line in [
            "",
            "models",
            "models sink sink",
            "planets mars",
            "http example.com",
            "http https://example.com get",
            "http https://example.com ",
            "files inbox",
            "files inbox append",
            "env A B",
            "secrets TOKEN reveal https://api.example.com",
            " commands date",
        ] {
            let parsed: Result<Permission, _> = line.parse();
            assert_eq!(parsed, Err(PermissionLineError(line.to_owned())));
        }
    }
}
