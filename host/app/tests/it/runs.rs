//! Views of runs: the filters of the list, and the errors of runs.

use std::time::Duration;

use sedge_api::view::call::{CallStatusView, CallView};
use sedge_api::view::run::{RunReport, RunStatusView, StepStatusView};
use sedge_app::run::list::{RunListRequest, run_list};
use sedge_app::run::show::run_show;
use sedge_app::types::{Scan, Timestamp};
use sedge_app::workflow::run::{WorkflowRunRequest, workflow_run};
use sedge_app::{AppError, Settings};
use serde_json::json;

use crate::fixture::text::step;
use crate::fixture::{House, run_in, until, within};
use crate::shown::collected;

/// Returns the runs that a filter selects, newest first.
fn listed(house: &House, request: &RunListRequest) -> Vec<String> {
    let runs = collected(|take| run_list(&house.cx(), request, take));
    let what = |run: sedge_api::view::run::RunView| match run.method {
        Some(method) => format!("{}.{method} {}", run.subject, run.status.as_str()),
        None => format!("{} {}", run.subject, run.status.as_str()),
    };
    runs.into_iter().map(what).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_listed_by_filter() {
    let house = House::new();
    house.value("sink", "run", json!({})).await;
    house.failure("hostile", "trap", json!({})).await;
    house.workflow("sink", &[step("s", "sink.run", "{}", "")]);
    house.workflow_run("sink").await.expect("it succeeds");
    house.value("sink", "latest", json!({})).await;
    let all = [
        "sink.latest succeeded",
        "sink succeeded",
        "hostile.trap failed",
        "sink.run succeeded",
    ];
    let check = |request: RunListRequest, expect: &[usize]| {
        let expect: Vec<&str> = expect.iter().map(|at| all[*at]).collect();
        assert_eq!(listed(&house, &request), expect, "{request:?}");
    };
    let of = |of: &str| RunListRequest {
        of: Some(of.to_owned()),
        ..RunListRequest::default()
    };
    let status = |status| RunListRequest {
        statuses: vec![status],
        ..RunListRequest::default()
    };
    let since = |since| RunListRequest {
        since: Some(since),
        ..RunListRequest::default()
    };
    check(RunListRequest::default(), &[0, 1, 2, 3]);
    check(of("sink"), &[0, 1, 3]);
    check(of("sink.run"), &[3]);
    check(of("nothing"), &[]);
    check(status(RunStatusView::Failed), &[2]);
    check(status(RunStatusView::Running), &[]);
    check(status(RunStatusView::Interrupted), &[]);
    check(since(Timestamp(0)), &[0, 1, 2, 3]);
    check(since(Timestamp(u64::MAX)), &[]);
    let both = RunListRequest {
        statuses: vec![RunStatusView::Succeeded],
        ..of("sink.run")
    };
    check(both, &[3]);
    let mut n_taken = 0;
    let taken = run_list(&house.cx(), &RunListRequest::default(), |_| {
        n_taken += 1;
        Ok::<_, AppError>(Scan::Enough)
    });
    taken.expect("readable");
    assert_eq!(n_taken, 1);
}

/// The datastore has both runs as running. Only the operating system knows whether the process is
/// alive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_and_interrupted_runs_are_distinguished() {
    let house = House::new();
    let spins = house.run("hostile", "sleep", json!({"ms": 60_000}));
    let looks = async {
        until("the call", || house.n_running() == 1).await;
        let status = |status| RunListRequest {
            statuses: vec![status],
            ..RunListRequest::default()
        };
        let running = listed(&house, &status(RunStatusView::Running));
        assert_eq!(running, ["hostile.sleep running"]);
        let interrupted = listed(&house, &status(RunStatusView::Interrupted));
        assert_eq!(interrupted, [""; 0]);
    };
    tokio::select! {
        _ = spins => panic!("it should sleep"),
        () = looks => {}
    }
}

fn newest(house: &House) -> RunReport {
    run_show(&house.cx(), None).expect("a run")
}

/// The run of a nested workflow begins after that of the outer one. It used to be shown instead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newest_run_is_that_which_a_user_started() {
    let house = House::new();
    house.workflow("inner", &[step("s", "sink.run", "{}", "")]);
    let outer = "
name: outer
jobs:
  - name: main
    steps:
      - {name: nested, task: {type: workflow, workflowIdOrName: inner}}
";
    house.write("workflows/outer.yaml", outer);
    within(workflow_run(&house.cx(), &WorkflowRunRequest::of("outer")))
        .await
        .expect("it succeeds");
    assert_eq!(newest(&house).run.subject, "outer");
}

/// Returns the names and versions that a call kept.
fn kept(call: &CallView) -> Vec<(&str, u64)> {
    let kept = call.kept.iter().flat_map(|kept| &kept.first);
    kept.map(|it| (it.name.as_str(), it.version)).collect()
}

/// A call that fails may keep its writes, or may have published them. The view used to show none of
/// them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_call_shows_the_versions_that_it_kept() {
    let house = House::new();
    let keep = |keep: bool| json!({"code": "no", "message": "not today", "keep": keep});
    house.failure("hostile", "fail", keep(false)).await;
    let report = newest(&house);
    assert_eq!(report.calls[0].kept, None);
    assert!(report.calls[0].rolled_back.is_some());
    house.failure("hostile", "fail", keep(true)).await;
    let report = newest(&house);
    assert_eq!(kept(&report.calls[0]), [("mark", 1)]);
    assert_eq!(report.calls[0].rolled_back, None);
    let ends = json!({"name": "n", "then": "fail"});
    house.failure("files", "publish", ends).await;
    let report = newest(&house);
    assert_eq!(report.calls[0].status, CallStatusView::Failed);
    assert_eq!(kept(&report.calls[0]), [("n", 1)]);
    assert!(report.calls[0].rolled_back.is_some());
    house.model("other", "@test/hostile", "");
    let caller = json!({"target": "other", "method": "fail", "arguments": keep(true)});
    house.value("hostile", "swallow", caller).await;
    let report = newest(&house);
    assert_eq!(report.calls[0].kept, None, "it succeeded");
    assert_eq!(kept(&report.calls[0].calls[0]), [("mark", 1)]);
}

/// A call that could not acquire its lock has no record. Its run used to be shown as failed without
/// a reason.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_shows_why_its_call_could_not_begin() {
    let house = House::new();
    let other = house.other_process_with(Settings {
        // On a busy machine, the lock table itself is reached in this time.
        lock_timeout: Some(Duration::from_millis(500)),
        ..Settings::default()
    });
    house.workflow("busy", &[step("s", "one.add", "{}", "")]);
    let holds = house.value("one", "run", json!({"steps": [{"until": "two"}]}));
    let waits = async {
        until("the call", || house.n_running() == 1).await;
        let ran = run_in(&other, &house.seen, ("one", "add"), json!({})).await;
        ran.expect_err("it is locked");
        let of_method = newest(&house);
        let ran = within(workflow_run(
            &house.cx_in(&other),
            &WorkflowRunRequest::of("busy"),
        ))
        .await;
        ran.expect_err("it is locked");
        let of_workflow = newest(&house);
        house.value("two", "add", json!({})).await;
        (of_method, of_workflow)
    };
    let (_, (of_method, of_workflow)) = tokio::join!(holds, waits);
    assert_eq!(of_method.calls, []);
    let error = of_method.error.expect("it says why");
    assert_eq!(error.code, "lock-timeout");
    assert!(error.waited_ms >= Some(450), "{error:?}");
    assert_eq!(error.holders.len(), 1, "{error:?}");
    assert_eq!(of_workflow.calls, []);
    assert_eq!(of_workflow.error, None, "its step says why");
    let step = &of_workflow.steps[0];
    assert_eq!(step.status, StepStatusView::Failed);
    let error = step.error.as_ref().expect("it says why");
    assert_eq!(error.code, "lock-timeout");
}

/// The record of a call contains the error, so its run does not repeat it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn error_of_a_recorded_call_is_shown_once() {
    let house = House::new();
    house.failure("hostile", "trap", json!({})).await;
    let report = newest(&house);
    assert_eq!(report.error, None);
    let error = report.calls[0].error.as_ref().expect("it trapped");
    assert_eq!(error.code, "trapped");
}
