//! The text of a new definition's file.

use std::collections::BTreeMap;

use sedge_model::names::{ModelName, TypeName, TypeVersion};
use sedge_model::permission::grants::Grants;
use sedge_model::yaml_text;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::json_schema::{SchemaOf, schema_line};

/// A definition that is to be written, to a file or to the datastore.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewDefinition {
    /// Its name.
    pub name: ModelName,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: TypeName,
    /// The version of its type.
    pub type_version: TypeVersion,
    /// Its purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The global arguments, which every method receives. A text in them can have expressions.
    pub global_arguments: Map<String, Value>,
    /// The grants of this model, in addition to those of all models of its type.
    #[serde(skip_serializing_if = "Grants::is_empty")]
    pub grants: Grants,
}

impl NewDefinition {
    /// Returns the text of the file.
    #[must_use]
    pub fn file_text(&self) -> String {
        let line = schema_line(SchemaOf::Definition, &self.name.file());
        format!("{line}\n{}", yaml_text::write(self))
    }
}
