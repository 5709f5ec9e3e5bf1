//! Inputs as a command line gives them: `KEY=VALUE`, `KEY=@FILE`, `KEY:json=VALUE`, or one JSON
//! object.
//!
//! A key with dots leads into a map: `server.port=80` is the member `port` of the input `server`.

use std::str::FromStr;

use sedge_model::json::{self, JsonError};
use serde_json::{Map, Value};

use crate::argument::{argument_from_text, member_schema};

/// The end of a key whose value is parsed as JSON, whatever the schema says.
const AS_JSON: &str = ":json";

/// One input as a command line gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenInput(Form);

#[derive(Debug, Clone, PartialEq)]
enum Form {
    Object(Map<String, Value>),
    Pair {
        key: String,
        is_json: bool,
        text: GivenText,
    },
}

#[derive(Debug, Clone, PartialEq)]
enum GivenText {
    Literal(String),
    /// The name of the file that has the text.
    File(String),
}

/// An input on a command line cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GivenInputError {
    /// It has none of the accepted forms.
    #[error("it is neither of the form KEY=VALUE nor a JSON object")]
    Form,
    /// A part of a key is empty.
    #[error("the key `{0}` has an empty part")]
    KeyPart(String),
    /// It begins like a JSON object and is not one.
    #[error("the JSON object cannot be used: {0}")]
    Object(JsonError),
    /// A value cannot be parsed, or would lose information.
    #[error("the input `{key}` cannot be used: {reason}")]
    Value {
        /// The key.
        key: String,
        /// The reason. It is part of the message, and so no source of this error.
        reason: JsonError,
    },
    /// A key is given twice.
    #[error("the input `{0}` cannot be used: it is given twice")]
    Twice(String),
    /// One input is given as a value that is not a map, and as a map.
    #[error("the input `{key}` is given as a value, so it has no part `{part}`")]
    NotMap {
        /// The key that has a value.
        key: String,
        /// The name below it.
        part: String,
    },
}

impl FromStr for GivenInput {
    type Err = GivenInputError;

    fn from_str(text: &str) -> Result<Self, GivenInputError> {
        if text.trim_start().starts_with('{') {
            return match json::parse(text) {
                Ok(Value::Object(object)) => Ok(Self(Form::Object(object))),
                Ok(_) => Err(GivenInputError::Form),
                Err(error) => Err(GivenInputError::Object(error)),
            };
        }
        let (key, value) = text.split_once('=').ok_or(GivenInputError::Form)?;
        let (key, is_json) = match key.strip_suffix(AS_JSON) {
            Some(key) => (key, true),
            None => (key, false),
        };
        if key.is_empty() {
            return Err(GivenInputError::Form);
        }
        if key.split('.').any(str::is_empty) {
            return Err(GivenInputError::KeyPart(key.to_owned()));
        }
        Ok(Self(Form::Pair {
            key: key.to_owned(),
            is_json,
            text: GivenText::of(value),
        }))
    }
}

impl GivenText {
    fn of(value: &str) -> Self {
        if let Some(text) = value.strip_prefix('\\').filter(|it| it.starts_with('@')) {
            return Self::Literal(text.to_owned());
        }
        match value.strip_prefix('@') {
            Some(file) if file.starts_with('@') => Self::Literal(file.to_owned()),
            Some(file) => Self::File(file.to_owned()),
            None => Self::Literal(value.to_owned()),
        }
    }
}

impl GivenInput {
    /// Returns an input with a text as its value.
    #[must_use]
    pub fn text(key: &str, text: &str) -> Self {
        Self(Form::Pair {
            key: key.to_owned(),
            is_json: false,
            text: GivenText::Literal(text.to_owned()),
        })
    }

    /// Returns the name of the file whose content is the value; `None` if the value is on the
    /// command line.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        match &self.0 {
            Form::Pair {
                text: GivenText::File(file),
                ..
            } => Some(file),
            Form::Pair {
                text: GivenText::Literal(_),
                ..
            }
            | Form::Object(_) => None,
        }
    }

    /// Returns the input with the content of its file as its value.
    #[must_use]
    pub fn with_content(self, content: String) -> Self {
        match self.0 {
            Form::Pair { key, is_json, .. } => Self(Form::Pair {
                key,
                is_json,
                text: GivenText::Literal(content),
            }),
            Form::Object(object) => Self(Form::Object(object)),
        }
    }
}

impl GivenInput {
    /// Returns the same as inputs of one key each, with the keys as they are written.
    pub(super) fn by_key(&self) -> Vec<(String, Self)> {
        match &self.0 {
            Form::Pair { key, .. } => vec![(key.clone(), self.clone())],
            Form::Object(object) => {
                let one = |(key, value): (&String, &Value)| {
                    let object = Map::from_iter([(key.clone(), value.clone())]);
                    (key.clone(), Self(Form::Object(object)))
                };
                object.iter().map(one).collect()
            }
        }
    }
}

/// All inputs of one run as they are given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GivenInputs {
    /// The inputs of a file, or of an item of a stream.
    pub item: Map<String, Value>,
    /// The inputs of the command line, which override those of `item`.
    pub over: Vec<GivenInput>,
}

impl GivenInputs {
    /// Returns the values, by the types of `schema`.
    ///
    /// # Errors
    /// The same as for [`inputs_given`].
    pub fn merged(&self, schema: &Value) -> Result<Map<String, Value>, GivenInputError> {
        let mut merged = self.item.clone();
        inputs_merge(&mut merged, inputs_given(schema, &self.over)?);
        Ok(merged)
    }
}

/// Returns the values of inputs that a command line gives, by the types of `schema`.
///
/// The values of files must have been read with [`GivenInput::with_content`] before.
///
/// # Errors
/// An input is given twice, or its value would lose information.
pub fn inputs_given(
    schema: &Value,
    given: &[GivenInput],
) -> Result<Map<String, Value>, GivenInputError> {
    let mut inputs = Map::new();
    for input in given {
        match &input.0 {
            Form::Object(object) => {
                for (key, value) in object {
                    insert(&mut inputs, &[key], value.clone())?;
                }
            }
            Form::Pair { key, is_json, text } => {
                let (GivenText::Literal(text) | GivenText::File(text)) = text;
                let path = path_of(schema, key);
                let value = match is_json {
                    true => json::parse(text),
                    false => argument_from_text(schema, &path, text),
                };
                let value = value.map_err(|reason| GivenInputError::Value {
                    key: key.clone(),
                    reason,
                })?;
                insert(&mut inputs, &path, value)?;
            }
        }
    }
    Ok(inputs)
}

/// Merges inputs into others. Maps are merged, and every other value replaces the former one.
pub fn inputs_merge(under: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Object(under)), Value::Object(over)) => inputs_merge(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// Splits a key at its dots. A name with dots that the schema has is one part.
fn path_of<'k>(schema: &Value, key: &'k str) -> Vec<&'k str> {
    if schema["properties"].get(key).is_some() {
        return vec![key];
    }
    let mut path = Vec::new();
    let (mut part, mut rest) = (schema, key);
    loop {
        let is_known =
            !member_schema(schema, part, rest).is_null() && part["properties"].get(rest).is_some();
        let Some((first, below)) = rest.split_once('.').filter(|_| !is_known) else {
            path.push(rest);
            return path;
        };
        path.push(first);
        part = member_schema(schema, part, first);
        rest = below;
    }
}

fn insert(
    inputs: &mut Map<String, Value>,
    path: &[&str],
    value: Value,
) -> Result<(), GivenInputError> {
    let (last, above) = path.split_last().expect("a key has a part");
    let mut map = inputs;
    for (n, part) in above.iter().enumerate() {
        let member = map
            .entry((*part).to_owned())
            .or_insert_with(|| Value::Object(Map::new()));
        map = match member {
            Value::Object(map) => map,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => {
                return Err(GivenInputError::NotMap {
                    key: path[..=n].join("."),
                    part: path[n + 1].to_owned(),
                });
            }
        };
    }
    match map.insert((*last).to_owned(), value) {
        Some(_) => Err(GivenInputError::Twice(path.join("."))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({"properties": {
            "name": {"type": "string"},
            "count": {"type": "integer"},
            "a.b": {"type": "integer"},
            "server": {"type": "object", "properties": {"port": {"type": "integer"}, "x.y": {"type": "string"}}},
            "tags": {"type": "array"},
        }})
    }

    fn given(texts: &[&str]) -> Result<Value, GivenInputError> {
        let given: Result<Vec<GivenInput>, _> = texts.iter().map(|it| it.parse()).collect();
        inputs_given(&schema(), &given?).map(Value::Object)
    }

    #[test]
    fn input_of_a_command_line_has_the_type_of_the_schema() {
        let check = |texts: &[&str], expect: Value| {
            assert_eq!(given(texts), Ok(expect), "{texts:?}");
        };
        check(&[], json!({}));
        check(&["name=12", "count=12"], json!({"name": "12", "count": 12}));
        check(&["name="], json!({"name": ""}));
        check(&["name=a=b"], json!({"name": "a=b"}));
        check(&["other=true"], json!({"other": true}));
        check(&["other=yes"], json!({"other": "yes"}));
        check(&["a.b=3"], json!({"a.b": 3}));
        check(
            &["server.port=80", "server.x.y=8", "server.z.w=9"],
            json!({"server": {"port": 80, "x.y": "8", "z": {"w": 9}}}),
        );
        check(&["name:json=12"], json!({"name": 12}));
        check(&["tags:json=[1, \"a\"]"], json!({"tags": [1, "a"]}));
        check(
            &["server={\"port\": 1}", "server.host=h"],
            json!({"server": {"port": 1, "host": "h"}}),
        );
        check(&["name=\\@text"], json!({"name": "@text"}));
        check(&["name=@@text"], json!({"name": "@text"}));
        check(&["name=\\text"], json!({"name": "\\text"}));
        check(
            &[" {\"name\": \"a\", \"a.b\": 2}", "count=1"],
            json!({"name": "a", "a.b": 2, "count": 1}),
        );
    }

    #[test]
    fn bad_input_of_a_command_line_is_refused() {
        let check = |texts: &[&str], expect: &str| {
            let error = given(texts).expect_err(expect);
            assert_eq!(error.to_string(), expect, "{texts:?}");
        };
        check(
            &["name"],
            "it is neither of the form KEY=VALUE nor a JSON object",
        );
        check(
            &["=x"],
            "it is neither of the form KEY=VALUE nor a JSON object",
        );
        check(
            &[":json=1"],
            "it is neither of the form KEY=VALUE nor a JSON object",
        );
        check(&["a..b=1"], "the key `a..b` has an empty part");
        check(&[".a=1"], "the key `.a` has an empty part");
        check(
            &["name=a", "name=b"],
            "the input `name` cannot be used: it is given twice",
        );
        check(
            &["server.port=1", "server.port=2"],
            "the input `server.port` cannot be used: it is given twice",
        );
        check(
            &["server.port=1", "server={}"],
            "the input `server` cannot be used: it is given twice",
        );
        check(
            &["name=a", "{\"name\": \"b\"}"],
            "the input `name` cannot be used: it is given twice",
        );
        check(
            &["count=1", "count.deep=2"],
            "the input `count` is given as a value, so it has no part `deep`",
        );
        check(
            &["{\"a\": 1, \"a\": 2}"],
            "the JSON object cannot be used: the key `a` is given twice",
        );
        let error = given(&["name:json={"]).expect_err("not JSON");
        assert_eq!(
            error.to_string(),
            "the input `name` cannot be used: it is not JSON: it ends before its value is complete"
        );
        assert!(std::error::Error::source(&error).is_none());
        given(&["name:json=x"]).expect_err("not JSON");
        given(&["{"]).expect_err("not JSON");
        given(&["count=18446744073709551616"]).expect_err("too large");
    }

    #[test]
    fn content_of_a_file_is_the_value() {
        let input: GivenInput = "name=@notes/a.txt".parse().expect("an input");
        assert_eq!(input.file(), Some("notes/a.txt"));
        let input = input.with_content("@b".to_owned());
        assert_eq!(input.file(), None);
        let inputs = inputs_given(&schema(), &[input]).expect("good inputs");
        assert_eq!(Value::Object(inputs), json!({"name": "@b"}));
        let input: GivenInput = "tags:json=@tags.json".parse().expect("an input");
        let input = input.with_content("[1]".to_owned());
        let inputs = inputs_given(&schema(), &[input]).expect("good inputs");
        assert_eq!(Value::Object(inputs), json!({"tags": [1]}));
        assert_eq!(GivenInput::text("a", "@b").file(), None);
    }

    #[test]
    fn map_is_merged_and_list_is_replaced() {
        let check = |under: Value, over: Value, expect: Value| {
            let (Value::Object(mut under), Value::Object(over)) = (under, over) else {
                panic!("they are objects");
            };
            inputs_merge(&mut under, over);
            assert_eq!(Value::Object(under), expect);
        };
        check(json!({"a": 1}), json!({"b": 2}), json!({"a": 1, "b": 2}));
        check(json!({"a": [1, 2]}), json!({"a": [3]}), json!({"a": [3]}));
        check(
            json!({"a": {"b": {"c": 1}, "d": 2}}),
            json!({"a": {"b": {"e": 3}, "d": null}}),
            json!({"a": {"b": {"c": 1, "e": 3}, "d": null}}),
        );
        check(
            json!({"a": 1}),
            json!({"a": {"b": 1}}),
            json!({"a": {"b": 1}}),
        );
        check(json!({"a": {"b": 1}}), json!({"a": 1}), json!({"a": 1}));
    }
}
