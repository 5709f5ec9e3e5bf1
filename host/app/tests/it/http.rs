//! Requests go only to granted destinations, are sent once, and use limited time and memory. The
//! tests use a real server without TLS. Tests of the program itself cover TLS, because it takes its
//! trusted authorities from the environment.

pub(crate) use sedge_test_artifacts::FETCHER as fetcher;

mod limits;

use std::sync::Arc;

use sedge_app::Event;
use sedge_app::types::{CallError, LogLevel, RunStatus};
use sedge_test_kit::{GZIP, Server};
use serde_json::{Value, json};

use crate::fixture::{House, run_in, until, words};

/// Returns a repository with a model `fetcher` that has `grants`, a list of grants for HTTP.
fn house(grants: &str) -> House {
    let house = House::new();
    grant(&house, grants);
    house
}

fn grant(house: &House, grants: &str) {
    let more = format!("grants:\n  http: [{grants}]\n");
    house.model("fetcher", "@test/fetcher", &more);
}

/// Returns a repository whose `fetcher` may send any request to a server.
fn house_for(server: &Server) -> House {
    house(&format!("{{url: '{}'}}", server.origin()))
}

/// Fetches a URL, and returns the response, or the code of the error.
async fn fetch(house: &House, more: Value) -> Value {
    let mut arguments = json!({"swallow": true});
    let Value::Object(more) = more else {
        panic!("arguments are an object")
    };
    for (name, value) in more {
        arguments[name] = value;
    }
    house.value("fetcher", "fetch", arguments).await
}

async fn code(house: &House, more: Value) -> String {
    let value = fetch(house, more).await;
    let code = value["code"].as_str();
    code.unwrap_or_else(|| panic!("it succeeded: {value}"))
        .to_owned()
}

/// Checks that a warning with this text was logged.
#[track_caller]
fn warned(house: &House, says: &str) {
    let warnings = warnings(house);
    assert!(
        warnings.iter().any(|it| it.contains(says)),
        "{says} in {warnings:#?}"
    );
}

/// Returns the warnings that calls logged.
fn warnings(house: &House) -> Vec<String> {
    let warning = |event: Event| {
        let Event::Logged { line, .. } = event else {
            return None;
        };
        (line.level == LogLevel::Warn).then_some(line.message)
    };
    house
        .seen
        .events()
        .into_iter()
        .filter_map(warning)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn granted_request_and_response_are_unchanged() {
    let server = Server::plain();
    let house = house_for(&server);
    let got = fetch(&house, json!({"url": server.url("/json")})).await;
    assert_eq!(got["status"], 200);
    assert_eq!(got["headers"]["content-type"], "application/json");
    assert_eq!(got["body"], r#"{"name": "sedge", "parts": [1, 2]}"#);

    let chunked = fetch(&house, json!({"url": server.url("/chunked")})).await;
    assert_eq!(chunked["body"], "one two three");

    // The host does not decompress the body, so a decompression bomb only affects a guest that
    // decompresses it.
    let gzip = fetch(&house, json!({"url": server.url("/gzip")})).await;
    let hex: String = GZIP.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        (&gzip["hex"], &gzip["headers"]["content-encoding"]),
        (&json!(hex), &json!("gzip"))
    );

    let echo = fetch(
        &house,
        json!({"url": server.url("/echo?a=b%20c#d"), "method": "POST", "body": "hi", "times": 2,
            "headers": {"x-mine": "1"}}),
    )
    .await;
    let echo = echo["body"].as_str().expect("text");
    let host = server.origin().replace("http://", "host: ");
    for says in [
        "POST /echo?a=b%20c HTTP/1.1\r\n",
        &host,
        "x-mine: 1",
        "content-length: 4",
    ] {
        assert!(echo.contains(says), "{says}: {echo}");
    }
    assert!(echo.ends_with("\r\n\r\nhihi"), "{echo}");

    // More bytes than any buffer on the way holds.
    let times = 3 << 20;
    let large = json!({"url": server.url("/hello"), "method": "PUT", "body": "y", "times": times});
    assert_eq!(fetch(&house, large).await["status"], 200);
    let requests = server.requests();
    assert!(requests[requests.len() - 1].ends_with(&"y".repeat(times)));
    let large = json!({"url": server.url("/large/3000000"), "bytes_max": 4_000_000});
    assert_eq!(fetch(&house, large).await["n_bytes"], 3_000_000);
    let status = fetch(&house, json!({"url": server.url("/status/503")})).await;
    assert_eq!(status["status"], 503, "a response like others");
}

/// Without the grant, no request is sent. With the lines of the denial in the definition, it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_a_denial_grant_the_request() {
    let server = Server::plain();
    let house = house("");
    let url = server.url("/hello");
    let (error, run) = house.failure("fetcher", "fetch", json!({"url": url})).await;
    let CallError::Failed(failure) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (failure.code.as_str(), run.status),
        ("denied", RunStatus::Failed)
    );
    let (says, lines) = failure.message.split_once(".yaml\n").expect("lines");
    let expect = format!(
        "GET {url} was denied\n`fetcher` may not send GET to {}",
        server.origin()
    );
    assert!(says.starts_with(&expect), "{says}");
    warned(&house, lines);
    assert_eq!(server.n_connections(), 0, "no request was sent");

    let definition = format!("name: fetcher\ntype: \"@test/fetcher\"\n{lines}\n");
    house.write("models/fetcher.yaml", &definition);
    let got = fetch(&house, json!({"url": url})).await;
    assert_eq!(got["body"], "hello\n");
    let other = json!({"url": url, "method": "POST"});
    assert_eq!(
        code(&house, other).await,
        "denied",
        "only the denied request is granted"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_without_a_grant_is_not_sent() {
    let server = Server::plain();
    let port = server.port();
    let check = async |grants: &str, url: &str, method: &str, expect: &str| {
        let house = house(grants);
        let got = fetch(&house, json!({"url": url, "method": method})).await;
        let found = got["code"].as_str().unwrap_or("sent");
        assert_eq!(found, expect, "{grants}: {method} {url}");
    };
    let url = server.url("/hello");
    let by_name = server.origin_by("localhost") + "/hello";
    let one = format!("{{url: '{}', methods: [GET]}}", server.origin());
    check(&one, &url, "GET", "sent").await;
    check(&one, &url, "POST", "denied").await;
    check(&one, &by_name, "GET", "denied").await;
    check(
        &one,
        &format!("http://127.0.0.2:{port}/hello"),
        "GET",
        "denied",
    )
    .await;
    check(
        &one,
        &format!("http://127.0.0.1:{}/", port ^ 1),
        "GET",
        "denied",
    )
    .await;
    check(&one, &format!("https://127.0.0.1:{port}/"), "GET", "denied").await;
    check(&one, "http://127.0.0.1/", "GET", "denied").await;
    // A method that the plugin does not request cannot be granted.
    check("{url: 'http://*:*'}", &url, "DELETE", "denied").await;
    // A pattern stands for hosts of the internet. Private addresses need an explicit grant.
    check("{url: 'http://*:*'}", &url, "GET", "denied").await;
    check("{url: 'http://*:*'}", &by_name, "GET", "denied").await;
    check(
        "{url: 'http://*:*', addresses: [127.0.0.1]}",
        &url,
        "GET",
        "sent",
    )
    .await;
    check(
        "{url: 'http://*:*'}",
        "http://169.254.169.254/latest/meta-data/",
        "GET",
        "denied",
    )
    .await;
    let localhost = format!("{{url: 'http://localhost:{port}'}}");
    check(&localhost, &by_name, "GET", "sent").await;
    check(&localhost, &url, "GET", "denied").await;
    check(
        "{url: 'http://*.example.com'}",
        "http://a.example.org/",
        "GET",
        "denied",
    )
    .await;
    let n_sent = server.requests().len();
    assert_eq!(n_sent, 3);
}

/// A look-up would tell third parties the name, so the host looks up granted names only. A granted
/// name that does not exist fails with another error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn name_is_looked_up_only_if_it_is_granted() {
    let house = house("{url: 'http://*.invalid'}");
    assert_eq!(
        code(&house, json!({"url": "http://secret.invalid/"})).await,
        "dns"
    );
    warned(
        &house,
        "GET http://secret.invalid: the name cannot be resolved",
    );
    let other = json!({"url": "http://secret.example/"});
    assert_eq!(code(&house, other).await, "denied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ipv6_address_is_a_host() {
    let server = Server::plain_at("::1");
    let house = house_for(&server);
    let echo = fetch(&house, json!({"url": server.url("/echo")})).await;
    let host = format!("host: [::1]:{}\r\n", server.port());
    assert!(
        echo["body"].as_str().is_some_and(|it| it.contains(&host)),
        "{echo}"
    );
    let mapped = format!("http://[::ffff:127.0.0.1]:{}/", server.port());
    assert_eq!(code(&house, json!({"url": mapped})).await, "denied");
}

/// Each redirect is checked like a request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirect_is_checked_like_a_request() {
    let (server, other) = (Server::plain(), Server::plain());
    let house = house_for(&server);
    let to = |to: &str| json!({"url": server.url(&format!("/redirect/{to}")), "redirects": 3});
    let followed = fetch(&house, to("/hello")).await;
    assert_eq!(
        (&followed["body"], &followed["url"]),
        (&json!("hello\n"), &json!(server.url("/hello")))
    );
    let not_followed = fetch(&house, json!({"url": server.url("/redirect//hello")})).await;
    assert_eq!(
        (
            &not_followed["status"],
            &not_followed["headers"]["location"]
        ),
        (&json!(302), &json!("/hello"))
    );

    assert_eq!(code(&house, to(&other.url("/hello"))).await, "denied");
    assert_eq!(
        code(&house, to("http://169.254.169.254/latest/meta-data/")).await,
        "denied"
    );
    assert_eq!(code(&house, to("//localhost/")).await, "denied");
    assert_eq!(other.n_connections(), 0);
    let round = server.url("/redirect/") + &"/redirect/".repeat(9) + "/hello";
    let round = json!({"url": round, "redirects": 3});
    assert_eq!(code(&house, round).await, "too-many-redirects");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_response_is_an_error() {
    let server = Server::plain();
    let house = house_for(&server);
    let check = async |path: &str, expect: &str| {
        let got = code(&house, json!({"url": server.url(path)})).await;
        assert_eq!(got, expect, "{path}");
    };
    check("/early", "closed").await;
    check("/hang-up", "closed").await;
    check("/garbage", "protocol").await;
    check("/head/100000", "too-large").await;
    warned(&house, "the limit `http.headerKibibytes` of 32 was reached");
    // The port has no listener.
    let house = house_without_server();
    assert_eq!(
        code(&house, json!({"url": "http://127.0.0.1:1/"})).await,
        "connect"
    );
}

fn house_without_server() -> House {
    house("{url: 'http://127.0.0.1:1'}")
}

/// Endless bodies and servers that do not answer end by the guest's own timeouts, by the limits, or
/// by the deadline of the call, whichever comes first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_exchanges_are_stopped() {
    let server = Server::plain();
    let house = house_for(&server);
    let check = async |path: &str, expect: &str| {
        let got = code(&house, json!({"url": server.url(path), "timeout_ms": 100})).await;
        assert_eq!(got, expect, "{path}");
    };
    check("/silent", "timeout").await;
    check("/slow-head", "timeout").await;
    let endless = json!({"url": server.url("/endless")});
    assert_eq!(code(&house, endless).await, "too-large");
    // Other tests run at the same time, so the head itself may be late. Then the test allows more
    // time for both.
    for timeout_ms in [100, 1_000, 10_000] {
        let stall = json!({"url": server.url("/stall"), "timeout_ms": timeout_ms});
        assert_eq!(code(&house, stall).await, "timeout");
        let says = format!(
            "no more of the response arrived within {timeout_ms} ms (`http.betweenBytesSeconds`)"
        );
        if timeout_ms == 10_000 || warnings(&house).iter().any(|it| it.contains(&says)) {
            warned(&house, &says);
            break;
        }
    }
    let large = json!({"url": server.url("/large/268435457"), "bytes_max": 1 << 30});
    assert_eq!(code(&house, large).await, "too-large");
    warned(
        &house,
        "the limit `http.responseMebibytes` of 256 was reached; if it needs more, raise the limit in models/fetcher.yaml: `limits: {http: {responseMebibytes: 512}}`",
    );
    let dribbled = json!({"authority": server.origin()[7..], "timeout_ms": 100});
    let dribbled = house.value("fetcher", "dribble", dribbled).await;
    assert!(
        dribbled.to_string().contains("ConnectionReadTimeout"),
        "{dribbled}"
    );

    // A body that continues slowly lasts until the deadline of the call.
    let more = format!(
        "limits: {{wallTimeSeconds: 1}}\ngrants: {{http: [{{url: '{}'}}]}}\n",
        server.origin()
    );
    house.model("fetcher", "@test/fetcher", &more);
    for path in ["/drip", "/slow-head", "/silent"] {
        let (error, _) = house
            .failure("fetcher", "fetch", json!({"url": server.url(path)}))
            .await;
        assert!(
            matches!(error, CallError::TimedOut { .. }),
            "{path}: {error:?}"
        );
    }
}

/// A response is accepted even if the server has not read the whole request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_body_does_not_hang() {
    let server = Server::plain();
    let house = house_for(&server);
    let deaf = json!({"url": server.url("/deaf"), "method": "POST", "body": "x", "times": 30_000_000,
        "timeout_ms": 100});
    assert_eq!(code(&house, deaf).await, "timeout");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_body_is_not_sent() {
    let server = Server::plain();
    let house = house_for(&server);
    let times = (64 << 20) + 1;
    let large = json!({"url": server.url("/hello"), "method": "POST", "body": "x", "times": times});
    assert_eq!(code(&house, large).await, "too-large");
    warned(
        &house,
        "the limit `http.requestMebibytes` of 64 was reached",
    );
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_cannot_be_split() {
    let server = Server::plain();
    let house = house_for(&server);
    let authority = server.origin()[7..].to_owned();
    let raw = async |scheme: &str, authority: &str, path: &str, header: [&str; 2]| {
        let arguments = json!({"scheme": scheme, "authority": authority, "path": path,
            "headers": [header]});
        let answer = house.value("fetcher", "raw", arguments).await;
        answer.as_str().expect("text").to_owned()
    };
    let header =
        async |name: &str, value: &str| raw("http", &authority, "/hello", [name, value]).await;
    let place = async |authority: &str| raw("http", authority, "/hello", ["x", "y"]).await;
    for (name, value) in [
        ("x", "a\r\nhost: b"),
        ("x", "a\nb"),
        ("x\r\ny", "a"),
        ("x y", "a"),
        ("x", "\0"),
    ] {
        let answer = header(name, value).await;
        assert!(
            answer.contains("InvalidSyntax"),
            "{name:?} {value:?}: {answer}"
        );
    }
    for name in [
        "Host",
        "Connection",
        "Transfer-Encoding",
        "Upgrade",
        "Keep-Alive",
        "Proxy-Authorization",
    ] {
        let answer = header(name, "x").await;
        assert!(answer.contains("Forbidden"), "{name}: {answer}");
    }
    let port = server.port();
    for bad in [
        &format!("me:secret@127.0.0.1:{port}"),
        &format!("@127.0.0.1:{port}"),
        "127.0.0.1:0",
        "127.0.0.1:",
        "127.1",
        "*:80",
        "*.example.com",
        "2130706433",
        "",
    ] {
        let answer = place(bad).await;
        assert!(
            answer == "authority" || answer.contains("Invalid"),
            "{bad}: {answer}"
        );
    }
    for bad in ["http://169.254.169.254/", "hello", "/a b", "/a\r\nx: y"] {
        assert_eq!(
            raw("http", &authority, bad, ["x", "y"]).await,
            "path",
            "{bad}"
        );
    }
    let answer = raw("file", &authority, "/etc/passwd", ["x", "y"]).await;
    assert!(answer.contains("HttpProtocolError"), "{answer}");
    assert_eq!(server.requests(), [""; 0], "no request was sent");
    assert_eq!(header("x", "y").await, "200");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn number_of_parallel_requests_is_limited() {
    let server = Server::plain();
    let house = house_for(&server);
    let crowd = async |count: u32| {
        let arguments =
            json!({"authority": server.origin()[7..], "path": "/stall", "count": count});
        house.value("fetcher", "crowd", arguments).await
    };
    assert_eq!(crowd(20).await, json!({"200": 20}));
    let most = crowd(70).await;
    assert_eq!(most["200"], 64, "{most}");
    warned(&house, "the limit `http.requests` of 64 was reached");
    assert_eq!(
        crowd(64).await,
        json!({"200": 64}),
        "ended requests free their slots"
    );
}

/// Each request holds a descriptor until it ends. A request without room is refused at once, and
/// the call continues.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_share_the_descriptors_of_the_process() {
    let server = Server::plain();
    let mut house = house_for(&server);
    let limits = "version: 1\nprocessLimits: {descriptors: 10}\n";
    house.write("sedge.yaml", limits);
    house.reopen().await;
    let crowd = async |count: u32| {
        let arguments =
            json!({"authority": server.origin()[7..], "path": "/stall", "count": count});
        house.value("fetcher", "crowd", arguments).await
    };
    let most = crowd(20).await;
    assert_eq!(most["200"], 10, "{most}");
    warned(
        &house,
        "the limit `process-descriptors` of 10 was reached; if it needs more, raise the limit in \
         sedge.yaml: `processLimits: {descriptors: 20}`",
    );
    assert_eq!(
        crowd(10).await,
        json!({"200": 10}),
        "ended requests free their descriptors"
    );
}

/// The connections of one model are pooled for its next requests, not for those of other models. A
/// connection that was closed meanwhile is replaced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_pooled_per_model() {
    let server = Server::plain();
    let house = house_for(&server);
    let hello = json!({"url": server.url("/hello")});
    for _ in 0..3 {
        fetch(&house, hello.clone()).await;
    }
    assert_eq!(server.n_connections(), 1);
    let more = format!("grants: {{http: [{{url: '{}'}}]}}\n", server.origin());
    house.model("other", "@test/fetcher", &more);
    house.value("other", "fetch", hello.clone()).await;
    assert_eq!(server.n_connections(), 2);
    for _ in 0..5 {
        let once = fetch(&house, json!({"url": server.url("/once")})).await;
        assert_eq!(once["body"], "once\n");
    }
    // A pooled connection does not help a model that may not send requests to the host.
    house.model("stranger", "@test/fetcher", "");
    let denied = house.failure("stranger", "fetch", hello).await;
    assert!(matches!(denied.0, CallError::Failed(_)), "{denied:?}");
}

/// Two calls have sent requests and then wait for each other. A rollback would send the request
/// twice, so one of them gets an error instead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_that_sent_a_request_is_not_rolled_back() {
    let server = Server::plain();
    let house = House::new();
    let more = format!("grants: {{http: [{{url: '{}'}}]}}\n", server.origin());
    for name in ["one", "two"] {
        house.model(name, "@test/fetcher", &more);
    }
    let then = |target: &str| {
        json!({"url": server.url("/meet"), "target": target, "method": "fetch",
            "arguments": {"url": server.url("/hello")}})
    };
    let (one, two) = tokio::join!(
        run_in(&house.repository, &house.seen, ("one", "then"), then("two")),
        run_in(&house.repository, &house.seen, ("two", "then"), then("one")),
    );
    let (good, bad): (Vec<_>, Vec<_>) = [one, two].into_iter().partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (1, 1));
    let error = bad.into_iter().find_map(Result::err).expect("one of them");
    assert!(
        words(&error).contains("wait for each other"),
        "{}",
        words(&error)
    );
    let is_rolled_back = |event: &Event| matches!(event, Event::CallRolledBack { .. });
    assert!(!house.seen.events().iter().any(is_rolled_back));
    let requests = server.requests();
    let n_met = requests.iter().filter(|it| it.starts_with("GET /meet "));
    assert_eq!((n_met.count(), requests.len()), (2, 3));
}

/// Requests in progress end with the call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_a_cancelled_call_end() {
    let server = Server::plain();
    let house = house_for(&server);
    let (repository, seen) = (Arc::clone(&house.repository), Arc::clone(&house.seen));
    let silent = json!({"url": server.url("/silent")});
    let run =
        tokio::spawn(async move { run_in(&repository, &seen, ("fetcher", "fetch"), silent).await });
    until("the request is there", || server.requests().len() == 1).await;
    run.abort();
    until("the call has ended", || house.n_running() == 0).await;
    let got = fetch(&house, json!({"url": server.url("/hello")})).await;
    assert_eq!(got["status"], 200);
}
