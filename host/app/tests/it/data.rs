//! What calls read and write: their own staged writes and their callers', committed
//! versions, and nothing at all where the method is one that reads.

pub(crate) use sedge_test_artifacts::READER as reader;

use std::fs;

use serde_json::{Value, json};

use crate::fixture::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_reads_what_it_has_staged() {
    let house = House::new();
    let expect = json!({"version": null, "content": {"method": "reread"}});
    for n_versions in 1..=2 {
        assert_eq!(house.value("hostile", "reread", json!({})).await, expect);
        house.has_versions("hostile", "mark", n_versions);
    }
}

/// The caller is a `hostile` by the name of `sink`, for that is what `reader` may read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_reads_what_its_callers_have_staged() {
    let house = House::new();
    house.model("sink", "@test/hostile", "");
    let look = json!({"model": "sink", "name": "mark", "version": 1});
    let ask = json!({"target": "reader", "method": "look", "arguments": look});
    let told = house.value("sink", "swallow", ask.clone()).await;
    let staged = json!({
        "model": "sink", "name": "mark", "spec": "mark", "version": null,
        "created_at_ms": null, "content": {"method": "swallow"},
    });
    assert_eq!(told["value"]["latest"], staged, "{told}");
    assert_eq!(told["value"]["version"], Value::Null);
    assert_eq!(told["value"]["versions"], json!([]));

    // What is committed is beneath it, and is seen by who asks for it by number.
    let told = house.value("sink", "swallow", ask).await;
    assert_eq!(told["value"]["latest"], staged);
    assert_eq!(told["value"]["version"]["version"], 1);
    // From outside, only that is seen.
    let look = json!({"model": "sink", "name": "mark"});
    let seen = house.value("reader", "look", look).await;
    assert_eq!(seen["latest"]["version"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_reads_versions() {
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
async fn what_cannot_be_read_is_told() {
    let house = House::new();
    let check = async |model: &str, name: &str, code: &str| {
        let look = json!({"model": model, "name": name});
        let told = house.told("reader", "look", look).await;
        assert_eq!(told["code"], code, "{model} {name}: {told}");
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
async fn a_method_that_reads_cannot_write() {
    let house = House::new();
    assert_eq!(house.value("reader", "sneak", json!({})).await, "read-only");
    house.has_versions("reader", "note", 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_knows_who_it_is() {
    let house = House::new();
    let more = "globalArguments: {greeting: hello}\nlimits: {wallTimeSeconds: 7}\n";
    house.model("reader", "@test/reader", more);
    let told = house.told("reader", "who", json!({})).await;
    let who = &told["value"];
    let run = house.newest().run.id;
    assert_eq!(who["model"], "reader", "{told}");
    assert_eq!(who["type_name"], "@test/reader");
    assert_eq!(who["method"], "who");
    assert_eq!(who["run"], run.as_str());
    assert_eq!(who["call"], format!("{run}/1/1"));
    assert_eq!(who["step"], Value::Null);
    assert_eq!(who["global_arguments"], json!({"greeting": "hello"}));
    let left = who["deadline_left_ms"].as_u64().expect("a number");
    assert!((1..=7000).contains(&left), "{left}");
}

/// What is left of a caller's time is all that its callees have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_is_passed_down() {
    let house = House::new();
    house.model("hostile", "@test/hostile", "limits: {wallTimeSeconds: 5}\n");
    let told = house.told("reader", "who", json!({})).await;
    let left = told["value"]["deadline_left_ms"]
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
    let told = house.told("sink", "run", json!({"note": "given"})).await;
    assert_eq!(told["value"]["note"], "given");
    let arguments = house.newest().calls[1].arguments.clone();
    assert_eq!(arguments, json!({"note": "given"}));
}
