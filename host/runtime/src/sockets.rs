//! `wasi:sockets`: TCP connections to granted endpoints, and lookups of their names. Guests cannot
//! bind, listen, or use UDP.
//!
//! A guest resolves a name itself and connects to an address. Therefore each connection is checked
//! by its address: a granted endpoint must resolve to it at that moment, and a private address
//! must be granted explicitly.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sedge_model::call::LogLevel;
use sedge_model::permission::effective::{Denial, Use};
use sedge_model::permission::pattern::{Endpoint, HostPattern};
use sedge_sys::net::Resolver;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p2::TcpSocket;
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::Host as _;
use wasmtime_wasi::p2::bindings::sockets::network::{
    ErrorCode, Host as _, IpAddressFamily, Network,
};
use wasmtime_wasi::p2::bindings::sockets::tcp::HostTcpSocket;
use wasmtime_wasi::p2::bindings::sockets::tcp_create_socket::Host as _;
use wasmtime_wasi::runtime::spawn;
use wasmtime_wasi::sockets::{SocketAddrUse, WasiSocketsView};

use crate::call::{CallIdentity, CallState};
use crate::guards::GuardedInterface;
use crate::host::{EffectsPort, effects};
use crate::output::CallLog;

/// The interfaces that are wrapped, in the version that this engine provides.
const INTERFACE: &str = "wasi:sockets/ip-name-lookup@0.2.12";
const CREATE_INTERFACE: &str = "wasi:sockets/tcp-create-socket@0.2.12";
const TCP_INTERFACE: &str = "wasi:sockets/tcp@0.2.12";

/// Checks the connections of a call.
pub(crate) struct SocketGuard {
    pub(crate) identity: Arc<CallIdentity>,
    pub(crate) effects: Option<Arc<dyn EffectsPort>>,
    pub(crate) log: Arc<CallLog>,
    pub(crate) resolver: Resolver,
}

impl SocketGuard {
    /// Lets a guest connect to granted endpoints. A plugin that does not request connections gets
    /// no sockets at all.
    pub(crate) fn grant_to(self, wasi: &mut WasiCtxBuilder) {
        if !self.identity.permissions.asks_for_sockets() {
            return;
        }
        let guard = Arc::new(self);
        // A plugin that requests connections gets sockets even without a grant, so that the denial
        // can name the endpoint.
        wasi.allow_ip_name_lookup(true)
            .allow_tcp(true)
            .allow_udp(false)
            .socket_addr_check(move |address, usage| {
                let guard = Arc::clone(&guard);
                // The check runs in a task of its own, because its future is not `Sync`.
                let checked = spawn(async move { guard.check(address, usage).await });
                Box::pin(checked)
            });
    }

    async fn check(&self, address: SocketAddr, usage: SocketAddrUse) -> bool {
        match usage {
            // Connecting binds the local end to an address that the system chooses.
            SocketAddrUse::TcpBind if address.ip().is_unspecified() && address.port() == 0 => {
                return true;
            }
            SocketAddrUse::TcpConnect => {}
            SocketAddrUse::TcpBind
            | SocketAddrUse::TcpListen
            | SocketAddrUse::TcpAccept
            | SocketAddrUse::UdpBind
            | SocketAddrUse::UdpSend
            | SocketAddrUse::UdpReceive => {
                let message = "a plugin can open connections, but cannot listen";
                self.log.note(LogLevel::Warn, message.to_owned());
                return false;
            }
        }
        match self.endpoint_of(address).await {
            Ok(endpoint) => {
                if effects::begin(self.effects.as_ref()).is_err() {
                    // The guest learns that it may not connect. It ends at its next effect, or when
                    // the call is rolled back.
                    return false;
                }
                self.identity.uses.mark(&Use::Socket(&endpoint));
                true
            }
            Err(denial) => {
                self.log.note(LogLevel::Warn, denial.to_string());
                false
            }
        }
    }

    /// Returns the granted endpoint that resolves to an address.
    async fn endpoint_of(&self, address: SocketAddr) -> Result<Endpoint, Denial> {
        let ip = address.ip().to_canonical();
        let mut private = None;
        let endpoints = self.identity.permissions.sockets();
        for endpoint in endpoints.filter(|it| it.port == address.port()) {
            if !self.resolves_to(&endpoint.host, ip).await {
                continue;
            }
            if self.identity.permissions.socket(endpoint)?.allow(ip) {
                return Ok(endpoint.clone());
            }
            private = Some(endpoint);
        }
        if let Some(endpoint) = private {
            return Err(self
                .identity
                .permissions
                .socket_address_denied(endpoint, ip));
        }
        let endpoint = Endpoint {
            host: HostPattern::Address(ip),
            port: address.port(),
        };
        self.identity.permissions.socket(&endpoint)?;
        Ok(endpoint)
    }

    async fn resolves_to(&self, host: &HostPattern, ip: IpAddr) -> bool {
        match host {
            HostPattern::Address(address) => address.to_canonical() == ip,
            HostPattern::Name(name) => {
                let found = self.resolver.resolve(name).await.unwrap_or_default();
                found.iter().any(|it| it.to_canonical() == ip)
            }
            HostPattern::EndsWith(_) | HostPattern::Any => false,
        }
    }
}

/// Checks the permission before a name is resolved, because a lookup informs the name servers
/// about the request. The linker must have `wasi:sockets` already.
pub(crate) fn guard(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    let mut interface = GuardedInterface::open(linker, INTERFACE)?;
    interface.func_wrap(
        "resolve-addresses",
        |mut store, (network, name): (Resource<Network>, String)| {
            let state: &mut CallState = store.data_mut();
            if !state.may_look_up(&name) {
                return Ok((Err(ErrorCode::AccessDenied),));
            }
            let mut sockets = state.sockets();
            Ok((match sockets.resolve_addresses(network, name) {
                Ok(stream) => Ok(stream),
                Err(error) => Err(sockets.convert_error_code(error)?),
            },))
        },
    )?;
    count(linker)
}

/// Counts sockets: each takes a descriptor from the budget of all guests.
fn count(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    GuardedInterface::open(linker, CREATE_INTERFACE)?.func_wrap(
        "create-tcp-socket",
        |mut store, (family,): (IpAddressFamily,)| {
            let state: &mut CallState = store.data_mut();
            let descriptor = state.descriptor_take()?;
            let mut sockets = state.sockets();
            match sockets.create_tcp_socket(family) {
                Ok(socket) => {
                    state.descriptor_hold(socket.rep(), descriptor);
                    Ok((Ok(socket),))
                }
                Err(error) => Ok((Err(sockets.convert_error_code(error)?),)),
            }
        },
    )?;
    let kind = ResourceType::host::<TcpSocket>();
    let mut interface = GuardedInterface::open(linker, TCP_INTERFACE)?;
    interface.resource("tcp-socket", kind, |mut store, handle| {
        let state: &mut CallState = store.data_mut();
        HostTcpSocket::drop(&mut state.sockets(), Resource::new_own(handle))?;
        state.descriptor_closed(handle);
        Ok(())
    })
}

impl CallState {
    fn may_look_up(&self, name: &str) -> bool {
        let Some(running) = &self.running else {
            return false;
        };
        match running.identity.permissions.look_up(name) {
            Ok(()) => true,
            Err(denial) => {
                self.denied(&denial);
                false
            }
        }
    }
}
