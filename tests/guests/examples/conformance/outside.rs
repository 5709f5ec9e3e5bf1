//! What is outside of the host: HTTP, secrets in requests, and commands.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use sedge_sdk::{Context, End, Failure, MethodKind, Model, Request, Value, json};
use serde::Deserialize;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};
use wasip2::io::poll::poll;

use crate::outcome;

/// The maximum size of a response that is shown, in bytes.
const BODY_BYTES_MAX: usize = 64 << 10;

#[derive(Deserialize, JsonSchema)]
struct FetchArguments {
    #[serde(default = "get")]
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    #[serde(default)]
    timeout_ms: Option<u64>,
}

fn get() -> String {
    "GET".to_owned()
}

#[derive(Deserialize, JsonSchema)]
struct FirstArguments {
    url: String,
    /// How many bytes are read
    bytes: usize,
}

#[derive(Deserialize, JsonSchema)]
struct ManyArguments {
    /// The server, for example `127.0.0.1:8080`
    authority: String,
    path: String,
    count: usize,
}

#[derive(Deserialize, JsonSchema)]
struct SecretArguments {
    name: String,
    /// Where the secret goes: `header`, `basic` or `query`
    place: String,
    url: String,
}

#[derive(Deserialize, JsonSchema)]
struct NameArguments {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct CommandArguments {
    name: String,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    stdin: Option<String>,
}

pub(crate) fn methods(model: Model) -> Model {
    let action = MethodKind::Action;
    model
        .method("fetch", action, "Send a request", fetch)
        .method(
            "fetch-first",
            action,
            "Read the begin of a body",
            fetch_first,
        )
        .method("fetch-many", action, "Send requests at once", fetch_many)
        .method("secret-send", action, "Send a secret", secret_send)
        .method("secret-get", action, "Get a secret's handle", secret_get)
        .method("secret-reveal", action, "Reveal a secret", secret_reveal)
        .method("command", action, "Run a command", command)
}

/// Returns the response. The details of an error are the SDK's, so they are left out.
fn fetch(cx: &Context, arguments: FetchArguments) -> Result<Value, Failure> {
    let fetched = fetched(cx, arguments).map_err(|error| Failure::new(error.code, error.message));
    Ok(outcome(fetched))
}

fn fetched(cx: &Context, arguments: FetchArguments) -> Result<Value, Failure> {
    let mut request = Request::new(arguments.method, arguments.url);
    for (name, value) in &arguments.headers {
        request = request.header(name, value);
    }
    if !arguments.body.is_empty() {
        request = request.body(arguments.body);
    }
    if let Some(ms) = arguments.timeout_ms {
        request = request.first_byte_timeout(Duration::from_millis(ms));
    }
    let response = cx.http(&request)?;
    let status = response.status();
    let content_type = response.header("content-type").map(str::to_owned);
    let body = response.text(BODY_BYTES_MAX)?;
    Ok(json!({"status": status, "content_type": content_type, "body": body}))
}

/// Returns the beginning of a body that has no end soon.
fn fetch_first(cx: &Context, arguments: FirstArguments) -> Result<Value, Failure> {
    let mut response = cx.http(&Request::get(arguments.url))?;
    let mut first = vec![0; arguments.bytes];
    response.read_exact(&mut first)?;
    Ok(json!({"first": String::from_utf8_lossy(&first)}))
}

/// Sends requests at once, and waits for all of them with `wasi:io/poll`.
fn fetch_many(_: &Context, arguments: ManyArguments) -> Result<Value, Failure> {
    let since = Instant::now();
    let send = |_| outgoing_handler::handle(request_to(&arguments), None);
    let sent: Result<Vec<_>, _> = (0..arguments.count).map(send).collect();
    let mut pending = sent.map_err(|error| Failure::new("send", error.to_string()))?;
    let mut statuses = Vec::new();
    while !pending.is_empty() {
        let ready = {
            let pollables: Vec<_> = pending.iter().map(|it| it.subscribe()).collect();
            poll(&pollables.iter().collect::<Vec<_>>())
        };
        // From the last one on, so that the other numbers stay right.
        for n in ready.into_iter().rev() {
            let ended = pending.remove(n as usize).get();
            let ended = ended.expect("it is ready").expect("it is taken once");
            statuses.push(match ended {
                Ok(response) => json!(response.status()),
                Err(error) => json!(error.to_string()),
            });
        }
    }
    let elapsed_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(json!({"statuses": statuses, "elapsed_ms": elapsed_ms}))
}

fn request_to(arguments: &ManyArguments) -> OutgoingRequest {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    let authority = request.set_authority(Some(&arguments.authority));
    authority.expect("an authority");
    let path = request.set_path_with_query(Some(&arguments.path));
    path.expect("a path");
    request
}

/// Returns the status of the response. The details of an error are left out, as by `fetch`.
fn secret_send(cx: &Context, arguments: SecretArguments) -> Result<Value, Failure> {
    let sent = sent(cx, &arguments).map_err(|error| Failure::new(error.code, error.message));
    Ok(outcome(sent))
}

fn sent(cx: &Context, arguments: &SecretArguments) -> Result<Value, Failure> {
    let secret = cx.secret(&arguments.name)?;
    let request = match arguments.place.as_str() {
        "header" => {
            let value = format!("Bearer {}", secret.placeholder());
            Request::get(&arguments.url).header("x-token", value)
        }
        "basic" => {
            let value = format!("Basic {}", secret.basic("me"));
            Request::get(&arguments.url).header("authorization", value)
        }
        "query" => Request::get(format!("{}?token={}", arguments.url, secret.placeholder())),
        other => return Err(Failure::new("place", other)),
    };
    Ok(json!({"status": cx.http(&request)?.status()}))
}

fn secret_get(cx: &Context, arguments: NameArguments) -> Result<Value, Failure> {
    let got = cx.secret(&arguments.name);
    Ok(outcome(got.map(|it| {
        // A placeholder is no value: it is different in each call, and is not the secret.
        json!({"has_placeholder": !it.placeholder().is_empty()})
    })))
}

fn secret_reveal(cx: &Context, arguments: NameArguments) -> Result<Value, Failure> {
    let revealed = cx.secret(&arguments.name).and_then(|it| it.reveal());
    Ok(outcome(revealed.map(|value| {
        let text = String::from_utf8_lossy(&value);
        json!({"n_bytes": value.len(), "value": text})
    })))
}

fn command(cx: &Context, arguments: CommandArguments) -> Result<Value, Failure> {
    let mut command = cx.command(arguments.name).arguments(arguments.arguments);
    if let Some(stdin) = arguments.stdin {
        command = command.stdin(stdin);
    }
    Ok(outcome(command.run().map(|output| {
        let end = match output.end {
            End::Exit(code) => json!({"exit": code}),
            End::Signal(number) => json!({"signal": number}),
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        json!({
            "end": end,
            "stdout": text(&output.stdout.bytes),
            "stderr": text(&output.stderr.bytes),
            "is_cut": output.stdout.is_cut,
        })
    })))
}
