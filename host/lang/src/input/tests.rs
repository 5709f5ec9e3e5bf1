//! What files declare, and what runs get.

use serde_json::json;

use super::*;
use crate::diagnostic::SourceFile;
use crate::yaml::parse_tree;

/// Reads the value of `inputs`, and returns the faults with their places.
fn read(text: &str) -> (InputsSchema, Vec<String>) {
    let file = SourceFile::new("w.yaml", text);
    let node = parse_tree(&file).expect(text);
    let mut faults = Faults::new(&file);
    let schema = InputsSchema::read(&node, &file, &mut faults);
    let faults = match faults.result(()) {
        Ok(()) => Vec::new(),
        Err(faults) => faults
            .iter()
            .map(|fault| {
                let hint = fault.hint.as_ref().map(|it| format!(" ({it})"));
                format!("{fault}{}", hint.unwrap_or_default())
            })
            .collect(),
    };
    (schema, faults)
}

fn inputs(text: &str) -> InputsSchema {
    let (schema, faults) = read(text);
    assert!(faults.is_empty(), "{text}: {faults:?}");
    schema
}

fn map(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else {
        panic!("{value} is no object");
    };
    members
}

#[test]
fn both_forms_declare_the_same_inputs() {
    let full = inputs(
        "type: object\n\
         properties:\n  region: {type: string, enum: [eu, us], default: eu}\n  count: {type: integer, minimum: 1}\n\
         required: [count]\n",
    );
    let bare = inputs(
        "region: {type: string, enum: [eu, us], default: eu}\n\
         count: {type: integer, minimum: 1, required: true}\n",
    );
    assert_eq!(full, bare);
    assert_eq!(full.names().collect::<Vec<_>>(), ["region", "count"]);
    assert_eq!(
        *bare.json(),
        json!({
            "type": "object",
            "properties": {
                "region": {"type": "string", "enum": ["eu", "us"], "default": "eu"},
                "count": {"type": "integer", "minimum": 1},
            },
            "required": ["count"],
            "additionalProperties": false,
        })
    );
    assert!(bare.is_declared());
    assert_eq!(
        bare.property("region").map(|it| &it["default"]),
        Some(&json!("eu"))
    );
}

#[test]
fn short_forms_are_read() {
    let check = |text: &str, expect: Value| {
        assert_eq!(inputs(text).json()["properties"], expect, "{text}");
    };
    check(
        "name: string\nany:\n",
        json!({"name": {"type": "string"}, "any": {}}),
    );
    check(
        "a: {type: [string, null]}\n",
        json!({"a": {"type": ["string", "null"]}}),
    );
    check(
        "list: {type: array, items: string}\n",
        json!({"list": {"type": "array", "items": {"type": "string"}}}),
    );
    // An input may have the name of a key of schemas.
    check(
        "type: {type: string}\n",
        json!({"type": {"type": "string"}}),
    );
    check("enum: string\n", json!({"enum": {"type": "string"}}));
    check("{}\n", json!({}));
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table of cases")]
fn fault_of_a_schema_has_its_place_and_what_to_write() {
    let check = |text: &str, expect: &[&str]| {
        let (_, faults) = read(text);
        assert_eq!(faults.len(), expect.len(), "{text}: {faults:?}");
        for (fault, expect) in faults.iter().zip(expect) {
            assert!(fault.contains(expect), "{text}: {fault}");
        }
    };
    check(
        "a: {type: strng}\n",
        &["w.yaml:1:11: there is no type `strng` (write `string`)"],
    );
    check(
        "a: int\n",
        &["w.yaml:1:4: there is no type `int` (write `integer`)"],
    );
    check(
        "a: {type: colour}\n",
        &["1:11: there is no type `colour` (the types are `string`, "],
    );
    check(
        "a: 3\n",
        &["1:4: expected a schema such as `{type: string}`, found `3`"],
    );
    check("a: {enum: []}\n", &["1:11: expected a list of values"]);
    check(
        "a: {minimum: high}\n",
        &["1:14: expected a number, found the text `high`"],
    );
    check(
        "a: {minLength: -1}\n",
        &["1:16: expected a whole number, 0 or more"],
    );
    check(
        "a: {pattern: \"(\"}\n",
        &["1:14: it is not a regular expression"],
    );
    check(
        "a: {sensitive: maybe}\n",
        &["1:16: expected `true` or `false`"],
    );
    check(
        "a: {type: integer, default: many}\n",
        &[
            "1:29: `default` does not fit the schema: it has to be a whole number; `\"many\"` was given",
        ],
    );
    check(
        "a: {type: array, items: {type: integer}, default: [1, x]}\n",
        &["1:55: `default` does not fit the schema"],
    );
    check(
        "a: {type: string, enum: [x, 2]}\n",
        &["1:29: `enum` does not fit the schema: it has to be a text; `2` was given"],
    );
    check(
        "a: {default: \"${{ inputs.b }}\"}\n",
        &["1:14: `default` is a plain value, and no expression"],
    );
    check(
        "a: {sensitive: true, default: x}\n",
        &["1:31: a sensitive input has no default in the file"],
    );
    check(
        "properties: {region: string}\nrequired: [regoin]\n",
        &["2:12: `regoin` is required, but is not in `properties` (did you mean `region`?)"],
    );
    check(
        "properties: {a: string}\ntype: array\n",
        &["2:7: expected `object`"],
    );
    check(
        "type: object\nproperties: {a: string}\ndefault: {a: b}\n",
        &["3:1: `default` has no meaning"],
    );
    check("- a\n", &["1:1: expected names with their schemas"]);
    // All faults at once.
    check(
        "a: {type: strng}\nb: {minimum: high}\nc: {default: 1, type: string}\n",
        &["1:11", "2:14"],
    );
}

#[test]
fn unknown_key_of_a_schema_is_a_fault() {
    for (text, expect) in [
        ("a: {defualt: 1}\n", "default"),
        ("a: {options: [x]}\n", "enum: [VALUE"),
        ("a: {min: 1}\n", "minimum"),
    ] {
        let (_, faults) = read(text);
        assert_eq!(faults.len(), 1, "{text}: {faults:?}");
        assert!(faults[0].contains(expect), "{text}: {faults:?}");
    }
}

#[test]
fn inputs_of_a_faulty_schema_are_known_by_name() {
    let (schema, faults) = read("a: {type: strng}\nb: string\n");
    assert_eq!(faults.len(), 1);
    assert_eq!(schema.names().collect::<Vec<_>>(), ["a", "b"]);
    let given = map(json!({"a": 1, "c": 2}));
    assert_eq!(schema.resolve(given.clone()), Ok(given));
}

const WORKFLOW: &str = "\
type: object
required: [target]
properties:
  target: {type: string, pattern: \"^[a-z]+$\"}
  count: {type: integer, default: 3, minimum: 1}
  ratio: {type: number}
  dry: {type: boolean, default: false}
  tags: {type: array, items: {type: string}, default: [a]}
  server:
    type: object
    additionalProperties: false
    required: [host]
    properties:
      host: {type: string}
      port: {type: integer, default: 80}
  token: {type: [string, \"null\"], sensitive: true}
  free: {}
";

#[test]
fn inputs_are_converted_and_completed() {
    let schema = inputs(WORKFLOW);
    let check = |given: Value, expect: Value| {
        assert_eq!(schema.resolve(map(given)).map(Value::Object), Ok(expect));
    };
    check(
        json!({"target": "a"}),
        json!({"target": "a", "count": 3, "dry": false, "tags": ["a"]}),
    );
    check(
        json!({"target": "a", "count": "5", "dry": "true", "ratio": "1.5", "tags": [], "free": "5"}),
        json!({"target": "a", "count": 5, "dry": true, "ratio": 1.5, "tags": [], "free": "5"}),
    );
    check(
        json!({"target": "a", "count": 2.0, "server": {"host": "h"}, "tags": "[\"x\"]", "token": null}),
        json!({
            "target": "a", "count": 2, "dry": false, "tags": ["x"],
            "server": {"host": "h", "port": 80}, "token": null,
        }),
    );
}

#[test]
fn inputs_are_known_as_far_as_they_are_given() {
    let schema = inputs(
        "hosts: {type: array, required: true}\n\
         count: {type: integer, default: 3}\n\
         region: {type: string}\n",
    );
    let check = |given: Value, values: Value, missing: &[&str], absent: &[&str]| {
        let known = schema.resolve_known(map(given)).expect("they fit");
        assert_eq!(Value::Object(known.values), values);
        assert_eq!(known.missing, missing);
        assert_eq!(known.absent, absent);
    };
    check(json!({}), json!({"count": 3}), &["hosts"], &["region"]);
    check(
        json!({"region": "eu", "count": "4"}),
        json!({"region": "eu", "count": 4}),
        &["hosts"],
        &[],
    );
    check(
        json!({"hosts": ["a"]}),
        json!({"hosts": ["a"], "count": 3}),
        &[],
        &["region"],
    );
    let violations = schema.resolve_known(map(json!({"count": "many", "regoin": 1})));
    let violations = violations.expect_err("they do not fit");
    let places: Vec<&str> = violations.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(places, ["/count", "/regoin"]);
    let none = InputsSchema::none().resolve_known(Map::new());
    assert_eq!(none, Ok(KnownInputs::default()));
}

#[test]
fn all_violations_are_found_at_once() {
    let schema = inputs(WORKFLOW);
    let check = |given: Value, expect: &[&str]| {
        let violations = schema.resolve(map(given)).expect_err("it is invalid");
        let shown: Vec<String> = violations.iter().map(ToString::to_string).collect();
        assert_eq!(shown, expect);
    };
    check(json!({}), &["/target: it is required, and was not given"]);
    check(
        json!({"target": "A1", "count": "many", "cuont": 2, "server": {"prot": 1}}),
        &[
            "/count: it has to be a whole number; `\"many\"` was given",
            "/cuont: there is no such input; did you mean `count`?",
            "/server/host: it is required, and was not given",
            "/server/prot: there is no such member; did you mean `port`?",
            "/target: it does not match \"^[a-z]+$\"; `\"A1\"` was given",
        ],
    );
    check(
        json!({"target": "a", "else": 1}),
        &[
            "/else: there is no such input; the inputs are `target`, `count`, `ratio`, `dry`, `tags`, `server`, `token`, `free`",
        ],
    );
    let long = "x".repeat(1000);
    let violations = schema.resolve(map(json!({"target": long, "count": 0})));
    let violations = violations.expect_err("it is invalid");
    assert_eq!(violations.len(), 1, "{violations:?}");
    let violations = schema.resolve(map(json!({"target": long.to_uppercase()})));
    assert!(violations.expect_err("it is invalid")[0].message.len() < 200);
}

#[test]
fn plain_value_of_a_sensitive_input_is_refused_and_not_repeated() {
    let schema = inputs(WORKFLOW);
    let given = map(json!({"target": "a", "token": "hunter2"}));
    assert_eq!(schema.sensitive(&given), ["/token"]);
    for token in [json!("hunter2"), json!(["hunter2"])] {
        let violations = schema.resolve(map(json!({"target": "a", "token": token})));
        let violations = violations.expect_err("it is sensitive");
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].path, "/token");
        assert!(violations[0].message.contains("put it into a secret"));
        assert!(!violations[0].message.contains("hunter2"));
    }
}

#[test]
fn sensitive_inputs_that_are_sealed_are_accepted_and_not_repeated() {
    let schema = inputs(
        "pin: {type: integer, sensitive: true, maximum: 9999}\n\
         login: {type: object, properties: {user: {type: string}, password: {type: string, minLength: 4, sensitive: true}}}\n\
         keys: {type: object, sensitive: true, properties: {a: {type: string}}, additionalProperties: false}\n",
    );
    let given =
        json!({"pin": "1234", "login": {"user": "ann", "password": "hunter2"}, "keys": {"a": "x"}});
    let (values, places) = schema.resolve_sensitive(map(given)).expect("they fit");
    assert_eq!(values["pin"], 1234);
    assert_eq!(places, ["/keys", "/login/password", "/pin"]);
    let given =
        json!({"pin": 123_456, "login": {"user": 1, "password": "abc"}, "keys": {"hunter2": 1}});
    let violations = schema
        .resolve_sensitive(map(given))
        .expect_err("they do not");
    let shown: Vec<String> = violations.iter().map(ToString::to_string).collect();
    let not_shown = "it does not fit the schema; it is not shown, because it is sensitive";
    assert_eq!(shown[0], format!("/keys: {not_shown}"));
    assert_eq!(shown[1], format!("/login/password: {not_shown}"));
    assert!(shown[2].starts_with("/login/user: "), "{shown:?}");
    assert_eq!(shown[3], format!("/pin: {not_shown}"));
    assert_eq!(shown.len(), 4);
    assert_eq!(
        InputsSchema::none().resolve_sensitive(Map::new()),
        Ok((Map::new(), Vec::new()))
    );
}

#[test]
fn file_without_inputs_refuses_all() {
    let schema = InputsSchema::none();
    assert!(!schema.is_declared());
    assert_eq!(schema.resolve(Map::new()), Ok(Map::new()));
    let violations = schema.resolve(map(json!({"a/b": 1}))).expect_err("none");
    assert_eq!(violations[0].to_string(), "/a~1b: no inputs are declared");
    let violations = inputs("{}\n").resolve(map(json!({"a": 1})));
    let violations = violations.expect_err("none");
    assert_eq!(violations[0].to_string(), "/a: there is no such input");
}

#[test]
fn open_schema_takes_other_inputs() {
    let schema = inputs("properties: {a: integer}\nadditionalProperties: {type: integer}\n");
    let given = map(json!({"a": "1", "b": "2"}));
    assert_eq!(
        schema.resolve(given).map(Value::Object),
        Ok(json!({"a": 1, "b": 2}))
    );
    schema.resolve(map(json!({"b": "x"}))).expect_err("text");
    let schema = inputs("properties: {}\nadditionalProperties: true\n");
    let given = map(json!({"b": [1]}));
    assert_eq!(schema.resolve(given.clone()), Ok(given));
}

#[test]
fn file_of_inputs_is_json_or_yaml() {
    let check = |text: &str, expect: Value| {
        let file = SourceFile::new("in", text);
        assert_eq!(inputs_file(&file).map(Value::Object), Ok(expect), "{text}");
    };
    check(
        "{\"a\": [1, {\"b\": null}]}",
        json!({"a": [1, {"b": null}]}),
    );
    check("a:\n  - 1\n  - b: x\n", json!({"a": [1, {"b": "x"}]}));
    check("{a: b}", json!({"a": "b"}));
    check("", json!({}));
    for text in ["[1]", "- 1\n", "3", "{\"a\": 1, \"a\": 2}", "{", "a: [\n"] {
        inputs_file(&SourceFile::new("in", text)).expect_err(text);
    }
}

/// Takes all items of a stream that comes in pieces of `size` bytes.
fn split(text: &[u8], size: usize) -> Vec<Result<Value, String>> {
    let mut items = InputItems::new();
    let mut taken = Vec::new();
    let take_all = |items: &mut InputItems, taken: &mut Vec<_>| loop {
        match items.take() {
            Ok(Some(item)) => taken.push(Ok(Value::Object(item))),
            Ok(None) => break,
            Err(error) => taken.push(Err(error.to_string())),
        }
    };
    for piece in text.chunks(size) {
        items.push(piece);
        take_all(&mut items, &mut taken);
    }
    items.end();
    take_all(&mut items, &mut taken);
    taken
}

#[test]
fn stream_is_split_into_items() {
    let two = [json!({"a": 1}), json!({"b": "}{]["})];
    for text in [
        "{\"a\": 1}\n{\"b\": \"}{][\"}\n",
        "{\n  \"a\": 1\n}{\"b\": \"}{][\"}",
        "[{\"a\": 1}, {\"b\": \"}{][\"}]",
        " [ {\"a\": 1}\n,{\"b\": \"}{][\"} ]\n",
        "a: 1\n---\nb: \"}{][\"\n",
        "---\na: 1\n--- {b: \"}{][\"}\n",
        "# two\n---\na: 1\n...\n---\n# none\n---\nb: '}{]['",
        "\u{feff}{\"a\": 1}\r\n{\"b\": \"}{][\"}\r\n",
    ] {
        for size in [1, 3, 1000] {
            let items: Result<Vec<Value>, String> =
                split(text.as_bytes(), size).into_iter().collect();
            assert_eq!(items.as_deref(), Ok(&two[..]), "{text} by {size}");
        }
    }
    for text in ["", " \n", "[]", "---\n---\n", "# nothing\n"] {
        assert_eq!(split(text.as_bytes(), 2), [], "{text}");
    }
    let text = "{\"a\": \"quote \\\" and \\\\\"}";
    assert_eq!(
        split(text.as_bytes(), 1),
        [Ok(json!({"a": "quote \" and \\"}))]
    );
}

#[test]
fn stream_that_cannot_be_split_is_refused_once() {
    let check = |text: &[u8], n_before: usize, expect: &str| {
        for size in [1, 1000] {
            let mut items = split(text, size);
            let last = items.pop().expect("a result").expect_err("an error");
            assert!(last.contains(expect), "{last}");
            assert_eq!(items.len(), n_before, "{items:?}");
        }
    };
    check(b"[{} {}]", 1, "before item 2");
    check(b"[{},]", 1, "before item 2");
    check(b"[,{}]", 0, "before item 1");
    check(b"[{}", 1, "in the middle of item 2");
    check(b"[{}] {}", 1, "after the end");
    check(
        b"[1]",
        0,
        "item 1 should be a JSON object, but begins with `1`",
    );
    check(
        b"{}, {}",
        1,
        "item 2 should be a JSON object, but begins with `,`",
    );
    check(b"{\"a\": 1", 0, "in the middle of item 1");
    check(b"{\"a\": \"\xff\"}", 0, "item 1 is not text");
    check("a: 1\n---\n- 1\n".as_bytes(), 1, "stdin (item 2)");
}

#[test]
fn item_with_a_fault_does_not_end_the_stream() {
    let items = split(b"{\"a\": 1, \"a\": 2}\n{\"b\": 2}\n", 7);
    assert_eq!(items.len(), 2);
    assert!(
        items[0]
            .as_ref()
            .is_err_and(|it| it.contains("stdin (item 1)")),
        "{items:?}"
    );
    assert_eq!(items[1], Ok(json!({"b": 2})));
}

#[test]
fn stream_has_bounds() {
    let text = "{}\n".repeat(ITEMS_MAX + 1);
    let items = split(text.as_bytes(), 64 << 10);
    assert_eq!(items.len(), ITEMS_MAX + 1);
    let last = items.last().expect("a result").as_ref();
    assert_eq!(
        last.expect_err("too many"),
        "there are more than 10000 items"
    );
    for begin in ["{\"a\": \"", "[{\"a\": \"", "a: "] {
        let text = format!("{begin}{}", "x".repeat(ITEM_BYTES_MAX + 1));
        let items = split(text.as_bytes(), 1 << 20);
        assert_eq!(
            items,
            [Err("item 1 has more than 16777216 bytes".to_owned())]
        );
    }
}

#[test]
fn hidden_input_is_given_and_not_checked() {
    let declared = inputs(
        "key: {type: string, minLength: 9, sensitive: true, required: true}\n\
         region: {type: string, default: eu}\n",
    );
    let hidden = map(json!({"key": {"mark": 1}}));
    assert_eq!(
        declared.resolve_hidden(Map::new(), hidden.clone()),
        Ok(map(json!({"key": {"mark": 1}, "region": "eu"})))
    );
    let given = map(json!({"region": 7, "regoin": "us"}));
    let found = declared
        .resolve_hidden(given, hidden)
        .expect_err("it is refused");
    let places: Vec<&str> = found.iter().map(|it| it.path.as_str()).collect();
    assert!(
        places.contains(&"/regoin") && !places.contains(&"/key"),
        "{found:?}"
    );
}
