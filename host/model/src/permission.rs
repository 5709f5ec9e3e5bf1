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

pub use kinds::commands::CommandPermission;
pub use kinds::env::EnvPermission;
pub use kinds::files::{FileAccess, FolderPermission};
pub use kinds::http::{HttpPermission, is_http_method};
pub use kinds::models::ModelPermission;
pub use kinds::reveal::RevealPermission;
pub use kinds::secrets::SecretPermission;
pub use kinds::sockets::SocketPermission;
pub use kinds::workflows::WorkflowPermission;
pub use kinds::{Permission, PermissionKind};

impl Permission {
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
    Permission::of_words(kind_of(word)?, subject, &details)
}

/// Returns the kind with a name.
fn kind_of(word: &str) -> Option<PermissionKind> {
    let mut kinds = PermissionKind::ALL.iter().copied();
    kinds.find(|kind| kind.as_str() == word)
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
            "workflows nightly",
            "workflows *",
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
            "reveal argument:/token",
            "reveal data:vault:/keys/*/value",
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
