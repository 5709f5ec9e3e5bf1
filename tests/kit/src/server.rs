//! A server on the loopback interface whose paths give correct and faulty responses.
//!
//! It writes its responses byte by byte, because no library would write the faulty ones.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::authority::Authority;
use crate::wait::wait_until;

/// The most bytes of a request head.
const HEAD_BYTES_MAX: usize = 1 << 20;

/// How long a slow response waits before its next byte.
const PACE: Duration = Duration::from_millis(20);

/// `hello\n`, compressed by gzip.
pub const GZIP: [u8; 26] = [
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xe7,
    0x02, 0x00, 0x20, 0x30, 0x3a, 0x36, 0x06, 0x00, 0x00, 0x00,
];

/// A server that a test controls. It runs as long as the test's process.
///
/// | path | response |
/// |---|---|
/// | `/hello`, `/json` | a small body |
/// | `/status/N` | that status |
/// | `/echo` | the request, as text |
/// | `/chunked`, `/gzip` | a chunked body, a compressed body |
/// | `/coded/NAME` | JSON, with this content encoding |
/// | `/frozen` | a status 422, with a reason in JSON |
/// | `/redirect/URL` | a redirect to the URL |
/// | `/large/N`, `/head/N` | a body, or a header, of N bytes |
/// | `/early`, `/hang-up`, `/garbage` | it closes the connection within a body, without a response, or after a response that is not HTTP |
/// | `/endless`, `/drip` | a body without an end, fast or one byte at a time |
/// | `/slow-head` | a head without an end, one byte at a time |
/// | `/stall`, `/silent` | it sends nothing more after some bytes of a body, or nothing at all |
/// | `/deaf` | it responds without reading the request's body |
/// | `/after/N` | a small body, after N milliseconds |
/// | `/meet` | a small body, once two such requests have arrived |
/// | `/once` | a small body, after which it closes the connection without announcing it |
/// | a path of [`Server::file`] | the content of that file |
/// | a request of [`Server::reply`] | the next of its replies |
#[derive(Debug, Clone)]
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    requests: Mutex<Vec<String>>,
    n_connections: AtomicUsize,
    n_met: AtomicUsize,
    /// The contents of files, by path.
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    /// The replies that are left, by request.
    replies: Mutex<BTreeMap<String, VecDeque<Reply>>>,
}

/// A response that a test has written, for [`Server::reply`].
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

impl Reply {
    /// Returns a reply with a status and a body.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: String::new(),
            body: body.into(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.headers, "{name}: {value}\r\n");
        self
    }
}

impl State {
    /// Returns the next reply to a request, if a test has written one. The last one stays.
    fn reply(&self, head: &str) -> Option<Reply> {
        let request = head.split(" HTTP/").next().unwrap_or_default();
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        let left = replies.get_mut(request)?;
        match left.len() {
            0 | 1 => left.front().cloned(),
            _ => left.pop_front(),
        }
    }

    /// Returns the content of a file, if the target of a request is one.
    fn file(&self, target: &str) -> Option<Vec<u8>> {
        let path = target.split('?').next().unwrap_or_default();
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.get(path).cloned()
    }
}

impl Server {
    /// Starts a server for plain HTTP, at `127.0.0.1`.
    ///
    /// # Panics
    /// The machine has no loopback, or no port left.
    #[must_use]
    pub fn plain() -> Self {
        Self::start("127.0.0.1", None)
    }

    /// Starts a server for plain HTTP, at another loopback address: `::1`.
    ///
    /// # Panics
    /// The machine has no such address.
    #[must_use]
    pub fn plain_at(address: &str) -> Self {
        Self::start(address, None)
    }

    /// Starts a server for TLS, with a certificate of `authority` for `names`.
    ///
    /// # Panics
    /// The machine has no loopback, or no port left.
    #[must_use]
    pub fn tls(authority: &Authority, names: &[&str]) -> Self {
        Self::start("127.0.0.1", Some(authority.server(names)))
    }

    fn start(address: &str, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("the loopback has a free port");
        let server = Self {
            address: listener.local_addr().expect("it was bound"),
            scheme: if tls.is_some() { "https" } else { "http" },
            state: Arc::default(),
        };
        let state = Arc::clone(&server.state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, tls) = (Arc::clone(&state), tls.clone());
                state.n_connections.fetch_add(1, Ordering::SeqCst);
                // Errors of a connection are what the tests cause.
                thread::spawn(move || drop(serve(stream, tls, &state)));
            }
        });
        server
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the origin, by address: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Returns the origin, with another host name.
    #[must_use]
    pub fn origin_by(&self, name: &str) -> String {
        format!("{}://{name}:{}", self.scheme, self.port())
    }

    /// Returns a URL with the server's address.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// Returns the received requests, heads and bodies.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        let requests = self.state.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Responds to requests for `path` with this content from now on.
    pub fn file(&self, path: &str, content: impl Into<Vec<u8>>) {
        let files = self.state.files.lock();
        let mut files = files.unwrap_or_else(PoisonError::into_inner);
        files.insert(path.to_owned(), content.into());
    }

    /// Responds to a request, for example `GET /items?page=2`, with these replies from now on, one after
    /// the other. The last one is repeated.
    pub fn reply(&self, request: &str, replies: &[Reply]) {
        let all = self.state.replies.lock();
        let mut all = all.unwrap_or_else(PoisonError::into_inner);
        all.insert(request.to_owned(), replies.iter().cloned().collect());
    }

    /// Returns how many connections were made.
    #[must_use]
    pub fn n_connections(&self) -> usize {
        self.state.n_connections.load(Ordering::SeqCst)
    }
}

/// A connection, plain or over TLS.
trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

fn serve(stream: TcpStream, tls: Option<Arc<ServerConfig>>, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = stream.try_clone()?;
    match tls {
        None => talk(&mut { stream }, &socket, state),
        Some(config) => {
            let connection = ServerConnection::new(config).map_err(io::Error::other)?;
            talk(&mut StreamOwned::new(connection, stream), &socket, state)
        }
    }
}

fn talk(stream: &mut dyn Stream, socket: &TcpStream, state: &State) -> io::Result<()> {
    while let Some((head, mut rest)) = head_read(stream)? {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        if path != "/deaf" {
            body_read(&head, &mut rest, stream)?;
        }
        let request = format!("{head}{}", String::from_utf8_lossy(&rest));
        let mut requests = state
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        requests.push(request.clone());
        drop(requests);
        if path == "/meet" {
            state.n_met.fetch_add(1, Ordering::SeqCst);
            wait_until("two requests meet", || {
                state.n_met.load(Ordering::SeqCst) > 1
            });
        }
        let is_open = match (state.reply(&head), state.file(&path)) {
            (Some(reply), _) => {
                let status = format!("{} As Written", reply.status);
                respond(stream, &status, &reply.headers, &reply.body)?
            }
            (None, Some(content)) => respond(stream, "200 OK", "", &content)?,
            (None, None) => answer(&path, &request, stream, socket)?,
        };
        if !is_open {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads a head, and the bytes after it that arrived with it; returns `None` at the end of the
/// connection.
fn head_read(stream: &mut dyn Stream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 << 10];
    while bytes.len() < HEAD_BYTES_MAX {
        let end = bytes.windows(4).position(|it| it == b"\r\n\r\n");
        if let Some(end) = end {
            let rest = bytes.split_off(end + 4);
            return Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), rest)));
        }
        match stream.read(&mut piece)? {
            0 => return Ok(None),
            n_bytes => bytes.extend_from_slice(&piece[..n_bytes]),
        }
    }
    Ok(None)
}

fn body_read(head: &str, body: &mut Vec<u8>, stream: &mut dyn Stream) -> io::Result<()> {
    let header = |name: &str| {
        let is_it = |line: &&str| line.to_ascii_lowercase().starts_with(name);
        head.lines()
            .find(is_it)
            .map(|line| line[name.len()..].trim())
    };
    let length = header("content-length:").map_or(0, |it| it.parse().unwrap_or(0));
    let is_chunked = header("transfer-encoding:").is_some();
    let is_whole = |body: &[u8]| {
        if is_chunked {
            body.ends_with(b"0\r\n\r\n")
        } else {
            body.len() >= length
        }
    };
    let mut piece = [0; 16 << 10];
    while !is_whole(body) {
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n_bytes => body.extend_from_slice(&piece[..n_bytes]),
        }
    }
    Ok(())
}

/// Responds, and returns whether the connection stays open.
fn answer(
    path: &str,
    request: &str,
    stream: &mut dyn Stream,
    socket: &TcpStream,
) -> io::Result<bool> {
    let path = path.trim_start_matches('/');
    let (name, argument) = path.split_once(['/', '?']).unwrap_or((path, ""));
    let number = argument.parse().unwrap_or(0);
    match name {
        "hello" | "meet" => respond(stream, "200 OK", "content-type: text/plain\r\n", b"hello\n"),
        "after" => {
            let until = Instant::now() + Duration::from_millis(number as u64);
            while let Some(left) = until.checked_duration_since(Instant::now()) {
                thread::park_timeout(left);
            }
            respond(stream, "200 OK", "content-type: text/plain\r\n", b"after\n")
        }
        "once" => respond(stream, "200 OK", "", b"once\n").map(|_| false),
        "json" => respond(
            stream,
            "200 OK",
            "content-type: application/json\r\nset-cookie: taste=1\r\n",
            br#"{"name": "sedge", "parts": [1, 2]}"#,
        ),
        "echo" => respond(stream, "200 OK", "", request.as_bytes()),
        "status" => respond(stream, &format!("{number} As Asked"), "", b""),
        "gzip" => respond(stream, "200 OK", "content-encoding: gzip\r\n", &GZIP),
        "coded" => coded(stream, argument),
        "frozen" => respond(
            stream,
            "422 Unprocessable Content",
            "content-type: application/json\r\n",
            b"{\"error\":\n \"the zone is frozen until monday\"}",
        ),
        "redirect" => respond(
            stream,
            "302 Found",
            &format!("location: {argument}\r\n"),
            b"",
        ),
        "large" => respond(stream, "200 OK", "", &vec![b'x'; number]),
        "head" => {
            let header = format!("x-large: {}\r\n", "x".repeat(number));
            respond(stream, "200 OK", &header, b"")
        }
        "chunked" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            stream.write_all(
                b"3\r\none\r\n4;x=y\r\n two\r\n6\r\n three\r\n0\r\nx-end: yes\r\n\r\n",
            )?;
            stream.flush().map(|()| true)
        }
        "early" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nnot all")?;
            stream.flush().map(|()| false)
        }
        _ => bad(name, stream, socket).map(|()| false),
    }
}

/// Responds with `{"zone":"a"}`, encoded by `gzip`, `br` or `deflate`, as `deflate` without its
/// frame (`raw`), truncated (`broken`), or in an encoding that the client cannot decode (`zstd`).
fn coded(stream: &mut dyn Stream, coding: &str) -> io::Result<bool> {
    const GZIP: [u8; 32] = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 170, 202, 207, 75, 85, 178, 82, 74, 84, 170, 5,
        0, 117, 214, 126, 229, 12, 0, 0, 0,
    ];
    const ZLIB: [u8; 20] = [
        120, 156, 171, 86, 170, 202, 207, 75, 85, 178, 82, 74, 84, 170, 5, 0, 26, 126, 3, 216,
    ];
    const BROTLI: [u8; 16] = [
        139, 5, 128, 123, 34, 122, 111, 110, 101, 34, 58, 34, 97, 34, 125, 3,
    ];
    let (name, body) = match coding {
        "gzip" => ("gzip", &GZIP[..]),
        "broken" => ("GZip", &GZIP[..20]),
        "deflate" => ("deflate", &ZLIB[..]),
        "raw" => ("deflate", &ZLIB[2..16]),
        "br" => ("br", &BROTLI[..]),
        other => (other, &GZIP[..]),
    };
    let headers = format!("content-type: application/json\r\ncontent-encoding: {name}\r\n");
    respond(stream, "200 OK", &headers, body)
}

fn bad(name: &str, stream: &mut dyn Stream, socket: &TcpStream) -> io::Result<()> {
    match name {
        "drip" | "stall" | "deaf" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nsome")?;
            stream.flush()?;
        }
        "endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
            loop {
                stream.write_all(chunk.as_bytes())?;
            }
        }
        "garbage" => return stream.write_all(b"Good morning!\r\n\r\n"),
        "slow-head" => stream.write_all(b"HTTP/1.1 200 OK\r\nx: ")?,
        "silent" => {}
        // It closes the connection.
        _ => return Ok(()),
    }
    while is_open(socket) {
        if matches!(name, "drip" | "slow-head") {
            stream.write_all(b"x")?;
            stream.flush()?;
        }
    }
    Ok(())
}

/// Waits for a moment, and returns whether the client is still connected.
fn is_open(socket: &TcpStream) -> bool {
    let peeked = socket
        .set_read_timeout(Some(PACE))
        .and_then(|()| socket.peek(&mut [0]));
    match peeked {
        Ok(n_bytes) => {
            // The client sends more, which is not read. The pause prevents a busy loop.
            thread::park_timeout(PACE);
            n_bytes > 0
        }
        Err(error) => matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
        ),
    }
}

fn respond(stream: &mut dyn Stream, status: &str, headers: &str, body: &[u8]) -> io::Result<bool> {
    let mut head = format!("HTTP/1.1 {status}\r\n{headers}");
    write!(head, "content-length: {}\r\n\r\n", body.len()).map_err(io::Error::other)?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    stream.flush().map(|()| true)
}
