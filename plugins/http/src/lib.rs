//! `@sedge/http`: sends HTTP requests and stores the responses.
//!
//! The type requests access to all hosts. A model gets those that the operator grants.

mod coding;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use sedge_sdk::{
    Context, Failure, HttpError, MethodKind, Model, Permission, Request, Response, Value, json,
    serde_json,
};
use serde::{Deserialize, Serialize};

/// The maximum size of a JSON body that becomes part of the resource, in bytes: a quarter of the
/// size limit of a resource. A larger body becomes a file.
const JSON_BYTES_MAX: u64 = 1 << 20;

/// The maximum size of the part of an unexpected response that the failure contains, in bytes.
const SHOWN_BYTES_MAX: u64 = 1 << 10;

/// The maximum length of the part of an unexpected response that the failure's message contains,
/// in characters. The details contain more of it.
const MESSAGE_CHARS_MAX: usize = 200;

/// The method of a request, unless the arguments name another one.
const METHOD_GET: &str = "GET";

/// The secret that authenticates requests.
const TOKEN: &str = "HTTP_TOKEN";

/// The headers that are stored unless the arguments name others: those that describe the body.
/// Cookies are not among them, because they are confidential.
const HEADERS_KEPT: [&str; 5] = [
    "content-length",
    "content-type",
    "etag",
    "last-modified",
    "location",
];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct FetchArguments {
    /// The URL: `https://api.example.com/zones?limit=5`
    url: String,
    /// `GET`, `POST`, or any other, in upper or lower case
    #[serde(default = "method_get")]
    method: String,
    /// Headers to send, by name
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The body, as text
    #[serde(default)]
    body: Option<String>,
    /// The body, as JSON, instead of `body`
    #[serde(default)]
    json: Option<Value>,
    /// How to send the secret `HTTP_TOKEN`: `bearer`, `{"basic": "USER"}`, or `{"header": "NAME"}`
    #[serde(default)]
    token: Option<Token>,
    /// The statuses that count as success [default: 200 to 299]
    #[serde(default)]
    expect_status: Vec<u16>,
    /// How many redirects to follow; each needs a grant, like any other request
    #[serde(default = "five")]
    redirects: u32,
    /// The response headers to store [default: those that describe the body]
    #[serde(default)]
    keep_headers: Option<Vec<String>>,
    /// The name of the data [default: `response`, and `body`]
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct GetArguments {
    /// The URL: `https://api.example.com/zones?limit=5`
    url: String,
    /// Headers to send, by name
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// How to send the secret `HTTP_TOKEN`: `bearer`, `{"basic": "USER"}`, or `{"header": "NAME"}`
    #[serde(default)]
    token: Option<Token>,
    /// The statuses that count as success [default: 200 to 299]
    #[serde(default)]
    expect_status: Vec<u16>,
    /// How many redirects to follow; each needs a grant, like any other request
    #[serde(default = "five")]
    redirects: u32,
    /// The response headers to store [default: those that describe the body]
    #[serde(default)]
    keep_headers: Option<Vec<String>>,
    /// The name of the data [default: `response`, and `body`]
    #[serde(default)]
    name: Option<String>,
}

/// How a request sends the secret.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Token {
    /// In the header `authorization`, as a bearer token
    Bearer,
    /// In the header `authorization`, as this user's password
    Basic(String),
    /// In a header of this name
    Header(String),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CheckArguments {
    /// The URL: `https://www.example.com`
    url: String,
    /// `GET`, `HEAD`, or any other that changes nothing: the request may be sent twice
    #[serde(default = "method_get")]
    method: String,
    /// The statuses that count as good [default: 200 to 299]
    #[serde(default)]
    expect_status: Vec<u16>,
    /// The time limit for the response to begin, in milliseconds
    #[serde(default = "ten_seconds")]
    timeout_ms: u64,
    /// Whether the call fails if the response is not good
    #[serde(default)]
    require: bool,
    /// The name of the data [default: `check`]
    #[serde(default)]
    name: Option<String>,
}

fn method_get() -> String {
    METHOD_GET.to_owned()
}

fn five() -> u32 {
    5
}

fn ten_seconds() -> u64 {
    10_000
}

/// A response.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Record {
    /// The URL of the response, after redirects
    url: String,
    /// The status: 200
    status: u16,
    /// The stored headers, with names in lower case
    headers: BTreeMap<String, String>,
    /// The body, if it is JSON and not too large
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    /// The file with the body, otherwise
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<BodyFile>,
}

/// The file with a response's body.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct BodyFile {
    /// The file's name, in this model's data
    name: String,
    /// Its size in bytes
    size: u64,
    /// The coding of the file, if it could not be decoded: `zstd`
    #[serde(skip_serializing_if = "Option::is_none")]
    content_encoding: Option<String>,
}

/// The result of a check.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Check {
    /// The URL that was requested
    url: String,
    /// Whether the response was as expected
    good: bool,
    /// Milliseconds until the response began or the request failed
    latency_ms: u64,
    /// The status, if there was a response
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Why there was no response: `timeout`, `connect`, `tls`, `dns`
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn model() -> Model {
    let http_to = |url: &str| Permission::Http {
        url: url.to_owned(),
        methods: Vec::new(),
    };
    Model::new(
        "@sedge/http",
        "2026.12.01.1",
        "Sends HTTP requests and stores the responses",
    )
    .asks_for(
        http_to("https://*:*"),
        "to send the requests that its arguments describe",
    )
    .asks_for(
        http_to("http://*:*"),
        "to send the requests that its arguments describe",
    )
    .asks_for(
        Permission::Secrets {
            name: TOKEN.to_owned(),
            hosts: vec!["https://*:*".to_owned(), "http://*:*".to_owned()],
            reveal: false,
        },
        "to authenticate the requests that set `token`",
    )
    .resource::<Record>("response", "The response: status, headers, and JSON")
    .file(
        "body",
        "application/octet-stream",
        "A body that is not JSON",
    )
    .resource::<Check>("check", "The result of a check")
    .method(
        "fetch",
        MethodKind::Action,
        "Send a request and store the response",
        fetch,
    )
    .method(
        "get",
        MethodKind::Observe,
        "Get a URL and store the response",
        get,
    )
    .method(
        "check",
        MethodKind::Observe,
        "Check whether a server responds as expected, and how fast",
        check,
    )
}

/// Does what `fetch` does, with a request that changes nothing. So it is an observation, and runs
/// beside other ones.
fn get(cx: &Context, arguments: GetArguments) -> Result<Record, Failure> {
    let GetArguments {
        url,
        headers,
        token,
        expect_status,
        redirects,
        keep_headers,
        name,
    } = arguments;
    let arguments = FetchArguments {
        url,
        method: method_get(),
        headers,
        body: None,
        json: None,
        token,
        expect_status,
        redirects,
        keep_headers,
        name,
    };
    fetch(cx, arguments)
}

fn fetch(cx: &Context, arguments: FetchArguments) -> Result<Record, Failure> {
    let method = arguments.method.to_ascii_uppercase();
    let mut request = Request::new(&method, &arguments.url).redirects(arguments.redirects);
    for (name, value) in &arguments.headers {
        request = request.header(name, value);
    }
    if let Some(token) = &arguments.token {
        request = with_token(cx, request, token)?;
    }
    request = match (&arguments.json, &arguments.body) {
        (Some(_), Some(_)) => {
            let message = "a request has a `body` or a `json`, not both";
            return Err(Failure::new("invalid-request", message));
        }
        (Some(json), None) => request.json(json)?,
        (None, Some(body)) => request.body(body.as_str()),
        (None, None) => request,
    };
    let response = cx.http(&request)?;
    let (status, url) = (response.status(), response.url().to_owned());
    let mut headers = stored_headers(&response, arguments.keep_headers.as_deref());
    let media_type = response.header("content-type").map(str::to_owned);
    let coded = response.header("content-encoding").map(str::to_owned);
    let mut body = Body {
        decoded: coding::decoded(response, coded.as_deref())?,
        media_type,
    };
    // The announced length is that of the encoded body, so it would be wrong for the decoded one.
    if coded.is_some() && body.decoded.left().is_none() && arguments.keep_headers.is_none() {
        headers.remove("content-length");
    }
    if !is_expected(status, &arguments.expect_status) {
        return Err(unexpected(&method, status, &url, body));
    }
    let (json, rest) = json_of(&mut body)?;
    let file = arguments.name.as_deref().map(|name| format!("{name}/body"));
    let body = match json {
        Some(_) => None,
        None => body_write(cx, file.as_deref().unwrap_or("body"), &rest, body)?,
    };
    let record = Record {
        url,
        status,
        headers,
        json,
        body,
    };
    let name = arguments.name.as_deref().unwrap_or("response");
    cx.resource("response").named(name).write(&record)?;
    Ok(record)
}

fn with_token(cx: &Context, request: Request, token: &Token) -> Result<Request, Failure> {
    let secret = cx.secret(TOKEN)?;
    Ok(match token {
        Token::Bearer => request.header("authorization", format!("Bearer {secret}")),
        Token::Basic(user) => {
            request.header("authorization", format!("Basic {}", secret.basic(user)))
        }
        Token::Header(name) => request.header(name, secret.placeholder()),
    })
}

fn is_expected(status: u16, expected: &[u16]) -> bool {
    if expected.is_empty() {
        (200..300).contains(&status)
    } else {
        expected.contains(&status)
    }
}

/// A body, decoded if its codings are known.
struct Body {
    decoded: coding::Decoded,
    media_type: Option<String>,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.decoded.read(buffer)
    }
}

/// Returns a failure with the beginning of the response, which usually explains what is wrong.
fn unexpected(method: &str, status: u16, url: &str, body: Body) -> Failure {
    let left = body.decoded.left().map(str::to_owned);
    let mut shown = Vec::new();
    // A body that cannot be read is not shown.
    let _ = body.take(SHOWN_BYTES_MAX).read_to_end(&mut shown);
    let shown = match &left {
        Some(coding) => format!("(a body of coding `{coding}`)"),
        None => String::from_utf8_lossy(&shown).into_owned(),
    };
    let place = url.split(['?', '#']).next().unwrap_or_default();
    let mut message = format!("{method} {place} was answered with status {status}");
    let words: Vec<&str> = shown.split_whitespace().collect();
    let words = words.join(" ");
    if !words.is_empty() {
        message.push_str(": ");
        message.extend(words.chars().take(MESSAGE_CHARS_MAX));
        if words.chars().nth(MESSAGE_CHARS_MAX).is_some() {
            message.push('…');
        }
    }
    let details = json!({"status": status, "url": url, "body": shown});
    Failure::new("unexpected-status", message).with_details(details)
}

fn stored_headers(response: &Response, wanted: Option<&[String]>) -> BTreeMap<String, String> {
    let is_wanted = |name: &str| match wanted {
        Some(wanted) => wanted.iter().any(|it| it.eq_ignore_ascii_case(name)),
        None => HEADERS_KEPT.contains(&name),
    };
    let headers = response.headers().filter(|(name, _)| is_wanted(name));
    let text = |(name, value): (&str, &[u8])| {
        (name.to_owned(), String::from_utf8_lossy(value).into_owned())
    };
    headers.map(text).collect()
}

/// Returns the body if it is JSON. Otherwise returns the bytes that were read to find out.
fn json_of(body: &mut Body) -> Result<(Option<Value>, Vec<u8>), Failure> {
    let media_type = body.media_type.as_deref().unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let is_json = media_type == "application/json" || media_type.ends_with("+json");
    let mut read = Vec::new();
    if !is_json || body.decoded.left().is_some() {
        return Ok((None, read));
    }
    body.take(JSON_BYTES_MAX + 1).read_to_end(&mut read)?;
    let is_whole = read.len() as u64 <= JSON_BYTES_MAX;
    let json = is_whole.then(|| serde_json::from_slice(&read).ok());
    Ok((json.flatten(), read))
}

/// Writes the body to a file in pieces. Returns `None` if it is empty. The host limits how large
/// the file may become.
fn body_write(
    cx: &Context,
    name: &str,
    begun: &[u8],
    mut body: Body,
) -> Result<Option<BodyFile>, Failure> {
    let mut first = [0; 1];
    let n_first = if begun.is_empty() {
        body.read(&mut first)?
    } else {
        0
    };
    if begun.is_empty() && n_first == 0 {
        return Ok(None);
    }
    let mut draft = cx.file("body").named(name);
    if let Some(media_type) = &body.media_type {
        draft = draft.media_type(media_type);
    }
    let mut file = draft.create()?;
    file.write_all(begun)?;
    file.write_all(&first[..n_first])?;
    let n_rest = io::copy(&mut body, &mut file)?;
    file.finish()?;
    Ok(Some(BodyFile {
        name: name.to_owned(),
        size: (begun.len() + n_first) as u64 + n_rest,
        content_encoding: body.decoded.left().map(str::to_owned),
    }))
}

fn check(cx: &Context, arguments: CheckArguments) -> Result<Check, Failure> {
    let timeout = Duration::from_millis(arguments.timeout_ms);
    let request = Request::new(arguments.method.to_ascii_uppercase(), &arguments.url)
        .connect_timeout(timeout)
        .first_byte_timeout(timeout);
    let (answered, latency_ms) = timed(|| cx.http(&request));
    let (status, error) = match answered {
        Ok(response) => (Some(response.status()), None),
        // No request was sent.
        Err(error @ (HttpError::Denied { .. } | HttpError::InvalidRequest { .. })) => {
            return Err(error.into());
        }
        Err(error) => (None, Some(error.code().to_owned())),
    };
    let good = status.is_some_and(|status| is_expected(status, &arguments.expect_status));
    let check = Check {
        url: arguments.url,
        good,
        latency_ms,
        status,
        error,
    };
    let name = arguments.name.as_deref().unwrap_or("check");
    cx.resource("check").named(name).write(&check)?;
    if arguments.require && !good {
        let answer = match (&check.error, check.status) {
            (Some(error), _) => error.clone(),
            (None, status) => format!("status {}", status.unwrap_or_default()),
        };
        let message = format!("the answer is not as expected: {answer}");
        // The check is worth storing even though the call fails.
        return Err(Failure::new("not-good", message).keep_writes());
    }
    Ok(check)
}

/// Runs `work`, and returns its result and its duration in milliseconds.
#[expect(
    clippy::disallowed_methods,
    reason = "a plugin has WASI's clock, and no host's"
)]
fn timed<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let since = Instant::now();
    let done = work();
    let took_ms = u64::try_from(since.elapsed().as_millis());
    (done, took_ms.unwrap_or(u64::MAX))
}

sedge_sdk::export!(model);
