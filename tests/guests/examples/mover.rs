//! `@test/mover`: performs one operation on a path, in one of the two folders that it requests.

#![expect(
    clippy::disallowed_methods,
    reason = "tests check what a guest can do with files"
)]

use std::fs::{self, File};
use std::path::PathBuf;

use schemars::JsonSchema;
use sedge_sdk::{Context, Failure, FileAccess, MethodKind, Model, Permission};
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum What {
    /// Nothing; only request the folder by its name
    Ask,
    Follow,
    Link,
    List,
    Make,
    Move,
    Open,
    Remove,
    RemoveFolder,
    Stat,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DoArguments {
    what: What,
    /// An absolute path; for `ask`, the name of a folder
    path: PathBuf,
    /// The destination, if there is one
    #[serde(default)]
    to: PathBuf,
}

fn model() -> Model {
    let folder = |name: &str| Permission::Files {
        name: name.to_owned(),
        access: FileAccess::Write,
    };
    Model::new("@test/mover", "2026.11.26.1", "Moves files")
        .asks_for(folder("inbox"), "to take files from there")
        .asks_for(folder("outbox"), "to put files there")
        .method(
            "do",
            MethodKind::Action,
            "Perform one operation on a path",
            act,
        )
}

fn act(cx: &Context, arguments: DoArguments) -> Result<(), Failure> {
    let DoArguments { what, path, to } = arguments;
    let done = match what {
        What::Ask => {
            cx.folder(&path.to_string_lossy())?;
            Ok(())
        }
        What::Follow => fs::read_link(path).map(drop),
        What::Link => fs::hard_link(path, to),
        What::List => fs::read_dir(path).map(drop),
        What::Make => fs::create_dir(path),
        What::Move => fs::rename(path, to),
        What::Open => File::open(path).map(drop),
        What::Remove => fs::remove_file(path),
        What::RemoveFolder => fs::remove_dir(path),
        What::Stat => fs::metadata(path).map(drop),
    };
    done.map_err(|error| Failure::new("io", error.to_string()))
}

sedge_sdk::export!(model);
