//! `@test/keeper`: sends secrets, and tries to leak a secret that it was allowed to reveal.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests check that printed secrets are redacted"
)]

use std::collections::BTreeMap;
use std::io::Write;

use schemars::JsonSchema;
use sedge_sdk::{
    Context, Failure, MethodKind, Model, NoArguments, Permission, Request, Value, json,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, JsonSchema)]
struct Note {
    text: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SendArguments {
    /// The URL. In it and in the other texts, `{secret}` stands for the secret and `{basic}` for
    /// the credentials
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    /// How often the body is repeated
    #[serde(default)]
    times: usize,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TellArguments {
    /// The channel
    by: String,
    /// The encoding of the value
    form: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetArguments {
    name: String,
}

fn model() -> Model {
    let secret = |name: &str, hosts: &[&str], reveal| Permission::Secrets {
        name: name.to_owned(),
        hosts: hosts.iter().map(|it| (*it).to_owned()).collect(),
        reveal,
    };
    let everywhere = ["http://*:*", "https://*:*"];
    let http = |url: &str| Permission::Http {
        url: url.to_owned(),
        methods: Vec::new(),
    };
    Model::new("@test/keeper", "2026.11.26.1", "Sends and tells secrets")
        .asks_for(http("http://*:*"), "to send secrets")
        .asks_for(http("https://*:*"), "to send secrets")
        .asks_for(
            secret("TOKEN", &everywhere, true),
            "to send it and to leak it",
        )
        .asks_for(secret("OTHER", &everywhere, false), "to send it")
        .asks_for_models("*", "to leak it to other models")
        .resource::<Note>("note", "The leaked secret")
        .file("file", "text/plain", "The leaked secret")
        .method("get", MethodKind::Read, "Get a handle", get)
        .method("send", MethodKind::Action, "Send the secret", send)
        .method("show", MethodKind::Read, "Reveal the secret", show)
        .method("tell", MethodKind::Action, "Leak the secret", tell)
}

fn get(cx: &Context, arguments: GetArguments) -> Result<usize, Failure> {
    Ok(cx.secret(&arguments.name)?.placeholder().len())
}

/// Returns the status and the size of the response.
fn send(cx: &Context, arguments: SendArguments) -> Result<Value, Failure> {
    let secret = cx.secret("TOKEN")?;
    let basic = secret.basic("me");
    let filled = |text: &str| {
        let text = text.replace("{secret}", &secret.to_string());
        text.replace("{basic}", &basic)
    };
    let mut request = Request::post(filled(&arguments.url));
    for (name, value) in &arguments.headers {
        request = request.header(name, filled(value));
    }
    let body = filled(&arguments.body).repeat(arguments.times.max(1));
    let response = cx.http(&request.body(body))?;
    let status = response.status();
    let n_bytes = response.bytes(1 << 20)?.len();
    Ok(json!({"status": status, "n_bytes": n_bytes}))
}

/// Returns the length of the secret, and nothing else of it.
fn show(cx: &Context, _: NoArguments) -> Result<usize, Failure> {
    Ok(cx.secret("TOKEN")?.reveal()?.len())
}

fn written(value: &[u8], form: &str) -> String {
    let text = String::from_utf8_lossy(value).into_owned();
    match form {
        "plain" => format!("it is {text}, really"),
        "json" => json!([text]).to_string(),
        "hex" => value.iter().map(|byte| format!("{byte:02x}")).collect(),
        "percent" => value.iter().map(|byte| format!("%{byte:02X}")).collect(),
        "base64" => base64(value),
        "base64-inside" => base64(&[b"x", value, b"yz"].concat()),
        other => panic!("{other}"),
    }
}

fn base64(value: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in value.chunks(3) {
        let at = |n: usize| u32::from(three.get(n).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for n in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * n)) as usize & 63];
            text.push(if n <= three.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}

fn tell(cx: &Context, arguments: TellArguments) -> Result<Value, Failure> {
    let value = cx.secret("TOKEN")?.reveal()?;
    let leaked = written(&value, &arguments.form);
    let note = Note {
        text: leaked.clone(),
    };
    match arguments.by.as_str() {
        "log" => cx.warn(&leaked),
        "field" => cx.log(
            sedge_sdk::Level::Info,
            "a field",
            &[(&leaked, json!({&leaked: [&leaked]}))],
        ),
        "stdout" => println!("{leaked}"),
        "stderr" => {
            for byte in leaked.bytes() {
                eprint!("{}", char::from(byte));
            }
        }
        "value" => return Ok(json!({&leaked: leaked})),
        "failure" => {
            let failure = Failure::new(leaked.clone(), leaked.clone());
            return Err(failure.with_details(json!([leaked])).keep_writes());
        }
        "panic" => panic!("{leaked}"),
        "resource" => drop(cx.write("note", &note)?),
        "name" => drop(cx.resource("note").named(&leaked).write(&note)?),
        "undone" => {
            cx.resource("note").named(&leaked).write(&note)?;
            return Err(Failure::new("undone", "on purpose"));
        }
        "tag" => drop(cx.resource("note").tag("told", &leaked).write(&note)?),
        "published" => {
            cx.write("note", &note)?;
            cx.publish()?;
        }
        "file" => file_write(cx, &[leaked.as_bytes()])?,
        "large-file" => {
            // The file is larger than what is held in memory, and the value crosses the end of
            // each piece.
            let filler = "x".repeat(100_003);
            let (begin, end) = leaked.as_bytes().split_at(leaked.len() / 2);
            file_write(
                cx,
                &[filler.as_bytes(), begin, end, filler.as_bytes(), begin, end],
            )?;
        }
        "arguments" => drop(cx.call("sink", "run", &json!({"note": leaked}))?),
        "target" => drop(cx.call(&leaked, "run", &NoArguments {})?),
        "method" => drop(cx.call("sink", &leaked, &NoArguments {})?),
        "refused" => drop(cx.latest_of::<Value>(&leaked, "note")?),
        other => panic!("{other}"),
    }
    Ok(Value::Null)
}

fn file_write(cx: &Context, pieces: &[&[u8]]) -> Result<(), Failure> {
    let mut file = cx.file("file").create()?;
    for piece in pieces {
        file.write_all(piece)?;
        file.flush()?;
    }
    file.finish()?;
    Ok(())
}

sedge_sdk::export!(model);
