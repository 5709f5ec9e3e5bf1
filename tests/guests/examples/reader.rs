//! `@test/reader`: reads data of other models, although it requests that for `sink` only, and
//! returns what a call knows about itself.

use schemars::JsonSchema;
use sedge_sdk::{
    Context, Failure, MethodKind, Model, NoArguments, Resource, Value, VersionInfo, json,
};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LookArguments {
    /// The model whose data is read
    model: String,
    /// The name of the data
    name: String,
    /// A version to read besides the latest
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

/// The global arguments.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Globals {
    /// A value that a test recognises
    #[serde(default)]
    greeting: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Note {
    text: String,
}

fn model() -> Model {
    Model::new("@test/reader", "2026.11.23.1", "Reads other models' data")
        .asks_for_models("sink", "to read its data")
        .global_arguments::<Globals>()
        .resource::<Note>("note", "What a reader must not write")
        .method("look", MethodKind::Read, "Read the data of one name", look)
        .method("ask", MethodKind::Read, "Call another model", ask)
        .method("sneak", MethodKind::Read, "Try to write", sneak)
        .method(
            "who",
            MethodKind::Read,
            "Return the identity of the call",
            who,
        )
}

/// Returns `{latest, version, versions}`. The first two are null if there is no such version.
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

/// Returns the callee's value or its error.
fn ask(cx: &Context, arguments: AskArguments) -> Result<Value, Failure> {
    let outcome = cx.call(&arguments.target, &arguments.method, &NoArguments {})?;
    Ok(outcome.value)
}

/// Returns the error's code, or `written`.
fn sneak(cx: &Context, _: NoArguments) -> Result<&'static str, Failure> {
    let text = "not written".to_owned();
    let written = cx.write("note", &Note { text });
    Ok(written.map_or_else(|error| error.code(), |()| "written"))
}

/// Returns the identity of the call, its time left, and the global arguments.
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
