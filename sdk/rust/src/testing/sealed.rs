//! The sealed fields of a test: which fields of a resource are sealed, who reads their values, and what
//! does not pass to a callee.

use std::collections::BTreeSet;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Keyword, ValidationError};
use serde::Serialize;
use serde_json::{Map, Value};

use super::data::Found;
use super::permissions::Attempt;
use super::world::World;
use super::{TestContext, resource_draft, to_value};
use crate::bindings::sedge::model::data::DataKind;

/// The text that a reader sees in place of a sealed value.
const SEALED_SHOWN: &str = "[sealed]";

/// The keyword by which a schema marks a field that holds a secret.
const SENSITIVE: &str = "sensitive";

/// The number of bytes from which a text is kept from callees, as in production: a shorter one occurs
/// everywhere.
const TEXT_BYTES_MIN: usize = 4;

/// The maximum length of arguments in a message, in characters, as in production.
const ARGUMENTS_CHARS_SHOWN: usize = 200;

/// Sealed fields of a test.
impl TestContext {
    /// Commits the next version of a resource of another model, some of whose fields are sealed, and
    /// returns its number. A field is named by its JSON Pointer: `/token`.
    ///
    /// A method reads `[sealed]` in place of such a field, unless the type requests to reveal it.
    ///
    /// # Panics
    /// The content cannot be represented in JSON, or has no such field.
    pub fn put_sealed_of(
        &self,
        model: &str,
        name: &str,
        content: &impl Serialize,
        fields: &[&str],
    ) -> u64 {
        let content = to_value(content);
        let mut draft = resource_draft(name, name, &content);
        for field in fields {
            let known = content.pointer(field);
            assert!(known.is_some(), "`{name}` has no field `{field}`");
            draft.sealed.push((*field).to_owned());
        }
        self.world_mut().put(model, draft)
    }

    /// Returns the latest committed version of a resource of the model as users and other models see
    /// it: with `[sealed]` in place of each field that its schema marks as sensitive.
    #[must_use]
    pub fn seen_by_others(&self, name: &str) -> Option<Value> {
        let world = self.world();
        let found = world.data.get(&world.model, name, |_| true)?;
        if found.info.kind != DataKind::Resource {
            return None;
        }
        let mut content = serde_json::from_slice(&found.content).ok()?; // ignored: a resource is JSON
        for pointer in &found.sealed {
            seal(&mut content, pointer);
        }
        Some(content)
    }
}

impl World {
    /// Returns the content of a version as the running call may read it: with `[sealed]` in place of the
    /// fields whose values it may not see.
    pub(super) fn shown(&mut self, found: &Found) -> Vec<u8> {
        if found.sealed.is_empty() {
            return found.content.clone();
        }
        let Ok(mut content) = serde_json::from_slice::<Value>(&found.content) else {
            return found.content.clone();
        };
        let mut denial = None;
        for pointer in &found.sealed {
            let attempt = Attempt::SealedField(&found.info.model, pointer);
            match self.permitted(&attempt) {
                Ok(()) => {
                    let field = content.pointer(pointer).cloned();
                    self.sealed_seen(field.as_ref());
                }
                Err(reason) => {
                    if self.is_requested(&attempt) {
                        denial.get_or_insert(reason);
                    }
                    seal(&mut content, pointer);
                }
            }
        }
        if let Some(reason) = denial {
            self.denial_log(reason);
        }
        content.to_string().into_bytes()
    }

    /// Records that the running call has read or written the value of a sealed field.
    pub(super) fn sealed_seen(&mut self, field: Option<&Value>) {
        let mut texts = Vec::new();
        field.into_iter().for_each(|it| leaves(it, &mut texts));
        texts.retain(|it| it.len() >= TEXT_BYTES_MIN);
        self.call_mut().sealed_seen.extend(texts);
    }

    /// Checks that the arguments of a nested call contain no secret, and no sealed field that the running
    /// call has seen.
    ///
    /// # Errors
    /// They contain one. The error is the message of production.
    pub(super) fn passed(&self, arguments: &Value) -> Result<(), String> {
        let secrets = self.secrets.iter().filter(|(_, value)| !value.is_empty());
        let secrets = secrets.map(|(name, value)| {
            let value = String::from_utf8_lossy(value).into_owned();
            (value, format!("[secret {name}]"))
        });
        let sealed = self.call().sealed_seen.iter();
        let sealed = sealed.map(|it| (it.clone(), SEALED_SHOWN.to_owned()));
        let mut hidden: Vec<(String, String)> = secrets.chain(sealed).collect();
        // Of two values of which one contains the other, the longer one is replaced.
        hidden.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        let shown = redacted(arguments, &hidden);
        if shown == *arguments {
            return Ok(());
        }
        let mut text = shown.to_string();
        if let Some((end, _)) = text.char_indices().nth(ARGUMENTS_CHARS_SHOWN) {
            text.truncate(end);
            text.push('…');
        }
        Err(format!(
            "the arguments contain a secret or a sealed field, which a method cannot pass to another \
             one: `{text}`; let the definition of the called model refer to the secret instead"
        ))
    }
}

fn seal(content: &mut Value, pointer: &str) {
    if let Some(field) = content.pointer_mut(pointer) {
        *field = Value::String(SEALED_SHOWN.to_owned());
    }
}

/// Returns a value in which each hidden text is replaced.
fn redacted(value: &Value, hidden: &[(String, String)]) -> Value {
    let replaced = |text: &str| {
        let mut text = text.to_owned();
        for (value, shown) in hidden {
            text = text.replace(value, shown);
        }
        text
    };
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Number(number) => {
            let text = number.to_string();
            match replaced(&text) {
                same if same == text => value.clone(),
                other => Value::String(other),
            }
        }
        Value::String(text) => Value::String(replaced(text)),
        Value::Array(items) => items.iter().map(|it| redacted(it, hidden)).collect(),
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(key, it)| (replaced(key), redacted(it, hidden)));
            Value::Object(members.collect::<Map<String, Value>>())
        }
    }
}

/// Collects the texts and numbers in a value, as texts.
fn leaves(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => texts.push(number.to_string()),
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|it| leaves(it, texts)),
        Value::Object(members) => members.values().for_each(|it| leaves(it, texts)),
    }
}

/// The keyword `"sensitive": true`. Every value but null violates it, so that the violations are the
/// places of the secrets.
struct Sensitive(bool);

impl<'i> Keyword<'i> for Sensitive {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        match self.is_valid(instance) {
            true => Ok(()),
            false => Err(ValidationError::custom("it is marked as sensitive")),
        }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        !self.0 || instance.is_null()
    }
}

/// Returns the JSON Pointers of the fields that a schema marks as sensitive, as the host finds them: of
/// those that are in each other, the outermost ones.
///
/// # Panics
/// The schema is not valid. The host would refuse the plugin.
pub(super) fn places(schema: &str, value: &Value) -> Vec<String> {
    if !schema.contains(SENSITIVE) {
        return Vec::new();
    }
    let schema: Value = serde_json::from_str(schema).expect("a schema of the type is JSON");
    let valid = "a schema of the type is a JSON Schema";
    let plain = jsonschema::validator_for(&schema).expect(valid);
    let options = jsonschema::options().with_keyword(SENSITIVE, |_, value, _| {
        Ok(Box::new(Sensitive(*value == Value::Bool(true))))
    });
    let marked = options.build(&schema).expect(valid);
    let place = |error: &ValidationError<'_>| error.instance_path().to_string();
    // The other violations of an invalid value are no secrets.
    let others = plain.iter_errors(value);
    let others = others.filter(|it| !has_branches(it.kind()));
    let others: BTreeSet<String> = others.map(|it| place(&it)).collect();
    let marked = marked.iter_errors(value).filter(|error| {
        let kind = error.kind();
        matches!(kind, ValidationErrorKind::Custom { .. })
            || has_branches(kind)
            || !(is_left_over(kind) || others.contains(&place(error)))
    });
    let places: BTreeSet<String> = marked.map(|it| place(&it)).collect();
    let is_below = |place: &str, other: &str| {
        let rest = place.strip_prefix(other);
        rest.is_some_and(|it| it.starts_with('/'))
    };
    let outermost = places
        .iter()
        .filter(|place| !places.iter().any(|other| is_below(place, other)));
    outermost.cloned().collect()
}

/// Returns whether a violation says that none of several schemas is met. A secret in one of them may be
/// the reason.
fn has_branches(kind: &ValidationErrorKind) -> bool {
    matches!(
        kind,
        ValidationErrorKind::AnyOf { .. }
            | ValidationErrorKind::OneOfNotValid { .. }
            | ValidationErrorKind::OneOfMultipleValid { .. }
            | ValidationErrorKind::Not { .. }
    )
}

/// Returns whether a violation says that a part is covered by no schema. A part with a secret does not
/// count as covered, so this violation comes in addition to that of the secret.
fn is_left_over(kind: &ValidationErrorKind) -> bool {
    matches!(
        kind,
        ValidationErrorKind::UnevaluatedItems { .. }
            | ValidationErrorKind::UnevaluatedProperties { .. }
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_those_that_the_host_seals() {
        let schema = json!({
            "properties": {
                "password": {"type": ["string", "null"], "sensitive": true},
                "hint": {"type": "string", "sensitive": false},
                "keys": {"items": {"$ref": "#/$defs/key"}},
                "login": {"sensitive": true, "properties": {"pin": {"sensitive": true}}},
                "n": {"type": "integer"},
            },
            "$defs": {"key": {"anyOf": [{"type": "integer"}, {"type": "string", "sensitive": true}]}},
        });
        let check = |value: Value, expect: &[&str]| {
            assert_eq!(places(&schema.to_string(), &value), expect, "{value}");
        };
        check(json!({"hint": "x", "keys": [1, 2]}), &[]);
        check(json!({"password": null}), &[]);
        check(json!({"password": "x", "keys": [1]}), &["/password"]);
        check(json!({"keys": [1, "x"]}), &["/keys/1"]);
        check(json!({"login": {"pin": 1}}), &["/login"]);
        check(json!({"n": "many", "password": "x"}), &["/password"]);
        check(json!({"n": "many"}), &[]);
    }

    #[test]
    fn longer_value_is_replaced_first() {
        let hidden = [("longer secret", "[b]"), ("secret", "[a]")];
        let hidden = hidden.map(|(value, shown)| (value.to_owned(), shown.to_owned()));
        let value = json!({"a longer secret": ["secret", 1]});
        assert_eq!(redacted(&value, &hidden), json!({"a [b]": ["[a]", 1]}));
    }
}
