//! Nested calls: a lineage never waits for itself, and the caller receives the end of a stopped
//! callee as a typed error.

pub(crate) use sedge_test_artifacts::RECURSE as recurse;

use std::sync::Arc;

use sedge_app::types::{CallError, CallStatus, RunStatus};
use serde_json::{Value, json};

use crate::fixture::{House, n_calls, recorded_calls, run_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn model_calls_itself() {
    let house = House::new();
    let value = house.value("recurse", "run", json!({"depth": 5})).await;
    assert_eq!(value, 5);
    house.has_versions("recurse", "visit", 6);
    let run = house.newest();
    assert_eq!(run.status, RunStatus::Succeeded);
    assert_eq!(n_calls(&run, CallStatus::Succeeded), 6);
    // The innermost call commits first.
    assert_eq!(house.latest("recurse", "visit")["depth"], 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chain_of_calls_leads_back_to_its_first_model() {
    let house = House::new();
    let reached = house
        .value("a", "ping", json!({"chain": ["b", "a", "b", "a"]}))
        .await;
    assert_eq!(reached, json!(["a", "b", "a", "b", "a"]));
    house.has_versions("a", "visit", 3);
    house.has_versions("b", "visit", 2);
    let expect = [
        "1 a.ping succeeded",
        "1/1 b.ping succeeded",
        "1/1/1 a.ping succeeded",
        "1/1/1/1 b.ping succeeded",
        "1/1/1/1/1 a.ping succeeded",
    ];
    let (status, calls) = recorded_calls(&house.newest());
    assert_eq!(
        (status, calls),
        (RunStatus::Succeeded, expect.map(str::to_owned).to_vec())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_recursion_reaches_the_limit() {
    let house = House::new();
    house.model("shallow", "@test/recurse", "limits: {callDepth: 3}\n");
    for (model, depth) in [("recurse", 64), ("shallow", 3)] {
        let (error, run) = house.failure(model, "forever", json!({})).await;
        let CallError::Failed(failure) = &error else {
            panic!("the innermost caller passes on the error that it received: {error:?}")
        };
        assert_eq!(failure.code, "limit");
        let expect = format!("the limit `call-depth` of {depth} was reached");
        assert_eq!(failure.message, expect);
        assert_eq!(run.status, RunStatus::Failed);
        assert_eq!(n_calls(&run, CallStatus::Failed), depth);
        assert_eq!(run.calls.len(), depth, "a refused call is not recorded");
    }
    // The limit of the callee applies, independently of its caller.
    let answer = house.answer_of("shallow", "run", json!({"depth": 2})).await;
    assert_eq!(answer["code"], "limit");
    let answer = house.answer_of("shallow", "run", json!({"depth": 1})).await;
    assert_eq!(answer["code"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_a_call_are_limited() {
    let house = House::new();
    house.model("spawn", "@sedge/spawn", "limits: {callsPerCall: 2}\n");
    for parallel in [false, true] {
        let arguments = json!({"count": 5, "parallel": parallel});
        let (error, _) = house.failure("spawn", "run", arguments).await;
        let expect = "3 of 5 calls failed, the first with limit: \
                      the limit `calls-per-call` of 2 was reached";
        assert_eq!(error.to_string(), expect);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn siblings_on_one_model_take_turns() {
    let house = House::new();
    let arguments = json!({"count": 50, "parallel": true});
    let summary = house.value("spawn", "run", arguments).await;
    assert_eq!(
        (&summary["ok"], &summary["failed"]),
        (&json!(50), &json!(0))
    );
    house.has_versions("sink", "record", 50);
    house.has_versions("spawn", "calls", 1);
    assert_eq!(n_calls(&house.newest(), CallStatus::Succeeded), 51);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_on_one_model_take_turns() {
    let house = House::new();
    let spawn = || async {
        let arguments = json!({"count": 20, "parallel": true, "target": "sink"});
        house.value("spawn", "run", arguments).await
    };
    let sink = || house.value("sink", "run", json!({}));
    let (one, other, _, _) = tokio::join!(spawn(), spawn(), sink(), sink());
    assert_eq!((&one["ok"], &other["ok"]), (&json!(20), &json!(20)));
    house.has_versions("sink", "record", 42);
    house.has_versions("spawn", "calls", 2);
}

/// A handle is equivalent to a process here: each handle has its own locks, and excludes others by
/// the locks of the operating system.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_of_two_processes_take_turns() {
    let house = House::new();
    let other = house.other_process();
    let arguments = || json!({"count": 20, "parallel": true});
    let (one, other) = tokio::join!(
        run_in(
            &house.repository,
            &house.seen,
            ("spawn", "run"),
            arguments()
        ),
        run_in(&other, &house.seen, ("spawn", "run"), arguments()),
    );
    assert_eq!(one.expect("it succeeds").value["ok"], 20);
    assert_eq!(other.expect("it succeeds").value["ok"], 20);
    house.has_versions("sink", "record", 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caller_gets_the_error_of_a_call_that_cannot_begin() {
    let house = House::new();
    let check = async |(target, method): (&str, &str), arguments: Value, code: &str, says: &str| {
        let answer = house.answer_of(target, method, arguments).await;
        assert_eq!(answer["code"], code, "{target}.{method}: {answer}");
        let message = answer["message"].as_str().unwrap_or_default();
        assert!(message.contains(says), "{target}.{method}: {message}");
        // A refused call leaves no record. An answered call does.
        house.newest()
    };
    let none = || json!({});
    check(
        ("nobody", "run"),
        none(),
        "not-found",
        "no model named `nobody`",
    )
    .await;
    check(
        ("../sink", "run"),
        none(),
        "not-found",
        "no model named `../sink`",
    )
    .await;
    check(("", ""), none(), "not-found", "no model named ``").await;
    check(
        ("sink", "walk"),
        none(),
        "not-found",
        "no method named `walk`",
    )
    .await;
    let run = check(
        ("sink", "run"),
        json!({"note": 7}),
        "invalid-input",
        "/note",
    )
    .await;
    assert_eq!(recorded_calls(&run).1, ["1 hostile.swallow succeeded"]);
    check(
        ("sink", "run"),
        json!({"nota": ""}),
        "invalid-input",
        "nota",
    )
    .await;

    let ask = |target: &str| json!({"target": target, "method": "latest"});
    let says =
        "`reader` may not call the model `sink-two`: its plugin `@test/reader` does not request it";
    let run = check(("reader", "ask"), ask("sink-two"), "denied", says).await;
    assert_eq!(run.status, RunStatus::Succeeded);
    check(("reader", "ask"), ask("sink"), "ok", "").await;
    let act = json!({"target": "sink", "method": "run"});
    let says = "a method of kind `read` may not call `run` of `sink`, of kind `action`";
    check(("reader", "ask"), act, "denied", says).await;
    house.has_versions("sink", "record", 0);
}

/// A callee has its own permissions: `hostile` may call any model, and `reader` may not, even if
/// `hostile` is its caller.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callee_has_its_own_permissions() {
    let house = House::new();
    let arguments = json!({"model": "hostile", "name": "mark"});
    let answer = house.answer_of("reader", "look", arguments).await;
    assert_eq!(answer["code"], "denied", "{answer}");
    let message = answer["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("may not read the model `hostile`"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_one_model_run_in_parallel() {
    let house = Arc::new(House::new());
    house.value("sink", "run", json!({"note": "hi"})).await;
    let arguments = json!({"count": 30, "parallel": true, "method": "latest"});
    let summary = house.value("spawn", "run", arguments).await;
    assert_eq!(summary["ok"], 30);
    house.has_versions("sink", "record", 1);
}
