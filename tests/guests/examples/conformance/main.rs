//! `@test/conformance`: one method for each thing that a plugin can do through the contract. The
//! tests call all of them, and compare the results with one table for all languages
//! (`host/app/tests/conformance`).
//!
//! An error that a function of the contract returns becomes a result: `{"error": {"code": …,
//! "details": …}}`, as the SDK names it, without its message.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests check what a guest can do outside of its SDK"
)]

mod calls;
mod data;
mod limits;
mod loops;
mod outside;
mod reads;
mod surroundings;
mod workflows;

use schemars::JsonSchema;
use sedge_sdk::{
    CheckScope, CheckedCall, Context, Failure, FileAccess, Map, Model, Permission, Value, json,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Globals {
    /// Any text
    #[serde(default)]
    label: Option<String>,
}

/// A record. Its content has to have a number.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Record {
    n: i64,
}

fn model() -> Model {
    let model = Model::new(
        "@test/conformance",
        "2026.12.01.1",
        "Does everything that the contract allows",
    )
    .global_arguments::<Globals>()
    .upgrade("2026.12.01.1", "`name` is `label` now", upgrade)
    .resource::<Record>("record", "A record with a number")
    .file("text", "text/plain", "Any text")
    .check_with(
        "agrees",
        "The caller agrees",
        CheckScope::new().method("checked").label("manners"),
        agrees,
    );
    let model = permissions(model);
    let model = surroundings::methods(model);
    let model = data::methods(model);
    let model = calls::methods(model);
    let model = reads::methods(model);
    let model = loops::methods(model);
    let model = outside::methods(model);
    let model = workflows::methods(model);
    limits::methods(model)
}

fn permissions(model: Model) -> Model {
    let command = |name: &str| Permission::Commands {
        name: name.to_owned(),
    };
    let secret = |name: &str, reveal| Permission::Secrets {
        name: name.to_owned(),
        hosts: vec!["http://*:*".to_owned()],
        reveal,
    };
    let folder = |name: &str, access| Permission::Files {
        name: name.to_owned(),
        access,
    };
    let variable = |name: &str| Permission::Env {
        name: name.to_owned(),
    };
    let http = Permission::Http {
        url: "http://*:*".to_owned(),
        methods: Vec::new(),
    };
    model
        .asks_for_models("*", "to call the model in its arguments")
        .asks_for_workflows("*", "to run the workflow in its arguments")
        .asks_for(http, "to send the requests in its arguments")
        .asks_for(folder("inbox", FileAccess::Read), "to read files")
        .asks_for(folder("outbox", FileAccess::Write), "to write files")
        .asks_for(variable("CARGO_PKG_NAME"), "to read it")
        .asks_for(variable("SEDGE_CONFORMANCE_UNSET"), "to read it")
        .asks_for(secret("TOKEN", false), "to send it")
        .asks_for(secret("SHOWN", true), "to reveal it")
        .asks_for(secret("MISSING", false), "to find that it is missing")
        .asks_for(command("cat"), "to copy its input")
        .asks_for(command("sh"), "to run scripts")
        .asks_for(command("sleep"), "to be stopped")
        .asks_for(command("unpinned"), "to find that it is not pinned")
        .asks_for(command("broken"), "to find that it does not start")
}

/// Changes the global arguments of definitions that were made for an earlier version.
fn upgrade(globals: &mut Map<String, Value>) -> Result<(), Failure> {
    if let Some(name) = globals.remove("name") {
        globals.insert("label".to_owned(), name);
    }
    Ok(())
}

fn agrees(_: &Context, call: &CheckedCall) -> Result<(), Failure> {
    if call.argument("agree") == Value::Bool(true) {
        return Ok(());
    }
    Err(Failure::new("disagreed", "the caller does not agree"))
}

/// Returns a result as JSON, also if it is an error.
fn outcome<T: Serialize, E: Into<Failure>>(result: Result<T, E>) -> Value {
    match result {
        Ok(value) => json!(value),
        Err(error) => {
            let Failure { code, details, .. } = error.into();
            match details {
                Some(details) => json!({"error": {"code": code, "details": details}}),
                None => json!({"error": {"code": code}}),
            }
        }
    }
}

sedge_sdk::export!(model);
