//! The network: names are resolved, and connections are made.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};

use crate::thread;

/// The most names that one [`Resolver`] resolves at once. Guests choose the names, and a lookup
/// occupies a thread until the machine's resolver gives up, even if its caller has given up before.
const LOOKUPS_MAX: usize = 64;

/// Resolves names, a limited number at once. Clones share the limit.
#[derive(Debug, Clone)]
pub struct Resolver {
    lookups: Arc<Semaphore>,
}

impl Default for Resolver {
    fn default() -> Self {
        Self {
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
        }
    }
}

impl Resolver {
    /// Returns the addresses of a name, in the order in which to try them.
    ///
    /// The machine's resolver blocks for many seconds if its servers do not answer. It runs on a
    /// thread of its own, because the async runtime would wait for its own threads at its end.
    /// Dropping the future ends the wait.
    ///
    /// # Errors
    /// The name does not exist, or no server answers.
    pub async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let permit = Arc::clone(&self.lookups).acquire_owned().await;
        let permit = permit.map_err(io::Error::other)?;
        let (send, received) = oneshot::channel();
        let name = name.to_owned();
        thread::start("resolver", move || {
            let _permit = permit;
            let found = (name.as_str(), 0).to_socket_addrs();
            // ignored: the receiver is gone if the caller has given up.
            let _ = send.send(found.map(|found| found.map(|it| it.ip()).collect()));
        })?;
        received
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the resolver gave no answer")))
    }
}

/// Connects to an address. Small writes are sent without delay.
///
/// # Errors
/// No process listens there, or no route leads there.
pub async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn address_resolves_to_itself() {
        for text in ["127.0.0.1", "::1"] {
            let address: IpAddr = text.parse().expect(text);
            let found = Resolver::default().resolve(text).await;
            assert_eq!(found.expect(text), [address]);
        }
    }

    #[tokio::test]
    async fn invalid_name_is_not_resolved() {
        for text in ["", "a..b"] {
            let found = Resolver::default().resolve(text).await;
            found.expect_err("it is no name");
        }
    }
}
