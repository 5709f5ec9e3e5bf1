//! The interface `models`: reads the definitions of models that the plugin may read.

use std::collections::BTreeMap;

use sedge_model::call::LimitName;

use crate::bindings::sedge::model::models::{self, Host, ModelsError};
use crate::bindings::sedge::model::types;
use crate::call::CallState;
use crate::convert;
use crate::host::{PageLimits, RequestFault, connected};

/// Reads the definitions that one call may read.
pub trait ModelsPort: Send + Sync {
    /// Returns a page of the definitions that meet the filter, sorted by name, and of those that
    /// cannot be read.
    ///
    /// # Errors
    /// The folder of the definitions cannot be read.
    fn list(
        &self,
        filter: &ModelsFilter,
        limits: &PageLimits,
    ) -> Result<ModelsListed, RequestFault<ModelReadError>>;

    /// Returns the definition of a model, by its name or its id.
    ///
    /// # Errors
    /// The caller may not read it, there is no such model, or its file cannot be read.
    fn get(
        &self,
        name: &str,
        limits: &PageLimits,
    ) -> Result<GuestDefinition, RequestFault<ModelReadError>>;
}

/// Which definitions are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelsFilter {
    /// What the name begins with.
    pub prefix: String,
    /// The type.
    pub type_name: Option<String>,
    /// The tags that the definition must have, as they are written.
    pub tags: BTreeMap<String, String>,
    /// The name that it must sort after.
    pub after: Option<String>,
}

/// A definition as a guest may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestDefinition {
    /// The name of the model.
    pub name: String,
    /// The id that the definition gives.
    pub id: Option<String>,
    /// The type of the model.
    pub type_name: String,
    /// The version of the type that it was written for.
    pub type_version: Option<String>,
    /// Its purpose.
    pub description: Option<String>,
    /// The tags as they are written.
    pub tags: BTreeMap<String, String>,
    /// The global arguments as they are written, as JSON and without secrets. `None` if it is not
    /// known which of them are secret.
    pub global_arguments: Option<String>,
}

impl GuestDefinition {
    /// Returns the size of its texts, in bytes.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        let size = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let tags = self.tags.iter().map(|(key, value)| key.len() + value.len());
        self.name.len()
            + size(&self.id)
            + self.type_name.len()
            + size(&self.type_version)
            + size(&self.description)
            + tags.sum::<usize>()
            + size(&self.global_arguments)
    }
}

/// A definition that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableDefinition {
    /// The name of the model.
    pub name: String,
    /// Why it cannot be read.
    pub reason: String,
}

/// An entry of a list of definitions.
pub type DefinitionEntry = Result<GuestDefinition, UnreadableDefinition>;

/// A page of a list of definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelsListed {
    /// The definitions, sorted by name.
    pub models: Vec<DefinitionEntry>,
    /// The last name that was looked at, if the list continues.
    pub next: Option<String>,
}

/// Why a guest does not get a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelReadError {
    /// The plugin may not read the model. The text says which grant would allow it.
    Denied(String),
    /// No model has this name.
    NotFound(String),
    /// The definition cannot be read. The text says why.
    Unreadable(String),
    /// The definition is too large: the limit, and its value.
    Limit(LimitName, u64),
}

type GuestResult<T> = wasmtime::Result<Result<T, ModelsError>>;

impl CallState {
    fn models_result<T>(
        &mut self,
        result: Result<T, RequestFault<ModelReadError>>,
    ) -> GuestResult<T> {
        Ok(match result {
            Ok(value) => Ok(value),
            Err(RequestFault::Host(error)) => return Err(error.into()),
            Err(RequestFault::Guest(error)) => Err(match error {
                ModelReadError::Denied(reason) => ModelsError::Denied(reason),
                ModelReadError::NotFound(name) => ModelsError::NotFound(name),
                ModelReadError::Unreadable(reason) => ModelsError::Unreadable(reason),
                ModelReadError::Limit(name, value) => {
                    self.running()?.refusals().limit(name, value);
                    ModelsError::Limit(types::LimitReached {
                        name: name.as_str().to_owned(),
                        value,
                    })
                }
            }),
        })
    }
}

impl Host for CallState {
    async fn list(&mut self, filter: models::ModelFilter) -> GuestResult<models::ModelPage> {
        // A guest may look for as many tags as fit into its memory.
        let tags = filter.tags.iter().map(|it| it.key.len() + it.value.len());
        self.count_host_call(filter.prefix.len() + tags.sum::<usize>())?;
        let limits = PageLimits::of_guest(filter.count_max);
        let filter = ModelsFilter {
            prefix: filter.prefix,
            type_name: filter.type_,
            tags: filter
                .tags
                .into_iter()
                .map(|it| (it.key, it.value))
                .collect(),
            after: filter.after,
        };
        let listed = connected(self.ports.models.as_ref())?.list(&filter, &limits);
        let ModelsListed { models, next } = match self.models_result(listed)? {
            Ok(listed) => listed,
            Err(error) => return Ok(Err(error)),
        };
        let size = |entry: &DefinitionEntry| match entry {
            Ok(definition) => definition.n_bytes(),
            Err(unreadable) => unreadable.name.len() + unreadable.reason.len(),
        };
        self.count_bytes(models.iter().map(size).sum())?;
        let models = models.into_iter().map(|entry| match entry {
            Ok(definition) => Ok(definition_to_guest(definition)),
            Err(UnreadableDefinition { name, reason }) => {
                Err(models::UnreadableDefinition { name, reason })
            }
        });
        Ok(Ok(models::ModelPage {
            models: models.collect(),
            next,
        }))
    }

    async fn get(&mut self, name: String) -> GuestResult<models::Definition> {
        self.count_host_call(name.len())?;
        let found = connected(self.ports.models.as_ref())?.get(&name, &PageLimits::of_guest(1));
        match self.models_result(found)? {
            Ok(definition) => {
                self.count_bytes(definition.n_bytes())?;
                Ok(Ok(definition_to_guest(definition)))
            }
            Err(error) => Ok(Err(error)),
        }
    }
}

fn definition_to_guest(definition: GuestDefinition) -> models::Definition {
    models::Definition {
        name: definition.name,
        id: definition.id,
        type_: definition.type_name,
        type_version: definition.type_version,
        description: definition.description,
        tags: convert::tags_to_guest(definition.tags),
        global_arguments: definition.global_arguments,
    }
}
