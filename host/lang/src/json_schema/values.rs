//! Schemas of values that occur in several files.

use serde_json::{Value, json};

/// A text. YAML reads `12` as a number, and the reader takes it as the text that is written.
pub(super) fn text() -> Value {
    json!({"type": ["string", "number", "boolean"]})
}

/// A value in which texts can have expressions.
pub(super) fn any() -> Value {
    json!({})
}

/// Keys with values, both of the author's choice.
pub(super) fn any_object() -> Value {
    json!({"type": ["object", "null"]})
}

/// Keys with texts.
pub(super) fn tags() -> Value {
    json!({"type": ["object", "null"], "additionalProperties": text()})
}

/// A whole number, 0 or more.
pub(super) fn whole_number() -> Value {
    json!({"type": "integer", "minimum": 0})
}

/// A whole number, 1 or more.
pub(super) fn count() -> Value {
    json!({"type": "integer", "minimum": 1})
}

/// `true` or `false`.
pub(super) fn boolean() -> Value {
    json!({"type": "boolean"})
}

/// A span of time, or a number of seconds.
pub(super) fn span_of_time() -> Value {
    json!({
        "anyOf": [
            {"type": "integer", "minimum": 1},
            {"type": "string", "pattern": "^[0-9]+(s|m|h|d|w|mo|y)?$"},
            {"type": "string", "pattern": "\\$\\{\\{"},
        ],
    })
}

/// A list of items.
pub(super) fn list(item: &Value) -> Value {
    json!({"type": ["array", "null"], "items": item})
}

/// A list of items, or one item.
pub(super) fn one_or_list(item: &Value) -> Value {
    json!({"anyOf": [list(item), item]})
}

/// Keys of the author's choice, each with a value of this form or none.
pub(super) fn map_of(value: &Value) -> Value {
    json!({
        "type": ["object", "null"],
        "additionalProperties": {"anyOf": [value, {"type": "null"}]},
    })
}

/// The name of a model or a workflow.
pub(super) fn name() -> Value {
    json!({
        "type": ["string", "integer"],
        "pattern": "^([A-Za-z0-9][A-Za-z0-9._-]{0,99}|@[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)+)$",
    })
}

/// A UUID.
pub(super) fn uuid() -> Value {
    json!({"type": "string", "pattern": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"})
}

/// The name of a type.
pub(super) fn type_name() -> Value {
    json!({"type": "string", "pattern": "^@[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)+$"})
}

/// A version of a type.
pub(super) fn type_version() -> Value {
    json!({"type": "string", "pattern": "^[0-9]{4}\\.[0-9]{2}\\.[0-9]{2}\\.[0-9]{1,6}$"})
}

/// How long a version of data is kept.
pub(super) fn lifetime() -> Value {
    json!({
        "type": "string",
        "anyOf": [
            {"enum": ["ephemeral", "job", "workflow", "infinite"]},
            {"pattern": "^[0-9]+(s|m|h|d|w|mo|y)$"},
        ],
    })
}

/// How many versions of data are kept, or for how long.
pub(super) fn garbage_collection() -> Value {
    json!({
        "anyOf": [
            {"type": "integer", "minimum": 1},
            {"type": "string", "pattern": "^[0-9]+(s|m|h|d|w|mo|y)?$"},
        ],
    })
}

/// The inputs of a definition or a workflow: a subset of JSON Schema, or the map of properties.
pub(super) fn inputs() -> Value {
    json!({"type": ["object", "null"]})
}
