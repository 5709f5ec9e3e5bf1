//! The sealed fields that a call writes and reads. Their values are redacted in all text that
//! leaves the call.
//!
//! A field belongs to the model that wrote it, and to the type of that model. The methods of that
//! model read the value. A method of another model sees `[sealed]` unless it may reveal the field.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_model::names::SecretName;
use sedge_secrets::{Redactor, SecretValue, VALUE_BYTES_MIN, Weakness};
use serde_json::Value;

/// The maximum size of the sealed values that one call reads and writes, in bytes.
///
/// A guest chooses the values, and a redactor takes up to a KiB of memory for each of their bytes.
pub(crate) const SEALED_BYTES_MAX: usize = 32 << 10;

/// The values of the sealed fields that a call has seen.
#[derive(Default)]
pub(super) struct SealedSeen(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    known: BTreeSet<Vec<u8>>,
    n_bytes: usize,
    /// The redactors of the placeholders in the arguments of the call.
    placeholders: Option<SealedLayer>,
    /// The redactors. Each has at least about twice as many values as the one after it, so that a
    /// call that sees one value after the other does not build a redactor of all of them each time.
    layers: Vec<SealedLayer>,
}

/// The redactors of some values.
#[derive(Clone)]
pub(super) struct SealedLayer {
    values: Arc<[SecretValue]>,
    /// Redacts all values; for logs, outcomes and errors.
    pub(super) all: Arc<Redactor>,
    /// Redacts the values that are not weak; for everything else.
    pub(super) strong: Arc<Redactor>,
}

/// The call has seen more sealed values than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SealedFull;

impl SealedSeen {
    /// Returns the state of a call whose arguments have these placeholders of secrets. They are
    /// redacted as the values of their secrets would be.
    pub(super) fn with_placeholders(placeholders: Vec<(SecretName, SecretValue)>) -> Self {
        let layer = (!placeholders.is_empty()).then(|| {
            let all = Arc::new(Redactor::new(placeholders));
            SealedLayer {
                values: Arc::new([]),
                strong: Arc::clone(&all),
                all,
            }
        });
        let seen = Seen {
            placeholders: layer,
            ..Seen::default()
        };
        Self(Mutex::new(seen))
    }

    /// Adds the texts and numbers of a sealed value.
    ///
    /// # Errors
    /// The call would have seen more than [`SEALED_BYTES_MAX`]. The guest must not receive the
    /// value.
    pub(super) fn add(&self, value: &Value) -> Result<(), SealedFull> {
        let mut texts = Vec::new();
        leaves(value, &mut texts);
        let mut seen = self.seen();
        let mut fresh = Vec::new();
        for text in texts {
            // ignored: a text of fewer than four bytes occurs everywhere and cannot be redacted,
            // and a text that is too long for a redactor exceeds the limit.
            let Ok(value) = SecretValue::new(text.clone()) else {
                seen.n_bytes += text.len();
                continue;
            };
            if !seen.known.contains(&text) {
                seen.n_bytes += text.len();
                seen.known.insert(text);
                fresh.push(value);
            }
        }
        if seen.n_bytes > SEALED_BYTES_MAX {
            return Err(SealedFull);
        }
        if !fresh.is_empty() {
            seen.layer_add(fresh);
        }
        Ok(())
    }

    pub(super) fn layers(&self) -> Vec<SealedLayer> {
        let seen = self.seen();
        let placeholders = seen.placeholders.iter();
        placeholders.chain(&seen.layers).cloned().collect()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn layer_add(&mut self, mut values: Vec<SecretValue>) {
        while let Some(last) = self.layers.pop_if(|it| it.values.len() < 2 * values.len()) {
            values.extend(last.values.iter().cloned());
        }
        self.layers.push(SealedLayer::new(values));
    }
}

impl SealedLayer {
    fn new(values: Vec<SecretValue>) -> Self {
        let all = Arc::new(Redactor::of_sealed(values.iter().cloned()));
        let strong: Vec<SecretValue> = values
            .iter()
            .filter(|value| Weakness::of(value).is_none())
            .cloned()
            .collect();
        let strong = match strong.len() == values.len() {
            true => Arc::clone(&all),
            false => Arc::new(Redactor::of_sealed(strong)),
        };
        Self {
            values: values.into(),
            all,
            strong,
        }
    }
}

/// Returns the texts and numbers in values, as values to be redacted. Texts that are too short for a
/// redactor are left out.
///
/// # Errors
/// They are larger than [`SEALED_BYTES_MAX`] together.
pub(crate) fn sealed_texts<'v>(
    values: impl IntoIterator<Item = &'v Value>,
) -> Result<Vec<SecretValue>, SealedFull> {
    let mut texts = Vec::new();
    values.into_iter().for_each(|it| leaves(it, &mut texts));
    if texts.iter().map(Vec::len).sum::<usize>() > SEALED_BYTES_MAX {
        return Err(SealedFull);
    }
    // ignored: a text of fewer than four bytes occurs everywhere and cannot be redacted.
    let values = texts.into_iter().filter_map(|it| SecretValue::new(it).ok());
    Ok(values.collect())
}

/// Returns whether a value has a text or a number that is too short to be redacted. An empty text
/// hides nothing.
pub(crate) fn has_short_text(value: &Value) -> bool {
    let mut texts = Vec::new();
    leaves(value, &mut texts);
    let is_short = |text: &Vec<u8>| !text.is_empty() && text.len() < VALUE_BYTES_MIN;
    texts.iter().any(is_short)
}

/// Collects the texts and numbers in a value, as texts.
fn leaves(value: &Value, texts: &mut Vec<Vec<u8>>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => texts.push(number.to_string().into_bytes()),
        Value::String(text) => texts.push(text.clone().into_bytes()),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, texts)),
        Value::Object(members) => members.values().for_each(|member| leaves(member, texts)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redacted(seen: &SealedSeen, text: &str) -> String {
        let mut text = text.to_owned();
        for layer in seen.layers() {
            text = layer.all.redact(&text).into_owned();
        }
        text
    }

    #[test]
    fn texts_and_numbers_of_sealed_values_are_redacted() {
        let seen = SealedSeen::default();
        seen.add(&json!({"a": ["open sesame", 123_456, true, null, "abc"]}))
            .expect("it is small");
        let check = |text: &str, expect: &str| assert_eq!(redacted(&seen, text), expect);
        check("say open sesame!", "say [sealed]!");
        check("the pin is 123456", "the pin is [sealed]");
        check("true, null, abc", "true, null, abc");
        let layers = seen.layers();
        let strong = layers[0].strong.redact("open sesame, 123456").into_owned();
        assert_eq!(
            strong, "[sealed], 123456",
            "a weak value stays in what is not a log"
        );
    }

    #[test]
    fn many_values_one_after_the_other_need_few_redactors() {
        let seen = SealedSeen::default();
        for n in 0..500 {
            seen.add(&json!(format!("value number {n:03}")))
                .expect("it is small");
            assert!(seen.layers().len() <= 10, "{}", seen.layers().len());
        }
        for n in 0..500 {
            let text = redacted(&seen, &format!("<value number {n:03}>"));
            assert_eq!(text, "<[sealed]>");
        }
        // A value that was seen before costs nothing.
        for _ in 0..10_000 {
            seen.add(&json!("value number 007")).expect("it is known");
        }
    }

    #[test]
    fn more_than_the_limit_is_refused() {
        let seen = SealedSeen::default();
        let value = |n: usize| json!("x".repeat(n));
        assert_eq!(seen.add(&value(SEALED_BYTES_MAX)), Ok(()));
        assert_eq!(seen.add(&value(4)), Err(SealedFull));
        let seen = SealedSeen::default();
        assert_eq!(seen.add(&value(1 << 20)), Err(SealedFull));
    }
}
