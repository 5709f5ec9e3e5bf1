//! The permissions of a model: what its plugin requests and its operator grants.

mod explain;
#[cfg(test)]
mod tests;
mod uses;

use std::collections::BTreeMap;

use serde::Serialize;

pub use explain::Explained;
pub use uses::{Use, Uses};

use super::grants::Grants;
use super::{Permission, PermissionRequest};
use crate::names::{ModelName, TypeName};
use crate::yaml_text;

pub use super::address::Addresses;
pub use super::kinds::files::GrantedFolder;
pub use super::kinds::models::ReadableModels;
pub use super::kinds::secrets::SecretUsage;

/// The effective permissions of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    pub(super) model: ModelName,
    /// The file of the model's definition, for messages.
    file: String,
    type_name: TypeName,
    asked: Vec<PermissionRequest>,
    pub(super) granted: Grants,
    /// The grants of the model's own definition, which are part of all its grants.
    own: Grants,
    /// Whether the file of `own` is the configuration, in which grants are for all models of the
    /// type.
    is_in_config: bool,
    /// Whether only reading is permitted, whatever is granted.
    only_reads: bool,
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
    /// A check made the attempt, and a check only reads. No grant helps.
    InCheck,
    /// The permission has no grant. These lines in the model's definition would add one.
    NotGranted {
        /// The file of the model's definition.
        file: String,
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
            DenialReason::InCheck => {
                write!(
                    f,
                    "`{model}` may not {attempt} in a check: a check only reads"
                )
            }
            DenialReason::NotGranted { file, yaml } => write!(
                f,
                "`{model}` may not {attempt}: no grant allows it; to allow it, set this in {file}\n{}",
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
            file: model.file(),
            model,
            type_name,
            asked,
            granted,
            own,
            is_in_config: false,
            only_reads: false,
        }
    }

    /// Sets the file of the model's definition, which messages name.
    #[must_use]
    pub fn in_file(mut self, file: &str) -> Self {
        file.clone_into(&mut self.file);
        self
    }

    /// Sets the file of the configuration, for a model without a file of its own. Messages suggest to
    /// add grants for all models of the type there, to those in `present`.
    #[must_use]
    pub fn in_config(mut self, file: &str, present: &Grants) -> Self {
        file.clone_into(&mut self.file);
        self.own.clone_from(present);
        self.is_in_config = true;
        self
    }

    /// Returns the file in which the model can be granted something.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the permissions of a check that runs before a method: those of the model, except for
    /// calls, commands, connections, and requests that may change something. Folders can only be
    /// read, which the code that opens them has to ensure.
    #[must_use]
    pub fn for_check(&self) -> Self {
        Self {
            only_reads: true,
            ..self.clone()
        }
    }

    /// Refuses an attempt to change something if only reading is permitted.
    pub(super) fn change_check(&self, attempt: impl FnOnce() -> String) -> Result<(), Denial> {
        if !self.only_reads {
            return Ok(());
        }
        Err(Denial {
            attempt: attempt(),
            model: self.model.clone(),
            why: DenialReason::InCheck,
        })
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
        #[derive(Serialize)]
        struct Config<'a> {
            plugins: BTreeMap<&'a str, File<'a>>,
        }
        let mut grants = self.own.clone();
        grants.extend(wanted);
        let lines = File { grants: &grants };
        let yaml = match self.is_in_config {
            false => yaml_text::write(&lines),
            true => yaml_text::write(&Config {
                plugins: BTreeMap::from([(self.type_name.as_str(), lines)]),
            }),
        };
        Denial {
            attempt,
            model: self.model.clone(),
            why: DenialReason::NotGranted {
                file: self.file.clone(),
                yaml,
            },
        }
    }
}
