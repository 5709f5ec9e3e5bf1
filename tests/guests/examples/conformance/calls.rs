//! Nested calls: in sequence, in parallel, dropped, in cycles and with shared data.

use schemars::JsonSchema;
use sedge_sdk::__private::bindings::sedge::model::calls;
use sedge_sdk::{CallError, Context, Failure, MethodKind, Model, Outcome, Request, Value, json};
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
struct ManyArguments {
    calls: Vec<CallArguments>,
}

#[derive(Deserialize, JsonSchema)]
struct SharedArguments {
    /// The record of the calling model
    name: String,
    call: CallArguments,
}

#[derive(Deserialize, JsonSchema)]
struct MeetArguments {
    /// The URL that responds once both calls have requested it
    url: String,
    target: String,
}

pub(crate) fn methods(model: Model) -> Model {
    let action = MethodKind::Action;
    model
        .method("call", action, "Call a model", call)
        .method("call-in-read", MethodKind::Read, "Call a model", call)
        .method("call-through", action, "Pass an error on", call_through)
        .method("parallel", action, "Call models at once", parallel)
        .method("start-and-drop", action, "Drop a call", start_and_drop)
        .method("wait-twice", action, "Wait for a call twice", wait_twice)
        .method(
            "stage-then-call",
            action,
            "Call while data is staged",
            stage_then_call,
        )
        .method(
            "read-call-write",
            action,
            "Write what a nested call has changed",
            read_call_write,
        )
        .method(
            "read-call-write-late",
            action,
            "Leave such a change to the commit",
            read_call_write_late,
        )
        .method("meet", action, "Call crosswise", meet)
}

fn call(cx: &Context, arguments: CallArguments) -> Result<Value, Failure> {
    let called = cx.call(&arguments.target, &arguments.method, &arguments.arguments);
    Ok(called_as_json(called))
}

/// Lets an error of the nested call end this call, too.
fn call_through(cx: &Context, arguments: CallArguments) -> Result<Value, Failure> {
    let called = cx.call(&arguments.target, &arguments.method, &arguments.arguments)?;
    Ok(called.value)
}

fn parallel(cx: &Context, arguments: ManyArguments) -> Result<Value, Failure> {
    let start = |it: &CallArguments| cx.start(&it.target, &it.method, &it.arguments);
    let started: Vec<_> = arguments.calls.iter().map(start).collect();
    let ended = started.into_iter().map(|it| called_as_json(it.wait()));
    Ok(ended.collect())
}

fn start_and_drop(cx: &Context, arguments: CallArguments) -> Result<(), Failure> {
    let pending = cx.start(&arguments.target, &arguments.method, &arguments.arguments);
    drop(pending);
    Ok(())
}

/// The SDK has no way to wait twice, so this uses the contract itself.
fn wait_twice(_: &Context, arguments: CallArguments) -> Result<Value, Failure> {
    let text = arguments.arguments.to_string();
    let pending = calls::start(&arguments.target, &arguments.method, &text);
    let first = pending.wait();
    let second = pending.wait();
    Ok(json!({
        "first": first.is_ok(),
        "second_is_cancelled": matches!(second, Err(calls::CallError::Cancelled)),
    }))
}

/// Stages a record, and calls a method, which may try to stage the same name.
fn stage_then_call(cx: &Context, arguments: SharedArguments) -> Result<Value, Failure> {
    cx.write_named("record", &arguments.name, &json!({"n": 1}))?;
    call(cx, arguments.call)
}

/// Reads a record, lets a nested call change it, and stages a change of its own.
fn read_call_write_late(cx: &Context, arguments: SharedArguments) -> Result<(), Failure> {
    cx.latest::<Value>(&arguments.name)?;
    let call = arguments.call;
    cx.call(&call.target, &call.method, &call.arguments)?;
    cx.write_named("record", &arguments.name, &json!({"n": 3}))?;
    Ok(())
}

/// Does the same, and tries to commit the change.
fn read_call_write(cx: &Context, arguments: SharedArguments) -> Result<Value, Failure> {
    read_call_write_late(cx, arguments)?;
    let published = cx.publish();
    let versions = |it: Vec<_>| it.iter().map(version_of).collect::<Vec<_>>();
    Ok(outcome(published.map(versions)))
}

/// Waits until another call of this method runs, and calls its model, which calls this one. The
/// request is an effect, so the host cannot roll the call back.
fn meet(cx: &Context, arguments: MeetArguments) -> Result<Value, Failure> {
    cx.http(&Request::get(arguments.url))?;
    let called = cx.call(&arguments.target, "echo", &json!({"value": "met"}));
    Ok(called_as_json(called))
}

fn called_as_json(called: Result<Outcome, CallError>) -> Value {
    outcome(called.map(|it| {
        let written: Vec<Value> = it.written.iter().map(version_of).collect();
        json!({"value": it.value, "written": written})
    }))
}
