//! JSON that a guest hands over.

use serde_json::Value;

/// The most arrays and objects that a guest's JSON may nest.
///
/// The host keeps such a value inside others, a few levels deeper, and has to read all of
/// it back: the parser itself gives up at 128.
const DEPTH_MAX: usize = 100;

/// Parses a guest's text.
///
/// # Errors
/// What is wrong with it, for its author.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    sedge_model::json::numbers_check(text).map_err(|error| error.to_string())?;
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
    fn a_number_that_would_be_rounded_is_refused() {
        let error = parse("{\"a\": 12345678901234567890123}").expect_err("it has 74 bits");
        assert!(
            error.starts_with("`12345678901234567890123` is a whole number"),
            "{error}"
        );
        parse("{\"a\": \"12345678901234567890123\", \"b\": 1e30}").expect("exact");
    }

    #[test]
    fn a_text_may_nest_so_deep_and_no_deeper() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse("1").is_ok());
        assert!(parse(&nested(DEPTH_MAX)).is_ok());
        assert!(parse(&format!("{{\"a\":{}}}", nested(DEPTH_MAX - 1))).is_ok());
        for n in [DEPTH_MAX + 1, 127, 128, 100_000] {
            parse(&nested(n)).expect_err("too deep");
        }
    }
}
