//! Compares a written value with a schema before its expressions are evaluated.
//!
//! The values of expressions and secrets are not known yet. A violation counts only if no such
//! value could remove it.

use std::ops::Range;

use sedge_model::json_pointer::{is_pointer_within, pointer_below};
use sedge_model::violation::Violation;
use serde_json::Value;

use crate::expr::template::Template;
use crate::schema::{Schema, TooManySecrets};
use crate::suggest::nearest;
use crate::yaml::faults::FAULTS_MAX;
use crate::yaml::node::{Member, Node, NodeKind};

/// How much of an object a file gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenPart {
    /// All of it.
    Whole,
    /// A part, to which a step or a command adds further keys.
    Part,
}

/// A violation of a written value that remains whatever its expressions yield.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownViolation {
    /// The violation. If it is that of an unknown key, its path is that of the object.
    pub violation: Violation,
    /// The key that the schema does not know, if this is what is wrong.
    pub unknown_key: Option<String>,
}

impl KnownViolation {
    /// Returns the place in a written value: of the key that is unknown, or of the value that is
    /// wrong. For the value as a whole, it is the place of the first key. Returns `None` if the
    /// value has no such part.
    #[must_use]
    pub fn place_in(&self, written: &Node) -> Option<Range<usize>> {
        let found = written.find(&self.violation.path)?;
        if let Some(key) = &self.unknown_key {
            return found.member(key).map(|it| it.key.span.clone());
        }
        let first = found.members().and_then(<[Member]>::first);
        match first.filter(|_| self.violation.path.is_empty()) {
            Some(first) => Some(first.key.span.clone()),
            None => Some(found.span.clone()),
        }
    }
}

/// Returns the violations of a written value that remain whatever its expressions yield. `json` is
/// the schema as JSON.
#[must_use]
pub fn known_violations(
    written: &Node,
    schema: &Schema,
    json: &Value,
    given: GivenPart,
) -> Vec<KnownViolation> {
    let mut open = Vec::new();
    unknown_places(written, String::new(), &mut open);
    if open.iter().any(String::is_empty) {
        return Vec::new();
    }
    let is_whole = open.is_empty() && given == GivenPart::Whole;
    let violations = schema.violations_by_key(&written.value()).into_iter();
    let mut violations: Vec<KnownViolation> = violations
        .map(|(violation, unknown_key)| KnownViolation {
            violation,
            unknown_key,
        })
        .collect();
    if !is_whole {
        violations.retain(|it| is_certain(&it.violation.path, &open));
        if given == GivenPart::Whole {
            violations.extend(missing_keys(written, json));
        }
    }
    if let Some(known) = closed_keys(json) {
        violations.retain(|it| it.unknown_key.is_none() || !it.violation.path.is_empty());
        violations.extend(outer_unknown_keys(written, &known));
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
        NodeKind::Text(text) if Template::has_expression(&text.value) => found.push(path),
        NodeKind::List(items) => {
            for (at, item) in items.iter().enumerate() {
                unknown_places(item, format!("{path}/{at}"), found);
            }
        }
        NodeKind::Map(members) => {
            // The arguments as a whole are never a reference: one of them may be named `secret`.
            if !path.is_empty()
                && let [only] = &members[..]
                && &*only.key.value == "secret"
                && only.value.text().is_some()
            {
                found.push(path);
                return;
            }
            for member in members.iter() {
                let path = pointer_below(&path, &member.key.value);
                unknown_places(&member.value, path, found);
            }
        }
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::Text(_) => {}
    }
}

/// Returns a violation for each key of the outermost object that is not one of the known ones.
fn outer_unknown_keys(written: &Node, known: &[&str]) -> Vec<KnownViolation> {
    let members = written.members().unwrap_or_default().iter();
    let keys = members.map(|it| &*it.key.value);
    let unknown = keys.filter(|it| !known.contains(it)).take(FAULTS_MAX);
    let violations = unknown.map(|key| {
        let message = match nearest(key, known.iter().copied()) {
            Some(near) => format!("there is no `{key}`; did you mean `{near}`?"),
            None => format!("there is no `{key}`"),
        };
        let path = String::new();
        KnownViolation {
            violation: Violation { path, message },
            unknown_key: Some(key.to_owned()),
        }
    });
    violations.collect()
}

/// Returns a violation for each required key that the outermost object does not have.
fn missing_keys(written: &Node, json: &Value) -> Vec<KnownViolation> {
    if written.members().is_none() {
        return Vec::new();
    }
    let required = json.get("required").and_then(Value::as_array);
    let required = required.into_iter().flatten().filter_map(Value::as_str);
    let missing = required.filter(|key| written.get(key).is_none());
    let violations = missing.map(|key| {
        let (path, message) = (String::new(), format!("`{key}` is required"));
        KnownViolation {
            violation: Violation { path, message },
            unknown_key: None,
        }
    });
    violations.collect()
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
        let place = |it: KnownViolation| match it.unknown_key {
            Some(key) => pointer_below(&it.violation.path, &key),
            None => it.violation.path,
        };
        let places: Vec<String> = found.into_iter().map(place).collect();
        assert_eq!(places, expect, "{written}");
    }

    #[test]
    fn violation_counts_if_no_expression_can_remove_it() {
        check(json!({"url": "x"}), GivenPart::Whole, &[]);
        check(json!({"count": 1}), GivenPart::Whole, &[""]);
        check(json!({"count": 1}), GivenPart::Part, &[]);
        check(
            json!({"url": "x", "urls": 1, "uri": 2, "count": "x"}),
            GivenPart::Whole,
            &["/count", "/urls", "/uri"],
        );
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
        check(json!("hunter2 $${{ x }}"), 1);
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
            found[0].violation.message,
            "there is no `cuont`; did you mean `count`?"
        );
    }
}
