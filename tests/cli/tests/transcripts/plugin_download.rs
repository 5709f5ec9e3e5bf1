//! `sedge plugin add`, `restore` and `describe` with a URL: a component is downloaded over HTTPS,
//! from addresses that the user allows, and the limits of components hold.

use sedge_test_artifacts::{ASKER, SINK, SPAWN};
use sedge_test_kit::{Authority, Server, TestEnv};

use crate::fixtures::refused;

/// The option that allows the address of the test's server.
const ALLOW: &str = "--allow-private-address 127.0.0.1";

/// Returns an environment with a repository, and a trusted server that has two components.
fn with_server() -> (TestEnv, Server) {
    let mut env = TestEnv::with_repository();
    let authority = Authority::default();
    let server = Server::tls(&authority, &["127.0.0.1"]);
    server.file("/asker.wasm", TestEnv::component(ASKER));
    server.file("/sink.wasm", TestEnv::component(SINK));
    env.trust(&authority);
    env.server(&server.origin());
    (env, server)
}

/// Returns an environment in which a component that was added from a URL is missing.
fn with_missing_component() -> (TestEnv, Server) {
    let (env, server) = with_server();
    let add = format!("plugin add $SERVER/asker.wasm --grant none {ALLOW}");
    env.setup(&[add.as_str()]);
    env.remove(".sedge/plugins");
    (env, server)
}

#[test]
fn component_is_added_and_described_from_a_url() {
    let (env, server) = with_server();
    let described = env.run(format!("plugin describe $SERVER/sink.wasm {ALLOW}").split(' '));
    let described = described.succeeded().stdout;
    assert!(described.starts_with("@sedge/sink "), "{described}");
    insta::assert_snapshot!(env.transcript(&format!("plugin add $SERVER/sink.wasm {ALLOW}")), @"
    $ sedge plugin add $SERVER/sink.wasm --allow-private-address 127.0.0.1
    ------- stderr -------
    Added @sedge/sink 2026.11.23.1
    hint: `sedge model create @sedge/sink NAME` creates a model of it
    ");
    let lock = env.read_file("sedge.lock");
    let source = format!("{}/sink.wasm", server.origin());
    assert!(lock.contains(&source), "{lock}");
}

#[test]
fn component_is_restored_from_its_url() {
    let (env, server) = with_missing_component();
    let restore = format!("plugin restore {ALLOW}");
    insta::assert_snapshot!(env.transcript(&restore), @"
    $ sedge plugin restore --allow-private-address 127.0.0.1
    ------- stderr -------
    Restored @test/asker 2026.11.26.1 from $SERVER/asker.wasm
    ");
    env.remove(".sedge/plugins");
    // A redirect within HTTPS is followed, and a query is sent and not shown.
    let named = format!("plugin restore $SERVER/redirect/asker.wasm?token=canary {ALLOW}");
    server.file("/redirect/asker.wasm", TestEnv::component(ASKER));
    let restored = env.run(named.split(' '));
    assert!(
        restored.stderr.contains("Restored @test/asker") && !restored.stderr.contains("canary"),
        "{restored}"
    );
    let request = server.requests().pop().expect("a request");
    assert!(request.contains("?token=canary"), "{request}");
    env.remove(".sedge/plugins");
    insta::assert_snapshot!(env.transcript(&format!("plugin restore $SERVER/redirect//asker.wasm {ALLOW}")), @"
    $ sedge plugin restore $SERVER/redirect//asker.wasm --allow-private-address 127.0.0.1
    ------- stderr -------
    Restored @test/asker 2026.11.26.1 from $SERVER/redirect//asker.wasm
    ");
}

/// Whatever a server sends, only the pinned component is restored, and both digests are shown.
#[test]
fn other_component_at_the_url_is_refused() {
    let (env, server) = with_missing_component();
    server.file("/asker.wasm", TestEnv::component(SPAWN));
    insta::assert_snapshot!(refused(&env, &format!("plugin restore {ALLOW}")), @"
    ------- stderr -------
    error: the component of the plugin `@test/asker` was not found
    caused by: `$SERVER/asker.wasm` is another component: its digest is [sha256], not [sha256]
    hint: get the missing components: `sedge plugin restore FILE`
    [exit status: 3]
    ");
    insta::assert_snapshot!(refused(&env, &format!("plugin restore $SERVER/asker.wasm {ALLOW}")), @"
    ------- stderr -------
    error: `$SERVER/asker.wasm` is not a component that sedge.lock pins
    caused by: its digest is [sha256]
    caused by: the digest of `@test/asker` 2026.11.26.1 is [sha256]
    hint: get the component with a pinned digest: `sedge plugin restore FILE`
    hint: or, if you trust the file, pin it: `sedge plugin add $SERVER/asker.wasm`
    [exit status: 3]
    ");
}

#[test]
fn url_that_is_not_accepted_is_refused_without_a_request() {
    let (env, server) = with_server();
    insta::assert_snapshot!(refused(&env, "plugin restore http://example.com/sink.wasm"), @"
    ------- stderr -------
    error: failed to download `http://example.com/sink.wasm`
    caused by: only HTTPS is accepted
    hint: use a URL with `https://`, or download the component and name its file
    [exit status: 2]
    ");
    insta::assert_snapshot!(refused(&env, "plugin add https://me:canary@example.com/sink.wasm"), @"
    ------- stderr -------
    error: failed to download `https://example.com/sink.wasm`
    caused by: a URL with a user name or a password is not accepted
    hint: download the component, and name its file
    [exit status: 2]
    ");
    insta::assert_snapshot!(refused(&env, "plugin add $SERVER/sink.wasm?token=canary"), @"
    ------- stderr -------
    error: `$SERVER/sink.wasm` cannot be pinned with its query
    caused by: a query may be a token, and sedge.lock is under version control
    hint: name a URL without a query, or download the component and add its file
    hint: or keep the component in the repository: `--vendor`
    [exit status: 2]
    ");
    insta::assert_snapshot!(refused(&env, "plugin add $SERVER/sink.wasm"), @"
    ------- stderr -------
    error: failed to download `$SERVER/sink.wasm`
    caused by: `127.0.0.1` has the address 127.0.0.1, which is not public
    hint: if the server is one of your own, allow its address: `--allow-private-address 127.0.0.1`
    [exit status: 3]
    ");
    assert_eq!(server.n_connections(), 0, "it received no connection");
}

/// The lock file of a cloned repository cannot make its user send requests to the user's network.
#[test]
fn private_address_in_the_lock_file_needs_permission() {
    let (env, server) = with_missing_component();
    let n_before = server.n_connections();
    insta::assert_snapshot!(refused(&env, "plugin restore"), @"
    ------- stderr -------
    error: the component of the plugin `@test/asker` was not found
    caused by: failed to download `$SERVER/asker.wasm`: `127.0.0.1` has the address 127.0.0.1, which is not public
    hint: if the server is one of your own, allow its address: `--allow-private-address 127.0.0.1`
    hint: get the missing components: `sedge plugin restore FILE`
    [exit status: 3]
    ");
    assert_eq!(server.n_connections(), n_before);
}

#[test]
fn redirect_is_checked_as_the_first_url_is() {
    let (env, _server) = with_server();
    let redirect = |to: &str| refused(&env, &format!("plugin add $SERVER/redirect/{to} {ALLOW}"));
    insta::assert_snapshot!(redirect("http://127.0.0.1:1/sink.wasm"), @"
    ------- stderr -------
    error: failed to download `$SERVER/redirect/http://127.0.0.1:1/sink.wasm`
    caused by: it was redirected to `http://127.0.0.1:1/sink.wasm`
    caused by: only HTTPS is accepted
    hint: use a URL with `https://`, or download the component and name its file
    [exit status: 3]
    ");
    insta::assert_snapshot!(redirect("https://127.0.0.2:1/sink.wasm"), @"
    ------- stderr -------
    error: failed to download `$SERVER/redirect/https://127.0.0.2:1/sink.wasm`
    caused by: it was redirected to `https://127.0.0.2:1/sink.wasm`
    caused by: `127.0.0.2` has the address 127.0.0.2, which is not public
    hint: if the server is one of your own, allow its address: `--allow-private-address 127.0.0.2`
    [exit status: 3]
    ");
    let many = redirect(&format!("{}/sink.wasm", "/redirect/".repeat(5)));
    assert!(
        many.stderr.contains("it redirects more than 5 times"),
        "{many}"
    );
    let enough = format!(
        "plugin add $SERVER/redirect/{}/sink.wasm {ALLOW}",
        "/redirect/".repeat(4)
    );
    let _ = env.run(enough.split(' ')).succeeded();
}

#[test]
fn response_that_is_no_component_is_refused() {
    let (env, _server) = with_server();
    insta::assert_snapshot!(refused(&env, &format!("plugin add $SERVER/status/404 {ALLOW}")), @"
    ------- stderr -------
    error: failed to download `$SERVER/status/404`
    caused by: the server responded with the status 404
    hint: check the URL; a component that needs a login has to be downloaded by hand
    [exit status: 3]
    ");
    insta::assert_snapshot!(env.transcript(&format!("plugin add $SERVER/status/503 {ALLOW}")), @"
    $ sedge plugin add $SERVER/status/503 --allow-private-address 127.0.0.1
    ------- stderr -------
    error: failed to download `$SERVER/status/503`
    caused by: the server responded with the status 503
    hint: try again later
    [exit status: 75]
    ");
    insta::assert_snapshot!(env.transcript(&format!("plugin add $SERVER/early {ALLOW}")), @"
    $ sedge plugin add $SERVER/early --allow-private-address 127.0.0.1
    ------- stderr -------
    error: failed to download `$SERVER/early`
    caused by: the connection was closed in the middle
    hint: check the URL and the network, and try again
    [exit status: 75]
    ");
    let hello = refused(&env, &format!("plugin add $SERVER/hello {ALLOW}"));
    assert!(
        hello
            .stderr
            .contains("/hello` cannot be added as a plugin\n"),
        "{hello}"
    );
}

/// The size is limited if the server announces it, and if it does not.
#[test]
fn download_has_limits() {
    let (env, _server) = with_server();
    let limit = |limits: &str| {
        env.write_file(
            "sedge.yaml",
            format!("version: 1\ncomponentLimits: {{{limits}}}\n"),
        );
    };
    limit("mebibytes: 1");
    insta::assert_snapshot!(refused(&env, &format!("plugin add $SERVER/large/2000000 {ALLOW}")), @"
    ------- stderr -------
    error: failed to download `$SERVER/large/2000000`
    caused by: it has more than 1048576 bytes, the limit `mebibytes` of components
    hint: allow more if you trust it, in sedge.yaml: `componentLimits: {mebibytes: 2}`
    [exit status: 3]
    ");
    let endless = refused(&env, &format!("plugin add $SERVER/endless {ALLOW}"));
    assert!(
        endless.stderr.contains("it has more than 1048576 bytes"),
        "{endless}"
    );
    limit("downloadSeconds: 1");
    for path in ["stall", "silent", "drip", "slow-head"] {
        let command = format!("plugin add $SERVER/{path} {ALLOW}");
        let slow = env.run(command.split(' '));
        assert!(
            slow.stderr.contains(
                "caused by: it takes longer than 1 s, the limit `downloadSeconds` of components\n\
                 hint: allow more if you trust it, in sedge.yaml: `componentLimits: {downloadSeconds: 2}`"
            ),
            "{slow}"
        );
        assert_eq!(slow.code(), Some(75), "{slow}");
    }
}

#[test]
fn server_without_a_trusted_certificate_is_refused() {
    let (env, server) = with_server();
    env.trust(&Authority::default());
    insta::assert_snapshot!(refused(&env, &format!("plugin add $SERVER/sink.wasm {ALLOW}")), @"
    ------- stderr -------
    error: failed to download `$SERVER/sink.wasm`
    caused by: no connection over TLS: invalid peer certificate: UnknownIssuer
    hint: if the server has an authority of your own, name the file of its certificate in the variable SSL_CERT_FILE
    [exit status: 3]
    ");
    assert!(server.requests().is_empty(), "it received no request");
}
