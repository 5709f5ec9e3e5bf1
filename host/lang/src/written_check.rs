//! Compares a written value with a schema before its expressions are evaluated.
//!
//! The values of expressions and secrets are not known yet. A violation counts only if no such
//! value could remove it.

use sedge_model::json_pointer::{is_pointer_within, pointer_below};
use sedge_model::violation::Violation;
use serde_json::Value;

use crate::schema::{Schema, TooManySecrets};
use crate::suggest::nearest;
use crate::yaml::node::{Node, NodeKind};

/// How much of an object a file gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenPart {
    /// All of it.
    Whole,
    /// A part, to which a step or a command adds further keys.
    Part,
}

/// Returns the violations of a written value that remain whatever its expressions yield. `json` is
/// the schema as JSON.
#[must_use]
pub fn known_violations(
    written: &Node,
    schema: &Schema,
    json: &Value,
    given: GivenPart,
) -> Vec<Violation> {
    let mut open = Vec::new();
    unknown_places(written, String::new(), &mut open);
    if open.iter().any(String::is_empty) {
        return Vec::new();
    }
    let is_whole = open.is_empty() && given == GivenPart::Whole;
    let mut violations = schema.violations(&written.value());
    if !is_whole {
        violations.retain(|it| is_certain(&it.path, &open));
        violations.extend(of_keys(written, json, given));
    }
    violations
}

/// Returns the places of sensitive values that are written out, as JSON pointers.
///
/// # Errors
/// The value has more sensitive places than the host examines.
pub fn sensitive_literals(written: &Node, schema: &Schema) -> Result<Vec<String>, TooManySecrets> {
    let mut open = Vec::new();
    unknown_places(written, String::new(), &mut open);
    let mut places = schema.secrets(&written.value())?;
    places.retain(|path| open.iter().all(|it| !is_pointer_within(path, it)));
    Ok(places)
}

/// Returns whether a violation of an inner value does not depend on what is unknown.
fn is_certain(path: &str, open: &[String]) -> bool {
    let depends = |it: &String| is_pointer_within(it, path) || is_pointer_within(path, it);
    !path.is_empty() && !open.iter().any(depends)
}

/// Adds the places of expressions and of references to secrets.
fn unknown_places(node: &Node, path: String, found: &mut Vec<String>) {
    match &node.kind {
        NodeKind::Text(text) if has_expression(&text.value) => found.push(path),
        NodeKind::List(items) => {
            for (at, item) in items.iter().enumerate() {
                unknown_places(item, format!("{path}/{at}"), found);
            }
        }
        NodeKind::Map(members) => {
            // The arguments as a whole are never a reference: one of them may be named `secret`.
            if !path.is_empty()
                && let [only] = &members[..]
                && only.key.value == "secret"
                && only.value.text().is_some()
            {
                found.push(path);
                return;
            }
            for member in members {
                let path = pointer_below(&path, &member.key.value);
                unknown_places(&member.value, path, found);
            }
        }
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::Text(_) => {}
    }
}

/// Returns whether a text has an expression. `$${{` is an escape, not an expression.
fn has_expression(text: &str) -> bool {
    let mut starts = text.match_indices("${{");
    starts.any(|(at, _)| !text[..at].ends_with('$'))
}

/// Returns the faults of the keys of an object that a schema states plainly.
fn of_keys(written: &Node, json: &Value, given: GivenPart) -> Vec<Violation> {
    let Some(members) = written.members() else {
        return Vec::new();
    };
    let mut violations = Vec::new();
    if let Some(known) = closed_keys(json) {
        for member in members {
            let key = member.key.value.as_str();
            if !known.contains(&key) {
                let path = pointer_below("", key);
                let message = match nearest(key, known.iter().copied()) {
                    Some(near) => format!("there is no `{key}`; did you mean `{near}`?"),
                    None => format!("there is no `{key}`"),
                };
                violations.push(Violation { path, message });
            }
        }
    }
    let required = json.get("required").and_then(Value::as_array);
    if given == GivenPart::Whole {
        for key in required.into_iter().flatten().filter_map(Value::as_str) {
            if written.get(key).is_none() {
                let path = String::new();
                let message = format!("`{key}` is required");
                violations.push(Violation { path, message });
            }
        }
    }
    violations
}

/// Returns the only keys that an object may have, if the schema says so without further conditions.
fn closed_keys(json: &Value) -> Option<Vec<&str>> {
    let schema = json.as_object()?;
    let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    let is_plain = !["patternProperties", "allOf", "$ref"]
        .iter()
        .any(|key| schema.contains_key(*key));
    let properties = schema.get("properties")?.as_object()?;
    (is_closed && is_plain).then(|| properties.keys().map(String::as_str).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "url": {"type": "string"},
                "count": {"type": "integer"},
                "token": {"type": "string", "sensitive": true},
                "list": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["url"],
            "additionalProperties": false,
        })
    }

    #[track_caller]
    fn check(written: Value, given: GivenPart, expect: &[&str]) {
        let json = schema();
        let schema = Schema::compile(&json).expect("a schema");
        let node = Node::from_value(&written, 0..0);
        let found = known_violations(&node, &schema, &json, given);
        let places: Vec<String> = found.into_iter().map(|it| it.path).collect();
        assert_eq!(places, expect, "{written}");
    }

    #[test]
    fn violation_counts_if_no_expression_can_remove_it() {
        check(json!({"url": "x"}), GivenPart::Whole, &[]);
        check(json!({"count": 1}), GivenPart::Whole, &[""]);
        check(json!({"count": 1}), GivenPart::Part, &[]);
        check(json!({"url": 1}), GivenPart::Whole, &["/url"]);
        check(
            json!({"url": "${{ 1 }}", "count": "x"}),
            GivenPart::Whole,
            &["/count"],
        );
        check(
            json!({"url": "x", "count": "${{ 1 }}"}),
            GivenPart::Whole,
            &[],
        );
        check(json!({"count": "${{ 1 }}"}), GivenPart::Whole, &[""]);
        check(
            json!({"url": "${{ 1 }}", "urls": 1}),
            GivenPart::Whole,
            &["/urls"],
        );
        check(json!({"urls": 1}), GivenPart::Part, &["/urls"]);
        check(
            json!({"url": "x", "list": ["${{ 1 }}", 2]}),
            GivenPart::Whole,
            &["/list/1"],
        );
        check(
            json!({"url": "x", "count": {"secret": "N"}}),
            GivenPart::Whole,
            &[],
        );
        check(json!({"secret": "N"}), GivenPart::Part, &["/secret"]);
        check(json!("${{ inputs }}"), GivenPart::Whole, &[]);
        check(
            json!({"url": "x", "count": "$${{ 1 }}"}),
            GivenPart::Whole,
            &["/count"],
        );
    }

    #[test]
    fn sensitive_value_is_a_literal_unless_it_is_a_reference() {
        let schema = Schema::compile(&schema()).expect("a schema");
        let check = |token: Value, expect: usize| {
            let node = Node::from_value(&json!({"url": "x", "token": token}), 0..0);
            let found = sensitive_literals(&node, &schema).expect("few secrets");
            assert_eq!(found.len(), expect, "{token}");
        };
        check(json!("hunter2"), 1);
        check(json!("${{ secret(\"T\") }}"), 0);
        check(json!({"secret": "T"}), 0);
        check(Value::Null, 0);
    }

    #[test]
    fn near_key_is_named() {
        let json = schema();
        let schema = Schema::compile(&json).expect("a schema");
        let node = Node::from_value(&json!({"cuont": 1}), 0..0);
        let found = known_violations(&node, &schema, &json, GivenPart::Part);
        assert_eq!(
            found[0].message,
            "there is no `cuont`; did you mean `count`?"
        );
    }
}
