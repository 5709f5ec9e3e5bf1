//! Secrets in the arguments of definitions: checked by their values, handed over as placeholders.

use sedge_app::secret::put::secret_put;
use sedge_app::types::SecretValue;
use sedge_test_kit::Server;
use serde_json::json;

use crate::fixture::{House, words};
use crate::shown::log_of;

const CANARY: &str = "canary of the arguments";

/// The length of a placeholder in bytes.
const PLACEHOLDER_BYTES: usize = 45;

/// Returns a repository with a model whose token is `token`, as YAML.
fn house(token: &str, grants: &str) -> House {
    let house = House::new();
    let http = "http: [{url: 'http://*:*', addresses: [127.0.0.0/8]}]";
    let more = format!("globalArguments:\n  token: {token}\ngrants: {{{http}{grants}}}\n");
    house.model("vault", "@test/sealer", &more);
    house
}

fn put(house: &House, name: &str, value: &str) {
    let value = SecretValue::new(value.as_bytes().to_vec()).expect("a value");
    let name = name.parse().expect("a name");
    secret_put(&house.repository, &name, &value, true).expect("it can be put");
}

async fn refused(house: &House) -> String {
    let ran = house.run("vault", "token", json!({})).await;
    words(&ran.expect_err("it is refused"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_gets_a_placeholder_that_the_host_fills() {
    for token in [
        "{secret: TOKEN}",
        "\"${{ secret('TOKEN') }}\"",
        "\"${{ vault.get('V', 'TOKEN') }}\"",
    ] {
        let server = Server::plain();
        let hosts = format!("hosts: ['{}']", server.origin());
        let grants = format!(", secrets: [{{name: TOKEN, {hosts}}}, {{name: V.TOKEN, {hosts}}}]");
        let house = house(token, &grants);
        put(&house, "TOKEN", CANARY);
        put(&house, "V.TOKEN", CANARY);
        let shown = house.value("vault", "token", json!({})).await;
        assert_eq!(shown["n_bytes"], PLACEHOLDER_BYTES, "{token}");
        let mark = shown["token"].as_str().expect("a text");
        assert!(
            mark == "[secret TOKEN]" || mark == "[secret V.TOKEN]",
            "{mark}"
        );
        let log = log_of(&house.repository, None);
        assert_eq!(log[0].message, format!("the token is {mark}"));
        house
            .value("vault", "send", json!({"url": server.url("/hello")}))
            .await;
        let request = server.requests().pop().expect("a request");
        assert!(
            request.contains(&format!("x-token: {CANARY}\r\n")),
            "{request}"
        );
        let other = Server::plain();
        let (error, _) = house
            .failure("vault", "send", json!({"url": other.url("/hello")}))
            .await;
        let expect = "of its arguments to http://127.0.0.1";
        assert!(error.to_string().contains(expect), "{error}");
        assert_eq!(other.requests().len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_within_a_text_is_filled_there() {
    let server = Server::plain();
    let grants = format!(
        ", secrets: [{{name: TOKEN, hosts: ['{}']}}]",
        server.origin()
    );
    let house = house("\"Bearer ${{ secret('TOKEN') }}!\"", &grants);
    put(&house, "TOKEN", CANARY);
    house
        .value("vault", "send", json!({"url": server.url("/hello")}))
        .await;
    let request = server.requests().pop().expect("a request");
    let expect = format!("x-token: Bearer {CANARY}!\r\n");
    assert!(request.contains(&expect), "{request}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_gets_the_value_if_it_may_see_the_argument() {
    let check = async |grant: &str, expect: usize| {
        let house = house("{secret: TOKEN}", grant);
        put(&house, "TOKEN", CANARY);
        let shown = house.value("vault", "token", json!({})).await;
        assert_eq!(shown["n_bytes"], expect, "{grant}");
        assert_eq!(shown["token"], "[secret TOKEN]");
    };
    check(", reveal: ['argument:/token']", CANARY.len()).await;
    check(", reveal: ['argument:/*']", CANARY.len()).await;
    check(", reveal: ['argument:/other']", PLACEHOLDER_BYTES).await;
    check("", PLACEHOLDER_BYTES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn literal_for_a_sensitive_argument_is_refused() {
    let house = house("open sesame", "");
    let error = refused(&house).await;
    let expect = "`token`: it is sensitive, and does not belong into this file";
    assert!(error.contains(expect), "{error}");
}

/// An ordinary object, or a forged mark, is not taken for a secret.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_is_checked_by_its_value() {
    let house = house("{secret: TOKEN}", "");
    let error = refused(&house).await;
    assert!(error.contains("there is no secret `TOKEN`"), "{error}");
    put(&house, "TOKEN", "q7#z");
    let error = refused(&house).await;
    assert!(error.contains("shorter than 5 characters"), "{error}");
    assert!(
        !error.contains("q7#z") && error.contains("[secret TOKEN]"),
        "{error}"
    );
    put(&house, "TOKEN", CANARY);
    house.value("vault", "token", json!({})).await;
}
