//! HTTP requests to granted hosts.
//!
//! A type requests access with [`Permission::Http`](crate::Permission::Http). The host checks each
//! request, including redirects. A request that is not granted fails with [`HttpError::Denied`],
//! and the call's log shows the YAML that would grant it.

mod error;
#[cfg(target_arch = "wasm32")]
mod wire;

/// What `wire` is in a component: the replies of a test.
#[cfg(not(target_arch = "wasm32"))]
#[path = "http/scripted.rs"]
mod wire;

use std::io::{self, Read};
use std::time::Duration;

use fluent_uri::{Uri, UriRef};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Context;

pub use error::HttpError;
use error::Subject;

/// The default value of the header `user-agent`.
const USER_AGENT: &str = concat!("sedge-sdk/", env!("CARGO_PKG_VERSION"));

/// Headers that are meant for one server. A redirect to another server drops them.
const HEADERS_OF_PLACE: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// Headers that describe the body. They are dropped together with it.
const HEADERS_OF_BODY: [&str; 4] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
];

/// HTTP.
impl Context {
    /// Sends a request, and returns the response once its headers have arrived. The body is
    /// received while it is read.
    ///
    /// ```no_run
    /// use sedge_sdk::{Context, Failure, Request};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Deserialize, Serialize)]
    /// struct Zone {
    ///     id: String,
    /// }
    ///
    /// fn zone(cx: &Context) -> Result<Zone, Failure> {
    ///     let request = Request::get("https://api.example.com/zones/1").header("accept", "application/json");
    ///     let response = cx.http(&request)?;
    ///     if response.status() != 200 {
    ///         return Err(Failure::new("unexpected-status", response.status().to_string()));
    ///     }
    ///     Ok(response.json(1 << 20)?)
    /// }
    /// ```
    ///
    /// # Errors
    /// There is no response. A response with an error status is not an error here.
    pub fn http(&self, request: &Request) -> Result<Response, HttpError> {
        let mut request = request.clone();
        loop {
            let url = request.parsed_url()?;
            let subject = Subject::new(&request.method, &url);
            let response = wire::send(&request, &url, subject.clone())?;
            let Some(to) = response.redirects_to() else {
                return Ok(response);
            };
            match request.redirects_left.as_mut() {
                None => return Ok(response),
                Some(0) => return Err(HttpError::TooManyRedirects { subject }),
                Some(left) => *left -= 1,
            }
            let to =
                resolve(&url, &to).map_err(|reason| HttpError::Redirect { subject, reason })?;
            request.redirect(response.status(), &url, &to);
        }
    }
}

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    redirects_left: Option<u32>,
    connect_timeout: Option<Duration>,
    first_byte_timeout: Option<Duration>,
    between_bytes_timeout: Option<Duration>,
}

impl Request {
    /// Returns a request with a method, such as `GET`, and a URL of `https` or `http`.
    ///
    /// Errors in either are reported when the request is sent.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            redirects_left: None,
            connect_timeout: None,
            first_byte_timeout: None,
            between_bytes_timeout: None,
        }
    }

    /// Returns a `GET` request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// Returns a `POST` request.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// Adds a header. The host sets `Host` and the headers of the connection itself; a plugin
    /// cannot set them.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to the JSON of a value, and the header `content-type`.
    ///
    /// # Errors
    /// The value cannot be represented in JSON, for example a map whose keys are not text.
    pub fn json(self, value: &impl Serialize) -> Result<Self, serde_json::Error> {
        let body = serde_json::to_vec(value)?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Follows up to `n_max` redirects. Each is a request of its own, which needs a grant. By
    /// default no redirect is followed, and the response is returned.
    #[must_use]
    pub fn redirects(mut self, n_max: u32) -> Self {
        self.redirects_left = Some(n_max);
        self
    }

    /// Limits the time to connect. The host's own limits apply, too.
    #[must_use]
    pub fn connect_timeout(mut self, at_most: Duration) -> Self {
        self.connect_timeout = Some(at_most);
        self
    }

    /// Limits the time until the response begins. The host's own limits apply, too.
    #[must_use]
    pub fn first_byte_timeout(mut self, at_most: Duration) -> Self {
        self.first_byte_timeout = Some(at_most);
        self
    }

    /// Limits the time between two pieces of a body. The host's own limits apply, too.
    #[must_use]
    pub fn between_bytes_timeout(mut self, at_most: Duration) -> Self {
        self.between_bytes_timeout = Some(at_most);
        self
    }

    fn has(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|(it, _)| it.eq_ignore_ascii_case(name))
    }

    fn parsed_url(&self) -> Result<Uri<String>, HttpError> {
        let refused = |reason: String| HttpError::InvalidRequest {
            subject: Subject::unreadable(&self.method),
            reason,
        };
        let url = Uri::parse(self.url.as_str())
            .map_err(|error| refused(format!("its URL is none: {error}")))?;
        match url.authority() {
            Some(authority) if authority.userinfo().is_some() => Err(refused(
                "its URL has a user name in it, which is not sent; send a secret in a header instead"
                    .to_owned(),
            )),
            Some(authority) if authority.host().is_empty() => {
                Err(refused("its URL names no host".to_owned()))
            }
            Some(_) => Ok(url.to_owned()),
            None => Err(refused("its URL names no host".to_owned())),
        }
    }

    /// Turns this request into the one that follows a redirect (RFC 9110, section 15.4).
    fn redirect(&mut self, status: u16, from: &Uri<String>, to: &Uri<String>) {
        let becomes_get = match status {
            303 => self.method != "HEAD",
            301 | 302 => self.method == "POST",
            _ => false,
        };
        if becomes_get {
            self.method = "GET".to_owned();
            self.body.clear();
            self.remove_headers(&HEADERS_OF_BODY);
        }
        let place = |url: &Uri<String>| {
            let authority = url.authority().map(|it| it.as_str().to_ascii_lowercase());
            (url.scheme().as_str().to_ascii_lowercase(), authority)
        };
        if place(from) != place(to) {
            self.remove_headers(&HEADERS_OF_PLACE);
        }
        self.url = to.as_str().to_owned();
    }

    fn remove_headers(&mut self, headers: &[&str]) {
        let is_kept = |name: &str| !headers.iter().any(|it| it.eq_ignore_ascii_case(name));
        self.headers.retain(|(name, _)| is_kept(name));
    }
}

/// Returns the URL of a redirect, resolved against the URL that it came from.
fn resolve(from: &Uri<String>, to: &str) -> Result<Uri<String>, String> {
    let to = UriRef::parse(to).map_err(|error| error.to_string())?;
    // The fragment is meant for the program that shows the document, not for the server.
    let mut to = to
        .resolve_against(from)
        .map_err(|error| error.to_string())?;
    to.set_fragment(None);
    Ok(to)
}

/// A response. Its body is received while it is read, through [`Read`] or as a whole.
///
/// Dropping it before its end closes the connection.
#[derive(Debug)]
pub struct Response {
    status: u16,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    body: wire::Body,
}

impl Response {
    /// Returns the status, for example `200`.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns the URL of the response. After redirects it is the last URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the value of the first header of this name, in any case. Returns `None` if there is
    /// none, or if its value is not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(it, _)| it.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| str::from_utf8(value).ok())
    }

    /// Returns all headers, with names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let headers = self.headers.iter();
        headers.map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Reads the whole body as received. A compressed body is not decompressed.
    ///
    /// # Errors
    /// The body is larger than `bytes_max`, or ends early.
    pub fn bytes(mut self, bytes_max: usize) -> Result<Vec<u8>, HttpError> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.body.piece()? {
            if bytes.len() + piece.len() > bytes_max {
                let subject = self.body.subject().clone();
                return Err(HttpError::TooLarge { subject });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// Reads the whole body as text.
    ///
    /// # Errors
    /// As for [`bytes`](Self::bytes), or the body is not UTF-8.
    pub fn text(self, bytes_max: usize) -> Result<String, HttpError> {
        let subject = self.body.subject().clone();
        let bytes = self.bytes(bytes_max)?;
        String::from_utf8(bytes).map_err(|error| HttpError::InvalidBody {
            subject,
            reason: error.utf8_error().to_string(),
        })
    }

    /// Reads the whole body as JSON.
    ///
    /// # Errors
    /// As for [`bytes`](Self::bytes), or the body is not the JSON of a `T`.
    pub fn json<T: DeserializeOwned>(self, bytes_max: usize) -> Result<T, HttpError> {
        let subject = self.body.subject().clone();
        let bytes = self.bytes(bytes_max)?;
        serde_json::from_slice(&bytes).map_err(|error| HttpError::InvalidBody {
            subject,
            reason: error.to_string(),
        })
    }

    /// Returns the target of a redirect, if the response is one.
    fn redirects_to(&self) -> Option<String> {
        let is_redirect = matches!(self.status, 301 | 302 | 303 | 307 | 308);
        let to = self.header("location").filter(|_| is_redirect)?;
        Some(to.to_owned())
    }
}

/// Errors are [`HttpError`]s, which convert into a [`Failure`](crate::Failure) by `?`.
impl Read for Response {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.body.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Uri<String> {
        Uri::parse(text).expect(text).to_owned()
    }

    #[test]
    fn redirect_is_resolved_against_its_url() {
        let check = |to: &str, expect: &str| {
            let found = resolve(&url("https://a.com/b/c?d"), to).expect(to);
            assert_eq!(found.as_str(), expect, "{to}");
        };
        check("/x", "https://a.com/x");
        check("x", "https://a.com/b/x");
        check("../x?y", "https://a.com/x?y");
        check("?y", "https://a.com/b/c?y");
        check("//b.com/x", "https://b.com/x");
        check("http://127.0.0.1:8/x#y", "http://127.0.0.1:8/x");
        resolve(&url("https://a.com"), "https://a b").expect_err("it is no URL");
    }

    #[test]
    fn redirect_drops_headers_meant_for_another_server() {
        let check = |method: &str, status: u16, to: &str, expect: (&str, &str, &[&str])| {
            let mut request = Request::new(method, "https://a.com/b")
                .header("Authorization", "me")
                .header("Content-Type", "text/plain")
                .header("Accept", "text/plain")
                .body("body");
            request.redirect(status, &url("https://a.com/b"), &url(to));
            let headers: Vec<&str> = request.headers.iter().map(|(it, _)| it.as_str()).collect();
            let body = String::from_utf8(request.body).expect("text");
            assert_eq!(
                (request.method.as_str(), body.as_str(), headers.as_slice()),
                expect,
                "{method} {status} {to}"
            );
            assert_eq!(request.url, to);
        };
        let all = ["Authorization", "Content-Type", "Accept"].as_slice();
        let here = "https://a.com/c";
        check("POST", 303, here, ("GET", "", &["Authorization", "Accept"]));
        check("POST", 302, here, ("GET", "", &["Authorization", "Accept"]));
        check("PUT", 302, here, ("PUT", "body", all));
        check("PUT", 303, here, ("GET", "", &["Authorization", "Accept"]));
        check("POST", 307, here, ("POST", "body", all));
        for elsewhere in ["https://b.com/c", "http://a.com/c", "https://a.com:8443/c"] {
            let expect = ("POST", "body", ["Content-Type", "Accept"].as_slice());
            check("POST", 308, elsewhere, expect);
        }
    }

    #[test]
    fn request_with_an_invalid_url_is_refused() {
        for bad in ["", "/x", "https:", "mailto:a@b.c", "https://a b"] {
            Request::get(bad).parsed_url().expect_err(bad);
        }
    }
}
