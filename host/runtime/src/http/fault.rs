//! Why a request got no response, and what the guest and the user learn about it.
//!
//! The guest receives an error code of `wasi:http`. The reason is for the operator and is logged,
//! because it may reveal more about a network than a guest should know.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use sedge_model::call::LimitName;
use sedge_model::limits::{HttpLimit, HttpLimits};
use sedge_model::permission::effective::Denial;
use wasmtime_wasi_http::Error as WasiError;

/// Why a request got no response, or only a part of one.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpFault {
    /// A plugin that describes itself has no model and no grants.
    #[error("a description cannot send requests")]
    Describing,
    /// The guest ends at its next effect, or when the call is rolled back.
    #[error("the call is being rolled back")]
    RolledBack,
    #[error("{0}")]
    Denied(Box<Denial>),
    #[error("the HTTP method is not supported")]
    Method,
    #[error("requests cannot be sent to `{0}`: write a name or an address, optionally with a port")]
    Place(String),
    #[error("a secret cannot be put there: {0}")]
    SecretUnfit(&'static str),
    #[error("the limit `{}` of {} was reached", limit.as_str(), limit.row().in_units(*value))]
    Limit { limit: HttpLimit, value: u64 },
    #[error("the limit `{}` of {value} was reached", name.as_str())]
    ProcessLimit { name: LimitName, value: u64 },
    /// A timeout expired: the operator's or the guest's own.
    #[error("{what} within {allowed_ms} ms (`{}`)", limit.as_str())]
    Slow {
        limit: HttpLimit,
        what: &'static str,
        allowed_ms: u64,
    },
    #[error("the name cannot be resolved: {0}")]
    Name(io::Error),
    #[error("no connection: {0}")]
    Connect(io::Error),
    #[error("no connection over TLS: {0}")]
    Tls(io::Error),
    #[error("this machine trusts no certificate authority{0}")]
    NoRoots(String),
    #[error("the connection was closed in the middle")]
    Closed,
    #[error("{0}")]
    Protocol(String),
}

impl HttpFault {
    pub(super) fn slow(limit: HttpLimit, what: &'static str, allowed: Duration) -> Self {
        Self::Slow {
            limit,
            what,
            allowed_ms: u64::try_from(allowed.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Returns a line of YAML that raises the limit. Returns `None` if no limit of the operator
    /// was reached.
    pub(super) fn raised(&self, limits: &HttpLimits) -> Option<String> {
        if let Self::Limit { limit, value } = self {
            return limit.row().raised(*value);
        }
        if let Self::ProcessLimit { name, value } = self {
            return name.raised(*value);
        }
        let Self::Slow {
            limit, allowed_ms, ..
        } = self
        else {
            return None;
        };
        let of_operator = match limit {
            HttpLimit::Connect => limits.connect,
            HttpLimit::FirstByte => limits.first_byte,
            HttpLimit::BetweenBytes => limits.between_bytes,
            HttpLimit::Total
            | HttpLimit::RequestBytes
            | HttpLimit::ResponseBytes
            | HttpLimit::HeaderBytes
            | HttpLimit::Requests
            | HttpLimit::Secrets => limits.total,
        };
        let is_own = u128::from(*allowed_ms) < of_operator.as_millis();
        (!is_own)
            .then(|| limit.row().raised(*allowed_ms / 1000))
            .flatten()
    }

    /// Returns the fault that an error on a connection stands for.
    pub(super) fn of_exchange(error: &hyper::Error, header_bytes: usize) -> Self {
        if error.is_parse_too_large() {
            return Self::Limit {
                limit: HttpLimit::HeaderBytes,
                value: header_bytes as u64,
            };
        }
        let is_closed = error.is_incomplete_message() || error.is_closed() || error.is_canceled();
        let is_cut_off = error
            .source()
            .and_then(|source| source.downcast_ref::<io::Error>())
            .is_some_and(|source| {
                matches!(
                    source.kind(),
                    io::ErrorKind::ConnectionReset
                        | io::ErrorKind::BrokenPipe
                        | io::ErrorKind::UnexpectedEof
                )
            });
        if is_closed || is_cut_off {
            return Self::Closed;
        }
        let source = error.source().map(|source| format!(": {source}"));
        Self::Protocol(format!("{error}{}", source.unwrap_or_default()))
    }
}

/// The error code that the guest receives.
impl From<&HttpFault> for WasiError {
    fn from(fault: &HttpFault) -> Self {
        match fault {
            HttpFault::Describing | HttpFault::RolledBack | HttpFault::Denied(_) => {
                Self::HttpRequestDenied
            }
            HttpFault::Method => Self::HttpRequestMethodInvalid,
            HttpFault::Place(_) => Self::HttpRequestUriInvalid,
            HttpFault::Limit { limit, value } => of_limit(*limit, *value),
            HttpFault::ProcessLimit { .. } => Self::ConnectionLimitReached,
            HttpFault::Slow { limit, .. } => of_limit(*limit, 0),
            HttpFault::Name(_) => Self::DnsError {
                rcode: None,
                info_code: None,
            },
            HttpFault::Connect(error) => of_connect(error),
            HttpFault::Tls(error) => of_tls(error),
            HttpFault::NoRoots(_) => Self::TlsCertificateError,
            HttpFault::Closed => Self::HttpResponseIncomplete,
            HttpFault::SecretUnfit(_) | HttpFault::Protocol(_) => Self::HttpProtocolError,
        }
    }
}

fn of_limit(limit: HttpLimit, value: u64) -> WasiError {
    match limit {
        HttpLimit::RequestBytes => WasiError::HttpRequestBodySize(Some(value)),
        HttpLimit::ResponseBytes => WasiError::HttpResponseBodySize(Some(value)),
        HttpLimit::HeaderBytes => {
            WasiError::HttpResponseHeaderSectionSize(u32::try_from(value).ok())
        }
        HttpLimit::Requests => WasiError::ConnectionLimitReached,
        HttpLimit::Secrets => WasiError::HttpProtocolError,
        HttpLimit::Connect => WasiError::ConnectionTimeout,
        HttpLimit::FirstByte | HttpLimit::Total => WasiError::HttpResponseTimeout,
        HttpLimit::BetweenBytes => WasiError::ConnectionReadTimeout,
    }
}

fn of_connect(error: &io::Error) -> WasiError {
    let is = |kinds: &[io::ErrorKind]| kinds.contains(&error.kind());
    if is(&[io::ErrorKind::ConnectionRefused]) {
        WasiError::ConnectionRefused
    } else if is(&[io::ErrorKind::TimedOut]) {
        WasiError::ConnectionTimeout
    } else if is(&[
        io::ErrorKind::HostUnreachable,
        io::ErrorKind::NetworkUnreachable,
    ]) {
        WasiError::DestinationIpUnroutable
    } else {
        WasiError::DestinationUnavailable
    }
}

fn of_tls(error: &io::Error) -> WasiError {
    let source = error.get_ref();
    let tls = source.and_then(|source| source.downcast_ref::<rustls::Error>());
    if let Some(rustls::Error::InvalidCertificate(_)) = tls {
        WasiError::TlsCertificateError
    } else if let Some(rustls::Error::AlertReceived(alert)) = tls {
        WasiError::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        }
    } else {
        WasiError::TlsProtocolError
    }
}
