//! Definitions of models: of this one, and of those that the plugin may read.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::data::{PAGE_ITEMS, tag_to_wire};
use crate::host::models;
use crate::page::paged;
use crate::{Context, ModelsError};

/// The definition of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelDefinition {
    /// The name of the model.
    pub name: String,
    /// The id that the definition gives to the model. It stays if the model is renamed.
    pub id: Option<String>,
    /// The type of the model, for example `@acme/sink`.
    pub type_name: String,
    /// The version of the type that the definition was written for, if it says so.
    pub type_version: Option<String>,
    /// The purpose of the model, if the definition states one.
    pub description: Option<String>,
    /// The tags of the data that the model writes. A value that contains `${{` is an expression.
    pub tags: BTreeMap<String, String>,
    /// The global arguments as they are written.
    ///
    /// A text that contains `${{` is an expression. A reference to a secret reads `[secret NAME]`, and a
    /// value that the type marks as sensitive reads `[sensitive]`. `None` if the host does not know which
    /// values are sensitive: the plugin of the type is not on this machine, or the definition was
    /// written for an earlier version of the type.
    pub global_arguments: Option<Map<String, Value>>,
}

/// Which definitions [`Context::models_matching`] returns.
///
/// ```
/// use sedge_sdk::ModelFilter;
///
/// let filter = ModelFilter::new().of_type("@acme/sink").tag("stage", "prod");
/// # let _ = filter;
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ModelFilter {
    prefix: String,
    type_name: Option<String>,
    tags: Vec<(String, String)>,
}

impl ModelFilter {
    /// Returns all definitions that the plugin may read.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns only models whose names begin with `prefix`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Returns only models of this type.
    pub fn of_type(mut self, type_name: impl Into<String>) -> Self {
        self.type_name = Some(type_name.into());
        self
    }

    /// Returns only models whose definitions have this tag, as it is written.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push((key.into(), value.into()));
        self
    }

    fn to_wire(&self, after: Option<&String>) -> models::ModelFilter {
        let tags = self.tags.iter();
        models::ModelFilter {
            prefix: self.prefix.clone(),
            type_: self.type_name.clone(),
            tags: tags.map(|(key, value)| tag_to_wire(key, value)).collect(),
            after: after.cloned(),
            count_max: PAGE_ITEMS,
        }
    }
}

/// Definitions of models.
impl Context {
    /// Returns the definitions of this model and of all models that the plugin may read, sorted by name.
    ///
    /// A definition that cannot be read is [`ModelsError::Unreadable`], and the others follow it. If the
    /// list cannot be read to its end, the last item is the error.
    pub fn models(&self) -> impl Iterator<Item = Result<ModelDefinition, ModelsError>> + use<> {
        self.models_matching(&ModelFilter::new())
    }

    /// Returns the definitions that meet the filter, and those that cannot be read: see
    /// [`Context::models`].
    pub fn models_matching(
        &self,
        filter: &ModelFilter,
    ) -> impl Iterator<Item = Result<ModelDefinition, ModelsError>> + use<> {
        let filter = filter.clone();
        let entries = paged(move |after: Option<&String>| -> Result<_, ModelsError> {
            let page = models::list(&filter.to_wire(after))?;
            Ok((page.models, page.next))
        });
        entries.map(|entry| match entry? {
            Ok(definition) => definition.try_into(),
            Err(unreadable) => Err(ModelsError::Unreadable {
                name: Some(unreadable.name),
                reason: unreadable.reason,
            }),
        })
    }

    /// Returns the definition of a model, by its name or its id.
    ///
    /// # Errors
    /// The plugin may not read it, there is no such model, or its file cannot be read.
    pub fn model(&self, name: &str) -> Result<ModelDefinition, ModelsError> {
        let found = models::get(name).map_err(|error| ModelsError::of_model(name, error))?;
        found.try_into()
    }
}

impl ModelsError {
    /// Returns the error of a question about the model `asked`.
    fn of_model(asked: &str, wire: models::ModelsError) -> Self {
        let mut error = Self::from(wire);
        if let Self::Unreadable { name, .. } = &mut error {
            name.get_or_insert_with(|| asked.to_owned());
        }
        error
    }
}

impl From<models::ModelsError> for ModelsError {
    fn from(wire: models::ModelsError) -> Self {
        match wire {
            models::ModelsError::Denied(reason) => Self::Denied { reason },
            models::ModelsError::NotFound(name) => Self::NotFound { name },
            models::ModelsError::Unreadable(reason) => Self::Unreadable { name: None, reason },
            models::ModelsError::Limit(limit) => Self::Limit {
                name: limit.name,
                value: limit.value,
            },
        }
    }
}

impl TryFrom<models::Definition> for ModelDefinition {
    type Error = ModelsError;

    fn try_from(wire: models::Definition) -> Result<Self, ModelsError> {
        let arguments = wire.global_arguments.as_deref().map(serde_json::from_str);
        let global_arguments = arguments
            .transpose()
            .map_err(|error| ModelsError::Unreadable {
                name: Some(wire.name.clone()),
                reason: format!("the global arguments are no object: {error}"),
            })?;
        Ok(Self {
            name: wire.name,
            id: wire.id,
            type_name: wire.type_,
            type_version: wire.type_version,
            description: wire.description,
            tags: wire.tags.into_iter().map(|it| (it.key, it.value)).collect(),
            global_arguments,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Failure;

    fn wire(arguments: Option<&str>) -> models::Definition {
        models::Definition {
            name: "outbox".into(),
            id: None,
            type_: "@acme/sink".into(),
            type_version: None,
            description: None,
            tags: vec![tag_to_wire("stage", "prod")],
            global_arguments: arguments.map(str::to_owned),
        }
    }

    #[test]
    fn global_arguments_of_a_definition_are_an_object() {
        let read = |arguments| ModelDefinition::try_from(wire(arguments));
        let known = read(Some(r#"{"region": "eu"}"#)).expect("it is an object");
        assert_eq!(known.tags["stage"], "prod");
        let arguments = known.global_arguments.expect("they are known");
        assert_eq!(arguments["region"], "eu");
        assert_eq!(read(None).expect("it is valid").global_arguments, None);
        assert_eq!(read(Some("7")).expect_err("no object").code(), "unreadable");
    }

    #[test]
    fn unreadable_definition_is_named() {
        let wire = models::ModelsError::Unreadable("`type` is missing".into());
        let failure = Failure::from(ModelsError::of_model("faulty", wire));
        assert_eq!(failure.details, Some(json!({"name": "faulty"})));
    }

    #[test]
    fn error_keeps_its_code_as_a_failure() {
        let failure = Failure::from(ModelsError::from(models::ModelsError::NotFound("x".into())));
        assert_eq!(failure.code, "not-found");
        assert_eq!(failure.message, "no model named `x`");
        assert_eq!(failure.details, Some(json!({"kind": "model", "name": "x"})));
    }
}
