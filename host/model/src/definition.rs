//! A model's definition: `models/NAME.yaml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::lifetime::{Keep, Lifetime, Retention};
use crate::names::{MethodName, ModelName, SpecName, TypeName, TypeVersion};
use crate::permission::grants::Grants;
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
    /// What it is for.
    pub description: Option<String>,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
    /// The arguments that every method gets.
    pub global_arguments: Located<Map<String, Value>>,
    /// The default arguments of each method's calls.
    pub method_arguments: BTreeMap<MethodName, Map<String, Value>>,
    /// Its own limits.
    pub limits: Limits,
    /// The grants of this model, in addition to those of its type.
    pub grants: Grants,
    /// The retention of each spec that the operator overrides.
    pub retention: BTreeMap<SpecName, Retention>,
}

/// Limits as they are written in a file. The default applies to a limit that is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Limits {
    /// How long one call may take from the start of its code, in seconds.
    pub wall_time_seconds: Option<u32>,
    /// How long the code of one call may execute, in seconds. Waiting does not count, and neither
    /// do the calls that it makes.
    pub cpu_seconds: Option<u32>,
    /// How much memory one call may use, in MiB.
    pub memory_mebibytes: Option<u32>,
    /// How many calls deep a run may nest.
    pub call_depth: Option<u32>,
    /// How many calls a run may make, including calls that have ended.
    pub calls_per_run: Option<u32>,
    /// How many calls one call may make, including calls that have ended.
    pub calls_per_call: Option<u32>,
    /// How many calls that have not ended one call may have.
    pub parallel_calls: Option<u32>,
    /// How many host functions one call may call.
    pub host_calls: Option<u32>,
    /// How much data may pass between one call and the host, in MiB.
    pub host_mebibytes: Option<u32>,
    /// How much one call may stage in memory before it is committed, in MiB.
    pub staged_mebibytes: Option<u32>,
    /// How much one call may write to files, in MiB.
    pub file_mebibytes: Option<u32>,
    /// How many files one call may have open.
    pub open_files: Option<u32>,
    /// How many lines of one call's log are kept.
    pub log_lines: Option<u32>,
    /// How much of one call's log is kept, in KiB.
    pub log_kibibytes: Option<u32>,
    /// The limits of its HTTP requests.
    #[serde(default)]
    pub http: HttpLimits,
}

/// Limits of HTTP requests as they are written in a file. The default applies to a limit that is
/// `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HttpLimits {
    /// How many requests one call may have under way.
    pub requests: Option<u32>,
    /// How large the body of one request may be, in MiB.
    pub request_mebibytes: Option<u32>,
    /// How large the body of one response may be, in MiB, as it is transferred.
    pub response_mebibytes: Option<u32>,
    /// How large the headers of one request or response may be, in KiB.
    pub header_kibibytes: Option<u32>,
    /// How long it may take to make a connection, in seconds.
    pub connect_seconds: Option<u32>,
    /// How long a server may take to begin its response, in seconds.
    pub first_byte_seconds: Option<u32>,
    /// How long the transfer of a body may pause, in seconds.
    pub between_bytes_seconds: Option<u32>,
    /// How long a request and its response may take, in seconds.
    pub total_seconds: Option<u32>,
}

impl HttpLimits {
    /// Returns these limits. A limit that is `None` is taken from `fallback`.
    #[must_use]
    pub fn or(&self, fallback: &Self) -> Self {
        Self {
            requests: self.requests.or(fallback.requests),
            request_mebibytes: self.request_mebibytes.or(fallback.request_mebibytes),
            response_mebibytes: self.response_mebibytes.or(fallback.response_mebibytes),
            header_kibibytes: self.header_kibibytes.or(fallback.header_kibibytes),
            connect_seconds: self.connect_seconds.or(fallback.connect_seconds),
            first_byte_seconds: self.first_byte_seconds.or(fallback.first_byte_seconds),
            between_bytes_seconds: self
                .between_bytes_seconds
                .or(fallback.between_bytes_seconds),
            total_seconds: self.total_seconds.or(fallback.total_seconds),
        }
    }
}

impl Limits {
    /// Returns these limits. A limit that is `None` is taken from `fallback`.
    #[must_use]
    pub fn or(&self, fallback: &Self) -> Self {
        Self {
            wall_time_seconds: self.wall_time_seconds.or(fallback.wall_time_seconds),
            cpu_seconds: self.cpu_seconds.or(fallback.cpu_seconds),
            memory_mebibytes: self.memory_mebibytes.or(fallback.memory_mebibytes),
            call_depth: self.call_depth.or(fallback.call_depth),
            calls_per_run: self.calls_per_run.or(fallback.calls_per_run),
            calls_per_call: self.calls_per_call.or(fallback.calls_per_call),
            parallel_calls: self.parallel_calls.or(fallback.parallel_calls),
            host_calls: self.host_calls.or(fallback.host_calls),
            host_mebibytes: self.host_mebibytes.or(fallback.host_mebibytes),
            staged_mebibytes: self.staged_mebibytes.or(fallback.staged_mebibytes),
            file_mebibytes: self.file_mebibytes.or(fallback.file_mebibytes),
            open_files: self.open_files.or(fallback.open_files),
            log_lines: self.log_lines.or(fallback.log_lines),
            log_kibibytes: self.log_kibibytes.or(fallback.log_kibibytes),
            http: self.http.or(&fallback.http),
        }
    }
}

/// The file as it is written. `id` and `version` are accepted because definitions made by related
/// tools contain them. Sedge ignores them.
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
    limits: Limits,
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
    yaml::write(&New {
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
        let Value::Object(arguments) = arguments else {
            unreachable!("it is an object")
        };
        let text = definition_file_text(
            &name,
            &"@sedge/sink".parse().expect("a type"),
            &"2026.11.23.1".parse().expect("a version"),
            &arguments,
        );
        let definition = parse(&text).expect("our own file");
        assert_eq!(definition.global_arguments.value, arguments);
        assert_eq!(definition.type_name.value.as_str(), "@sedge/sink");
        assert_eq!(definition.limits, Limits::default());
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
