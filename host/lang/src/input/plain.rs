//! Schemas of inputs that are certain to compile, so that they are compiled only when they are used.
//!
//! Most inputs have a type and a default, and most commands read files and check no inputs.
//! Compiling the schemas was a quarter of the time of reading a definition.

use std::collections::HashSet;

use serde_json::Value;

/// The maximum number of inputs of a plain schema.
///
/// The author of the file chooses the number, and a schema that is too much work is refused when it
/// is compiled.
const INPUTS_MAX: usize = 100;

/// Returns whether the schema of all inputs of a file is certain to compile: each input has only a
/// type, a simple default, and texts that describe it.
pub(super) fn is_plain(inputs: &Value) -> bool {
    let Value::Object(keys) = inputs else {
        return false;
    };
    keys.iter().all(|(key, value)| match (key.as_str(), value) {
        ("type", Value::String(name)) => name == "object",
        ("additionalProperties", Value::Bool(_)) | ("description" | "title", Value::String(_)) => {
            true
        }
        ("required", Value::Array(names)) => {
            let mut seen = HashSet::new();
            let mut names = names.iter().map(Value::as_str);
            names.all(|name| name.is_some_and(|it| seen.insert(it)))
        }
        ("properties", Value::Object(inputs)) => {
            inputs.len() <= INPUTS_MAX && inputs.values().all(is_plain_input)
        }
        _ => false,
    })
}

/// Returns whether the schema of one input has nothing but a type, a simple default, and texts that
/// describe it.
fn is_plain_input(input: &Value) -> bool {
    let Value::Object(keys) = input else {
        return false;
    };
    keys.iter().all(|(key, value)| match (key.as_str(), value) {
        ("type", Value::String(name)) => is_type(name),
        ("default", value) => !value.is_array() && !value.is_object(),
        ("description" | "title", Value::String(_))
        | ("deprecated" | "sensitive", Value::Bool(_)) => true,
        _ => false,
    })
}

fn is_type(name: &str) -> bool {
    matches!(
        name,
        "string" | "integer" | "number" | "boolean" | "object" | "array" | "null"
    )
}

/// Returns whether a value certainly fits the schema of an input, without compiling the schema. A
/// value for which this is false may fit as well.
pub(super) fn fits_plainly(input: &Value, value: &Value) -> bool {
    if !is_plain_input(input) {
        return false;
    }
    let Some(name) = input.get("type").and_then(Value::as_str) else {
        return true;
    };
    match value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        Value::Number(number) if number.is_f64() => name == "number",
        Value::Number(_) => name == "integer" || name == "number",
        Value::String(_) => name == "string",
        Value::Array(_) => name == "array",
        Value::Object(_) => name == "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Schema;

    const TYPES: [&str; 7] = [
        "string", "integer", "number", "boolean", "object", "array", "null",
    ];

    fn values() -> Vec<Value> {
        vec![
            json!(null),
            json!(true),
            json!(-1),
            json!(u64::MAX),
            json!(1.0),
            json!(0.5),
            json!(""),
            json!([]),
            json!({}),
        ]
    }

    #[test]
    fn plain_schema_compiles() {
        for default in values() {
            for name in TYPES {
                let input = json!({
                    "type": name, "default": default, "title": "t", "description": "$ref",
                    "deprecated": true, "sensitive": true,
                });
                let inputs = json!({
                    "type": "object", "properties": {"$ref": input, "b": {}}, "required": ["b"],
                    "additionalProperties": false,
                });
                let expect = !default.is_array() && !default.is_object();
                assert_eq!(is_plain(&inputs), expect, "{inputs}");
                assert!(Schema::compile_known(&inputs).is_ok(), "{inputs}");
            }
        }
    }

    #[test]
    fn schema_with_other_parts_is_not_plain() {
        let check = |inputs: Value| assert!(!is_plain(&inputs), "{inputs}");
        check(json!({"properties": {"a": {"pattern": "("}}}));
        check(json!({"properties": {"a": {"type": ["string", "null"]}}}));
        check(json!({"properties": {"a": {"type": "text"}}}));
        check(json!({"properties": {"a": {"items": {}}}}));
        check(json!({"required": ["a", "a"]}));
        check(json!({"required": [1]}));
        check(json!({"additionalProperties": {}}));
        check(json!({"allOf": []}));
        let many = (0..=INPUTS_MAX).map(|n| (n.to_string(), json!({})));
        check(json!({"properties": many.collect::<serde_json::Map<_, _>>()}));
    }

    #[test]
    fn value_that_fits_plainly_satisfies_the_schema() {
        for name in TYPES {
            let input = json!({"type": name, "description": "d"});
            let schema = Schema::compile_known(&input).expect("it is a schema");
            for value in values() {
                let n_violations = schema.violations(&value).len();
                if fits_plainly(&input, &value) {
                    assert_eq!(n_violations, 0, "{name} {value}");
                }
                // Only a whole number with a decimal point fits in another way.
                let is_special = name == "integer" && value == json!(1.0);
                assert!(fits_plainly(&input, &value) || n_violations > 0 || is_special);
            }
        }
        assert!(fits_plainly(&json!({}), &json!([1])));
        assert!(!fits_plainly(&json!({"minLength": 1}), &json!("a")));
    }
}
