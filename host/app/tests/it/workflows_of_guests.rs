//! Guests run and start workflows: outcomes, denials, limits, and that no run is made twice after an
//! interruption or a rollback.

use std::time::Duration;

use sedge_api::view::call::CallView;
use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::run::cancel::run_cancel;
use sedge_app::run::gc::run_gc;
use sedge_app::run::list::{RunListRequest, run_list};
use sedge_app::run::show::run_show;
use sedge_app::types::{CallError, RunStatus};
use sedge_app::workflow::gates::{GateRequest, workflow_approve};
use sedge_app::{AppError, RunFailed, RunUseError};
use sedge_model::lifetime::Span;
use sedge_sys::clock::{self, SettableClock, Timestamp};
use serde_json::{Value, json};

use crate::crossing::{Crossed, crossed};
use crate::fixture::text::{after, gate, step};
use crate::fixture::{House, until, within, words};
use crate::shown::collected;

pub(crate) use sedge_test_artifacts::STARTER as starter;

/// Returns a repository with a starter that may run everything, and the workflow `plain`, which writes
/// one record.
pub(crate) fn house() -> House {
    let house = House::new();
    grant_all(&house, "starter");
    house.workflow("plain", &[step("sink", "sink.run", "{}", "")]);
    house
}

fn grant_all(house: &House, model: &str) {
    house.model(model, "@test/starter", "grants: {workflows: [\"*\"]}\n");
}

pub(crate) async fn perform(house: &House, steps: Value) -> Vec<Value> {
    let value = house.value("starter", "run", json!({"steps": steps})).await;
    value.as_array().expect("a result for each step").clone()
}

/// Returns the runs that the calls of a run have started: workflow and status.
fn called(house: &House, run: &str) -> Vec<(String, String, String)> {
    fn collect(calls: &[CallView], found: &mut Vec<(String, String, String)>) {
        for call in calls {
            let runs = call.runs.iter();
            found.extend(runs.map(|it| {
                let status = it.status.as_str().to_owned();
                (it.run.clone(), it.workflow.clone(), status)
            }));
            collect(&call.calls, found);
        }
    }
    let report = run_show(&house.cx(), Some(run)).expect("a run");
    let mut found = Vec::new();
    collect(&report.calls, &mut found);
    found
}

pub(crate) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{value}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_waits_and_returns_the_outputs() {
    let house = house();
    house.workflow(
        "counts",
        &[
            step("add", "counter.add", "{}", ""),
            step("again", "counter.add", "{}", &after(&["add"], "succeeded")),
        ],
    );
    let ran = house.run(
        "starter",
        "run",
        json!({"steps": [{"run": ["counts", {}]}]}),
    );
    let ran = ran
        .await
        .unwrap_or_else(|error| panic!("{}", words(&error)));
    let outcome = &ran.value[0];
    assert_eq!(
        outcome["outputs"],
        json!({"main/add": 1, "main/again": 2}),
        "{outcome}"
    );
    let child = text(outcome, "succeeded");
    let expect = (
        child.to_owned(),
        "counts".to_owned(),
        "succeeded".to_owned(),
    );
    assert_eq!(called(&house, &ran.run), [expect]);
    let report = run_show(&house.cx(), Some(child)).expect("a run");
    assert_eq!(report.parent_call, Some(format!("{}/1", ran.run)));
    assert_eq!(report.run.parent, Some(ran.run));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_run_is_an_outcome() {
    let house = house();
    let fails = "{code: no, message: never}";
    house.workflow("fails", &[step("s", "hostile.fail", fails, "")]);
    let done = perform(
        &house,
        json!([{"run": ["fails", {}]}, {"run": ["plain", {}]}]),
    )
    .await;
    assert_eq!(done[0]["message"], "the workflow `fails` failed");
    assert_eq!(done[0]["steps"], json!([["main/s", "plugin/no"]]));
    assert!(done[1]["succeeded"].is_string(), "{}", done[1]);
    let required = json!({"steps": [{"require": ["fails", {}]}]});
    let (error, _) = house.failure("starter", "run", required).await;
    assert_eq!(error.code(), "workflow-failed", "{error}");
}

/// The plugin cannot decide. A user approves and continues the run after the call has ended. The time
/// that the call had left used to be the deadline of the run, so a later decision was refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspended_run_is_continued_by_a_user() {
    let clock = SettableClock::at(Timestamp(1_700_000_000_000));
    let house = House::with_clock(&clock);
    grant_all(&house, "starter");
    let last = step("sink", "sink.run", "{}", &after(&["gate"], "succeeded"));
    house.workflow("gated", &[gate("gate", ""), last]);
    let done = perform(&house, json!([{"run": ["gated", {}]}])).await;
    assert_eq!(done[0]["gates"], json!(["main/gate"]));
    let child = text(&done[0], "suspended").to_owned();
    assert_eq!(house.show(&child).status, RunStatus::Suspended);
    clock.advance(Duration::from_hours(24));
    let request = GateRequest {
        workflow: "gated".to_owned(),
        gate: "gate".to_owned(),
        run: Some(child.clone()),
        comment: None,
        shown: None,
    };
    let decided = workflow_approve(&house.cx(), &request).expect("it is open");
    assert_eq!(decided.root.run, child, "its caller has ended");
    let end = house.workflow_resume("gated").await;
    assert!(matches!(end, Ok(WorkflowEnd::Succeeded { .. })), "{end:?}");
    assert_eq!(house.show(&child).status, RunStatus::Succeeded);
    house.has_versions("sink", "record", 1);
}

/// The record of a run that waits is not deleted with the run of its caller.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspended_run_keeps_the_record_of_its_caller() {
    let house = house();
    house.workflow("gated", &[gate("gate", "")]);
    let steps = json!({"steps": [{"run": ["gated", {}]}]});
    let ran = house.run("starter", "run", steps).await;
    let ran = ran.unwrap_or_else(|error| panic!("{}", words(&error)));
    let child = text(&ran.value[0], "suspended").to_owned();
    let exists = |run: &str| match run_show(&house.cx(), Some(run)) {
        Ok(_) => true,
        Err(AppError::Run(RunUseError::Missing(_))) => false,
        Err(error) => panic!("{}", words(&error)),
    };
    let second: Span = "1s".parse().expect("a span");
    let delete = async |run: &str| {
        while exists(run) {
            let removed = run_gc(&house.cx(), second, false).await;
            removed.expect("nothing runs");
            clock::pause(Duration::from_millis(10)).await;
        }
    };
    // This run ends after that of the caller, so the latter is old enough, too.
    let later = house.run("sink", "run", json!({})).await;
    let later = later.unwrap_or_else(|error| panic!("{}", words(&error)));
    within(delete(&later.run)).await;
    assert!(exists(&ran.run) && exists(&child));
    let cancelled = run_cancel(&house.cx(), &child, None);
    cancelled.expect("its caller has ended");
    within(delete(&ran.run)).await;
    assert!(!exists(&child));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn denial_has_the_lines_that_would_grant_it() {
    let house = house();
    house.model("starter", "@test/starter", "");
    let steps = json!([{"run": ["plain", {}]}, {"start": ["plain", {}]}]);
    for done in perform(&house, steps).await {
        assert_eq!(done["error"], "denied");
        let message = text(&done, "message");
        assert!(
            message.contains("`starter` may not run the workflow `plain`")
                && message.contains("models/starter.yaml")
                && message.contains("workflows:\n  - plain"),
            "{message}"
        );
    }
    let other = "grants: {workflows: [other]}\n";
    house.model("starter", "@test/starter", other);
    let done = perform(&house, json!([{"run": ["plain", {}]}])).await;
    assert_eq!(done[0]["error"], "denied");
    house.has_versions("sink", "record", 0);
    let exact = "grants: {workflows: [plain]}\n";
    house.model("starter", "@test/starter", exact);
    let done = perform(&house, json!([{"run": ["plain", {}]}])).await;
    assert!(done[0]["succeeded"].is_string(), "{}", done[0]);
}

/// Methods of the kinds `read` and `observe` and checks only look, so they run no workflow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reader_and_check_may_not_run_workflows() {
    let house = house();
    let steps = json!({"steps": [{"run": ["plain", {}]}, {"start": ["plain", {}]}]});
    for (method, says) in [("look", "kind `read`"), ("observe", "kind `observe`")] {
        let done = house.value("starter", method, steps.clone()).await;
        for done in done.as_array().expect("two results") {
            assert_eq!(done["error"], "denied");
            assert!(text(done, "message").contains(says), "{done}");
        }
    }
    let (error, _) = house.failure("starter", "checked", json!({})).await;
    let CallError::ChecksFailed { failures } = &error else {
        panic!("{error}");
    };
    assert!(failures[0].message.contains("in a check"), "{error}");
    house.has_versions("sink", "record", 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_are_refused_and_the_guest_goes_on() {
    let house = house();
    let inputs = "inputs:\n  region: {type: string, enum: [eu, us]}\n";
    let job = "jobs: [{name: main, steps: [{name: s, task: {type: model_method, \
               modelIdOrName: sink, methodName: run}}]}]\n";
    house.write(
        "workflows/typed.yaml",
        &format!("name: typed\n{inputs}{job}"),
    );
    house.write(
        "workflows/alone.yaml",
        &format!("name: alone\nexclusive: true\n{job}"),
    );
    let nested = "      - {name: nested, task: {type: workflow, workflowIdOrName: alone}}\n";
    house.workflow("over", &[nested.to_owned()]);
    house.write("workflows/broken.yaml", "name: broken\njobs: 1\n");
    house.workflow("lost", &[step("s", "nowhere.run", "{}", "")]);
    let check = async |workflow: &str, inputs: Value, error: &str, message: &str| {
        for kind in ["run", "start"] {
            let done = perform(&house, json!([{kind: [workflow, inputs]}])).await;
            assert_eq!(done[0]["error"], error, "{kind} {workflow}: {}", done[0]);
            let found = text(&done[0], "message");
            assert!(found.contains(message), "{kind} {workflow}: {found}");
        }
    };
    check("nightly", json!({}), "not-found", "`nightly`").await;
    check("../models/sink", json!({}), "not-found", "models/sink").await;
    check("", json!({}), "not-found", "``").await;
    check(
        "typed",
        json!({"region": "mars"}),
        "invalid-input",
        "/region",
    )
    .await;
    check("typed", json!([1]), "invalid-input", "not an object").await;
    check(
        "plain",
        json!({"x": 1}),
        "invalid-input",
        "declares no inputs",
    )
    .await;
    check("alone", json!({}), "refused", "exclusive").await;
    check("over", json!({}), "refused", "`alone` needs").await;
    check("broken", json!({}), "refused", "workflows/broken.yaml").await;
    check("lost", json!({}), "refused", "nowhere").await;
    house.has_versions("sink", "record", 0);
}

/// The call ends when its runs have ended, whatever becomes of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_waits_at_its_end_for_the_runs_that_it_started() {
    let house = house();
    house.workflow(
        "slow",
        &[step("s", "counter.run", "{steps: [{wait: 50}, add]}", "")],
    );
    let fails = "{code: no, message: never}";
    house.workflow("fails", &[step("s", "hostile.fail", fails, "")]);
    house.workflow("gated", &[gate("gate", "")]);
    let steps = json!([
        {"start": ["slow", {}]},
        {"start": ["fails", {}]},
        {"start": ["gated", {}]},
        {"write": ["x", 1]},
    ]);
    let ran = house.run("starter", "run", json!({"steps": steps}));
    let ran = ran
        .await
        .unwrap_or_else(|error| panic!("{}", words(&error)));
    let ends = called(&house, &ran.run).into_iter();
    let ends: Vec<_> = ends
        .map(|(_, workflow, status)| (workflow, status))
        .collect();
    let expect = [
        ("slow", "succeeded"),
        ("fails", "failed"),
        ("gated", "suspended"),
    ];
    assert_eq!(
        ends,
        expect.map(|(workflow, status)| (workflow.to_owned(), status.to_owned()))
    );
    house.has_versions("counter", "count", 1);
    house.has_versions("starter", "x", 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn started_run_ends_before_a_call_that_fails_or_traps() {
    let house = house();
    house.workflow(
        "slow",
        &[step("s", "counter.run", "{steps: [{wait: 30}, add]}", "")],
    );
    for (n, end) in (1..).zip(["fail", "trap"]) {
        let steps = json!({"steps": [{"start": ["slow", {}]}, end]});
        let (_, run) = house.failure("starter", "run", steps).await;
        let started = called(&house, run.run.id.as_str());
        assert_eq!(started[0].2, "succeeded", "{end}");
        house.has_versions("counter", "count", n);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn number_of_runs_in_progress_is_limited() {
    let house = house();
    house.workflow(
        "slow",
        &[step("s", "counter.run", "{steps: [{wait: 500}]}", "")],
    );
    let limited = "grants: {workflows: [\"*\"]}\nlimits: {parallelCalls: 3}\n";
    house.model("starter", "@test/starter", limited);
    let steps = json!({"steps": [{"start-many": ["slow", 4]}]});
    let (error, run) = house.failure("starter", "run", steps).await;
    assert!(error.to_string().contains("parallel-calls"), "{error}");
    assert_eq!(called(&house, run.run.id.as_str()).len(), 3);
}

/// The model's own lock is no obstacle: the steps of the run are below the call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workflow_may_call_the_model_that_runs_it() {
    let house = house();
    let writes = "{steps: [{write: [y, 1]}]}";
    house.workflow("back", &[step("s", "starter.run", writes, "")]);
    perform(&house, json!([{"run": ["back", {}]}, {"write": ["x", 1]}])).await;
    house.has_versions("starter", "y", 1);
    house.has_versions("starter", "x", 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_recursion_ends_at_the_depth_limit() {
    let house = house();
    let again = "{steps: [{require: [again, {}]}]}";
    house.workflow("again", &[step("s", "starter.run", again, "")]);
    let (error, run) = {
        let steps = json!({"steps": [{"require": ["again", {}]}]});
        house.failure("starter", "run", steps).await
    };
    assert!(
        error.to_string().contains("nested more than 16 deep"),
        "{error}"
    );
    let mut n_deep = 0;
    let mut run = run.run.id.to_string();
    while let Some((child, ..)) = called(&house, &run).first() {
        run.clone_from(child);
        n_deep += 1;
    }
    assert_eq!(n_deep, 16);
}

/// Runs a workflow until a condition holds, and drops its process.
async fn interrupt(house: &mut House, what: &str, holds: impl Fn(&House) -> bool) {
    tokio::select! {
        end = house.workflow_run("outer") => panic!("not interrupted: {end:?}"),
        () = until(what, || holds(house)) => {}
    }
    house.reopen().await;
}

fn n_sunk(house: &House) -> usize {
    house.versions("sink", "record").len()
}

async fn resumed(house: &House) -> String {
    match house.workflow_resume("outer").await {
        Ok(WorkflowEnd::Succeeded { run, .. }) => run,
        other => panic!("{other:?}"),
    }
}

/// The run has ended when the process is interrupted, and is answered from its record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ended_run_is_not_made_again_after_an_interruption() {
    let mut house = house();
    let steps = "{steps: [{run: [plain, {}]}, {start: [plain, {}]}, {await: [counter, count]}, \
                 {write: [x, 1]}]}";
    house.workflow("outer", &[step("s", "starter.run", steps, "")]);
    interrupt(&mut house, "both runs have written", |it| n_sunk(it) == 2).await;
    house.value("counter", "add", json!({})).await;
    let run = resumed(&house).await;
    house.has_versions("sink", "record", 2);
    house.has_versions("starter", "x", 1);
    let runs = called(&house, &run);
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert!(runs.iter().all(|it| it.2 == "succeeded"), "{runs:?}");
}

/// The run is interrupted together with its caller, and continues where it stopped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interrupted_run_is_continued_after_an_interruption() {
    let mut house = house();
    let waits = "{steps: [{until: one}]}";
    house.workflow(
        "inner",
        &[
            step("sink", "sink.run", "{}", ""),
            step("wait", "counter.run", waits, &after(&["sink"], "succeeded")),
        ],
    );
    let steps = "{steps: [{run: [inner, {}]}, {run: [plain, {}]}]}";
    house.workflow("outer", &[step("s", "starter.run", steps, "")]);
    interrupt(&mut house, "the first step has written", |it| {
        n_sunk(it) == 1
    })
    .await;
    house.value("one", "add", json!({})).await;
    let run = resumed(&house).await;
    house.has_versions("sink", "record", 2);
    let runs = called(&house, &run);
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert!(runs.iter().all(|it| it.2 == "succeeded"), "{runs:?}");
}

/// The inputs differ after the interruption, so another run is made, and the first one is cancelled
/// when the run of its caller ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_that_the_replay_does_not_request_again_is_cancelled() {
    let mut house = house();
    house.write(
        "workflows/stamped.yaml",
        "name: stamped\ninputs: {stamp: {type: integer}}\njobs: [{name: main, steps: [{name: s, \
         task: {type: model_method, modelIdOrName: counter, methodName: run, inputs: {steps: \
         [{until: one}]}}}]}]\n",
    );
    let steps = "{steps: [{stamped: stamped}]}";
    house.workflow("outer", &[step("s", "starter.run", steps, "")]);
    interrupt(&mut house, "the step of the run waits", |it| {
        it.locks()
            .iter()
            .any(|lock| lock.held && lock.model.as_deref() == Some("counter"))
    })
    .await;
    house.value("one", "add", json!({})).await;
    let run = resumed(&house).await;
    let runs = called(&house, &run);
    let statuses: Vec<&str> = runs.iter().map(|it| it.2.as_str()).collect();
    assert_eq!(statuses, ["cancelled", "succeeded"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_caller_cancels_its_runs() {
    let house = house();
    let waits = "{steps: [{until: one}]}";
    house.workflow("inner", &[step("s", "counter.run", waits, "")]);
    house.workflow("gated", &[gate("gate", "")]);
    let steps = "{steps: [{start: [gated, {}]}, {run: [inner, {}]}]}";
    house.workflow("outer", &[step("s", "starter.run", steps, "")]);
    let cancel = async {
        until("the inner step waits", || {
            house
                .locks()
                .iter()
                .any(|lock| lock.held && lock.model.as_deref() == Some("counter"))
        })
        .await;
        let mut roots = collected(|take| run_list(&house.cx(), &RunListRequest::default(), take));
        roots.retain(|run| run.parent.is_none());
        let child = called(&house, &roots[0].id)[0].0.clone();
        let alone = run_cancel(&house.cx(), &child, None);
        assert!(
            matches!(alone, Err(AppError::Run(RunUseError::Child { .. }))),
            "{alone:?}"
        );
        run_cancel(&house.cx(), &roots[0].id, None).expect("it is running");
    };
    let (end, ()) = tokio::join!(house.workflow_run("outer"), cancel);
    let Err(AppError::Failed(RunFailed::Workflow(failed))) = end else {
        panic!("{end:?}");
    };
    let runs = called(&house, failed.run.as_str());
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert!(runs.iter().all(|it| it.2 == "cancelled"), "{runs:?}");
}

/// Makes a starter, `left`, perform steps and then call another one, `right`, which calls `left`.
async fn deadlock(house: &House, steps: &[Value]) -> Crossed {
    for name in ["left", "right", "signal"] {
        grant_all(house, name);
    }
    let left = [steps, &[json!({"call": ["right", "run", {}]})]].concat();
    crossed(house, &left, &[json!({"call": ["left", "run", {}]})]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_is_not_made_again_after_a_rollback() {
    let house = house();
    let steps = [json!({"run": ["plain", {}]}), json!({"write": ["x", 1]})];
    let crossed = deadlock(&house, &steps).await;
    crossed.value();
    house.has_versions("sink", "record", 1);
    house.has_versions("left", "x", 1);
    assert_eq!(crossed.n_rollbacks(), 1);
    assert_eq!(called(&house, crossed.run.run.id.as_str()).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_that_requests_another_run_ends_with_deadlock() {
    let house = house();
    house.write(
        "workflows/stamped.yaml",
        "name: stamped\ninputs: {stamp: {type: integer}}\njobs: [{name: main, steps: [{name: s, \
         task: {type: model_method, modelIdOrName: sink, methodName: run}}]}]\n",
    );
    let crossed = deadlock(&house, &[json!({"stamped": "stamped"})]).await;
    let error = crossed.deadlock();
    let expect = "its nested call 1, of the workflow `stamped`, has other inputs";
    assert!(error.to_string().contains(expect), "{error}");
    house.has_versions("sink", "record", 1);
}
