//! JSON Schemas, which arguments and data must satisfy.

mod effort;

use std::collections::BTreeSet;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::types::JsonType;
use jsonschema::{FancyRegex, PatternOptions, Registry, ValidationError};
use sedge_model::violation::Violation;
use serde_json::{Value, json};

use self::effort::Effort;

/// The maximum number of violations that are reported for one value.
///
/// A guest chooses the schema and the value. Without this limit, they could make the host allocate
/// any amount of memory for messages.
const VIOLATIONS_MAX: usize = 20;

/// The maximum number of visits to parts of a value during its check: about a second of work.
///
/// A guest chooses the schema and the value, and a check cannot be interrupted.
const VISITS_MAX: u64 = 100_000_000;

/// The maximum number of backtracking steps of one match.
///
/// Only regular expressions with lookaround or backreferences backtrack.
const PATTERN_STEPS_MAX: usize = 10_000;

/// The maximum size of a compiled regular expression, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// The reason why a JSON value is not a usable JSON Schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SchemaError {
    /// What is wrong with the schema.
    pub message: String,
}

/// A compiled schema.
///
/// A schema that refers to another document with `$ref` does not compile, nor does a schema whose
/// check could take too long.
#[derive(Debug, Clone)]
pub struct Schema {
    effort: Effort,
    validator: jsonschema::Validator,
    /// Finds the values of fields that are marked as secrets; `None` if no field is marked.
    secrets: Option<jsonschema::Validator>,
}

/// The maximum number of secrets in one value.
///
/// A guest chooses the schema and the value, and each secret is sealed by itself.
pub const SECRETS_MAX: usize = 1_000;

/// A value has more than [`SECRETS_MAX`] secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has more than {SECRETS_MAX} sensitive fields")]
pub struct TooManySecrets;

/// The key by which a schema marks a field that holds a secret.
const SENSITIVE: &str = "sensitive";

/// The keyword `"sensitive": true`. Every value but null violates it, so that the violations are
/// the places of the secrets.
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

/// The keyword `"sensitive": false`, which every value satisfies.
struct Plain;

impl<'i> jsonschema::Keyword<'i> for Plain {
    fn validate(&self, _: &'i Value) -> Result<(), jsonschema::ValidationError<'i>> {
        Ok(())
    }

    fn is_valid(&self, _: &'i Value) -> bool {
        true
    }
}

/// The URI by which [`Schema::compile_known`] refers to a schema that was compiled before.
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
    /// The library compiles the meta-schema of the draft and checks the schema against it. For the
    /// draft that most schemas use, this takes longer than the rest of a short command. But the
    /// library does not check schemas that are the target of a reference. So this function compiles
    /// a schema that consists of a reference to the known one, in the draft with the shortest
    /// meta-schema.
    ///
    /// # Errors
    /// The schema was not compiled before, and refers to another document or is too much work.
    pub fn compile_known(schema: &Value) -> Result<Self, SchemaError> {
        let registry = Registry::new().add(KNOWN, schema);
        let registry = registry.and_then(|it| it.prepare());
        let reference =
            json!({"$schema": "http://json-schema.org/draft-04/schema#", "$ref": KNOWN});
        // Some valid schemas cannot be the target of a reference, because their `$id` is relative.
        match registry {
            Ok(registry) => Self::compile_from(schema, &reference, Some(&registry)),
            Err(_) => Self::compile(schema),
        }
        .or_else(|_| Self::compile(schema))
    }

    /// Compiles `root`, which is the schema itself or a reference to it.
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

    /// Returns the places of secrets in a value, according to the schema. No place is below another
    /// one. Secrets that are null are left out.
    ///
    /// If a schema can be met in several ways of which one marks a secret, the value as a whole is
    /// a place unless another way is met. A value that violates the schema may have more places
    /// than the schema marks, but not fewer.
    ///
    /// # Errors
    /// There are more than [`SECRETS_MAX`].
    pub fn secrets(&self, value: &Value) -> Result<Vec<String>, TooManySecrets> {
        let Some(secrets) = &self.secrets else {
            return Ok(Vec::new());
        };
        // The check cannot be interrupted, so a value that takes too long is one secret.
        if self.effort.n_visits(value) > VISITS_MAX {
            return Ok(vec![String::new()]);
        }
        // The other violations of an invalid value are no secrets.
        let others: BTreeSet<String> = self
            .validator
            .iter_errors(value)
            .filter(|error| !has_branches(error.kind()))
            .map(|error| error.instance_path().to_string())
            .take(SECRETS_MAX)
            .collect();
        let mut places = BTreeSet::new();
        for error in secrets.iter_errors(value) {
            let place = error.instance_path().to_string();
            let kind = error.kind();
            if is_mark(kind)
                || has_branches(kind)
                || !(is_left_over(kind) || others.contains(&place))
            {
                places.insert(place);
            }
            if places.len() > SECRETS_MAX {
                return Err(TooManySecrets);
            }
        }
        let is_below = |place: &str, other: &str| {
            place
                .strip_prefix(other)
                .is_some_and(|it| it.starts_with('/'))
        };
        let outermost = places.iter().filter(|place| {
            let mut others = places.iter();
            !others.any(|other| is_below(place, other))
        });
        Ok(outermost.cloned().collect())
    }

    /// Returns the places at which `value` violates the schema, at most twenty. The list is empty
    /// if the value is valid.
    #[must_use]
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        self.violations_with(value, |error| {
            let words = words_of_kind(error.kind()).unwrap_or_else(|| error.to_string());
            if matches!(error.kind(), ValidationErrorKind::Type { .. }) {
                format!("{words}; `{}` was given", error.instance())
            } else {
                words
            }
        })
    }

    /// Returns the same as [`Schema::violations`], with messages that say `it` instead of the
    /// value.
    #[must_use]
    pub(crate) fn violations_of_it(&self, value: &Value) -> Vec<Violation> {
        self.violations_with(value, |error| {
            words_of_kind(error.kind()).unwrap_or_else(|| error.masked_with("it").to_string())
        })
    }

    /// Returns the same as [`Schema::violations`], with a violation of its own for each key that
    /// the schema does not know. The path of such a violation is that of the object, and the key
    /// is returned with it.
    #[must_use]
    pub(crate) fn violations_by_key(&self, value: &Value) -> Vec<(Violation, Option<String>)> {
        if self.effort.n_visits(value) > VISITS_MAX {
            return vec![(too_large(), None)];
        }
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for error in self.validator.iter_errors(value).take(VIOLATIONS_MAX) {
            let path = error.instance_path().to_string();
            let unknown = unknown_keys(error.kind());
            if unknown.is_empty() {
                let message = words_of_kind(error.kind()).unwrap_or_else(|| error.to_string());
                found.push((Violation { path, message }, None));
                continue;
            }
            for key in unknown.iter().take(VIOLATIONS_MAX) {
                let violation = Violation {
                    path: path.clone(),
                    message: format!("there is no `{key}`"),
                };
                found.push((violation, Some(key.clone())));
            }
        }
        found
    }

    fn violations_with(
        &self,
        value: &Value,
        message: impl Fn(&jsonschema::ValidationError<'_>) -> String,
    ) -> Vec<Violation> {
        if self.effort.n_visits(value) > VISITS_MAX {
            return vec![too_large()];
        }
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        self.validator
            .iter_errors(value)
            .take(VIOLATIONS_MAX)
            .map(|error| Violation {
                path: error.instance_path().to_string(),
                message: message(&error),
            })
            .collect()
    }
}

/// Returns the violation of a value whose check would take too long.
fn too_large() -> Violation {
    Violation {
        path: String::new(),
        message: "it is too large or too deeply nested to be checked against this schema"
            .to_owned(),
    }
}

/// Returns the keys that a violation says the schema does not know.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library has 40 kinds of violation"
)]
fn unknown_keys(kind: &ValidationErrorKind) -> &[String] {
    match kind {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected,
        _ => &[],
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

/// The maximum number of alternatives that a message names. The author of a schema chooses how many
/// there are.
const ALTERNATIVES_MAX: usize = 8;

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
            ValidationErrorKind::Type { kind } if is_null(kind) => continue,
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

fn is_null(kind: &TypeKind) -> bool {
    match kind {
        TypeKind::Single(only) => *only == JsonType::Null,
        TypeKind::Multiple(_) => false,
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

/// Returns whether a violation is that of the keyword `"sensitive": true`.
fn is_mark(kind: &ValidationErrorKind) -> bool {
    matches!(kind, ValidationErrorKind::Custom { .. })
}

/// Returns whether a violation says that none of several schemas is met. A secret in one of them
/// may be the reason.
fn has_branches(kind: &ValidationErrorKind) -> bool {
    matches!(
        kind,
        ValidationErrorKind::AnyOf { .. }
            | ValidationErrorKind::OneOfNotValid { .. }
            | ValidationErrorKind::OneOfMultipleValid { .. }
            | ValidationErrorKind::Not { .. }
    )
}

/// Returns whether a violation says that a part is covered by no schema. A part with a secret does
/// not count as covered, so this violation comes in addition to that of the secret.
fn is_left_over(kind: &ValidationErrorKind) -> bool {
    matches!(
        kind,
        ValidationErrorKind::UnevaluatedItems { .. }
            | ValidationErrorKind::UnevaluatedProperties { .. }
    )
}

fn patterns() -> PatternOptions<FancyRegex> {
    PatternOptions::fancy_regex()
        .backtrack_limit(PATTERN_STEPS_MAX)
        .size_limit(PATTERN_BYTES_MAX)
}

/// Returns whether any object in a schema has this key.
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
    fn violations_have_their_places() {
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
                "`target` is required, and was not given"
            ]
        );
    }

    #[test]
    fn alternatives_are_named_in_words() {
        let token = json!({"oneOf": [{"const": "bearer"}, {"type": "object"}]});
        let schema = json!({"properties": {"token": {"anyOf": [token, {"type": "null"}]}}});
        let schema = Schema::compile(&schema).expect("a schema");
        let found = schema.violations(&json!({"token": "basic"}));
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        let expect = "/token: it has to be \"bearer\", or it has to be a map";
        assert_eq!(found, [expect]);
    }

    #[test]
    fn wrong_type_is_named_in_words() {
        let check = |types: Value, value: Value, expect: &str| {
            let schema = Schema::compile(&json!({"type": types})).expect("a schema");
            let found = schema.violations(&value);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].message, expect);
        };
        check(
            json!(["null", "string"]),
            json!(5),
            "it has to be a text or null; `5` was given",
        );
        check(
            json!("integer"),
            json!("x"),
            "it has to be a whole number; `\"x\"` was given",
        );
        check(
            json!(["array", "object", "string"]),
            json!(null),
            "it has to be a text, a list or a map; `null` was given",
        );
    }

    #[test]
    fn remote_reference_does_not_compile() {
        Schema::compile(&json!({"$ref": "http://127.0.0.1:9/schema.json"})).expect_err("remote");
        Schema::compile(&json!({"type": 7})).expect_err("malformed");
    }

    /// A guest chooses the schema and the value, and the check cannot be interrupted.
    #[test]
    fn value_that_takes_too_long_to_check_is_refused() {
        let names: Vec<String> = (0..900).map(|n| format!("n{n}")).collect();
        let schema = Schema::compile(&json!({"items": {"not": {"enum": names}}}));
        let schema = schema.expect("a schema");
        assert_eq!(schema.violations(&json!(vec![1; 1000])), []);
        let violations = schema.violations(&json!(vec![1; 1_000_000]));
        assert!(violations[0].message.contains("too large"));
    }

    #[test]
    fn pattern_with_lookahead_has_a_limit_of_steps() {
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

    /// A subschema with many references is compiled only once, so the time does not grow
    /// exponentially.
    #[test]
    fn subschema_with_many_references_compiles_once() {
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

    /// Both ways of compiling a schema find the same violations and secrets.
    #[test]
    fn known_schema_gives_the_same_results() {
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
    fn secrets_are_found_where_the_schema_marks_them() {
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
            let secrets = schema.secrets(&value).expect("they are few");
            assert_eq!(secrets, expect, "{value}");
        };
        check(json!({"user": "ada", "hint": "x", "keys": [1, 2]}), &[]);
        check(json!({"password": null}), &[]);
        check(json!({"password": "x", "keys": [1]}), &["/password"]);
        check(json!({"keys": [1, "x"]}), &["/keys/1"]);
    }

    /// A resource that may violate its schema is stored nevertheless.
    #[test]
    fn secrets_of_an_invalid_value_are_found() {
        let schema = Schema::compile(&json!({
            "type": "object",
            "properties": {
                "n": {"type": "integer"},
                "password": {"type": "string", "sensitive": true},
                "login": {"sensitive": true, "properties": {"pin": {"sensitive": true}}},
            },
            "required": ["n"],
        }))
        .expect("a schema");
        let check = |value: Value, expect: &[&str]| {
            assert!(!schema.violations(&value).is_empty(), "{value}");
            let secrets = schema.secrets(&value).expect("they are few");
            assert_eq!(secrets, expect, "{value}");
        };
        check(json!({"n": "many", "password": "x"}), &["/password"]);
        check(json!({"password": "x"}), &["/password"]);
        check(json!({"n": "many"}), &[]);
        check(json!({"password": 7}), &["/password"]);
        check(json!({"login": {"pin": 1}}), &["/login"]);
    }

    #[test]
    fn secret_is_found_beside_unevaluated_properties() {
        let password = json!({"properties": {"password": {"type": "string", "sensitive": true}}});
        let schema = Schema::compile(&json!({
            "allOf": [password],
            "properties": {"user": {"type": "string"}},
            "unevaluatedProperties": false,
        }))
        .expect("a schema");
        let value = json!({"user": "ada", "password": "x"});
        assert!(schema.violations(&value).is_empty());
        assert_eq!(schema.secrets(&value), Ok(vec!["/password".to_owned()]));
    }

    #[test]
    fn many_secrets_are_found_and_too_many_refused() {
        let schema = json!({"items": {"sensitive": true}});
        let schema = Schema::compile(&schema).expect("a schema");
        let secrets = |n: usize| schema.secrets(&json!(vec!["x"; n])).map(|it| it.len());
        assert_eq!(secrets(SECRETS_MAX), Ok(SECRETS_MAX));
        assert_eq!(secrets(SECRETS_MAX + 1), Err(TooManySecrets));
    }
}
