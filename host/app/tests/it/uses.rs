//! The last use of permissions: exactly the permissions that a call used are recorded.

pub(crate) use sedge_test_artifacts::MOVER as mover;

use std::fs;

use sedge_api::view::permission::PermissionView;
use sedge_app::model::delete::model_delete;
use sedge_app::model::permissions::model_permissions;
use sedge_app::secret::put::secret_put;
use sedge_app::types::{CallError, SecretValue};
use sedge_test_kit::Server;
use serde_json::{Value, json};

use crate::fixture::{House, cx_of};

const ASKER: &str = "@test/asker";

/// Returns the requested permissions that a model has used.
pub(crate) async fn used(house: &House, model: &str) -> Vec<String> {
    let report = model_permissions(&house.cx(), model).await;
    let requested = report.expect("it can be explained").permissions.into_iter();
    let used = requested.filter(|it| it.last_used.is_some());
    used.map(|it| words_of(&it.permission)).collect()
}

/// Returns the text of a permission: `files inbox write`.
pub(crate) fn words_of(permission: &PermissionView) -> String {
    let document = json!(permission);
    let mut words = Vec::new();
    for (key, value) in document.as_object().expect("it is an object") {
        match value {
            Value::String(word) => words.push(word.clone()),
            Value::Array(items) => words.extend(items.iter().filter_map(text)),
            Value::Bool(true) => words.push(key.clone()),
            Value::Bool(false) | Value::Null | Value::Number(_) | Value::Object(_) => {}
        }
    }
    words.join(" ")
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Returns a repository with a model `asker` that has grants for its files, variables and models.
fn with_asker(access: &str) -> House {
    let house = House::new();
    fs::create_dir(house.path().join("in")).expect("a folder can be made");
    house.write("in/a.txt", "a");
    let files = format!("files: [{{name: inbox, path: in, access: {access}}}]");
    let grants = format!("grants: {{{files}, env: [ASKER_OLD], models: [sink]}}\n");
    house.model("asker", ASKER, &grants);
    house
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_used_permissions_are_recorded() {
    let house = with_asker("read");
    assert_eq!(used(&house, "asker").await, [""; 0]);
    house.value("asker", "call", json!({})).await;
    assert_eq!(used(&house, "asker").await, ["models sink"]);
    house.value("asker", "region", json!({})).await;
    assert_eq!(
        used(&house, "asker").await,
        ["models sink", "env ASKER_OLD"]
    );
    house.value("asker", "look", json!({"path": "a.txt"})).await;
    assert_eq!(
        used(&house, "asker").await,
        ["models sink", "files inbox write", "env ASKER_OLD"]
    );
    // Another process sees the same.
    let report = model_permissions(&cx_of(&house.other_process()), "asker").await;
    let report = report.expect("it can be explained");
    let n_used = report
        .permissions
        .iter()
        .filter(|it| it.last_used.is_some());
    assert_eq!(n_used.count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn denied_attempt_is_not_a_use() {
    let house = with_asker("read");
    let put = json!({"path": "a.txt", "text": "changed"});
    house.failure("asker", "put", put).await;
    for path in ["../models/asker.yaml", "/etc/passwd"] {
        house.failure("asker", "look", json!({"path": path})).await;
    }
    assert_eq!(used(&house, "asker").await, [""; 0]);
    house.model("asker", ASKER, "");
    for method in ["call", "region"] {
        house.failure("asker", method, json!({})).await;
    }
    assert_eq!(used(&house, "asker").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uses_of_a_failed_call_are_recorded() {
    let house = with_asker("read");
    let look = json!({"path": "nothing of the sort"});
    let (error, _) = house.failure("asker", "look", look).await;
    assert!(matches!(error, CallError::Failed(_)), "{error:?}");
    assert_eq!(used(&house, "asker").await, ["files inbox write"]);
}

/// A callee uses its own permissions. The permission to call it is its caller's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_of_a_lineage_has_its_own_uses() {
    let house = with_asker("read");
    house.answer_of("asker", "region", json!({})).await;
    assert_eq!(used(&house, "asker").await, ["env ASKER_OLD"]);
    assert_eq!(used(&house, "hostile").await, ["models *"]);

    let look = json!({"model": "reader", "name": "note"});
    house.value("reader", "look", look).await;
    assert_eq!(used(&house, "reader").await, [""; 0], "its own data");
    let look = json!({"model": "sink", "name": "record"});
    house.value("reader", "look", look).await;
    assert_eq!(used(&house, "reader").await, ["models sink"]);
}

/// A folder counts as used when a guest accesses its content in any way, not when the guest only
/// has the folder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folder_that_contains_the_path_is_used() {
    let house = House::new();
    for folder in ["in", "in/deep", "in/empty", "out"] {
        fs::create_dir(house.path().join(folder)).expect("a folder can be made");
    }
    for file in ["in/a", "in/b", "in/deep/c", "out/d"] {
        house.write(file, "x");
    }
    std::os::unix::fs::symlink("a", house.path().join("in/link")).expect("a link can be made");
    let grants = "grants: {files: [{name: inbox, path: in, access: write}, {name: outbox, path: out, access: write}]}\n";
    let mut n_models = 0;
    let mut check = async |what: &str, path: &str, to: &str, expect: &[&str]| {
        // A new model has no recorded uses.
        n_models += 1;
        let model = format!("mover-{n_models}");
        house.model(&model, "@test/mover", grants);
        let arguments = json!({"what": what, "path": path, "to": to});
        house.value(&model, "do", arguments).await;
        assert_eq!(used(&house, &model).await, expect, "{what} {path} {to}");
    };
    let (inbox, outbox) = ("files inbox write", "files outbox write");
    check("ask", "inbox", "", &[]).await;
    check("stat", "/inbox/a", "", &[inbox]).await;
    check("stat", "/outbox/d", "", &[outbox]).await;
    check("open", "/inbox/deep/c", "", &[inbox]).await;
    check("list", "/outbox", "", &[outbox]).await;
    check("follow", "/inbox/link", "", &[inbox]).await;
    check("make", "/outbox/new", "", &[outbox]).await;
    check("remove-folder", "/inbox/empty", "", &[inbox]).await;
    check("link", "/inbox/a", "/inbox/a-too", &[inbox]).await;
    check("link", "/inbox/a", "/outbox/a", &[inbox, outbox]).await;
    check("move", "/inbox/b", "/outbox/b", &[inbox, outbox]).await;
    check("remove", "/outbox/d", "", &[outbox]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_is_a_use_only_if_its_address_is_allowed() {
    let server = Server::plain();
    let house = House::new();
    let fetch = json!({"url": server.url("/hello"), "swallow": true});
    let check = async |url: &str, expect: &[&str]| {
        let grants = format!("grants: {{http: [{{url: '{url}'}}]}}\n");
        house.model("fetcher", "@test/fetcher", &grants);
        house.value("fetcher", "fetch", fetch.clone()).await;
        assert_eq!(used(&house, "fetcher").await, expect, "{url}");
    };
    // The origin is granted, but not at a private address.
    check("http://*:*", &[]).await;
    check(&server.origin(), &["http http://*:* GET HEAD POST PUT"]).await;
}

/// A handle alone is not a use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_is_used_when_it_is_sent_or_shown() {
    let server = Server::plain();
    let send = json!({"url": server.url("/hello"), "body": "{secret}"});
    let origin = server.origin();
    let by_secret = "secrets TOKEN http://*:* https://*:* reveal";
    let check = async |grant: &str, method: &str, arguments: Value, expect: &[&str]| {
        let house = House::new();
        let value = SecretValue::new(b"open sesame".to_vec()).expect("a value");
        let name = "TOKEN".parse().expect("a name");
        secret_put(&house.cx(), &name, &value, false).expect("it can be put");
        let http = "http: [{url: 'http://*:*', addresses: [127.0.0.0/8]}]";
        let grants = format!("grants: {{{http}, secrets: [{{name: TOKEN, {grant}}}]}}\n");
        house.model("keeper", "@test/keeper", &grants);
        // The method may be denied.
        let _ = house.run("keeper", method, arguments).await;
        assert_eq!(used(&house, "keeper").await, expect, "{grant} {method}");
    };
    let granted = format!("hosts: ['{origin}']");
    check(&granted, "get", json!({"name": "TOKEN"}), &[]).await;
    check(
        &granted,
        "send",
        send.clone(),
        &["http http://*:*", by_secret],
    )
    .await;
    check("hosts: []", "send", send, &[]).await;
    check("reveal: true", "show", json!({}), &[by_secret]).await;
    check("reveal: false", "show", json!({}), &[]).await;
}

/// A new model with the name of a deleted one has not used any permission.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uses_are_deleted_with_their_model() {
    let house = with_asker("read");
    house.value("asker", "region", json!({})).await;
    assert_eq!(used(&house, "asker").await, ["env ASKER_OLD"]);
    let deleted = model_delete(&house.cx(), "asker").await;
    deleted.expect("it is there");
    house.model("asker", ASKER, "");
    assert_eq!(used(&house, "asker").await, [""; 0]);
}
