//! `@test/runner`: runs the commands in its arguments.

use schemars::JsonSchema;
use sedge_sdk::{Context, End, Failure, MethodKind, Model, Permission, Value, json};
use serde::Deserialize;

/// How many bytes of an output are returned.
const SHOWN_BYTES: usize = 4 << 10;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunArguments {
    command: String,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    stdin: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ThenArguments {
    first: RunArguments,
    /// The model to call afterwards
    target: String,
    second: Value,
}

fn model() -> Model {
    let command = |name: &str| Permission::Commands {
        name: name.to_owned(),
    };
    Model::new("@test/runner", "2026.12.01.1", "Runs commands")
        .asks_for(command("sh"), "to run scripts")
        .asks_for(command("printf"), "to check its arguments")
        .asks_for(command("missing"), "to check that it is missing")
        .asks_for_models("*", "to call the model in its arguments")
        .method("run", MethodKind::Action, "Run a command", run)
        .method("look", MethodKind::Read, "Run a command, to read", run)
        .method(
            "observe",
            MethodKind::Observe,
            "Run a command, to look",
            run,
        )
        .method("then", MethodKind::Action, "Run a command, then call", then)
}

fn run(cx: &Context, arguments: RunArguments) -> Result<Value, Failure> {
    let mut command = cx.command(arguments.command).arguments(arguments.arguments);
    if let Some(stdin) = arguments.stdin {
        command = command.stdin(stdin);
    }
    let output = command.run()?;
    let shown = |bytes: &[u8]| {
        let shown = &bytes[..bytes.len().min(SHOWN_BYTES)];
        String::from_utf8_lossy(shown).into_owned()
    };
    let (exit, signal) = match output.end {
        End::Exit(code) => (Some(code), None),
        End::Signal(number) => (None, Some(number)),
    };
    Ok(json!({
        "exit": exit,
        "signal": signal,
        "stdout": shown(&output.stdout.bytes),
        "stderr": shown(&output.stderr.bytes),
        "n_stdout": output.stdout.bytes.len(),
        "n_stderr": output.stderr.bytes.len(),
        "cut": [output.stdout.is_cut, output.stderr.is_cut],
    }))
}

fn then(cx: &Context, arguments: ThenArguments) -> Result<Value, Failure> {
    run(cx, arguments.first)?;
    let outcome = cx.call(&arguments.target, "run", &arguments.second)?;
    Ok(outcome.value)
}

sedge_sdk::export!(model);
