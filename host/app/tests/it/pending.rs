//! Guests with an event loop: nested calls that they poll, take the outcome of, and cancel.

pub(crate) use sedge_test_artifacts::LOOPER as looper;

use sedge_app::types::{CallError, CallStatus};
use serde_json::{Value, json};

use crate::fixture::{House, n_calls, until};

/// Returns a repository with the model `looper`.
fn house() -> House {
    let house = House::new();
    house.model("looper", "@test/looper", "");
    house
}

/// Performs the steps in one call, and returns the result of each.
pub(crate) async fn perform(house: &House, steps: Value) -> Vec<Value> {
    let value = house.value("looper", "run", json!({"steps": steps})).await;
    value.as_array().expect("a result for each step").clone()
}

/// The step that starts a call which does not end: it waits for data that nothing writes.
fn blocked(name: &str) -> Value {
    json!({"call": [name, "one", "run", {"steps": [{"until": "two"}]}]})
}

fn is_cancelled(answer: &Value) -> bool {
    answer["error"] == "cancelled"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_polls_calls_and_the_clock_at_once() {
    let house = house();
    let got = perform(
        &house,
        json!([
            blocked("blocked"),
            {"call": ["quick", "sink", "run", {}]},
            {"poll": 60_000},
            {"get": "quick"},
            {"get": "quick"},
            {"poll": 60_000},
            {"drop": "quick"},
            {"poll": 20},
            {"get": "blocked"},
            {"cancel": "blocked"},
            {"get": "blocked"},
            {"poll": 60_000},
            // It has left its lock.
            {"call": ["next", "one", "add", {}]},
            {"wait": "next"},
        ]),
    )
    .await;
    assert_eq!(got[2], json!(["quick"]));
    assert!(got[3].get("ok").is_some(), "{}", got[3]);
    assert!(
        is_cancelled(&got[4]),
        "the outcome is returned once: {}",
        got[4]
    );
    assert_eq!(got[5], json!(["quick"]), "it stays ready");
    assert_eq!((&got[7], &got[8]), (&json!(["clock"]), &Value::Null));
    assert!(is_cancelled(&got[10]), "{}", got[10]);
    assert_eq!(got[11], json!(["blocked"]));
    assert_eq!(got[13], json!({"ok": 1}));
    let run = house.newest();
    assert_eq!(n_calls(&run, CallStatus::Running), 0);
    assert_eq!(n_calls(&run, CallStatus::Succeeded), 3);
    house.has_versions("sink", "record", 1);
    house.has_versions("one", "count", 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_a_pending_call_are_its_outcome() {
    let house = house();
    let got = perform(
        &house,
        json!([
            {"call": ["missing", "nobody", "run", {}]},
            {"call": ["wrong", "sink", "run", {"depth": "x", "unknown": 1}]},
            {"poll": 60_000},
            {"wait-for": ["missing", 60_000]},
            {"wait-for": ["wrong", 60_000]},
            blocked("blocked"),
            {"wait-for": ["blocked", 20]},
            {"cancel": "blocked"},
            {"wait": "blocked"},
            // A call that has ended keeps its outcome when it is cancelled.
            {"drop": "missing"},
            {"drop": "wrong"},
            {"call": ["done", "sink", "run", {}]},
            {"poll": 60_000},
            {"cancel": "done"},
            {"get": "done"},
        ]),
    )
    .await;
    assert_eq!(got[3]["error"], "not-found", "{}", got[3]);
    assert_eq!(got[4]["error"], "invalid-input", "{}", got[4]);
    assert_eq!(got[6], Value::Null);
    assert!(is_cancelled(&got[8]), "{}", got[8]);
    assert!(got[14].get("ok").is_some(), "{}", got[14]);
}

/// A garbage collector drops the two in any order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pollable_outlives_its_call_and_is_ready_then() {
    let house = house();
    let steps = json!([blocked("blocked"), {"drop-subscribed": "blocked"}]);
    let got = perform(&house, steps).await;
    assert_eq!(got[1], Value::Null, "it waited for the pollable");
    assert_eq!(n_calls(&house.newest(), CallStatus::Running), 0);
}

/// A guest that waits in `poll` holds no permit to execute, or its callee could never begin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_in_poll_lets_others_execute() {
    let mut house = house();
    house.write("sedge.yaml", "version: 1\nconcurrency: 1\n");
    house.reopen().await;
    let steps = json!([
        {"call": ["inner", "looper", "run", {"steps": [
            {"call": ["quick", "sink", "run", {}]}, {"poll": 60_000}, {"get": "quick"},
        ]}]},
        {"call": ["other", "sink-two", "run", {}]},
        {"poll": 60_000},
        {"wait": "inner"},
        {"wait": "other"},
    ]);
    let got = perform(&house, steps).await;
    assert!(got[3]["ok"][2].get("ok").is_some(), "{}", got[3]);
    assert!(got[4].get("ok").is_some(), "{}", got[4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadline_ends_a_guest_that_waits_in_poll() {
    let house = house();
    house.model("looper", "@test/looper", "limits: {wallTimeSeconds: 1}\n");
    let steps = json!({"steps": [blocked("blocked"), {"poll": 3_600_000}]});
    let (error, run) = house.failure("looper", "run", steps).await;
    assert!(matches!(error, CallError::TimedOut { .. }), "{error:?}");
    assert_eq!(n_calls(&run, CallStatus::Running), 0);
    until("its callee has left the locks", || house.locks().is_empty()).await;
}
