//! `@test/dialer`: connects without HTTP, and tries what no guest may do.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use schemars::JsonSchema;
use sedge_sdk::{Context, Failure, MethodKind, Model, NoArguments, Permission};
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ToArguments {
    /// A host, optionally with a port
    to: String,
}

fn model() -> Model {
    let to = |to: &str| Permission::Sockets { to: to.to_owned() };
    Model::new(
        "@test/dialer",
        "2026.11.26.1",
        "Connects to the endpoint in its arguments",
    )
    .asks_for(to("localhost:47110"), "to talk")
    .asks_for(to("127.46.110.7:47110"), "to talk")
    .asks_for(to("db.example.com:5432"), "to look into the database")
    .method("talk", MethodKind::Action, "Say hello", talk)
    .method("look", MethodKind::Action, "Look a name up", look)
    .method("listen", MethodKind::Action, "Listen", listen)
    .method("datagram", MethodKind::Action, "Send a datagram", datagram)
}

/// Returns the response.
fn talk(_: &Context, arguments: ToArguments) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(arguments.to)?;
    stream.write_all(b"hello\n")?;
    let mut answer = [0; 6];
    stream.read_exact(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Returns the number of addresses.
fn look(_: &Context, arguments: ToArguments) -> Result<usize, Failure> {
    Ok((arguments.to.as_str(), 1).to_socket_addrs()?.count())
}

fn listen(_: &Context, _: NoArguments) -> Result<(), Failure> {
    TcpListener::bind("127.0.0.1:0")?;
    Ok(())
}

fn datagram(_: &Context, _: NoArguments) -> Result<(), Failure> {
    UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", "127.0.0.1:9")?;
    Ok(())
}

sedge_sdk::export!(model);
