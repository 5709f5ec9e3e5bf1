//! The interface `models`.

pub(crate) use crate::bindings::sedge::model::models::*;

use serde_json::Value;

use super::super::permissions::Attempt;
use super::super::world::{World, current};
use crate::ModelDefinition;
use crate::data::tag_to_wire;

/// Returns the definitions that the test has set, as far as the type may read them.
pub(crate) fn list(filter: &ModelFilter) -> Result<ModelPage, ModelsError> {
    current(|world| {
        let mut found: Vec<&ModelDefinition> = world.definitions.iter().collect();
        found.retain(|it| {
            let has_tag = |key: &str, value: &str| it.tags.get(key).is_some_and(|it| it == value);
            it.name.starts_with(&filter.prefix)
                && filter
                    .type_
                    .as_ref()
                    .is_none_or(|it_type| *it_type == it.type_name)
                && filter.tags.iter().all(|tag| has_tag(&tag.key, &tag.value))
                && filter.after.as_ref().is_none_or(|after| it.name > *after)
                && world.permitted(&Attempt::Read(&it.name)).is_ok()
        });
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(ModelPage {
            models: found.into_iter().map(|it| Ok(definition(it))).collect(),
            next: None,
        })
    })
}

/// Returns the definition of a model, by its name or its id.
pub(crate) fn get(name: &str) -> Result<Definition, ModelsError> {
    current(|world| {
        let known = known(world, name);
        let model = known.map_or(name, |it| it.name.as_str());
        let permitted = world.permitted(&Attempt::Read(model));
        permitted.map_err(ModelsError::Denied)?;
        let known = known.ok_or_else(|| ModelsError::NotFound(name.to_owned()))?;
        Ok(definition(known))
    })
}

fn known<'w>(world: &'w World, name: &str) -> Option<&'w ModelDefinition> {
    let mut definitions = world.definitions.iter();
    definitions.find(|it| it.name == name || it.id.as_deref() == Some(name))
}

fn definition(known: &ModelDefinition) -> Definition {
    let arguments = known.global_arguments.clone();
    Definition {
        name: known.name.clone(),
        id: known.id.clone(),
        type_: known.type_name.clone(),
        type_version: known.type_version.clone(),
        description: known.description.clone(),
        tags: known
            .tags
            .iter()
            .map(|(key, value)| tag_to_wire(key, value))
            .collect(),
        global_arguments: arguments.map(|it| Value::Object(it).to_string()),
    }
}
