//! Data of calls: they read their own and their callers' staged writes and committed versions, and
//! a method of kind `read` cannot write.

pub(crate) use sedge_test_artifacts::READER as reader;

use std::fs;

use serde_json::{Value, json};

use crate::fixture::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_reads_its_own_staged_writes() {
    let house = House::new();
    let expect = json!({"version": null, "content": {"method": "reread"}});
    for n_versions in 1..=2 {
        assert_eq!(house.value("hostile", "reread", json!({})).await, expect);
        house.has_versions("hostile", "mark", n_versions);
    }
}

/// The caller is a `hostile` with the name `sink`, because `reader` may read `sink`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_reads_the_staged_writes_of_its_callers() {
    let house = House::new();
    house.model("sink", "@test/hostile", "");
    let look = json!({"model": "sink", "name": "mark", "version": 1});
    let ask = json!({"target": "reader", "method": "look", "arguments": look});
    let answer = house.value("sink", "swallow", ask.clone()).await;
    let staged = json!({
        "model": "sink", "name": "mark", "spec": "mark", "version": null,
        "created_at_ms": null, "content": {"method": "swallow"},
    });
    assert_eq!(answer["value"]["latest"], staged, "{answer}");
    assert_eq!(answer["value"]["version"], Value::Null);
    assert_eq!(answer["value"]["versions"], json!([]));

    // The committed version is read by its number, although a newer write is staged.
    let answer = house.value("sink", "swallow", ask).await;
    assert_eq!(answer["value"]["latest"], staged);
    assert_eq!(answer["value"]["version"]["version"], 1);
    // Other calls see only the committed version.
    let look = json!({"model": "sink", "name": "mark"});
    let seen = house.value("reader", "look", look).await;
    assert_eq!(seen["latest"]["version"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_reads_versions() {
    let house = House::new();
    let look = |version: u64| json!({"model": "sink", "name": "record", "version": version});
    let none = json!({"latest": null, "version": null, "versions": []});
    assert_eq!(house.value("reader", "look", look(1)).await, none);
    assert_eq!(house.value("sink", "latest", json!({})).await, Value::Null);

    for note in ["one", "two", "two"] {
        house.value("sink", "run", json!({"note": note})).await;
    }
    let seen = house.value("reader", "look", look(1)).await;
    assert_eq!(
        seen["latest"]["version"], 3,
        "identical content is a new version"
    );
    assert_eq!(seen["latest"]["content"]["note"], "two");
    assert_eq!(seen["latest"]["spec"], "record");
    assert_eq!(seen["version"]["content"]["note"], "one");
    let versions = seen["versions"].as_array().expect("a list");
    let versions: Vec<&Value> = versions.iter().map(|it| &it["version"]).collect();
    assert_eq!(versions, [1, 2, 3]);
    for version in [0, 4, u64::MAX] {
        let seen = house.value("reader", "look", look(version)).await;
        assert_eq!(seen["version"], Value::Null, "{version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreadable_data_is_an_error() {
    let house = House::new();
    let check = async |model: &str, name: &str, code: &str| {
        let look = json!({"model": model, "name": name});
        let answer = house.answer_of("reader", "look", look).await;
        assert_eq!(answer["code"], code, "{model} {name}: {answer}");
    };
    check("sink", "record", "ok").await;
    check("reader", "note", "ok").await;
    check("hostile", "mark", "denied").await;
    check("../sink", "record", "denied").await;
    check("sink", "", "invalid-name").await;
    check("sink", "a\u{7}b", "invalid-name").await;
    check("sink", &"x".repeat(256), "invalid-name").await;
    fs::remove_file(house.path().join("models/sink.yaml")).expect("it was there");
    check("sink", "record", "model-not-found").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_method_cannot_write() {
    let house = House::new();
    assert_eq!(house.value("reader", "sneak", json!({})).await, "read-only");
    house.has_versions("reader", "note", 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_knows_its_identity() {
    let house = House::new();
    let more = "globalArguments: {greeting: hello}\nlimits: {wallTimeSeconds: 7}\n";
    house.model("reader", "@test/reader", more);
    let answer = house.answer_of("reader", "who", json!({})).await;
    let who = &answer["value"];
    let run = house.newest().run.id;
    assert_eq!(who["model"], "reader", "{answer}");
    assert_eq!(who["type_name"], "@test/reader");
    assert_eq!(who["method"], "who");
    assert_eq!(who["run"], run.as_str());
    assert_eq!(who["call"], format!("{run}/1/1"));
    assert_eq!(who["step"], Value::Null);
    assert_eq!(who["global_arguments"], json!({"greeting": "hello"}));
    let left = who["deadline_left_ms"].as_u64().expect("a number");
    assert!((1..=7000).contains(&left), "{left}");
}

/// The callees of a call share the time that the call has left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadline_is_passed_to_callees() {
    let house = House::new();
    house.model("hostile", "@test/hostile", "limits: {wallTimeSeconds: 5}\n");
    let answer = house.answer_of("reader", "who", json!({})).await;
    let left = answer["value"]["deadline_left_ms"]
        .as_u64()
        .expect("a number");
    assert!((1..=5000).contains(&left), "{left}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arguments_of_the_definition_come_first() {
    let house = House::new();
    let preset = "methods: {run: {arguments: {note: preset}}}\n";
    house.model("sink", "@sedge/sink", preset);
    let value = house.value("sink", "run", json!({})).await;
    assert_eq!(value["note"], "preset");
    let answer = house
        .answer_of("sink", "run", json!({"note": "given"}))
        .await;
    assert_eq!(answer["value"]["note"], "given");
    let arguments = house.newest().calls[1].arguments.clone();
    assert_eq!(arguments, json!({"note": "given"}));
}
