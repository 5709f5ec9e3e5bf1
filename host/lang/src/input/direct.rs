//! The inputs of a method that a user runs directly by its type: which of them are arguments of the
//! method, and which are global arguments.

use sedge_model::violation::Violation;
use serde_json::{Map, Value};

use super::{GivenInput, GivenInputs, InputsSchema};
use crate::argument::{is_open, member_names};
use crate::suggest::nearest;

/// How an expression begins.
const OPEN: &str = "${{";

/// How a text of a definition contains [`OPEN`] itself.
const ESCAPED_OPEN: &str = "$${{";

/// The only key of a reference to a secret in a definition: `{secret: NAME}`.
const SECRET: &str = "secret";

/// The schemas by which inputs are assigned to their receivers.
#[derive(Debug, Clone, Copy)]
pub struct DirectSchemas<'a> {
    /// The schema of the arguments of the method.
    pub arguments: &'a Value,
    /// The inputs that the definition declares. The method receives them with its arguments.
    pub inputs: &'a InputsSchema,
    /// The schema of the global arguments of the type.
    pub global_arguments: &'a Value,
}

/// Inputs by their receivers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DirectInputs {
    /// The arguments of the method, and the inputs of the definition.
    pub arguments: GivenInputs,
    /// The global arguments. They are written into a definition, so those of a file or a stream
    /// have no expressions any more: `${{` is escaped in them.
    pub global_arguments: GivenInputs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Receiver {
    Method,
    Globals,
}

impl DirectSchemas<'_> {
    /// Assigns each input to its receiver by the first part of its key: first an argument of the
    /// method, then an input of the definition, then a global argument.
    ///
    /// # Errors
    /// All keys that have no receiver, with the nearest one; and references to secrets in a file or
    /// a stream, which contains data and not what a user wrote for a definition.
    pub fn routed(&self, given: &GivenInputs) -> Result<DirectInputs, Vec<Violation>> {
        let mut routed = DirectInputs::default();
        let mut violations = Vec::new();
        for (key, value) in &given.item {
            match self.receiver(key) {
                Some(Receiver::Method) => {
                    routed.arguments.item.insert(key.clone(), value.clone());
                }
                Some(Receiver::Globals) => match literal(value) {
                    Some(value) => {
                        routed.global_arguments.item.insert(key.clone(), value);
                    }
                    None => violations.push(reference_refused(key)),
                },
                None => violations.push(self.unknown(key)),
            }
        }
        for (key, input) in given.over.iter().flat_map(GivenInput::by_key) {
            match self.receiver(&key) {
                Some(Receiver::Method) => routed.arguments.over.push(input),
                Some(Receiver::Globals) => routed.global_arguments.over.push(input),
                None => violations.push(self.unknown(&key)),
            }
        }
        match violations.is_empty() {
            true => Ok(routed),
            false => Err(violations),
        }
    }

    /// Returns the receiver of a key, which may lead into a map by dots.
    fn receiver(&self, key: &str) -> Option<Receiver> {
        let named = self.named(key).or_else(|| self.named(first_part(key)));
        named.or_else(
            || match (is_open(self.arguments), is_open(self.global_arguments)) {
                (true, _) => Some(Receiver::Method),
                (false, true) => Some(Receiver::Globals),
                (false, false) => None,
            },
        )
    }

    /// Returns the receiver whose schema names a key.
    fn named(&self, key: &str) -> Option<Receiver> {
        let has = |schema| member_names(schema).any(|it| it == key);
        if has(self.arguments) || self.inputs.property(key).is_some() {
            return Some(Receiver::Method);
        }
        has(self.global_arguments).then_some(Receiver::Globals)
    }

    fn unknown(&self, key: &str) -> Violation {
        let first = first_part(key);
        let known = member_names(self.arguments)
            .chain(self.inputs.names())
            .chain(member_names(self.global_arguments));
        let message = "there is no such argument of the method, and no such global argument";
        let message = match nearest(first, known) {
            Some(near) => format!("{message}; did you mean `{near}`?"),
            None => message.to_owned(),
        };
        violation(first, message)
    }
}

fn first_part(key: &str) -> &str {
    key.split_once('.').map_or(key, |(first, _)| first)
}

fn reference_refused(key: &str) -> Violation {
    let message = "a reference to a secret is not taken from a file or a stream";
    violation(key, message.to_owned())
}

fn violation(key: &str, message: String) -> Violation {
    let path = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
    Violation { path, message }
}

/// Returns a value as a definition has to write it so that its texts are no expressions. Returns
/// `None` if it contains a reference to a secret.
fn literal(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        Value::String(text) => Value::String(text.replace(OPEN, ESCAPED_OPEN)),
        Value::Array(items) => Value::Array(items.iter().map(literal).collect::<Option<_>>()?),
        Value::Object(members) => {
            let is_reference =
                members.len() == 1 && members.get(SECRET).is_some_and(Value::is_string);
            if is_reference {
                return None;
            }
            let member = |(key, value): (&String, &Value)| Some((key.clone(), literal(value)?));
            Value::Object(members.iter().map(member).collect::<Option<Map<_, _>>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn routed(item: Value, over: &[&str]) -> Result<(Value, Value), Vec<String>> {
        let arguments = json!({"properties": {"note": {"type": "string"}, "both": {}, "a.b": {}}});
        let global_arguments = json!({
            "$ref": "#/$defs/globals",
            "$defs": {"globals": {"properties": {
                "region": {"type": "string"}, "both": {}, "server": {"type": "object"},
            }}},
        });
        let inputs = InputsSchema::none();
        let schemas = DirectSchemas {
            arguments: &arguments,
            inputs: &inputs,
            global_arguments: &global_arguments,
        };
        let Value::Object(item) = item else {
            panic!("it is an object");
        };
        let over = over.iter().map(|it| it.parse().expect("an input"));
        let given = GivenInputs {
            item,
            over: over.collect(),
        };
        let routed = schemas.routed(&given);
        let routed =
            routed.map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let merged =
            |given: &GivenInputs, schema| Value::Object(given.merged(schema).expect("sound"));
        Ok((
            merged(&routed.arguments, &arguments),
            merged(&routed.global_arguments, &global_arguments),
        ))
    }

    #[test]
    fn key_goes_to_the_method_first() {
        let check = |item: Value, over: &[&str], arguments: Value, globals: Value| {
            let expect = Ok((arguments, globals));
            assert_eq!(routed(item.clone(), over), expect, "{item} {over:?}");
        };
        check(json!({}), &[], json!({}), json!({}));
        check(
            json!({}),
            &["note=n", "region=eu", "both=1"],
            json!({"note": "n", "both": 1}),
            json!({"region": "eu"}),
        );
        check(
            json!({"note": "n", "region": "eu"}),
            &["region=us"],
            json!({"note": "n"}),
            json!({"region": "us"}),
        );
        check(
            json!({}),
            &["a.b=1", "server.port=80", "server.host=h"],
            json!({"a.b": 1}),
            json!({"server": {"port": 80, "host": "h"}}),
        );
        check(
            json!({}),
            &["{\"note\": \"n\", \"region\": \"eu\"}"],
            json!({"note": "n"}),
            json!({"region": "eu"}),
        );
    }

    #[test]
    fn unknown_keys_are_all_reported() {
        let check = |item: Value, over: &[&str], expect: &[&str]| {
            let found = routed(item, over).expect_err("they are unknown");
            assert_eq!(found, expect);
        };
        let unknown = "there is no such argument of the method, and no such global argument";
        let region = format!("/regoin: {unknown}; did you mean `region`?");
        check(json!({"regoin": "eu"}), &["note=n"], &[&region]);
        let port = format!("/port: {unknown}");
        check(json!({}), &["regoin=eu", "port.x=1"], &[&region, &port]);
    }

    #[test]
    fn data_of_a_file_is_no_expression_and_no_reference() {
        let found = routed(json!({"note": "${{ x }}", "region": "${{ x }}"}), &[]);
        let expect = (json!({"note": "${{ x }}"}), json!({"region": "$${{ x }}"}));
        assert_eq!(found, Ok(expect));
        let found = routed(json!({}), &["region=${{ x }}"]);
        assert_eq!(found, Ok((json!({}), json!({"region": "${{ x }}"}))));
        let reference = json!({"server": {"list": [{"secret": "TOKEN"}]}});
        let found = routed(reference, &[]).expect_err("it is a reference");
        assert_eq!(
            found,
            ["/server: a reference to a secret is not taken from a file or a stream"]
        );
    }

    #[test]
    fn open_schema_takes_every_other_key() {
        let closed = json!({"properties": {"a": {}}});
        let open = json!({"properties": {"b": {}}, "additionalProperties": {"type": "string"}});
        let inputs = InputsSchema::none();
        let check = |arguments: &Value, global_arguments: &Value, expect: Option<Receiver>| {
            let schemas = DirectSchemas {
                arguments,
                inputs: &inputs,
                global_arguments,
            };
            assert_eq!(schemas.receiver("else"), expect);
        };
        check(&closed, &closed, None);
        check(&closed, &open, Some(Receiver::Globals));
        check(&open, &open, Some(Receiver::Method));
    }
}
