//! `@test/asker`: requests one permission of each kind, and tries to use them.

#![expect(
    clippy::disallowed_methods,
    reason = "tests check what a guest can do with files"
)]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::{fs, io};

use schemars::JsonSchema;
use sedge_sdk::{
    Context, Failure, FileAccess, MethodKind, Model, NoArguments, Permission, Value, json,
};
use serde::Deserialize;

fn model() -> Model {
    Model::new(
        "@test/asker",
        "2026.11.26.1",
        "Requests one permission of each kind",
    )
    .asks_for_models("sink", "to note down what it found")
    .asks_for(
        Permission::Http {
            url: "https://*.example.com".to_owned(),
            methods: vec!["GET".to_owned(), "HEAD".to_owned()],
        },
        "to look at the service",
    )
    .asks_for(
        Permission::Sockets {
            to: "db.example.com:5432".to_owned(),
        },
        "to look into the database",
    )
    .asks_for(
        Permission::Files {
            name: "inbox".to_owned(),
            access: FileAccess::Write,
        },
        "to sort what came in",
    )
    .asks_for(
        Permission::Env {
            name: "ASKER_OLD".to_owned(),
        },
        "to know the region",
    )
    .asks_for(
        Permission::Secrets {
            name: "TOKEN".to_owned(),
            hosts: vec!["https://api.example.com".to_owned()],
            reveal: false,
        },
        "to be known to the service",
    )
    .asks_for(
        Permission::Commands {
            name: "date".to_owned(),
        },
        "to know the day",
    )
    .method("look", MethodKind::Read, "Read a file of the folder", look)
    .method("put", MethodKind::Action, "Write a file of the folder", put)
    .method("region", MethodKind::Read, "Read the variable", region)
    .method(
        "call",
        MethodKind::Action,
        "Have `sink` note something",
        call,
    )
}

/// Returns the callee's result.
fn call(cx: &Context, _: NoArguments) -> Result<Value, Failure> {
    Ok(cx.call("sink", "run", &NoArguments {})?.value)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LookArguments {
    /// Below the folder, or absolute
    path: String,
}

/// Returns the content of a file, or the names in a folder.
fn look(cx: &Context, arguments: LookArguments) -> Result<Value, Failure> {
    let path = cx.folder("inbox")?.join(&arguments.path);
    let found = fs::metadata(&path).map_err(failed)?;
    if found.is_dir() {
        let entries = fs::read_dir(&path).map_err(failed)?;
        let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name());
        let names: io::Result<BTreeSet<OsString>> = entries.map(name).collect();
        let names = names.map_err(failed)?;
        let names: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
        return Ok(json!(names));
    }
    Ok(json!(fs::read_to_string(&path).map_err(failed)?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PutArguments {
    /// Below the folder, or absolute
    path: String,
    /// The content of the file
    text: String,
}

fn put(cx: &Context, arguments: PutArguments) -> Result<(), Failure> {
    let path = cx.folder("inbox")?.join(&arguments.path);
    fs::write(path, arguments.text).map_err(failed)
}

fn region(cx: &Context, _: NoArguments) -> Result<Value, Failure> {
    Ok(json!(cx.variable("ASKER_OLD")?))
}

fn failed(error: io::Error) -> Failure {
    Failure::new("io", error.to_string())
}

sedge_sdk::export!(model);
