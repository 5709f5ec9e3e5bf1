//! HTTP connections. They are made to allowed addresses only, and pooled for further requests of
//! the same model.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::client::conn::http1::{Builder, SendRequest};
use rustls::pki_types::ServerName;
use sedge_model::limits::HttpLimit;
use sedge_model::names::ModelName;
use sedge_model::permission::pattern::{HostPattern, HttpOrigin, Scheme};
use sedge_sys::clock::{self, Moment};
use sedge_sys::net;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi_http::io::TokioIo;

use super::body::RequestBody;
use super::fault::HttpFault;
use super::tls::Tls;

/// How long an idle connection is kept. Most servers close a connection later than that, so a
/// request seldom meets one that is being closed.
const IDLE_TIME_MAX: Duration = Duration::from_secs(20);

/// The maximum number of idle connections of all models together. Each is an open file.
const IDLE_MAX: usize = 128;

/// The maximum number of addresses of one name that are tried. The owner of the name chooses how
/// many it has.
const ADDRESSES_MAX: usize = 8;

/// The minimum size of a connection's buffer, in bytes. It holds a head or a piece of a body.
const BUFFER_BYTES_MIN: usize = 8 << 10;

/// The pool of connections of a process, and the TLS settings for new ones.
#[derive(Default)]
pub(crate) struct Client {
    tls: Tls,
    idle: Mutex<HashMap<PoolKey, Vec<Idle>>>,
}

/// The key under which an idle connection is pooled.
///
/// It includes the address, because the request that reuses the connection has checked that
/// address. It includes the owner, because a connection may carry state of a model, such as a
/// login or half of a response.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct PoolKey {
    pub(super) owner: ConnectionOwner,
    pub(super) origin: HttpOrigin,
    pub(super) address: IpAddr,
}

/// What a connection is used for. Owners never share a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum ConnectionOwner {
    /// The requests of a model's calls.
    Model(ModelName),
    /// The downloads of the host itself.
    Host,
}

/// A connection that carries one request at a time. Dropping it closes it.
pub(super) struct Connection {
    pub(super) sender: SendRequest<RequestBody>,
    /// Whether an earlier request used it.
    pub(super) is_used: bool,
    _io: AbortOnDropJoinHandle<()>,
}

struct Idle {
    connection: Connection,
    since: Moment,
}

/// The parameters of a new connection.
pub(super) struct ConnectionRequest<'a> {
    pub(super) owner: ConnectionOwner,
    pub(super) origin: &'a HttpOrigin,
    pub(super) port: u16,
    /// The allowed addresses, in the order in which they are tried.
    pub(super) addresses: &'a [IpAddr],
    pub(super) header_bytes: usize,
    pub(super) deadline: Moment,
    /// The length of the deadline, for messages.
    pub(super) allowed: Duration,
}

impl ConnectionRequest<'_> {
    fn key(&self, address: IpAddr) -> PoolKey {
        PoolKey {
            owner: self.owner.clone(),
            origin: self.origin.clone(),
            address,
        }
    }

    fn too_slow(&self) -> HttpFault {
        HttpFault::slow(HttpLimit::Connect, "no connection was made", self.allowed)
    }
}

impl Client {
    /// Returns a connection that is ready for a request, from the pool or new.
    pub(super) async fn connection(
        &self,
        wanted: &ConnectionRequest<'_>,
    ) -> Result<(PoolKey, Connection), HttpFault> {
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

    /// Connects to the first address that accepts a connection.
    async fn connect(
        &self,
        wanted: &ConnectionRequest<'_>,
    ) -> Result<(PoolKey, Connection), HttpFault> {
        let addresses = &wanted.addresses[..wanted.addresses.len().min(ADDRESSES_MAX)];
        let mut last = None;
        for (at, address) in addresses.iter().enumerate() {
            // The time left is divided among the remaining addresses, so that one that does not
            // respond leaves time for the others.
            let n_left = u32::try_from(addresses.len() - at).unwrap_or(1);
            let share = Moment::now().after(wanted.deadline.left() / n_left);
            match clock::until(share, self.connect_to(wanted, *address)).await {
                Ok(Ok(connection)) => return Ok((wanted.key(*address), connection)),
                Ok(Err(fault)) => last = Some(fault),
                Err(clock::DeadlinePassed) => last = Some(wanted.too_slow()),
            }
        }
        Err(last.unwrap_or_else(|| wanted.too_slow()))
    }

    async fn connect_to(
        &self,
        wanted: &ConnectionRequest<'_>,
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

    fn take(&self, key: &PoolKey) -> Option<Connection> {
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

    /// Returns a connection to the pool.
    pub(super) fn keep(&self, key: PoolKey, connection: Connection) {
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

    fn idle(&self) -> MutexGuard<'_, HashMap<PoolKey, Vec<Idle>>> {
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
        // The request that uses the connection reports the error, too.
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

/// Returns the name that the server's certificate must have.
fn server_name(host: &HostPattern) -> Result<ServerName<'static>, HttpFault> {
    match host {
        HostPattern::Address(address) => Ok(ServerName::from(*address)),
        HostPattern::Name(name) => {
            ServerName::try_from(name.clone()).map_err(|_| HttpFault::Place(host.to_string()))
        }
        HostPattern::EndsWith(_) | HostPattern::Any => Err(HttpFault::Place(host.to_string())),
    }
}
