//! `@test/reader`: reads other models' data, for which it asks of `sink` only, and what
//! a call may know of itself.

use schemars::JsonSchema;
use sedge_sdk::{
    Context, Failure, MethodKind, Model, NoArguments, Resource, Value, VersionInfo, json,
};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LookArguments {
    /// Whose data
    model: String,
    /// Which data
    name: String,
    /// A version to read beside the latest
    #[serde(default)]
    version: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AskArguments {
    /// The model to call, without arguments
    target: String,
    /// Its method
    method: String,
}

/// What the definition gives.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Globals {
    /// Whatever a test wants to see again
    #[serde(default)]
    greeting: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Note {
    text: String,
}

fn model() -> Model {
    Model::new("@test/reader", "2026.11.23.1", "Reads other models' data")
        .asks_for_models("sink", "to read what it was told")
        .global_arguments::<Globals>()
        .resource::<Note>("note", "What a reader must not write")
        .method(
            "look",
            MethodKind::Read,
            "Read what there is of one name",
            look,
        )
        .method("ask", MethodKind::Read, "Call another model", ask)
        .method("sneak", MethodKind::Read, "Try to write", sneak)
        .method("who", MethodKind::Read, "Say who the call is", who)
}

/// Returns `{latest, version, versions}`; the first two are null where there is none.
fn look(cx: &Context, arguments: LookArguments) -> Result<Value, Failure> {
    let LookArguments {
        model,
        name,
        version,
    } = arguments;
    let latest = cx.latest_of::<Value>(&model, &name)?;
    let version = match version {
        Some(version) => cx.version_of::<Value>(&model, &name, version)?,
        None => None,
    };
    let versions = cx.versions_of(&model, &name)?;
    Ok(json!({
        "latest": latest.map(resource_to_json),
        "version": version.map(resource_to_json),
        "versions": versions.into_iter().map(version_to_json).collect::<Vec<Value>>(),
    }))
}

/// Passes on the callee's value, or its error.
fn ask(cx: &Context, arguments: AskArguments) -> Result<Value, Failure> {
    let outcome = cx.call(&arguments.target, &arguments.method, &NoArguments {})?;
    Ok(outcome.value)
}

/// Returns the code of the error, `written` where there was none.
fn sneak(cx: &Context, _: NoArguments) -> Result<&'static str, Failure> {
    let text = "I was never here".to_owned();
    let written = cx.write("note", &Note { text });
    Ok(written.map_or_else(|error| error.code(), |()| "written"))
}

/// Returns who the call is, how long it may run, and the global arguments.
fn who(cx: &Context, _: NoArguments) -> Result<Value, Failure> {
    let identity = cx.identity();
    Ok(json!({
        "model": identity.model,
        "type_name": identity.type_name,
        "method": identity.method,
        "run": identity.run,
        "call": identity.call,
        "step": identity.step,
        "deadline_left_ms": u64::try_from(cx.deadline_left().as_millis()).unwrap_or(u64::MAX),
        "global_arguments": cx.global_arguments::<Globals>()?,
    }))
}

fn resource_to_json(resource: Resource<Value>) -> Value {
    let Resource { info, content } = resource;
    json!({
        "model": info.model,
        "name": info.name,
        "spec": info.spec,
        "version": info.version,
        "created_at_ms": info.created_at_ms,
        "content": content,
    })
}

fn version_to_json(info: VersionInfo) -> Value {
    json!({
        "version": info.version,
        "created_at_ms": info.created_at_ms,
        "size_bytes": info.size_bytes,
    })
}

sedge_sdk::export!(model);
