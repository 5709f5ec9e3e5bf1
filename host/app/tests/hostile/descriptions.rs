//! Descriptions that lie, are too large, or never end.

use serde_json::{Value, json};

use crate::harness::Attack;
use crate::wat::{LOOP, declared, written};
use sedge_test_forge::PluginText;

/// A plugin whose resource has this schema.
fn with_schema(name: &str, schema: &str, ends: &str) -> Attack {
    Attack::described(
        name,
        |it| it.method("run", "").resource("data", schema),
        ends,
    )
}

const NO_SCHEMA: &str = "is not a usable JSON Schema";

pub(crate) fn attacks() -> Vec<Attack> {
    let mut attacks = words();
    attacks.extend(schemas());
    attacks
}

fn words() -> Vec<Attack> {
    let many =
        |it: PluginText| (0..100_000).fold(it, |it, n| it.method_of(&format!("m{n}"), "{}", ""));
    let named = |name: &'static str| move |_: PluginText| PluginText::new(name).method("run", "");
    vec![
        Attack::described(
            "a description that logs without end",
            |mut it| {
                let text = it.text("still here");
                it.imports(&declared(&[("log.log", "log")]))
                    .describe(&format!(
                        "(loop $more
                       (call $log (i32.const 2) {text} (i32.const 0) (i32.const 0))
                       (br $more))
                     (unreachable)"
                    ))
            },
            "its description failed: it was stopped after",
        ),
        Attack::described(
            "a description that calls",
            |mut it| {
                let (sink, run, none) = (it.text("sink"), it.text("run"), it.text("{}"));
                it.imports(&declared(&[("calls.call", "call")]))
                    .describe(&format!(
                        "(call $call {sink} {run} {none} (global.get $scratch)) {LOOP}"
                    ))
            },
            "a description, an upgrade or a report may not use this import",
        ),
        Attack::described(
            "a description that looks around",
            |it| {
                it.imports(&declared(&[("preopens.get-directories", "folders")]))
                    .describe(
                        "(call $folders (global.get $scratch))
                         (if (i32.load offset=4 (global.get $scratch)) (then (return (i32.const 8))))
                         (unreachable)",
                    )
            },
            "unreachable",
        ),
        Attack::described(
            "a type named for the terminal",
            named("@x/\u{1b}[2J"),
            "is not a type name",
        ),
        Attack::described(
            "a type named by a path",
            named("@x/../../sink"),
            "is not a type name",
        ),
        Attack::described(
            "a method named for the terminal",
            |it| it.method("\u{1b}[2Jrun", ""),
            "is not a method name",
        ),
        Attack::described(
            "100 000 methods",
            many,
            "it has 100000 methods, more than 5000",
        ),
        Attack::described(
            "a description of 15 MiB",
            |it| it.description(&"x".repeat(15 << 20)).method("run", ""),
            "its texts have",
        ),
        Attack::described(
            "a list that is longer than the memory",
            |it| {
                it.describe(
                    "(i32.store offset=36 (global.get $scratch) (i32.const -1))
                     (global.get $scratch)",
                )
            },
            "out of bounds",
        )
        .or("the limit `json-bytes`"),
    ]
}

/// The same subschema twice at each level, which doubles the work with each level.
fn doubled(levels: usize) -> Value {
    let mut defs = serde_json::Map::new();
    for n in 0..levels {
        let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
        defs.insert(format!("d{n}"), json!({"allOf": [next, next]}));
    }
    defs.insert(format!("d{levels}"), json!({"type": "object"}));
    json!({"$ref": "#/$defs/d0", "$defs": defs})
}

fn schemas() -> Vec<Attack> {
    let deep = format!("{}{{}}{}", r#"{"not":"#.repeat(5000), "}".repeat(5000));
    let patterns: Vec<String> = (0..3000)
        .map(|n| format!(r#"{{"pattern":"^(\\w{{1,40}}){{1,40}}{n}$"}}"#))
        .collect();
    vec![
        with_schema(
            "a schema that refers to a server",
            r#"{"$ref":"http://127.0.0.1:9/x"}"#,
            NO_SCHEMA,
        ),
        with_schema(
            "a schema that refers to a file",
            r#"{"$ref":"file:///etc/passwd"}"#,
            NO_SCHEMA,
        ),
        with_schema(
            "a schema that refers to itself",
            r##"{"$ref":"#"}"##,
            NO_SCHEMA,
        ),
        with_schema(
            "a schema that refers to itself in a circle",
            r##"{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"$ref":"#/$defs/b"}]},"b":{"not":{"$ref":"#/$defs/a"}}}}"##,
            NO_SCHEMA,
        ),
        with_schema("a schema 5000 deep", &deep, "nests too deeply"),
        with_schema(
            "a schema that doubles with each level",
            &doubled(60).to_string(),
            NO_SCHEMA,
        ),
        with_schema(
            "a pattern that is huge",
            r#"{"pattern":"((\\w{1,100}){1,100}){1,100}"}"#,
            NO_SCHEMA,
        ),
        with_schema(
            "three thousand large patterns",
            &format!(r#"{{"anyOf":[{}]}}"#, patterns.join(",")),
            NO_SCHEMA,
        ),
        Attack::forged(
            "a value whose check doubles with each level",
            |it| {
                let schema = r##"{"allOf":[{"properties":{"a":{"$ref":"#"}}},{"properties":{"a":{"$ref":"#"}}}]}"##;
                let value = format!("{}1{}", r#"{"a":"#.repeat(90), "}".repeat(90));
                written(it, schema, b"name", &value)
            },
            "returned 101",
        ),
        Attack::forged(
            "a text that a pattern backtracks over",
            |it| {
                let texts = format!("\"{}\",", "a".repeat(1000)).repeat(3000);
                let schema = r#"{"items":{"pattern":"^(?=(a|a)*b)(a|a)*c\\1$"}}"#;
                written(it, schema, b"name", &format!("[{texts}1]"))
            },
            "returned 101",
        ),
        Attack::forged(
            "a value that is much work for its schema",
            value_of_work,
            "returned 101",
        ),
    ]
}

/// The schema compares each of two million items with nine hundred others.
fn value_of_work(it: PluginText) -> PluginText {
    let names: Vec<String> = (0..900).map(|n| format!("\"n{n}\"")).collect();
    let schema = format!(r#"{{"items":{{"not":{{"enum":[{}]}}}}}}"#, names.join(","));
    written(
        it,
        &schema,
        b"name",
        &format!("[{}1]", "1,".repeat(2_000_000)),
    )
}
