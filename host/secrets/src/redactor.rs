//! What keeps the values of secrets out of texts, in whatever form they are written.
//!
//! | form | how it is found |
//! |---|---|
//! | plain; with `+` for spaces; lines of 8 bytes and more; without white space around it | looked for |
//! | base64, standard and URL-safe, padded or not, alone or in the middle of more | looked for |
//! | hexadecimal, upper or lower case | looked for |
//! | percent-encoded, whichever characters are, in either case | read back, and looked at again |
//! | escaped as in JSON and by Rust, whichever characters are | read back, and looked at again |
//! | wrapped into lines, as base64 often is | read back, and looked at again |
//!
//! What is read back may have to be read back once more: base64 in a URL, JSON within JSON.
//! This holds for what is written by accident. A plugin that wants to tell a value that it was
//! shown can always write it in a way of its own; what it is not shown, it cannot tell.
//!
//! A redactor holds the values in memory that nobody erases when it is dropped. It takes less than
//! a KiB of it for each byte of a value.

mod forms;
mod patterns;
mod stream;
mod views;

use std::borrow::Cow;
use std::fmt;

use sedge_model::names::SecretName;
use serde_json::{Map, Value};

use self::patterns::Patterns;
pub use self::stream::StreamRedactor;
use crate::value::SecretValue;

/// Replaces the values of secrets by `[secret NAME]`.
#[derive(Default)]
pub struct Redactor {
    /// None where there is nothing to look for.
    patterns: Option<Patterns>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.patterns.as_ref().map(Patterns::names);
        f.debug_tuple("Redactor").field(&names).finish()
    }
}

impl Redactor {
    /// Returns what replaces these values.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = (SecretName, SecretValue)>) -> Self {
        let secrets: Vec<(SecretName, SecretValue)> = secrets.into_iter().collect();
        let patterns = (!secrets.is_empty()).then(|| Patterns::new(secrets));
        Self { patterns }
    }

    /// Returns whether there is nothing to look for: then every text stays as it is, at no cost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_none()
    }

    /// Returns a text with marks in place of values.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.redact_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // A value need not be text, and what is left around it neither.
            Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }),
        }
    }

    /// Returns bytes with marks in place of values.
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

    /// Puts marks in place of values in all keys and strings of a document. A number that is
    /// written as a value is becomes a string.
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
        let is_told = |key: &String| matches!(self.redact(key), Cow::Owned(_));
        if !fields.keys().any(is_told) {
            return;
        }
        for (key, value) in std::mem::take(fields) {
            let mut key = self.redact(&key).into_owned();
            // Two keys that are alike now are two fields still.
            while fields.contains_key(&key) {
                key.push('*');
            }
            fields.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests;
