//! A model's definition: `models/NAME.yaml`.

use std::collections::BTreeMap;

use sedge_model::lifetime::{Keep, Lifetime, Retention};
use sedge_model::limits::ModelLimitsFile;
use sedge_model::names::{MethodName, ModelName, SpecName, TypeName, TypeVersion};
use sedge_model::permission::grants::Grants;
use sedge_model::yaml_text;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::yaml::{self, Located};

/// A named, configured instance of a type.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The file that it was read from, for messages about its parts.
    pub file: SourceFile,
    /// The stem of its file.
    pub name: ModelName,
    /// Its type.
    pub type_name: Located<TypeName>,
    /// The version of the type that it was written for, if it names one.
    pub type_version: Option<TypeVersion>,
    /// Its purpose.
    pub description: Option<String>,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
    /// The arguments that every method gets.
    pub global_arguments: Located<Map<String, Value>>,
    /// The default arguments of each method's calls.
    pub method_arguments: BTreeMap<MethodName, Map<String, Value>>,
    /// Its own limits.
    pub limits: ModelLimitsFile,
    /// What it may do, besides what all models of its type may.
    pub grants: Grants,
    /// The retention of each spec that the operator overrides.
    pub retention: BTreeMap<SpecName, Retention>,
}

/// The file as it is written. `id` and `version` are accepted because definitions made
/// by related tools carry them; they say nothing that Sedge acts on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct DefinitionFile {
    #[serde(rename = "id")]
    _id: Option<String>,
    name: Located<ModelName>,
    #[serde(rename = "version")]
    _version: Option<u32>,
    r#type: Located<TypeName>,
    type_version: Option<TypeVersion>,
    description: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default = "no_arguments")]
    global_arguments: Located<Map<String, Value>>,
    #[serde(default)]
    methods: BTreeMap<MethodName, MethodPart>,
    #[serde(default)]
    limits: ModelLimitsFile,
    #[serde(default)]
    grants: Grants,
    #[serde(default)]
    data_output_overrides: Vec<DataOutputOverride>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct DataOutputOverride {
    spec_name: Located<SpecName>,
    lifetime: Option<Lifetime>,
    garbage_collection: Option<Keep>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MethodPart {
    #[serde(default)]
    arguments: Map<String, Value>,
}

fn no_arguments() -> Located<Map<String, Value>> {
    Located {
        value: Map::new(),
        span: 0..0,
    }
}

impl Definition {
    /// Parses the definition of the model `name`.
    ///
    /// # Errors
    /// The first fault in the file, with its place.
    pub fn parse(name: &ModelName, file: SourceFile) -> Result<Self, Diagnostic> {
        let raw: DefinitionFile = yaml::parse(&file)?;
        yaml::name_check(&file, name, &raw.name, ModelName::file)?;
        yaml::refuse_expressions(&file, &raw.global_arguments.value)?;
        let method_arguments: BTreeMap<_, _> = raw
            .methods
            .into_iter()
            .map(|(method, part)| (method, part.arguments))
            .collect();
        for arguments in method_arguments.values() {
            yaml::refuse_expressions(&file, arguments)?;
        }
        Ok(Self {
            name: raw.name.value,
            type_name: raw.r#type,
            type_version: raw.type_version,
            description: raw.description,
            tags: raw.tags,
            global_arguments: raw.global_arguments,
            method_arguments,
            limits: raw.limits,
            grants: raw.grants,
            retention: retention(&file, raw.data_output_overrides)?,
            file,
        })
    }

    /// Returns whether another definition means the same, except for its text and its grants.
    pub(crate) fn differs_only_in_grants(&self, other: &Self) -> bool {
        // A new key does not compile here until it is compared, too.
        let Self {
            file: _,
            name,
            type_name,
            type_version,
            description,
            tags,
            global_arguments,
            method_arguments,
            limits,
            grants: _,
            retention,
        } = self;
        *name == other.name
            && type_name.value == other.type_name.value
            && *type_version == other.type_version
            && *description == other.description
            && *tags == other.tags
            && global_arguments.value == other.global_arguments.value
            && *method_arguments == other.method_arguments
            && *limits == other.limits
            && *retention == other.retention
    }
}

fn retention(
    file: &SourceFile,
    overrides: Vec<DataOutputOverride>,
) -> Result<BTreeMap<SpecName, Retention>, Diagnostic> {
    let mut retention = BTreeMap::new();
    for over in overrides {
        let overridden = Retention {
            lifetime: over.lifetime,
            keep: over.garbage_collection,
            tags: over.tags,
        };
        let Located { value, span } = over.spec_name;
        let message = format!("`{value}` is overridden twice");
        if retention.insert(value, overridden).is_some() {
            return Err(Diagnostic::new(file, span, message));
        }
    }
    Ok(retention)
}

/// Returns the text of a new definition's file.
#[must_use]
pub fn definition_file_text(
    name: &ModelName,
    type_name: &TypeName,
    type_version: &TypeVersion,
    global_arguments: &Map<String, Value>,
) -> String {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct New<'a> {
        name: &'a ModelName,
        r#type: &'a TypeName,
        type_version: &'a TypeVersion,
        global_arguments: &'a Map<String, Value>,
    }
    yaml_text::write(&New {
        name,
        r#type: type_name,
        type_version,
        global_arguments,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Definition, Diagnostic> {
        let name: ModelName = "sink".parse().expect("a name");
        Definition::parse(
            &name,
            SourceFile {
                name: name.file(),
                text: text.to_owned(),
            },
        )
    }

    #[test]
    fn new_definition_is_parsed_again() {
        let name: ModelName = "sink".parse().expect("a name");
        let arguments = serde_json::json!({"yes": "no", "n": 1, "deep": {"list": ["1", 2, null]}});
        let arguments = arguments.as_object().expect("it is an object");
        let text = definition_file_text(
            &name,
            &"@sedge/sink".parse().expect("a type"),
            &"2026.11.23.1".parse().expect("a version"),
            arguments,
        );
        let definition = parse(&text).expect("our own file");
        assert_eq!(definition.global_arguments.value, *arguments);
        assert_eq!(definition.type_name.value.as_str(), "@sedge/sink");
        assert_eq!(definition.limits, ModelLimitsFile::default());
    }

    #[test]
    fn definition_by_another_tool_is_accepted() {
        let definition = parse(
            "id: 5d4a6b0e-0000-4000-8000-000000000000\nname: sink\nversion: 1\ntype: \"@sedge/sink\"\n\
             typeVersion: 2026.02.09.1\ntags: {env: dev}\nglobalArguments: {}\n\
             methods:\n  run:\n    arguments: {note: hi}\n",
        )
        .expect("a good file");
        let run: MethodName = "run".parse().expect("a name");
        assert_eq!(definition.method_arguments[&run]["note"], "hi");
    }

    #[test]
    fn fault_is_reported_with_its_place() {
        let check = |text: &str, expect: &str| {
            assert_eq!(parse(text).expect_err(text).to_string(), expect);
        };
        check(
            "name: other\ntype: \"@sedge/sink\"\n",
            "models/sink.yaml:1:7: the file defines `other`",
        );
        check(
            "name: sink\ntype: sink\n",
            "models/sink.yaml:2:7: `sink` is not a type name: it is `@scope/name` in lower-case letters, digits, `.`, `-` and `_` (further `/parts` may follow)",
        );
        check(
            "name: sink\ntype: \"@sedge/sink\"\nlimits: {wallTimeSecond: 1}\n",
            "models/sink.yaml:3:10: unknown key `wallTimeSecond`",
        );
        check(
            "name: sink\ntype: \"@sedge/sink\"\nglobalArguments: {a: \"${{ self.x }}\"}\n",
            "models/sink.yaml:3:23: expressions are not supported by this version of Sedge",
        );
    }
}
