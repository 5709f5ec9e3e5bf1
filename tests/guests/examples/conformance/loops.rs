//! What a guest with an event loop does: it waits for calls and programs without standing still,
//! and cancels them.

use std::io::{BufRead, BufReader, Write};

use schemars::JsonSchema;
use sedge_sdk::{
    CallError, Context, End, Failure, MethodKind, Model, NoArguments, Outcome, Value, json, poll,
};
use serde::Deserialize;

use crate::data::version_of;
use crate::outcome;

#[derive(Deserialize, JsonSchema)]
struct CallArguments {
    target: String,
    method: String,
    arguments: Value,
}

#[derive(Deserialize, JsonSchema)]
struct ProcessArguments {
    name: String,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    folder: Option<String>,
    /// What is written to stdin, line by line
    #[serde(default)]
    lines: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
struct ManyArguments {
    name: String,
    count: usize,
}

pub(crate) fn methods(model: Model) -> Model {
    let action = MethodKind::Action;
    model
        .method("cancelled", action, "Look for a cancellation", cancelled)
        .method("call-poll", action, "Poll a call", call_poll)
        .method("call-cancel", action, "Cancel a call", call_cancel)
        .method("process", action, "Talk with a program", process)
        .method("process-output", action, "Read its outputs", process_output)
        .method("process-kill", action, "Kill a program", process_kill)
        .method("process-many", action, "Start programs", process_many)
}

fn cancelled(cx: &Context, _: NoArguments) -> Result<Value, Failure> {
    let cancellation = cx.cancellation();
    Ok(json!({
        "is_cancelled": cx.is_cancelled(),
        "is_ready": cancellation.is_requested(),
    }))
}

/// Starts a call that takes a while, and polls until it has ended.
fn call_poll(cx: &Context, arguments: CallArguments) -> Result<Value, Failure> {
    let mut pending = cx.start(&arguments.target, &arguments.method, &arguments.arguments);
    let runs_at_first = pending.try_wait().is_none();
    poll(&[&pending.subscribe()]);
    let ended = pending.try_wait().map(called);
    let again = pending.try_wait();
    Ok(json!({
        "runs_at_first": runs_at_first,
        "outcome": ended,
        "is_returned_once": matches!(again, Some(Err(CallError::Cancelled))),
    }))
}

fn call_cancel(cx: &Context, arguments: CallArguments) -> Result<Value, Failure> {
    let mut pending = cx.start(&arguments.target, &arguments.method, &arguments.arguments);
    pending.cancel();
    Ok(called(pending.wait()))
}

fn called(ended: Result<Outcome, CallError>) -> Value {
    outcome(ended.map(|it| {
        let written: Vec<Value> = it.written.iter().map(version_of).collect();
        json!({"value": it.value, "written": written})
    }))
}

/// Writes lines to a program that returns them, and reads each before it writes the next one.
fn process(cx: &Context, arguments: ProcessArguments) -> Result<Value, Failure> {
    let mut command = cx.command(arguments.name).arguments(arguments.arguments);
    if let Some(folder) = arguments.folder {
        command = command.folder(folder);
    }
    let mut process = match command.start() {
        Ok(process) => process,
        Err(error) => return Ok(outcome::<Value, _>(Err(error))),
    };
    let streams = process.stdin.take().zip(process.stdout.take());
    let (mut stdin, stdout) = streams.expect("they are taken once");
    let mut stdout = BufReader::new(stdout);
    let mut heard = Vec::new();
    for line in arguments.lines {
        writeln!(stdin, "{line}")?;
        let mut answer = String::new();
        stdout.read_line(&mut answer)?;
        heard.push(answer);
    }
    let runs = process.try_wait()?.is_none();
    drop(stdin);
    poll(&[&process.subscribe()]);
    let ended = process.try_wait()?.map(end);
    Ok(json!({"heard": heard, "runs": runs, "end": ended}))
}

fn process_output(cx: &Context, arguments: ProcessArguments) -> Result<Value, Failure> {
    let command = cx.command(arguments.name).arguments(arguments.arguments);
    let output = command.start().and_then(|it| it.wait_with_output());
    Ok(outcome(output.map(
        |it| json!({"end": end(it.end), "stdout": it.stdout.text(), "stderr": it.stderr.text()}),
    )))
}

fn process_kill(cx: &Context, arguments: ProcessArguments) -> Result<Value, Failure> {
    let command = cx.command(arguments.name).arguments(arguments.arguments);
    let ended = command.start().and_then(|process| {
        process.kill();
        process.wait()
    });
    Ok(outcome(ended.map(|it| json!({"end": end(it)}))))
}

/// Starts programs until one is refused, and returns how many run, and the error.
fn process_many(cx: &Context, arguments: ManyArguments) -> Result<Value, Failure> {
    let mut running = Vec::new();
    for _ in 0..arguments.count {
        match cx.command(&arguments.name).start() {
            Ok(process) => running.push(process),
            Err(error) => {
                let refused = outcome::<Value, _>(Err(error));
                return Ok(json!({"running": running.len(), "refused": refused}));
            }
        }
    }
    Ok(json!({"running": running.len(), "refused": null}))
}

fn end(end: End) -> Value {
    match end {
        End::Exit(code) => json!({"exit": code}),
        End::Signal(number) => json!({"signal": number}),
    }
}
