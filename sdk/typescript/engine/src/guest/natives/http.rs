//! HTTP requests over `wasi:http`.

use rquickjs::{Array, Error, Exception, Object, Result, Value};
use serde::Deserialize;

use super::Native;
use super::waiting::{room, take, unknown};
use crate::guest::arguments::Arguments;
use crate::guest::bindings::wasi::http::outgoing_handler;
use crate::guest::bindings::wasi::http::types::{
    Fields, HeaderError, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions,
    Scheme,
};
use crate::guest::state::{Input, Output, Resource};
use crate::guest::{faults, state};

/// The number of nanoseconds in a millisecond.
const NANOS_PER_MILLI: f64 = 1_000_000.0;

pub(super) const HTTP: &[(&str, Native)] =
    &[("send", send), ("finish", finish), ("response", response)];

/// The head of a request, as the SDK passes it.
#[derive(Deserialize)]
struct Head {
    method: String,
    scheme: String,
    authority: String,
    path_with_query: String,
    headers: Vec<(String, String)>,
    has_body: bool,
    connect_timeout_ms: Option<f64>,
    first_byte_timeout_ms: Option<f64>,
    between_bytes_timeout_ms: Option<f64>,
}

fn send<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    room(args)?;
    let head: Head = args.record(0)?;
    let request = request(args, &head)?;
    let invalid = |what: &str| invalid(args, what);
    let body = request
        .body()
        .map_err(|()| invalid("the request has no body"))?;
    let stream = match head.has_body {
        true => Some(
            body.write()
                .map_err(|()| invalid("the request has no body"))?,
        ),
        false => None,
    };
    let response = outgoing_handler::handle(request, options(args, &head)?)
        .map_err(|code| faults::http(&args.cx, &code))?;
    let body = match stream {
        Some(stream) => Some(Resource::Output(Output {
            stream,
            body: Some(body),
            is_flushing: false,
        })),
        None => {
            OutgoingBody::finish(body, None).map_err(|code| faults::http(&args.cx, &code))?;
            None
        }
    };
    let sent = Object::new(args.cx.clone())?;
    sent.set(
        "response",
        state::with(|state| state.add(Resource::Response(response))),
    )?;
    sent.set(
        "body",
        body.map(|body| state::with(|state| state.add(body))),
    )?;
    if sent.get::<_, Value<'_>>("body")?.is_undefined() {
        sent.set("body", Value::new_null(args.cx.clone()))?;
    }
    args.returns(sent)
}

fn invalid(args: &Arguments<'_>, what: &str) -> Error {
    faults::tagged(&args.cx, "http-error", "invalid", Some(what))
}

fn request(args: &Arguments<'_>, head: &Head) -> Result<OutgoingRequest> {
    let mut entries = Vec::with_capacity(head.headers.len());
    for (name, value) in &head.headers {
        let Some(value) = byte_string(value) else {
            let text = format!("the header `{name}` has characters that no header can have");
            return Err(Exception::throw_type(&args.cx, &text));
        };
        entries.push((name.clone(), value));
    }
    let fields =
        Fields::from_list(&entries).map_err(|error| invalid(args, header_problem(&error)))?;
    let request = OutgoingRequest::new(fields);
    let scheme = match head.scheme.as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    request
        .set_method(&method(&head.method))
        .map_err(|()| invalid(args, "the method is not valid"))?;
    request
        .set_scheme(Some(&scheme))
        .map_err(|()| invalid(args, "the scheme is not valid"))?;
    request
        .set_authority(Some(&head.authority))
        .map_err(|()| invalid(args, "the host is not valid"))?;
    request
        .set_path_with_query(Some(&head.path_with_query))
        .map_err(|()| invalid(args, "the path is not valid"))?;
    Ok(request)
}

fn header_problem(error: &HeaderError) -> &'static str {
    match error {
        HeaderError::InvalidSyntax => "the name or the value of a header is not valid",
        HeaderError::Forbidden => "it has a header that only the host sets",
        HeaderError::Immutable => "its headers cannot be changed any more",
    }
}

/// Returns one byte for each character, or `None` if there is one beyond that.
fn byte_string(text: &str) -> Option<Vec<u8>> {
    // ignored: the caller names the header.
    text.chars().map(|it| u8::try_from(it).ok()).collect()
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        _ => Method::Other(name.to_owned()),
    }
}

fn options(args: &Arguments<'_>, head: &Head) -> Result<Option<RequestOptions>> {
    let times = [
        head.connect_timeout_ms,
        head.first_byte_timeout_ms,
        head.between_bytes_timeout_ms,
    ];
    if times.iter().all(Option::is_none) {
        return Ok(None);
    }
    let nanos = |ms: Option<f64>| ms.map(|ms| (ms * NANOS_PER_MILLI) as u64);
    let options = RequestOptions::new();
    options
        .set_connect_timeout(nanos(times[0]))
        .and_then(|()| options.set_first_byte_timeout(nanos(times[1])))
        .and_then(|()| options.set_between_bytes_timeout(nanos(times[2])))
        .map_err(|()| invalid(args, "a time limit is not supported"))?;
    Ok(Some(options))
}

fn finish<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let handle = args.handle(0);
    let is_body = state::with(|state| match state.resource(handle) {
        Some(Resource::Output(output)) => output.body.is_some(),
        Some(_) | None => false,
    });
    if !is_body {
        return Err(unknown(args));
    }
    if let Some(Resource::Output(Output {
        stream,
        body: Some(body),
        ..
    })) = take(args, handle)?
    {
        drop(stream);
        OutgoingBody::finish(body, None).map_err(|code| faults::http(&args.cx, &code))?;
    }
    args.returns_nothing()
}

fn response<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let handle = args.handle(0);
    let got = state::with(|state| match state.resource(handle) {
        Some(Resource::Response(response)) => Some(response.get()),
        Some(_) | None => None,
    });
    let Some(got) = got else {
        return Err(unknown(args));
    };
    let Some(got) = got else {
        return args.returns_null();
    };
    drop(take(args, handle)?);
    match got {
        Ok(Ok(response)) => head(args, &response),
        Ok(Err(code)) => Err(faults::http(&args.cx, &code)),
        Err(()) => Err(unknown(args)),
    }
}

fn head<'js>(args: &Arguments<'js>, response: &IncomingResponse) -> Result<Value<'js>> {
    let headers = Array::new(args.cx.clone())?;
    for (index, (name, value)) in response.headers().entries().into_iter().enumerate() {
        let value: String = value.into_iter().map(char::from).collect();
        headers.set(index, vec![name, value])?;
    }
    let body = response.consume().map_err(|()| unknown(args))?;
    let stream = body.stream().map_err(|()| unknown(args))?;
    let input = Resource::Input(Input {
        stream,
        _body: Some(body),
    });
    let head = Object::new(args.cx.clone())?;
    head.set("status", response.status())?;
    head.set("headers", headers)?;
    head.set("body", state::with(|state| state.add(input)))?;
    args.returns(head)
}
