//! Texts that the store parses: JSON and short texts.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::LazyLock;

use sedge_lang::query::{DataRow, Query};
use sedge_model::lifetime::{Keep, Lifetime, Span};
use sedge_store::stored_json_check;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The maximum nesting depth of content that a query can read.
const NESTING_MAX: usize = 100;

/// Parses `data` as each type that the store may contain.
///
/// # Panics
/// A parsed value is not parsed to the same value again after it was written, or a query shows
/// content that differs from the stored content.
pub fn stored_json(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    stored_json_check(&text);
    check_json::<Lifetime>(&text);
    check_json::<Keep>(&text);
    check_text::<Lifetime>(&text);
    check_text::<Keep>(&text);
    check_text::<Span>(&text);
    check_content(&text);
}

fn check_json<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) {
    let Ok(value) = serde_json::from_str::<T>(text) else {
        return;
    };
    let written = serde_json::to_string(&value).expect("it has a form in JSON");
    let again: T = serde_json::from_str(&written).expect("it was written so");
    assert_eq!(again, value, "{written}");
}

fn check_text<T: FromStr + Display + PartialEq + Debug>(text: &str)
where
    T::Err: Debug + Display,
{
    match text.parse::<T>() {
        Ok(value) => {
            assert_eq!(value.to_string(), text);
            let again: T = value.to_string().parse().expect("it was written so");
            assert_eq!(again, value);
        }
        Err(error) => assert!(error.to_string().len() < 1_000),
    }
}

fn check_content(text: &str) {
    static SHOW: LazyLock<Query> = LazyLock::new(|| parsed("true", Some("attributes")));
    static ASK: LazyLock<Query> = LazyLock::new(|| {
        parsed(
            "attributes.a.b[0] > 1 || attributes.a == 'x' || has(attributes.b.c) || \
                attributes.exists(k, attributes[k] == k) || size(attributes.l) * 1.5 > 3",
            Some("attributes.?a.orValue(attributes.l.map(it, [it, it]))"),
        )
    });
    let _ = evaluated(&ASK, text);
    let shown = evaluated(&SHOW, text);
    match serde_json::from_str::<Value>(text) {
        Ok(value) if nesting(&value) <= NESTING_MAX => assert_eq!(shown, Some(value)),
        Ok(_) | Err(_) => assert_eq!(shown, None),
    }
}

fn parsed(predicate: &str, select: Option<&str>) -> Query {
    Query::parse(predicate, select, 0).expect("it is valid")
}

fn evaluated(query: &Query, content: &str) -> Option<Value> {
    let tags = BTreeMap::new();
    let row = DataRow {
        model: "m",
        name: "n",
        kind: "resource",
        spec: "s",
        type_name: "@a/b",
        version: 1,
        is_latest: true,
        media_type: "application/json",
        size: content.len() as u64,
        digest: "d",
        tags: &tags,
        lifetime: "infinite",
        created_at_ms: 0,
        run: "r",
        job: None,
        step: None,
        call: "r/1",
        method: "run",
        plugin: "p",
        definition: "d",
        environment: &[],
        workflow: None,
        content: Some(content),
    };
    Some(query.evaluate(&row).ok()??.value)
}

fn nesting(value: &Value) -> usize {
    let below = |deepest: Option<usize>| 1 + deepest.unwrap_or(0);
    match value {
        Value::Array(items) => below(items.iter().map(nesting).max()),
        Value::Object(members) => below(members.values().map(nesting).max()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}
