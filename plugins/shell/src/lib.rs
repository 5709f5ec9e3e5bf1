//! `@sedge/shell`: runs a program that the operator pinned, and stores its output.
//!
//! Each model runs one command, which its definition names. The type requests all commands,
//! because it cannot know how the operator names them. Which one a model may run is decided by its
//! grants.

use std::io::Write;

use schemars::JsonSchema;
use sedge_sdk::{Context, End, Failure, MethodKind, Model, Output, Permission, Printed, json};
use serde::{Deserialize, Serialize};

/// The maximum size of an output that becomes part of the resource, in bytes. A larger one becomes
/// a file. Two outputs fit into a resource even if each byte takes a JSON escape of six.
const TEXT_BYTES_MAX: usize = 256 << 10;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Globals {
    /// The command to run, by the name under which it is pinned in `sedge.yaml`
    command: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RunArguments {
    /// The arguments of the program; its pin decides which are allowed
    #[serde(default)]
    arguments: Vec<String>,
    /// The text that the program can read from stdin
    #[serde(default)]
    stdin: Option<String>,
    /// The exit codes that count as success [default: 0]
    #[serde(default)]
    expect_exit: Vec<u8>,
    /// The name of the data [default: `result`, and `stdout` and `stderr`]
    #[serde(default)]
    name: Option<String>,
}

/// The result of a program.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Record {
    /// The command
    command: String,
    /// Its arguments
    arguments: Vec<String>,
    /// Its exit code
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u8>,
    /// The signal that ended it
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<u8>,
    stdout: Kept,
    stderr: Kept,
}

/// The output of a program on one stream.
#[derive(Serialize, JsonSchema)]
struct Kept {
    /// The output, if it is text and not too large
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The file with the output, otherwise
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// Whether the program printed more than the pin allows to store
    cut: bool,
}

fn model() -> Model {
    Model::new(
        "@sedge/shell",
        "2026.11.26.1",
        "Runs a pinned program and stores its output",
    )
    .global_arguments::<Globals>()
    .asks_for(
        Permission::Commands {
            name: "*".to_owned(),
        },
        "to run the command that a model names",
    )
    .resource::<Record>("result", "How the program ended and what it printed")
    .file(
        "output",
        "application/octet-stream",
        "Output that is not text or too large",
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
    // The last line on stderr usually says why a program failed.
    let last_line = stderr.last_line();
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
        stdout: store_output(cx, stdout, &file("stdout"))?,
        stderr: store_output(cx, stderr, &file("stderr"))?,
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
    let message = match last_line {
        Some(line) => format!("the program {end}: {line}"),
        None => format!("the program {end}"),
    };
    let details = json!({"exitCode": record.exit_code, "signal": record.signal, "result": name});
    Err(Failure::new("command-failed", message)
        .with_details(details)
        .keep_writes())
}

fn store_output(cx: &Context, printed: Printed, file: &str) -> Result<Kept, Failure> {
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
