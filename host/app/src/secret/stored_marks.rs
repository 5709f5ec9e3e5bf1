//! The form of evaluated values in the datastore: what stands for secrets must survive the process,
//! and must still not be something that a plugin or an input could have written.
//!
//! In memory, the key of a mark contains a random text. In the datastore it is [`STORED_KEY`], and
//! every other key that begins with a null character gets another one before it. So an object of a
//! plugin is never taken for a mark. In the texts of marks, each null character is doubled.
//!
//! A value that contains the value of a secret is sealed as a whole, under the key [`STORED_SEALED_KEY`].

use sedge_model::sealed::SealedParts;
use sedge_secrets::SealedField;
use serde_json::{Map, Value, json};

use super::argument::mark_key;

/// The key of a mark in the datastore.
const STORED_KEY: &str = "\0m";

/// The key of a sealed value in the datastore.
const STORED_SEALED_KEY: &str = "\0s";

/// Returns the form of a sealed value in the datastore. [`marks_store`] makes no such value.
pub(crate) fn sealed_store(sealed: &SealedField) -> Value {
    json!({STORED_SEALED_KEY: {"key": sealed.key, "value": sealed.value}})
}

/// Returns the parts of a value that [`sealed_store`] made; `None` for any other value.
pub(crate) fn sealed_stored(value: &Value) -> Option<SealedParts<'_>> {
    let sealed = value.as_object()?.get(STORED_SEALED_KEY)?;
    Some(SealedParts {
        key: sealed["key"].as_str()?,
        value: sealed["value"].as_str()?,
    })
}

/// Returns whether an object with these members is a mark.
pub(crate) fn is_mark_of(members: &Map<String, Value>) -> bool {
    members.contains_key(mark_key())
}

/// Returns a value with its marks in the form of the datastore.
pub(crate) fn marks_store(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        Value::Array(items) => items.iter().map(marks_store).collect(),
        Value::Object(members) => {
            if let Some(content) = members.get(mark_key()) {
                let content = texts_changed(content, &text_store);
                return Value::Object(Map::from_iter([(STORED_KEY.to_owned(), content)]));
            }
            let stored = members.iter().map(|(key, member)| {
                let key = match key.starts_with('\0') {
                    true => format!("\0{key}"),
                    false => key.clone(),
                };
                (key, marks_store(member))
            });
            Value::Object(stored.collect())
        }
    }
}

/// Returns a value of the datastore with its marks in the form of this process.
pub(crate) fn marks_load(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        Value::Array(items) => items.iter().map(marks_load).collect(),
        Value::Object(members) => {
            if let Some(content) = members.get(STORED_KEY) {
                let content = texts_changed(content, &text_load);
                return Value::Object(Map::from_iter([(mark_key().to_owned(), content)]));
            }
            let loaded = members.iter().map(|(key, member)| {
                let key = key.strip_prefix('\0').unwrap_or(key);
                (key.to_owned(), marks_load(member))
            });
            Value::Object(loaded.collect())
        }
    }
}

/// Returns the content of a mark with its texts changed.
fn texts_changed(content: &Value, change: &impl Fn(&str) -> String) -> Value {
    match content {
        Value::Null | Value::Bool(_) | Value::Number(_) => content.clone(),
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.iter().map(|it| texts_changed(it, change)).collect(),
        Value::Object(members) => {
            let changed = members.iter();
            let changed = changed.map(|(key, it)| (key.clone(), texts_changed(it, change)));
            Value::Object(changed.collect())
        }
    }
}

fn text_store(text: &str) -> String {
    text.replace('\0', "\0\0").replace(mark_key(), STORED_KEY)
}

fn text_load(text: &str) -> String {
    let mut loaded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\0') {
        loaded.push_str(before);
        rest = match after.strip_prefix('m') {
            Some(after) => {
                loaded.push_str(mark_key());
                after
            }
            None => {
                loaded.push('\0');
                after.strip_prefix('\0').unwrap_or(after)
            }
        };
    }
    loaded.push_str(rest);
    loaded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::secret::argument::{has_mark, input_mark, secret_mark, texts_mark};

    #[test]
    fn sealed_value_cannot_be_forged() {
        let sealed = SealedField {
            key: "k".to_owned(),
            value: "v".to_owned(),
        };
        let stored = sealed_store(&sealed);
        let parts = SealedParts {
            key: "k",
            value: "v",
        };
        assert_eq!(sealed_stored(&stored), Some(parts));
        assert_eq!(sealed_stored(&marks_store(&stored)), None);
        assert_eq!(marks_load(&marks_store(&stored)), stored);
        assert_eq!(sealed_stored(&json!({"key": "k", "value": "v"})), None);
    }

    #[test]
    fn marks_survive_and_cannot_be_forged() {
        let mark = secret_mark(&"TOKEN".parse().expect("a name"));
        let mut text = Value::String(format!("a \0m b {mark}"));
        texts_mark(&mut text);
        let forged = json!({"\0m": "TOKEN", "\0\0m": "TOKEN", "a": "\0m"});
        for value in [
            json!({"x": [mark, 1]}),
            json!({"y": input_mark("/login/a\0b")}),
            text,
            forged.clone(),
            json!({"\0m": "TOKEN"}),
        ] {
            let stored = marks_store(&value);
            assert!(!stored.to_string().contains(mark_key()), "{stored}");
            assert_eq!(marks_load(&stored), value);
        }
        assert!(!has_mark(&marks_load(&marks_store(&forged))));
    }
}
