//! What a call can see and say: its identity, arguments, folders, variables, log and output.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use sedge_sdk::{Context, Failure, Level, MethodKind, Model, NoArguments, Value, json};
use serde::Deserialize;

use crate::{Globals, outcome};

#[derive(Deserialize, JsonSchema)]
struct EchoArguments {
    value: Value,
}

#[derive(Deserialize, JsonSchema)]
struct NameArguments {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct FileArguments {
    folder: String,
    file: String,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize, JsonSchema)]
struct FailArguments {
    code: String,
    message: String,
    #[serde(default)]
    details: Option<Value>,
    #[serde(default)]
    keep_writes: bool,
    /// The name of a record that is written before
    write: String,
}

#[derive(Deserialize, JsonSchema)]
struct CheckedArguments {
    /// What the check `agrees` looks at
    agree: bool,
}

pub(crate) fn methods(model: Model) -> Model {
    let (read, action) = (MethodKind::Read, MethodKind::Action);
    model
        .method("echo", action, "Return the argument", echo)
        .method("globals", read, "Return the global arguments", globals)
        .method("who", read, "Return the identity of the call", who)
        .method("deadline", read, "Return the time that is left", deadline)
        .method("variable", read, "Return a variable", variable)
        .method("folder-read", read, "Return a file", folder_read)
        .method("folder-write", action, "Write a file", folder_write)
        .method("log", action, "Write a line of each level", log)
        .method("print", action, "Print to both streams", print)
        .method("clock", read, "Look at the clocks", clock)
        .method("random", read, "Return random numbers", random)
        .method("fail", action, "Write a record, and fail", fail)
        .method("panic", action, "Fail by a fault in the code", panic)
        .method("checked", action, "Run if the check agrees", checked)
}

fn echo(_: &Context, arguments: EchoArguments) -> Result<Value, Failure> {
    Ok(arguments.value)
}

fn globals(cx: &Context, _: NoArguments) -> Result<Value, Failure> {
    Ok(json!({"label": cx.global_arguments::<Globals>()?.label}))
}

fn who(cx: &Context, _: NoArguments) -> Result<Value, Failure> {
    let it = cx.identity();
    Ok(json!({
        "model": it.model,
        "model_id": it.model_id,
        "type": it.type_name,
        "type_version": it.type_version,
        "tags": it.tags,
        "method": it.method,
        "run": it.run,
        "call": it.call,
        "step": it.step,
    }))
}

fn deadline(cx: &Context, _: NoArguments) -> Result<Value, Failure> {
    let left_ms = u64::try_from(cx.deadline_left().as_millis()).unwrap_or(u64::MAX);
    Ok(json!({"left_ms": left_ms}))
}

fn variable(cx: &Context, arguments: NameArguments) -> Result<Value, Failure> {
    let value = cx.variable(&arguments.name);
    Ok(outcome(value.map(|value| json!({"value": value}))))
}

fn folder_read(cx: &Context, arguments: FileArguments) -> Result<Value, Failure> {
    Ok(outcome(read(cx, &arguments)))
}

fn read(cx: &Context, arguments: &FileArguments) -> Result<Value, Failure> {
    let path = cx.folder(&arguments.folder)?.join(&arguments.file);
    Ok(json!({"text": fs::read_to_string(path)?}))
}

fn folder_write(cx: &Context, arguments: FileArguments) -> Result<Value, Failure> {
    Ok(outcome(write(cx, &arguments)))
}

fn write(cx: &Context, arguments: &FileArguments) -> Result<Value, Failure> {
    let path = cx.folder(&arguments.folder)?.join(&arguments.file);
    fs::write(&path, &arguments.text)?;
    Ok(json!({"text": fs::read_to_string(path)?}))
}

fn log(cx: &Context, _: NoArguments) -> Result<(), Failure> {
    cx.log(Level::Trace, "a trace", &[]);
    cx.log(Level::Debug, "some details", &[]);
    let fields = [("n", json!(1)), ("list", json!(["é", null]))];
    cx.log(Level::Info, "some information", &fields);
    cx.log(Level::Warn, "a warning", &[]);
    cx.log(Level::Error, "an error", &[]);
    Ok(())
}

fn print(_: &Context, _: NoArguments) -> Result<(), Failure> {
    println!("to stdout");
    eprintln!("to stderr");
    Ok(())
}

fn clock(_: &Context, _: NoArguments) -> Result<Value, Failure> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.map_err(|error| Failure::new("clock", error.to_string()))?;
    // 2026-01-01T00:00:00Z
    Ok(json!({"is_after_2025": since.as_secs() >= 1_767_225_600}))
}

/// Returns 16 random bytes in hex.
fn random(_: &Context, _: NoArguments) -> Result<String, Failure> {
    let bytes = wasip2::random::random::get_random_bytes(16);
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn fail(cx: &Context, arguments: FailArguments) -> Result<(), Failure> {
    cx.write_named("record", &arguments.write, &json!({"n": 1}))?;
    let mut failure = Failure::new(arguments.code, arguments.message);
    if let Some(details) = arguments.details {
        failure = failure.with_details(details);
    }
    if arguments.keep_writes {
        failure = failure.keep_writes();
    }
    Err(failure)
}

fn panic(_: &Context, _: NoArguments) -> Result<(), Failure> {
    panic!("a fault in the code");
}

fn checked(_: &Context, arguments: CheckedArguments) -> Result<bool, Failure> {
    Ok(arguments.agree)
}
