//! A call is rolled back after some of its nested calls were committed, and its retry is answered
//! from their records.
//!
//! Such a call could not be rolled back: two parallel steps that crossed after committed nested
//! calls always ended with `deadlock`, although nothing had left the sandbox.

use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::types::{CallStatus, RunStatus};
use serde_json::{Value, json};

use crate::crossing::{Crossed, crossed};
use crate::fixture::text::step;
use crate::fixture::{House, n_calls};

/// How often two steps are started against each other.
const TRIES: u64 = 20;

/// Returns a repository with two nesters that wait for each other, one that they call before, and
/// one whose data makes them continue.
fn house() -> House {
    let house = House::new();
    for name in ["left", "right", "kept", "signal"] {
        house.model(name, "@test/nester", "");
    }
    house
}

/// Makes `left` perform steps and then call `right`, which calls `left`.
async fn deadlock(house: &House, steps: &[Value]) -> Crossed {
    let left = [steps, &[json!({"call": ["right", []]})]].concat();
    crossed(house, &left, &[json!({"call": ["left", []]})]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn committed_nested_call_is_answered_from_its_record() {
    let house = house();
    let steps = [
        json!({"call": ["kept", [{"write": ["x", 1]}, {"read": "x"}]]}),
        json!({"write": ["x", 2]}),
    ];
    let crossed = deadlock(&house, &steps).await;
    assert_eq!(crossed.value()[0], json!([null, 1]));
    assert_eq!(crossed.n_rollbacks(), 1);
    let run = crossed.run;
    house.has_versions("kept", "x", 1);
    house.has_versions("left", "x", 1);
    assert_eq!(
        n_calls(&run, CallStatus::Succeeded),
        3,
        "each is shown once"
    );
    assert_eq!(run.calls.len(), 3);
}

/// The call that was cut off in between begins again, and its own nested call does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nested_call_below_a_call_that_was_cut_off_is_answered_from_its_record() {
    let house = house();
    house.model("middle", "@test/nester", "");
    let below = json!([
        {"call": ["kept", [{"write": ["x", 1]}]]},
        {"await": ["signal", "go"]},
        {"call": ["right", []]},
    ]);
    let crossed = deadlock(&house, &[json!({"call": ["middle", below]})]).await;
    crossed.value();
    house.has_versions("kept", "x", 1);
    assert_eq!(crossed.n_rollbacks(), 1);
    let run = crossed.run;
    assert_eq!(n_calls(&run, CallStatus::Succeeded), run.calls.len());
    assert_eq!(run.calls.len(), 5);
}

/// A call that has failed after it kept its writes is not made again either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_data_of_a_nested_call_is_not_written_again() {
    let house = house();
    let publishes = json!([{"write": ["x", 1]}, "publish", {"write": ["x", 2]}]);
    let crossed = deadlock(&house, &[json!({"call": ["kept", publishes]})]).await;
    crossed.value();
    assert_eq!(crossed.n_rollbacks(), 1);
    house.has_versions("kept", "x", 2);
}

/// The time is an argument of the nested call, so the retry requests another call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_that_differs_ends_with_deadlock() {
    let house = house();
    let stamped = json!({"stamped": ["kept", [{"write": ["x", 1]}]]});
    let crossed = deadlock(&house, &[stamped]).await;
    let text = crossed.deadlock().to_string();
    for part in [
        "left.run > right.run",
        "right.run > left.run",
        "the retry differed: its nested call 1, of `kept.run`, has other arguments",
    ] {
        assert!(text.contains(part), "{text}");
    }
    house.has_versions("kept", "x", 1);
    assert_eq!(crossed.n_rollbacks(), 1);
    assert_eq!(crossed.run.status, RunStatus::Failed);
    assert_eq!(n_calls(&crossed.run, CallStatus::Running), 0);
}

/// What the nested call has read may be something else in the retry.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_whose_staged_data_was_read_by_a_committed_call_is_not_rolled_back() {
    let house = house();
    let steps = |last: Value| {
        [
            json!({"write": ["x", 1]}),
            json!({"call": ["kept", [{"read-of": ["left", "x"]}, last]]}),
        ]
    };
    let crossed = deadlock(&house, &steps(json!({"write": ["x", 1]}))).await;
    crossed.deadlock();
    assert_eq!(crossed.n_rollbacks(), 0);
    house.has_versions("kept", "x", 1);
}

/// What a call has published is visible, so the call cannot be rolled back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_that_has_published_is_not_rolled_back() {
    let house = house();
    let crossed = deadlock(&house, &[json!({"write": ["x", 1]}), json!("publish")]).await;
    crossed.deadlock();
    assert_eq!(crossed.n_rollbacks(), 0);
    house.has_versions("left", "x", 1);
}

/// Two parallel steps of one workflow each commit a nested call, and then request each other's
/// model.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_that_cross_after_committed_nested_calls_succeed() {
    let house = House::new();
    let inputs = |other: &str| {
        format!(
            "{{steps: [{{call: {{model: counter, steps: [add]}}}}, {{wait: 20}}, {{call: {{model: {other}, steps: [add]}}}}]}}"
        )
    };
    let steps = [
        step("left", "one.run", &inputs("two"), ""),
        step("right", "two.run", &inputs("one"), ""),
    ];
    house.workflow("cross", &steps);
    for nth in 1..=TRIES {
        let end = house.workflow_run("cross").await;
        assert!(
            matches!(end, Ok(WorkflowEnd::Succeeded { .. })),
            "{nth}: {end:?}"
        );
        house.has_versions("counter", "count", 2 * nth);
        house.has_versions("one", "count", nth);
        house.has_versions("two", "count", nth);
    }
}
