//! `wasi:http`: sends the requests of guests, but only to granted places.
//!
//! Each request of a guest takes these steps. No other HTTP client is linked in.
//!
//! 1. The method, the scheme, the host and the port become checked types.
//! 2. `Permissions::http` decides whether the model may send it. A name that is not granted is
//!    not even resolved, because a lookup informs the name servers about the request.
//! 3. The call is marked as escaping: from here on it cannot be rolled back.
//! 4. Secrets replace their placeholders, if they may be sent to this host.
//! 5. The name is resolved once. Connections are made to the addresses that were checked, so a
//!    name cannot change its address between check and use.
//! 6. The request body and the response body are streamed. Their sizes and their progress are
//!    checked.
//!
//! The host does not follow redirects, decompress bodies or keep cookies. A guest that follows a
//! redirect sends another request, which takes the same steps.

mod body;
mod client;
mod error_code;
mod fault;
mod fetch;
mod insert;
mod tls;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use sedge_lang::repository::CONFIG_FILE;
use sedge_model::call::LogLevel;
use sedge_model::limits::{HttpLimit, HttpLimits};
use sedge_model::permission::effective::{Addresses, Use};
use sedge_model::permission::is_http_method;
use sedge_model::permission::pattern::{HostPattern, HttpOrigin};
use sedge_sys::clock::{self, Moment};
use sedge_sys::net::Resolver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::Linker;
use wasmtime_wasi_http::{
    Error as WasiError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use self::body::{BodyProgress, Exchange, RequestBody, ResponseBody};
use self::client::ConnectionOwner;
use self::fault::HttpFault;
use self::insert::Inserter;
use crate::budget::{Descriptors, ProcessBudget};
use crate::call::{CallIdentity, CallState};
use crate::call_secrets::CallSecrets;
use crate::host::{EffectsPort, effects};
use crate::limits::raise_hint;
use crate::output::CallLog;

pub(crate) use self::client::Client;
pub use self::fetch::{FetchError, FetchFault, FetchRequest, url_shown};

/// The maximum size of one write to a request body, in bytes. The host holds one such piece of
/// each body in memory, and a guest can start thousands of bodies.
const CHUNK_BYTES_MAX: usize = 16 << 10;

/// The maximum size of a body with placeholders that is buffered to compute its length after
/// insertion. Larger bodies are sent in chunks, without a length; some servers refuse that.
const GATHERED_BYTES_MAX: u64 = 1 << 20;

/// The HTTP side of a call.
pub(crate) struct Http {
    context: WasiHttpCtx,
    hooks: Hooks,
}

/// The implementation of the library's hooks. `sender` is `None` while a plugin describes itself.
struct Hooks {
    sender: Option<Arc<Sender>>,
    log: Arc<CallLog>,
}

/// The parameters that all requests of a call share.
pub(crate) struct SenderSpec {
    pub(crate) client: Arc<Client>,
    pub(crate) resolver: Resolver,
    pub(crate) identity: Arc<CallIdentity>,
    pub(crate) effects: Option<Arc<dyn EffectsPort>>,
    pub(crate) secrets: Arc<Mutex<CallSecrets>>,
    pub(crate) budget: Arc<ProcessBudget>,
}

/// The resources that a request takes from its call and from the process until it is over.
struct Slot {
    _of_call: OwnedSemaphorePermit,
    _of_process: Descriptors,
}

struct Sender {
    spec: SenderSpec,
    slots: Arc<Semaphore>,
    denied: Mutex<Option<String>>,
}

impl Http {
    /// Returns the HTTP side of a plugin that describes itself. It sends no requests.
    pub(crate) fn none(log: &Arc<CallLog>) -> Self {
        Self {
            context: WasiHttpCtx::new(),
            hooks: Hooks {
                sender: None,
                log: Arc::clone(log),
            },
        }
    }

    /// Returns the HTTP side of a call.
    pub(crate) fn new(spec: SenderSpec, log: &Arc<CallLog>) -> Self {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(spec.identity.limits.http.header_bytes);
        let sender = Sender {
            slots: Arc::new(Semaphore::new(spec.identity.limits.http.requests as usize)),
            denied: Mutex::default(),
            spec,
        };
        Self {
            context,
            hooks: Hooks {
                sender: Some(Arc::new(sender)),
                log: Arc::clone(log),
            },
        }
    }

    /// Returns the most recent denial of a request, if any.
    pub(crate) fn denied(&self) -> Option<String> {
        let sender = self.hooks.sender.as_ref()?;
        let denied = sender.denied.lock();
        denied.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Adds the parts of `wasi:http` that guests import: the types and the outgoing handler.
///
/// # Errors
/// The linker has them already.
pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    error_code::link(linker)
}

impl WasiHttpView for CallState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.http.hooks,
            table: &mut self.table,
            ctx: &mut self.http.context,
        }
    }
}

/// The result of a request in the terms of `wasi:http`: a response, and a future of the work that
/// continues.
type Sent = Result<
    (
        Response<WasiBody>,
        Box<dyn Future<Output = Result<(), WasiError>> + Send>,
    ),
    WasiError,
>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), WasiError>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let report = FailureLog::new(self, &request);
        let sender = self.sender.clone();
        Box::new(async move {
            let sent = match sender {
                None => Err(HttpFault::Describing),
                Some(sender) => {
                    sender
                        .send(request, options.unwrap_or_default(), &report)
                        .await
                }
            };
            match sent {
                // The response body drives its connection itself, so no work continues beside it.
                Ok(response) => Ok((response, Box::new(std::future::ready(Ok(()))) as Box<_>)),
                Err(fault) => {
                    report.fault(&fault);
                    Err(WasiError::from(&fault))
                }
            }
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES_MAX
    }
}

impl Sender {
    async fn send(
        self: &Arc<Self>,
        request: Request<WasiBody>,
        options: RequestOptions,
        report: &FailureLog,
    ) -> Result<Response<WasiBody>, HttpFault> {
        let (origin, port) = origin_of(request.uri())?;
        let method = method_of(request.method())?;
        let limits = shortened(self.spec.identity.limits.http, options);
        content_length_check(&request, limits.request_bytes)?;
        let slot = Arc::clone(&self.slots).try_acquire_owned();
        let slot = slot.map_err(|_| HttpFault::Limit {
            limit: HttpLimit::Requests,
            value: limits.requests.into(),
        })?;
        let descriptor = self.spec.budget.descriptors(1);
        let slot = Slot {
            _of_call: slot,
            _of_process: descriptor
                .map_err(|(name, value)| HttpFault::ProcessLimit { name, value })?,
        };
        let allowed = self
            .spec
            .identity
            .permissions
            .http(&origin, method.as_str());
        let allowed = allowed.map_err(|denial| self.denied(denial))?;
        effects::begin(self.spec.effects.as_ref()).map_err(|_| HttpFault::RolledBack)?;
        // The call's own deadline is not reported to the guest: when it expires, the call is
        // dropped.
        let total = Moment::now().after(limits.total);
        let progress = BodyProgress::new(limits.request_bytes);
        let request = self.insert(request, &origin, &progress, &limits).await?;
        let connect_by = Moment::now().after(limits.connect).min(total);
        let found = clock::until(connect_by, self.addresses(&origin, &method, &allowed)).await;
        let slow = |_| {
            HttpFault::slow(
                HttpLimit::Connect,
                "the name was not resolved",
                limits.connect,
            )
        };
        let addresses = found.map_err(slow)??;
        self.spec
            .identity
            .uses
            .mark(&Use::Http(&origin, method.as_str()));
        let wanted = client::ConnectionRequest {
            owner: ConnectionOwner::Model(self.spec.identity.model.clone()),
            origin: &origin,
            port,
            addresses: &addresses,
            header_bytes: limits.header_bytes,
            deadline: connect_by,
            allowed: limits.connect,
        };
        let request = on_the_wire(request, (&origin, port))?;
        let mut exchange = Exchange {
            client: Arc::clone(&self.spec.client),
            connection: None,
            progress,
            limits,
            total,
            report: Some(report.clone()),
            slot: Some(slot),
        };
        let (parts, incoming) = exchange.run(&wanted, request).await?.into_parts();
        let body = ResponseBody::new(incoming, exchange).boxed_unsync();
        Ok(Response::from_parts(parts, body))
    }

    /// Replaces the placeholders in a request by the call's secrets.
    ///
    /// This changes the length of the body. A small body with a known length is buffered first,
    /// and its new length is announced. A larger one is sent in chunks.
    async fn insert(
        self: &Arc<Self>,
        request: Request<WasiBody>,
        origin: &HttpOrigin,
        progress: &Arc<BodyProgress>,
        limits: &HttpLimits,
    ) -> Result<Request<RequestBody>, HttpFault> {
        let (mut parts, body) = request.into_parts();
        let Some(mut inserter) = Inserter::new(self, origin) else {
            return Ok(Request::from_parts(
                parts,
                RequestBody::new(body, None, progress),
            ));
        };
        inserter.head(&mut parts, limits.header_bytes)?;
        let inserter = inserter.of_body(&parts.headers);
        let length = parts.headers.remove(CONTENT_LENGTH);
        let length = length.and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
        if length.is_none_or(|length| length > GATHERED_BYTES_MAX) {
            let body = RequestBody::new(body, Some(inserter), progress);
            return Ok(Request::from_parts(parts, body));
        }
        let gathering = BodyProgress::new(limits.request_bytes);
        let body = RequestBody::new(body, Some(inserter), &gathering);
        let body = body.gathered(limits).await?;
        parts.headers.insert(CONTENT_LENGTH, body.len().into());
        let body = Full::new(body).map_err(|never| match never {});
        let body = RequestBody::new(body.boxed_unsync(), None, progress);
        Ok(Request::from_parts(parts, body))
    }

    /// Resolves the host, and returns the addresses that the model may connect to.
    async fn addresses(
        &self,
        origin: &HttpOrigin,
        method: &Method,
        allowed: &Addresses,
    ) -> Result<Vec<IpAddr>, HttpFault> {
        let found = resolved(&self.spec.resolver, &origin.host).await?;
        let may = found.iter().copied().filter(|it| allowed.allow(*it));
        let may: Vec<IpAddr> = may.collect();
        match found.first() {
            Some(refused) if may.is_empty() => {
                let permissions = &self.spec.identity.permissions;
                let denial = permissions.http_address_denied(origin, method.as_str(), *refused);
                Err(self.denied(denial))
            }
            Some(_) | None => Ok(may),
        }
    }

    fn denied(&self, denial: sedge_model::permission::effective::Denial) -> HttpFault {
        let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        *denied = Some(denial.to_string());
        HttpFault::Denied(Box::new(denial))
    }
}

impl Exchange {
    /// Sends a request and waits for the head of the response.
    async fn run(
        &mut self,
        wanted: &client::ConnectionRequest<'_>,
        mut request: Request<RequestBody>,
    ) -> Result<Response<hyper::body::Incoming>, HttpFault> {
        loop {
            let client = Arc::clone(&self.client);
            let (key, mut connection) = client.connection(wanted).await?;
            let was_used = std::mem::replace(&mut connection.is_used, true);
            let limits = &self.limits;
            let answer = tokio::select! {
                biased;
                answer = connection.sender.try_send_request(request) => answer,
                fault = self.progress.stalled(limits.first_byte, limits.between_bytes) => {
                    return Err(fault);
                }
                () = clock::pause(self.total.left()) => {
                    let what = "no response began";
                    return Err(HttpFault::slow(HttpLimit::Total, what, limits.total));
                }
            };
            match answer {
                Ok(response) => {
                    self.check(&response)?;
                    self.connection = Some((key, connection));
                    return Ok(response);
                }
                Err(mut error) => match error.take_message().filter(|_| was_used) {
                    // The server closed a pooled connection before anything was sent, so the
                    // request can be retried.
                    Some(unsent) => request = unsent,
                    None => return Err(self.failed(&error.into_error())),
                },
            }
        }
    }

    /// Refuses a response whose headers or announced length exceed a limit.
    fn check(&self, response: &Response<hyper::body::Incoming>) -> Result<(), HttpFault> {
        // `hyper` checks the size of a head only if the head arrives in several pieces.
        let headers = response.headers().iter();
        let n_bytes: usize = headers
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        if n_bytes > self.limits.header_bytes {
            let limit = HttpLimit::HeaderBytes;
            let value = self.limits.header_bytes as u64;
            return Err(HttpFault::Limit { limit, value });
        }
        let value = self.limits.response_bytes;
        let announced = http_body::Body::size_hint(response.body()).lower();
        let limit = HttpLimit::ResponseBytes;
        (announced <= value)
            .then_some(())
            .ok_or(HttpFault::Limit { limit, value })
    }

    fn failed(&self, error: &hyper::Error) -> HttpFault {
        let of_request = self.progress.fault();
        of_request.unwrap_or_else(|| HttpFault::of_exchange(error, self.limits.header_bytes))
    }
}

/// Returns these limits with the guest's own timeouts, where those are shorter.
fn shortened(mut limits: HttpLimits, options: RequestOptions) -> HttpLimits {
    let shorter = |own: Duration, asked: Option<Duration>| asked.map_or(own, |it| it.min(own));
    limits.connect = shorter(limits.connect, options.connect_timeout);
    limits.first_byte = shorter(limits.first_byte, options.first_byte_timeout);
    limits.between_bytes = shorter(limits.between_bytes, options.between_bytes_timeout);
    limits
}

/// Logs failures of one request. The log names the method and the destination, but not the path,
/// which may contain confidential data.
#[derive(Clone)]
pub(crate) struct FailureLog {
    log: Arc<CallLog>,
    what: String,
    sender: Option<Arc<Sender>>,
}

/// The maximum size of a request's description in a log line, in bytes. A guest chooses its text.
const WHAT_BYTES_MAX: usize = 300;

impl FailureLog {
    fn new<T>(hooks: &Hooks, request: &Request<T>) -> Self {
        let uri = request.uri();
        let host = uri.host().unwrap_or_default();
        let port = uri.port().map(|port| format!(":{port}"));
        let scheme = uri.scheme_str().unwrap_or_default();
        let mut what = format!(
            "{} {scheme}://{host}{}",
            request.method(),
            port.unwrap_or_default()
        );
        what.truncate(what.floor_char_boundary(WHAT_BYTES_MAX));
        Self {
            log: Arc::clone(&hooks.log),
            what,
            sender: hooks.sender.clone(),
        }
    }

    fn fault(&self, fault: &HttpFault) {
        let mut message = if let HttpFault::Denied(denial) = fault {
            denial.to_string()
        } else {
            format!("{}: {fault}", self.what)
        };
        if let Some(sender) = &self.sender
            && let Some(line) = fault.raised(&sender.spec.identity.limits.http)
        {
            let place = if let HttpFault::ProcessLimit { .. } = fault {
                CONFIG_FILE.to_owned()
            } else {
                sender.spec.identity.permissions.file().to_owned()
            };
            message.push_str(&raise_hint(&place, &line));
        }
        self.log.note(LogLevel::Warn, message);
    }
}

/// Returns the destination of a request. Refuses patterns with `*`, user names and port 0.
fn origin_of(uri: &Uri) -> Result<(HttpOrigin, u16), HttpFault> {
    let authority = uri.authority().map(|it| it.as_str()).unwrap_or_default();
    let refused = || {
        let mut place = authority.to_owned();
        place.truncate(place.floor_char_boundary(WHAT_BYTES_MAX));
        HttpFault::Place(place)
    };
    let scheme = uri.scheme_str().unwrap_or_default();
    let origin: HttpOrigin = format!("{scheme}://{authority}")
        .parse()
        .map_err(|_| refused())?;
    let port = origin.port_of_one().ok_or_else(refused)?;
    Ok((origin, port))
}

/// Returns the addresses of a host, none of which is checked yet.
async fn resolved(resolver: &Resolver, host: &HostPattern) -> Result<Vec<IpAddr>, HttpFault> {
    match host {
        HostPattern::Address(address) => Ok(vec![*address]),
        HostPattern::Name(name) => resolver.resolve(name).await.map_err(HttpFault::Name),
        HostPattern::EndsWith(_) | HostPattern::Any => Ok(Vec::new()),
    }
}

/// Returns the method if a grant can name it. `CONNECT` is refused, because it opens a tunnel to a
/// destination that no grant covers.
fn method_of(method: &Method) -> Result<Method, HttpFault> {
    if is_http_method(method.as_str()) && method != Method::CONNECT {
        Ok(method.clone())
    } else {
        Err(HttpFault::Method)
    }
}

fn content_length_check(request: &Request<WasiBody>, value: u64) -> Result<(), HttpFault> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced: Option<u64> = announced.and_then(|it| it.to_str().ok()?.parse().ok());
    let limit = HttpLimit::RequestBytes;
    (announced.unwrap_or_default() <= value)
        .then_some(())
        .ok_or(HttpFault::Limit { limit, value })
}

/// Returns the request in the form that servers expect, with the destination in `Host` only.
fn on_the_wire(
    mut request: Request<RequestBody>,
    (origin, port): (&HttpOrigin, u16),
) -> Result<Request<RequestBody>, HttpFault> {
    let refused = || HttpFault::Place(origin.to_string());
    let host = if port == origin.scheme.port() {
        origin.host.to_string()
    } else {
        format!("{}:{port}", origin.host)
    };
    let host = HeaderValue::try_from(host).map_err(|_| refused())?;
    request.headers_mut().insert(HOST, host);
    let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
    *request.uri_mut() = Uri::try_from(path).map_err(|_| refused())?;
    Ok(request)
}
