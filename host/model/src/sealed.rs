//! The form in which stored data contains the value of a sensitive field:
//! `{"$sealed": {"key": ID, "value": BASE64}}`.
//!
//! Only the host writes this form. A plugin that writes an object with the key `$sealed` is
//! refused, so a stored object of this form was sealed by the host, or the datastore was changed by
//! hand. In both cases it opens only in the place for which it was sealed.

use serde_json::{Map, Value, json};

use crate::json_pointer::{pointer_below, pointer_push};

/// The key that marks a sealed value.
pub const SEALED_KEY: &str = "$sealed";

/// The text that stands for a sealed value wherever it is shown.
pub const SEALED_SHOWN: &str = "[sealed]";

/// The parts of a sealed value, as texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedParts<'v> {
    /// The id of the key; empty if it is missing.
    pub key: &'v str,
    /// The sealed bytes, in base64; empty if they are missing.
    pub value: &'v str,
}

/// Returns a sealed value in its stored form.
#[must_use]
pub fn sealed_value(parts: SealedParts<'_>) -> Value {
    json!({SEALED_KEY: {"key": parts.key, "value": parts.value}})
}

/// Returns the parts of a value that has the stored form of a sealed one.
#[must_use]
pub fn sealed_parts(value: &Value) -> Option<SealedParts<'_>> {
    let members = value.as_object()?;
    let inner = members.get(SEALED_KEY).filter(|_| members.len() == 1)?;
    let text = |key| inner.get(key).and_then(Value::as_str);
    Some(SealedParts {
        // ignored: there is no error here, only no text. Such a value does not open.
        key: text("key").unwrap_or_default(),
        // ignored: as above.
        value: text("value").unwrap_or_default(),
    })
}

/// Returns whether a stored text may contain a sealed value. The host writes its key without
/// escapes.
#[must_use]
pub fn may_be_sealed(text: &str) -> bool {
    text.contains("\"$sealed\"")
}

/// Returns a stored text as everyone may see it: with `[sealed]` in place of each sealed value.
/// Returns `None` if it contains none, so that it can be shown as it is.
#[must_use]
pub fn sealed_hidden(text: &str) -> Option<String> {
    if !may_be_sealed(text) {
        return None;
    }
    // ignored: content that is not JSON contains no sealed value.
    let mut value = serde_json::from_str(text).ok()?;
    let mut n_hidden = 0;
    let hidden: Result<(), std::convert::Infallible> = sealed_replace(&mut value, &mut |_, _| {
        n_hidden += 1;
        Ok(Value::String(SEALED_SHOWN.to_owned()))
    });
    match hidden {
        Ok(()) => (n_hidden > 0).then(|| value.to_string()),
        Err(never) => match never {},
    }
}

/// Replaces each sealed value by what `open` returns for its JSON Pointer and its parts.
///
/// # Errors
/// The first error of `open`. The value is then replaced in part.
pub fn sealed_replace<E>(
    value: &mut Value,
    open: &mut impl FnMut(&str, SealedParts<'_>) -> Result<Value, E>,
) -> Result<(), E> {
    replace_below(value, &mut String::new(), open)
}

fn replace_below<E>(
    value: &mut Value,
    pointer: &mut String,
    open: &mut impl FnMut(&str, SealedParts<'_>) -> Result<Value, E>,
) -> Result<(), E> {
    if let Some(parts) = sealed_parts(value) {
        let opened = open(pointer, parts)?;
        *value = opened;
        return Ok(());
    }
    let n_bytes = pointer.len();
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                pointer_push(pointer, key);
                replace_below(member, pointer, open)?;
                pointer.truncate(n_bytes);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                pointer.push('/');
                pointer.push_str(&at.to_string());
                replace_below(item, pointer, open)?;
                pointer.truncate(n_bytes);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(())
}

/// Returns the JSON Pointer of the first object that has the key `$sealed`, at any depth.
///
/// A plugin must not write such an object, whatever else is in it: data would contain something
/// that a reader takes for a sealed value.
#[must_use]
pub fn sealed_forgery(value: &Value) -> Option<String> {
    match value {
        Value::Object(members) if members.contains_key(SEALED_KEY) => Some(String::new()),
        Value::Object(members) => forgery_in(members),
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(at, item)| Some(format!("/{at}{}", sealed_forgery(item)?)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn forgery_in(members: &Map<String, Value>) -> Option<String> {
    members.iter().find_map(|(key, member)| {
        let below = sealed_forgery(member)?;
        Some(pointer_below("", key) + &below)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Value {
        let (key, value) = ("0011", "AAEC");
        sealed_value(SealedParts { key, value })
    }

    #[test]
    fn sealed_values_are_hidden_and_the_rest_stays() {
        let check = |stored: Value, expect: Option<Value>| {
            let hidden = sealed_hidden(&stored.to_string());
            let hidden = hidden.map(|it| serde_json::from_str::<Value>(&it).expect("JSON"));
            assert_eq!(hidden, expect, "{stored}");
        };
        check(json!({"user": "ada", "n": 1}), None);
        check(json!("\"$sealed\""), None);
        check(
            json!({"user": "ada", "password": sealed()}),
            Some(json!({"user": "ada", "password": "[sealed]"})),
        );
        check(sealed(), Some(json!("[sealed]")));
        check(
            json!({"keys": [1, sealed(), {"a": sealed()}]}),
            Some(json!({"keys": [1, "[sealed]", {"a": "[sealed]"}]})),
        );
        // Nothing of an object in this form is shown, whatever it contains.
        check(json!({"a": {"$sealed": 7}}), Some(json!({"a": "[sealed]"})));
        assert_eq!(sealed_hidden("{\"$sealed\""), None, "it is not JSON");
    }

    #[test]
    fn pointers_of_sealed_values_are_escaped() {
        let mut value = json!({"a/b": {"~": [sealed()]}, "c": sealed()});
        let mut seen = Vec::new();
        let replaced: Result<(), ()> = sealed_replace(&mut value, &mut |pointer, parts| {
            seen.push(format!("{pointer} {} {}", parts.key, parts.value));
            Ok(json!(seen.len()))
        });
        replaced.expect("nothing fails");
        assert_eq!(seen, ["/a~1b/~0/0 0011 AAEC", "/c 0011 AAEC"]);
        assert_eq!(value, json!({"a/b": {"~": [1]}, "c": 2}));
        assert_eq!(value.pointer("/a~1b/~0/0"), Some(&json!(1)));
    }

    #[test]
    fn forged_form_is_found_at_any_depth() {
        let check = |value: Value, expect: Option<&str>| {
            assert_eq!(sealed_forgery(&value).as_deref(), expect, "{value}");
        };
        check(json!({"sealed": {"$sealed ": 1}, "a": ["$sealed"]}), None);
        check(sealed(), Some(""));
        check(json!({"$sealed": null, "more": 1}), Some(""));
        check(
            json!({"a": [1, {"b/c": {"$sealed": {}}}]}),
            Some("/a/1/b~1c"),
        );
    }
}
