//! Makes every mistake that a plugin can make, and reports the errors. A test runs it in a component and
//! in a `TestContext`, where the errors have to be the same.

use std::io::Write;

use schemars::JsonSchema;
use sedge_sdk::{
    CheckScope, Context, Failure, MethodKind, Model, NoArguments, OnViolation, Permission, Request,
    Retention, json,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Note {
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u8>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Login {
    #[schemars(extend("sensitive" = true))]
    password: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WriteArguments {
    text: String,
    #[serde(default)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    level: Level,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Level {
    #[default]
    Low,
    High,
}

/// An error of an attempt; null if it succeeded.
#[derive(Serialize)]
struct Mistake {
    what: &'static str,
    error: Option<Failure>,
}

pub(crate) fn model() -> Model {
    let http = Permission::Http {
        url: "https://localhost:1".to_owned(),
        methods: vec!["GET".to_owned()],
    };
    let secret = Permission::Secrets {
        name: "MISSING".to_owned(),
        hosts: vec!["https://localhost:1".to_owned()],
        reveal: false,
    };
    let command = Permission::Commands {
        name: "missing".to_owned(),
    };
    Model::new("@test/twin", "2026.12.01.1", "Makes mistakes")
        .resource::<Note>("note", "A note")
        .resource_with::<Note>("loose", "Anything", OnViolation::Warn, Retention::new())
        .resource::<Login>("login", "A login")
        .file("report", "text/plain", "A report")
        .asks_for_models("ghost", "to miss it")
        .asks_for_models("sink", "to call it wrongly")
        .asks_for_workflows("nightly", "to miss it")
        .asks_for(http, "to send what cannot be sent")
        .asks_for(secret, "to miss it")
        .asks_for(command, "to miss it")
        .method("mistakes", MethodKind::Action, "Make mistakes", mistakes)
        .method("peek", MethodKind::Read, "Call too much", calls_of_kinds)
        .method(
            "watch",
            MethodKind::Observe,
            "Call too much",
            calls_of_kinds,
        )
        .method("look", MethodKind::Read, "Write although it reads", look)
        .method("write", MethodKind::Update, "Write a note", write)
        .check_with(
            "short",
            "The text is short",
            CheckScope::new().method("write"),
            |cx, call| {
                let text = call.arguments::<WriteArguments>()?.text;
                if text.len() > 5 {
                    return Err(Failure::new(
                        "long",
                        format!("`{text}` has more than 5 letters"),
                    ));
                }
                cx.latest::<Note>("note")?;
                Ok(())
            },
        )
        .check_with(
            "pushy",
            "Nothing is called",
            CheckScope::new().method("write"),
            |cx, call| {
                if call.argument("text") == "call" {
                    cx.call("sink", "run", &json!({}))?;
                }
                Ok(())
            },
        )
}

fn write(cx: &Context, arguments: WriteArguments) -> Result<(), Failure> {
    let text = arguments.text;
    Ok(cx.write("note", &Note { text, size: None })?)
}

fn look(cx: &Context, _: NoArguments) -> Result<(), Failure> {
    Ok(cx.delete("note")?)
}

fn calls_of_kinds(cx: &Context, _: NoArguments) -> Result<Vec<Mistake>, Failure> {
    let text = json!({"text": "a"});
    let inputs = json!({});
    Ok(vec![
        tried("own update", cx.call("twin", "write", &text)),
        tried("own arguments", cx.call("twin", "write", &json!({}))),
        tried("own method", cx.call("twin", "rum", &json!({}))),
        tried("other action", cx.call("sink", "run", &json!({}))),
        tried("workflow", cx.run_workflow("nightly", &inputs)),
    ])
}

fn mistakes(cx: &Context, _: NoArguments) -> Result<Vec<Mistake>, Failure> {
    let all = [
        content_mistakes(cx),
        name_mistakes(cx),
        call_mistakes(cx),
        outside_mistakes(cx),
    ];
    Ok(all.into_iter().flatten().collect())
}

/// Returns the error of an attempt, if it has one.
fn tried<T, E: Into<Failure>>(what: &'static str, done: Result<T, E>) -> Mistake {
    let error = done.err().map(Into::into);
    Mistake { what, error }
}

fn note() -> Note {
    Note {
        text: "a".to_owned(),
        size: Some(1),
    }
}

/// Writes a file with a media type.
fn file(cx: &Context, media_type: &str) -> Result<(), Failure> {
    let mut file = cx.file("report").media_type(media_type).create()?;
    writeln!(file, "text")?;
    Ok(file.finish()?)
}

fn content_mistakes(cx: &Context) -> Vec<Mistake> {
    let wrong = json!({"text": 1, "size": 300});
    let reserved = json!({"text": {"$sealed": "x"}});
    vec![
        tried("undeclared resource", cx.write("other", &note())),
        tried("lacking field", cx.write("note", &json!({}))),
        tried("wrong types", cx.write("note", &wrong)),
        tried("no object", cx.write("note", &json!([1]))),
        tried("reserved key", cx.write("note", &reserved)),
        tried("loose resource", cx.write("loose", &json!({"n": 1}))),
        tried("undeclared file", cx.file("other").create()),
        tried("no media type", file(cx, "text")),
        tried("media type", file(cx, "text/plain; charset=utf-8")),
        tried("missing data", cx.latest::<Note>("nothing")),
        tried("note", cx.write("note", &note())),
        tried("other content", cx.latest::<Vec<u8>>("note")),
    ]
}

fn name_mistakes(cx: &Context) -> Vec<Mistake> {
    let long = "x".repeat(256);
    let tagged = |key: &str, value: &str| cx.resource("note").tag(key, value).write(&note());
    vec![
        tried("empty name", cx.write_named("note", "", &note())),
        tried("long name", cx.write_named("note", &long, &note())),
        tried("control", cx.write_named("note", "a\u{7}", &note())),
        tried("empty tag", tagged("", "x")),
        tried("long tag", tagged("x", &long)),
        tried("no deletion", cx.delete("note")),
        tried("denied model", cx.latest_of::<Note>("raw", "note")),
        tried("missing model", cx.latest_of::<Note>("ghost", "note")),
    ]
}

fn call_mistakes(cx: &Context) -> Vec<Mistake> {
    let call = |target: &str, method: &str| cx.call(target, method, &json!({}));
    vec![
        tried("denied call", call("raw", "run")),
        tried("missing target", call("ghost", "run")),
        tried("missing method", call("sink", "rum")),
        tried("own missing method", call("twin", "rum")),
        tried("sealed argument", sealed_argument(cx)),
        tried("denied workflow", cx.run_workflow("other", &json!({}))),
        tried("missing workflow", cx.run_workflow("nightly", &json!({}))),
        tried("denied command", cx.command("other").run()),
        tried("missing command", cx.command("missing").run()),
    ]
}

/// Passes the value of a sealed field to another model.
fn sealed_argument(cx: &Context) -> Result<(), Failure> {
    let password = "open sesame".to_owned();
    let arguments = json!({"key": password});
    cx.write("login", &Login { password })?;
    Ok(cx.call("sink", "run", &arguments).map(drop)?)
}

fn outside_mistakes(cx: &Context) -> Vec<Mistake> {
    let send = |request: Request| cx.http(&request);
    let own = || Request::get("https://localhost:1/");
    vec![
        tried(
            "denied request",
            send(Request::get("https://other.example/x?y=z")),
        ),
        tried(
            "denied method",
            send(Request::new("DELETE", "https://localhost:1/")),
        ),
        tried("no scheme", send(Request::get("localhost"))),
        tried("other scheme", send(Request::get("ftp://localhost:1/"))),
        tried(
            "user in URL",
            send(Request::get("https://a:b@localhost:1/")),
        ),
        tried("header of the host", send(own().header("Host", "other"))),
        tried("no header", send(own().header("a b", "c"))),
        tried("denied secret", cx.secret("OTHER")),
        tried("missing secret", cx.secret("MISSING")),
        tried("denied variable", cx.variable("PATH")),
        tried("denied folder", cx.folder("inbox")),
    ]
}

sedge_sdk::export!(model);
