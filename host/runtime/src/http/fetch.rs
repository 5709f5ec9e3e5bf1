//! Downloads components, with the client that sends the requests of guests.
//!
//! Only HTTPS is used, and a redirect to another scheme is refused. The steps are the same for the
//! first URL and for each redirect: the name is resolved once, the addresses are checked, and
//! connections are made to those that were checked. An address that is not public needs the
//! permission of the user. Size and time are limited while the body arrives.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fluent_uri::{Uri as Url, UriRef};
use http::header::{HeaderMap, LOCATION, USER_AGENT};
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use sedge_model::limits::{ComponentLimits, HttpLimit, HttpLimits};
use sedge_model::permission::effective::Addresses;
use sedge_model::permission::grants::AddressRange;
use sedge_model::permission::pattern::{HttpOrigin, Scheme};
use sedge_sys::clock::{self, Moment};
use sedge_sys::net::Resolver;

use super::body::{BodyProgress, Exchange, RequestBody, ResponseBody};
use super::client::{Client, ConnectionOwner, ConnectionRequest};
use super::fault::HttpFault;
use super::{on_the_wire, origin_of, resolved};
use crate::engine::Runtime;

/// The maximum number of redirects that one download follows. The servers choose them, and each is
/// a request.
const REDIRECTS_MAX: u32 = 5;

/// The name and version of this program, for the logs of servers.
const PROGRAM: &str = concat!("sedge/", env!("CARGO_PKG_VERSION"));

/// A component to download.
#[derive(Debug, Clone, Copy)]
pub struct FetchRequest<'a> {
    /// The URL, as the user or `sedge.lock` has it.
    pub url: &'a str,
    /// The addresses to which connections are allowed although they are not public.
    pub private_addresses: &'a [AddressRange],
}

/// A component could not be downloaded.
#[derive(Debug, thiserror::Error)]
#[error("failed to download `{url}`")]
pub struct FetchError {
    /// The requested URL, without a user name and a query.
    pub url: String,
    /// The URL of the last redirect, in the same form. `None` if there was no redirect.
    pub redirected_to: Option<String>,
    /// The reason.
    #[source]
    pub fault: FetchFault,
}

/// Why a component could not be downloaded.
#[derive(Debug, thiserror::Error)]
pub enum FetchFault {
    /// The text is not a URL with a host.
    #[error("it is not a URL that can be requested")]
    BadUrl,
    /// The URL has a user name or a password.
    #[error("a URL with a user name or a password is not accepted")]
    UserName,
    /// The URL has another scheme than `https`.
    #[error("only HTTPS is accepted")]
    NotHttps,
    /// The host has no address to which a connection is allowed.
    #[error("`{host}` has the address {address}, which is not public")]
    PrivateAddress {
        /// The host of the URL.
        host: String,
        /// The first of its addresses.
        address: IpAddr,
    },
    /// There are more redirects than the limit.
    #[error("it redirects more than {REDIRECTS_MAX} times")]
    Redirects,
    /// A redirect has no valid target.
    #[error("its redirect has no valid target")]
    BadRedirect,
    /// The server responds with an unexpected status.
    #[error("the server responded with the status {0}")]
    Status(u16),
    /// The file is larger than the limit on components.
    #[error("it has more than {bytes_max} bytes, the limit `mebibytes` of components")]
    TooLarge {
        /// The limit, in bytes.
        bytes_max: u64,
    },
    /// The whole download takes longer than the limit.
    #[error("it takes longer than {} s, the limit `downloadSeconds` of components", limit.as_secs())]
    TooLong {
        /// The limit.
        limit: Duration,
    },
    /// The server does nothing for too long.
    #[error("{what} within {} s", within.as_secs())]
    Stalled {
        /// What did not happen.
        what: &'static str,
        /// The time that was allowed for it.
        within: Duration,
    },
    /// The connection is not trusted: the certificate is not valid, or not for this host.
    #[error("{0}")]
    Untrusted(String),
    /// The name cannot be resolved, no connection is possible, or the exchange failed.
    #[error("{0}")]
    Connection(String),
}

impl FetchFault {
    fn of(fault: HttpFault, limits: &HttpLimits) -> Self {
        match fault {
            HttpFault::Limit {
                limit: HttpLimit::ResponseBytes,
                value: bytes_max,
            } => Self::TooLarge { bytes_max },
            HttpFault::Slow {
                limit: HttpLimit::Total,
                ..
            } => Self::TooLong {
                limit: limits.total,
            },
            HttpFault::Slow {
                what, allowed_ms, ..
            } => Self::Stalled {
                what,
                within: Duration::from_millis(allowed_ms),
            },
            HttpFault::NoRoots(_) => Self::Untrusted(fault.to_string()),
            HttpFault::Tls(ref error) if is_of_tls(error) => Self::Untrusted(fault.to_string()),
            HttpFault::Limit { .. } => {
                Self::Connection("the head of the response is too large".to_owned())
            }
            HttpFault::Place(_) => Self::BadUrl,
            HttpFault::Describing
            | HttpFault::RolledBack
            | HttpFault::Denied(_)
            | HttpFault::Method
            | HttpFault::SecretUnfit(_)
            | HttpFault::ProcessLimit { .. }
            | HttpFault::Name(_)
            | HttpFault::Connect(_)
            | HttpFault::Tls(_)
            | HttpFault::Closed
            | HttpFault::Protocol(_) => Self::Connection(fault.to_string()),
        }
    }
}

/// Returns whether TLS itself refused a connection. Otherwise the connection below it failed.
fn is_of_tls(error: &io::Error) -> bool {
    let source = error.get_ref();
    source.is_some_and(|source| source.is::<rustls::Error>())
}

/// Returns a URL for people and for `sedge.lock`: without a user name, a password, a query and a
/// fragment, any of which may be confidential. The text need not be a valid URL.
#[must_use]
pub fn url_shown(text: &str) -> String {
    let text = &text[..text.find(['?', '#']).unwrap_or(text.len())];
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let port = host.rsplit_once(':').map(|(_, port)| port);
    // A password may contain a `/` or a `?`. Then it is in the place of a port or an address.
    let is_port = |text: &str| text.bytes().all(|it| it.is_ascii_digit()) || text.ends_with(']');
    if !port.is_none_or(is_port) {
        return format!("{scheme}://…");
    }
    format!("{scheme}://{host}{path}")
}

impl Runtime {
    /// Downloads a component. Its size is at most the limit on components.
    ///
    /// The bytes are not checked: the caller compares their digest, or inspects the component.
    ///
    /// # Errors
    /// Returns an error if the URL is not accepted, if the server is not trusted, does not respond
    /// or has no such file, or if a limit is exceeded.
    pub async fn component_fetch(&self, request: &FetchRequest<'_>) -> Result<Vec<u8>, FetchError> {
        let limits = limits_of(&self.component_limits);
        let download = Download {
            client: Arc::clone(&self.http),
            resolver: self.resolver.clone(),
            addresses: Addresses::public_and(request.private_addresses.to_vec()),
            deadline: Moment::now().after(limits.total),
            limits,
        };
        let mut redirected_to = None;
        let fetched = download.run(request.url, &mut redirected_to).await;
        fetched.map_err(|fault| FetchError {
            url: url_shown(request.url),
            redirected_to,
            fault,
        })
    }
}

/// Returns the limits of a download. Those that the operator cannot set for components are those of
/// a guest's request.
fn limits_of(limits: &ComponentLimits) -> HttpLimits {
    let default = HttpLimits::default();
    let total = limits.download;
    HttpLimits {
        response_bytes: limits.bytes,
        total,
        connect: default.connect.min(total),
        ..default
    }
}

/// The state of one download.
struct Download {
    client: Arc<Client>,
    resolver: Resolver,
    addresses: Addresses,
    limits: HttpLimits,
    /// The moment by which the last response must have ended.
    deadline: Moment,
}

/// A response.
enum Fetched {
    Content(Vec<u8>),
    /// A redirect, with the text of its target.
    Redirect(String),
}

impl Download {
    /// Requests a URL and follows its redirects. Writes the last target to `redirected_to`.
    async fn run(
        &self,
        url: &str,
        redirected_to: &mut Option<String>,
    ) -> Result<Vec<u8>, FetchFault> {
        let url = Url::parse(url).map_err(|_| FetchFault::BadUrl)?;
        let mut url: Url<String> = url.to_owned();
        url.set_fragment(None);
        let mut n_redirects = 0;
        loop {
            match self.request(&url).await? {
                Fetched::Content(bytes) => return Ok(bytes),
                Fetched::Redirect(_) if n_redirects == REDIRECTS_MAX => {
                    return Err(FetchFault::Redirects);
                }
                Fetched::Redirect(to) => url = target(&url, &to)?,
            }
            n_redirects += 1;
            *redirected_to = Some(url_shown(url.as_str()));
        }
    }

    /// Requests one URL.
    async fn request(&self, url: &Url<String>) -> Result<Fetched, FetchFault> {
        let (uri, origin, port) = destination(url)?;
        let fault = |fault| FetchFault::of(fault, &self.limits);
        let connect_by = Moment::now().after(self.limits.connect).min(self.deadline);
        let found = clock::until(connect_by, self.addresses(&origin)).await;
        let addresses = found.map_err(|_| self.unresolved())??;
        let connection = ConnectionRequest {
            owner: ConnectionOwner::Host,
            origin: &origin,
            port,
            addresses: &addresses,
            header_bytes: self.limits.header_bytes,
            deadline: connect_by,
            allowed: self.limits.connect,
        };
        let progress = BodyProgress::new(0);
        let body = Empty::<Bytes>::new().map_err(|never| match never {});
        let mut request = Request::new(RequestBody::new(body.boxed_unsync(), None, &progress));
        *request.uri_mut() = uri;
        let program = HeaderValue::from_static(PROGRAM);
        request.headers_mut().insert(USER_AGENT, program);
        let request = on_the_wire(request, (&origin, port)).map_err(fault)?;
        let mut exchange = Exchange {
            client: Arc::clone(&self.client),
            connection: None,
            progress,
            limits: self.limits,
            total: self.deadline,
            report: None,
            slot: None,
        };
        let response = exchange.run(&connection, request).await.map_err(fault)?;
        let (head, incoming) = response.into_parts();
        match head.status.as_u16() {
            200 => self.content(incoming, exchange).await,
            301 | 302 | 303 | 307 | 308 => location(&head.headers),
            status => Err(FetchFault::Status(status)),
        }
    }

    fn unresolved(&self) -> FetchFault {
        FetchFault::Stalled {
            what: "the name was not resolved",
            within: self.limits.connect,
        }
    }

    /// Resolves the host, and returns the addresses to which connections are allowed.
    async fn addresses(&self, origin: &HttpOrigin) -> Result<Vec<IpAddr>, FetchFault> {
        let found = resolved(&self.resolver, &origin.host).await;
        let found = found.map_err(|fault| FetchFault::of(fault, &self.limits))?;
        let allowed = found.iter().copied();
        let allowed: Vec<IpAddr> = allowed.filter(|it| self.addresses.allow(*it)).collect();
        match found.first() {
            Some(address) if allowed.is_empty() => Err(FetchFault::PrivateAddress {
                host: origin.host.to_string(),
                address: *address,
            }),
            Some(_) | None => Ok(allowed),
        }
    }

    /// Receives the body of a response.
    async fn content(&self, incoming: Incoming, exchange: Exchange) -> Result<Fetched, FetchFault> {
        let mut body = ResponseBody::new(incoming, exchange);
        let mut content = Vec::new();
        while let Some(frame) = poll_fn(|cx| body.poll_checked(cx)).await {
            let frame = frame.map_err(|fault| FetchFault::of(fault, &self.limits))?;
            // A frame without data has trailers, which mean nothing here.
            if let Some(data) = frame.data_ref() {
                content.extend_from_slice(data);
            }
        }
        Ok(Fetched::Content(content))
    }
}

/// Returns the target of a redirect, as the server has it.
fn location(headers: &HeaderMap) -> Result<Fetched, FetchFault> {
    let to = headers.get(LOCATION).ok_or(FetchFault::BadRedirect)?;
    let to = to.to_str().map_err(|_| FetchFault::BadRedirect)?;
    Ok(Fetched::Redirect(to.to_owned()))
}

/// Returns the URL of a redirect, resolved against the URL that it came from.
fn target(from: &Url<String>, to: &str) -> Result<Url<String>, FetchFault> {
    let to = UriRef::parse(to).map_err(|_| FetchFault::BadRedirect)?;
    let resolved = to.resolve_against(from);
    let mut to = resolved.map_err(|_| FetchFault::BadRedirect)?;
    to.set_fragment(None);
    Ok(to)
}

/// Returns the destination of a request.
fn destination(url: &Url<String>) -> Result<(Uri, HttpOrigin, u16), FetchFault> {
    if !url.scheme().as_str().eq_ignore_ascii_case("https") {
        return Err(FetchFault::NotHttps);
    }
    let uri: Uri = url.as_str().parse().map_err(|_| FetchFault::BadUrl)?;
    let authority = uri.authority().ok_or(FetchFault::BadUrl)?;
    if authority.as_str().contains('@') {
        return Err(FetchFault::UserName);
    }
    let (origin, port) = origin_of(&uri).map_err(|_| FetchFault::BadUrl)?;
    match origin.scheme {
        Scheme::Https => Ok((uri, origin, port)),
        Scheme::Http => Err(FetchFault::NotHttps),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url<String> {
        Url::parse(text).expect(text).to_owned()
    }

    #[test]
    fn url_is_shown_without_confidential_parts() {
        let check = |text: &str, expect: &str| assert_eq!(url_shown(text), expect, "{text}");
        check("https://a.com/b.wasm", "https://a.com/b.wasm");
        check(
            "https://a.com:8443/@b/c.wasm",
            "https://a.com:8443/@b/c.wasm",
        );
        check("https://[::1]:8443/b", "https://[::1]:8443/b");
        check("https://[::1]/b", "https://[::1]/b");
        check("https://a.com/b?token=c#d", "https://a.com/b");
        check("https://user:pw@a.com/b", "https://a.com/b");
        check("https://user:p@w@a.com", "https://a.com");
        check("https://user:p/w@a.com/b", "https://…");
        check("https://user:p?w@a.com/b", "https://…");
        check("a.wasm", "a.wasm");
    }

    #[test]
    fn only_https_without_a_user_name_is_requested() {
        let check = |text: &str, expect: &str| {
            let found = match destination(&url(text)) {
                Ok((_, origin, port)) => format!("{origin} {port}"),
                Err(fault) => fault.to_string(),
            };
            assert_eq!(found, expect, "{text}");
        };
        check("https://a.com/b?c", "https://a.com 443");
        check("HTTPS://a.com:8443/", "https://a.com:8443 8443");
        check("http://a.com/", "only HTTPS is accepted");
        check("ftp://a.com/", "only HTTPS is accepted");
        let user = "a URL with a user name or a password is not accepted";
        check("https://user@a.com/", user);
        check("https://user:pw@a.com/", user);
        let bad = "it is not a URL that can be requested";
        check("https://*.com/", bad);
        check("https://a.com:0/", bad);
    }

    #[test]
    fn redirect_is_resolved_against_its_url() {
        let check = |to: &str, expect: &str| {
            let found = target(&url("https://a.com/b/c?d"), to).expect(to);
            assert_eq!(found.as_str(), expect, "{to}");
        };
        check("/x", "https://a.com/x");
        check("x", "https://a.com/b/x");
        check("//b.com/x#y", "https://b.com/x");
        check("http://b.com/x", "http://b.com/x");
        target(&url("https://a.com"), "https://a b").expect_err("it is no URL");
    }
}
