//! The meaning of predicates, their limits, and the messages for wrong ones.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

mod limits;
mod selection;

/// 2026-11-26T10:00:00Z, in milliseconds since 1970.
const NOW_MS: u64 = 1_795_687_200_000;

const CONTENT: &str = r#"{
    "price": 10.5, "count": 3, "name": "café", "none": null, "big": 18446744073709551615,
    "owner": {"name": "ann", "age": 40}, "items": [{"id": 2}, {"id": 1}, {"id": 3}],
    "labels": {"b": "2", "a": "1"}
}"#;

fn with_row<T>(content: Option<&str>, test: impl FnOnce(&DataRow<'_>) -> T) -> T {
    let tags = [("env", "prod"), ("team", "a")];
    let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let tags = BTreeMap::from(tags);
    test(&DataRow {
        model: "sink",
        name: "record",
        kind: "resource",
        spec: "item",
        type_name: "@acme/sink",
        version: 3,
        is_latest: true,
        media_type: "application/json",
        size: 120,
        digest: "b3:0",
        tags: &tags,
        lifetime: "7d",
        created_at_ms: NOW_MS - 1_800_500,
        run: "k3v9q2x8w1mz",
        job: Some("build"),
        step: None,
        call: "k3v9q2x8w1mz/1",
        method: "run",
        plugin: "b3:1",
        definition: "b3:2",
        environment: &["REGION".to_owned()],
        workflow: Some("release"),
        content,
    })
}

fn evaluate(predicate: &str, select: Option<&str>) -> Result<Option<Value>, QueryError> {
    let query = Query::parse(predicate, select, NOW_MS)?;
    let shown = with_row(Some(CONTENT), |row| query.evaluate(row))?;
    Ok(shown.map(|shown| shown.value))
}

/// Checks whether a predicate is true for the row, and that its selection agrees.
fn check(predicate: &str, expect: bool) {
    let query = Query::parse(predicate, None, NOW_MS).unwrap_or_else(|it| panic!("{it}"));
    with_row(Some(CONTENT), |row| {
        let value = query.evaluate(row).unwrap_or_else(|it| panic!("{it}"));
        assert_eq!(value.is_some(), expect, "{predicate}");
        let admitted = query.selection().admits(row);
        assert!(admitted || !expect, "{predicate}: {:?}", query.selection());
        assert!(!query.is_exact() || admitted == expect, "{predicate}");
    });
}

#[test]
fn every_variable_has_a_value() {
    for predicate in [
        "model == 'sink'",
        "name == \"record\"",
        "kind == 'resource'",
        "spec == 'item'",
        "type == '@acme/sink'",
        "version == 3",
        "latest",
        "mediaType == 'application/json'",
        "size == 120",
        "digest == 'b3:0'",
        "tags.env == 'prod' && tags['team'] == 'a' && size(tags) == 2",
        "lifetime == '7d'",
        "createdAt == timestamp('2026-11-26T09:29:59.5Z')",
        "run == 'k3v9q2x8w1mz'",
        "job == 'build'",
        "step == null",
        "call == 'k3v9q2x8w1mz/1'",
        "method == 'run'",
        "plugin == 'b3:1'",
        "definition == 'b3:2'",
        "environment == ['REGION']",
        "'REGION' in environment",
        "workflow == 'release'",
        "attributes.count == 3",
        "content.contains('\"price\": 10.5')",
        "now == timestamp('2026-11-26T10:00:00Z')",
    ] {
        check(predicate, true);
    }
    for variable in VARIABLES {
        let query = Query::parse(&format!("dyn({variable}) == 5"), None, NOW_MS);
        assert!(query.is_ok(), "{variable}: {query:?}");
    }
}

/// Queries that were written for `swamp` use other names for some variables.
#[test]
fn other_name_is_the_variable() {
    for predicate in [
        "modelName == 'sink'",
        "modelType == '@acme/sink'",
        "specName == 'item'",
        "dataType == 'resource'",
        "contentType == 'application/json'",
        "isLatest && isLatest == true",
        "workflowRunId == 'k3v9q2x8w1mz'",
        "workflowName == 'release'",
        "jobName == 'build' && stepName == null",
        "methodName == 'run'",
        "modelName + '-' + model == 'sink-sink'",
        "tags.exists(key, modelName == 'sink' && key == 'env')",
        // The variable of a loop hides it, in the loop only.
        "['x'].exists(modelName, modelName == 'x') && modelName == 'sink'",
        "cel.bind(specName, 1, specName + 1) == 2",
    ] {
        check(predicate, true);
    }
    assert_eq!(
        evaluate("isLatest", Some("{'m': modelName, 's': stepName}")),
        Ok(Some(json!({"m": "sink", "s": null})))
    );
    for (alias, name) in ALIASES {
        assert!(VARIABLES.contains(name) && !VARIABLES.contains(alias));
    }
    let query = Query::parse("isLatest", Some("workflowName"), NOW_MS).expect("valid");
    assert!(query.reads_workflow() && query.is_exact());
    let query = Query::parse("isLatest", Some("content"), NOW_MS).expect("valid");
    assert!(query.reads_content() && !query.reads_workflow());
    let plain = Query::parse("attributes.workflow == 1", None, NOW_MS).expect("valid");
    assert!(!plain.reads_workflow());
}

#[test]
fn whole_numbers_and_fractions_combine() {
    for predicate in [
        "attributes.price > 10",
        "attributes.price * 2 == 21",
        "2 * attributes.price - 1 == 20.0",
        "attributes.count + 0.5 == 3.5",
        "attributes.count / 2.0 == 1.5",
        "attributes.count / 2 == 1",
        "attributes.count == 3.0",
        "attributes.count in [1.0, 3.0]",
        "version < attributes.price",
        "attributes.big > 9223372036854775807",
        "attributes.items.map(it, it.id * 1.5).exists(it, it == 3)",
    ] {
        check(predicate, true);
    }
}

#[test]
fn missing_value_does_not_match() {
    for predicate in [
        "attributes.missing == 1",
        "attributes.missing != 1",
        "!(attributes.missing == 1)",
        "attributes.owner.missing.deeper == 1",
        "attributes.items[7].id == 1",
        "attributes.none.deeper == 1",
        "attributes.none > 3",
        "attributes.none",
        "attributes.missing",
        "tags.missing == 'x'",
        "step.startsWith('x')",
        "has(attributes.missing)",
        "attributes.?missing.orValue(1) == 2",
    ] {
        check(predicate, false);
    }
    for predicate in [
        "attributes.missing == 1 || latest",
        "attributes.?missing.orValue(1) == 1",
        "!has(attributes.missing)",
        "attributes.none == null",
    ] {
        check(predicate, true);
    }
}

#[test]
fn file_has_no_attributes() {
    let check = |predicate: &str, expect: bool| {
        let query = Query::parse(predicate, None, NOW_MS).expect("it is valid");
        let found = with_row(None, |row| query.evaluate(row)).expect("it has a value");
        assert_eq!(found.is_some(), expect, "{predicate}");
    };
    check("attributes == {}", true);
    check("content == null", true);
    check("has(attributes.price)", false);
    check("!has(attributes.price)", true);
    check("attributes.price > 3", false);
}

#[test]
fn match_shows_the_select_expression() {
    let check = |select: &str, expect: Value| {
        let found = evaluate("latest", Some(select));
        assert_eq!(found.expect(select), Some(expect), "{select}");
    };
    check("name", json!("record"));
    check("version", json!(3));
    check("attributes.owner", json!({"age": 40, "name": "ann"}));
    check("attributes.big", json!(u64::MAX));
    check("attributes.missing", Value::Null);
    check("attributes.none", Value::Null);
    check("createdAt", json!("2026-11-26T09:29:59.500Z"));
    check("now - createdAt", json!("1800.5s"));
    check("createdAt - now", json!("-1800.5s"));
    check("[name, attributes.price * 2]", json!(["record", 21.0]));
    check("{'n': name, 'v': version}", json!({"n": "record", "v": 3}));
    check("attributes.items.map(it, it.id)", json!([2, 1, 3]));
    check("attributes.labels.map(key, key)", json!(["a", "b"]));
    check("optional.of(1)", json!(1));
    check("optional.none()", Value::Null);
    check("type(1)", json!("int"));
    check("step", Value::Null);
    assert_eq!(evaluate("latest", None), Ok(Some(Value::Null)));
    assert_eq!(evaluate("!latest", Some("name")), Ok(None));
}

#[test]
fn row_with_a_fault_is_counted() {
    let check = |predicate: &str, select: Option<&str>, expect: &str| {
        let error = evaluate(predicate, select).expect_err(predicate);
        assert_eq!(error.to_string(), expect, "{predicate}");
    };
    let wrong = "the predicate is wrong for this row";
    check(
        "attributes.name > 10",
        None,
        &format!("{wrong}: `>` does not take `string` and `int`"),
    );
    check(
        "attributes.name + 1 == 'x'",
        None,
        &format!("{wrong}: `+` does not take `string` and `int`"),
    );
    check(
        "attributes.name.first == 1",
        None,
        &format!("{wrong}: a value of type `string` has no members"),
    );
    check(
        "attributes.count / (version - 3) == 1",
        None,
        &format!("{wrong}: it divides by zero"),
    );
    check(
        "attributes.count",
        None,
        &format!("{wrong}: it is a value of type `int`, which is neither true nor false"),
    );
    check(
        "latest",
        Some("b'x'"),
        "the select is wrong for this row: a value of type `bytes` cannot be written as JSON",
    );
    let query = Query::parse("attributes.x > 1", None, NOW_MS).expect("it is valid");
    let mut faults = RowFaults::default();
    for content in ["{\"x\": \"a\"}", "{\"x\": 2}", "{", "{}"] {
        with_row(Some(content), |row| faults.evaluate(&query, row));
    }
    assert_eq!((faults.n_rows, faults.n_select), (2, 0));
    let first = faults.first.expect("there is one");
    assert_eq!((first.name.as_str(), first.version), ("record", 3));
    let fault = first.diagnostic.to_string();
    assert_eq!(fault, "predicate:1:1: `>` does not take `string` and `int`");
}

/// The place is the smallest part that is wrong by itself, so the user of a long query sees which
/// part to change.
#[test]
fn row_fault_has_its_place() {
    let check = |predicate: &str, select: Option<&str>, place: &str| {
        let query = Query::parse(predicate, select, NOW_MS).expect("it is valid");
        let mut faults = RowFaults::default();
        with_row(Some(CONTENT), |row| faults.evaluate(&query, row));
        let fault = faults.first.expect(predicate).diagnostic;
        assert_eq!(&fault.file.text[fault.span.clone()], place, "{predicate}");
    };
    check("name == 'record' && name > 1", None, "name > 1");
    check("(name + 1) == 'x' || false", None, "name + 1");
    // The place of a loop ends with its last part, because the parser gives its closing bracket no
    // place.
    check(
        "[1, 2].exists(x, x > name)",
        None,
        "[1, 2].exists(x, x > name",
    );
    check("true", Some("{'a': name, 'b': name - 1}"), "name - 1");
}

/// A missing value is null in its place, and the other values are shown.
#[test]
fn missing_part_of_select_is_null() {
    let check = |select: &str, expect: Value, missing: Option<&str>| {
        let query = Query::parse("true", Some(select), NOW_MS).expect("it is valid");
        let mut faults = RowFaults::default();
        let shown = with_row(Some("{\"a\": {\"b\": 1}}"), |row| {
            faults.evaluate(&query, row)
        });
        assert_eq!(shown.expect("it matches").value, expect, "{select}");
        assert_eq!(faults.missing.first.as_deref(), missing, "{select}");
        assert_eq!(faults.missing.n_rows, u64::from(missing.is_some()));
    };
    check("attributes.a.b", json!(1), None);
    check("attributes.x", json!(null), Some("attributes.x"));
    check("attributes.x.y.z", json!(null), Some("attributes.x"));
    check(
        "{'n': name, 'x': attributes.x, 'l': [attributes.y, 1]}",
        json!({"l": [null, 1], "n": "record", "x": null}),
        Some("attributes.y"),
    );
    check(
        "{'n': {'x': attributes.x + 1}}",
        json!({"n": {"x": null}}),
        Some("attributes.x"),
    );
}

/// Checks the message for a wrong query, and the part of its text that the message marks.
fn check_fault(predicate: &str, place: &str, message: &str, hint: Option<&str>) {
    let fault = match Query::parse(predicate, None, NOW_MS) {
        Err(QueryError::Source(fault)) => fault,
        other => panic!("{predicate}: {other:?}"),
    };
    let shown = (
        &predicate[fault.span.clone()],
        fault.message.as_str(),
        fault.hint.as_deref(),
    );
    assert_eq!(shown, (place, message, hint), "{predicate}");
}

#[test]
fn unknown_name_is_refused_with_the_nearest_name() {
    check_fault(
        "é_ == 1 || 'é' == nmae",
        "é",
        "`é` does not belong here",
        None,
    );
    check_fault(
        "name == 'é' and latest",
        "and",
        "`and` does not belong here",
        Some("write `&&`"),
    );
    check_fault(
        "'é' == nmae",
        "nmae",
        "there is no variable `nmae`",
        Some("did you mean `name`?"),
    );
    check_fault(
        "latest &&\n  mediatype == 'x'",
        "mediatype",
        "there is no variable `mediatype`",
        Some("did you mean `mediaType`?"),
    );
    check_fault(
        "modelNmae == 'x'",
        "modelNmae",
        "there is no variable `modelNmae`",
        Some("did you mean `modelName`?"),
    );
    check_fault(
        "name.startWith('x')",
        "name.startWith('x'",
        "there is no function `startWith`",
        Some("did you mean `startsWith`?"),
    );
    check_fault(
        "name.swapCase('a', 'b') == 'c'",
        "name.swapCase('a', 'b'",
        "there is no function `swapCase`",
        None,
    );
    check_fault(
        "attributes.items.exists(it.id == 2)",
        "attributes.items.exists(it.id == 2",
        "`exists` has the wrong arguments",
        Some("it takes a name and an expression: `list.exists(item, item > 1)`"),
    );
    check_fault(
        "tags.exists(name, name == 'x')",
        "tags.exists(name, name == 'x'",
        "`name` is already the name of a variable",
        Some("give the variable of the loop another name"),
    );
}

#[test]
fn syntax_fault_is_refused_with_a_plain_message() {
    check_fault("", "", "the predicate is empty", None);
    check_fault("name ==", "", "something is missing at its end", None);
    check_fault("(latest", "", "`)` is missing at its end", None);
    check_fault("latest)", ")", "`)` does not belong here", None);
    check_fault(
        "name = 'x'",
        "=",
        "`=` does not belong here",
        Some("to compare, write `==`"),
    );
    check_fault(
        "latest and name == 'x'",
        "and",
        "`and` does not belong here",
        Some("write `&&`"),
    );
    check_fault(
        "name == 'x",
        "'",
        "`'` does not belong here",
        Some("the text that begins here does not end"),
    );
    check_fault("if == 1", "if", "`if` is a reserved word", None);
    check_fault(
        "name",
        "name",
        "the predicate is never true or false",
        Some("compare it with something: `name == \"record\"`"),
    );
    check_fault("a{b: 1}", "{b: 1", "there are no struct types", None);
}

#[test]
fn part_that_is_the_same_for_every_row_is_checked_at_parse() {
    check_fault(
        "createdAt > timestamp('yesterday')",
        "timestamp('yesterday'",
        "`timestamp` fails: premature end of input",
        None,
    );
    check_fault(
        "name.matches('[a')",
        "'[a'",
        "the pattern is not valid: unclosed character class",
        None,
    );
    check_fault(
        "name.matches('(a{99}){99}')",
        "'(a{99}){99}'",
        "the pattern is too large when it is compiled",
        None,
    );
    check_fault(
        "name.matches(attributes.pattern)",
        "attributes.pattern",
        "the pattern of `matches` must be written out",
        None,
    );
    check_fault("version > 1 / 0", "1 / 0", "it divides by zero", None);
    check("name.matches('^rec') && matches(name, 'ord$')", true);
    check("name in ['record', 'other'] && [[1], [2]][1] == [2]", true);
    check("[1, 2].map(it, it + 1) == [2, 3]", true);
}

#[test]
fn query_can_be_shared_by_threads() {
    fn check<T: Send + Sync>() {}
    check::<Query>();
}

#[test]
fn only_the_used_content_is_read() {
    let check = |predicate: &str, select: Option<&str>, expect: ContentUse| {
        let query = Query::parse(predicate, select, NOW_MS).expect(predicate);
        assert_eq!(query.content, expect, "{predicate}");
        assert_eq!(query.reads_content(), expect != ContentUse::Nothing);
    };
    let members = |keys: &[&str]| {
        let keys = keys.iter().map(|it| (*it).to_owned());
        ContentUse::Members(keys.collect())
    };
    check("latest", Some("name"), ContentUse::Nothing);
    check(
        "attributes.a.b == 1 && attributes['a'] == 1",
        None,
        members(&["a"]),
    );
    check(
        "has(attributes.a)",
        Some("attributes.?b"),
        members(&["a", "b"]),
    );
    check("attributes.a == 1", Some("attributes"), ContentUse::Whole);
    check("'a' in attributes", None, ContentUse::Whole);
    check("attributes[name] == 1", None, ContentUse::Whole);
}

/// What is stored of a sensitive field.
const SEALED_CONTENT: &str = r#"{"user": "ada", "password": {"$sealed": {"key": "0011", "value": "AAEC"}},
    "keys": [{"$sealed": {"key": "0011", "value": "AAED"}}, "plain"], "n": 1}"#;

#[test]
fn sealed_field_is_shown_as_such_and_cannot_be_compared() {
    let evaluated = |predicate: &str, select: Option<&str>| {
        let query = Query::parse(predicate, select, NOW_MS).unwrap_or_else(|it| panic!("{it}"));
        with_row(Some(SEALED_CONTENT), |row| query.evaluate(row))
    };
    let shown = |select: &str, expect: Value| {
        let shown = evaluated("true", Some(select)).unwrap_or_else(|it| panic!("{it}"));
        assert_eq!(shown.expect("it matches").value, expect, "{select}");
    };
    shown("attributes.password", json!("[sealed]"));
    shown("attributes.keys", json!(["[sealed]", "plain"]));
    shown(
        "[attributes.user, attributes.password]",
        json!(["ada", "[sealed]"]),
    );
    shown("{'a': attributes.keys[0]}", json!({"a": "[sealed]"}));
    shown(
        "json.encode(attributes.keys)",
        json!("[\"[sealed]\",\"plain\"]"),
    );
    shown("content.contains('AAEC')", json!(false));
    shown("has(attributes.password)", json!(true));
    shown("size(attributes.keys)", json!(2));
    shown("attributes.?password.orValue('none')", json!("[sealed]"));
    for predicate in [
        "attributes.password == 'open sesame'",
        "'open sesame' == attributes.password",
        "attributes.password != 'x'",
        "attributes.password == attributes.password",
        "attributes.password in ['a', 'b']",
        "'a' in attributes.keys",
        "attributes.keys == ['a', 'plain']",
        "attributes.keys == attributes.keys",
        "attributes == {'user': 'ada'}",
        "attributes.keys.exists(it, it == 'other')",
        "attributes.password < 'b'",
        "attributes.password.startsWith('a')",
        "attributes.password.matches('^a')",
        "size(attributes.password) == 1",
        "attributes.password.exists(it, true)",
        "[attributes.password].distinct() == []",
        "sets.contains(['a'], attributes.keys)",
        "attributes.password",
    ] {
        let fault = evaluated(predicate, None).expect_err(predicate);
        assert!(
            matches!(fault, QueryError::Row { .. }),
            "{predicate}: {fault}"
        );
    }
    let fault = evaluated("attributes.password == 'x'", None).expect_err("it compares");
    let expect = "a sealed or secret value can be neither compared nor computed with";
    assert!(fault.to_string().contains(expect), "{fault}");
    // Other fields of the same content are compared as ever.
    for predicate in ["attributes.user == 'ada'", "attributes.n in [1, 2]"] {
        assert!(evaluated(predicate, None).expect("it compares").is_some());
    }
}
