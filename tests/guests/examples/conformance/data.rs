//! Data: resources, files, versions, tags, deletion and publication.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use schemars::JsonSchema;
use sedge_sdk::__private::bindings::sedge::model::data::{self, FileOptions, WriteRetention};
use sedge_sdk::{
    Context, DataError, DataKind, Failure, MethodKind, Model, Resource, Value, VersionInfo,
    Written, json,
};
use serde::Deserialize;

use crate::outcome;

#[derive(Deserialize, JsonSchema)]
struct WriteArguments {
    #[serde(default = "record")]
    spec: String,
    name: String,
    content: Value,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    lifetime: Option<String>,
}

fn record() -> String {
    "record".to_owned()
}

#[derive(Deserialize, JsonSchema)]
struct PlaceArguments {
    model: String,
    name: String,
    #[serde(default)]
    version: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
struct ListArguments {
    model: String,
    prefix: String,
}

#[derive(Deserialize, JsonSchema)]
struct NameArguments {
    name: String,
    #[serde(default)]
    version: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
struct FileArguments {
    #[serde(default = "text")]
    spec: String,
    name: String,
    pieces: Vec<String>,
    /// Whether each piece is a line
    #[serde(default)]
    lines: bool,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

fn text() -> String {
    "text".to_owned()
}

pub(crate) fn methods(model: Model) -> Model {
    let (read, action) = (MethodKind::Read, MethodKind::Action);
    model
        .method("write", action, "Write a resource, and read it", write)
        .method("write-in-read", read, "Try to write", write)
        .method("latest", read, "Read the latest version", latest)
        .method("version", read, "Read one version", version)
        .method("versions", read, "List the versions of a name", versions)
        .method("list", read, "List names", list)
        .method(
            "file-write",
            action,
            "Write a file, and read it",
            file_write,
        )
        .method("file-read", read, "Read a file", file_read)
        .method("file-abandon", action, "Start a file", file_abandon)
        .method(
            "file-finish-twice",
            action,
            "Use a finished file",
            file_finish_twice,
        )
        .method("delete", MethodKind::Delete, "Delete data", delete)
        .method("delete-in-action", action, "Try to delete data", delete)
        .method("publish", action, "Publish a record, then fail", publish)
}

/// Returns what is staged under the name afterwards.
fn write(cx: &Context, arguments: WriteArguments) -> Result<Value, Failure> {
    let mut draft = cx.resource(&arguments.spec).named(&arguments.name);
    for (key, value) in &arguments.tags {
        draft = draft.tag(key, value);
    }
    if let Some(lifetime) = arguments.lifetime {
        draft = draft.lifetime(lifetime);
    }
    let written = draft.write(&arguments.content);
    let staged = written.and_then(|()| cx.latest::<Value>(&arguments.name));
    Ok(outcome(staged.map(resource)))
}

fn latest(cx: &Context, arguments: PlaceArguments) -> Result<Value, Failure> {
    let found = cx.latest_of::<Value>(&arguments.model, &arguments.name);
    Ok(outcome(found.map(resource)))
}

fn version(cx: &Context, arguments: PlaceArguments) -> Result<Value, Failure> {
    let version = arguments.version.unwrap_or(1);
    let found = cx.version_of::<Value>(&arguments.model, &arguments.name, version);
    Ok(outcome(found.map(resource)))
}

fn versions(cx: &Context, arguments: PlaceArguments) -> Result<Value, Failure> {
    let found = cx.versions_of(&arguments.model, &arguments.name);
    let numbers = |found: Vec<VersionInfo>| found.iter().map(|it| it.version).collect::<Vec<_>>();
    Ok(outcome(found.map(numbers)))
}

fn list(cx: &Context, arguments: ListArguments) -> Result<Value, Failure> {
    let found: Result<Vec<VersionInfo>, DataError> =
        cx.list_of(&arguments.model, &arguments.prefix).collect();
    let names = |found: Vec<VersionInfo>| found.into_iter().map(|it| it.name).collect::<Vec<_>>();
    Ok(outcome(found.map(names)))
}

fn file_write(cx: &Context, arguments: FileArguments) -> Result<Value, Failure> {
    Ok(outcome(written(cx, &arguments)))
}

fn written(cx: &Context, arguments: &FileArguments) -> Result<Value, Failure> {
    let mut draft = cx.file(&arguments.spec).named(&arguments.name);
    if let Some(media_type) = &arguments.media_type {
        draft = draft.media_type(media_type);
    }
    for (key, value) in &arguments.tags {
        draft = draft.tag(key, value);
    }
    if arguments.lines {
        let mut file = draft.create_lines()?;
        for line in &arguments.pieces {
            file.write_line(line)?;
        }
        file.finish()?;
    } else {
        let mut file = draft.create()?;
        for piece in &arguments.pieces {
            file.write_all(piece.as_bytes())?;
        }
        file.finish()?;
    }
    let model = &cx.identity().model;
    read(cx, model, &arguments.name, None)
}

fn file_read(cx: &Context, arguments: PlaceArguments) -> Result<Value, Failure> {
    let found = read(cx, &arguments.model, &arguments.name, arguments.version);
    Ok(outcome(found))
}

fn read(cx: &Context, model: &str, name: &str, version: Option<u64>) -> Result<Value, Failure> {
    let Some(mut file) = cx.open_file_of(model, name, version)? else {
        return Ok(Value::Null);
    };
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(json!({"info": info(&file.info()), "text": text}))
}

/// Starts a file, and drops it.
fn file_abandon(cx: &Context, arguments: NameArguments) -> Result<(), Failure> {
    let mut file = cx.file("text").named(&arguments.name).create()?;
    file.write_all(b"never finished")?;
    Ok(())
}

/// The SDK has no way to use a file after `finish`, so this uses the contract itself.
fn file_finish_twice(_: &Context, arguments: NameArguments) -> Result<Value, Failure> {
    let options = FileOptions {
        media_type: None,
        lines: false,
        tags: Vec::new(),
        retention: WriteRetention {
            lifetime: None,
            keep: None,
        },
    };
    let file = data::create_file("text", &arguments.name, &options);
    let file = file.map_err(|error| Failure::new("create", format!("{error:?}")))?;
    let is_finished = |result| matches!(result, Err(data::DataError::Finished));
    Ok(json!({
        "first": file.finish().is_ok(),
        "second_is_finished": is_finished(file.finish()),
        "write_is_finished": is_finished(file.write(b"more")),
    }))
}

fn delete(cx: &Context, arguments: NameArguments) -> Result<Value, Failure> {
    Ok(outcome(match arguments.version {
        Some(version) => cx.delete_version(&arguments.name, version),
        None => cx.delete(&arguments.name),
    }))
}

/// Publishes one record, stages another one, and fails.
fn publish(cx: &Context, arguments: NameArguments) -> Result<(), Failure> {
    cx.write_named("record", &arguments.name, &json!({"n": 1}))?;
    let published = cx.publish()?;
    cx.write_named("record", &arguments.name, &json!({"n": 2}))?;
    let published: Vec<Value> = published.iter().map(version_of).collect();
    Err(Failure::new("after-publish", "it failed afterwards").with_details(json!(published)))
}

/// Returns a version that a call wrote.
pub(crate) fn version_of(written: &Written) -> Value {
    json!({"name": written.name, "version": written.version})
}

fn resource(found: Option<Resource<Value>>) -> Value {
    let Some(found) = found else {
        return Value::Null;
    };
    json!({"info": info(&found.info), "content": found.content})
}

fn info(of: &VersionInfo) -> Value {
    let kind = match of.kind {
        DataKind::Resource => "resource",
        DataKind::File => "file",
    };
    json!({
        "model": of.model,
        "name": of.name,
        "kind": kind,
        "spec": of.spec,
        "version": of.version,
        "has_time": of.created_at_ms.is_some(),
        "media_type": of.media_type,
        "size": of.size_bytes,
        "tags": of.tags,
    })
}
