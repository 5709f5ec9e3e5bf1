//! Queries and lists that cost much, never end, or look for what the plugin may not read.

use serde_json::{Value, json};

use crate::harness::{Attack, Scene, call};
use sedge_test_forge::PluginText;

use crate::wat::declared;

const TYPE: &str = "@test/seeker";

/// Compares each item with each other one.
const COSTLY: &str = "attributes.items.exists(a, attributes.items.exists(b, a + b == -1))";

/// Has the whole content once for each pair of items.
const COPIES: &str = "attributes.items.map(a, attributes.items.map(b, content))";

/// A method of the attack's model, after it has written data.
fn after_fill(
    name: &str,
    fill: Value,
    (method, arguments): (&'static str, Value),
    ends: &str,
) -> Attack {
    let run = async move |scene: Scene| {
        let filled = call(&scene.repository, &scene.model, "fill", fill).await;
        assert_eq!(filled, "returned null");
        call(&scene.repository, &scene.model, method, arguments).await
    };
    Attack::other(name, run, ends).of(TYPE)
}

/// A description that uses an import.
fn described(name: &str, import: &str, call: &str, ends: &str) -> Attack {
    let (short, alias) = (import.to_owned(), "look");
    let call = call.to_owned();
    Attack::described(
        name,
        move |mut it: PluginText| {
            let text = it.text("sink");
            it.imports(&declared(&[(&short, alias)])).describe(&format!(
                "(call $look {}) (unreachable)",
                call.replace("{text}", &text)
            ))
        },
        ends,
    )
}

pub(crate) fn attacks() -> Vec<Attack> {
    let find = |predicate: &str| ("find", json!({"predicate": predicate}));
    let deep = format!("{}latest", "!".repeat(4000));
    let long = format!("name == '{}'", "x".repeat(1 << 20));
    vec![
        after_fill(
            "a query that compares everything with everything",
            json!({"name": "large", "items": 5000}),
            find(COSTLY),
            "too much work",
        )
        .leaving(&["large"]),
        after_fill(
            "queries without end",
            json!({"name": "large", "items": 5000}),
            ("find_for_ever", json!({"predicate": COSTLY})),
            "it was stopped after",
        )
        .leaving(&["large"]),
        after_fill(
            "a query that copies one resource a million times",
            json!({"name": "large", "items": 1000, "bytes": 10_000}),
            ("find", json!({"predicate": "true", "select": COPIES})),
            "too much work",
        )
        .leaving(&["large"]),
        Attack::call(
            "a query of 1 MiB",
            (TYPE, "find"),
            json!({"predicate": long}),
            "more than 4096",
        ),
        Attack::call(
            "a query that is nested too deep",
            (TYPE, "find"),
            json!({"predicate": deep}),
            "invalid-query",
        )
        .or("operators")
        .or("nested too deep")
        .or("is wrong"),
        Attack::call(
            "a query for the data of another model",
            (TYPE, "find"),
            json!({"predicate": "model == 'sealed-victim'", "select": "content"}),
            "may not read the model `sealed-victim`",
        ),
        Attack::call(
            "a query for the data of all models",
            (TYPE, "find"),
            json!({"predicate": "model != ''", "select": "content", "all_versions": true}),
            "returned []",
        ),
        Attack::call(
            "a query that begins in the data of another model",
            (TYPE, "page"),
            json!({"predicate": "true", "after": ["sealed-victim", "", 0], "count_max": u32::MAX}),
            "\"matches\":[]",
        ),
        Attack::call(
            "a list of the data of another model",
            (TYPE, "list"),
            json!({"model": "sealed-victim"}),
            "may not read the model `sealed-victim`",
        ),
        Attack::call(
            "the definition of another model",
            (TYPE, "model"),
            json!({"name": "sealed-victim"}),
            "may not read the model `sealed-victim`",
        ),
        Attack::call(
            "a definition outside of the folder",
            (TYPE, "model"),
            json!({"name": "../sedge"}),
            "may not read the model `../sedge`",
        ),
        Attack::call(
            "the definitions that begin like another one",
            (TYPE, "models"),
            json!({"prefix": "sealed-victim"}),
            "returned []",
        ),
        described(
            "a description that looks for definitions",
            "models.get",
            "{text} (global.get $scratch)",
            "may not use this import",
        ),
    ]
}
