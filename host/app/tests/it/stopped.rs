//! The process is requested to end while a run is in progress: whatever a call waits for ends, the
//! record says what was stopped, and a resumed workflow has each effect once.

use std::time::Duration;

use sedge_api::problem::{ErrorCode, Explain};
use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::audit::list::{AuditListRequest, audit_list};
use sedge_app::model::method_run::{ModelMethodRunRequest, model_method_run};
use sedge_app::run::cancel::run_cancel;
use sedge_app::run::show::run_show;
use sedge_app::types::{CallError, RunEvent, RunStatus, pause};
use sedge_app::workflow::run::{WorkflowRunRequest, workflow_run};
use sedge_app::{AppError, CallFailed, Cancel, Event, RunFailed, RunInterrupted};
use sedge_test_kit::Server;
use serde_json::{Value, json};

use crate::fixture::text::{after, gate, step};
use crate::fixture::{House, ada, recorded_calls, until, within, words};
use crate::shown::{Recorded, collected};

/// Longer than any test.
const FOREVER_MS: u64 = 3_600_000;

/// Runs a method, and requests that the process ends as soon as `begun` holds. Returns the error,
/// and the run.
pub(crate) async fn stopped_method(
    house: &House,
    (model, method): (&str, &str),
    arguments: Value,
    begun: impl FnMut() -> bool,
) -> (Box<CallFailed>, Recorded) {
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object")
    };
    let request = ModelMethodRunRequest {
        model: model.to_owned(),
        method: method.to_owned(),
        arguments,
        ..ModelMethodRunRequest::default()
    };
    let cancel = Cancel::new();
    let cx = house.cx().with_cancel(cancel.clone());
    let stop = async {
        until("the call has begun", begun).await;
        cancel.cancel();
    };
    let (ran, ()) = tokio::join!(within(model_method_run(&cx, &request)), stop);
    match ran {
        Err(AppError::Failed(RunFailed::Call(failed))) => {
            assert_eq!(failed.source, CallError::Cancelled);
            assert_eq!(failed.code(), ErrorCode::Interrupted);
            let run = house.show(&failed.run);
            assert_eq!(run.status, RunStatus::Cancelled);
            (failed, run)
        }
        other => panic!("{model}.{method} should have been stopped: {other:?}"),
    }
}

/// Runs a workflow, and requests that the process ends as soon as `begun` holds. Returns the error,
/// and the run.
async fn stopped_workflow(
    house: &House,
    begun: impl FnMut() -> bool,
) -> (Box<RunInterrupted>, Recorded) {
    let cancel = Cancel::new();
    let cx = house.cx().with_cancel(cancel.clone());
    let stop = async {
        until("the steps have begun", begun).await;
        cancel.cancel();
    };
    let request = WorkflowRunRequest::of("w");
    let (ran, ()) = tokio::join!(within(workflow_run(&cx, &request)), stop);
    match ran {
        Err(AppError::Failed(RunFailed::Interrupted(error))) => {
            assert_eq!(error.code(), ErrorCode::Interrupted);
            let run = house.show(&error.run);
            assert_eq!(run.status, RunStatus::Interrupted);
            let last = run.events.last().map(|it| &it.event);
            assert_eq!(last, Some(&RunEvent::Released));
            (error, run)
        }
        other => panic!("it should have been stopped: {other:?}"),
    }
}

/// Resumes the run, which then succeeds.
async fn resumed(house: &House) -> Recorded {
    match house.workflow_resume("w").await {
        Ok(WorkflowEnd::Succeeded { run, .. }) => house.show(&run),
        Ok(other @ WorkflowEnd::Suspended { .. }) => panic!("it waits: {other:?}"),
        Err(error) => panic!("{}", words(&error)),
    }
}

/// Returns whether a call holds the lock of a model.
fn is_locked(house: &House, model: &str) -> bool {
    let locks = house.locks();
    locks
        .iter()
        .any(|lock| lock.held && lock.model.as_deref() == Some(model))
}

fn calls(run: &Recorded) -> Vec<String> {
    recorded_calls(run).1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_that_computes_is_stopped() {
    let house = House::new();
    let begun = || house.n_running() == 1;
    let (_, run) = stopped_method(&house, ("hostile", "spin"), json!({}), begun).await;
    assert_eq!(calls(&run), ["1 hostile.spin cancelled"]);
    house.value("hostile", "sleep", json!({"ms": 0})).await;
}

/// The user requested the end of the process, and decided nothing about the runs that the call had
/// started. The audit says that Sedge itself ended them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_of_a_stopped_call_are_not_noted_as_cancelled_by_the_user() {
    let house = House::new();
    house.model("starter", "@test/starter", "grants: {workflows: [\"*\"]}\n");
    house.workflow("gated", &[gate("gate", "")]);
    let endless = step("s", "one.run", "{steps: [{until: two}]}", "");
    house.workflow("endless", &[endless]);
    let steps = json!({"steps": [{"run": ["gated", {}]}, {"run": ["endless", {}]}]});
    let begun = || is_locked(&house, "one");
    let (_, run) = stopped_method(&house, ("starter", "run"), steps, begun).await;
    let report = run_show(&house.cx(), Some(run.run.id.as_str())).expect("a run");
    let called = &report.calls[0].runs;
    let mut workflows: Vec<&str> = called.iter().map(|it| it.workflow.as_str()).collect();
    workflows.sort_unstable();
    assert_eq!(workflows, ["endless", "gated"]);
    let request = AuditListRequest::default();
    let entries = collected(|take| audit_list(&house.cx(), &request, take));
    for child in called {
        assert_eq!(child.status.as_str(), "cancelled", "{}", child.workflow);
        let of_child = entries.iter().filter(|entry| entry.on == child.run);
        let of_child: Vec<_> = of_child
            .map(|entry| {
                (
                    entry.actor.as_str(),
                    entry.what.as_str(),
                    entry.detail.as_deref(),
                )
            })
            .collect();
        let reason = Some("the call that started it was cut off");
        assert_eq!(of_child, [("Sedge", "run-cancelled", reason)]);
    }
    let of_root = entries
        .iter()
        .filter(|entry| entry.on == run.run.id.as_str());
    let of_root: Vec<&str> = of_root.map(|entry| entry.what.as_str()).collect();
    assert_eq!(of_root, ["run-started"]);
}

/// The guest sleeps and reads again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_in_a_loop_of_host_calls_is_stopped() {
    let house = House::new();
    let endless = json!({"steps": [{"until": "two"}]});
    let begun = || house.n_running() == 1;
    let (_, run) = stopped_method(&house, ("one", "run"), endless, begun).await;
    assert_eq!(calls(&run), ["1 one.run cancelled"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_that_sleeps_is_stopped_and_its_staged_writes_are_dropped() {
    let house = House::new();
    let steps = json!({"steps": ["add", {"wait": FOREVER_MS}]});
    let begun = || house.n_running() == 1;
    let (_, run) = stopped_method(&house, ("one", "run"), steps, begun).await;
    assert_eq!(calls(&run), ["1 one.run cancelled"]);
    house.has_versions("one", "count", 0);
    house.value("one", "add", json!({})).await;
    house.has_versions("one", "count", 1);
}

/// What a call has published stays, and the error says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_versions_of_a_stopped_call_stay() {
    let house = House::new();
    let steps = json!({"steps": ["publish", "add", {"wait": FOREVER_MS}]});
    let begun = || house.versions("one", "count").len() == 1;
    let (failed, run) = stopped_method(&house, ("one", "run"), steps, begun).await;
    assert_eq!(calls(&run), ["1 one.run cancelled"]);
    house.has_versions("one", "count", 1);
    assert_eq!(failed.report.kept.len(), 1);
    let notes = failed.notes().join("\n");
    assert!(notes.contains("one.run"), "{notes}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_of_a_guest_ends() {
    let server = Server::plain();
    let house = House::new();
    let grants = format!("grants: {{http: [{{url: '{}'}}]}}\n", server.origin());
    house.model("fetcher", "@test/fetcher", &grants);
    let silent = json!({"url": server.url("/silent")});
    let begun = || server.requests().len() == 1;
    let (_, run) = stopped_method(&house, ("fetcher", "fetch"), silent, begun).await;
    assert_eq!(calls(&run), ["1 fetcher.fetch cancelled"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_of_a_command_are_killed() {
    let mut house = House::new();
    house.model("runner", "@test/runner", "grants: {commands: [sh]}\n");
    let pin = "sh: {program: /bin/sh, arguments: ['-c', ...], environment: [PATH]}";
    house.write("sedge.yaml", &format!("version: 1\ncommands:\n  {pin}\n"));
    house.reopen().await;
    let file = house.path().join("started");
    let script = format!("sleep 3600 & echo $! > {0}; wait", file.display());
    let arguments = json!({"command": "sh", "arguments": ["-c", script]});
    let number = || std::fs::read_to_string(&file).unwrap_or_default();
    let begun = || number().ends_with('\n');
    let (_, run) = stopped_method(&house, ("runner", "run"), arguments, begun).await;
    assert_eq!(calls(&run), ["1 runner.run cancelled"]);
    let process = std::path::PathBuf::from(format!("/proc/{}", number().trim()));
    until("the process is dead", || !process.exists()).await;
}

/// The guest of the caller would swallow any error of its callee.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nested_call_is_stopped_before_its_caller() {
    let house = House::new();
    house.model("other", "@test/hostile", "");
    let sleep = json!({"target": "other", "method": "sleep", "arguments": {"ms": FOREVER_MS}});
    let begun = || house.n_running() == 2;
    let (_, run) = stopped_method(&house, ("hostile", "swallow"), sleep, begun).await;
    let expect = ["1 hostile.swallow cancelled", "1/1 other.sleep cancelled"];
    assert_eq!(calls(&run), expect);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_nested_calls_are_stopped() {
    let house = House::new();
    let slow = |model: &str| json!({"model": model, "steps": [{"wait": FOREVER_MS}]});
    let steps = json!({"steps": [{"together": [slow("one"), slow("two")]}]});
    let begun = || house.n_running() == 3;
    let (_, run) = stopped_method(&house, ("counter", "run"), steps, begun).await;
    let expect = [
        "1 counter.run cancelled",
        "1/1 one.run cancelled",
        "1/2 two.run cancelled",
    ];
    assert_eq!(calls(&run), expect);
}

/// A call that waits for a lock has not begun, so it leaves no record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_that_waits_for_a_lock_is_stopped() {
    let house = House::new();
    let holds = json!({"steps": [{"until": "two"}]});
    let begun = || house.locks().iter().any(|lock| !lock.held);
    let stopped = async {
        until("the lock is held", || house.n_running() == 1).await;
        let (_, run) = stopped_method(&house, ("one", "add"), json!({}), begun).await;
        assert_eq!(calls(&run), [""; 0]);
        assert!(house.locks().iter().all(|lock| lock.held), "nothing waits");
        house.value("two", "add", json!({})).await;
    };
    let (held, ()) = tokio::join!(house.run("one", "run", holds), stopped);
    held.expect("it is another run");
}

/// Steps side by side, a nested call that has ended, and a step that waits for its next attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interrupted_workflow_is_resumed_with_each_effect_once() {
    let house = House::new();
    house.model("three", "@test/counter", "");
    let nested = "{steps: [{call: {model: two, steps: [add]}}, {until: three}, add]}";
    let slow = step("slow", "one.run", nested, "");
    let other = step("other", "counter.run", "{steps: [{until: three}, add]}", "");
    let retried = step(
        "retried",
        "hostile.fail",
        "{code: no, message: no}",
        ", allowFailure: true, retry: {attempts: 2, backoff: 1s}",
    );
    let behind = step("behind", "sink.run", "{}", &after(&["slow"], "succeeded"));
    house.workflow("w", &[slow, other, retried, behind]);
    let begun = || {
        let is_retried = |event: &Event| matches!(event, Event::StepRetried { .. });
        house.seen.events().iter().any(is_retried)
            && house.versions("two", "count").len() == 1
            && is_locked(&house, "counter")
    };
    let (error, run) = stopped_workflow(&house, begun).await;
    let all = calls(&run);
    let has = |call: &str| all.iter().any(|it| it.ends_with(call));
    assert!(
        has("one.run cancelled") && has("counter.run cancelled"),
        "{all:?}"
    );
    assert!(has("two.run succeeded"), "{all:?}");
    let notes = error.notes().join("\n");
    assert!(notes.contains("one.run in step `main/slow`"), "{notes}");
    assert_eq!(error.help().len(), 2, "how to resume it, and how to see it");
    house.has_versions("one", "count", 0);
    house.has_versions("sink", "record", 0);
    house.value("three", "add", json!({})).await;
    let run = resumed(&house).await;
    assert_eq!(run.status, RunStatus::Succeeded);
    for model in ["one", "two", "counter"] {
        house.has_versions(model, "count", 1);
    }
    house.has_versions("sink", "record", 1);
}

/// The run of a nested workflow is interrupted with its parent, and resumed with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nested_workflow_is_interrupted_and_resumed() {
    let house = House::new();
    let slow = step("slow", "one.run", "{steps: [{until: two}, add]}", "");
    house.workflow(
        "inner",
        &[
            slow,
            step("next", "sink.run", "{}", &after(&["slow"], "succeeded")),
        ],
    );
    let inner = "      - {name: inner, task: {type: workflow, workflowIdOrName: inner}}\n";
    house.workflow("w", &[inner.to_owned()]);
    let begun = || is_locked(&house, "one");
    let (_, run) = stopped_workflow(&house, begun).await;
    let child = run.events.iter().find_map(|it| {
        if let RunEvent::StepStarted { child, .. } = &it.event {
            return child.clone();
        }
        None
    });
    let child = house.show(&child.expect("the step has a child run"));
    assert_eq!(child.status, RunStatus::Interrupted);
    assert_eq!(calls(&child), ["1 one.run cancelled"]);
    house.value("two", "add", json!({})).await;
    let run = resumed(&house).await;
    assert_eq!(run.status, RunStatus::Succeeded);
    house.has_versions("one", "count", 1);
    house.has_versions("sink", "record", 1);
}

/// Returns a repository with a guest that runs the workflow `inner`, whose step waits until `two` has
/// counted.
fn with_starter() -> House {
    let house = House::new();
    house.model("starter", "@test/starter", "grants: {workflows: [\"*\"]}\n");
    let waits = "{steps: [{until: two}, add]}";
    house.workflow("inner", &[step("only", "one.run", waits, "")]);
    house
}

/// A guest waits for the workflow that it runs. Both are interrupted, and resumed together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workflow_of_a_guest_is_interrupted_and_resumed() {
    let house = with_starter();
    let runs = "{steps: [{run: [inner, {}]}]}";
    house.workflow("w", &[step("only", "starter.run", runs, "")]);
    let begun = || is_locked(&house, "one");
    let (_, run) = stopped_workflow(&house, begun).await;
    assert_eq!(calls(&run), ["1 starter.run cancelled"]);
    house.value("two", "add", json!({})).await;
    assert_eq!(resumed(&house).await.status, RunStatus::Succeeded);
    house.has_versions("one", "count", 1);
}

/// The run of one method cannot be resumed, so nothing would continue the workflow that it runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workflow_of_a_stopped_method_is_cancelled() {
    let house = with_starter();
    let runs = json!({"steps": [{"run": ["inner", {}]}]});
    let begun = || is_locked(&house, "one");
    let (_, run) = stopped_method(&house, ("starter", "run"), runs, begun).await;
    assert_eq!(calls(&run), ["1 starter.run cancelled"]);
    let shown = run_show(&house.cx(), Some(run.run.id.as_str())).expect("a run");
    assert_eq!(shown.calls[0].runs[0].status.as_str(), "cancelled");
    house.has_versions("one", "count", 0);
}

/// The gate that was open stays open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_that_also_waits_at_a_gate_is_interrupted() {
    let house = House::new();
    let slow = step("slow", "one.run", "{steps: [{until: two}, add]}", "");
    house.workflow("w", &[gate("gate", ""), slow]);
    let begun = || {
        let is_open = |event: &Event| matches!(event, Event::GateOpened { .. });
        house.seen.events().iter().any(is_open) && house.n_running() == 1
    };
    let (_, run) = stopped_workflow(&house, begun).await;
    assert_eq!(calls(&run), ["1 one.run cancelled"]);
    house.value("two", "add", json!({})).await;
    match house.workflow_resume("w").await {
        Ok(WorkflowEnd::Suspended { gates, .. }) => assert_eq!(gates, ["main/gate"]),
        other => panic!("it should wait at the gate: {other:?}"),
    }
    house.has_versions("one", "count", 1);
}

/// A user cancels the run while the process ends. That is the end of the run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_that_is_cancelled_is_not_interrupted() {
    let house = House::new();
    let slow = step("slow", "one.run", "{steps: [{until: two}]}", "");
    house.workflow("w", &[slow]);
    let cancel = Cancel::new();
    let cx = house.cx().with_cancel(cancel.clone());
    let stop = async {
        until("the call runs", || house.n_running() == 1).await;
        let id = house.newest().run.id.to_string();
        let other = house.cx_in(&house.other_process()).with_actor(ada());
        run_cancel(&other, &id, None).expect("it runs");
        cancel.cancel();
    };
    let request = WorkflowRunRequest::of("w");
    let (ran, ()) = tokio::join!(within(workflow_run(&cx, &request)), stop);
    assert!(
        matches!(&ran, Err(AppError::Failed(RunFailed::Workflow(_)))),
        "{ran:?}"
    );
    assert_eq!(house.newest().status, RunStatus::Cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_begins_after_the_request() {
    let house = House::new();
    house.workflow("w", &[step("only", "sink.run", "{}", "")]);
    let cancel = Cancel::new();
    cancel.cancel();
    let cx = house.cx().with_cancel(cancel);
    let ran = within(workflow_run(&cx, &WorkflowRunRequest::of("w"))).await;
    assert_eq!(
        ran.expect_err("it is stopped").code(),
        ErrorCode::Interrupted
    );
    house.has_versions("sink", "record", 0);
}

/// The request comes at any point of a short run, also while its call is committed. The error and
/// the record say the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_is_committed_or_not_and_the_error_says_which() {
    let house = House::new();
    let mut n_versions = 0;
    for delay_us in (0..40).map(|n| n * 500) {
        let cancel = Cancel::new();
        let cx = house.cx().with_cancel(cancel.clone());
        let request = ModelMethodRunRequest {
            model: "one".to_owned(),
            method: "add".to_owned(),
            ..ModelMethodRunRequest::default()
        };
        let stop = async {
            pause(Duration::from_micros(delay_us)).await;
            cancel.cancel();
        };
        let (ran, ()) = tokio::join!(within(model_method_run(&cx, &request)), stop);
        let status = match ran {
            Ok(_) => {
                n_versions += 1;
                RunStatus::Succeeded
            }
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::Interrupted, "{}", words(&error));
                RunStatus::Cancelled
            }
        };
        house.has_versions("one", "count", n_versions);
        // The first requests may come before there is a run.
        if n_versions > 0 {
            assert_eq!(house.newest().status, status);
        }
    }
    assert!(n_versions > 0, "every request came too early");
}
