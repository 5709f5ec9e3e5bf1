//! Redaction of secrets in a text, as a whole and in pieces.

use std::borrow::Cow;
use std::sync::Arc;

use sedge_model::names::SecretName;
use sedge_secrets::{Redactor, SecretValue, StreamRedactor};

/// The separator of the secrets, the text and the pieces.
const BETWEEN: &[u8] = b"\n---\n";

/// The separator of two secrets.
const NEXT: &[u8] = b"\n+++\n";

/// Redacts the second part of `data`. The first part is a list of secrets. Each byte of the third
/// part is the length of a piece.
///
/// # Panics
/// The text contains a value and nothing was redacted, or redacting it in pieces has another
/// result than redacting it as a whole.
pub fn redactor(data: &[u8]) {
    let (secrets, rest) = split(data, BETWEEN);
    let (text, pieces) = split(rest, BETWEEN);
    let values = values(secrets);
    let name: SecretName = "S".parse().expect("it is a name");
    let named = values.iter().map(|value| (name.clone(), value.clone()));
    let redactor = Arc::new(Redactor::new(named));
    let whole = redactor.redact_bytes(text);
    let is_contained = |value: &SecretValue| {
        let value = value.expose();
        text.windows(value.len()).any(|it| it == value)
    };
    if values.iter().any(is_contained) {
        assert!(matches!(whole, Cow::Owned(_)), "a value was not redacted");
    }
    let mut stream = StreamRedactor::new(Arc::clone(&redactor));
    let mut streamed = Vec::new();
    let mut left = text;
    for length in pieces.iter().copied().chain([u8::MAX]).cycle() {
        let length = left.len().min(usize::from(length).max(1));
        streamed.extend_from_slice(&stream.push(&left[..length]));
        left = &left[length..];
        if left.is_empty() {
            break;
        }
    }
    streamed.extend_from_slice(&stream.finish());
    assert_eq!(
        streamed.escape_ascii().to_string(),
        whole.escape_ascii().to_string()
    );
    if let Ok(text) = std::str::from_utf8(text) {
        let same = redactor.redact(text);
        assert_eq!(same, String::from_utf8_lossy(&whole));
    }
}

fn values(mut secrets: &[u8]) -> Vec<SecretValue> {
    let mut values = Vec::new();
    while !secrets.is_empty() {
        let (value, rest) = split(secrets, NEXT);
        values.extend(SecretValue::new(value.to_vec()));
        secrets = rest;
    }
    values
}

fn split<'d>(data: &'d [u8], between: &[u8]) -> (&'d [u8], &'d [u8]) {
    let at = data.windows(between.len()).position(|it| it == between);
    at.map_or((data, &[]), |at| (&data[..at], &data[at + between.len()..]))
}
