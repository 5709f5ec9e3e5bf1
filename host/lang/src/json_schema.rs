//! JSON Schemas of the files that users write, for editors and for other tools.
//!
//! The keys of each part of a file come from the [`KeySet`] with which the part is read, so a
//! schema cannot have other keys than the reader. A schema admits every file that the reader
//! admits. The reader is stricter: it checks names, expressions and references, too.

mod definition;
mod repository;
#[cfg(test)]
mod tests;
mod values;
mod workflow;

use serde_json::{Map, Value, json};

use crate::yaml::KeySet;

/// The folder in which a repository has the schemas for editors, relative to the repository.
pub const SCHEMAS_FOLDER: &str = ".sedge/schemas";

/// The dialect of the schemas.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The file that a schema is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaOf {
    /// A model's definition: `models/**/*.yaml`.
    Definition,
    /// A workflow: `workflows/**/*.yaml`.
    Workflow,
    /// The settings of a repository: `sedge.yaml`.
    Repository,
}

impl SchemaOf {
    /// All files that have a schema.
    pub const ALL: [Self; 3] = [Self::Definition, Self::Workflow, Self::Repository];

    /// Returns the name of the file's kind.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Definition => "definition",
            Self::Workflow => "workflow",
            Self::Repository => "repository",
        }
    }

    /// Returns the name of the schema's file in [`SCHEMAS_FOLDER`].
    #[must_use]
    pub fn file_name(self) -> String {
        format!("{}.json", self.as_str())
    }

    /// Returns the schema.
    #[must_use]
    pub fn schema(self) -> Value {
        let mut schema = match self {
            Self::Definition => definition::schema(),
            Self::Workflow => workflow::schema(),
            Self::Repository => repository::schema(),
        };
        if let Value::Object(members) = &mut schema {
            members.insert("$schema".to_owned(), json!(DIALECT));
            members.insert(
                "title".to_owned(),
                json!(format!("Sedge {}", self.as_str())),
            );
        }
        schema
    }

    /// Returns the text of the schema's file.
    #[must_use]
    pub fn file_text(self) -> String {
        format!("{:#}\n", self.schema())
    }
}

/// Returns the comment by which an editor finds the schema of a file. `file` is the path of the
/// file within the repository; the path in the comment begins at the file.
#[must_use]
pub fn schema_line(of: SchemaOf, file: &str) -> String {
    let up = "../".repeat(file.matches('/').count());
    format!(
        "# yaml-language-server: $schema={up}{SCHEMAS_FOLDER}/{}",
        of.file_name()
    )
}

/// A key of a part of a file: its name, what it means, and the schema of its value.
type KeySchema = (&'static str, &'static str, Value);

/// Returns the schema of a part of a file with these keys. A key that is not required may have no
/// value (`tags:`), which is like its absence.
///
/// A key without a description in `described` admits every value, and a test refuses that.
fn object(set: &KeySet, required: &[&str], described: Vec<KeySchema>) -> Value {
    let mut properties = Map::new();
    for key in set.keys {
        properties.insert((*key).to_owned(), Value::Bool(true));
    }
    for (key, text, schema) in described {
        let schema = match required.contains(&key) {
            true => schema,
            false => json!({"anyOf": [schema, {"type": "null"}]}),
        };
        if let Some(property) = properties.get_mut(key) {
            *property = with_description(schema, text);
        }
    }
    let mut object = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// Adds a description to a schema. This dialect admits other keywords beside `$ref`.
fn with_description(mut schema: Value, text: &str) -> Value {
    if let Value::Object(members) = &mut schema {
        members.insert("description".to_owned(), json!(text));
    }
    schema
}
