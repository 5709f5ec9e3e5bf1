//! The permissions of a model: what its plugin requests and its operator grants.

mod explain;
#[cfg(test)]
mod tests;
mod uses;

use serde::Serialize;

pub use explain::Explained;
pub use uses::{Use, Uses};

use super::grants::Grants;
use super::{Permission, PermissionRequest};
use crate::names::{ModelName, TypeName};
use crate::yaml_text;

pub use super::address::Addresses;
pub use super::kinds::files::GrantedFolder;
pub use super::kinds::secrets::SecretUsage;

/// The effective permissions of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    pub(super) model: ModelName,
    type_name: TypeName,
    asked: Vec<PermissionRequest>,
    pub(super) granted: Grants,
    /// The grants of the model's own definition, which are part of all its grants.
    own: Grants,
}

/// An attempt that was denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The attempt, as the end of "may not …".
    pub attempt: String,
    /// The model that made the attempt.
    pub model: ModelName,
    /// The reason for the denial.
    pub why: DenialReason,
}

/// The reason for a denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DenialReason {
    /// The plugin does not request the permission. No grant helps.
    NotRequested(TypeName),
    /// The permission has no grant. These lines in the model's definition would add one.
    NotGranted {
        /// The key `grants:` with the existing grants and the missing one.
        yaml: String,
    },
}

/// The complete sentence, with the lines that would add the missing grant.
impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            attempt,
            model,
            why,
        } = self;
        match why {
            DenialReason::NotRequested(type_name) => write!(
                f,
                "`{model}` may not {attempt}: its plugin `{type_name}` does not request it"
            ),
            DenialReason::NotGranted { yaml } => write!(
                f,
                "`{model}` may not {attempt}: no grant allows it; these lines in {} would\n{}",
                model.file(),
                yaml.trim_end()
            ),
        }
    }
}

impl Permissions {
    /// Combines the requests of a plugin and the grants for its type with the grants of a model's
    /// own definition.
    #[must_use]
    pub fn new(
        model: ModelName,
        type_name: TypeName,
        asked: Vec<PermissionRequest>,
        of_type: &Grants,
        own: Grants,
    ) -> Self {
        let mut granted = of_type.clone();
        granted.extend(&own);
        Self {
            model,
            type_name,
            asked,
            granted,
            own,
        }
    }

    /// Returns what the plugin requests, without the reasons.
    pub(super) fn asks(&self) -> impl Iterator<Item = &Permission> {
        self.asked.iter().map(|request| &request.permission)
    }

    pub(super) fn not_asked(&self, attempt: String) -> Denial {
        Denial {
            attempt,
            model: self.model.clone(),
            why: DenialReason::NotRequested(self.type_name.clone()),
        }
    }

    pub(super) fn not_granted(
        &self,
        attempt: String,
        lacking: &Permission,
        path: Option<&str>,
    ) -> Denial {
        self.lacking(attempt, &Grants::of(lacking, path))
    }

    pub(super) fn lacking(&self, attempt: String, wanted: &Grants) -> Denial {
        #[derive(Serialize)]
        struct File<'a> {
            grants: &'a Grants,
        }
        let mut grants = self.own.clone();
        grants.extend(wanted);
        Denial {
            attempt,
            model: self.model.clone(),
            why: DenialReason::NotGranted {
                yaml: yaml_text::write(&File { grants: &grants }),
            },
        }
    }
}
