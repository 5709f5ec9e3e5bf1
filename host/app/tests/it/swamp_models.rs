//! Models in the manner of swamp's (`tests/guests/typescript/swamp`), built as they are, run against a
//! local server. Each member of swamp's `context` is used by one of them.

pub(crate) use sedge_test_artifacts::{
    TS_SWAMP_CREDENTIALS as ts_swamp_credentials, TS_SWAMP_FLEET as ts_swamp_fleet,
    TS_SWAMP_INVENTORY as ts_swamp_inventory, TS_SWAMP_JOURNAL as ts_swamp_journal,
    TS_SWAMP_PIPELINE as ts_swamp_pipeline, TS_SWAMP_RATES as ts_swamp_rates,
    TS_SWAMP_TICKETS as ts_swamp_tickets,
};

use sedge_api::view::run::LogLevelView;
use sedge_app::data::get::data_get;
use sedge_app::secret::put::secret_put;
use sedge_app::types::{CallError, Choice, SecretName, SecretValue};
use sedge_test_kit::{Reply, Server};
use serde_json::{Value, json};

use crate::fixture::{House, versions_of};
use crate::sealed::files_with;
use crate::shown::log_of;

/// Two pages of a shop, by the default order.
const FIRST_PAGE: &str = "GET /items?limit=2&sort=name";
const SECOND_PAGE: &str = "GET /items?limit=2&sort=name&cursor=p2";

/// Returns a repository with a model of swamp, which is named like its file.
pub(crate) async fn house(name: &str, component: &'static str, definition: &str) -> House {
    let mut house = House::new();
    add(&mut house, name, component, definition).await;
    house
}

async fn add(house: &mut House, name: &str, component: &'static str, definition: &str) {
    house.plugin_add(component).await;
    house.model(name, &format!("@test/swamp/{name}"), definition);
}

/// Returns the grant of all requests to a server.
fn http(server: &Server) -> String {
    format!("grants: {{http: [{{url: '{}'}}]}}\n", server.origin())
}

/// Returns the global argument `baseUrl`, and the grant for it.
pub(crate) fn based(server: &Server) -> String {
    let origin = server.origin();
    format!("globalArguments: {{baseUrl: '{origin}'}}\n{}", http(server))
}

/// Returns the message of a failure.
pub(crate) async fn message(house: &House, model: &str, method: &str, arguments: Value) -> String {
    let (error, _) = house.failure(model, method, arguments).await;
    error.to_string()
}

/// Returns the lines of the newest run, each with its level.
pub(crate) fn lines(house: &House) -> Vec<(LogLevelView, String)> {
    let lines = log_of(&house.repository, None).into_iter();
    lines.map(|it| (it.level, it.message)).collect()
}

pub(crate) fn text_of(house: &House, model: &str, name: &str) -> Vec<u8> {
    let (_, content) = data_get(&house.cx(), model, name, None).expect("a version");
    content.read_all().expect("it can be read")
}

/// Serves a shop that asks to wait before its second page.
fn shop(server: &Server, second_price: &str) {
    let first = r#"{"items": [{"id": "a", "name": "Axe", "price": 30}, {"id": "b", "name": "Bow", "price": 12.5, "labels": {"of": "yew"}, "extra": true}], "next": "p2"}"#;
    let second = format!(
        r#"{{"items": [{{"id": "c", "name": "Cup", "price": {second_price}, "state": "sold"}}], "next": null}}"#
    );
    server.reply(FIRST_PAGE, &[Reply::new(200, first)]);
    let busy = Reply::new(429, "slow down").header("retry-after", "0");
    let late = Reply::new(503, "").header("retry-after", "Thu, 01 Jan 2026 00:00:00 GMT");
    server.reply(SECOND_PAGE, &[busy, late, Reply::new(200, second)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inventory_reads_pages_and_waits_where_the_server_asks_to() {
    let server = Server::plain();
    shop(&server, "4");
    let house = house("inventory", ts_swamp_inventory, &based(&server)).await;
    let value = house.value("inventory", "sync", json!({})).await;
    assert_eq!(
        value,
        Value::Null,
        "what it wrote is in the record of the call"
    );
    for name in ["item-a", "item-b", "item-c", "summary"] {
        house.has_versions("inventory", name, 1);
    }
    let summary = house.latest("inventory", "summary");
    assert_eq!(summary["count"], 3);
    assert_eq!(summary["pages"], 2);
    assert_eq!(
        summary["attempts"], 4,
        "the second page was sent the third time"
    );
    assert_eq!(summary["cheapest"], "Cup");
    let bow = house.latest("inventory", "item-b");
    assert_eq!(bow["labels"], json!({"of": "yew"}));
    assert_eq!(bow["extra"], true, "the schema passes unknown members");
    assert_eq!(bow["state"], "offered", "the schema has a default");
    let cup = versions_of(&house.repository, "inventory", "item-c").expect("a version");
    let tags: Value = cup[0]
        .tags
        .iter()
        .map(|(key, value)| (key.clone(), json!(value)))
        .collect();
    assert_eq!(tags, json!({"source": "shop", "state": "sold"}));
    let warned = (
        LogLevelView::Warn,
        "The shop asked to wait 2 times".to_owned(),
    );
    assert!(lines(&house).contains(&warned), "{:?}", lines(&house));

    // The same again writes only what has changed.
    shop(&server, "5");
    house.value("inventory", "sync", json!({})).await;
    house.has_versions("inventory", "item-a", 1);
    house.has_versions("inventory", "item-c", 2);
    house.value("inventory", "list", json!({})).await;
    assert_eq!(
        house.latest("inventory", "states")["cheapest"],
        "2 offered, 1 sold"
    );
    // What is given wrongly does not reach the model.
    let refused = house
        .run("inventory", "sync", json!({"minPrice": "much"}))
        .await;
    let refused = format!("{:?}", refused.expect_err("it is refused"));
    assert!(refused.contains("minPrice"), "{refused}");
}

const API_KEY: &str = "the key of the tracker";

/// Returns a house with a tracker whose key is a secret.
async fn tracker(server: &Server, definition: &str) -> House {
    server.reply(
        "GET /projects/main/state",
        &[Reply::new(200, r#"{"open": true}"#)],
    );
    let ticket =
        r#"{"id": 7, "subject": "the lamp is out", "priority": "normal", "status": "open"}"#;
    server.reply("POST /projects/main/tickets", &[Reply::new(201, ticket)]);
    server.reply("GET /projects/main/tickets/7", &[Reply::new(200, ticket)]);
    server.reply(
        "PATCH /projects/main/tickets/7",
        &[Reply::new(200, r#"{"status": "closed"}"#)],
    );
    server.reply(
        "DELETE /projects/main/tickets/7",
        &[Reply::new(204, ""), Reply::new(404, "gone")],
    );
    let origin = server.origin();
    let grants = format!(
        "grants: {{http: [{{url: '{origin}'}}], secrets: [{{name: TRACKER, hosts: ['{origin}']}}]}}\n"
    );
    let house = house(
        "tickets",
        ts_swamp_tickets,
        &format!("{definition}{grants}"),
    )
    .await;
    let name: SecretName = "TRACKER".parse().expect("a name");
    let value = SecretValue::new(API_KEY.as_bytes().to_vec()).expect("a value");
    secret_put(&house.cx(), &name, &value, true).expect("it can be put");
    house
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_use_a_secret_that_they_never_see() {
    let server = Server::plain();
    let arguments = format!(
        "typeVersion: 2026.12.01.1\nglobalArguments: {{baseUrl: '{}', apiKey: {{secret: TRACKER}}}}\n",
        server.origin()
    );
    let house = tracker(&server, &arguments).await;
    let created = json!({"subject": "the lamp is out", "watchers": ["ada"]});
    house.value("tickets", "create", created).await;
    let posts = server.requests();
    let post = posts
        .iter()
        .find(|it| it.starts_with("POST "))
        .expect("a request");
    assert!(
        post.contains(&format!("x-api-key: {API_KEY}\r\n")),
        "{post}"
    );
    assert!(
        post.contains(r#""priority":"normal""#),
        "the argument has a default: {post}"
    );
    assert!(
        post.contains("content-type: application/json\r\n"),
        "{post}"
    );
    assert_eq!(
        files_with(&house.path().join(".sedge/store"), API_KEY),
        [""; 0]
    );

    house.value("tickets", "get", json!({"id": 7})).await;
    let closed = json!({"id": 7, "changes": {"status": "closed"}});
    house.value("tickets", "update", closed).await;
    let ticket = house.latest("tickets", "ticket-7");
    assert_eq!(ticket["status"], "closed");
    assert_eq!(ticket["subject"], "the lamp is out");
    house.has_versions("tickets", "ticket-7", 3);
    let error = message(&house, "tickets", "update", json!({"id": 8, "changes": {}})).await;
    assert!(
        error.contains("Ticket 8 is not stored - get it first"),
        "{error}"
    );

    house.value("tickets", "delete", json!({"id": 7})).await;
    house.has_versions("tickets", "ticket-7", 0);
    house.value("tickets", "delete", json!({"id": 7})).await;
    let gone = (LogLevelView::Info, "Ticket 7 was gone already".to_owned());
    assert!(lines(&house).contains(&gone), "{:?}", lines(&house));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_are_checked_and_their_definitions_upgraded() {
    let server = Server::plain();
    let old = format!(
        "typeVersion: 2026.01.01.1\nglobalArguments: {{host: '{}', apiKey: {{secret: TRACKER}}}}\n",
        server.origin()
    );
    let house = tracker(&server, &old).await;
    house.value("tickets", "get", json!({"id": 7})).await;
    let (error, _) = house
        .failure("tickets", "create", json!({"subject": "LAMP!"}))
        .await;
    let CallError::ChecksFailed { failures } = &error else {
        panic!("{error:?}")
    };
    let failures: Vec<String> = failures
        .iter()
        .map(|it| format!("{}: {}", it.check, it.message))
        .collect();
    let expect = "subject-is-polite: `create` got a subject that shouts; write it in lower case";
    assert_eq!(failures, [expect]);
    // A check that sends a request.
    server.reply(
        "GET /projects/main/state",
        &[Reply::new(200, r#"{"open": false}"#)],
    );
    let error = message(&house, "tickets", "delete", json!({"id": 7})).await;
    assert!(
        error.contains("the tracker is closed for changes"),
        "{error}"
    );
    // Methods that look are not checked.
    house.value("tickets", "get", json!({"id": 7})).await;
    // An error of the server fails the call, with the line of the author.
    server.reply(
        "GET /projects/main/tickets/9",
        &[Reply::new(500, "the disk is full")],
    );
    let (error, _) = house.failure("tickets", "get", json!({"id": 9})).await;
    let expect = format!(
        "HTTP 500 from {}: the disk is full",
        server.url("/projects/main/tickets/9")
    );
    assert!(error.to_string().contains(&expect), "{error}");
    let frames: Vec<String> = error.backtrace().iter().map(ToString::to_string).collect();
    let is_authors = |it: &String| it.contains("models/_lib/http.ts:");
    assert!(frames.iter().any(is_authors), "{frames:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn journal_reads_and_deletes_its_own_versions() {
    let house = house("journal", ts_swamp_journal, "").await;
    let note = |text: &str| json!({"entry": {"kind": "note", "text": text}});
    house.value("journal", "add", note("one")).await;
    house.value("journal", "add", note("two")).await;
    let reading = json!({"entry": {"kind": "reading", "celsius": 21.5}, "color": "red"});
    house.value("journal", "add", reading).await;
    let value = house.value("journal", "review", json!({})).await;
    assert_eq!(
        value,
        json!({"entries": 3}),
        "what a method returns besides handles is its value"
    );
    let book = house.latest("journal", "book");
    assert_eq!(book["sums"], json!({"note": 2, "reading": 1}));
    let expect = json!({
        "versions": [1, 2, 3],
        "first": 1,
        "bytes": text_of(&house, "journal", "book").len(),
        "names": ["book"],
        "color": "red",
    });
    assert_eq!(house.latest("journal", "review"), expect);

    // What was written before an error is kept, as in swamp, unless the method rolls back.
    let mut torn = note("three");
    torn["then"] = json!("throw");
    let error = message(&house, "journal", "add", torn).await;
    assert!(
        error.contains("the pen broke after the entry was written"),
        "{error}"
    );
    house.has_versions("journal", "book", 4);
    let error = message(&house, "journal", "careful", json!({})).await;
    assert!(error.contains("the draft was torn up"), "{error}");
    house.has_versions("journal", "draft", 0);

    house
        .value("journal", "remove", json!({"version": 1}))
        .await;
    assert_eq!(house.versions("journal", "book"), [2, 3, 4]);
    house.value("journal", "remove", json!({})).await;
    house.has_versions("journal", "book", 0);
    let odd = json!({"entry": {"kind": "poem"}});
    let refused = house.run("journal", "add", odd).await;
    let refused = format!("{:?}", refused.expect_err("it is refused"));
    assert!(refused.contains("entry"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fleet_sees_the_data_and_the_definitions_of_other_models() {
    let server = Server::plain();
    shop(&server, "4");
    let shop = format!("tags: {{town: bath}}\n{}", based(&server));
    let mut house = house("inventory", ts_swamp_inventory, &shop).await;
    let of = "globalArguments: {sourceName: inventory}\ngrants: {models: ['*']}\n";
    house.plugin_add_with(ts_swamp_fleet, Choice::None).await;
    house.model("fleet", "@test/swamp/fleet", of);
    house.value("inventory", "sync", json!({})).await;
    house.value("fleet", "summarize", json!({})).await;
    let summary = house.latest("fleet", "latest");
    let source = json!({
        "type": "@test/swamp/inventory", "url": server.origin(), "tags": {"town": "bath"},
    });
    assert_eq!(summary["source"], source);
    assert_eq!(summary["byState"], json!({"offered": 2, "sold": 1}));
    assert_eq!(summary["total"], 46.5);
    assert_eq!(summary["records"], 3);
    assert_eq!(summary["expensive"], json!(["Axe", "Bow"]));
    assert_eq!(summary["sold"], json!(["inventory/item-c@1: Cup"]));
    assert_eq!(summary["models"], json!(["inventory"]));
    let siblings = summary["siblings"].as_array().expect("a list");
    for name in ["fleet", "inventory", "sink"] {
        assert!(siblings.contains(&json!(name)), "{siblings:?}");
    }
    house.value("fleet", "absent", json!({})).await;

    // Without a grant, the failure says which one is missing.
    let of = "globalArguments: {sourceName: inventory}\ngrants: {models: [sink]}\n";
    house.model("fleet", "@test/swamp/fleet", of);
    let error = message(&house, "fleet", "summarize", json!({})).await;
    assert!(error.contains("`fleet` may not read"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipeline_runs_methods_of_other_models() {
    let mut house = house("journal", ts_swamp_journal, "").await;
    add(
        &mut house,
        "pipeline",
        ts_swamp_pipeline,
        "grants: {models: ['*']}\n",
    )
    .await;
    let note = |text: &str| json!({"definition": "journal", "method": "add", "arguments": {"entry": {"kind": "note", "text": text}}});
    let broken = json!({"definition": "journal", "method": "careful"});
    let absent = json!({"definition": "absent", "method": "add"});
    for mode in ["sequential", "parallel"] {
        let calls = json!({"calls": [note("a"), broken, absent, note("b")], "mode": mode});
        house.value("pipeline", "run", calls).await;
        let result = house.latest("pipeline", "result");
        let ended = result["ended"].as_array().expect("a list");
        let ended: Vec<&str> = ended.iter().filter_map(Value::as_str).collect();
        assert_eq!((ended[0], ended[3]), ("ok: book", "ok: book"), "{mode}");
        assert!(
            ended[1].contains("failed: the draft was torn up"),
            "{ended:?}"
        );
        assert!(ended[2].contains("no model named `absent`"), "{ended:?}");
    }
    house.has_versions("journal", "book", 4);
    // A model that does not exist is not made on the way.
    let error = message(&house, "pipeline", "direct", json!({})).await;
    assert!(error.contains("made-on-the-fly"), "{error}");
    for approve in [true, false] {
        let error = message(&house, "pipeline", "decide", json!({"approve": approve})).await;
        assert!(
            error.contains("WorkflowGate` is not supported: only a user decides"),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_sealed_and_usable() {
    let house = house("credentials", ts_swamp_credentials, "").await;
    let secret = "canary of the keys";
    let arguments = json!({"owner": "ada", "passphrase": secret});
    let value = house.value("credentials", "issue", arguments).await;
    assert!(!value.to_string().contains(secret), "{value}");
    let key = house.latest("credentials", "key");
    assert_eq!(key["material"], "[sealed]");
    assert_eq!(
        key["recovery"][0],
        json!({"hint": "first", "code": "[sealed]"})
    );
    assert_eq!(key["owner"], "ada");
    let session = house.latest("credentials", "session");
    assert_eq!(session, json!({"token": "[sealed]", "expires": "[sealed]"}));
    let folder = house.path().join(".sedge/store");
    assert_eq!(
        files_with(&folder, &format!("key-of-ada-{secret}")),
        [""; 0]
    );

    // The model reads what it has sealed. The signature is that of the whole key.
    house
        .value("credentials", "sign", json!({"text": "hello"}))
        .await;
    let first = house.latest("credentials", "signature");
    house
        .value("credentials", "sign", json!({"text": "hello"}))
        .await;
    let second = house.latest("credentials", "signature");
    assert_eq!(first["signature"], second["signature"]);
    assert_eq!(first["signature"].as_str().map(str::len), Some(64));
    assert_ne!(first["id"], second["id"], "the ids are random");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_are_validated_as_zod_does() {
    let house = house("rates", ts_swamp_rates, "").await;
    let amount = json!({"amount": 10, "from": "EUR", "to": "USD", "memo": "  For LUNCH "});
    house.value("rates", "convert", amount).await;
    let expect =
        json!({"value": 12.5, "currency": "USD", "memo": "for lunch", "limits": [0, 12.5]});
    assert_eq!(house.latest("rates", "amount"), expect);
    let rounded = json!({"amount": 1, "from": "JPY", "to": "EUR", "rounding": {"digits": 3}});
    house.value("rates", "convert", rounded).await;
    assert_eq!(house.latest("rates", "amount")["value"], 0.006);
    let basket =
        json!({"basket": {"name": "a", "parts": [{"name": "b", "parts": [{"name": "c"}]}]}});
    house.value("rates", "weigh", basket).await;
    assert_eq!(house.latest("rates", "depth")["value"], 3);

    // What only zod can check fails in the model, with the paths.
    let same = json!({"amount": 1, "from": "EUR", "to": "EUR"});
    let (error, _) = house.failure("rates", "convert", same).await;
    assert!(
        error
            .to_string()
            .contains("/to: the currencies are the same"),
        "{error}"
    );
    let (error, _) = house.failure("rates", "strict", json!({})).await;
    let CallError::Failed(failure) = &error else {
        panic!("{error:?}")
    };
    assert!(failure.message.contains("/EUR: "), "{failure:?}");
    let details = failure.details.as_ref().expect("the violations");
    assert_eq!(
        details["violations"].as_array().map(Vec::len),
        Some(2),
        "{details}"
    );

    // Data that violates its own schema is stored with a warning.
    house.value("rates", "sloppy", json!({})).await;
    assert_eq!(house.latest("rates", "sloppy")["value"], "much");
    let warned = lines(&house)
        .iter()
        .any(|(level, _)| *level == LogLevelView::Warn);
    assert!(warned, "{:?}", lines(&house));
}
