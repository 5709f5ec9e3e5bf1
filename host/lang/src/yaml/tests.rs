//! What a file means, where its parts are, and what is said about its faults.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::*;
use crate::diagnostic::DiagnosticCode as Code;

mod faults;
mod hostile;
mod places;
mod reading;

fn file(text: &str) -> Arc<SourceFile> {
    SourceFile::new("f.yaml", text)
}

fn tree(text: &str) -> Node {
    parse_tree(&file(text)).unwrap_or_else(|fault| panic!("{fault}\n{text}"))
}

#[test]
fn value_is_what_the_text_means() {
    let check = |text: &str, expect: Value| assert_eq!(tree(text).value(), expect, "{text}");
    check(
        "{a: 012, b: 1_000, c: no, d: 7, e: 1.5, f: true, g: ~, h: , i: '7'}",
        json!({"a": "012", "b": "1_000", "c": "no", "d": 7, "e": 1.5, "f": true, "g": null,
            "h": null, "i": "7"}),
    );
    check(
        "a:\n- 1\n- b: 2\n  c: 3\n",
        json!({"a": [1, {"b": 2, "c": 3}]}),
    );
    check("a: |\n  x\n   y\n\n  z\n", json!({"a": "x\n y\n\nz\n"}));
    check("a: >-\n  x\n  y\n\n  z\n", json!({"a": "x y\nz"}));
    check("a: \"x\\u00e9\\n\\\n   y\"\n", json!({"a": "xé\ny"}));
    check("a: 'it''s'\n", json!({"a": "it's"}));
    check("a: x\n  y\n\n  z\n", json!({"a": "x y\nz"}));
    check(
        "1: a\ntrue: b\n1.10: c\n",
        json!({"1": "a", "true": "b", "1.10": "c"}),
    );
    check("a: !!str 5\nb: !!int 5\n", json!({"a": "5", "b": 5}));
    check("---\na: 1\n...\n", json!({"a": 1}));
    check("\u{feff}a: 1\n", json!({"a": 1}));
    check(
        "a: \"${{ x }}\"\nb: ${{ y }}\n",
        json!({"a": "${{ x }}", "b": "${{ y }}"}),
    );
    check(
        "a: 1\r\nb: |\r\n  x\r\n  y\r\n",
        json!({"a": 1, "b": "x\ny\n"}),
    );
}

#[test]
fn aliases_and_merges_are_expanded() {
    let check = |text: &str, expect: Value| assert_eq!(tree(text).value(), expect, "{text}");
    check(
        "a: &x [1, {b: 2}]\nc: *x\n",
        json!({"a": [1, {"b": 2}], "c": [1, {"b": 2}]}),
    );
    check(
        "base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n",
        json!({"base": {"x": 1, "y": 2}, "use": {"y": 3, "x": 1}}),
    );
    check(
        "a: &a {x: 1}\nb: &b {x: 2, z: 3}\nc: {<<: [*a, *b]}\n",
        json!({"a": {"x": 1}, "b": {"x": 2, "z": 3}, "c": {"x": 1, "z": 3}}),
    );
    check("\"<<\": 1\n", json!({"<<": 1}));
    check("a: &n name\n*n : 1\n", json!({"a": "name", "name": 1}));
}

#[test]
fn pointer_finds_the_nearest_node() {
    let root = tree("limits:\n  - name: a\n    \"x/y\": 1\n");
    let check = |pointer: &str, expect: Value| {
        assert_eq!(root.at(pointer).value(), expect, "{pointer}");
    };
    check("", root.value());
    check("/limits/0/name", json!("a"));
    check("/limits/0/x~1y", json!(1));
    check("/limits/0/absent/deep", json!({"name": "a", "x/y": 1}));
    check("/limits/7", json!([{"name": "a", "x/y": 1}]));
    let find = |pointer: &str| root.find(pointer).map(Node::value);
    assert_eq!(find("/limits/0/x~1y"), Some(json!(1)));
    assert_eq!(find("/limits/0/absent"), None);
    let key = |pointer: &str| root.member_at(pointer).map(|it| &*it.key.value);
    assert_eq!(key("/limits/0/x~1y"), Some("x/y"));
    assert_eq!(key("/limits"), Some("limits"));
    assert_eq!(key("/limits/0"), None);
    assert_eq!(key("/absent/limits"), None);
    assert_eq!(key(""), None);
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "some fields are only parsed")]
struct Sample {
    name: Located<String>,
    #[serde(default)]
    global_arguments: Map<String, Value>,
    #[serde(default)]
    flag: Option<bool>,
    #[serde(default)]
    count: Option<u32>,
    #[serde(default)]
    many: Vec<Located<String>>,
    #[serde(default)]
    choice: Option<Choice>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Choice {
    First,
    Second(u8),
}

#[test]
fn type_of_serde_is_filled() {
    let source = file("name: 1.10\nmany: [a, 'b', true]\ncount: 7\nchoice: {second: 2}\n");
    let sample: Sample = parse(&source).expect("a good file");
    assert_eq!((&*sample.name.value, sample.name.span), ("1.10", 6..10));
    let many: Vec<_> = sample
        .many
        .iter()
        .map(|it| source.slice(it.span.clone()))
        .collect();
    assert_eq!(many, ["a", "'b'", "true"]);
    assert_eq!(
        (sample.count, sample.choice),
        (Some(7), Some(Choice::Second(2)))
    );
}

#[test]
fn fault_of_a_filled_type_has_its_place_and_a_suggestion() {
    let check = |text: &str, place: &str, message: &str, hint: Option<&str>| {
        let fault = parse::<Sample>(&file(text)).expect_err(text);
        let found = file(text).slice(fault.span.clone()).to_owned();
        let expect = (place, message, hint);
        assert_eq!(
            (&*found, &*fault.message, fault.hint.as_deref()),
            expect,
            "{text}"
        );
    };
    check(
        "name: a\nglobalArgument: {}\n",
        "globalArgument",
        "unknown key `globalArgument`",
        Some("did you mean `globalArguments`?"),
    );
    check(
        "flag: true\n",
        "flag: true",
        "the key `name` is missing",
        None,
    );
    check(
        "name: a\nflag: yes\n",
        "yes",
        "expected `true` or `false`, found the text `yes`",
        None,
    );
    for wrong in ["0.5", "-1", "4294967296", "1e3"] {
        let message = format!("expected a whole number, 0 or more, found `{wrong}`");
        check(&format!("name: a\ncount: {wrong}\n"), wrong, &message, None);
    }
    check(
        "name: a\ncount: soon\n",
        "soon",
        "expected a whole number, 0 or more, found the text `soon`",
        None,
    );
    check("name: [a]\n", "[a]", "expected a text, found a list", None);
    check("name:\n", "", "expected a text, found nothing", None);
    check(
        "- 1\n",
        "- 1",
        "expected keys with values: `key: value`, found a list",
        None,
    );
    check(
        "name: a\nmany: b\n",
        "b",
        "expected a list: `[a, b]`, or one item on each line after `- `, found the text `b`",
        None,
    );
    check(
        "name: a\nchoice: frist\n",
        "frist",
        "`frist` is not one of `first`, `second`",
        Some("did you mean `first`?"),
    );
    check(
        "name: a\nchoice: {second: x}\n",
        "x",
        "expected a whole number, 0 or more, found the text `x`",
        None,
    );
}
