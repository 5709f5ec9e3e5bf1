//! Lock waits: a call never waits for its own caller, never waits forever, and a deadlock is
//! resolved.

pub(crate) use sedge_test_artifacts::COUNTER as counter;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sedge_api::problem::{ErrorCode, Explain};
use sedge_api::view::model::MethodRunView;
use sedge_api::view::run::RunStatusView;
use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::data::delete::{self, Chosen, data_delete};
use sedge_app::datastore::lock_release::datastore_lock_release;
use sedge_app::model::delete::model_delete;
use sedge_app::model::edit::{ModelEditRequest, model_edit};
use sedge_app::run::list::{RunListRequest, run_list};
use sedge_app::types::{CallError, CallStatus, Lineage, RunEvent, RunId, RunStatus};
use sedge_app::workflow::gates::{GateRequest, workflow_approve};
use sedge_app::workflow::run::{WorkflowRunRequest, workflow_run};
use sedge_app::{AppError, Event, Repository, RunFailed, Settings};
use serde_json::{Value, json};

use crate::fixture::text::{after, gate, step};
use crate::fixture::{House, cx_of, n_calls, run_in, settings, until, versions_of, within, words};
use crate::shown::{Recorded, collected};

/// How long two runs hold their locks before each requests the other's, in milliseconds, at the
/// first try. Each later try takes longer, so that the two runs conflict on a slow machine too.
const MEET_MS: u64 = 40;

/// How often two runs are started against each other before the test fails because they did not
/// conflict.
const TRIES: u64 = 20;

/// Prints how long an operation took. Machines differ, so the test does not check it.
#[expect(clippy::print_stdout, reason = "a figure for runs with `--nocapture`")]
fn took(what: &str, since: Instant) {
    println!("{what}: {} ms", since.elapsed().as_millis());
}

/// The arguments that wait and then make `other` count.
fn crossing(other: &str, nth: u64) -> Value {
    let wait_ms = nth * MEET_MS;
    json!({"steps": [{"wait": wait_ms}, {"call": {"model": other, "steps": ["add"]}}, "add"]})
}

/// Runs `one` and `two` against each other, by two handles, until a call was rolled back.
async fn cross(house: &House, handles: [&Arc<Repository>; 2]) -> [MethodRunView; 2] {
    for nth in 1..=TRIES {
        let since = Instant::now();
        let (one, two) = tokio::join!(
            run_in(
                handles[0],
                &house.seen,
                ("one", "run"),
                crossing("two", nth)
            ),
            run_in(
                handles[1],
                &house.seen,
                ("two", "run"),
                crossing("one", nth)
            ),
        );
        let reports = [one, two].map(|run| run.unwrap_or_else(|error| panic!("{}", words(&error))));
        took("one > two with two > one", since);
        let is_rolled_back = |event: &Event| matches!(event, Event::CallRolledBack { .. });
        if house.seen.events().iter().any(is_rolled_back) {
            return reports;
        }
    }
    panic!("two runs did not conflict in {TRIES} tries")
}

fn assert_both_succeeded(house: &House, reports: &[MethodRunView; 2]) {
    let runs = reports.each_ref().map(|report| house.show(&report.run));
    let n_rollbacks = runs
        .iter()
        .flat_map(|run| &run.calls)
        .map(|call| call.n_rollbacks);
    assert_eq!(n_rollbacks.sum::<u32>(), 1, "one of them, once");
    for run in &runs {
        assert_eq!(run.status, RunStatus::Succeeded);
        assert_eq!(
            n_calls(run, CallStatus::Succeeded),
            2,
            "the rolled back attempt left nothing"
        );
        assert_eq!(run.calls.len(), 2);
    }
    for model in ["one", "two"] {
        let n = house.latest(model, "count")["n"]
            .as_u64()
            .expect("a number");
        house.has_versions(model, "count", n);
        assert_eq!(n % 2, 0, "each of the two runs counted in both");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_wait_for_each_other_both_succeed() {
    let house = House::new();
    let reports = cross(&house, [&house.repository; 2]).await;
    assert_both_succeeded(&house, &reports);
}

/// Each handle has its own session, table and locks, as each process has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_wait_for_each_other_both_succeed() {
    let house = House::new();
    let other = house.other_process();
    let reports = cross(&house, [&house.repository, &other]).await;
    assert_both_succeeded(&house, &reports);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn model_is_called_again_by_itself_and_its_callee() {
    let house = House::new();
    let since = Instant::now();
    let itself = json!({"steps": [{"call": {"model": "one", "steps": ["add"]}}, "add"]});
    let n_steps = house.value("one", "run", itself).await;
    took("one > one", since);
    assert_eq!(n_steps, 3);
    let since = Instant::now();
    let back = json!({"model": "two", "steps": [{"call": {"model": "one", "steps": ["add"]}}]});
    let n_steps = house
        .value("one", "run", json!({"steps": [{"call": back}]}))
        .await;
    took("one > two > one", since);
    assert_eq!(n_steps, 3);
}

/// An exclusive run locks the datastore only while a process executes it. Its calls still take
/// turns for their models.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resumed_exclusive_run_calls_models_in_parallel() {
    let house = House::new();
    let together = "{steps: [{together: [{model: one, steps: [add]}, {model: two, steps: [add]}, \
                    {model: one, steps: [add]}]}]}";
    let steps = [
        gate("gate", ""),
        step(
            "all",
            "counter.run",
            together,
            &after(&["gate"], "succeeded"),
        ),
    ];
    house.write(
        "workflows/alone.yaml",
        &format!(
            "name: alone\nexclusive: true\njobs:\n  - name: main\n    steps:\n{}",
            steps.concat()
        ),
    );
    let end = house
        .workflow_run("alone")
        .await
        .expect("it waits at its gate");
    assert!(matches!(end, WorkflowEnd::Suspended { .. }), "{end:?}");
    let _ = house.value("sink", "run", json!({})).await;
    assert_eq!(house.locks(), []);
    let request = GateRequest {
        workflow: "alone".to_owned(),
        gate: "gate".to_owned(),
        run: None,
        comment: None,
        shown: None,
    };
    workflow_approve(&house.cx().with_actor(crate::fixture::ada()), &request).expect("it is open");
    let since = Instant::now();
    let end = house.workflow_resume("alone").await.expect("it succeeds");
    took("an exclusive run that was resumed", since);
    assert!(matches!(end, WorkflowEnd::Succeeded { .. }), "{end:?}");
    house.has_versions("one", "count", 2);
    house.has_versions("two", "count", 1);
}

/// No other call of any process runs beside an exclusive run, and none is refused: all wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_runs_beside_an_exclusive_run() {
    let house = House::new();
    house.workflow(
        "slow",
        &[step("wait", "one.run", "{steps: [{wait: 100}]}", "")],
    );
    let other = house.other_process();
    let request = WorkflowRunRequest {
        exclusive: true,
        ..WorkflowRunRequest::of("slow")
    };
    let cx = house.cx();
    let exclusive = workflow_run(&cx, &request);
    let beside = async {
        let is_begun = |event: &Event| matches!(event, Event::StepStarted { .. });
        until("the step has begun", || {
            house.seen.events().iter().any(is_begun)
        })
        .await;
        let ended = run_in(
            &other,
            &house.seen,
            ("two", "run"),
            json!({"steps": ["add"]}),
        )
        .await;
        assert_eq!(house.n_running(), 0, "the run had ended before");
        ended.expect("it had only to wait")
    };
    let (end, _) = tokio::join!(within(exclusive), beside);
    assert!(matches!(end, Ok(WorkflowEnd::Succeeded { .. })), "{end:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_is_deleted_after_the_calls_of_its_model() {
    let house = House::new();
    let since = Instant::now();
    let slow = json!({"model": "two", "steps": ["add", {"until": "counter"}]});
    let calls = house.value("one", "run", json!({"steps": [{"call": slow}]}));
    let deletes = async {
        until("the call of `two`", || house.n_running() == 2).await;
        let request = delete::DataDeleteRequest {
            model: "two".to_owned(),
            chosen: Chosen::All,
            dry_run: false,
        };
        within(data_delete(&house.cx(), &request)).await
    };
    let opens = async {
        until("the deletion waits", || n_waiting(&house) == 1).await;
        house.value("counter", "add", json!({})).await
    };
    let (n_steps, deleted, _) = tokio::join!(calls, deletes, opens);
    took("data delete two, beside one > two", since);
    assert_eq!(n_steps, 3);
    let deleted = deleted.expect("it had only to wait").deleted;
    let removed: Vec<_> = deleted
        .iter()
        .map(|it| (it.name.as_str(), it.versions))
        .collect();
    assert_eq!(removed, [("count", 1)]);
    assert_eq!(house.versions("two", "count"), Vec::<u64>::new());
}

/// Returns how many requests for a lock wait.
fn n_waiting(house: &House) -> usize {
    house.locks().iter().filter(|it| !it.held).count()
}

/// A call that waits behind the deletion of its model finds no model.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_model_is_not_called() {
    let house = House::new();
    let held = house.value("two", "run", json!({"steps": [{"until": "counter"}]}));
    let deletes = async {
        until("the call of `two`", || house.n_running() == 1).await;
        within(model_delete(&house.cx(), "two")).await
    };
    let calls = async {
        until("the deletion waits", || n_waiting(&house) == 1).await;
        house.run("two", "add", json!({})).await
    };
    let opens = async {
        until("the call waits behind it", || n_waiting(&house) == 2).await;
        house.value("counter", "add", json!({})).await
    };
    let (_, deleted, called, _) = tokio::join!(held, deletes, calls, opens);
    deleted.expect("it had only to wait");
    let error = called.expect_err("there is none");
    assert!(
        words(&error).contains("no model named `two`"),
        "{}",
        words(&error)
    );
}

/// An edit that gives another type waits for the calls of the model, and sees the first data that
/// they write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn type_is_not_changed_beside_a_call_that_writes_first_data() {
    let house = House::new();
    let steps = json!({"steps": ["add", {"until": "counter"}]});
    let held = house.value("two", "run", steps);
    let edits = async {
        until("the call of `two`", || house.n_running() == 1).await;
        let request = ModelEditRequest {
            name: "two".to_owned(),
            former: None,
            text: "name: two\ntype: \"@sedge/sink\"\n".to_owned(),
        };
        within(model_edit(&house.cx(), &request)).await
    };
    let opens = async {
        until("the edit waits", || n_waiting(&house) == 1).await;
        house.value("counter", "add", json!({})).await
    };
    let (_, edited, _) = tokio::join!(held, edits, opens);
    let error = edited.expect_err("the model has data");
    assert_eq!(
        error.code(),
        ErrorCode::ModelTypeDiffers,
        "{}",
        words(&error)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_permit_is_enough_for_nested_calls() {
    let house = House::new();
    let one = house.other_process_with(Settings {
        concurrency: std::num::NonZeroU32::new(1),
        ..Settings::default()
    });
    let since = Instant::now();
    let ran = run_in(&one, &house.seen, ("recurse", "run"), json!({"depth": 10})).await;
    took("ten deep with one permit", since);
    assert_eq!(ran.expect("it succeeds").value, 10);
    let many = json!({"count": 20, "parallel": true});
    let ran = run_in(&one, &house.seen, ("spawn", "run"), many).await;
    assert_eq!(ran.expect("it succeeds").value["ok"], 20);
}

/// Each call reads a number, waits, and writes the next number. Two calls at the same time would
/// lose an update.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_update_is_lost() {
    let house = House::new();
    let other = house.other_process();
    let fifty = || json!({"target": "counter", "method": "add", "count": 50, "parallel": true});
    let (one, two) = tokio::join!(
        run_in(&house.repository, &house.seen, ("spawn", "run"), fifty()),
        run_in(&other, &house.seen, ("spawn", "run"), fifty()),
    );
    for ran in [one, two] {
        assert_eq!(ran.expect("it succeeds").value["ok"], 50);
    }
    let call = json!({"call": {"model": "counter", "steps": ["add"]}});
    let task = |model: String| {
        let steps = json!({"steps": [&call, &call, &call]});
        house.model(&model, "@test/counter", "");
        let house = &house;
        async move { house.value(&model, "run", steps).await }
    };
    let tasks = (0..8).map(|n| task(format!("caller-{n}")));
    let n_steps = futures::future::join_all(tasks).await;
    assert_eq!(n_steps, vec![json!(6); 8]);
    assert_eq!(house.latest("counter", "count")["n"], 50 + 50 + 8 * 3);
    house.has_versions("counter", "count", 124);
}

/// On one thread, calls arrive in the order in which they were made, so the test can check the
/// order.
#[tokio::test(flavor = "current_thread")]
async fn calls_of_one_model_run_in_order_of_arrival() {
    let house = House::new();
    let arguments = json!({"count": 1000, "parallel": true});
    let since = Instant::now();
    let summary = house.value("spawn", "run", arguments).await;
    took("1000 calls of one model", since);
    assert_eq!(summary["ok"], 1000);
    let versions = versions_of(&house.repository, "sink", "record");
    let versions = versions.expect("it was called");
    let calls = versions.iter().map(|it| &it.written_by.call);
    let order: Vec<u32> = calls
        .filter_map(|call| call.parse::<Lineage>().expect("a call").ordinal())
        .collect();
    assert_eq!(order, (1..=1000).collect::<Vec<u32>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousand_steps_on_one_model_all_succeed() {
    let house = House::new();
    let steps: Vec<String> = (0..1000)
        .map(|n| step(&format!("s{n}"), "sink.run", "{}", ""))
        .collect();
    house.workflow("crowd", &steps);
    let since = Instant::now();
    let end = house.workflow_run("crowd").await.expect("it succeeds");
    took("1000 steps on one model", since);
    assert!(matches!(end, WorkflowEnd::Succeeded { .. }), "{end:?}");
    house.has_versions("sink", "record", 1000);
}

/// The error of the timeout names the holders, and the call that timed out leaves nothing behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lock_timeout_names_the_holder() {
    let house = House::new();
    let other = house.other_process_with(Settings {
        lock_timeout: Some(Duration::from_millis(50)),
        ..Settings::default()
    });
    let holds = house.value("one", "run", json!({"steps": [{"until": "two"}]}));
    let waits = async {
        until("the call", || house.n_running() == 1).await;
        let ran = run_in(&other, &house.seen, ("one", "add"), json!({})).await;
        house.value("two", "add", json!({})).await;
        ran.expect_err("it is locked")
    };
    let (_, error) = tokio::join!(holds, waits);
    assert_eq!(error.code(), ErrorCode::LockTimeout);
    let text = words(&error);
    for part in [
        "the model `one` was locked by others for",
        "(one.run) of ",
        ", process ",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let AppError::Failed(RunFailed::Call(failed)) = &error else {
        panic!("{text}")
    };
    let run = house.show(&failed.run);
    assert_eq!((run.status, run.calls.len()), (RunStatus::Failed, 0));
}

/// A nested workflow that needs the whole datastore and does not get it in time fails its step, as a
/// call does. The child run of each attempt is ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nested_exclusive_workflow_that_waits_too_long_fails_its_step() {
    let house = House::new();
    let write = step("write", "sink.run", "{}", "");
    house.write(
        "workflows/alone.yaml",
        &format!("name: alone\nexclusive: true\njobs:\n  - name: main\n    steps:\n{write}"),
    );
    let nested = |more: &str| {
        let task = "{type: workflow, workflowIdOrName: alone}";
        format!(
            "      - {{name: nested, retry: {{attempts: 2, backoff: 1s, on: [busy]}}{more}, task: {task}}}\n"
        )
    };
    let then = "      - {name: then, dependsOn: [{step: nested, condition: failed}], \
                task: {type: assert, expr: 'true'}}\n";
    house.workflow(
        "allowed",
        &[nested(", allowFailure: true"), then.to_owned()],
    );
    house.workflow("failed", &[nested("")]);
    let other = house.other_process_with(Settings {
        lock_timeout: Some(Duration::from_millis(50)),
        ..settings()
    });
    let cx = house.cx_in(&other);
    let holds = house.value("one", "run", json!({"steps": [{"until": "two"}]}));
    let waits = async {
        until("the call", || house.n_running() == 1).await;
        let runs = ["allowed", "failed"].map(WorkflowRunRequest::of);
        let allowed = within(workflow_run(&cx, &runs[0])).await;
        let failed = within(workflow_run(&cx, &runs[1])).await;
        house.value("two", "add", json!({})).await;
        [allowed, failed]
    };
    let (_, [allowed, failed]) = tokio::join!(holds, waits);
    let allowed = allowed.unwrap_or_else(|error| panic!("{}", words(&error)));
    let WorkflowEnd::Succeeded {
        run, failed_steps, ..
    } = &allowed
    else {
        panic!("its failure is allowed: {allowed:?}")
    };
    assert_eq!(failed_steps.len(), 1, "{failed_steps:?}");
    let events = house.show(run).events;
    let retries = events
        .iter()
        .filter(|it| matches!(it.event, RunEvent::StepRetried { .. }));
    assert_eq!(retries.count(), 1);
    let children: Vec<RunId> = events
        .iter()
        .filter_map(|it| it.event.child_run().map(|(_, run)| run.clone()))
        .collect();
    assert_eq!(children.len(), 2, "one of each attempt");
    for child in &children {
        let child = house.show(child);
        assert_eq!((child.status, child.calls.len()), (RunStatus::Cancelled, 0));
    }
    let error = failed.expect_err("its step was busy");
    assert_eq!(error.code(), ErrorCode::LockTimeout, "{}", words(&error));
    let AppError::Failed(RunFailed::Workflow(failed)) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(house.show(&failed.run).status, RunStatus::Failed);
    assert_eq!(house.versions("sink", "record"), Vec::<u64>::new());
}

/// The former holder cannot commit anything any more, not even in part.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn former_holder_of_a_released_lock_is_fenced_off() {
    let house = House::new();
    let other = house.other_process();
    let holds = house.run(
        "one",
        "run",
        json!({"steps": ["add", {"until": "two"}, "add"]}),
    );
    let breaks = async {
        until("the call", || house.n_running() == 1).await;
        let taken = datastore_lock_release(&cx_of(&other), Some("one")).expect("a table");
        assert_eq!(taken.released.len(), 2, "its model, and its intent");
        let ran = run_in(&other, &house.seen, ("one", "add"), json!({})).await;
        assert_eq!(ran.expect("the lock is free").value, 1);
        house.value("two", "add", json!({})).await;
    };
    let (held, ()) = tokio::join!(holds, breaks);
    let error = held.expect_err("its lock was taken away");
    assert_eq!(error.code(), ErrorCode::Fenced, "{}", words(&error));
    house.has_versions("one", "count", 1);
    let run = run_of_model(&house, "one", RunStatusView::Failed);
    assert_eq!(n_calls(&run, CallStatus::Cancelled), 1);
    assert_eq!(run.calls[0].error, Some(CallError::LockLost));
}

/// The call's locks belong to a call below the step of the outer run, so its record has another
/// lineage than the fence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn released_lock_fences_off_the_calls_of_a_nested_workflow() {
    let house = House::new();
    let other = house.other_process();
    let slow = step("slow", "one.run", "{steps: [add, {until: two}, add]}", "");
    house.workflow("inner", &[slow]);
    let nested = "      - {name: nested, task: {type: workflow, workflowIdOrName: inner}}\n";
    house.workflow("outer", &[nested.to_owned()]);
    let breaks = async {
        until("the call", || house.locks().len() == 2).await;
        let taken = datastore_lock_release(&house.cx_in(&other), Some("one")).expect("a table");
        assert_eq!(taken.released.len(), 2, "its model, and its intent");
        let ran = run_in(&other, &house.seen, ("one", "add"), json!({})).await;
        assert_eq!(ran.expect("the lock is free").value, 1);
        house.value("two", "add", json!({})).await;
    };
    let (held, ()) = tokio::join!(house.workflow_run("outer"), breaks);
    let error = held.expect_err("its lock was taken away");
    assert_eq!(error.code(), ErrorCode::Fenced, "{}", words(&error));
    // The error says that the run can be resumed.
    let AppError::Failed(RunFailed::Interrupted(interrupted)) = &error else {
        panic!("{error:?}")
    };
    let notes = interrupted.notes();
    assert_eq!(notes.len(), 1, "the call was not cancelled: {notes:?}");
    assert!(notes[0].contains("was interrupted by this"), "{notes:?}");
    house.has_versions("one", "count", 1);
    let outer = house.show(&interrupted.run);
    let child = outer.events.iter().find_map(|it| it.event.child_run());
    let (_, child) = child.expect("the step has a child run");
    let calls = house.show(child).calls;
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].error, Some(CallError::LockLost));
}

fn run_of_model(house: &House, model: &str, status: RunStatusView) -> Recorded {
    let request = RunListRequest::default();
    let runs = collected(|take| run_list(&house.cx(), &request, take));
    let run = runs
        .iter()
        .find(|run| run.subject == model && run.status == status);
    house.show(&run.expect("it ran").id)
}

/// The table is removed by hand, and another process creates a new one: locks of the former table
/// are stale.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holder_in_a_former_table_is_fenced_off() {
    let house = House::new();
    let holds = house.run("one", "run", json!({"steps": ["add", {"until": "two"}]}));
    let removes = async {
        until("the call", || house.n_running() == 1).await;
        std::fs::remove_file(house.path().join(".sedge/locks/table.log")).expect("it is there");
        let other = house.other_process();
        let ran = run_in(&other, &house.seen, ("one", "add"), json!({})).await;
        assert_eq!(ran.expect("the lock is free").value, 1);
        let opened = run_in(&other, &house.seen, ("two", "add"), json!({})).await;
        opened.expect("the lock is free");
    };
    let (held, ()) = tokio::join!(holds, removes);
    let error = held.expect_err("its lock is gone");
    assert_eq!(error.code(), ErrorCode::Fenced, "{}", words(&error));
    house.has_versions("one", "count", 1);
    // The next call of the same process acquires its lock in the new table.
    assert_eq!(house.value("one", "add", json!({})).await, 2);
}
