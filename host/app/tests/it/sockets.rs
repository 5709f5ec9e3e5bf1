//! Connections other than HTTP: to granted destinations, by name and by address.

pub(crate) use sedge_test_artifacts::DIALER as dialer;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use sedge_app::types::CallError;
use serde_json::json;

use crate::fixture::House;
use crate::uses::used;

/// The address that the guest requests, on which this machine listens.
const ADDRESS: &str = "127.46.110.7:47110";

/// Answers each message.
fn server(address: &str) {
    let listener = TcpListener::bind(address).expect("the address is free");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut received = [0; 6];
            if stream.read_exact(&mut received).is_ok() {
                let _ = stream.write_all(b"world\n");
            }
        }
    });
}

fn house(sockets: &str) -> House {
    let house = House::new();
    let grants = format!("grants: {{sockets: [{sockets}]}}\n");
    house.model("dialer", "@test/dialer", &grants);
    house
}

/// Returns the last log line of a method that fails.
async fn denied(house: &House, method: &str, to: Option<&str>) -> String {
    let arguments = to.map_or(json!({}), |to| json!({"to": to}));
    let (error, _) = house.failure("dialer", method, arguments).await;
    let CallError::Failed(failure) = error else {
        panic!("{error:?}")
    };
    assert_eq!(failure.code, "io", "{failure:?}");
    house.seen.lines().pop().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connection_goes_only_to_granted_endpoints() {
    server(ADDRESS);
    let house = house("");
    let says = denied(&house, "talk", Some(ADDRESS)).await;
    assert!(
        says.starts_with("`dialer` may not connect to 127.46.110.7:47110"),
        "{says}"
    );
    assert_eq!(used(&house, "dialer").await, [""; 0]);
    // The lines of the denial grant the connection.
    let (_, lines) = says.split_once(".yaml\n").expect("lines");
    let definition = format!("name: dialer\ntype: \"@test/dialer\"\n{lines}\n");
    house.write("models/dialer.yaml", &definition);
    let talk = json!({"to": ADDRESS});
    assert_eq!(house.value("dialer", "talk", talk).await, "world\n");
    assert_eq!(used(&house, "dialer").await, ["sockets 127.46.110.7:47110"]);
    for other in ["127.46.110.7:47111", "127.46.110.8:47110", "[::1]:47110"] {
        let says = denied(&house, "talk", Some(other)).await;
        assert!(says.contains("does not request it"), "{other}: {says}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_granted_names_are_looked_up() {
    let house = house("{to: 'localhost:47110'}");
    let look = json!({"to": "localhost"});
    let n_found = house.value("dialer", "look", look).await;
    assert!(
        n_found.as_u64().is_some_and(|n_found| n_found > 0),
        "{n_found}"
    );
    let says = denied(&house, "look", Some("db.example.com")).await;
    assert!(
        says.starts_with("`dialer` may not look up the name `db.example.com`: no grant allows"),
        "{says}"
    );
    assert!(says.contains("- to: db.example.com:5432"), "{says}");
    let says = denied(&house, "look", Some("mine.evil.example")).await;
    assert!(says.contains("does not request it"), "{says}");
    // The address has no listener, but the attempt is allowed.
    let before = house.seen.lines().len();
    let says = denied(&house, "talk", Some("localhost:47110")).await;
    assert_eq!(house.seen.lines().len(), before, "{says}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listening_and_datagrams_are_denied() {
    let house = house("{to: 'localhost:47110'}");
    let says = denied(&house, "listen", None).await;
    assert_eq!(says, "a plugin can open connections, but cannot listen");
    let before = house.seen.lines().len();
    denied(&house, "datagram", None).await;
    assert_eq!(house.seen.lines().len(), before);
}
