//! Secrets are sent only to granted hosts, are shown only to granted models, and do not leak.

pub(crate) use sedge_test_artifacts::KEEPER as keeper;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sedge_api::problem::{ErrorClass, ErrorCode, Explain, Help, UseCase};
use sedge_api::view::secret::{SecretView, SecretWeakness};
use sedge_app::run::list::{RunListRequest, run_list};
use sedge_app::secret::put::secret_put;
use sedge_app::secret::secret_list;
use sedge_app::types::{CallError, Scan, SecretName, SecretValue};
use sedge_app::workflow::approvals::workflow_approvals;
use sedge_app::workflow::gates::{GateRequest, workflow_approve};
use sedge_app::{AppError, SecretError};
use sedge_test_kit::Server;
use serde_json::{Value, json};

use crate::fixture::{House, versions_of};
use crate::shown::{collected, log_of};

/// A value that every encoding changes, and that does not occur by chance.
const CANARY: &str = "c4n\"ary \\ é%/+? of the mine";

/// Returns a repository in which `keeper` has `grant` for `TOKEN`.
fn house(grant: &str) -> House {
    let house = House::new();
    grants(&house, grant);
    put(&house, "TOKEN", CANARY);
    house
}

fn grants(house: &House, grant: &str) {
    let http = "http: [{url: 'http://*:*', addresses: [127.0.0.0/8]}], models: ['*']";
    let more = format!("grants: {{{http}, secrets: [{grant}]}}\n");
    house.model("keeper", "@test/keeper", &more);
}

fn put(house: &House, name: &str, value: &str) {
    let name: SecretName = name.parse().expect("a name");
    let value = SecretValue::new(value.as_bytes().to_vec()).expect("a value");
    secret_put(&house.cx(), &name, &value, false).expect("it can be put");
}

/// Returns the existing secrets, by name.
fn listed(house: &House) -> Vec<SecretView> {
    let mut secrets = Vec::new();
    let take = |secret| {
        secrets.push(secret);
        Ok::<_, AppError>(Scan::More)
    };
    secret_list(&house.cx(), take).expect("the folder can be read");
    secrets
}

/// Returns what a server received in one request of `keeper`.
async fn sent(house: &House, server: &Server, arguments: Value) -> String {
    house.value("keeper", "send", arguments).await;
    server.requests().pop().expect("a request")
}

/// Returns the code and the message of `keeper`'s failure.
async fn failed(house: &House, method: &str, arguments: Value) -> (String, String) {
    let (error, _) = house.failure("keeper", method, arguments).await;
    let CallError::Failed(failure) = error else {
        panic!("{error:?}")
    };
    (failure.code, failure.message)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_is_inserted_and_escaped_in_its_place() {
    let server = Server::plain();
    let house = house(&format!("{{name: TOKEN, hosts: ['{}']}}", server.origin()));
    let check = async |arguments: Value, expect: &str| {
        let request = sent(&house, &server, arguments).await;
        assert!(request.contains(expect), "{expect}\n{request}");
        assert!(!request.contains("sedge-secret-"), "{request}");
        let (head, body) = request.split_once("\r\n\r\n").expect("a head");
        let length = format!("content-length: {}\r\n", body.len());
        let head = format!("{head}\r\n");
        assert!(head.contains(&length), "{} bytes\n{head}", body.len());
    };
    let url = server.url("/hello");
    let percent = "c4n%22ary%20%5C%20%C3%A9%25%2F%2B%3F%20of%20the%20mine";
    let query = json!({"url": format!("{url}?a={{secret}}&b=c")});
    check(query, &format!("POST /hello?a={percent}&b=c HTTP/1.1\r\n")).await;
    let header = json!({"url": url, "headers": {"x-token": "Bearer {secret}!"}});
    check(header, &format!("x-token: Bearer {CANARY}!\r\n")).await;
    let basic = json!({"url": url, "headers": {"authorization": "Basic {basic}"}});
    check(
        basic,
        "authorization: Basic bWU6YzRuImFyeSBcIMOpJS8rPyBvZiB0aGUgbWluZQ==\r\n",
    )
    .await;
    let text = json!({"url": url, "body": "a {secret} b"});
    check(text, &format!("\r\n\r\na {CANARY} b")).await;
    let media_type = |it: &str| json!({"content-type": it});
    let form = media_type("application/x-www-form-urlencoded");
    let form = json!({"url": url, "body": "a={secret}", "headers": form});
    check(form, &format!("\r\n\r\na={percent}")).await;
    let escaped = "{\"a\": \"c4n\\\"ary \\\\ é%/+? of the mine\"}";
    let document = media_type("application/json; charset=utf-8");
    let document = json!({"url": url, "body": "{\"a\": \"{secret}\"}", "headers": document});
    check(document, &format!("\r\n\r\n{escaped}")).await;
}

/// Joins the parts of a chunked body (RFC 9112, 7.1).
fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("the size of a chunk");
        let (chunk, rest) = rest.split_at(size);
        whole.push_str(chunk);
        body = rest.strip_prefix("\r\n").expect("the end of a chunk");
    }
    whole
}

/// Placeholders lie at and across the boundaries of the pieces in which a body is sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_is_inserted_across_pieces_of_a_body() {
    let server = Server::plain();
    let house = house(&format!("{{name: TOKEN, hosts: ['{}']}}", server.origin()));
    let url = server.url("/hello");
    // The body is larger than the buffer, so it is sent in chunks.
    for (filler, times) in [(700, 60), (50_000, 60)] {
        let body = format!("{}{{secret}}", "s".repeat(filler));
        let ask = json!({"url": url, "body": body, "times": times});
        let request = sent(&house, &server, ask).await;
        let expect = format!("{}{CANARY}", "s".repeat(filler)).repeat(times);
        let (head, body) = request.split_once("\r\n\r\n").expect("a head");
        let is_chunked = head.contains("transfer-encoding: chunked");
        let body = if is_chunked {
            unchunked(body)
        } else {
            body.to_owned()
        };
        assert_eq!(
            (is_chunked, body.len()),
            (filler > 10_000, expect.len()),
            "{head}"
        );
        assert!(body == expect, "{head}");
    }
    let ask = json!({"url": url, "body": "{secret}", "times": 65});
    let (code, _) = failed(&house, "send", ask).await;
    assert_eq!(code, "protocol", "the size is limited");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_is_sent_only_to_the_granted_host() {
    let (server, other) = (Server::plain(), Server::plain());
    let house = house(&format!("{{name: TOKEN, hosts: ['{}']}}", server.origin()));
    let n_before = other.n_connections();
    for ask in [
        json!({"url": other.url("/hello?a={secret}")}),
        json!({"url": other.url("/hello"), "headers": {"x-token": "{secret}"}}),
        json!({"url": other.url("/hello"), "headers": {"authorization": "Basic {basic}"}}),
        json!({"url": other.url("/hello"), "body": "{secret}"}),
    ] {
        let (code, message) = failed(&house, "send", ask).await;
        assert_eq!(code, "denied", "{message}");
        let says = format!(
            "`keeper` may not send the secret `TOKEN` to {}",
            other.origin()
        );
        assert!(message.contains(&says), "{message}");
    }
    assert_eq!(other.n_connections(), n_before, "no connection was made");
    // If a body is sent while it is written, the server already has the part before the
    // placeholder.
    let body = format!("{}{{secret}}", "s".repeat(2 << 20));
    let (code, message) = failed(
        &house,
        "send",
        json!({"url": other.url("/hello"), "body": body}),
    )
    .await;
    assert_eq!(code, "denied", "{message}");
    assert!(other.requests().iter().all(|it| !it.contains("ary")));

    // The lines of the denial grant the attempt.
    let (_, lines) = message.split_once(".yaml\n").expect("lines");
    let definition = format!("name: keeper\ntype: \"@test/keeper\"\n{lines}\n");
    house.write("models/keeper.yaml", &definition);
    let ask = json!({"url": other.url("/hello"), "body": "{secret}"});
    assert!(sent(&house, &other, ask).await.ends_with(CANARY));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_without_a_grant_or_value_is_an_error() {
    let server = Server::plain();
    let house = house("");
    let get = |name: &str| json!({"name": name});
    // The host is known only when the secret is sent. The lines name only that host, although the
    // plugin requests every host.
    let send = json!({"url": server.url("/hello"), "body": "{secret}"});
    let (code, message) = failed(&house, "send", send.clone()).await;
    assert!(code.contains("denied"), "{code}: {message}");
    let (_, lines) = message.split_once(".yaml\n").expect("lines");
    let (_, granted) = lines.split_once("secrets:").expect("the grant");
    assert!(
        granted.contains(&server.origin()) && !granted.contains('*'),
        "{lines}"
    );
    assert!(server.requests().is_empty(), "nothing was sent");
    let last_use = || listed(&house)[0].last_use.clone();
    assert_eq!(last_use(), None, "it was not even read");
    let definition = format!("name: keeper\ntype: \"@test/keeper\"\n{lines}\n");
    house.write("models/keeper.yaml", &definition);
    house.value("keeper", "send", send).await;
    let by = last_use().expect("it was used").by;
    assert!(by.starts_with("keeper.send, call "), "{by}");

    let (code, message) = failed(&house, "get", get("UNASKED")).await;
    assert_eq!(code, "denied", "{message}");
    assert!(
        message.contains("`@test/keeper` does not request"),
        "{message}"
    );
    // Only a model with a grant for a secret may learn whether the secret exists.
    house.value("keeper", "get", get("OTHER")).await;
    grants(&house, "{name: OTHER, hosts: ['https://api.example.com']}");
    let (code, message) = failed(&house, "get", get("OTHER")).await;
    assert_eq!(code, "secret-missing", "{message}");
    assert_eq!(message, "there is no secret `OTHER`");
    // The host recorded which secret is missing, so it does not rely on the guest's message.
    let Err(error) = house.run("keeper", "get", get("OTHER")).await else {
        panic!("the secret is missing")
    };
    let put = Help::command("put the secret", UseCase::SecretPut).with("name", "OTHER");
    assert!(error.help().contains(&put), "{:?}", error.help());
    let (code, _) = failed(&house, "get", get("../../key")).await;
    assert_eq!(code, "secret-missing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_is_shown_only_with_a_grant() {
    let house = house("{name: TOKEN}");
    let (code, message) = failed(&house, "show", json!({})).await;
    assert_eq!(code, "denied", "{message}");
    assert!(
        message.contains("`keeper` may not see the secret `TOKEN`"),
        "{message}"
    );
    let (_, lines) = message.split_once(".yaml\n").expect("lines");
    let definition = format!("name: keeper\ntype: \"@test/keeper\"\n{lines}\n");
    house.write("models/keeper.yaml", &definition);
    let shown = house.value("keeper", "show", json!({})).await;
    assert_eq!(shown, json!(CANARY.len()));
}

/// The forms in which the guest writes the value, and the bytes of each that must not appear
/// anywhere.
fn forms() -> [(&'static str, Vec<u8>); 6] {
    let hex: String = CANARY.bytes().map(|b| format!("{b:02x}")).collect();
    let percent: String = CANARY.bytes().map(|b| format!("%{b:02X}")).collect();
    let escaped = json!(CANARY).to_string();
    [
        ("plain", CANARY.into()),
        ("json", escaped.trim_matches('"').into()),
        ("hex", hex.into()),
        ("percent", percent.into()),
        ("base64", "YzRuImFyeSBcIMOpJS8rPyBvZiB0aGUgbWluZ".into()),
        (
            "base64-inside",
            "M0biJhcnkgXCDDqSUvKz8gb2YgdGhlIG1pbm".into(),
        ),
    ]
}

const WAYS: [&str; 18] = [
    "log",
    "field",
    "stdout",
    "stderr",
    "value",
    "failure",
    "panic",
    "resource",
    "name",
    "undone",
    "tag",
    "published",
    "file",
    "large-file",
    "arguments",
    "target",
    "method",
    "refused",
];

/// Collects all files of a repository, except sealed secrets and files that only the engine writes.
fn collect_files(folder: &Path, all: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("it can be read").path();
        let is_apart = ["secrets", "plugins", "cache"]
            .iter()
            .any(|it| path.ends_with(format!(".sedge/{it}")));
        if is_apart {
            continue;
        }
        if path.is_dir() {
            collect_files(&path, all);
        } else if path.is_file() {
            all.extend(fs::read(path).expect("it can be read"));
        }
    }
}

fn has(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|it| it == what)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shown_secret_is_redacted_in_every_way_and_form() {
    let house = house("{name: TOKEN, reveal: true}");
    for (form, traces) in forms() {
        for by in WAYS {
            let ran = house
                .run("keeper", "tell", json!({"by": by, "form": form}))
                .await;
            let run = house.newest();
            let log = log_of(&house.repository, Some(run.run.id.as_str()));
            let mut output =
                format!("{ran:?} {run:?} {log:?} {:?}", house.seen.events()).into_bytes();
            assert!(
                has(&output, b"[secret TOKEN]") || by.contains("file") || by == "resource",
                "{form} by {by}: {}",
                String::from_utf8_lossy(&output)
            );
            collect_files(house.path(), &mut output);
            assert!(!has(&output, &traces), "{form} by {by}");
            // The debug format of Rust escapes the text once more.
            let shown = format!("{:?}", String::from_utf8_lossy(&traces));
            assert!(
                !has(&output, shown.trim_matches('"').as_bytes()),
                "{form} by {by}"
            );
        }
        let mut all = Vec::new();
        collect_files(house.path(), &mut all);
        let n_marks = all.windows(14).filter(|it| it == b"[secret TOKEN]").count();
        assert!(n_marks > WAYS.len(), "{form}: {n_marks} marks");
    }
}

/// A value that the user passes as an argument reaches the guest, but is not recorded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_in_an_argument_is_not_recorded() {
    let house = house("");
    let value = house.value("sink", "run", json!({"note": CANARY})).await;
    assert_eq!(value["note"], "[secret TOKEN]");
    let run = house.newest();
    assert_eq!(run.calls[0].arguments, json!({"note": "[secret TOKEN]"}));
    assert_eq!(house.latest("sink", "record")["note"], "[secret TOKEN]");
}

fn n_runs(house: &House) -> usize {
    let request = RunListRequest::default();
    collected(|take| run_list(&house.cx(), &request, take)).len()
}

/// A value that cannot be read cannot be redacted. The host used to run without it, and wrote it
/// into data and logs. Now nothing runs until every secret can be opened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_runs_while_a_secret_cannot_be_opened() {
    let house = house("{name: TOKEN}");
    put(&house, "OTHER", "another value");
    let folder = house.path().join(".sedge/secrets");
    let (key, away) = (folder.join("key"), folder.join("away"));
    let mode = |mode| fs::set_permissions(&key, Permissions::from_mode(mode)).expect("ours");
    let run = async |names: &[&str]| {
        let n_runs_before = n_runs(&house);
        let Err(error) = house.run("sink", "run", json!({"note": CANARY})).await else {
            panic!("it ran without {names:?}")
        };
        let AppError::Secret(SecretError::Closed { names: closed, .. }) = &error else {
            panic!("{error:?}")
        };
        let closed: Vec<&str> = closed.iter().map(SecretName::as_str).collect();
        assert_eq!(closed, names);
        assert_eq!(error.class(), ErrorClass::State);
        assert_eq!(n_runs(&house), n_runs_before, "no run was made");
    };
    mode(0o644);
    run(&["OTHER", "TOKEN"]).await;
    mode(0o600);
    fs::rename(&key, &away).expect("ours");
    run(&["OTHER", "TOKEN"]).await;
    fs::rename(&away, &key).expect("ours");
    let sealed = folder.join("OTHER.sealed");
    let whole = fs::read(&sealed).expect("a file");
    fs::write(&sealed, "x").expect("ours");
    run(&["OTHER"]).await;
    fs::remove_file(&sealed).expect("ours");
    fs::create_dir(&sealed).expect("ours");
    run(&["OTHER"]).await;
    fs::remove_dir(&sealed).expect("ours");
    fs::write(&sealed, whole).expect("ours");
    house.value("sink", "run", json!({"note": CANARY})).await;
    assert_eq!(house.latest("sink", "record")["note"], "[secret TOKEN]");
}

/// A weak value occurs in other texts by chance. The host used to redact it in names and labels, so
/// new versions got another name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weak_value_changes_no_name_tag_argument_or_content() {
    let house = House::new();
    let name: SecretName = "STAGE".parse().expect("a name");
    let value = SecretValue::new(b"prod".to_vec()).expect("a value");
    let refused = secret_put(&house.cx(), &name, &value, false);
    assert_eq!(
        refused.expect_err("it is weak").code(),
        ErrorCode::WeakSecret
    );
    let put = secret_put(&house.cx(), &name, &value, true).expect("it is wanted");
    assert_eq!(put.weakness, Some(SecretWeakness::EverydayWord));
    let record = json!({"name": "prod-db", "tags": {"env": "prod"}});
    house
        .run("files", "record", record)
        .await
        .expect("it is granted");
    let versions = versions_of(&house.repository, "files", "prod-db").expect("it is there");
    assert_eq!(
        versions[0].tags.get("env").map(String::as_str),
        Some("prod")
    );
    // The return value is an outcome.
    let outcome = house
        .value("sink", "run", json!({"note": "production"}))
        .await;
    assert_eq!(outcome["note"], "[secret STAGE]uction");
    assert_eq!(house.latest("sink", "record")["note"], "production");
}

/// After a call received a weak value, its writes may contain the value not only by chance.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weak_value_is_redacted_in_content_after_it_was_received() {
    let house = House::new();
    grants(&house, "{name: TOKEN, reveal: true}");
    let name: SecretName = "TOKEN".parse().expect("a name");
    let value = SecretValue::new(b"hunter2".to_vec()).expect("a value");
    secret_put(&house.cx(), &name, &value, true).expect("it is wanted");
    for by in ["resource", "file", "log", "value"] {
        let tell = json!({"by": by, "form": "plain"});
        let _ = house.run("keeper", "tell", tell).await;
        let mut all = format!("{:?}", house.newest()).into_bytes();
        collect_files(house.path(), &mut all);
        assert!(!has(&all, b"hunter2"), "{by}");
    }
}

/// Comments and prompts are stored, and are part of every backup.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_redacted_in_comments_and_prompts() {
    let house = House::new();
    put(&house, "TOKEN", "a value of the mine");
    for (style, prompt) in [
        ("plain", "a value of the mine, really?"),
        ("double", "\"with a value of the mine?\""),
        ("single", "'it''s a value of the mine?'"),
        (
            "folded",
            ">-\n            is it\n            a value of the mine?",
        ),
        (
            "literal",
            "|\n            is it\n            a value of the mine?",
        ),
    ] {
        let workflow = format!(
            "name: {style}\njobs:\n  - name: main\n    steps:\n      - name: gate\n        task:\n          type: manual_approval\n          prompt: {prompt}\n"
        );
        house.write(&format!("workflows/{style}.yaml"), &workflow);
        house.workflow_run(style).await.expect("it is suspended");
        let approvals = collected(|take| workflow_approvals(&house.cx(), take));
        let shown = &approvals.last().expect("a gate").prompt;
        assert!(shown.contains("[secret TOKEN]"), "{style}: {shown}");
        let request = GateRequest {
            workflow: style.to_owned(),
            gate: "gate".to_owned(),
            run: None,
            comment: Some("tried a value of the mine".to_owned()),
            shown: None,
        };
        workflow_approve(&house.cx().with_actor(crate::fixture::ada()), &request)
            .expect("it is open");
        let run = house.newest();
        assert!(
            format!("{run:?}").contains("tried [secret TOKEN]"),
            "{run:?}"
        );
        let mut all = format!("{run:?} {:?}", house.seen.events()).into_bytes();
        collect_files(&house.path().join(".sedge"), &mut all);
        assert!(!has(&all, b"a value of the mine"), "{style}");
    }
}
