//! `@sedge/shell`: runs a program that the operator pinned, and keeps what it printed.
//!
//! Each model runs one, by the name that its definition gives. The type asks for every command, for
//! it cannot know how the operator calls theirs; which of them a model may run is what it is granted.

use std::io::Write;

use schemars::JsonSchema;
use sedge_sdk::{Context, End, Failure, MethodKind, Model, Output, Permission, Printed, json};
use serde::{Deserialize, Serialize};

/// The most bytes of an output that become part of the resource; a larger one becomes a file.
/// Two of them, with every byte written as an escape of six, fit into a resource.
const TEXT_BYTES_MAX: usize = 256 << 10;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Globals {
    /// What to run, by the name under which it is pinned in `sedge.yaml`
    command: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RunArguments {
    /// What the program is given, as far as its pin allows it
    #[serde(default)]
    arguments: Vec<String>,
    /// What it can read from stdin
    #[serde(default)]
    stdin: Option<String>,
    /// The exit codes that are a success [default: 0]
    #[serde(default)]
    expect_exit: Vec<u8>,
    /// What the data is called [default: `result`, and `stdout` and `stderr`]
    #[serde(default)]
    name: Option<String>,
}

/// What became of the program.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Record {
    /// What was run
    command: String,
    /// What it was given
    arguments: Vec<String>,
    /// The code that it ended with
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u8>,
    /// The signal that ended it
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<u8>,
    stdout: Kept,
    stderr: Kept,
}

/// What was printed to one output.
#[derive(Serialize, JsonSchema)]
struct Kept {
    /// It, if it is text and not too large
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The file that it is in, otherwise
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// Whether there was more than the pin keeps
    cut: bool,
}

fn model() -> Model {
    Model::new(
        "@sedge/shell",
        "2026.11.26.1",
        "Runs a program that is pinned, and keeps what it printed",
    )
    .global_arguments::<Globals>()
    .asks_for(
        Permission::Commands {
            name: "*".to_owned(),
        },
        "to run the one that a model names",
    )
    .resource::<Record>("result", "How the program ended, and what it printed")
    .file(
        "output",
        "application/octet-stream",
        "What it printed, if that is no text or too large",
    )
    .method("run", MethodKind::Action, "Run the program", run)
}

fn run(cx: &Context, arguments: RunArguments) -> Result<Record, Failure> {
    let Globals { command: name } = cx.global_arguments()?;
    let mut command = cx.command(&name).arguments(&arguments.arguments);
    if let Some(stdin) = arguments.stdin {
        command = command.stdin(stdin);
    }
    let Output {
        end,
        stdout,
        stderr,
    } = command.run()?;
    // What it printed last says why it failed, mostly.
    let said = stderr.last_line();
    let file = |output: &str| match &arguments.name {
        Some(name) => format!("{name}/{output}"),
        None => output.to_owned(),
    };
    let (exit_code, signal) = match end {
        End::Exit(code) => (Some(code), None),
        End::Signal(number) => (None, Some(number)),
    };
    let record = Record {
        command: name,
        arguments: arguments.arguments,
        exit_code,
        signal,
        stdout: kept(cx, stdout, &file("stdout"))?,
        stderr: kept(cx, stderr, &file("stderr"))?,
    };
    let name = arguments.name.as_deref().unwrap_or("result");
    cx.resource("result").named(name).write(&record)?;
    let is_success = match (exit_code, arguments.expect_exit.as_slice()) {
        (Some(code), []) => code == 0,
        (Some(code), expected) => expected.contains(&code),
        (None, _) => false,
    };
    if is_success {
        return Ok(record);
    }
    let message = match said {
        Some(line) => format!("the program {end}: {line}"),
        None => format!("the program {end}"),
    };
    let details = json!({"exitCode": record.exit_code, "signal": record.signal, "result": name});
    Err(Failure::new("command-failed", message)
        .with_details(details)
        .keep_writes())
}

fn kept(cx: &Context, printed: Printed, file: &str) -> Result<Kept, Failure> {
    let cut = printed.is_cut;
    let bytes = match String::from_utf8(printed.bytes) {
        Ok(text) if text.len() <= TEXT_BYTES_MAX => {
            return Ok(Kept {
                text: Some(text),
                file: None,
                cut,
            });
        }
        Ok(text) => text.into_bytes(),
        Err(error) => error.into_bytes(),
    };
    let mut writer = cx.file("output").named(file).create()?;
    writer.write_all(&bytes)?;
    writer.finish()?;
    Ok(Kept {
        text: None,
        file: Some(file.to_owned()),
        cut,
    })
}

sedge_sdk::export!(model);
