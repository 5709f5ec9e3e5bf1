//! Nested calls that had completed in an interrupted step are not run again.
//!
//! The first version replayed only the last attempt and only the step's own calls, and stopped at
//! the first call that had not *succeeded*. Calls at deeper levels, calls of an earlier attempt,
//! and calls after one that had failed or was cut off in parallel ran twice. These tests count
//! versions: each nested call must have written exactly once.

use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::types::{CallStatus, RunStatus};

use crate::fixture::text::step;
use crate::fixture::{House, n_calls, until};

/// Runs or resumes a workflow until a condition holds, and then drops its process.
async fn interrupt(house: &mut House, resume: bool, what: &str, holds: impl Fn(&House) -> bool) {
    let work = async {
        if resume {
            house.workflow_resume("w").await
        } else {
            house.workflow_run("w").await
        }
    };
    tokio::select! {
        end = work => panic!("not interrupted: {end:?}"),
        () = until(what, || holds(house)) => {}
    }
    house.reopen().await;
    assert_eq!(house.newest().status, RunStatus::Interrupted);
}

async fn finish(house: &House) {
    let end = house.workflow_resume("w").await;
    assert!(matches!(end, Ok(WorkflowEnd::Succeeded { .. })), "{end:?}");
    assert_eq!(n_calls(&house.newest(), CallStatus::Running), 0);
}

/// Step → `spawn-outer` → `spawn` → 60 × `sink`: the calls of `spawn` are not run again, although
/// `spawn` itself was cut off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn completed_calls_at_deeper_levels_are_not_run_again() {
    let mut house = House::new();
    let preset = "methods: {run: {arguments: {count: 60}}}\n";
    house.model("spawn", "@sedge/spawn", preset);
    house.model("spawn-outer", "@sedge/spawn", "");
    let inputs = "{count: 2, target: spawn}";
    house.workflow("w", &[step("s", "spawn-outer.run", inputs, "")]);
    for (round, n_done) in [20, 40, 80].into_iter().enumerate() {
        interrupt(&mut house, round > 0, "some calls are done", |house| {
            house.versions("sink", "record").len() >= n_done
        })
        .await;
    }
    finish(&house).await;
    house.has_versions("sink", "record", 120);
    house.has_versions("spawn", "calls", 2);
    house.has_versions("spawn-outer", "calls", 1);
}

/// Each call to a failing model was made once, and its error is replayed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_calls_are_not_run_again() {
    let mut house = House::new();
    // Each call fails and keeps what it wrote, so it can be counted.
    let preset = "methods: {fail: {arguments: {code: no, message: never, keep: true}}}\n";
    house.model("failing", "@test/hostile", preset);
    let inputs = "{count: 60, target: failing, method: fail}";
    let more = ", allowFailure: true";
    house.workflow("w", &[step("s", "spawn.run", inputs, more)]);
    for (round, n_done) in [20, 40].into_iter().enumerate() {
        interrupt(&mut house, round > 0, "some calls are done", |house| {
            house.versions("failing", "mark").len() >= n_done
        })
        .await;
    }
    finish(&house).await;
    house.has_versions("failing", "mark", 60);
    let calls = house.latest("spawn", "calls");
    let calls = calls["calls"].as_array().expect("a list");
    assert!(
        calls.iter().all(|call| call["outcome"] == "no"),
        "{calls:?}"
    );
}

/// A call that was cut off makes another call the second time, which runs live.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn diverged_replay_continues_live() {
    let mut house = House::new();
    let asks = |target: &str, method: &str| {
        format!("methods: {{swallow: {{arguments: {{target: {target}, method: {method}}}}}}}\n")
    };
    let sleeps = "methods: {sleep: {arguments: {ms: 3600000}}}\n";
    house.model("sleeper", "@test/hostile", sleeps);
    house.model("middle", "@test/hostile", &asks("sleeper", "sleep"));
    let inputs = "{target: middle, method: swallow}";
    house.workflow("w", &[step("s", "spawn.run", inputs, "")]);
    interrupt(&mut house, false, "the last call has begun", |house| {
        house.n_running() == 3
    })
    .await;
    house.model("middle", "@test/hostile", &asks("sink", "run"));
    finish(&house).await;
    house.has_versions("sink", "record", 1);
    house.has_versions("sleeper", "mark", 0);
    house.has_versions("middle", "mark", 1);
}
