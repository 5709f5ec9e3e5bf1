//! Requests and responses in the terms of `wasi:http`.

use std::io::{self, Read};
use std::time::Duration;

use fluent_uri::Uri;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, HeaderError, IncomingBody, IncomingResponse, Method,
    OutgoingBody, OutgoingRequest, RequestOptions, Scheme, http_error_code,
};
use wasip2::io::poll::poll;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use super::error::{HttpError, Subject};
use super::{Request, Response, USER_AGENT};

/// The size of one read of a response, in bytes.
const PIECE_BYTES: u64 = 64 << 10;

/// Sends one request, and waits for the head of the response.
pub(super) fn send(
    request: &Request,
    url: &Uri<String>,
    subject: Subject,
) -> Result<Response, HttpError> {
    let refused = |reason: String| HttpError::InvalidRequest {
        subject: subject.clone(),
        reason,
    };
    let outgoing = outgoing(request, url).map_err(refused)?;
    let options = options(request).map_err(refused)?;
    let body = (!request.body.is_empty()).then(|| outgoing.body());
    let body = body.transpose();
    let body = body.map_err(|()| refused("its content-length is none".to_owned()))?;
    let failed = |error: ErrorCode| of_code(&error, subject.clone());
    let pending = outgoing_handler::handle(outgoing, Some(options)).map_err(failed)?;
    let unsent = body.and_then(|body| write(body, &request.body, &pending));
    let response = wait(&pending).map_err(failed)?;
    Ok(Response {
        status: response.status(),
        url: url.as_str().to_owned(),
        headers: response.headers().entries(),
        body: Body::new(response, unsent, subject)?,
    })
}

fn outgoing(request: &Request, url: &Uri<String>) -> Result<OutgoingRequest, String> {
    let fields = Fields::new();
    let add = |name: &str, value: &str| {
        fields
            .append(name, value.as_bytes())
            .map_err(|error| header_reason(name, error))
    };
    if !request.has("user-agent") {
        add("user-agent", USER_AGENT)?;
    }
    let takes_body = !matches!(request.method.as_str(), "GET" | "HEAD");
    if !request.has("content-length") && (takes_body || !request.body.is_empty()) {
        add("content-length", &request.body.len().to_string())?;
    }
    for (name, value) in &request.headers {
        add(name, value)?;
    }
    let outgoing = OutgoingRequest::new(fields);
    let scheme = match url.scheme().as_str().to_ascii_lowercase().as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => return Err(format!("its scheme is `{other}`, not `https` or `http`")),
    };
    let authority = url.authority().map_or("", |it| it.as_str());
    let query = url.query().map(|query| format!("?{query}"));
    let target = format!("{}{}", url.path(), query.unwrap_or_default());
    outgoing
        .set_method(&method(&request.method))
        .map_err(|()| format!("`{}` is not an HTTP method", request.method))?;
    let set = outgoing
        .set_scheme(Some(&scheme))
        .and_then(|()| outgoing.set_authority(Some(authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(&target)));
    set.map_err(|()| "its URL cannot be sent".to_owned())?;
    Ok(outgoing)
}

fn header_reason(name: &str, error: HeaderError) -> String {
    match error {
        HeaderError::InvalidSyntax => format!("its header `{name}` is none"),
        HeaderError::Forbidden => format!("its header `{name}` is the host's to set"),
        HeaderError::Immutable => format!("its header `{name}` cannot be set any more"),
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn options(request: &Request) -> Result<RequestOptions, String> {
    let options = RequestOptions::new();
    let nanos =
        |it: Option<Duration>| it.map(|it| u64::try_from(it.as_nanos()).unwrap_or(u64::MAX));
    options
        .set_connect_timeout(nanos(request.connect_timeout))
        .and_then(|()| options.set_first_byte_timeout(nanos(request.first_byte_timeout)))
        .and_then(|()| options.set_between_bytes_timeout(nanos(request.between_bytes_timeout)))
        .map_err(|()| "the host knows no such time limit".to_owned())?;
    Ok(options)
}

/// Writes the body for as long as the server accepts it. Returns the body if it was not written to
/// its end: the response may still arrive, and dropping the body would close the connection.
fn write(
    body: OutgoingBody,
    bytes: &[u8],
    pending: &FutureIncomingResponse,
) -> Option<OutgoingBody> {
    let Ok(stream) = body.write() else {
        return Some(body);
    };
    let is_written = write_all(&stream, bytes, pending);
    drop(stream);
    if !is_written {
        return Some(body);
    }
    // If finishing fails, the response fails as well and says why.
    let _ = OutgoingBody::finish(body, None);
    None
}

fn write_all(stream: &OutputStream, mut bytes: &[u8], pending: &FutureIncomingResponse) -> bool {
    let (writable, responded) = (stream.subscribe(), pending.subscribe());
    while !bytes.is_empty() {
        let ready = poll(&[&writable, &responded]);
        let is_writable = ready.contains(&0);
        if !is_writable {
            return false;
        }
        let n_bytes = match stream.check_write() {
            Ok(n_bytes) => usize::try_from(n_bytes).unwrap_or(usize::MAX),
            Err(_) => return false,
        };
        let (piece, rest) = bytes.split_at(n_bytes.min(bytes.len()));
        if stream.write(piece).is_err() {
            return false;
        }
        bytes = rest;
    }
    true
}

fn wait(pending: &FutureIncomingResponse) -> Result<IncomingResponse, ErrorCode> {
    pending.subscribe().block();
    match pending.get() {
        Some(Ok(response)) => response,
        Some(Err(())) | None => Err(ErrorCode::InternalError(None)),
    }
}

/// The body of a response. Fields are dropped in order, and inner resources must be dropped before
/// outer ones.
#[derive(Debug)]
pub(super) struct Body {
    stream: InputStream,
    /// Bytes that were read but not returned yet.
    rest: Vec<u8>,
    subject: Subject,
    _body: IncomingBody,
    _response: IncomingResponse,
    _unsent: Option<OutgoingBody>,
}

impl Body {
    fn new(
        response: IncomingResponse,
        unsent: Option<OutgoingBody>,
        subject: Subject,
    ) -> Result<Self, HttpError> {
        let taken = |()| HttpError::Protocol {
            subject: subject.clone(),
            reason: "the body was taken before".to_owned(),
        };
        let body = response.consume().map_err(taken)?;
        Ok(Self {
            stream: body.stream().map_err(taken)?,
            rest: Vec::new(),
            subject,
            _body: body,
            _response: response,
            _unsent: unsent,
        })
    }

    pub(super) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Returns the next piece, or `None` at the end.
    pub(super) fn piece(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        if !self.rest.is_empty() {
            return Ok(Some(std::mem::take(&mut self.rest)));
        }
        loop {
            match self.stream.blocking_read(PIECE_BYTES) {
                // The stream may be ready without data, for example at the trailers.
                Ok(piece) if piece.is_empty() => {}
                Ok(piece) => return Ok(Some(piece)),
                Err(StreamError::Closed) => return Ok(None),
                Err(StreamError::LastOperationFailed(error)) => {
                    let code = http_error_code(&error).unwrap_or(ErrorCode::InternalError(None));
                    return Err(of_code(&code, self.subject.clone()));
                }
            }
        }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let Some(mut piece) = self.piece().map_err(io::Error::other)? else {
            return Ok(0);
        };
        let n_bytes = piece.len().min(buffer.len());
        buffer[..n_bytes].copy_from_slice(&piece[..n_bytes]);
        piece.drain(..n_bytes);
        self.rest = piece;
        Ok(n_bytes)
    }
}

fn of_code(code: &ErrorCode, subject: Subject) -> HttpError {
    let refused = |reason: &str| HttpError::InvalidRequest {
        subject: subject.clone(),
        reason: reason.to_owned(),
    };
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
            HttpError::Denied { subject }
        }
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            HttpError::Dns { subject }
        }
        ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused => HttpError::Connect { subject },
        ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError
        | ErrorCode::TlsAlertReceived(_) => HttpError::Tls { subject },
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => HttpError::Timeout { subject },
        ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseTrailerSectionSize(_)
        | ErrorCode::HttpResponseTrailerSize(_) => HttpError::TooLarge { subject },
        ErrorCode::ConnectionLimitReached => HttpError::TooMany { subject },
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
            HttpError::Closed { subject }
        }
        ErrorCode::HttpRequestLengthRequired => refused("its length is missing"),
        ErrorCode::HttpRequestMethodInvalid => {
            refused("its method cannot be sent; methods are upper case, such as `GET`")
        }
        ErrorCode::HttpRequestUriInvalid => {
            refused("its URL has no host that a request can be sent to")
        }
        ErrorCode::HttpResponseTransferCoding(_)
        | ErrorCode::HttpResponseContentCoding(_)
        | ErrorCode::HttpUpgradeFailed
        | ErrorCode::HttpProtocolError
        | ErrorCode::LoopDetected
        | ErrorCode::ConfigurationError
        | ErrorCode::InternalError(_) => HttpError::Protocol {
            subject,
            reason: format!("{code}"),
        },
    }
}
