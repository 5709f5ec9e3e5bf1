//! Connections: made to addresses that were allowed, and kept for the next request of the
//! same model.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::client::conn::http1::{Builder, SendRequest};
use rustls::pki_types::ServerName;
use sedge_model::names::ModelName;
use sedge_model::permission::pattern::{HostPattern, HttpOrigin, Scheme};
use sedge_sys::clock::{self, Moment};
use sedge_sys::net;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi_http::io::TokioIo;

use super::body::RequestBody;
use super::fault::{HttpFault, HttpLimit};
use super::tls::Tls;

/// How long a connection is kept that nobody uses: less than most servers wait before they
/// close one, so that a request seldom meets a connection that just closes.
const IDLE_TIME_MAX: Duration = Duration::from_secs(20);

/// The most connections that are kept, of all models together. Each is an open file.
const IDLE_MAX: usize = 128;

/// The most addresses of one name that are tried: whoever answers for the name chooses how
/// many it has.
const ADDRESSES_MAX: usize = 8;

/// The smallest buffer that a connection can have, for a head or a piece of a body.
const BUFFER_BYTES_MIN: usize = 8 << 10;

/// The connections of a process, and what is needed to make more.
#[derive(Default)]
pub(crate) struct Client {
    tls: Tls,
    idle: Mutex<HashMap<Key, Vec<Idle>>>,
}

/// What a connection may be used for again.
///
/// The address is part of it: whoever takes a connection up has checked it. The model is too:
/// what one model left on a connection, a login or half a response, is never another's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) model: ModelName,
    pub(super) origin: HttpOrigin,
    pub(super) address: IpAddr,
}

/// A connection that one request at a time goes through. Dropping it closes it.
pub(super) struct Connection {
    pub(super) sender: SendRequest<RequestBody>,
    /// Whether a request went through it before.
    pub(super) is_used: bool,
    _io: AbortOnDropJoinHandle<()>,
}

struct Idle {
    connection: Connection,
    since: Moment,
}

/// What is needed to make a connection.
pub(super) struct Wanted<'a> {
    pub(super) model: &'a ModelName,
    pub(super) origin: &'a HttpOrigin,
    pub(super) port: u16,
    /// Addresses that were allowed, in the order in which to try them.
    pub(super) addresses: &'a [IpAddr],
    pub(super) header_bytes: usize,
    pub(super) deadline: Moment,
    /// How long that is, to tell people.
    pub(super) allowed: Duration,
}

impl Wanted<'_> {
    fn key(&self, address: IpAddr) -> Key {
        Key {
            model: self.model.clone(),
            origin: self.origin.clone(),
            address,
        }
    }

    fn too_slow(&self) -> HttpFault {
        HttpFault::slow(HttpLimit::Connect, "no connection was made", self.allowed)
    }
}

impl Client {
    /// Returns a connection that is ready for a request: one that was kept, or a new one.
    pub(super) async fn connection(
        &self,
        wanted: &Wanted<'_>,
    ) -> Result<(Key, Connection), HttpFault> {
        for address in wanted.addresses {
            let key = wanted.key(*address);
            while let Some(mut connection) = self.take(&key) {
                let is_ready = clock::until(wanted.deadline, connection.sender.ready()).await;
                if let Ok(Ok(())) = is_ready {
                    return Ok((key, connection));
                }
            }
        }
        self.connect(wanted).await
    }

    /// Makes a connection to the first of the addresses where that succeeds.
    async fn connect(&self, wanted: &Wanted<'_>) -> Result<(Key, Connection), HttpFault> {
        let addresses = &wanted.addresses[..wanted.addresses.len().min(ADDRESSES_MAX)];
        let mut last = None;
        for (at, address) in addresses.iter().enumerate() {
            // One that says nothing leaves the others their share of the time.
            let n_left = u32::try_from(addresses.len() - at).unwrap_or(1);
            let share = Moment::now().after(wanted.deadline.left() / n_left);
            match clock::until(share, self.connect_to(wanted, *address)).await {
                Ok(Ok(connection)) => return Ok((wanted.key(*address), connection)),
                Ok(Err(fault)) => last = Some(fault),
                Err(clock::TimeIsUp) => last = Some(wanted.too_slow()),
            }
        }
        Err(last.unwrap_or_else(|| wanted.too_slow()))
    }

    async fn connect_to(
        &self,
        wanted: &Wanted<'_>,
        address: IpAddr,
    ) -> Result<Connection, HttpFault> {
        let to = SocketAddr::new(address, wanted.port);
        let stream = net::connect(to).await.map_err(HttpFault::Connect)?;
        match wanted.origin.scheme {
            Scheme::Http => handshake(stream, wanted.header_bytes).await,
            Scheme::Https => {
                let name = server_name(&wanted.origin.host)?;
                let connector = TlsConnector::from(self.tls.config()?);
                let stream = connector.connect(name, stream).await;
                handshake(stream.map_err(HttpFault::Tls)?, wanted.header_bytes).await
            }
        }
    }

    fn take(&self, key: &Key) -> Option<Connection> {
        let mut idle = self.idle();
        let kept = idle.get_mut(key)?;
        let is_fresh = |idle: &Idle| {
            idle.since.elapsed() < IDLE_TIME_MAX && !idle.connection.sender.is_closed()
        };
        kept.retain(is_fresh);
        let taken = kept.pop();
        if kept.is_empty() {
            idle.remove(key);
        }
        taken.map(|idle| idle.connection)
    }

    /// Keeps a connection for the next request.
    pub(super) fn keep(&self, key: Key, connection: Connection) {
        let mut idle = self.idle();
        idle.retain(|_, kept| {
            kept.retain(|it| it.since.elapsed() < IDLE_TIME_MAX);
            !kept.is_empty()
        });
        let n_kept: usize = idle.values().map(Vec::len).sum();
        if n_kept < IDLE_MAX && !connection.sender.is_closed() {
            let since = Moment::now();
            idle.entry(key)
                .or_default()
                .push(Idle { connection, since });
        }
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<Key, Vec<Idle>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    header_bytes: usize,
) -> Result<Connection, HttpFault> {
    let mut builder = Builder::new();
    builder.max_header_size(header_bytes);
    builder.max_buf_size(header_bytes.max(BUFFER_BYTES_MIN));
    let (sender, io) = builder
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| HttpFault::of_exchange(&error, header_bytes))?;
    let io = spawn(async move {
        // Whoever waits for the response is told of the error too.
        if let Err(error) = io.await {
            tracing::debug!(%error, "a connection ended");
        }
    });
    Ok(Connection {
        sender,
        is_used: false,
        _io: io,
    })
}

/// Returns whom the server must prove to be.
fn server_name(host: &HostPattern) -> Result<ServerName<'static>, HttpFault> {
    match host {
        HostPattern::Address(address) => Ok(ServerName::from(*address)),
        HostPattern::Name(name) => {
            ServerName::try_from(name.clone()).map_err(|_| HttpFault::Place(host.to_string()))
        }
        HostPattern::EndsWith(_) | HostPattern::Any => Err(HttpFault::Place(host.to_string())),
    }
}
