//! Requests and responses of a test: the replies that it has prepared.

use std::collections::VecDeque;
use std::io::{self, Read};

use fluent_uri::Uri;

use super::error::{HttpError, Subject};
use super::{Request, Response, USER_AGENT};
use crate::testing::http::{HttpAnswer, http_reply};
use crate::testing::{HttpFault, HttpReply, SentRequest};

/// The size of the pieces in which a body arrives, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// Headers that the host sets itself.
const HEADERS_OF_HOST: [&str; 7] = [
    "connection",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

/// Sends one request to the test, and returns its reply.
pub(super) fn send(
    request: &Request,
    url: &Uri<String>,
    subject: Subject,
) -> Result<Response, HttpError> {
    let refused = |reason: String| HttpError::InvalidRequest {
        subject: subject.clone(),
        reason,
    };
    let sent = SentRequest {
        method: request.method.clone(),
        url: url.as_str().to_owned(),
        headers: headers(request).map_err(refused)?,
        body: request.body.clone(),
    };
    let scheme = url.scheme().as_str().to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        let reason = format!("its scheme is `{scheme}`, not `https` or `http`");
        return Err(refused(reason));
    }
    let reply = match http_reply(sent, url) {
        HttpAnswer::Reply(reply) => reply,
        HttpAnswer::Denied => return Err(HttpError::Denied { subject }),
        HttpAnswer::Unprepared(reason) => {
            return Err(HttpError::Protocol { subject, reason });
        }
    };
    let is_closed_early = match reply.fault {
        None => false,
        Some(HttpFault::ClosedEarly) => true,
        Some(HttpFault::Dns) => return Err(HttpError::Dns { subject }),
        Some(HttpFault::Connect) => return Err(HttpError::Connect { subject }),
        Some(HttpFault::Tls) => return Err(HttpError::Tls { subject }),
        Some(HttpFault::Timeout) => return Err(HttpError::Timeout { subject }),
        Some(HttpFault::TooLarge) => return Err(HttpError::TooLarge { subject }),
    };
    let HttpReply {
        status,
        headers,
        body,
        ..
    } = reply;
    let headers = headers.into_iter();
    Ok(Response {
        status,
        url: url.as_str().to_owned(),
        headers: headers
            .map(|(name, value)| (name, value.into_bytes()))
            .collect(),
        body: Body {
            rest: body.into(),
            is_closed_early,
            subject,
        },
    })
}

/// Returns the headers as they are sent.
fn headers(request: &Request) -> Result<Vec<(String, String)>, String> {
    let mut headers = Vec::new();
    if !request.has("user-agent") {
        headers.push(("user-agent".to_owned(), USER_AGENT.to_owned()));
    }
    let takes_body = !matches!(request.method.as_str(), "GET" | "HEAD");
    if !request.has("content-length") && (takes_body || !request.body.is_empty()) {
        headers.push(("content-length".to_owned(), request.body.len().to_string()));
    }
    for (name, value) in &request.headers {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let is_text = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        if name.is_empty() || !name.bytes().all(is_token) || !value.bytes().all(is_text) {
            return Err(format!("its header `{name}` is none"));
        }
        let lower = name.to_ascii_lowercase();
        if HEADERS_OF_HOST.contains(&lower.as_str()) {
            return Err(format!("its header `{name}` is the host's to set"));
        }
        headers.push((name.clone(), value.clone()));
    }
    Ok(headers)
}

/// The body of a reply.
#[derive(Debug)]
pub(super) struct Body {
    rest: VecDeque<u8>,
    is_closed_early: bool,
    subject: Subject,
}

impl Body {
    pub(super) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Returns the next piece, or `None` at the end.
    pub(super) fn piece(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        let n_bytes = self.rest.len().min(PIECE_BYTES);
        if n_bytes > 0 {
            return Ok(Some(self.rest.drain(..n_bytes).collect()));
        }
        match self.is_closed_early {
            true => Err(HttpError::Closed {
                subject: self.subject.clone(),
            }),
            false => Ok(None),
        }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            // At the end, this is an error if the connection was closed early.
            self.piece().map_err(io::Error::other)?;
        }
        let n_bytes = self.rest.len().min(buffer.len());
        for (slot, byte) in buffer.iter_mut().zip(self.rest.drain(..n_bytes)) {
            *slot = byte;
        }
        Ok(n_bytes)
    }
}
