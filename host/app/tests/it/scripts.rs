//! Plugins in TypeScript, as `sedge plugin build` makes them: the event loop, random numbers of a
//! snapshot, errors with the author's lines, and the plugin `@sedge/github-releases`.

pub(crate) use sedge_test_artifacts::{TS_CONFORMANCE as ts_conformance, TS_HOSTILE as ts_hostile};

use sedge_app::secret::put::secret_put;
use sedge_app::types::{CallError, Choice, RunStatus, SecretName, SecretValue};
use sedge_test_kit::{Reply, Server};
use serde_json::{Value, json};

use crate::fixture::House;

/// The type of the guest that calls everything.
const TYPE: &str = "@test/conformance-typescript";

/// Returns a repository with a plugin in TypeScript, and a model `script` of it.
async fn house(component: &str, type_name: &str, definition: &str) -> House {
    house_with(component, Choice::All, type_name, definition).await
}

async fn house_with(component: &str, rights: Choice, type_name: &str, definition: &str) -> House {
    let mut house = House::new();
    house.plugin_add_with(component, rights).await;
    // The type of the first guest has upgrades, for definitions of earlier versions.
    let definition = format!("typeVersion: 2026.12.01.1\n{definition}");
    house.model("script", type_name, &definition);
    house
}

/// Five requests of 400 ms take as long as one, because the event loop waits for all of them. The time
/// is that of the guest's clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_a_script_run_beside_each_other() {
    let server = Server::plain();
    let grant = format!("grants:\n  http: [{{url: '{}'}}]\n", server.origin());
    let house = house(ts_conformance, TYPE, &grant).await;
    let authority = server.origin().replace("http://", "");
    let arguments = json!({"authority": authority, "path": "/after/400", "count": 5});
    let value = house.value("script", "fetch-many", arguments).await;
    println!("five requests of 400 ms: {} ms", value["elapsed_ms"]);
    assert_eq!(value["statuses"], json!([200, 200, 200, 200, 200]));
    let elapsed_ms = value["elapsed_ms"].as_u64().expect("a number");
    // One after the other they would take 2000 ms. A busy machine makes the rest take longer.
    assert!((400..1200).contains(&elapsed_ms), "{elapsed_ms} ms");
}

/// Two calls start from one snapshot of the engine. A function that was taken while the plugin was
/// built has no seed that could be known; what was computed at that time stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_numbers_of_a_snapshot_differ_between_calls() {
    let house = house(ts_hostile, "@test/ts-hostile", "").await;
    let first = house.value("script", "numbers", json!({})).await;
    let second = house.value("script", "numbers", json!({})).await;
    let (Value::Array(first), Value::Array(second)) = (&first, &second) else {
        panic!("{first} {second}")
    };
    assert_eq!(first.len(), 5);
    for (one, other) in first.iter().zip(second) {
        assert_ne!(one, other);
    }
    let first = house.value("script", "built", json!({})).await;
    let second = house.value("script", "built", json!({})).await;
    assert_eq!(first["built"], second["built"]);
    assert_ne!(
        first["now"], second["now"],
        "the clock is not that of the build"
    );
}

/// A fault ends the call with the lines of the author's code, and what the method has written is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn error_of_a_script_is_a_failure_with_its_frames() {
    let house = house(ts_conformance, TYPE, "").await;
    let (error, run) = house.failure("script", "panic", json!({})).await;
    assert_eq!(run.status, RunStatus::Failed);
    let CallError::Failed(failure) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(failure.code, "panic");
    let expect = "TypeError: a fault in the code";
    assert_eq!(failure.message, expect);
    let frames: Vec<String> = error.backtrace().iter().map(ToString::to_string).collect();
    assert!(frames[0].contains(" at plugin.ts:"), "{frames:?}");
    let is_ours = |it: &String| it.contains("plugin.js") || it.contains("sedge-sdk");
    assert!(!frames.iter().any(is_ours), "{frames:?}");

    let arguments = json!({"code": "odd", "message": "it is odd", "write": "lost"});
    let (error, _) = house.failure("script", "fail", arguments).await;
    assert_eq!(error.code(), "odd");
    house.has_versions("script", "lost", 0);
}

/// A request that was not granted says in the failure which grant is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn denied_request_of_a_script_says_which_grant_is_missing() {
    let definition = "globalArguments: {repository: acme/lamp, baseUrl: 'https://forge.example'}\n";
    let component = sedge_test_artifacts::GITHUB_RELEASES;
    let type_name = "@sedge/github-releases";
    let house = house_with(component, Choice::None, type_name, definition).await;
    let (error, _) = house.failure("script", "list", json!({})).await;
    assert_eq!(error.code(), "denied");
    let expect = "GET https://forge.example/repos/acme/lamp/releases was denied\n\
                  `script` may not send GET to https://forge.example: no grant allows it; to allow it, \
                  set this in models/script.yaml\ngrants:\n  http:\n  - url: https://forge.example\n";
    assert!(error.to_string().starts_with(expect), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn releases_are_read_with_a_token_that_the_plugin_never_sees() {
    let server = Server::plain();
    let origin = server.origin();
    let definition = format!(
        "globalArguments: {{repository: acme/lamp, baseUrl: '{origin}', token: {{secret: FORGE}}}}\n\
         grants: {{http: [{{url: '{origin}'}}], secrets: [{{name: FORGE, hosts: ['{origin}']}}]}}\n"
    );
    let component = sedge_test_artifacts::GITHUB_RELEASES;
    let house = house(component, "@sedge/github-releases", &definition).await;
    let name: SecretName = "FORGE".parse().expect("a name");
    let value = SecretValue::new(b"the token of the forge".to_vec()).expect("a value");
    secret_put(&house.cx(), &name, &value, true).expect("it can be put");
    let release = r#"[{"id": 1, "tag_name": "v1", "draft": false, "prerelease": false,
        "created_at": "2026-01-01T00:00:00Z", "html_url": "https://forge.example/v1"}]"#;
    let page = "GET /repos/acme/lamp/releases?per_page=100";
    server.reply(page, &[Reply::new(200, release).header("etag", "\"one\"")]);
    let summary = house.value("script", "observe", json!({})).await;
    let expect = json!({"releases": 1, "written": 1, "pages": 1, "unchangedPages": 0});
    assert_eq!(summary, expect);
    assert_eq!(house.latest("script", "release/v1")["title"], Value::Null);
    let request = server.requests().pop().expect("a request");
    let sent = "authorization: Bearer the token of the forge\r\n";
    assert!(request.contains(sent), "{request}");

    // A list that leads to another server is not followed: it would get the token.
    let elsewhere = Reply::new(200, "[]").header("link", "<http://127.0.0.1:9/>; rel=next");
    server.reply(page, &[elsewhere]);
    let (error, _) = house.failure("script", "list", json!({})).await;
    assert_eq!(error.code(), "invalid-response");
    assert!(
        error.to_string().contains("continues at another server"),
        "{error}"
    );
    // A limit says when to try again.
    let limited = Reply::new(429, "").header("retry-after", "30");
    server.reply(page, &[limited]);
    let (error, _) = house.failure("script", "list", json!({})).await;
    let CallError::Failed(failure) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(failure.code, "rate-limited");
    let details = failure.details.as_ref().expect("when to try again");
    assert_eq!(details["retryAfterSeconds"], 30, "{details}");
}
