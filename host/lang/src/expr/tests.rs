//! Expressions and templates: their values, their faults with places, their needs and their limits.

use serde_json::{Value, json};

use super::template::Template;
use super::*;

mod faults;
mod files;
mod hostile;
mod needs;
mod properties;
mod templates;
mod values;

/// 2026-11-26T10:00:00Z, in milliseconds since 1970.
const NOW_MS: u64 = 1_795_687_200_000;

/// The variables of the tests. The members of `inputs` and `self` are known.
fn variables() -> Variables {
    let any = |names: &[&str]| {
        let members = names.iter().map(|name| ((*name).to_owned(), Shape::Any));
        Shape::Object(members.collect())
    };
    let inputs = [
        "region", "n", "price", "flag", "none", "list", "names", "map", "my-name", "nested",
        "text", "big", "items", "1st", "in", "minus", "bytes64",
    ];
    Variables::new()
        .with("inputs", any(&inputs))
        .with(
            "self",
            any(&["id", "name", "version", "tags", "globalArguments"]),
        )
        .with("steps", Shape::Any)
        .with("jobs", Shape::Any)
        .with("run", Shape::Any)
        .with("item", Shape::Any)
        .with_lookup("env")
        .with_lookup("model")
        .with_function("data.latest", 2..=3)
        .with_function("data.findBySpec", 2..=2)
        .with_function("data.query", 1..=2)
        .with_function("file.contents", 2..=2)
        .with_function("model.method", 2..=3)
        .with_function("secret", 1..=1)
        .with_hyphens()
}

fn inputs() -> Value {
    json!({
        "region": "eu", "n": 3, "price": 2.5, "flag": true, "none": null, "list": [3, 1, 2],
        "names": ["ann", "bob"], "map": {"b": 2, "a": 1}, "my-name": "hyphen",
        "nested": {"deep": {"x": 1}, "a-b": 5}, "text": "Hello World", "big": u64::MAX,
        "items": [{"id": 2, "tags": ["x"]}, {"id": 1, "tags": []}], "1st": "first", "in": "inner",
        "minus": -4, "bytes64": "aGVsbG8=",
    })
}

/// Calls `test` with an environment for [`variables`].
fn with_env<T>(test: impl FnOnce(&mut Env<'_>) -> T) -> T {
    let inputs = inputs();
    let own = json!({
        "id": "0f8", "name": "db-main", "version": 4, "tags": {"team": "core"},
        "globalArguments": {"size": "small"},
    });
    let steps = json!({
        "get-all": {"status": "succeeded", "outputs": {"n": 2, "rows": [1, 2]}},
        "each": [{"status": "succeeded"}, {"status": "failed"}],
    });
    let jobs = json!({"build-it": {"status": "failed"}});
    let run = json!({"id": "k3v9", "workflowName": "deploy", "tags": {}});
    let item = json!({"key": "a", "value": 1});
    let mut env = Env::new(NOW_MS)
        .with("inputs", &inputs)
        .with("self", &own)
        .with("steps", &steps)
        .with("jobs", &jobs)
        .with("run", &run)
        .with("item", &item);
    test(&mut env)
}

fn compile(text: &str) -> Result<Expr, Diagnostic> {
    Expr::compile(text, &TextPlace::of_text("expression", text), &variables())
}

fn eval(text: &str) -> Result<Evaluated, Diagnostic> {
    let expr = compile(text)?;
    with_env(|env| expr.eval(env))
}

/// Checks the value of an expression.
fn check(text: &str, expect: Value) {
    match eval(text) {
        Ok(found) => assert_eq!(found, Evaluated::Value(expect), "{text}"),
        Err(fault) => panic!("{text}: {fault} ({:?})", fault.hint),
    }
}
