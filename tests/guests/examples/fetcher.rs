//! `@test/fetcher`: sends the requests that its arguments describe, valid or not.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use sedge_sdk::{Context, Failure, HttpError, MethodKind, Model, Permission, Request, Value, json};
use serde::Deserialize;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::poll::poll;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FetchArguments {
    url: String,
    #[serde(default = "get")]
    method: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The text that the body repeats
    #[serde(default)]
    body: String,
    /// How often the body repeats it
    #[serde(default = "one")]
    times: usize,
    #[serde(default)]
    redirects: Option<u32>,
    /// The timeout for the response to begin and for each next piece
    #[serde(default)]
    timeout_ms: Option<u64>,
    /// The maximum size of the response
    #[serde(default = "mebibyte")]
    bytes_max: usize,
    /// Whether an error is returned as the result
    #[serde(default)]
    swallow: bool,
}

fn get() -> String {
    "GET".to_owned()
}

fn one() -> usize {
    1
}

fn mebibyte() -> usize {
    1 << 20
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawArguments {
    scheme: String,
    authority: String,
    path: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CrowdArguments {
    /// The server, for example `127.0.0.1:8080`
    authority: String,
    path: String,
    count: usize,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DribbleArguments {
    /// The server, for example `127.0.0.1:8080`
    authority: String,
    timeout_ms: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ThenArguments {
    url: String,
    /// The model and the method to call afterwards
    target: String,
    method: String,
    arguments: Value,
}

fn model() -> Model {
    let http = |url: &str, methods: &[&str]| Permission::Http {
        url: url.to_owned(),
        methods: methods.iter().map(|it| (*it).to_owned()).collect(),
    };
    let methods = ["GET", "HEAD", "POST", "PUT"];
    Model::new("@test/fetcher", "2026.11.26.1", "Sends requests")
        .asks_for(
            http("http://*:*", &methods),
            "to send the requests in its arguments",
        )
        .asks_for(
            http("https://*:*", &methods),
            "to send the requests in its arguments",
        )
        .asks_for_models("*", "to call the model in its arguments")
        .method("fetch", MethodKind::Action, "Send a request", fetch)
        .method(
            "raw",
            MethodKind::Action,
            "Send a request that may be invalid",
            raw,
        )
        .method("crowd", MethodKind::Action, "Send many at once", crowd)
        .method(
            "dribble",
            MethodKind::Action,
            "Start a body and never finish it",
            dribble,
        )
        .method(
            "then",
            MethodKind::Action,
            "Send a request, then call a model",
            then,
        )
}

fn fetch(cx: &Context, arguments: FetchArguments) -> Result<Value, Failure> {
    let mut request =
        Request::new(arguments.method, arguments.url).body(arguments.body.repeat(arguments.times));
    for (name, value) in arguments.headers {
        request = request.header(name, value);
    }
    if let Some(n_max) = arguments.redirects {
        request = request.redirects(n_max);
    }
    if let Some(ms) = arguments.timeout_ms {
        let timeout = Duration::from_millis(ms);
        request = request
            .first_byte_timeout(timeout)
            .between_bytes_timeout(timeout);
    }
    match received(cx, &request, arguments.bytes_max) {
        Err(error) if arguments.swallow => Ok(json!({"code": error.code()})),
        other => Ok(other?),
    }
}

fn received(cx: &Context, request: &Request, bytes_max: usize) -> Result<Value, HttpError> {
    let response = cx.http(request)?;
    let (status, url) = (response.status(), response.url().to_owned());
    let headers: BTreeMap<String, String> = response
        .headers()
        .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
        .collect();
    let body = response.bytes(bytes_max)?;
    let text = str::from_utf8(&body)
        .ok()
        .filter(|text| text.len() < 10_000);
    Ok(json!({
        "status": status,
        "url": url,
        "headers": headers,
        "n_bytes": body.len(),
        "body": text,
        "hex": (body.len() < 100).then(|| body.iter().map(|b| format!("{b:02x}")).collect::<String>()),
    }))
}

/// Returns which part of a request was refused, or the status of the response.
fn raw(_: &Context, arguments: RawArguments) -> Result<Value, Failure> {
    let fields = Fields::new();
    for (name, value) in &arguments.headers {
        if let Err(error) = fields.append(name, value.as_bytes()) {
            return Ok(json!(format!("header: {error}")));
        }
    }
    let scheme = match arguments.scheme.as_str() {
        "http" => Scheme::Http,
        other => Scheme::Other(other.to_owned()),
    };
    let request = OutgoingRequest::new(fields);
    if request.set_scheme(Some(&scheme)).is_err() {
        return Ok(json!("scheme"));
    }
    if request.set_authority(Some(&arguments.authority)).is_err() {
        return Ok(json!("authority"));
    }
    if request.set_path_with_query(Some(&arguments.path)).is_err() {
        return Ok(json!("path"));
    }
    Ok(json!(
        answered(request).unwrap_or_else(|error| error.to_string())
    ))
}

fn answered(request: OutgoingRequest) -> Result<String, ErrorCode> {
    let pending = outgoing_handler::handle(request, None)?;
    pending.subscribe().block();
    let response = pending
        .get()
        .expect("it is ready")
        .expect("it was not taken")?;
    Ok(response.status().to_string())
}

fn request_to(authority: &str, path: &str) -> OutgoingRequest {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    request
        .set_authority(Some(authority))
        .expect("an authority");
    request.set_path_with_query(Some(path)).expect("a path");
    request
}

/// Returns how often each outcome occurred: a status, or an error's code.
fn crowd(_: &Context, arguments: CrowdArguments) -> Result<BTreeMap<String, usize>, Failure> {
    let send =
        |_| outgoing_handler::handle(request_to(&arguments.authority, &arguments.path), None);
    let pending: Result<Vec<_>, _> = (0..arguments.count).map(send).collect();
    let pending = pending.map_err(|error| Failure::new("send", error.to_string()))?;
    let mut outcomes = BTreeMap::new();
    // All responses are held until the last request has ended.
    let mut responses = Vec::new();
    for one in &pending {
        one.subscribe().block();
        let ended = one.get().expect("it is ready").expect("it was not taken");
        let outcome = match ended {
            Ok(response) => {
                let status = response.status().to_string();
                responses.push(response);
                status
            }
            Err(error) => error.to_string(),
        };
        *outcomes.entry(outcome).or_default() += 1;
    }
    Ok(outcomes)
}

/// Returns the outcome of the request.
fn dribble(_: &Context, arguments: DribbleArguments) -> Result<String, Failure> {
    let fields = Fields::new();
    fields.append("content-length", b"1000").expect("a header");
    let request = OutgoingRequest::new(fields);
    request
        .set_method(&wasip2::http::types::Method::Post)
        .expect("a method");
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    request
        .set_authority(Some(&arguments.authority))
        .expect("an authority");
    request.set_path_with_query(Some("/hello")).expect("a path");
    let body: OutgoingBody = request.body().expect("it was not taken");
    let options = RequestOptions::new();
    let timeout = Duration::from_millis(arguments.timeout_ms).as_nanos();
    let timeout = u64::try_from(timeout).ok();
    options
        .set_between_bytes_timeout(timeout)
        .expect("a time limit");
    let pending = outgoing_handler::handle(request, Some(options)).expect("a request");
    let stream = body.write().expect("it was not taken");
    stream
        .blocking_write_and_flush(b"x")
        .expect("the first byte goes out");
    poll(&[&pending.subscribe()]);
    let ended = pending
        .get()
        .expect("it is ready")
        .expect("it was not taken");
    drop(stream);
    Ok(ended.map_or_else(|error| error.to_string(), |it| it.status().to_string()))
}

/// Returns the callee's result.
fn then(cx: &Context, arguments: ThenArguments) -> Result<Value, Failure> {
    cx.http(&Request::get(arguments.url))?.bytes(1 << 20)?;
    let outcome = cx.call(&arguments.target, &arguments.method, &arguments.arguments)?;
    Ok(outcome.value)
}

sedge_sdk::export!(model);
