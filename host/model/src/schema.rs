//! JSON Schemas: what arguments and data must look like.

mod effort;

use std::fmt;

use jsonschema::{FancyRegex, PatternOptions, Registry};
use serde_json::{Value, json};

use self::effort::Effort;

/// The most violations that are reported of one value: enough to act on, and a bound on
/// what a guest's schema and a guest's value can make the host allocate.
const VIOLATIONS_MAX: usize = 20;

/// The most looks at parts that the check of one value may take: about a second of work. The
/// schema and the value are a guest's, and a check that has begun is not stopped.
const LOOKS_MAX: u64 = 100_000_000;

/// How far back a regular expression may go that looks ahead or refers back, in steps. Those that
/// do neither never go back.
const PATTERN_STEPS_MAX: usize = 10_000;

/// The most bytes that a regular expression compiles to.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// One place where a value does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// A JSON Pointer (RFC 6901) into the value; empty for the value itself.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// A text is no usable JSON Schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SchemaError {
    /// What is wrong with it.
    pub message: String,
}

/// A compiled schema. It refers to nothing outside of itself: a remote `$ref` does not compile.
/// Nor does one whose check of a
/// value has no end in sight.
#[derive(Debug, Clone)]
pub struct Schema {
    effort: Effort,
    validator: jsonschema::Validator,
    /// Finds values of fields that are marked as secrets; none where no field is.
    secrets: Option<jsonschema::Validator>,
}

/// The key by which a schema marks a field that holds a secret.
const SENSITIVE: &str = "sensitive";

/// A keyword that every value but null violates: what is under it is a secret.
struct Sensitive;

impl<'i> jsonschema::Keyword<'i> for Sensitive {
    fn validate(&self, instance: &'i Value) -> Result<(), jsonschema::ValidationError<'i>> {
        if self.is_valid(instance) {
            return Ok(());
        }
        let message = "it is marked as sensitive";
        Err(jsonschema::ValidationError::custom(message))
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        instance.is_null()
    }
}

/// What `"sensitive": false` says.
struct Plain;

impl<'i> jsonschema::Keyword<'i> for Plain {
    fn validate(&self, _: &'i Value) -> Result<(), jsonschema::ValidationError<'i>> {
        Ok(())
    }

    fn is_valid(&self, _: &'i Value) -> bool {
        true
    }
}

/// The name under which a schema that was compiled before is referred to.
const KNOWN: &str = "sedge:known";

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// The schema is malformed, refers to another document, or is too much work to check.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        Self::compile_from(schema, schema, None)
    }

    /// Compiles a schema that [`Schema::compile`] compiled before, perhaps in another process.
    ///
    /// The library compares all that it is given with the meta-schema of its draft, and compiles
    /// that first. For the draft that most schemas are of, this takes longer than all else that a
    /// short command does. What a schema refers to is not compared again. So the library
    /// is given a reference, of the draft with the shortest meta-schema, to what is known to be good.
    ///
    /// # Errors
    /// The schema was not compiled before, and refers to another document or is too much work.
    pub fn compile_known(schema: &Value) -> Result<Self, SchemaError> {
        let registry = Registry::new().add(KNOWN, schema);
        let registry = registry.and_then(|it| it.prepare());
        let reference =
            json!({"$schema": "http://json-schema.org/draft-04/schema#", "$ref": KNOWN});
        // Not every good schema can be referred to: its own name may be a relative one.
        match registry {
            Ok(registry) => Self::compile_from(schema, &reference, Some(&registry)),
            Err(_) => Self::compile(schema),
        }
        .or_else(|_| Self::compile(schema))
    }

    /// Compiles `root`, which is the schema or refers to it.
    fn compile_from(
        schema: &Value,
        root: &Value,
        registry: Option<&Registry<'_>>,
    ) -> Result<Self, SchemaError> {
        let wrong = |error: jsonschema::ValidationError<'_>| SchemaError {
            message: error.to_string(),
        };
        let effort = Effort::of(schema).map_err(|message| SchemaError { message })?;
        let options = || {
            let options = jsonschema::options().with_pattern_options(patterns());
            match registry {
                Some(registry) => options.with_registry(registry),
                None => options,
            }
        };
        let validator = options().build(root).map_err(wrong)?;
        let secrets = if mentions(schema, SENSITIVE) {
            let options = options().with_keyword(SENSITIVE, |_, value, _| {
                if *value == Value::Bool(true) {
                    Ok(Box::new(Sensitive))
                } else {
                    Ok(Box::new(Plain))
                }
            });
            Some(options.build(root).map_err(wrong)?)
        } else {
            None
        };
        Ok(Self {
            effort,
            validator,
            secrets,
        })
    }

    /// Returns the places in a value that fits where the schema marks a secret; empty where
    /// there are none, or they are null.
    #[must_use]
    pub fn secrets(&self, value: &Value) -> Vec<String> {
        let Some(secrets) = &self.secrets else {
            return Vec::new();
        };
        let places = secrets.iter_errors(value).take(VIOLATIONS_MAX);
        places
            .map(|error| error.instance_path().to_string())
            .collect()
    }

    /// Returns where `value` does not fit, at most twenty places; empty when it fits.
    #[must_use]
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        if self.effort.looks(value) > LOOKS_MAX {
            return vec![Violation {
                path: String::new(),
                message: "it is too large, or too deep, to be checked against such a schema"
                    .to_owned(),
            }];
        }
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        self.validator
            .iter_errors(value)
            .take(VIOLATIONS_MAX)
            .map(|error| Violation {
                path: error.instance_path().to_string(),
                message: error.to_string(),
            })
            .collect()
    }
}

fn patterns() -> PatternOptions<FancyRegex> {
    PatternOptions::fancy_regex()
        .backtrack_limit(PATTERN_STEPS_MAX)
        .size_limit(PATTERN_BYTES_MAX)
}

/// Returns whether an object anywhere in a schema has this key.
fn mentions(schema: &Value, key: &str) -> bool {
    match schema {
        Value::Object(object) => {
            object.contains_key(key) || object.values().any(|inner| mentions(inner, key))
        }
        Value::Array(array) => array.iter().any(|inner| mentions(inner, key)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    #[test]
    fn every_violation_has_its_place() {
        let schema = Schema::compile(&json!({
            "type": "object",
            "properties": {"count": {"type": "integer", "maximum": 10}, "target": {"type": "string"}},
            "required": ["target"],
            "additionalProperties": false,
        }))
        .expect("a schema");
        assert_eq!(
            schema.violations(&json!({"target": 1, "count": 3})).len(),
            1
        );
        let shown: Vec<String> = schema
            .violations(&json!({"count": 11}))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            shown,
            [
                "/count: 11 is greater than the maximum of 10",
                "\"target\" is a required property"
            ]
        );
    }

    #[test]
    fn a_remote_reference_does_not_compile() {
        Schema::compile(&json!({"$ref": "http://127.0.0.1:9/schema.json"})).expect_err("remote");
        Schema::compile(&json!({"type": 7})).expect_err("malformed");
    }

    /// Both are a guest's, and nobody can stop the check.
    #[test]
    fn a_value_that_is_too_much_work_is_refused() {
        let names: Vec<String> = (0..900).map(|n| format!("n{n}")).collect();
        let schema = Schema::compile(&json!({"items": {"not": {"enum": names}}}));
        let schema = schema.expect("a schema");
        assert_eq!(schema.violations(&json!(vec![1; 1000])), []);
        let violations = schema.violations(&json!(vec![1; 1_000_000]));
        assert!(violations[0].message.contains("too large"));
    }

    #[test]
    fn a_pattern_may_look_ahead_but_not_for_ever() {
        let email = r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$";
        let schema = Schema::compile(&json!({"pattern": email})).expect("a schema");
        assert_eq!(
            schema.violations(&json!("ada.lovelace@mail.example.com")),
            []
        );
        assert_eq!(
            schema
                .violations(&json!("ada..lovelace@mail.example.com"))
                .len(),
            1
        );
        let schema = Schema::compile(&json!({"pattern": r"^(?=(a|a)*b)(a|a)*c\1$"}));
        let schema = schema.expect("a schema");
        assert_eq!(schema.violations(&json!("a".repeat(10_000))).len(), 1);
        Schema::compile(&json!({"pattern": r"((\w{1,100}){1,100}){1,100}"})).expect_err("huge");
    }

    /// A subschema that many refer to is compiled for none of them anew.
    #[test]
    fn what_is_referred_to_often_compiles_once() {
        let mut defs = Map::new();
        for n in 0..60 {
            let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
            defs.insert(
                format!("d{n}"),
                json!({"properties": {"a": next, "b": next}}),
            );
        }
        defs.insert("d60".to_owned(), json!({"type": "integer"}));
        let schema = json!({"$ref": "#/$defs/d0", "$defs": defs});
        let schema = Schema::compile(&schema).expect("a schema");
        assert_eq!(schema.violations(&json!({"a": {"b": {"a": {}}}})), []);
    }

    /// What is compiled again says the same of each value.
    #[test]
    fn a_known_schema_judges_as_when_it_was_new() {
        let schemas = [
            json!(true),
            json!(false),
            json!({}),
            json!({"type": "object", "title": "None", "additionalProperties": false}),
            json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
                "properties": {"a": {"type": ["string", "null"], "maxLength": 2}}, "required": ["a"]}),
            json!({"$schema": "http://json-schema.org/draft-07/schema#",
                "definitions": {"d": {"type": "string"}}, "properties": {"a": {"$ref": "#/definitions/d"}}}),
            json!({"$schema": "http://json-schema.org/draft-04/schema#", "maximum": 3, "exclusiveMaximum": true}),
            json!({"$schema": "http://json-schema.org/draft-07/schema#", "format": "ipv4"}),
            json!({"format": "ipv4"}),
            json!({"$id": "https://example.com/a/", "$defs": {"d": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/d"}}}),
            json!({"$id": "relative", "properties": {"a": {"$ref": "#"}}, "maxProperties": 1}),
            json!({"$id": "sedge:known", "type": "string"}),
            json!({"properties": {"a": {"$ref": "#"}}, "unevaluatedProperties": false}),
            json!({"items": {"$ref": "#/$defs/e"}, "$defs": {"e": {"enum": [1, "a"], "sensitive": true}}}),
            json!({"anyOf": [{"pattern": "^a"}, {"const": {"a": 1}}], "not": {"type": "array"}}),
            json!({"pattern": r"^(?=(a|a)*b)(a|a)*c\1$"}),
        ];
        let values = [
            json!(null),
            json!("a"),
            json!("b"),
            json!("127.0.0.1"),
            json!(3),
            json!(2),
            json!([]),
            json!([1, 2]),
            json!({}),
            json!({"a": 1}),
            json!({"a": "bcd"}),
            json!({"a": {"a": {}}}),
            json!({"a": {}, "b": 1}),
            json!({"a": {"a": 1, "b": 2}}),
            json!("a".repeat(10_000)),
        ];
        let mut n_violations = 0;
        for schema in &schemas {
            let new = Schema::compile(schema).expect("a schema");
            let known = Schema::compile_known(schema).expect("a schema");
            for value in &values {
                let violations = new.violations(value);
                n_violations += violations.len();
                assert_eq!(known.violations(value), violations, "{schema} {value}");
                assert_eq!(known.secrets(value), new.secrets(value), "{schema} {value}");
            }
        }
        assert!(n_violations > 50, "{n_violations}");
        Schema::compile_known(&json!({"$ref": "http://127.0.0.1:9/x"})).expect_err("remote");
    }

    #[test]
    fn a_secret_is_found_wherever_the_schema_marks_one() {
        let schema = Schema::compile(&json!({
            "properties": {
                "user": {"type": "string"},
                "password": {"type": ["string", "null"], "sensitive": true},
                "hint": {"type": "string", "sensitive": false},
                "keys": {"items": {"$ref": "#/$defs/key"}},
            },
            "$defs": {"key": {"anyOf": [{"type": "integer"}, {"type": "string", "sensitive": true}]}},
        }))
        .expect("a schema");
        let check = |value: Value, expect: &[&str]| {
            assert!(schema.violations(&value).is_empty(), "{value}");
            assert_eq!(schema.secrets(&value), expect, "{value}");
        };
        check(json!({"user": "ada", "hint": "x", "keys": [1, 2]}), &[]);
        check(json!({"password": null}), &[]);
        check(json!({"password": "x", "keys": [1]}), &["/password"]);
        check(json!({"keys": [1, "x"]}), &["/keys/1"]);
    }
}
