//! Compares values with expected ones, which may have patterns.

use serde_json::Value;

/// Returns where a value differs from the expected one.
pub(crate) fn difference(found: &Value, expect: &Value) -> Option<String> {
    differs_at("", found, expect)
}

fn differs_at(place: &str, found: &Value, expect: &Value) -> Option<String> {
    match (found, expect) {
        (_, Value::String(pattern)) if is_pattern(pattern) => {
            (!fits(found, pattern)).then(|| format!("{place}: {found}, expected `{pattern}`"))
        }
        (Value::Array(found), Value::Array(expect)) if found.len() == expect.len() => {
            let mut pairs = found.iter().zip(expect).enumerate();
            pairs
                .find_map(|(n, (found, expect))| differs_at(&format!("{place}/{n}"), found, expect))
        }
        (Value::Object(found), Value::Object(expect)) if found.keys().eq(expect.keys()) => {
            let mut keys = found.keys();
            keys.find_map(|key| differs_at(&format!("{place}/{key}"), &found[key], &expect[key]))
        }
        _ => (found != expect).then(|| format!("{place}: {found}, expected {expect}")),
    }
}

fn is_pattern(text: &str) -> bool {
    text.starts_with('*') || text.starts_with("<=")
}

fn fits(found: &Value, pattern: &str) -> bool {
    if let Some(part) = pattern.strip_prefix('*') {
        return part.is_empty() || found.as_str().is_some_and(|it| it.contains(part));
    }
    let most = pattern.strip_prefix("<=").and_then(|it| it.parse().ok());
    let most: f64 = most.expect("a pattern names a number");
    found.as_f64().is_some_and(|it| it <= most)
}

/// Returns a copy with each `{name}` in its texts replaced by its value.
pub(crate) fn filled(value: &Value, names: &[(&str, String)]) -> Value {
    match value {
        Value::String(text) => Value::String(filled_text(text, names)),
        Value::Array(items) => items.iter().map(|it| filled(it, names)).collect(),
        Value::Object(entries) => {
            let entries = entries.iter();
            entries
                .map(|(key, it)| (key.clone(), filled(it, names)))
                .collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

pub(crate) fn filled_text(text: &str, names: &[(&str, String)]) -> String {
    names.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_fit_and_differ() {
        let check = |found: Value, expect: Value, is_same: bool| {
            let differs = difference(&found, &expect);
            assert_eq!(differs.is_none(), is_same, "{found} {expect}: {differs:?}");
        };
        check(json!({"a": [1, null]}), json!({"a": [1, null]}), true);
        check(json!({"a": [1, null]}), json!({"a": [1, "*"]}), true);
        check(json!({"a": 1}), json!({"a": 1, "b": "*"}), false);
        check(json!({"a": 1, "b": 2}), json!({"a": 1}), false);
        check(json!([1]), json!([1, 2]), false);
        check(json!("one two"), json!("*two"), true);
        check(json!("one two"), json!("*three"), false);
        check(json!(7), json!("<=7"), true);
        check(json!(8), json!("<=7"), false);
        check(json!("7"), json!("<=7"), false);
        check(json!(1), json!(1.5), false);
    }
}
