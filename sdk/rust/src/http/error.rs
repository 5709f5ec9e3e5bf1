//! Why there is no response, or not a whole one.

use std::fmt;

use fluent_uri::Uri;
use serde_json::json;

use crate::Failure;

/// The request that an error concerns: its method and its URL. The query is left out, because it
/// may be confidential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(String);

impl Subject {
    pub(super) fn new(method: &str, url: &Uri<String>) -> Self {
        let authority = url.authority().map_or("", |it| it.as_str());
        // A user name and a password must not appear in a message.
        let place = authority.rsplit('@').next().unwrap_or_default();
        let (scheme, path) = (url.scheme(), url.path());
        Self(format!("{method} {scheme}://{place}{path}"))
    }

    pub(super) fn unreadable(method: &str) -> Self {
        Self(format!("a {method} request"))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why there is no response, or not a whole one.
///
/// The call's log has more details, for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// This model may not send the request.
    #[error("{subject} was denied")]
    Denied {
        /// The request.
        subject: Subject,
    },
    /// The method, the URL or a header of the request is not valid.
    #[error("{subject} cannot be sent: {reason}")]
    InvalidRequest {
        /// The request.
        subject: Subject,
        /// The reason.
        reason: String,
    },
    /// The host name does not resolve to an address.
    #[error("{subject} failed: the name of its host cannot be resolved")]
    Dns {
        /// The request.
        subject: Subject,
    },
    /// No connection could be made.
    #[error("{subject} failed: no connection")]
    Connect {
        /// The request.
        subject: Subject,
    },
    /// The server's certificate is not trusted, or the server does not support TLS.
    #[error("{subject} failed: no trusted connection")]
    Tls {
        /// The request.
        subject: Subject,
    },
    /// A timeout expired.
    #[error("{subject} failed: it took too long")]
    Timeout {
        /// The request.
        subject: Subject,
    },
    /// A body or the headers exceed a limit.
    #[error("{subject} failed: it, or its response, is too large")]
    TooLarge {
        /// The request.
        subject: Subject,
    },
    /// The call has too many requests in flight.
    #[error("{subject} failed: too many requests at once")]
    TooMany {
        /// The request.
        subject: Subject,
    },
    /// The connection was closed early.
    #[error("{subject} failed: the connection was closed in the middle")]
    Closed {
        /// The request.
        subject: Subject,
    },
    /// The response is not valid HTTP.
    #[error("{subject} failed: {reason}")]
    Protocol {
        /// The request.
        subject: Subject,
        /// The host's description of the error.
        reason: String,
    },
    /// There were more redirects than the request allows.
    #[error("{subject} leads on, and no more redirects are followed")]
    TooManyRedirects {
        /// The last request.
        subject: Subject,
    },
    /// The target of a redirect is not valid.
    #[error("{subject} leads nowhere: {reason}")]
    Redirect {
        /// The request.
        subject: Subject,
        /// Why the target is not valid.
        reason: String,
    },
    /// The body does not have the expected form.
    #[error("the response to {subject} is not what was expected: {reason}")]
    InvalidBody {
        /// The request.
        subject: Subject,
        /// The difference.
        reason: String,
    },
}

impl HttpError {
    /// Returns the error's code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied { .. } => "denied",
            Self::InvalidRequest { .. } => "invalid-request",
            Self::Dns { .. } => "dns",
            Self::Connect { .. } => "connect",
            Self::Tls { .. } => "tls",
            Self::Timeout { .. } => "timeout",
            Self::TooLarge { .. } => "too-large",
            Self::TooMany { .. } => "too-many-requests-at-once",
            Self::Closed { .. } => "closed",
            Self::Protocol { .. } => "protocol",
            Self::TooManyRedirects { .. } => "too-many-redirects",
            Self::Redirect { .. } => "redirect",
            Self::InvalidBody { .. } => "invalid-body",
        }
    }

    fn subject(&self) -> &Subject {
        match self {
            Self::Denied { subject }
            | Self::InvalidRequest { subject, .. }
            | Self::Dns { subject }
            | Self::Connect { subject }
            | Self::Tls { subject }
            | Self::Timeout { subject }
            | Self::TooLarge { subject }
            | Self::TooMany { subject }
            | Self::Closed { subject }
            | Self::Protocol { subject, .. }
            | Self::TooManyRedirects { subject }
            | Self::Redirect { subject, .. }
            | Self::InvalidBody { subject, .. } => subject,
        }
    }
}

/// Passes the error on with its code.
impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self::new(error.code(), error.to_string())
            .with_details(json!({"request": error.subject().to_string()}))
    }
}
