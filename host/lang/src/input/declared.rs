//! Reads the key `inputs` of a file into a JSON Schema.

use std::cell::OnceCell;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value, json};

use super::plain::{fits_plainly, is_plain};
use super::{DeclaredInputs, InputsSchema};
use crate::diagnostic::{DiagnosticCode, SourceFile};
use crate::expr::template::Template;
use crate::schema::Schema;
use crate::suggest::nearest;
use crate::yaml::Faults;
use crate::yaml::keys::{KeySet, Keys};
use crate::yaml::node::{Member, Node, NodeKind};

/// The maximum depth of schemas in schemas.
///
/// The author of the file chooses the depth, and readers of the schema are recursive.
const DEPTH_MAX: usize = 32;

/// The types of JSON Schema.
const TYPES: [&str; 7] = [
    "string", "integer", "number", "boolean", "object", "array", "null",
];

/// The keys of the schema of an input.
pub(crate) const INPUT_KEYS: KeySet = KeySet {
    of: "the schema of an input",
    keys: &[
        "$schema",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "default",
        "deprecated",
        "description",
        "enum",
        "examples",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "not",
        "oneOf",
        "pattern",
        "properties",
        "required",
        "sensitive",
        "title",
        "type",
        "uniqueItems",
    ],
    foreign: &[
        ("defaultValue", "write `default: VALUE`"),
        ("options", "write `enum: [VALUE, …]`"),
        ("values", "write `enum: [VALUE, …]`"),
        ("choices", "write `enum: [VALUE, …]`"),
        ("min", "write `minimum: NUMBER` (of a text, `minLength`)"),
        ("max", "write `maximum: NUMBER` (of a text, `maxLength`)"),
        ("regex", "write `pattern: REGEX`"),
        (
            "optional",
            "leave it out; an input that has to be given is in `required: [NAME, …]`",
        ),
        ("nullable", "write `type: [TYPE, \"null\"]`"),
        ("secret", "write `sensitive: true`"),
        (
            "$ref",
            "write the schema itself; references are not supported here",
        ),
    ],
};

/// Reads the value of the key `inputs`.
pub(super) fn read(node: &Node, file: &Arc<SourceFile>, faults: &mut Faults) -> InputsSchema {
    let mut reader = Reader {
        faults: Faults::new(file),
        values: Vec::new(),
    };
    let mut json = reader.inputs(node);
    if reader.faults.is_empty() {
        reader.values_check();
    }
    let is_faulty = !reader.faults.is_empty();
    faults.append(reader.faults);
    if is_faulty {
        // What can be read of the names is enough for the checks of the rest of the file.
        json = names_only(&json);
    }
    let schema = match is_plain(&json) {
        true => OnceLock::new(),
        false => match Schema::compile_known(&json) {
            Ok(compiled) => OnceLock::from(compiled),
            Err(error) => {
                let message = format!("the schema of the inputs cannot be used: {error}");
                faults.add(DiagnosticCode::Schema, node.span.clone(), message);
                return InputsSchema::none();
            }
        },
    };
    InputsSchema {
        declared: Some(Arc::new(DeclaredInputs {
            span: node.span.clone(),
            json,
            schema,
            values: OnceLock::new(),
        })),
    }
}

/// Returns a schema that has the same inputs and accepts every value of them.
fn names_only(json: &Value) -> Value {
    let properties = json["properties"].as_object();
    let names = properties.into_iter().flat_map(Map::keys);
    let properties: Map<String, Value> = names.map(|it| (it.clone(), json!({}))).collect();
    json!({"type": "object", "properties": properties, "additionalProperties": true})
}

/// Reads schemas, and remembers the values in them.
struct Reader<'n> {
    faults: Faults,
    values: Vec<WrittenPart<'n>>,
}

/// Values in a schema, each of which has to satisfy a part of that schema.
struct WrittenPart<'n> {
    key: &'static str,
    /// The values. A list of allowed values can be long, so its schema is compiled once for all.
    nodes: Vec<&'n Node>,
    schema: Value,
}

/// The schema of one input, or of a part of it.
struct Part {
    schema: Map<String, Value>,
    /// Whether the schema says `required: true`, which means the object that has it.
    is_required: bool,
}

impl<'n> Reader<'n> {
    fn inputs(&mut self, node: &'n Node) -> Value {
        if node.is_null() {
            return json!({"type": "object", "properties": {}, "additionalProperties": false});
        }
        let mut schema = if is_schema(node) {
            let schema = self.part(node, 0).schema;
            if let Some(default) = node.member("default") {
                let message = "`default` has no meaning for all inputs together";
                let fault = self.faults.fault(default.key.span.clone(), message);
                let fault = fault.with_code(DiagnosticCode::MisplacedKey);
                let hint = "write it below the input: `properties: {NAME: {default: VALUE}}`";
                self.faults.push(fault.with_hint(hint));
            }
            match schema.get("type") {
                None | Some(Value::String(_)) if is_object(&schema) => {}
                _ => self.wrong(node.get("type").unwrap_or(node), "`object`"),
            }
            schema
        } else {
            let mut schema = Map::new();
            self.properties(node, &mut schema, 0);
            schema
        };
        schema.insert("type".to_owned(), json!("object"));
        schema.entry("properties").or_insert_with(|| json!({}));
        schema.entry("additionalProperties").or_insert(json!(false));
        schema.remove("$schema");
        Value::Object(schema)
    }

    /// Reads a schema. A text is the name of a type, and nothing means every value.
    fn part(&mut self, node: &'n Node, depth: usize) -> Part {
        let mut part = Part {
            schema: Map::new(),
            is_required: false,
        };
        if depth > DEPTH_MAX {
            let message = format!("schemas are nested deeper than {DEPTH_MAX}");
            self.faults
                .add(DiagnosticCode::FileLimit, node.span.clone(), message);
            return part;
        }
        if node.text().is_some() {
            if let Some(one) = self.type_name(node) {
                part.schema.insert("type".to_owned(), one);
            }
            return part;
        }
        if node.is_null() {
            return part;
        }
        if node.members().is_none() {
            self.wrong(node, "a schema such as `{type: string}`");
            return part;
        }
        // Unknown keys are reported here, and have no form below.
        if Keys::read(node, &INPUT_KEYS, &mut self.faults).is_none() {
            return part;
        }
        for member in node.members().unwrap_or_default() {
            self.keyword(member, &mut part, depth);
        }
        self.written(node, &part);
        part
    }

    /// Reads one key of a schema.
    fn keyword(&mut self, member: &'n Member, part: &mut Part, depth: usize) {
        let (key, node) = (&*member.key.value, &member.value);
        let schema = &mut part.schema;
        let value = match key {
            "properties" => return self.properties(node, schema, depth + 1),
            "required" => {
                if let NodeKind::Bool(is_required) = node.kind {
                    part.is_required = is_required;
                    return;
                }
                return self.required(node, schema);
            }
            "type" => self.types(node),
            "$schema" | "title" | "description" | "format" => self.text(node),
            "const" | "default" => Some(node.value()),
            "enum" | "examples" => self.values(node),
            "items" | "not" => Some(Value::Object(self.part(node, depth + 1).schema)),
            "additionalProperties" => match node.kind {
                NodeKind::Bool(is_allowed) => Some(is_allowed.into()),
                NodeKind::Null
                | NodeKind::Number(_)
                | NodeKind::Text(_)
                | NodeKind::List(_)
                | NodeKind::Map(_) => Some(Value::Object(self.part(node, depth + 1).schema)),
            },
            "allOf" | "anyOf" | "oneOf" => self.schemas(node, depth + 1),
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                self.number(node)
            }
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties"
            | "maxProperties" => self.whole_number(node),
            "uniqueItems" | "sensitive" | "deprecated" => self.boolean(node),
            "pattern" => self.pattern(node),
            _ => None,
        };
        if let Some(value) = value {
            schema.insert(key.to_owned(), value);
        }
    }

    fn properties(&mut self, node: &'n Node, schema: &mut Map<String, Value>, depth: usize) {
        let Some(members) = node.members() else {
            if !node.is_null() {
                self.wrong(node, "names with their schemas: `NAME: {type: string}`");
            }
            return;
        };
        let mut properties = Map::new();
        let mut required: Vec<Value> = Vec::new();
        for member in members {
            let part = self.part(&member.value, depth);
            if part.is_required {
                required.push((*member.key.value).into());
            }
            properties.insert(member.key.value.to_string(), Value::Object(part.schema));
        }
        schema.insert("properties".to_owned(), Value::Object(properties));
        if !required.is_empty() {
            let all = schema.entry("required").or_insert_with(|| json!([]));
            all.as_array_mut().expect("it is a list").extend(required);
        }
    }

    /// Reads the names of members that have to be given.
    fn required(&mut self, node: &'n Node, schema: &mut Map<String, Value>) {
        let Some(Value::Array(names)) = self.texts(node) else {
            return;
        };
        let all = schema.entry("required").or_insert_with(|| json!([]));
        all.as_array_mut().expect("it is a list").extend(names);
    }

    /// Checks what depends on several keys of one schema.
    fn written(&mut self, node: &'n Node, part: &Part) {
        let schema = &part.schema;
        let sub = Value::Object(schema.clone());
        if let Some(default) = node.get("default") {
            if sub["sensitive"] == true && !default.is_null() {
                let message = "a sensitive input has no default in the file";
                let fault = self.faults.fault(default.span.clone(), message);
                self.faults.push(fault.with_hint(
                    "remove it, and use `${{ secret(\"NAME\") }}` where the value is needed",
                ));
            } else {
                self.values.push(WrittenPart {
                    key: "default",
                    nodes: vec![default],
                    schema: sub.clone(),
                });
            }
        }
        if let Some(items) = node.get("enum").and_then(Node::items)
            && !sub["type"].is_null()
        {
            self.values.push(WrittenPart {
                key: "enum",
                nodes: items.iter().collect(),
                schema: json!({"type": sub["type"]}),
            });
        }
        let is_open = schema
            .get("additionalProperties")
            .is_some_and(|it| *it != Value::Bool(false));
        let names = sub["properties"].as_object();
        let required = node.get("required").and_then(Node::items);
        for name in required.into_iter().flatten() {
            let (Some(text), Some(names), false) = (name.text(), names, is_open) else {
                continue;
            };
            if names.contains_key(text) {
                continue;
            }
            let message = format!("`{text}` is required, but is not in `properties`");
            let mut fault = self.faults.fault(name.span.clone(), message);
            if let Some(near) = nearest(text, names.keys().map(String::as_str)) {
                fault = fault.with_hint(format!("did you mean `{near}`?"));
            }
            self.faults
                .push(fault.with_code(DiagnosticCode::UnknownName));
        }
    }

    /// Checks the values in a schema, such as defaults, against the schema.
    fn values_check(&mut self) {
        for WrittenPart { key, nodes, schema } in std::mem::take(&mut self.values) {
            // Compiled for the first value that needs it.
            let compiled = OnceCell::new();
            for node in nodes {
                self.value_check(key, node, &schema, &compiled);
            }
        }
    }

    fn value_check(
        &mut self,
        key: &str,
        node: &Node,
        schema: &Value,
        compiled: &OnceCell<Option<Schema>>,
    ) {
        let value = node.value();
        if holds_expression(&value) {
            let message = format!("`{key}` is a plain value, and no expression");
            self.faults
                .add(DiagnosticCode::Expression, node.span.clone(), message);
            return;
        }
        if fits_plainly(schema, &value) {
            return;
        }
        // ignored: if a part does not compile, the whole schema does not either, which is reported.
        let compiled = compiled.get_or_init(|| Schema::compile_known(schema).ok());
        let violations = compiled.as_ref().map(|it| it.violations(&value));
        for violation in violations.into_iter().flatten() {
            let span = node.at(&violation.path).span.clone();
            let message = format!("`{key}` does not fit the schema: {}", violation.message);
            self.faults.add(DiagnosticCode::Schema, span, message);
        }
    }
}

/// Forms of the values of keys.
impl Reader<'_> {
    fn wrong(&mut self, node: &Node, expected: &str) {
        let file = Arc::clone(self.faults.file());
        let message = format!("expected {expected}, found {}", node.described(&file));
        self.faults
            .add(DiagnosticCode::WrongType, node.span.clone(), message);
    }

    fn text(&mut self, node: &Node) -> Option<Value> {
        if node.text().is_none() {
            self.wrong(node, "a text");
        }
        node.text().map(Value::from)
    }

    fn texts(&mut self, node: &Node) -> Option<Value> {
        let Some(items) = node.items() else {
            self.wrong(node, "a list of names: `[NAME, …]`");
            return None;
        };
        Some(items.iter().filter_map(|it| self.text(it)).collect())
    }

    fn values(&mut self, node: &Node) -> Option<Value> {
        match node.items() {
            Some([]) | None => {
                self.wrong(node, "a list of values: `[VALUE, …]`");
                None
            }
            Some(_) => Some(node.value()),
        }
    }

    fn boolean(&mut self, node: &Node) -> Option<Value> {
        if let NodeKind::Bool(value) = node.kind {
            return Some(value.into());
        }
        self.wrong(node, "`true` or `false`");
        None
    }

    fn number(&mut self, node: &Node) -> Option<Value> {
        let value = node.value();
        if value.is_number() {
            return Some(value);
        }
        self.wrong(node, "a number");
        None
    }

    fn whole_number(&mut self, node: &Node) -> Option<Value> {
        let value = node.value();
        if value.is_u64() {
            return Some(value);
        }
        self.wrong(node, "a whole number, 0 or more");
        None
    }

    fn pattern(&mut self, node: &Node) -> Option<Value> {
        let pattern = self.text(node)?;
        if Schema::compile_known(&json!({"pattern": pattern})).is_ok() {
            return Some(pattern);
        }
        let message = "it is not a regular expression that can be used";
        let fault = self.faults.fault(node.span.clone(), message);
        self.faults.push(fault.with_hint(
            "check the parentheses and brackets; in double quotes, a backslash is written twice",
        ));
        None
    }

    fn types(&mut self, node: &Node) -> Option<Value> {
        match node.items() {
            Some([]) => {
                self.wrong(node, "the name of a type, or a list of them");
                None
            }
            Some(items) => Some(items.iter().filter_map(|it| self.type_name(it)).collect()),
            None => self.type_name(node),
        }
    }

    fn type_name(&mut self, node: &Node) -> Option<Value> {
        let types = || format!("the types are `{}`", TYPES.join("`, `"));
        // `type: null` without quotes is null in YAML.
        let name = match &node.kind {
            NodeKind::Null => "null",
            NodeKind::Text(text) => &text.value,
            NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::List(_) | NodeKind::Map(_) => {
                self.wrong(node, "the name of a type, such as `string`");
                return None;
            }
        };
        if TYPES.contains(&name) {
            return Some(name.into());
        }
        let other = match name {
            "str" | "text" => Some("string"),
            "int" | "long" | "number(int)" => Some("integer"),
            "float" | "double" => Some("number"),
            "bool" => Some("boolean"),
            "map" | "dict" | "record" => Some("object"),
            "list" => Some("array"),
            _ => nearest(name, TYPES),
        };
        let fault = self
            .faults
            .fault(node.span.clone(), format!("there is no type `{name}`"));
        self.faults.push(fault.with_hint(match other {
            Some(other) => format!("write `{other}`"),
            None => types(),
        }));
        None
    }

    fn schemas(&mut self, node: &Node, depth: usize) -> Option<Value> {
        match node.items() {
            Some([]) | None => {
                self.wrong(node, "a list of schemas");
                None
            }
            Some(items) => {
                // The values in these schemas need not satisfy one of them alone.
                let mut inner = Reader {
                    faults: Faults::new(self.faults.file()),
                    values: Vec::new(),
                };
                let schemas = items
                    .iter()
                    .map(|it| Value::Object(inner.part(it, depth).schema))
                    .collect();
                self.faults.append(inner.faults);
                Some(schemas)
            }
        }
    }
}

/// Returns whether the value of `inputs` is a schema. Otherwise it is the map of properties.
fn is_schema(node: &Node) -> bool {
    let is = |key: &str, has: fn(&Node) -> bool| node.get(key).is_some_and(has);
    is("properties", |it| it.members().is_some())
        || is("type", |it| it.text() == Some("object"))
        || is("required", |it| it.items().is_some())
}

fn is_object(schema: &Map<String, Value>) -> bool {
    schema.get("type").is_none_or(|it| *it == "object")
}

/// Returns whether a text looks like an expression. `$${{` does, too: nothing replaces it here.
fn holds_expression(value: &Value) -> bool {
    match value {
        Value::String(text) => !Template::is_plain(text),
        Value::Array(items) => items.iter().any(holds_expression),
        Value::Object(members) => members.values().any(holds_expression),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
