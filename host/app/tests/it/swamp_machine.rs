//! Models in the manner of swamp's that use the machine and the surroundings of a call: programs, files,
//! timers, signals and the environment. See `swamp_models`.

pub(crate) use sedge_test_artifacts::{
    TS_SWAMP_ARCHIVE as ts_swamp_archive, TS_SWAMP_DISK as ts_swamp_disk,
    TS_SWAMP_IDENTITY as ts_swamp_identity, TS_SWAMP_SELECTOR as ts_swamp_selector,
    TS_SWAMP_WATCHER as ts_swamp_watcher, TS_SWAMP_WEBHOOK as ts_swamp_webhook,
    TS_SWAMP_WORKSPACE as ts_swamp_workspace,
};

use std::fs;

use sedge_api::view::run::LogLevelView;
use sedge_test_kit::{Reply, Server};
use serde_json::{Value, json};

use crate::fixture::versions_of;
use crate::stopped::stopped_method;
use crate::swamp_models::{based, house, lines, message, text_of};

const PINS: &str = "version: 1
commands:
  df: {program: /bin/df, arguments: ['-Pk', '*']}
  sort: {program: /usr/bin/sort, arguments: [['-r'], []]}
  yes: {program: /usr/bin/yes, arguments: [again]}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disk_runs_programs_by_their_pins() {
    let grants = "grants: {commands: [df, sort, yes]}\n";
    let mut house = house("disk", ts_swamp_disk, grants).await;
    house.write("sedge.yaml", PINS);
    house.reopen().await;
    house.value("disk", "usage", json!({})).await;
    let usage = house.latest("disk", "usage");
    assert_eq!(usage["count"], 1);
    assert!(
        usage["filesystems"][0]["sizeKb"]
            .as_u64()
            .is_some_and(|it| it > 0),
        "{usage}"
    );
    let lines = json!({"lines": ["b", "c", "a"], "reverse": true});
    house.value("disk", "sort", lines).await;
    let sorted = house.latest("disk", "sorted");
    assert_eq!(
        sorted,
        json!({"lines": ["c", "b", "a"], "code": 0, "signal": null})
    );
    house.value("disk", "follow", json!({"count": 3})).await;
    let followed = house.latest("disk", "followed");
    assert_eq!(followed["lines"], json!(["again", "again", "again"]));
    assert_eq!(followed["signal"], "SIGKILL");
    let error = message(&house, "disk", "broken", json!({})).await;
    assert!(error.contains("df exited with code 1"), "{error}");
    assert!(error.contains("/does/not/exist"), "{error}");
    house.value("disk", "missing", json!({})).await;
    let missing = house.latest("disk", "missing");
    assert_eq!(missing["lines"], json!(["NotCapable"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archive_writes_files_in_every_way() {
    let server = Server::plain();
    let house = house("archive", ts_swamp_archive, &based(&server)).await;
    house.value("archive", "pack", json!({"text": "é"})).await;
    assert_eq!(text_of(&house, "archive", "text"), "é".as_bytes());
    assert_eq!(
        text_of(&house, "archive", "lines"),
        b"step one\nstep two\nstep three\n"
    );
    let blob = text_of(&house, "archive", "blob");
    assert_eq!((blob.len(), blob[255], blob[256]), (512, 255, 0));
    let page = versions_of(&house.repository, "archive", "page").expect("a version");
    assert_eq!(page[0].media_type, "text/html");
    assert_eq!(page[0].tags.get("room").map(String::as_str), Some("attic"));

    server.file("/book.txt", "one\ntwo\nthree");
    house
        .value("archive", "download", json!({"path": "/book.txt"}))
        .await;
    assert_eq!(text_of(&house, "archive", "download"), b"one\ntwo\nthree");
    let stored = (LogLevelView::Info, "Stored 13 bytes in 3 lines".to_owned());
    assert!(lines(&house).contains(&stored), "{:?}", lines(&house));
    house
        .value("archive", "digest", json!({"name": "download"}))
        .await;
    let logged = lines(&house).pop().expect("a line").1;
    let sha256 = "058053d87c818d699cde0f00d670bca0e1c6ad857caa9758ea6a556d7c64fcee";
    assert_eq!(logged, format!("download has {sha256}"));

    let error = message(&house, "archive", "path", json!({})).await;
    assert!(
        error.contains("`context.createFileWriter().getFilePath` is not supported"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watcher_waits_by_timers_and_signals() {
    let server = Server::plain();
    let state = |text: &str| Reply::new(200, format!(r#"{{"state": "{text}"}}"#));
    server.reply("GET /state", &[state("new"), state("half"), state("done")]);
    let house = house("watcher", ts_swamp_watcher, &based(&server)).await;
    house
        .value("watcher", "wait", json!({"state": "done"}))
        .await;
    assert_eq!(house.latest("watcher", "seen")["polls"], 3);
    house.value("watcher", "order", json!({})).await;
    let order = house.latest("watcher", "order");
    let expect = json!(["microtask", "promise", "10", "20", "30", "5", "first 5"]);
    assert_eq!(order["order"], expect);
    house.value("watcher", "give_up", json!({"ms": 50})).await;
    let gave_up = house.latest("watcher", "gave-up");
    assert_eq!(gave_up["state"], "TimeoutError");
    assert_eq!(
        gave_up["order"],
        json!(["false"]),
        "the call itself is not cancelled"
    );
    let error = message(
        &house,
        "watcher",
        "wait",
        json!({"state": "never", "timeoutMs": 100}),
    )
    .await;
    assert!(error.contains("aborted due to timeout"), "{error}");

    // The signal of the context is that of the run.
    let has_begun = || {
        server
            .requests()
            .iter()
            .any(|it| it.starts_with("GET /begun "))
    };
    server.file("/begun", "yes");
    server.file("/goodbye", "yes");
    Box::pin(stopped_method(
        &house,
        ("watcher", "stand_by"),
        json!({}),
        has_begun,
    ))
    .await;
    let last = server.requests().pop().expect("a request");
    assert!(last.starts_with("GET /goodbye "), "{last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identity_says_who_calls() {
    let definition = "id: 5d4a6b0e-9f7c-4a37-8d0e-3b6f7c2a91d4\ntags: {team: red}\n\
                      globalArguments: {greet: Ada}\n\
                      grants: {env: [CARGO_PKG_NAME, SEDGE_CONFORMANCE_UNSET]}\n";
    let house = house("identity", ts_swamp_identity, definition).await;
    house.value("identity", "show", json!({"count": 1})).await;
    let id = "5d4a6b0e-9f7c-4a37-8d0e-3b6f7c2a91d4";
    let expect = json!({
        "modelId": id,
        "modelType": "@test/swamp/identity",
        "methodName": "show",
        "definition": {"id": id, "name": "identity", "tags": {"team": "red"}},
        "hasVersion": true,
        "note": "none",
        "given": ["count"],
        "home": "sedge-app",
        "unset": null,
        "isSet": true,
        "greeting": "Hello, Ada!",
    });
    assert_eq!(house.latest("identity", "card"), expect);

    house.value("identity", "log", json!({})).await;
    let expect = [
        (LogLevelView::Trace, "a trace"),
        (LogLevelView::Debug, "a detail of Ada"),
        (LogLevelView::Info, r#"Ada has 2 of ["a","b"]"#),
        (LogLevelView::Info, "Ada again"),
        (LogLevelView::Warn, "a warning"),
        (LogLevelView::Warn, "another warning"),
        (LogLevelView::Error, "an error: it broke"),
        (LogLevelView::Error, "the end"),
        (LogLevelView::Info, "printed { n: 1 }"),
        (LogLevelView::Error, "complained"),
    ];
    let expect = expect.map(|(level, text)| (level, text.to_owned()));
    assert_eq!(lines(&house), expect);

    let error = message(&house, "identity", "folder", json!({})).await;
    assert!(error.contains("sedge.permissions.json"), "{error}");
    let error = message(
        &house,
        "identity",
        "asset",
        json!({"path": "files/none.txt"}),
    )
    .await;
    assert!(
        error.contains("`context.extensionFile(\"files/none.txt\")` is not supported"),
        "{error}"
    );
    let error = message(&house, "identity", "connect", json!({"port": 80})).await;
    assert!(error.contains("Deno.connect"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workspace_works_on_files_of_a_granted_folder() {
    let grants = "grants: {files: [{name: workspace, path: work, access: write}]}\n";
    let house = house("workspace", ts_swamp_workspace, grants).await;
    fs::create_dir(house.path().join("work")).expect("a new folder");
    house.write("work/input.txt", "some input\n");
    house.value("workspace", "arrange", json!({})).await;
    let result = house.latest("workspace", "result");
    let before = json!(["a.txt", "deep/", "deep/er/", "deep/er/bytes", "moved.txt"]);
    assert_eq!(result["before"], before);
    assert_eq!(result["after"], json!(["a.txt", "lines", "moved.txt"]));
    assert_eq!(result["size"], "SOME INPUT\nmore\n".len());
    assert_eq!(result["isFile"], true);
    assert_eq!(result["bytes"], json!([0, 255, 128]));
    assert_eq!(result["lines"], json!(["one", "two"]));
    let faults = result["faults"].as_array().expect("a list");
    let faults: Vec<&str> = faults.iter().filter_map(Value::as_str).collect();
    let expect = [
        "NotFound",
        "AlreadyExists",
        "AlreadyExists",
        "NotCapable",
        "NotCapable",
    ];
    assert_eq!(faults, expect);
    assert_eq!(result["isNotFound"], true);
    assert_eq!(result["text"], "SOME INPUT\nmore\n");
    let written = fs::read_to_string(house.path().join("work/out/a.txt")).expect("a file");
    assert_eq!(written, "SOME INPUT\nmore\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhook_has_what_its_extension_adds() {
    let server = Server::plain();
    let grants = format!(
        "grants: {{http: [{{url: '{}'}}], env: [CARGO_PKG_NAME]}}\n",
        server.origin()
    );
    server.reply("POST /hook", &[Reply::new(200, "")]);
    let definition = format!(
        "globalArguments: {{url: '{}'}}\n{grants}",
        server.url("/hook")
    );
    let house = house("webhook", ts_swamp_webhook, &definition).await;
    house
        .value("webhook", "send", json!({"text": "a & b"}))
        .await;
    let request = server.requests().pop().expect("a request");
    assert!(
        request.contains("content-type: application/x-www-form-urlencoded"),
        "{request}"
    );
    assert!(request.ends_with("text=a+%26+b&from=sedge"), "{request}");
    house.value("webhook", "send_variable", json!({})).await;
    let audit = house.latest("webhook", "audit");
    assert_eq!(
        audit,
        json!({"variable": "CARGO_PKG_NAME", "length": "sedge-app".len()})
    );
    house.has_versions("webhook", "sent", 2);
    house.model("webhook", "@test/swamp/webhook", &grants);
    let error = message(&house, "webhook", "send", json!({"text": "a"})).await;
    assert!(error.contains("the webhook has no URL"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn selector_evaluates_expressions_of_the_caller() {
    let hosts = "globalArguments:\n  hosts:\n\
                 \x20 - {name: a, region: us-east, tags: {role: web}}\n\
                 \x20 - {name: b, region: eu-west, tags: {role: web}}\n\
                 \x20 - {name: c, region: us-west}\n";
    let house = house("selector", ts_swamp_selector, hosts).await;
    let select = async |expression: &str| {
        house
            .value("selector", "select", json!({"expression": expression}))
            .await;
        house.latest("selector", "selection")["names"].clone()
    };
    assert_eq!(
        select("matchesRegex(region, '^us-')").await,
        json!(["a", "c"])
    );
    assert_eq!(
        select("'role' in tags && tags.role == 'web'").await,
        json!(["a", "b"])
    );
    let error = message(
        &house,
        "selector",
        "select",
        json!({"expression": "region =="}),
    )
    .await;
    assert!(error.contains("Unexpected token"), "{error}");
}
