//! Which lines of a definition an upgrade changes, and what a plugin may return.

use serde_json::json;

use super::*;

fn definition(text: &str) -> Definition {
    let file = SourceFile::new("models/m.yaml", text);
    Definition::parse(&file).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else {
        panic!("{value} is no object");
    };
    members
}

fn version() -> TypeVersion {
    "2026.11.30.1".parse().expect("a version")
}

#[track_caller]
fn check(before: &str, arguments: Value, expect: &str) {
    let text = upgraded_text(&definition(before), &object(arguments), &version());
    assert_eq!(text.as_deref(), Ok(expect));
}

#[test]
fn only_the_lines_of_what_changed_are_written_again() {
    check(
        "\
# The sink.
name: m
type: \"@test/sink\" # ours
typeVersion: 2026.11.01.1 # of old
globalArguments:
  # Where it is.
  host: example.com # by name
  max: 9 # at most

  # For people.
  label: a
methods:
  run: {arguments: {n: 1}} # one
",
        json!({"host": "example.com", "limit": 9, "label": "b"}),
        "\
# The sink.
name: m
type: \"@test/sink\" # ours
typeVersion: \"2026.11.30.1\" # of old
globalArguments:
  # Where it is.
  host: example.com # by name

  # For people.
  label: b
  limit: 9
methods:
  run: {arguments: {n: 1}} # one
",
    );
}

#[test]
fn nested_arguments_are_changed_alone() {
    check(
        "\
name: m
type: \"@test/sink\"
typeVersion: 2026.11.01.1
globalArguments:
  to:
    host: a # first
    port: 1 # second
  tags:
  - one
  - two
  text: |
    line

    # not a comment
  end: 1
",
        json!({"to": {"host": "a", "port": 2}, "end": 1}),
        "\
name: m
type: \"@test/sink\"
typeVersion: \"2026.11.30.1\"
globalArguments:
  to:
    host: a # first
    port: 2 # second
  end: 1
",
    );
}

#[test]
fn version_and_arguments_are_added_where_there_are_none() {
    check(
        "name: m\ntype: \"@test/sink\"\nlimits: {}\n",
        json!({"a": "${{ env.X }}"}),
        "name: m\ntype: \"@test/sink\"\ntypeVersion: \"2026.11.30.1\"\nlimits: {}\nglobalArguments:\n  a: ${{ env.X }}\n",
    );
}

#[test]
fn arguments_in_braces_are_written_again() {
    check(
        "name: m\ntype: \"@test/sink\"\nglobalArguments: {a: 1, b: 2}\ntags: {x: y}\n",
        json!({"c": 1}),
        "name: m\ntype: \"@test/sink\"\ntypeVersion: \"2026.11.30.1\"\nglobalArguments:\n  c: 1\ntags: {x: y}\n",
    );
}

#[test]
fn file_in_braces_is_not_edited() {
    let before = definition("{name: m, type: \"@test/sink\", globalArguments: {a: 1}}\n");
    let refused = upgraded_text(&before, &object(json!({"b": 1})), &version());
    let refused = refused.expect_err("its keys are on one line");
    assert_eq!(
        refused.yaml,
        "typeVersion: \"2026.11.30.1\"\nglobalArguments:\n  b: 1"
    );
}

#[test]
fn plugin_moves_and_drops_what_the_user_wrote() {
    let before = object(json!({
        "a": "${{ inputs.a }}", "b": ["x", {"c": "pre ${{ env.B }}"}], "t": {"secret": "TOKEN"},
    }));
    let check = |after: Value, expect: Result<(), OpaqueError>| {
        assert_eq!(opaque_check(&before, &object(after)), expect);
    };
    check(json!({}), Ok(()));
    check(
        json!({"z": ["pre ${{ env.B }}", "${{ inputs.a }}"], "y": "new"}),
        Ok(()),
    );
    check(json!({"token": {"secret": "TOKEN"}}), Ok(()));
    check(
        json!({"a": "${{ inputs.b }}"}),
        Err(OpaqueError::Expression),
    );
    check(
        json!({"a": "x ${{ inputs.a }}"}),
        Err(OpaqueError::Expression),
    );
    check(
        json!({"a": [{"b": "$${{ x"}]}),
        Err(OpaqueError::Expression),
    );
    check(json!({"a": {"secret": "OTHER"}}), Err(OpaqueError::Secret));
    check(json!({"secret": "OTHER"}), Ok(()));
}
