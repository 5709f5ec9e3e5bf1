//! Parsing of a guest's JSON.

use sedge_model::json::{numbers_check, syntax_words};
use serde_json::Value;

/// The maximum nesting depth of a guest's JSON.
///
/// The host stores such a value inside of others, a few levels deeper, and must be able to parse
/// all of it again. The parser's own limit is 128.
const DEPTH_MAX: usize = 100;

/// Parses a guest's text.
///
/// # Errors
/// The text is not JSON, nests too deeply, or contains a number that would be rounded. The error
/// is for the plugin's author.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let value = serde_json::from_str(text);
    let value = value.map_err(|error| format!("not JSON: {}", syntax_words(&error)))?;
    numbers_check(text).map_err(|error| error.to_string())?;
    if depth(&value) > DEPTH_MAX {
        return Err(format!("it nests more than {DEPTH_MAX} deep"));
    }
    Ok(value)
}

fn depth(value: &Value) -> usize {
    let deepest = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return 0,
    };
    1 + deepest.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_that_would_be_rounded_is_refused() {
        let error = parse("{\"a\": 12345678901234567890123}").expect_err("it has 74 bits");
        assert!(
            error.starts_with("`12345678901234567890123` is a whole number"),
            "{error}"
        );
        parse("{\"a\": \"12345678901234567890123\", \"b\": 1e30}").expect("exact");
    }

    #[test]
    fn text_that_is_not_json_is_refused_with_its_place() {
        let check = |text: &str, expect: &str| {
            assert_eq!(parse(text).expect_err(expect), expect, "{text}");
        };
        check("{", "not JSON: it ends before its value is complete");
        check(
            "{a: 1}",
            "not JSON: it cannot be read from line 1, column 2 on",
        );
        check(&"[".repeat(200), "not JSON: it nests too deeply");
    }

    #[test]
    fn json_that_nests_too_deeply_is_refused() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse("1").is_ok());
        assert!(parse(&nested(DEPTH_MAX)).is_ok());
        assert!(parse(&format!("{{\"a\":{}}}", nested(DEPTH_MAX - 1))).is_ok());
        for n in [DEPTH_MAX + 1, 127, 128, 100_000] {
            parse(&nested(n)).expect_err("too deep");
        }
    }
}
