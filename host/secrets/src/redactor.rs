//! Masks the values of secrets in texts, in whatever form they are written.
//!
//! | form | how it is found |
//! |---|---|
//! | plain; with `+` for spaces; each line of at least 8 bytes; without surrounding white space | searched |
//! | base64, standard and URL-safe, padded or not, alone or within a longer encoding | searched |
//! | hexadecimal, upper or lower case | searched |
//! | percent-encoded, with any choice of encoded characters, in either case | decoded, and searched again |
//! | escaped as in JSON or in Rust literals, with any choice of escaped characters | decoded, and searched again |
//! | wrapped into lines, as base64 often is | decoded, and searched again |
//!
//! Decoded text may be decoded once more: base64 in a URL, JSON within JSON. This catches values
//! that are written by accident. A plugin that knows a value can always encode it in another way,
//! so a value that must not leave is not passed to the plugin.
//!
//! A redactor keeps the values in memory that is not erased when it is dropped. It takes less than
//! 1 KiB for each byte of a value.

mod forms;
mod patterns;
mod stream;
mod views;

use std::borrow::Cow;
use std::fmt;

use sedge_model::names::SecretName;
use sedge_model::sealed::SEALED_SHOWN;
use serde_json::{Map, Value};

use self::patterns::Patterns;
pub use self::stream::StreamRedactor;
use crate::value::SecretValue;

/// Replaces the values of secrets by `[secret NAME]`, and those of sealed fields by `[sealed]`.
#[derive(Default)]
pub struct Redactor {
    /// `None` if there are no values to mask.
    patterns: Option<Patterns>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marks = self.patterns.as_ref().map(Patterns::marks);
        f.debug_tuple("Redactor").field(&marks).finish()
    }
}

impl Redactor {
    /// Returns a redactor for these values.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = (SecretName, SecretValue)>) -> Self {
        let marked = secrets.into_iter();
        Self::marking(marked.map(|(name, value)| (format!("[secret {name}]"), value)))
    }

    /// Returns a redactor for the values of sealed fields.
    #[must_use]
    pub fn of_sealed(values: impl IntoIterator<Item = SecretValue>) -> Self {
        let values = values.into_iter();
        Self::marking(values.map(|value| (SEALED_SHOWN.to_owned(), value)))
    }

    /// Returns a redactor for the values of secrets and of sealed values. A value that is both has the
    /// mark of its secret.
    #[must_use]
    pub fn with_sealed(
        secrets: impl IntoIterator<Item = (SecretName, SecretValue)>,
        sealed: impl IntoIterator<Item = SecretValue>,
    ) -> Self {
        let marked = secrets.into_iter();
        let marked = marked.map(|(name, value)| (format!("[secret {name}]"), value));
        let mut marked: Vec<(String, SecretValue)> = marked.collect();
        for value in sealed {
            if marked.iter().all(|(_, it)| it.expose() != value.expose()) {
                marked.push((SEALED_SHOWN.to_owned(), value));
            }
        }
        Self::marking(marked.into_iter())
    }

    fn marking(values: impl Iterator<Item = (String, SecretValue)>) -> Self {
        let values: Vec<(String, SecretValue)> = values.collect();
        let patterns = (!values.is_empty()).then(|| Patterns::new(values));
        Self { patterns }
    }

    /// Returns whether there are no values to mask. Texts are then returned unchanged, at no cost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_none()
    }

    /// Returns the text with a mark in place of each value.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.redact_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // A value need not be UTF-8, and may leave partial characters around it.
            Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }),
        }
    }

    /// Returns the bytes with a mark in place of each value.
    #[must_use]
    pub fn redact_bytes<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        let Some(patterns) = &self.patterns else {
            return Cow::Borrowed(text);
        };
        let values = patterns.find(text);
        if values.is_empty() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(patterns.replaced(text, &values))
    }

    /// Masks values in all keys and strings of a JSON document. A number that contains a value
    /// becomes a string.
    pub fn redact_json(&self, value: &mut Value) {
        if self.is_empty() {
            return;
        }
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                if let Cow::Owned(text) = self.redact(&number.to_string()) {
                    *value = Value::String(text);
                }
            }
            Value::String(text) => {
                if let Cow::Owned(redacted) = self.redact(text) {
                    *text = redacted;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_json(item)),
            Value::Object(fields) => self.redact_fields(fields),
        }
    }

    fn redact_fields(&self, fields: &mut Map<String, Value>) {
        fields
            .values_mut()
            .for_each(|value| self.redact_json(value));
        let has_value = |key: &String| matches!(self.redact(key), Cow::Owned(_));
        if !fields.keys().any(has_value) {
            return;
        }
        for (key, value) in std::mem::take(fields) {
            let mut key = self.redact(&key).into_owned();
            // Two keys that became equal are kept as two fields.
            while fields.contains_key(&key) {
                key.push('*');
            }
            fields.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests;
