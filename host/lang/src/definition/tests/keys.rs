//! Every key of a definition and of its parts, with a value that is right and one that is wrong.

use super::*;

/// Checks a key with two values. The file has `{}` where the key stands.
#[track_caller]
fn check(frame: &str, key: &str, right: &str, wrong: &str) {
    let file = |value: &str| frame.replacen("{}", &format!("{key}: {value}"), 1);
    if let Err(faults) = parse(&file(right)) {
        panic!("{key}: {right}: {faults}");
    }
    let text = file(wrong);
    let faults = parse(&text).map(drop).err();
    let faults = faults.unwrap_or_else(|| panic!("{key}: {wrong} is accepted"));
    let at = text
        .find(&format!("{key}: {wrong}"))
        .expect("the key is there");
    let end = at + key.len() + 2 + wrong.len();
    let is_there = faults.iter().any(|it| (at..=end).contains(&it.span.start));
    assert!(is_there, "{key}: {wrong}: {faults}");
}

#[test]
fn key_of_the_definition() {
    let frame = format!("{HEAD}{{}}\n");
    let check = |key: &str, right: &str, wrong: &str| check(&frame, key, right, wrong);
    check("id", "5d4a6b0e-9f7c-4a37-8d0e-3b6f7c2a91d4", "7");
    check("typeVersion", "2026.11.23.1", "1.2");
    check("version", "3", "three");
    check("description", "a text", "[a]");
    check("tags", "{a: b, n: 1}", "a");
    check("globalArguments", "{a: [1]}", "[a]");
    check(
        "globalArguments",
        "{a: \"${{ self.name }}\"}",
        "{a: \"${{ sel.name }}\"}",
    );
    check("methods", "{run: }", "{run: a}");
    check("inputs", "{a: {type: string}}", "{a: {type: strng}}");
    check(
        "inputs",
        "{properties: {a: {type: string}}, required: [a]}",
        "[a]",
    );
    check("checks", "{require: a}", "[a]");
    check("resources", "{r: {lifetime: 7d}}", "{r: 7d}");
    check("dataOutputOverrides", "[{specName: r}]", "[r]");
    check("reports", "{require: [a]}", "{require: [{a: b}]}");
    check("grants", "{env: HOME}", "[HOME]");
    check("limits", "{openFiles: 7}", "{openFiles: many}");
}

#[test]
fn name_and_type() {
    check("type: \"@a/b\"\n{}\n", "name", "\"@acme/a/b\"", "a b");
    check("name: a\n{}\n", "type", "\"@a/b/c\"", "b");
}

#[test]
fn key_of_a_method() {
    let frame = format!("{HEAD}methods:\n  run:\n    {{}}\n");
    check(&frame, "arguments", "{a: 1}", "[1]");
    check(
        &frame,
        "arguments",
        "{a: \"${{ 1 + 1 }}\"}",
        "{a: \"${{ 1 + }}\"}",
    );
}

#[test]
fn key_of_the_checks_and_reports() {
    for part in ["checks", "reports"] {
        let frame = format!("{HEAD}{part}:\n  {{}}\n");
        check(&frame, "require", "[a, b]", "{a: b}");
        check(&frame, "skip", "a", "[[a]]");
    }
    let frame = format!("{HEAD}reports:\n  require:\n    - name: a\n      {{}}\n");
    check(&frame, "methods", "[run]", "[{a: b}]");
}

#[test]
fn key_of_a_resource() {
    let resource = format!("{HEAD}resources:\n  r:\n    {{}}\n");
    let item = format!("{HEAD}dataOutputOverrides:\n  - specName: r\n    {{}}\n");
    for frame in [resource, item] {
        check(&frame, "lifetime", "7d", "7 days");
        check(&frame, "lifetime", "ephemeral", "short");
        check(&frame, "garbageCollection", "10", "0");
        check(&frame, "garbageCollection", "30d", "some");
        check(&frame, "tags", "{a: b}", "[a]");
    }
    check(
        &format!("{HEAD}dataOutputOverrides:\n  - {{}}\n"),
        "specName",
        "r",
        "a b",
    );
}

#[test]
fn key_of_the_grants() {
    let frame = format!("{HEAD}grants:\n  {{}}\n");
    let check = |key: &str, right: &str, wrong: &str| check(&frame, key, right, wrong);
    check("models", "\"*\"", "a b");
    check("http", "\"https://a.test\"", "a.test");
    check(
        "http",
        "[{url: \"https://a.test\", methods: [GET]}]",
        "[{url: \"https://a.test\", methods: [get]}]",
    );
    check(
        "http",
        "[{url: \"https://a.test\", addresses: [10.0.0.0/8]}]",
        "[{url: \"https://a.test\", addresses: [ten]}]",
    );
    check("sockets", "\"a.test:1\"", "a.test");
    check("sockets", "[{to: \"a.test:1\"}]", "[{too: \"a.test:1\"}]");
    check(
        "files",
        "[{name: a, path: b, access: write}]",
        "[{name: a, path: b, access: all}]",
    );
    check("env", "[HOME]", "[1X]");
    check("secrets", "[{name: T, hosts: [\"https://a.test\"]}]", "[T]");
    check(
        "secrets",
        "[{name: T, reveal: true}]",
        "[{name: T, reveal: 1}]",
    );
    check("commands", "[git-log]", "[rm -rf]");
    check("reveal", "[\"data:vault:/password\"]", "[{a: b}]");
}

#[test]
fn key_of_the_limits() {
    let frame = format!("{HEAD}limits:\n  {{}}\n");
    for key in LIMIT_KEYS.keys.iter().filter(|key| **key != "http") {
        check(&frame, key, "1", "-1");
    }
    let frame = format!("{HEAD}limits:\n  http:\n    {{}}\n");
    for key in HTTP_LIMIT_KEYS.keys {
        check(&frame, key, "1", "-1");
    }
}

/// The keys by which users of other tools are known.
#[test]
fn keys_of_other_tools_are_explained_in_each_part() {
    let hint = |text: &str, key: &str| {
        let faults = parse(text).expect_err(text);
        let fault = faults
            .iter()
            .find(|it| it.file.slice(it.span.clone()) == key);
        let fault = fault.unwrap_or_else(|| panic!("{key}: {faults}"));
        (fault.code, fault.hint.clone().unwrap_or_default())
    };
    for key in ["needs", "env", "if", "uses", "run", "with"] {
        let (code, hint) = hint(&format!("{HEAD}{key}: a\n"), key);
        assert_eq!(code, DiagnosticCode::ForeignKey, "{key}");
        assert!(hint.contains('`'), "{key}: {hint}");
    }
    for key in ["args", "with", "inputs"] {
        let text = format!("{HEAD}methods:\n  run:\n    {key}: {{a: 1}}\n");
        let (code, hint) = hint(&text, key);
        assert_eq!(code, DiagnosticCode::ForeignKey, "{key}");
        assert_eq!(hint, "write `arguments: {…}`", "{key}");
    }
}
