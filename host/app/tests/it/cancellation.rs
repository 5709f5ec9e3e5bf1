//! What a call knows of itself: its identity, and the request that it ends. A call that has
//! subscribed to the request ends by itself within its time of grace, and is cancelled nevertheless.

use std::time::Duration;

use sedge_app::AppError;
use sedge_app::run::cancel::run_cancel;
use sedge_app::types::{Moment, RunStatus};
use sedge_app::workflow::run::{WorkflowRunRequest, workflow_run};
use serde_json::{Value, json};

use crate::fixture::text::step;
use crate::fixture::{House, ada, recorded_calls, until, within};
use crate::shown::{Recorded, log_of};
use crate::stopped::stopped_method;

pub(crate) use sedge_test_artifacts::WITNESS as witness;

/// Longer than the time of grace on a slow machine, and shorter than the patience of a test.
const LATE: Duration = Duration::from_secs(20);

/// Returns a repository with the model `witness`.
fn house() -> House {
    let house = House::new();
    house.model("witness", "@test/witness", "");
    house
}

/// Returns whether `witness` waits for the request.
fn has_begun(house: &House) -> bool {
    house.seen.lines().iter().any(|line| line == "begun")
}

/// Runs a method of `witness`, and requests the end of the process once it has begun. Returns the
/// run, and the lines that it logged after the request.
async fn stopped(house: &House, method: &str, arguments: Value) -> (Recorded, Vec<String>) {
    let begun = || has_begun(house);
    let (_, run) = stopped_method(house, ("witness", method), arguments, begun).await;
    let log = log_of(&house.repository, Some(run.run.id.as_str()));
    let lines = log.into_iter().map(|line| line.message);
    let lines = lines.filter(|line| line != "begun").collect();
    (run, lines)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identity_has_the_id_the_version_and_the_tags() {
    let house = House::new();
    let more = "id: 5D4A6B0E-9F7C-4A37-8D0E-3B6F7C2A91D4\n\
                tags: {team: red, at: \"${{ 'site-' + string(3) }}\"}\n";
    house.model("witness", "@test/witness", more);
    assert_eq!(
        house.value("witness", "who", json!({})).await,
        json!({
            "model": "witness",
            "modelId": "5d4a6b0e-9f7c-4a37-8d0e-3b6f7c2a91d4",
            "type": "@test/witness",
            "typeVersion": "2026.12.01.1",
            "tags": {"team": "red", "at": "site-3"},
            "method": "who",
            "isCancelled": false,
        })
    );
    house.model("other", "@test/witness", "");
    let other = house.value("other", "who", json!({})).await;
    assert_eq!(
        (&other["modelId"], &other["tags"]),
        (&json!("other"), &json!({}))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribed_call_ends_by_itself_and_is_cancelled() {
    let check = async |then: &str, expect: &[&str]| {
        let house = house();
        let (run, lines) = stopped(&house, "wait", json!({"then": then})).await;
        assert_eq!(
            recorded_calls(&run).1,
            ["1 witness.wait cancelled"],
            "{then}"
        );
        assert_eq!(lines, expect, "{then}");
        house.has_versions("witness", "mark", 0);
        assert!(house.locks().iter().all(|lock| !lock.held), "{then}");
    };
    check("return", &["asked to end: true"]).await;
    // Its writes are discarded, whatever it wishes.
    check("keep", &["asked to end: true"]).await;
    check("publish", &["asked to end: true", "publish: denied"]).await;
    // It can start nothing any more.
    check("call", &["asked to end: true", "call: cancelled"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribed_call_that_goes_on_is_stopped_after_its_grace() {
    let house = house();
    let since = Moment::now();
    let (run, lines) = stopped(&house, "wait", json!({"then": "spin"})).await;
    assert!(since.elapsed() < LATE, "{:?}", since.elapsed());
    assert_eq!(recorded_calls(&run).1, ["1 witness.wait cancelled"]);
    assert_eq!(lines, ["asked to end: true"]);
    house.has_versions("witness", "mark", 0);
    // Its lock is released.
    house.value("witness", "who", json!({})).await;
}

/// The callee is stopped first. The caller, which has subscribed, learns how it ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caller_learns_that_its_callee_is_cancelled() {
    let house = house();
    house.model("inner", "@test/witness", "");
    let arguments = json!({"then": "return"});
    let arguments = json!({"target": "inner", "method": "wait", "arguments": arguments});
    let (run, mut lines) = stopped(&house, "pass", arguments).await;
    let calls = ["1 witness.pass cancelled", "1/1 inner.wait cancelled"];
    assert_eq!(recorded_calls(&run).1, calls);
    // The lines are those of two calls.
    lines.sort_unstable();
    assert_eq!(lines, ["asked to end: true", "callee: cancelled"]);
    house.has_versions("inner", "mark", 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_of_a_cancelled_run_ends_by_itself() {
    let house = house();
    house.workflow("w", &[step("only", "witness.wait", "{then: return}", "")]);
    let cancel = async {
        until("the call waits", || has_begun(&house)).await;
        let id = house.newest().run.id.to_string();
        let other = house.cx_in(&house.other_process()).with_actor(ada());
        run_cancel(&other, &id, None).expect("it runs");
    };
    let request = WorkflowRunRequest::of("w");
    let cx = house.cx();
    let (ran, ()) = tokio::join!(within(workflow_run(&cx, &request)), cancel);
    assert!(matches!(&ran, Err(AppError::Failed(_))), "{ran:?}");
    let run = house.newest();
    assert_eq!(run.status, RunStatus::Cancelled);
    assert_eq!(recorded_calls(&run).1, ["1 witness.wait cancelled"]);
    let log = log_of(&house.repository, Some(run.run.id.as_str()));
    let asked = log.iter().any(|line| line.message == "asked to end: true");
    assert!(asked, "{log:?}");
}
