//! Reads arguments from the text of a command line, and converts them to the types of a schema.

use sedge_model::json::{self, JsonError};
use serde_json::{Number, Value};

/// The maximum number of references that are followed from one part of a schema.
///
/// The plugin author writes the schema. Without a limit, two references to each other would be
/// followed forever.
const REFERENCES_MAX: usize = 16;

/// Whole numbers from `-EXACT_MAX` to `EXACT_MAX` are exact as floating point numbers.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Returns the value of an argument that was given as text, `--input count=3`.
///
/// `path` leads to the argument: `["server", "port"]` is the member `port` of the argument
/// `server`.
///
/// If the schema allows only text, the value is the text unchanged, quotes included. Otherwise the
/// text is parsed as JSON; a whole number may be written `2.0` or `1e3`. Text that is not JSON
/// stays text.
///
/// # Errors
/// Parsing would lose information: a key is given twice, or a whole number has more than 64 bits.
pub fn argument_from_text(schema: &Value, path: &[&str], text: &str) -> Result<Value, JsonError> {
    let part = path
        .iter()
        .fold(schema, |part, key| member_schema(schema, part, key));
    value_from_text(&types(schema, part), text)
}

/// Returns the value that a text stands for where a schema allows the types `types`.
fn value_from_text(types: &[&str], text: &str) -> Result<Value, JsonError> {
    let as_text = || Value::String(text.to_owned());
    let wants = |kind: &str| types.contains(&kind);
    if *types == ["string"] {
        return Ok(as_text());
    }
    let whole = whole_number(text.trim()).filter(|_| wants("integer"));
    let value = match whole.map_or_else(|| json::parse(text), |number| number.map(Value::Number)) {
        Ok(value) => value,
        Err(JsonError::Syntax(_)) => return Ok(as_text()),
        // The schema also allows text, which loses nothing.
        Err(_) if wants("string") => return Ok(as_text()),
        Err(error) => return Err(error),
    };
    let is_whole = value.is_i64() || value.is_u64();
    if is_whole && wants("integer") {
        return Ok(value);
    }
    let is_wanted = wants(json_type(&value)) && !value.is_string();
    if wants("string") && !is_wanted {
        return Ok(as_text());
    }
    Ok(value)
}

/// Returns the schema of a member of an object with the schema `part`. The schema is null if
/// `part` says nothing about the member.
pub(crate) fn member_schema<'s>(root: &'s Value, part: &'s Value, key: &str) -> &'s Value {
    let part = resolved(root, part);
    let property = part["properties"].get(key);
    property.unwrap_or(&part["additionalProperties"])
}

/// Returns the names of the members of an object that a schema describes.
pub(crate) fn member_names(schema: &Value) -> impl Iterator<Item = &str> {
    let properties = resolved(schema, schema)["properties"].as_object();
    properties
        .into_iter()
        .flat_map(|it| it.keys().map(String::as_str))
}

/// Returns whether a schema says explicitly that an object has members which it does not name.
pub(crate) fn is_open(schema: &Value) -> bool {
    let more = &resolved(schema, schema)["additionalProperties"];
    more.is_object() || *more == Value::Bool(true)
}

/// Converts numbers such as `2.0` to whole numbers where the schema allows only whole numbers,
/// because guests parse them as such.
pub fn whole_numbers(root: &Value, schema: &Value, value: &mut Value) {
    leaves(root, schema, value, &|types, leaf| {
        if let Value::Number(number) = leaf
            && types.contains(&"integer")
            && !types.contains(&"number")
            && let Some(whole) = number.as_f64().filter(|_| number.is_f64()).and_then(exact)
        {
            *number = whole.into();
        }
    });
}

/// Converts texts to the types that a schema requires, where it does not allow text: `"3"` becomes
/// `3`. A text that is no value of such a type stays, and violates the schema.
pub fn texts_converted(root: &Value, schema: &Value, value: &mut Value) {
    leaves(root, schema, value, &|types, leaf| {
        let Value::String(text) = &*leaf else {
            return;
        };
        if types.is_empty() || types.contains(&"string") {
            return;
        }
        let is_wanted = |value: &Value| {
            let is_whole = value.is_i64() || value.is_u64();
            types.contains(&json_type(value)) || is_whole && types.contains(&"integer")
        };
        // ignored: the violation of the schema says more than why the text was not converted.
        if let Some(value) = value_from_text(types, text).ok().filter(is_wanted) {
            *leaf = value;
        }
    });
}

/// Calls `convert` for every value that has no parts, with the types that the schema allows there.
fn leaves(root: &Value, schema: &Value, value: &mut Value, convert: &dyn Fn(&[&str], &mut Value)) {
    let schema = resolved(root, schema);
    match value {
        Value::Number(_) | Value::String(_) => {
            convert(&types(root, schema), value);
            // A text may have become a list or a map.
            if value.is_array() || value.is_object() {
                leaves(root, schema, value, convert);
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| leaves(root, &schema["items"], item, convert)),
        Value::Object(members) => {
            for (key, member) in members {
                leaves(root, member_schema(root, schema, key), member, convert);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// Returns the types that a part of a schema allows. The list is empty if the part does not
/// restrict the type.
fn types<'s>(root: &'s Value, schema: &'s Value) -> Vec<&'s str> {
    let schema = resolved(root, schema);
    let mut types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    if !types.is_empty() {
        return types;
    }
    types_of_values(schema, &mut types);
    for key in ["anyOf", "oneOf"] {
        for one in schema[key].as_array().into_iter().flatten() {
            let one = resolved(root, one);
            match &one["type"] {
                Value::String(kind) => types.push(kind),
                Value::Array(kinds) => types.extend(kinds.iter().filter_map(Value::as_str)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                    types_of_values(one, &mut types);
                }
            }
        }
    }
    types.sort_unstable();
    types.dedup();
    types
}

/// Adds the types of the values that a part of a schema lists (`enum` and `const`).
fn types_of_values(schema: &Value, types: &mut Vec<&str>) {
    let values = schema["enum"].as_array().into_iter().flatten();
    for value in schema.get("const").into_iter().chain(values) {
        types.push(json_type(value));
    }
}

/// Follows the references of a part of a schema within the schema.
fn resolved<'s>(root: &'s Value, mut schema: &'s Value) -> &'s Value {
    for _ in 0..REFERENCES_MAX {
        let reference = schema["$ref"].as_str();
        let pointer = reference.and_then(|it| it.strip_prefix('#'));
        match pointer.and_then(|pointer| root.pointer(pointer)) {
            Some(found) => schema = found,
            None => return schema,
        }
    }
    schema
}

/// Returns the whole number that a text contains, perhaps with a point or an exponent. Returns
/// `None` if the text is not a whole number.
fn whole_number(text: &str) -> Option<Result<Number, JsonError>> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || whole.len() > 1 && whole.starts_with('0') {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(Ok(0.into()));
    }
    // The number of digits before the point after the exponent has moved it.
    let n_zeros = i64::from(exponent) - i64::try_from(fraction.len()).ok()?;
    let too_large = || JsonError::Rounded(text.to_owned());
    if n_zeros < 0 {
        // `120e-1` is a whole number, `12e-1` is not.
        let n_cut = usize::try_from(-n_zeros).ok()?;
        let (kept, cut) = digits.split_at_checked(digits.len().checked_sub(n_cut)?)?;
        if cut.bytes().any(|byte| byte != b'0') {
            return None;
        }
        return Some(number(&format!("{sign}{kept}")).ok_or_else(too_large));
    }
    if n_zeros > 20 {
        return Some(Err(too_large()));
    }
    let zeros = "0".repeat(usize::try_from(n_zeros).ok()?);
    Some(number(&format!("{sign}{digits}{zeros}")).ok_or_else(too_large))
}

fn number(digits: &str) -> Option<Number> {
    let signed = digits.parse::<i64>().map(Number::from);
    signed
        .or_else(|_| digits.parse::<u64>().map(Number::from))
        .ok()
}

/// Returns a floating point number as a whole number if the conversion is exact.
fn exact(number: f64) -> Option<i64> {
    let is_whole = number.fract() == 0.0 && number.abs() <= EXACT_MAX;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is whole and within the bounds"
    )]
    let whole = number as i64;
    is_whole.then_some(whole)
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "properties": {
                "name": {"type": "string"},
                "note": {"type": ["string", "null"]},
                "count": {"type": "integer"},
                "maybe": {"type": ["integer", "null"]},
                "ratio": {"type": "number"},
                "either": {"anyOf": [{"$ref": "#/$defs/word"}, {"type": "integer"}]},
                "word": {"$ref": "#/$defs/word"},
                "mode": {"enum": ["a", "1"]},
                "list": {"type": "array", "items": {"type": "integer"}},
                "loop": {"$ref": "#/properties/loop"},
            },
            "$defs": {"word": {"type": "string"}},
        })
    }

    #[test]
    fn text_argument_is_converted_to_the_type_of_the_schema() {
        let schema = schema();
        let check = |name: &str, text: &str, expect: Value| {
            let value = argument_from_text(&schema, &[name], text);
            assert_eq!(value, Ok(expect), "{name}={text}");
        };
        for name in ["name", "note", "word", "mode", "either"] {
            check(name, "\"W/quoted\"", json!("\"W/quoted\""));
            check(name, "[1", json!("[1"));
        }
        for name in ["name", "note", "word", "mode"] {
            check(name, "12", json!("12"));
            check(name, "{\"a\": 1, \"a\": 2}", json!("{\"a\": 1, \"a\": 2}"));
            check(
                name,
                "12345678901234567890123",
                json!("12345678901234567890123"),
            );
        }
        check("note", "null", json!(null));
        check("name", "null", json!("null"));
        check("either", "12", json!(12));
        check("count", "abc", json!("abc"));
        check("count", "true", json!(true));
        check("count", "2.5", json!(2.5));
        check("count", "012", json!("012"));
        check("maybe", "null", json!(null));
        check("ratio", "2.0", json!(2.0));
        check("other", "[1]", json!([1]));
        check("other", "x=y", json!("x=y"));
        check("loop", "7", json!(7));
    }

    #[test]
    fn whole_number_is_exact_or_refused() {
        let schema = schema();
        let check = |text: &str, expect: Value| {
            for name in ["count", "maybe", "either"] {
                assert_eq!(
                    argument_from_text(&schema, &[name], text),
                    Ok(expect.clone()),
                    "{name}={text}"
                );
            }
        };
        check("2.0", json!(2));
        check("1e3", json!(1000));
        check("1.25E2", json!(125));
        check("120e-1", json!(12));
        check("-0.0", json!(0));
        check("-2.000", json!(-2));
        check("9007199254740993.0", json!(9_007_199_254_740_993_u64));
        check("1e18", json!(1_000_000_000_000_000_000_u64));
        check("18446744073709551615", json!(u64::MAX));
        check("-9223372036854775808", json!(i64::MIN));
        for text in [
            "18446744073709551616",
            "1e20",
            "1e400",
            "-9223372036854775809",
            "1e2000000000",
        ] {
            let error = argument_from_text(&schema, &["count"], text).expect_err(text);
            assert_eq!(error, JsonError::Rounded(text.to_owned()));
        }
        for (name, text) in [
            ("ratio", "12345678901234567890123"),
            ("other", "[12345678901234567890123]"),
            ("list", "[1, 12345678901234567890123]"),
        ] {
            argument_from_text(&schema, &[name], text).expect_err(text);
        }
        let twice = argument_from_text(&schema, &["other"], "{\"a\": 1, \"a\": 2}");
        assert_eq!(twice, Err(JsonError::KeyTwice("a".to_owned())));
    }

    #[test]
    fn number_becomes_whole_where_the_schema_requires_it() {
        let schema = schema();
        let mut value = json!({
            "count": 2.0, "maybe": 3.0, "ratio": 2.0, "list": [1.0, 2, 2.5], "other": 2.0, "name": "x"
        });
        whole_numbers(&schema, &schema, &mut value);
        let expect = json!({
            "count": 2, "maybe": 3, "ratio": 2.0, "list": [1, 2, 2.5], "other": 2.0, "name": "x"
        });
        assert_eq!(value.to_string(), expect.to_string());
    }

    #[test]
    fn text_of_a_member_is_converted_to_the_type_of_the_member() {
        let schema = json!({
            "properties": {
                "server": {
                    "properties": {"port": {"type": "integer"}, "name": {"type": "string"}},
                    "additionalProperties": {"type": "boolean"},
                },
            },
        });
        let check = |path: &[&str], text: &str, expect: Value| {
            assert_eq!(argument_from_text(&schema, path, text), Ok(expect));
        };
        check(&["server", "port"], "80", json!(80));
        check(&["server", "name"], "80", json!("80"));
        check(&["server", "secure"], "true", json!(true));
        check(&["server", "port", "deep"], "80", json!(80));
    }

    #[test]
    fn text_is_converted_where_the_schema_does_not_allow_text() {
        let schema = schema();
        let check = |mut value: Value, expect: Value| {
            texts_converted(&schema, &schema, &mut value);
            assert_eq!(value, expect);
        };
        check(
            json!({"count": "3", "list": ["1", 2, "x"]}),
            json!({"count": 3, "list": [1, 2, "x"]}),
        );
        check(json!({"count": "1e3"}), json!({"count": 1000}));
        check(json!({"count": "true"}), json!({"count": "true"}));
        check(json!({"list": "[1, \"2\"]"}), json!({"list": [1, 2]}));
        check(json!({"ratio": "2.5"}), json!({"ratio": 2.5}));
        check(
            json!({"name": "3", "note": "4", "either": "5", "other": "6"}),
            json!({"name": "3", "note": "4", "either": "5", "other": "6"}),
        );
    }
}
