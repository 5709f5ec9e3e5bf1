//! Why there is no response, or not all of one.

use std::fmt;

use fluent_uri::Uri;
use serde_json::json;

use crate::Failure;

/// What an error is about: the method and the URL, without its query, which may hold what
/// is not for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(String);

impl Subject {
    pub(super) fn new(method: &str, url: &Uri<String>) -> Self {
        let authority = url.authority().map_or("", |it| it.as_str());
        // A name and a password are refused, and belong into no message.
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

/// Why there is no response, or not all of one.
///
/// The operator finds more in the call's log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// This model may not send it.
    #[error("{subject} was denied")]
    Denied {
        /// What it is about.
        subject: Subject,
    },
    /// It is no request: its method, URL or headers are none.
    #[error("{subject} cannot be sent: {reason}")]
    InvalidRequest {
        /// What it is about.
        subject: Subject,
        /// What is wrong with it.
        reason: String,
    },
    /// The host's name stands for no address.
    #[error("{subject} failed: the name of its host cannot be resolved")]
    Dns {
        /// What it is about.
        subject: Subject,
    },
    /// There was no connection to be had.
    #[error("{subject} failed: no connection")]
    Connect {
        /// What it is about.
        subject: Subject,
    },
    /// The server did not prove to be who it should be, or does not speak TLS.
    #[error("{subject} failed: no trusted connection")]
    Tls {
        /// What it is about.
        subject: Subject,
    },
    /// It took too long.
    #[error("{subject} failed: it took too long")]
    Timeout {
        /// What it is about.
        subject: Subject,
    },
    /// A body, or the headers, are larger than they may be.
    #[error("{subject} failed: it, or its response, is too large")]
    TooLarge {
        /// What it is about.
        subject: Subject,
    },
    /// More requests are under way at once than may be.
    #[error("{subject} failed: too many requests at once")]
    TooMany {
        /// What it is about.
        subject: Subject,
    },
    /// The connection was closed before the end.
    #[error("{subject} failed: the connection was closed in the middle")]
    Closed {
        /// What it is about.
        subject: Subject,
    },
    /// What came is not HTTP.
    #[error("{subject} failed: {reason}")]
    Protocol {
        /// What it is about.
        subject: Subject,
        /// What the host calls it.
        reason: String,
    },
    /// It led from one place to the next for longer than it was to be followed.
    #[error("{subject} leads on, and no more redirects are followed")]
    TooManyRedirects {
        /// What it is about: the last request.
        subject: Subject,
    },
    /// It leads nowhere.
    #[error("{subject} leads nowhere: {reason}")]
    Redirect {
        /// What it is about.
        subject: Subject,
        /// What is wrong with where it leads.
        reason: String,
    },
    /// The body is not what it was read as.
    #[error("the response to {subject} is not what was expected: {reason}")]
    InvalidBody {
        /// What it is about.
        subject: Subject,
        /// What is wrong with it.
        reason: String,
    },
}

impl HttpError {
    /// Returns a short word for programs.
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

/// Passes the error on, with its code.
impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self::new(error.code(), error.to_string())
            .with_details(json!({"request": error.subject().to_string()}))
    }
}
