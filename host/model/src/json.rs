//! Strict JSON parsing: a key that is given twice and a whole number that would be rounded are
//! errors.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The number of digits from which a whole number may have more than 64 bits.
const DIGITS_OF_64_BITS: usize = 19;

/// A text cannot be parsed as JSON without a loss.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It is not JSON.
    #[error("it is not JSON: {0}")]
    Syntax(String),
    /// An object contains a key twice.
    #[error("the key `{0}` is given twice")]
    KeyTwice(String),
    /// A whole number would be rounded.
    #[error(
        "`{0}` is a whole number of more than 64 bits, which would be rounded: give it as text"
    )]
    Rounded(String),
}

/// Parses JSON that a user wrote.
///
/// # Errors
/// It is not JSON, an object contains a key twice, or a whole number has more than 64 bits.
pub fn parse(text: &str) -> Result<Value, JsonError> {
    let mut twice = None;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = Strict { twice: &mut twice }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    match (parsed, twice) {
        (_, Some(key)) => Err(JsonError::KeyTwice(key)),
        (Err(error), None) => Err(JsonError::Syntax(syntax_words(&error))),
        (Ok(value), None) => {
            numbers_check(text)?;
            Ok(value)
        }
    }
}

/// Returns what is wrong with a JSON text, and where.
#[must_use]
pub fn syntax_words(error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "it ends before its value is complete".to_owned();
    }
    // The parser has no other mark of this error.
    if error.to_string().starts_with("recursion limit exceeded") {
        return "it nests too deeply".to_owned();
    }
    let (line, column) = (error.line(), error.column());
    format!("it cannot be read from line {line}, column {column} on")
}

/// Checks that no whole number in a JSON text has more than 64 bits.
///
/// # Errors
/// A number has more than 64 bits and would be rounded.
pub fn numbers_check(text: &str) -> Result<(), JsonError> {
    match rounded_number(text) {
        Some(number) => Err(JsonError::Rounded(number.to_owned())),
        None => Ok(()),
    }
}

/// Returns whether a text contains as many digits in a row as a number of more than 64 bits.
#[must_use]
pub fn has_long_number(text: &str) -> bool {
    let mut n_digits = 0;
    text.bytes().any(|byte| {
        n_digits = if byte.is_ascii_digit() {
            n_digits + 1
        } else {
            0
        };
        n_digits >= DIGITS_OF_64_BITS
    })
}

/// Returns whether a text is a whole number that does not fit into 64 bits.
#[must_use]
pub fn is_beyond_64_bits(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<i64>().is_err()
        && text.parse::<u64>().is_err()
}

/// Returns the first whole number in a JSON text that does not fit into 64 bits.
fn rounded_number(text: &str) -> Option<&str> {
    if !has_long_number(text) {
        return None;
    }
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = string_end(bytes, at),
            b'-' | b'0'..=b'9' => {
                let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                let len = bytes[at..].iter().take_while(|byte| is_part(byte)).count();
                let number = &text[at..at + len];
                if is_beyond_64_bits(number) {
                    return Some(number);
                }
                at += len;
            }
            _ => at += 1,
        }
    }
    None
}

/// Returns the index after the end of the string that begins at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    at += 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// Parses a value, and records a key that is given twice.
struct Strict<'k> {
    twice: &'k mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Strict { twice: self.twice })? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let value = members.next_value_seed(Strict { twice: self.twice })?;
            if object.contains_key(&key) {
                let error = A::Error::custom("a key is given twice");
                self.twice.get_or_insert(key);
                return Err(error);
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lossy_json_is_refused() {
        let fails = |text: &str, expect: &str| {
            let error = parse(text).expect_err(text);
            assert!(error.to_string().contains(expect), "{text}: {error}");
        };
        fails(r#"{"a": 1, "a": 2}"#, "the key `a` is given twice");
        fails(
            r#"[{"b": {"a": 1, "c": 2, "a": 1}}]"#,
            "the key `a` is given twice",
        );
        fails(r#"{"a": 1, "\u0061": 2}"#, "the key `a` is given twice");
        for number in [
            "12345678901234567890123",
            "18446744073709551616",
            "-9223372036854775809",
        ] {
            fails(
                &format!("{{\"a\": [{number}]}}"),
                &format!("`{number}` is a whole number"),
            );
        }
        fails("{", "it is not JSON");
        fails("1 2", "it is not JSON");
        fails("", "it is not JSON");
    }

    #[test]
    fn other_json_is_parsed_unchanged() {
        let same = |text: &str, expect: Value| assert_eq!(parse(text), Ok(expect), "{text}");
        same("18446744073709551615", json!(u64::MAX));
        same("-9223372036854775808", json!(i64::MIN));
        same("1e30", json!(1e30));
        same("1234567890123456789.5", json!(1_234_567_890_123_456_789.5));
        same(
            r#"{"a": "12345678901234567890123", "b\"1": "x\\\\", "c": [null, true, -1.5]}"#,
            json!({"a": "12345678901234567890123", "b\"1": "x\\\\", "c": [null, true, -1.5]}),
        );
    }
}
