//! Replaces placeholders in requests by secrets.
//!
//! A value is encoded as its position requires: percent-encoded in URLs and forms, escaped in
//! JSON, and verbatim elsewhere. A request to a host that the grant of the secret does not name is
//! refused. It is never sent with the placeholder in it.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::{Arc, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Uri};
use sedge_model::limits::HttpLimit;
use sedge_model::permission::effective::Use;
use sedge_model::permission::pattern::HttpOrigin;

use super::Sender;
use super::fault::HttpFault;
use crate::call_secrets::{CallSecrets, PLACEHOLDER_BYTES, PLACEHOLDER_START, SecretText};

/// The maximum number of secrets in one request. A placeholder is short and a value may be long,
/// so without a limit a small request could become a large one in the host's memory.
const INSERTED_MAX: u32 = 64;

/// The position of a placeholder in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Url,
    Header,
    /// A body of the type `application/x-www-form-urlencoded`.
    Form,
    /// A string in a JSON body.
    Json,
    /// Any other body.
    Body,
}

/// Inserts secrets into one request.
pub(super) struct Inserter {
    sender: Arc<Sender>,
    to: HttpOrigin,
    n_left: u32,
}

impl Inserter {
    /// Returns an inserter for a request to `to`. Returns `None` if the call has no placeholders.
    pub(super) fn new(sender: &Arc<Sender>, to: &HttpOrigin) -> Option<Self> {
        let is_needed = secrets(sender).has_placeholders();
        is_needed.then(|| Self {
            sender: Arc::clone(sender),
            to: to.clone(),
            n_left: INSERTED_MAX,
        })
    }

    /// Inserts secrets into the path, the query and the headers of a request.
    ///
    /// # Errors
    /// A secret may not be sent to this host or does not fit its position, or the head exceeds
    /// `bytes_max`.
    pub(super) fn head(&mut self, parts: &mut Parts, bytes_max: usize) -> Result<(), HttpFault> {
        let mut n_bytes = 0;
        for value in parts.headers.values_mut() {
            if let Cow::Owned(bytes) = self.insert(value.as_bytes(), Place::Header)? {
                let bytes = SecretText::from(bytes);
                let mut inserted = HeaderValue::from_bytes(&bytes)
                    .map_err(|_| HttpFault::SecretUnfit("a header cannot contain its bytes"))?;
                inserted.set_sensitive(true);
                *value = inserted;
            }
            n_bytes += value.len();
        }
        let path = parts.uri.path_and_query().map_or("", PathAndQuery::as_str);
        n_bytes += path.len();
        if let Cow::Owned(bytes) = self.insert(path.as_bytes(), Place::Url)? {
            n_bytes += bytes.len();
            parts.uri = with_path(&parts.uri, &bytes)?;
        }
        let limit = HttpLimit::HeaderBytes;
        let value = bytes_max as u64;
        (n_bytes <= bytes_max)
            .then_some(())
            .ok_or(HttpFault::Limit { limit, value })
    }

    /// Returns an inserter for the body of a request with these headers.
    pub(super) fn of_body(self, headers: &HeaderMap) -> BodyInserter {
        let media_type = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let media_type = media_type.unwrap_or_default().to_ascii_lowercase();
        let place = match media_type.split(';').next().unwrap_or_default().trim() {
            "application/x-www-form-urlencoded" => Place::Form,
            "application/json" => Place::Json,
            other if other.ends_with("+json") => Place::Json,
            _ => Place::Body,
        };
        BodyInserter {
            inserter: self,
            place,
            held: Vec::new(),
        }
    }

    fn insert<'t>(&mut self, text: &'t [u8], place: Place) -> Result<Cow<'t, [u8]>, HttpFault> {
        let mut inserted: Vec<u8> = Vec::new();
        let (mut copied, mut at) = (0, 0);
        while let Some(found) = find(&text[at..]) {
            let start = at + found;
            at = start + PLACEHOLDER_START.len();
            let Some(placeholder) = text.get(start..start + PLACEHOLDER_BYTES) else {
                break;
            };
            let Some(value) = self.value(placeholder, place)? else {
                continue;
            };
            inserted.extend_from_slice(&text[copied..start]);
            inserted.extend_from_slice(&value);
            at = start + PLACEHOLDER_BYTES;
            copied = at;
        }
        if copied == 0 {
            return Ok(Cow::Borrowed(text));
        }
        inserted.extend_from_slice(&text[copied..]);
        Ok(Cow::Owned(inserted))
    }

    /// Returns the encoded value that a placeholder stands for. Returns `None` if the text is not
    /// a placeholder.
    fn value(&mut self, text: &[u8], place: Place) -> Result<Option<SecretText>, HttpFault> {
        let secrets = secrets(&self.sender);
        let Some(found) = secrets.placeholder_content(text) else {
            return Ok(None);
        };
        let (name, value) = (found.name, found.text);
        if !found.usage.hosts.iter().any(|host| host.covers(&self.to)) {
            let permissions = &self.sender.spec.identity.permissions;
            let denial = match found.is_argument {
                true => permissions.argument_secret_denied(name, &self.to),
                false => permissions.secret_denied(name, Some(&self.to)),
            };
            return Err(self.sender.denied(denial));
        }
        let left = self.n_left.checked_sub(1);
        self.n_left = left.ok_or(HttpFault::Limit {
            limit: HttpLimit::Secrets,
            value: INSERTED_MAX.into(),
        })?;
        let sent = Use::SecretSent(name, &self.to);
        self.sender.spec.identity.uses.mark(&sent);
        Ok(Some(match place {
            Place::Url | Place::Form => percent_encoded(&value),
            Place::Json => json_escaped(&value)?,
            Place::Header | Place::Body => value,
        }))
    }
}

/// Inserts secrets into a body that arrives in pieces.
pub(super) struct BodyInserter {
    inserter: Inserter,
    place: Place,
    /// The end of the data so far, if it may be the beginning of a placeholder.
    held: Vec<u8>,
}

impl BodyInserter {
    /// Adds a piece, and returns the data that is complete.
    ///
    /// # Errors
    /// A secret may not be sent to this host, or does not fit its position.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<Bytes, HttpFault> {
        self.held.extend_from_slice(piece);
        let ready = self.held.len() - open(&self.held);
        let inserted = self.inserter.insert(&self.held[..ready], self.place)?;
        let inserted = Bytes::from(inserted.into_owned());
        self.held.drain(..ready);
        Ok(inserted)
    }

    /// Ends the body, and returns the bytes that were held back because a placeholder might have
    /// begun in them.
    pub(super) fn finish(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.held))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

fn secrets(sender: &Sender) -> MutexGuard<'_, CallSecrets> {
    let secrets = sender.spec.secrets.lock();
    secrets.unwrap_or_else(PoisonError::into_inner)
}

fn find(text: &[u8]) -> Option<usize> {
    let mut windows = text.windows(PLACEHOLDER_START.len());
    windows.position(|window| window == PLACEHOLDER_START)
}

/// Returns the number of bytes at the end of a text that may be the beginning of a placeholder.
fn open(text: &[u8]) -> usize {
    let n_max = text.len().min(PLACEHOLDER_BYTES - 1);
    let is_open = |n_bytes: &usize| {
        let end = &text[text.len() - n_bytes..];
        end.starts_with(PLACEHOLDER_START) || PLACEHOLDER_START.starts_with(end)
    };
    (1..=n_max).rev().find(is_open).unwrap_or_default()
}

fn with_path(uri: &Uri, path: &[u8]) -> Result<Uri, HttpFault> {
    let unfit = |_| HttpFault::SecretUnfit("the URL would not be valid with it");
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).map_err(unfit)?);
    Uri::from_parts(parts).map_err(|_| HttpFault::SecretUnfit("the URL would not be valid with it"))
}

/// Percent-encodes all bytes except the unreserved ones of RFC 3986, section 2.3.
fn percent_encoded(value: &[u8]) -> SecretText {
    let mut encoded = String::with_capacity(3 * value.len());
    for byte in value {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            encoded.push(char::from(*byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    SecretText::from(encoded.into_bytes())
}

/// Escapes a value for use between the quotes of a JSON string.
fn json_escaped(value: &[u8]) -> Result<SecretText, HttpFault> {
    let unfit = || HttpFault::SecretUnfit("it is not text, and JSON contains only text");
    let text = str::from_utf8(value).map_err(|_| unfit())?;
    let mut quoted = SecretText::from(serde_json::to_vec(text).map_err(|_| unfit())?);
    quoted.pop();
    quoted.remove(0);
    Ok(quoted)
}

#[cfg(test)]
mod tests;
