//! `@test/guarded`: a type with checks before its methods and with upgrades of its arguments. One
//! check misbehaves if the definition says so.

#![expect(
    clippy::disallowed_methods,
    reason = "tests check what a guest can do with files"
)]

use std::fs;

use schemars::JsonSchema;
use sedge_sdk::{
    CheckScope, CheckedCall, Context, Failure, FileAccess, MethodKind, Model, NoArguments,
    Permission, Request, Value, json,
};
use serde::{Deserialize, Serialize};

/// The size of a message that no host should accept, in bytes.
const HUGE_BYTES: usize = 3 << 20;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Globals {
    /// The largest value that may be set
    #[serde(default = "limit_default")]
    limit: u32,
    /// What the check `behaves` does
    mischief: Option<String>,
    /// Any text
    #[expect(dead_code, reason = "only upgrades look at it")]
    label: Option<String>,
}

fn limit_default() -> u32 {
    9
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetArguments {
    /// The value to set
    value: u32,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Stored {
    value: u32,
}

fn model() -> Model {
    let folder = Permission::Files {
        name: "work".to_owned(),
        access: FileAccess::Write,
    };
    let http = Permission::Http {
        url: "http://127.0.0.1".to_owned(),
        methods: Vec::new(),
    };
    let command = Permission::Commands {
        name: "*".to_owned(),
    };
    let socket = Permission::Sockets {
        to: "127.0.0.1:9".to_owned(),
    };
    Model::new("@test/guarded", "2026.11.30.1", "Is checked before it acts")
        .global_arguments::<Globals>()
        .resource::<Stored>("value", "The value")
        .asks_for_models("*", "to try calls from a check")
        .asks_for(folder, "to try changes of files from a check")
        .asks_for(http, "to try requests from a check")
        .asks_for(command, "to try commands from a check")
        .asks_for(socket, "to try connections from a check")
        .method("set", MethodKind::Update, "Set the value", set)
        .method("clear", MethodKind::Action, "Set the value to 0", clear)
        .method("get", MethodKind::Read, "Return the value", get)
        .method("note", MethodKind::Observe, "Set the value, as seen", set)
        .check_with(
            "small",
            "The value is not too large",
            CheckScope::new().method("set").label("policy"),
            small,
        )
        .check_with(
            "changed",
            "The value differs from the latest one",
            CheckScope::new().method("set").label("data"),
            changed,
        )
        .check("behaves", "The check does as the definition says", behaves)
        .upgrade("2026.11.20.1", "`max` is now `limit`", |arguments| {
            if let Some(max) = arguments.remove("max") {
                arguments.insert("limit".to_owned(), max);
            }
            Ok(())
        })
        .upgrade(
            "2026.11.30.1",
            "`names` is now the text `label`",
            |arguments| {
                let Some(mut names) = arguments.remove("names") else {
                    return Ok(());
                };
                let names = names.as_array_mut().map(std::mem::take).unwrap_or_default();
                match <[Value; 1]>::try_from(names) {
                    Ok([name]) => drop(arguments.insert("label".to_owned(), name)),
                    Err(names) => {
                        let message =
                            format!("`names` has {} names, and must have one", names.len());
                        return Err(Failure::new("ambiguous", message));
                    }
                }
                Ok(())
            },
        )
}

fn set(cx: &Context, arguments: SetArguments) -> Result<u32, Failure> {
    let value = arguments.value;
    cx.write("value", &Stored { value })?;
    Ok(value)
}

fn clear(cx: &Context, _: NoArguments) -> Result<(), Failure> {
    Ok(cx.write("value", &Stored { value: 0 })?)
}

fn get(cx: &Context, _: NoArguments) -> Result<Option<u32>, Failure> {
    let latest = cx.latest::<Stored>("value")?;
    Ok(latest.map(|latest| latest.content.value))
}

fn small(cx: &Context, call: &CheckedCall) -> Result<(), Failure> {
    let limit = cx.global_arguments::<Globals>()?.limit;
    let value = call.arguments::<SetArguments>()?.value;
    if value > limit {
        let message = format!("{value} is more than {limit}");
        return Err(Failure::new("too-large", message));
    }
    Ok(())
}

fn changed(cx: &Context, call: &CheckedCall) -> Result<(), Failure> {
    let value = call.arguments::<SetArguments>()?.value;
    cx.info(format!("looking for {value}"));
    let latest = cx.latest::<Stored>("value")?;
    if latest.is_some_and(|latest| latest.content.value == value) {
        return Err(Failure::new("same", format!("it is {value} already")));
    }
    Ok(())
}

/// Tries what a check must not do. Each attempt ends in the message of a failure.
fn behaves(cx: &Context, _: &CheckedCall) -> Result<(), Failure> {
    let globals = cx.global_arguments::<Globals>()?;
    let Some(mischief) = globals.mischief else {
        return Ok(());
    };
    match mischief.as_str() {
        "write" => cx.write("value", &Stored { value: 7 })?,
        "publish" => drop(cx.publish()?),
        "delete" => cx.delete("value")?,
        "call" => drop(cx.call("sink", "run", &json!({}))?),
        "command" => drop(cx.command("any").run()?),
        "file" => fs::write(cx.folder("work")?.join("made"), "by a check")?,
        "post" => drop(cx.http(&Request::post("http://127.0.0.1/"))?),
        "connect" => drop(std::net::TcpStream::connect("127.0.0.1:9")?),
        "loop" => loop {
            std::hint::black_box(());
        },
        "panic" => panic!("a check may panic"),
        "huge" => return Err(Failure::new("huge", "x".repeat(HUGE_BYTES))),
        _ => {}
    }
    Err(Failure::new("done", format!("`{mischief}` was possible")))
}

sedge_sdk::export!(model);
