//! The key `grants:` of definitions, `sedge.yaml` and `sedge.lock`.

use serde::{Deserialize, Serialize};

use super::Permission;
use super::pattern::{CommandPattern, ModelPattern};
use crate::names::EnvName;

pub use super::address::AddressRange;
pub use super::kinds::files::FolderGrant;
pub use super::kinds::http::HttpGrant;
pub use super::kinds::secrets::SecretGrant;
pub use super::kinds::sockets::SocketGrant;

/// The grants of an operator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Models that may be called and read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelPattern>,
    /// HTTP requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpGrant>,
    /// Connections other than HTTP.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sockets: Vec<SocketGrant>,
    /// Folders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FolderGrant>,
    /// Environment variables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvName>,
    /// Secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretGrant>,
    /// Pinned programs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<CommandPattern>,
}

impl Grants {
    /// Returns whether nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether a requested permission is granted, completely or in part.
    #[must_use]
    pub fn has_part_of(&self, permission: &Permission) -> bool {
        permission.rules().has_part(self)
    }

    /// Returns whether one grant covers a requested permission completely.
    #[must_use]
    pub fn has_all_of(&self, permission: &Permission) -> bool {
        permission.rules().has_all(self)
    }

    /// Adds other grants without duplicates.
    pub fn extend(&mut self, other: &Self) {
        fn add<T: Clone + PartialEq>(to: &mut Vec<T>, from: &[T]) {
            for one in from {
                if !to.contains(one) {
                    to.push(one.clone());
                }
            }
        }
        let Self {
            models,
            http,
            sockets,
            files,
            env,
            secrets,
            commands,
        } = other;
        add(&mut self.models, models);
        add(&mut self.http, http);
        add(&mut self.sockets, sockets);
        add(&mut self.env, env);
        add(&mut self.secrets, secrets);
        add(&mut self.commands, commands);
        // A name stands for one folder, so a later grant replaces an earlier one.
        for folder in files {
            self.files.retain(|known| known.name != folder.name);
            self.files.push(folder.clone());
        }
    }

    /// Returns the grant of exactly one permission. A folder is granted at `path`; without a path,
    /// the result is empty.
    #[must_use]
    pub fn of(permission: &Permission, path: Option<&str>) -> Self {
        let mut grants = Self::default();
        permission.rules().grant(&mut grants, path);
        grants
    }
}
