//! The network: what a name stands for, and connections.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};

use crate::thread;

/// The most names that are looked up at once in this process. Guests choose the names, and a
/// look-up holds a thread until the machine's resolver gives up, however soon nobody wants
/// to know any more.
const LOOKUPS_MAX: usize = 64;

static LOOKUPS: Semaphore = Semaphore::const_new(LOOKUPS_MAX);

/// Returns the addresses that a name stands for, in the order in which to try them.
///
/// The machine's resolver blocks, for many seconds if its servers are silent. It does so on a
/// thread of its own and not on one of the async runtime's, which waits for its threads when
/// it ends: dropping the future is enough.
///
/// # Errors
/// There is no such name, or nobody answers.
pub async fn resolve(name: &str) -> io::Result<Vec<IpAddr>> {
    let turn = LOOKUPS.acquire().await.map_err(io::Error::other)?;
    let (tell, told) = oneshot::channel();
    let name = name.to_owned();
    thread::start("resolver", move || {
        let _turn = turn;
        let found = (name.as_str(), 0).to_socket_addrs();
        // Nobody listens any more if it took too long.
        // ignored: the task that asked has given up.
        let _ = tell.send(found.map(|found| found.map(|it| it.ip()).collect()));
    })?;
    told.await
        .unwrap_or_else(|_| Err(io::Error::other("the resolver gave no answer")))
}

/// Connects to an address, to send small pieces without delay.
///
/// # Errors
/// Nobody listens there, or there is no way there.
pub async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_stands_for_itself() {
        for text in ["127.0.0.1", "::1"] {
            let address: IpAddr = text.parse().expect(text);
            assert_eq!(resolve(text).await.expect(text), [address]);
        }
    }

    #[tokio::test]
    async fn a_name_that_is_none_stands_for_nothing() {
        resolve("").await.expect_err("it is no name");
        resolve("a..b").await.expect_err("it is no name");
    }
}
