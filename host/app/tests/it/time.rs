//! What depends on the time: deadlines of gates, the age of runs, and the times in records. The tests
//! set the clock, and wait for nothing.

use std::time::Duration;

use sedge_api::Time;
use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::audit::list::{AuditListRequest, audit_list};
use sedge_app::run::gc::run_gc;
use sedge_app::secret::put::secret_put;
use sedge_app::secret::secret_delete;
use sedge_app::types::{RunStatus, SecretValue};
use sedge_app::workflow::gates::{GateRequest, workflow_approve};
use sedge_app::{AppError, Event, RunUseError};
use sedge_sys::clock::{SettableClock, Timestamp};
use serde_json::json;

use crate::fixture::text::{after, step};
use crate::fixture::{House, ada, until};
use crate::shown::collected;

/// The time at which the clock begins.
const NOON: Timestamp = Timestamp(1_790_000_000_000);

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns the text of a gate with a deadline.
fn gate_until(timeout: &str, then: &str) -> String {
    format!(
        "      - {{name: gate, task: {{type: manual_approval, prompt: \"Go on?\", \
         timeout: {timeout}, onTimeout: {then}}}}}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gate_is_decided_by_its_deadline() {
    let clock = SettableClock::at(NOON);
    let house = House::with_clock(&clock);
    let check = async |then: &str, expect: RunStatus| {
        let behind = step("behind", "sink.run", "{}", &after(&["gate"], "succeeded"));
        house.workflow(then, &[gate_until("1h", then), behind]);
        let Ok(WorkflowEnd::Suspended { run, .. }) = house.workflow_run(then).await else {
            panic!("it waits for the gate");
        };
        clock.advance(HOUR - SECOND);
        let early = house.workflow_resume(then).await;
        assert!(
            matches!(
                early,
                Err(AppError::Run(RunUseError::GatesUndecided { .. }))
            ),
            "{early:?}"
        );
        clock.advance(SECOND);
        let resumed = house.workflow_resume(then).await;
        assert_eq!(
            resumed.is_ok(),
            expect == RunStatus::Succeeded,
            "{resumed:?}"
        );
        assert_eq!(house.show(&run).status, expect, "{then}");
    };
    check("continue", RunStatus::Succeeded).await;
    check("reject", RunStatus::Failed).await;
    check("fail", RunStatus::Failed).await;
    house.has_versions("sink", "record", 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decision_after_the_deadline_is_refused() {
    let clock = SettableClock::at(NOON);
    let house = House::with_clock(&clock);
    house.workflow("w", &[gate_until("1h", "continue")]);
    let end = house.workflow_run("w").await;
    assert!(matches!(end, Ok(WorkflowEnd::Suspended { .. })), "{end:?}");
    clock.advance(HOUR);
    let request = GateRequest {
        workflow: "w".to_owned(),
        gate: "gate".to_owned(),
        run: None,
        comment: None,
        shown: None,
    };
    let refused = workflow_approve(&house.cx().with_actor(ada()), &request);
    assert!(
        matches!(refused, Err(AppError::Run(RunUseError::GateExpired { .. }))),
        "{refused:?}"
    );
}

/// The driver of a run decides the gate itself if something else of the run is under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gate_expires_while_a_step_runs() {
    let clock = SettableClock::at(NOON);
    let house = House::with_clock(&clock);
    let slow = step("slow", "one.run", "{steps: [{until: two}]}", "");
    let behind = step("behind", "two.add", "{}", &after(&["gate"], "succeeded"));
    house.workflow("w", &[slow, gate_until("1m", "continue"), behind]);
    let passes = async {
        let is_open = |event: &Event| matches!(event, Event::GateOpened { .. });
        until("the gate is open, and the step runs", || {
            house.seen.events().iter().any(is_open) && house.n_running() == 1
        })
        .await;
        clock.advance(60 * SECOND);
    };
    let (end, ()) = tokio::join!(house.workflow_run("w"), passes);
    assert!(matches!(end, Ok(WorkflowEnd::Succeeded { .. })), "{end:?}");
    let is_expired = |event: &Event| matches!(event, Event::GateExpired { .. });
    assert!(house.seen.events().iter().any(is_expired));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_removed_when_they_are_old_enough() {
    let clock = SettableClock::at(NOON);
    let house = House::with_clock(&clock);
    house.value("sink", "run", json!({})).await;
    let n_removed = async |dry_run: bool| {
        let age = "30d".parse().expect("an age");
        let removed = run_gc(&house.cx(), age, dry_run).await;
        removed.expect("nothing runs").runs.len()
    };
    assert_eq!(n_removed(false).await, 0);
    clock.advance(29 * DAY);
    assert_eq!(n_removed(false).await, 0);
    clock.advance(2 * DAY);
    assert_eq!(n_removed(true).await, 1);
    assert_eq!(n_removed(false).await, 1);
    assert_eq!(n_removed(false).await, 0);
    let deleted = AuditListRequest {
        since: Some(Timestamp(NOON.0 + 1)),
        ..AuditListRequest::default()
    };
    let entries = collected(|take| audit_list(&house.cx(), &deleted, take));
    let whats: Vec<&str> = entries.iter().map(|it| it.what.as_str()).collect();
    // The plugins were added before, by the machine's clock.
    assert_eq!(whats[0], "runs-deleted");
    assert_eq!(whats.iter().filter(|it| **it == "runs-deleted").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_of_the_audit_have_the_time_of_the_clock() {
    let clock = SettableClock::at(NOON);
    let house = House::with_clock(&clock);
    let name = "TOKEN".parse().expect("a name");
    let value = SecretValue::new(b"a value that is long enough".to_vec()).expect("it is not empty");
    let cx = house.cx().with_actor(ada());
    secret_put(&cx, &name, &value, true).expect("it can be put");
    clock.advance(HOUR);
    secret_delete(&house.cx(), "TOKEN").expect("it is there");
    let entries = collected(|take| audit_list(&cx, &AuditListRequest::default(), take));
    let expect = [
        ("secret-deleted", Time::from_ms(NOON.0 + 3_600_000)),
        ("secret-put", Time::from_ms(NOON.0)),
    ];
    // The plugins were added before, by the machine's clock.
    let found = entries.iter().map(|it| (it.what.as_str(), it.at)).take(2);
    assert_eq!(found.collect::<Vec<_>>(), expect);
    assert_eq!((&*entries[1].actor, entries[1].uid), ("ada", None));
}
