//! Converts given inputs by their schema, adds the defaults, and finds what violates the schema.

use std::collections::BTreeSet;

use sedge_model::json_pointer::{is_pointer_within, pointer_below};
use sedge_model::violation::Violation;
use serde_json::{Map, Value};

use super::{DeclaredInputs, ResolvedInputs};
use crate::argument::{member_schema, texts_converted, whole_numbers};
use crate::suggest::nearest;

/// The maximum number of violations that are reported.
///
/// The author of a file or a stream of inputs chooses how many there are.
const VIOLATIONS_MAX: usize = 100;

/// The maximum number of characters of a given value that a message repeats.
const SHOWN_CHARS_MAX: usize = 60;

/// The maximum number of names that a message lists.
const NAMES_SHOWN_MAX: usize = 20;

pub(super) fn resolve(
    declared: &DeclaredInputs,
    given: Map<String, Value>,
) -> Result<Map<String, Value>, Vec<Violation>> {
    resolve_hidden(declared, given, Map::new())
}

/// The values of `hidden` are added to the inputs as they are, and are not checked.
pub(super) fn resolve_hidden(
    declared: &DeclaredInputs,
    given: Map<String, Value>,
    hidden: Map<String, Value>,
) -> Result<Map<String, Value>, Vec<Violation>> {
    let secrets = sensitive(&declared.json, &given);
    let (value, mut found) = checked(declared, given, |_| secrets.clone());
    // A hidden value looks as if it were missing.
    found.retain(|it| {
        !hidden
            .keys()
            .any(|key| is_pointer_within(&it.path, &pointer_below("", key)))
    });
    found.retain(|it| !is_within(&it.path, &secrets));
    found.extend(secrets.into_iter().take(VIOLATIONS_MAX).map(|path| {
        Violation {
            path,
            message:
                "it is marked as sensitive, and a plain value would be stored with the run: put \
                  it into a secret, and use `${{ secret(\"NAME\") }}` where it is needed"
                    .to_owned(),
        }
    }));
    let mut inputs = ended(value, found)?;
    inputs.extend(hidden);
    Ok(inputs)
}

/// Returns the inputs with the places of the sensitive values, none of which is within another.
pub(super) fn resolve_sensitive(
    declared: &DeclaredInputs,
    given: Map<String, Value>,
) -> Result<ResolvedInputs, Vec<Violation>> {
    let mut secrets = Vec::new();
    let (value, found) = checked(declared, given, |value| {
        if let Value::Object(inputs) = value {
            secrets = sensitive(&declared.json, inputs);
        }
        secrets.clone()
    });
    let outer = secrets.clone();
    secrets.retain(|path| {
        !outer
            .iter()
            .any(|it| it != path && is_pointer_within(path, it))
    });
    secrets.sort();
    Ok((ended(value, found)?, secrets))
}

/// Converts inputs, adds the defaults, and finds what violates the schema. `secrets` returns the
/// places of sensitive values in the inputs: no message contains one.
fn checked(
    declared: &DeclaredInputs,
    given: Map<String, Value>,
    secrets: impl FnOnce(&Value) -> Vec<String>,
) -> (Value, Vec<Violation>) {
    let root = &declared.json;
    let mut value = Value::Object(given);
    texts_converted(root, root, &mut value);
    defaults_add(root, &mut value);
    whole_numbers(root, root, &mut value);
    let secrets = secrets(&value);
    let mut found = Vec::new();
    shape_check(root, &value, "", &mut found);
    let values = declared.values().violations_of_it(&value);
    found.extend(values.into_iter().map(|it| {
        let is_around = |secret: &String| is_pointer_within(secret, &it.path);
        match secrets.iter().any(is_around) {
            true => not_shown(it.path),
            false => with_value(it, &value),
        }
    }));
    // The names of members of a sensitive value are not shown either.
    for it in &mut found {
        if let Some(secret) = secrets
            .iter()
            .find(|secret| is_pointer_within(&it.path, secret))
        {
            *it = not_shown(secret.clone());
        }
    }
    (value, found)
}

/// Returns the violation of a value that is sensitive, or has a sensitive part.
fn not_shown(path: String) -> Violation {
    Violation {
        path,
        message: "it does not fit the schema; it is not shown, because it is sensitive".to_owned(),
    }
}

fn is_within(path: &str, places: &[String]) -> bool {
    places.iter().any(|it| is_pointer_within(path, it))
}

/// Returns the inputs, if nothing violates the schema.
fn ended(value: Value, mut found: Vec<Violation>) -> Result<Map<String, Value>, Vec<Violation>> {
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found.dedup();
    found.truncate(VIOLATIONS_MAX);
    match (found.is_empty(), value) {
        (true, Value::Object(inputs)) => Ok(inputs),
        _ => Err(found),
    }
}

/// Returns the violation of an input of a file that declares no inputs.
pub(super) fn undeclared(key: &str) -> Violation {
    Violation {
        path: pointer_below("", key),
        message: "no inputs are declared".to_owned(),
    }
}

/// Returns the schema without what [`shape_check`] checks.
pub(super) fn values_schema(schema: &Value) -> Value {
    let mut schema = schema.clone();
    shape_remove(&mut schema);
    schema
}

fn shape_remove(schema: &mut Value) {
    let Value::Object(schema) = schema else {
        return;
    };
    schema.remove("required");
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        schema.remove("additionalProperties");
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(key) {
            shape_remove(inner);
        }
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().for_each(shape_remove);
    }
}

/// Finds members that are unknown, and those that are missing.
fn shape_check(schema: &Value, value: &Value, path: &str, found: &mut Vec<Violation>) {
    if found.len() >= VIOLATIONS_MAX {
        return;
    }
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let here = pointer_below(path, key);
                let part = member_schema(schema, schema, key);
                if *part == Value::Bool(false) {
                    found.push(unknown(schema, path, key));
                } else {
                    shape_check(part, member, &here, found);
                }
            }
            let required = schema["required"].as_array();
            for name in required.into_iter().flatten().filter_map(Value::as_str) {
                if !members.contains_key(name) {
                    found.push(Violation {
                        path: pointer_below(path, name),
                        message: "it is required, and was not given".to_owned(),
                    });
                }
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                shape_check(&schema["items"], item, &format!("{path}/{n}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn unknown(schema: &Value, path: &str, key: &str) -> Violation {
    let what = if path.is_empty() { "input" } else { "member" };
    let properties = schema["properties"].as_object();
    let names = || {
        properties
            .into_iter()
            .flat_map(Map::keys)
            .map(String::as_str)
    };
    let listed: Vec<&str> = names().take(NAMES_SHOWN_MAX).collect();
    let more = match names().count() > listed.len() {
        true => ", …",
        false => "",
    };
    let help = match nearest(key, names()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if listed.is_empty() => String::new(),
        None => format!("; the {what}s are `{}`{more}", listed.join("`, `")),
    };
    Violation {
        path: pointer_below(path, key),
        message: format!("there is no such {what}{help}"),
    }
}

/// Adds the defaults of members that were not given.
fn defaults_add(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(members) => {
            let properties = schema["properties"].as_object();
            for (name, property) in properties.into_iter().flatten() {
                if let Some(default) = property.get("default")
                    && !members.contains_key(name)
                {
                    members.insert(name.clone(), default.clone());
                }
            }
            for (key, member) in members {
                defaults_add(member_schema(schema, schema, key), member);
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| defaults_add(&schema["items"], item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns the places of values that the schema marks as sensitive.
pub(super) fn sensitive(schema: &Value, given: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in given {
        let part = member_schema(schema, schema, key);
        sensitive_find(part, value, pointer_below("", key), &mut found);
    }
    // `allOf` and its like can mark a place several times.
    let mut seen = BTreeSet::new();
    found.retain(|path| seen.insert(path.clone()));
    found
}

/// Adds the places of sensitive values, perhaps several times.
fn sensitive_find(schema: &Value, value: &Value, path: String, found: &mut Vec<String>) {
    if value.is_null() {
        return;
    }
    if schema["sensitive"] == true {
        found.push(path);
        return;
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        for one in schema[key].as_array().into_iter().flatten() {
            sensitive_find(one, value, path.clone(), found);
        }
    }
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let part = member_schema(schema, schema, key);
                sensitive_find(part, member, pointer_below(&path, key), found);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                sensitive_find(&schema["items"], item, format!("{path}/{n}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Adds what was given to the message of a violation.
fn with_value(violation: Violation, value: &Value) -> Violation {
    let Some(given) = value.pointer(&violation.path) else {
        return violation;
    };
    let text = given.to_string();
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    Violation {
        message: format!("{}; `{shown}` was given", violation.message),
        path: violation.path,
    }
}
