//! Checks of what a plugin hands over, with the messages of production.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::types::JsonType;
use serde_json::Value;

use crate::Violation;
use crate::bindings::sedge::model::data::{Tag, WriteRetention};

/// The maximum number of violations that are reported for one value.
const VIOLATIONS_MAX: usize = 20;

/// The maximum number of alternatives that a message names.
const ALTERNATIVES_MAX: usize = 8;

/// The maximum nesting depth of JSON.
const DEPTH_MAX: usize = 100;

/// The maximum length of a name of data, in bytes.
const DATA_NAME_BYTES_MAX: usize = 255;

/// The maximum length of the key of a tag, in bytes.
const TAG_KEY_BYTES_MAX: usize = 100;

/// The maximum length of the value of a tag, in bytes.
const TAG_VALUE_BYTES_MAX: usize = 255;

/// The maximum number of tags of a write.
const TAGS_MAX: usize = 64;

/// The maximum length of a media type, in bytes.
const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// Parses JSON.
pub(super) fn parsed(text: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    match depth(&value) > DEPTH_MAX {
        true => Err(format!("it nests more than {DEPTH_MAX} deep")),
        false => Ok(value),
    }
}

fn depth(value: &Value) -> usize {
    let deepest = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return 0,
    };
    1 + deepest.unwrap_or(0)
}

/// Returns the JSON Pointer of the first object that has a key.
pub(super) fn key_path(value: &Value, key: &str) -> Option<String> {
    match value {
        Value::Object(members) if members.contains_key(key) => Some(String::new()),
        Value::Object(members) => members.iter().find_map(|(name, inner)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            key_path(inner, key).map(|rest| format!("/{name}{rest}"))
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(at, inner)| key_path(inner, key).map(|rest| format!("/{at}{rest}"))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Checks a name of data.
pub(super) fn data_name(name: &str) -> Result<(), String> {
    let is_valid =
        (1..=DATA_NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    match is_valid {
        true => Ok(()),
        false => Err(format!(
            "`{}` is not a data name: it takes 1 to 255 bytes of text without control characters",
            name.escape_debug()
        )),
    }
}

/// Checks the tags of a write, and returns them with those of the spec.
pub(super) fn tags(
    of_spec: Vec<(String, String)>,
    tags: &[Tag],
) -> Result<BTreeMap<String, String>, String> {
    let mut checked = BTreeMap::new();
    for Tag { key, value } in tags {
        let is_plain = |text: &str| !text.chars().any(char::is_control);
        if key.is_empty() || key.len() > TAG_KEY_BYTES_MAX || !is_plain(key) {
            return Err(format!(
                "`{}` is not a valid tag key: it takes 1 to {TAG_KEY_BYTES_MAX} bytes of text without control characters",
                key.escape_debug()
            ));
        }
        if value.len() > TAG_VALUE_BYTES_MAX || !is_plain(value) {
            return Err(format!(
                "the value of the tag `{key}` is longer than {TAG_VALUE_BYTES_MAX} bytes or has control characters"
            ));
        }
        if checked.len() == TAGS_MAX {
            return Err(format!("there are more than {TAGS_MAX} tags"));
        }
        checked.insert(key.clone(), value.clone());
    }
    let mut all: BTreeMap<String, String> = of_spec.into_iter().collect();
    all.append(&mut checked);
    Ok(all)
}

/// Checks the retention of one write.
pub(super) fn retention(retention: &WriteRetention) -> Result<(), String> {
    let words = ["ephemeral", "job", "workflow", "infinite"];
    if let Some(text) = &retention.lifetime
        && !words.contains(&text.as_str())
        && !is_span(text)
    {
        return Err(format!(
            "`{}` is not a lifetime: it is `ephemeral`, `job`, `workflow`, `infinite`, or a duration: {SPANS}",
            text.escape_debug()
        ));
    }
    if let Some(text) = &retention.keep
        && !text
            .parse::<NonZeroU32>()
            .is_ok_and(|_| !text.starts_with(['0', '+']))
        && !is_span(text)
    {
        return Err(format!(
            "`{}` is not a number of versions or duration: it is a number of versions from 1 to 4294967295, as in `10`, or a duration: {SPANS}",
            text.escape_debug()
        ));
    }
    Ok(())
}

/// The durations, as messages have them.
const SPANS: &str =
    "`30s`, `5m`, `1h`, `7d`, `2w`, `1mo` (30 days) or `1y` (365 days), up to `1000y`";

fn is_span(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = text[..text.len() - unit.len()].parse::<u32>();
    number.is_ok_and(|it| it > 0) && ["s", "m", "h", "d", "w", "mo", "y"].contains(&unit)
}

/// Checks a media type.
pub(super) fn media_type(text: &str) -> Result<(), String> {
    let is_plain = text
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let has_parts = text.split_once('/').is_some_and(|(one, other)| {
        let is_token = |part: &str| !part.is_empty() && !part.contains([' ', ';']);
        is_token(one) && is_token(other.split(';').next().unwrap_or_default())
    });
    if is_plain && has_parts && text.len() <= MEDIA_TYPE_BYTES_MAX {
        return Ok(());
    }
    Err(format!(
        "`{}` is not a media type: write `type/subtype`, for example `text/plain`, of at most {MEDIA_TYPE_BYTES_MAX} bytes",
        text.escape_debug()
    ))
}

/// Returns the places at which a value violates a schema.
///
/// # Panics
/// The schema is not valid. The host would refuse the plugin.
pub(super) fn violations(schema: &str, value: &Value) -> Vec<Violation> {
    let schema: Value = serde_json::from_str(schema).expect("a schema of the type is JSON");
    let validator = jsonschema::validator_for(&schema);
    let validator = validator.expect("a schema of the type is a JSON Schema");
    let errors = validator.iter_errors(value).take(VIOLATIONS_MAX);
    errors
        .map(|error| Violation {
            path: error.instance_path().to_string(),
            message: message(&error),
        })
        .collect()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library has 40 kinds of violation"
)]
fn message(error: &ValidationError<'_>) -> String {
    let words = words_of_kind(error.kind()).unwrap_or_else(|| error.to_string());
    match error.kind() {
        ValidationErrorKind::Type { .. } => format!("{words}; `{}` was given", error.instance()),
        _ => words,
    }
}

/// Returns the words for a violation whose message by the library names parts of the schema that
/// the user does not see.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library has 40 kinds of violation"
)]
fn words_of_kind(kind: &ValidationErrorKind) -> Option<String> {
    match kind {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let names: Vec<String> = unexpected.iter().map(|it| format!("`{it}`")).collect();
            Some(format!("there is no {}", names.join(" and no ")))
        }
        ValidationErrorKind::FalseSchema => Some("nothing can be given here".to_owned()),
        ValidationErrorKind::Required { property } => {
            let name = property.as_str();
            name.map(|name| format!("`{name}` is required, and was not given"))
        }
        ValidationErrorKind::Type { kind } => {
            let types = match kind {
                TypeKind::Single(only) => vec![*only],
                TypeKind::Multiple(several) => several.iter().collect(),
            };
            Some(format!("it has to be {}", types_shown(&types)))
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            let mut words = Vec::new();
            alternatives(context, &mut words);
            (!words.is_empty()).then(|| words.join(", or "))
        }
        _ => None,
    }
}

/// Adds what the alternatives of a schema ask for. That a value can be left out or null is not added.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library has 40 kinds of violation"
)]
fn alternatives(context: &[Vec<ValidationError<'_>>], words: &mut Vec<String>) {
    for first in context.iter().filter_map(|errors| errors.first()) {
        let word = match first.kind() {
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => {
                alternatives(context, words);
                continue;
            }
            ValidationErrorKind::Type {
                kind: TypeKind::Single(JsonType::Null),
            } => continue,
            ValidationErrorKind::Constant { expected_value } => {
                format!("it has to be {expected_value}")
            }
            ValidationErrorKind::Enum { options } => format!("it has to be one of {options}"),
            kind => words_of_kind(kind).unwrap_or_else(|| first.masked_with("it").to_string()),
        };
        if words.len() < ALTERNATIVES_MAX && !words.contains(&word) {
            words.push(word);
        }
    }
}

/// Returns the types that a value can have, null last: "a text or null".
fn types_shown(types: &[JsonType]) -> String {
    let (null, others): (Vec<JsonType>, Vec<JsonType>) =
        types.iter().copied().partition(|it| *it == JsonType::Null);
    let shown: Vec<&str> = others.into_iter().chain(null).map(type_shown).collect();
    match &shown[..] {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        one => one.concat(),
    }
}

fn type_shown(one: JsonType) -> &'static str {
    match one {
        JsonType::Null => "null",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Number => "a number",
        JsonType::String => "a text",
        JsonType::Array => "a list",
        JsonType::Object => "a map",
    }
}
