//! Predicates, selections and rows.

use std::collections::BTreeMap;

use sedge_lang::query::{DataRow, Query, QueryError, RowFaults};
use serde_json::Value;

/// The separator of the predicate, the selection and the row.
const BETWEEN: &str = "\n---\n";

/// The time at which queries are evaluated, in milliseconds since 1970.
const NOW_MS: u64 = 1_795_687_200_000;

/// Compiles the first part of `data` as a predicate and the second part, unless it is empty, as
/// the selection. Evaluates both for the third part: a row as a JSON object, or else the content
/// of a row.
///
/// # Panics
/// An error has no position in its text, or the predicate accepts a row that its SQL selection
/// rejects.
pub fn query(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.splitn(3, BETWEEN);
    let predicate = parts.next().unwrap_or_default();
    let select = parts.next().filter(|it| !it.is_empty());
    let rest = parts.next();
    let query = match Query::parse(predicate, select, NOW_MS) {
        Ok(query) => query,
        Err(error) => return check_place(&error),
    };
    let given: Value = rest
        .and_then(|it| serde_json::from_str(it).ok())
        .unwrap_or_default();
    let tags = tags(&given);
    let content = given.get("content").map(ToString::to_string);
    let content = if given.is_object() {
        content.as_deref()
    } else {
        rest
    };
    check_selection(&query, &row(&given, &tags, content));
}

fn check_place(error: &QueryError) {
    let QueryError::Source(fault) = error else {
        panic!("an error of a row was returned without a row: {error}");
    };
    assert!(fault.file.text.get(fault.span.clone()).is_some());
    let (line, column) = fault.line_column();
    assert!(line >= 1 && column >= 1 && !fault.message.is_empty());
}

fn check_selection(query: &Query, row: &DataRow<'_>) {
    let is_admitted = query.selection().admits(row);
    let result = query.evaluate(row);
    match &result {
        Ok(value) => {
            assert!(is_admitted || value.is_none(), "it is not implied");
            let is_same = is_admitted == value.is_some();
            assert!(!query.is_exact() || is_same, "it is not the same");
        }
        Err(QueryError::Row { expression, .. }) => {
            let is_decided = query.is_exact() && is_admitted && *expression == "predicate";
            assert!(!is_decided, "it is decided, and wrong");
        }
        Err(error) => panic!("{error}"),
    }
    let n_wrong = u64::from(result.is_err());
    let mut faults = RowFaults::default();
    let _ = faults.evaluate(query, row);
    assert_eq!(faults.n_rows, n_wrong);
}

fn tags(given: &Value) -> BTreeMap<String, String> {
    let tags = given.get("tags").and_then(Value::as_object);
    let tags = tags.into_iter().flatten();
    tags.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn row<'a>(
    given: &'a Value,
    tags: &'a BTreeMap<String, String>,
    content: Option<&'a str>,
) -> DataRow<'a> {
    let maybe = |key: &str| given.get(key).and_then(Value::as_str);
    let text = |key: &str| maybe(key).unwrap_or("a");
    let number = |key: &str| given.get(key).and_then(Value::as_u64).unwrap_or(1);
    DataRow {
        model: text("model"),
        name: text("name"),
        kind: text("kind"),
        spec: text("spec"),
        type_name: text("type"),
        version: number("version"),
        is_latest: given.get("latest").and_then(Value::as_bool) == Some(true),
        media_type: text("mediaType"),
        size: number("size"),
        digest: text("digest"),
        tags,
        lifetime: text("lifetime"),
        created_at_ms: number("createdAt"),
        run: text("run"),
        job: maybe("job"),
        step: maybe("step"),
        call: text("call"),
        method: text("method"),
        plugin: text("plugin"),
        definition: text("definition"),
        environment: &[],
        workflow: maybe("workflow"),
        content,
    }
}
