//! The language of workflows, driven with real guests: `forEach`, guards, asserts, retries,
//! deadlines, labels, nested workflows, and cancellation.

use std::time::Duration;

use sedge_api::problem::Explain;
use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::run::cancel::run_cancel;
use sedge_app::run::show::run_show;
use sedge_app::types::{RunEvent, RunStatus};
use sedge_app::workflow::approvals::workflow_approvals;
use sedge_app::workflow::gates::{GateRequest, workflow_approve, workflow_reject};
use sedge_app::workflow::resume::{ResumeRequest, workflow_resume};
use sedge_app::workflow::run::{WorkflowRunRequest, workflow_run};
use sedge_app::{AppError, Event, RunFailed, WorkflowFailedEnd};
use sedge_sys::clock::{SettableClock, Timestamp};
use serde_json::{Value, json};

use crate::fixture::text::{after, gate, step};
use crate::fixture::{House, ada, cx_of, until, within, words};
use crate::shown::{Recorded, collected};

/// The time at which a clock that the tests set begins.
const NOON: Timestamp = Timestamp(1_790_000_000_000);

const HOUR: Duration = Duration::from_secs(60 * 60);

#[track_caller]
fn succeeded(house: &House, end: Result<WorkflowEnd, AppError>) -> Recorded {
    match end {
        Ok(WorkflowEnd::Succeeded { run, .. }) => house.show(&run),
        other => panic!("it should have succeeded: {other:?}"),
    }
}

#[track_caller]
fn failed(house: &House, end: Result<WorkflowEnd, AppError>) -> (Recorded, Vec<String>) {
    match end {
        Err(AppError::Failed(RunFailed::Workflow(failed))) => {
            let faults = failed.faults.iter().map(|fault| {
                let code = fault.error.as_ref().map_or("rejected", |it| it.code());
                format!("{} {code}", fault.step)
            });
            (house.show(&failed.run), faults.collect())
        }
        other => panic!("it should have failed: {other:?}"),
    }
}

/// Returns the steps of the calls that the run made itself, in their order.
fn steps_called(run: &Recorded) -> Vec<String> {
    let direct = run.calls.iter().filter(|call| call.lineage.depth() == 1);
    direct.filter_map(|call| call.step.clone()).collect()
}

/// Returns a value from the latest record of `sink`.
fn note(house: &House) -> Value {
    house.latest("sink", "record")["note"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn step_runs_for_each_value_of_a_list_and_of_a_map() {
    let house = House::new();
    let each = step(
        "each",
        "sink.run",
        "{note: \"${{ self.it }}\"}",
        ", forEach: {item: it, in: [a, b]}, concurrency: 1",
    );
    let named = "      - {name: \"of ${{ self.it.key }}\", task: {type: model_method, modelIdOrName: sink-two, \
                 methodName: run, inputs: {note: \"${{ self.it.value }}\"}}, forEach: {item: it, in: {x: 1a, y: 2b}}}\n";
    let behind = step(
        "behind",
        "one.run",
        "{steps: [add]}",
        &after(&["each"], "succeeded"),
    );
    house.workflow("w", &[each, named.to_owned(), behind]);
    let run = succeeded(&house, house.workflow_run("w").await);
    let mut called = steps_called(&run);
    called.sort();
    let expect = [
        "main/behind",
        "main/each[0]",
        "main/each[1]",
        "main/of x",
        "main/of y",
    ];
    assert_eq!(called, expect);
    house.has_versions("sink", "record", 2);
    assert_eq!(note(&house), "b", "one instance runs at a time, in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_of_for_each_that_cannot_be_used_fail_the_step() {
    let house = House::new();
    let check = async |values: &str, name: &str, expect: &str| {
        let each = format!(
            "      - {{name: \"{name}\", task: {{type: model_method, modelIdOrName: sink, methodName: run}}, \
             forEach: {{item: it, in: {values}}}}}\n"
        );
        house.workflow("w", &[each, step("other", "sink.run", "{}", "")]);
        let (run, faults) = failed(&house, house.workflow_run("w").await);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].ends_with(" expression"), "{faults:?}");
        let message = run.events.iter().find_map(|it| {
            if let RunEvent::StepFailed { error, .. } = &it.event {
                return Some(error.to_string());
            }
            None
        });
        let message = message.expect("the step failed");
        assert!(message.contains(expect), "{message}");
        assert_eq!(steps_called(&run), ["main/other"]);
    };
    check("\"${{ 1 }}\"", "each", "a list or a map").await;
    check("[a, a]", "x-${{ self.it }}", "`x-a`").await;
    check("[other]", "${{ self.it }}", "`other`").await;
    check("[a/b]", "${{ self.it }}", "cannot be the name").await;
}

/// A list without values is done already, and what waits for it runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_list_is_satisfied() {
    let house = House::new();
    let each = step("each", "sink.run", "{}", ", forEach: {item: it, in: []}");
    let behind = step("behind", "sink.run", "{}", &after(&["each"], "succeeded"));
    house.workflow("w", &[each, behind]);
    let run = succeeded(&house, house.workflow_run("w").await);
    assert_eq!(steps_called(&run), ["main/behind"]);
}

/// The guard calls a method, whose result is in the record of the run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guard_that_holds_satisfies_the_step() {
    let house = House::new();
    let guard = ", guard: \"model.method('one', 'read') > 0\"";
    house.workflow("w", &[step("add", "one.add", "{}", guard)]);
    let first = succeeded(&house, house.workflow_run("w").await);
    assert_eq!(first.calls.len(), 2, "the guard's call, and the step's");
    let second = succeeded(&house, house.workflow_run("w").await);
    assert_eq!(second.calls.len(), 1, "the step is done already");
    let is_satisfied = |event: &Event| matches!(event, Event::StepSatisfied { .. });
    assert_eq!(
        house
            .seen
            .events()
            .iter()
            .filter(|it| is_satisfied(it))
            .count(),
        1
    );
    house.has_versions("one", "count", 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guard_without_a_boolean_fails_the_step_and_one_that_writes_is_refused() {
    let house = House::new();
    let guarded = |guard: &str| step("add", "one.add", "{}", &format!(", guard: \"{guard}\""));
    house.workflow("w", &[guarded("run.id")]);
    let (run, faults) = failed(&house, house.workflow_run("w").await);
    assert_eq!(faults, ["main/add expression"]);
    assert_eq!(run.calls, []);
    house.workflow("w", &[guarded("model.method('one', 'add') > 0")]);
    let error = house.workflow_run("w").await.expect_err("it is refused");
    let message = &error.diagnostics()[0].message;
    assert!(message.contains("only methods of kind `read`"), "{message}");
    // Which method it is, is known only in the run.
    house.workflow("w", &[guarded("model.method('one', 'a' + 'dd') > 0")]);
    let (run, faults) = failed(&house, house.workflow_run("w").await);
    assert_eq!(faults, ["main/add expression"]);
    assert_eq!(run.calls, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assert_below_the_severity_of_the_run_may_fail() {
    let house = House::new();
    let low = "      - {name: low, task: {type: assert, expr: \"1 > 2\", message: \"too small\", severity: low}}\n";
    house.workflow("w", &[low.to_owned()]);
    let (_, faults) = failed(&house, house.workflow_run("w").await);
    assert_eq!(faults, ["main/low assert-failed"]);
    let request = WorkflowRunRequest {
        fail_on: Some(sedge_app::types::AssertSeverity::Medium),
        ..WorkflowRunRequest::of("w")
    };
    let end = within(workflow_run(&house.cx(), &request)).await;
    succeeded(&house, end);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_has_the_id_of_its_workflow_if_the_file_gives_one() {
    let house = House::new();
    let is = |value: &str| {
        format!(
            "      - {{name: a, task: {{type: assert, expr: \"run.workflowId == {value}\"}}}}\n"
        )
    };
    let id = "5d4a6b0e-9f7c-4a37-8d0e-3b6f7c2a91d4";
    house.workflow("w", &[is("null")]);
    succeeded(&house, house.workflow_run("w").await);
    let steps = is(&format!("'{id}'"));
    let text = format!("name: w\nid: {id}\njobs:\n  - name: main\n    steps:\n{steps}");
    house.write("workflows/w.yaml", &text);
    succeeded(&house, house.workflow_run("w").await);
}

/// Each attempt is a call of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_step_is_tried_again_with_the_same_inputs() {
    let clock = SettableClock::at(NOON);
    let house = House::with_clock(&clock);
    let retry = ", retry: {attempts: 3, backoff: 1h, maxBackoff: 1h, on: [no]}";
    let fails = step(
        "fails",
        "hostile.fail",
        "{code: no, message: on purpose}",
        retry,
    );
    house.workflow("w", &[fails]);
    let pauses = async {
        for n in 1..3 {
            until("an attempt has failed", || n_retries(&house) == n).await;
            clock.advance(HOUR);
        }
    };
    let (end, ()) = tokio::join!(house.workflow_run("w"), pauses);
    let (run, faults) = failed(&house, end);
    assert_eq!(faults, ["main/fails no"]);
    assert_eq!(steps_called(&run), ["main/fails"; 3]);
    let same = run
        .calls
        .iter()
        .all(|it| it.arguments == run.calls[0].arguments);
    assert!(same, "{:?}", run.calls);
}

fn n_retries(house: &House) -> usize {
    let is_retry = |event: &Event| matches!(event, Event::StepRetried { .. });
    house.seen.events().iter().filter(|it| is_retry(it)).count()
}

/// Runs a workflow, and moves the clock by more than ten seconds once its first call runs.
async fn run_beyond_ten_seconds(
    house: &House,
    clock: &SettableClock,
    workflow: &str,
) -> Result<WorkflowEnd, AppError> {
    let passes = async {
        until("the call runs", || house.n_running() == 1).await;
        clock.advance(Duration::from_secs(11));
    };
    tokio::join!(house.workflow_run(workflow), passes).0
}

/// Returns the help of a failed run, as text.
fn advice(end: &Result<WorkflowEnd, AppError>) -> String {
    let error = end.as_ref().expect_err("it fails");
    format!("{:?}", error.help())
}

/// The help used to name the limit of the model, which would have changed nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempt_and_run_have_deadlines() {
    let clock = SettableClock::at(NOON);
    let house = House::with_clock(&clock);
    let slow = step(
        "slow",
        "one.run",
        "{steps: [{until: two}]}",
        ", timeout: 10s",
    );
    house.workflow("w", &[slow]);
    let end = run_beyond_ten_seconds(&house, &clock, "w").await;
    let help = advice(&end);
    let expect = "raise `timeout` of the step `main/slow` if it needs more time";
    assert!(
        help.contains(expect) && !help.contains("wallTime"),
        "{help}"
    );
    let (_, faults) = failed(&house, end);
    assert_eq!(faults, ["main/slow timed-out"]);
    let slow = step("slow", "one.run", "{steps: [{until: two}]}", "");
    let behind = step("behind", "sink.run", "{}", &after(&["slow"], "completed"));
    let text = format!("name: v\ntimeout: 10s\njobs:\n  - name: main\n    steps:\n{slow}{behind}");
    house.write("workflows/v.yaml", &text);
    let end = run_beyond_ten_seconds(&house, &clock, "v").await;
    let help = advice(&end);
    let expect = "raise `timeout` of the workflow `v` if it needs more time";
    assert!(
        help.contains(expect) && !help.contains("wallTime"),
        "{help}"
    );
    let (run, _) = failed(&house, end);
    assert_eq!(run.status, RunStatus::Failed);
    house.has_versions("sink", "record", 0);
    // Steps that began again would be skipped at once.
    let again = ResumeRequest {
        workflow: "v".to_owned(),
        from: Some("slow".to_owned()),
        ..ResumeRequest::default()
    };
    let error = within(workflow_resume(&house.cx(), &again)).await;
    let error = words(&error.expect_err("its deadline has passed"));
    assert!(error.contains("its deadline has passed"), "{error}");
}

/// The decision was accepted, and the run failed when it was resumed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gate_of_a_run_past_its_deadline_is_not_decided() {
    let clock = SettableClock::at(NOON);
    let house = House::with_clock(&clock);
    let gate = gate("gate", "");
    let text = format!("name: w\ntimeout: 10s\njobs:\n  - name: main\n    steps:\n{gate}");
    house.write("workflows/w.yaml", &text);
    let end = house.workflow_run("w").await;
    assert!(matches!(end, Ok(WorkflowEnd::Suspended { .. })), "{end:?}");
    clock.advance(Duration::from_secs(11));
    let request = GateRequest {
        workflow: "w".to_owned(),
        gate: "gate".to_owned(),
        run: None,
        comment: None,
        shown: None,
    };
    let decided = workflow_approve(&house.cx().with_actor(ada()), &request);
    let error = decided.expect_err("it is too late").to_string();
    assert!(error.contains("has passed its deadline"), "{error}");
    let report = run_show(&house.cx(), None).expect("a run");
    assert!(report.run.deadline_passed && report.run.can_only_fail);
    let open = collected(|take| workflow_approvals(&house.cx(), take));
    assert_eq!(open.len(), 0, "nothing can be decided");
    let (run, _) = failed(&house, house.workflow_resume("w").await);
    assert_eq!(run.status, RunStatus::Failed);
    let report = run_show(&house.cx(), None).expect("a run");
    assert!(!report.run.deadline_passed, "it has ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_gets_labels_and_a_name_that_varies() {
    let house = House::new();
    let more = ", tags: {stage: test}, dataOutputOverrides: [{specName: record, vary: [note]}]";
    let steps = step("sink", "sink.run", "{note: eu}", more);
    let text = format!("name: w\ntags: {{team: a}}\njobs:\n  - name: main\n    steps:\n{steps}");
    house.write("workflows/w.yaml", &text);
    succeeded(&house, house.workflow_run("w").await);
    assert_eq!(house.latest("sink", "record-eu")["note"], json!("eu"));
    house.has_versions("sink", "record", 0);
}

/// A step reads the value that another one returned in this run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outputs_of_steps_are_values_of_this_run() {
    let house = House::new();
    let first = step("first", "sink-two.run", "{note: hello}", "");
    let inputs = "{note: \"${{ steps.first.outputs.note }}\"}";
    let second = step(
        "second",
        "sink.run",
        inputs,
        &after(&["first"], "succeeded"),
    );
    house.workflow("w", &[first, second]);
    succeeded(&house, house.workflow_run("w").await);
    assert_eq!(note(&house), "hello");
}

/// A gate in a nested workflow suspends the parent, too. Resuming the parent resumes the child.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nested_workflow_waits_and_continues_with_its_parent() {
    let mut house = House::new();
    let inner = step("write", "sink.run", "{}", &after(&["gate"], "succeeded"));
    house.workflow("inner", &[gate("gate", ""), inner]);
    let nested = "      - {name: nested, task: {type: workflow, workflowIdOrName: inner}}\n";
    let behind = step(
        "behind",
        "sink-two.run",
        "{}",
        &after(&["nested"], "succeeded"),
    );
    house.workflow("outer", &[nested.to_owned(), behind]);
    let Ok(WorkflowEnd::Suspended { run, gates, .. }) = house.workflow_run("outer").await else {
        panic!("it waits for the gate");
    };
    assert_eq!(gates, ["main/nested/main/gate"]);
    let request = GateRequest {
        workflow: "outer".to_owned(),
        gate: gates[0].clone(),
        run: Some(run.clone()),
        comment: None,
        shown: None,
    };
    workflow_approve(&house.cx().with_actor(ada()), &request).expect("it is open");
    house.reopen().await;
    let resumed = succeeded(&house, house.workflow_resume("outer").await);
    assert_eq!(resumed.run.id.to_string(), run);
    house.has_versions("sink", "record", 1);
    house.has_versions("sink-two", "record", 1);
}

/// The error of the outer workflow named only the run of the nested one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejection_in_a_nested_workflow_is_reported_with_its_reason() {
    let house = House::new();
    house.workflow("inner", &[gate("gate", "")]);
    let nested = "      - {name: nested, task: {type: workflow, workflowIdOrName: inner}}\n";
    house.workflow("outer", &[nested.to_owned()]);
    let Ok(WorkflowEnd::Suspended { run, gates, .. }) = house.workflow_run("outer").await else {
        panic!("it waits for the gate");
    };
    let request = GateRequest {
        workflow: "outer".to_owned(),
        gate: gates[0].clone(),
        run: Some(run),
        comment: Some("not today".to_owned()),
        shown: None,
    };
    workflow_reject(&house.cx().with_actor(ada()), &request).expect("it is open");
    let error = house.workflow_resume("outer").await.expect_err("it fails");
    let causes = error.causes().join("; ");
    let expect = format!("gate `main/gate` was rejected by {}: not today", ada().name);
    assert!(causes.contains(&expect), "{causes}");
}

/// The error said that no gate of the run is open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_gates_of_nested_workflows_are_named_if_another_gate_is_not_open() {
    let house = House::new();
    house.workflow("inner", &[gate("gate", "")]);
    let nested = "      - {name: nested, task: {type: workflow, workflowIdOrName: inner}}\n";
    let last = gate("last", &after(&["nested"], "succeeded"));
    house.workflow("outer", &[nested.to_owned(), last]);
    let end = house.workflow_run("outer").await;
    assert!(matches!(end, Ok(WorkflowEnd::Suspended { .. })), "{end:?}");
    let request = GateRequest {
        workflow: "outer".to_owned(),
        gate: "last".to_owned(),
        run: None,
        comment: None,
        shown: None,
    };
    let error = workflow_approve(&house.cx().with_actor(ada()), &request);
    let help = error.expect_err("it is not open").help();
    let help = format!("{help:?}");
    assert!(help.contains("main/nested/main/gate"), "{help}");
}

/// The event of the step names a child run, which is never created.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn step_whose_workflow_is_refused_has_no_child_run() {
    let house = House::new();
    let inner = "
name: inner
inputs: {n: {type: integer, required: true}}
jobs:
  - name: main
    steps:
      - {name: s, task: {type: model_method, modelIdOrName: sink, methodName: run, inputs: {}}}
";
    house.write("workflows/inner.yaml", inner);
    let inputs = "inputs: {n: \"${{ steps.first.outputs }}\"}";
    let nested = format!(
        "      - {{name: nested, task: {{type: workflow, workflowIdOrName: inner, {inputs}}}{}}}\n",
        after(&["first"], "succeeded")
    );
    house.workflow("outer", &[step("first", "sink.run", "{}", ""), nested]);
    let error = house.workflow_run("outer").await;
    error.expect_err("the inputs of the nested workflow do not fit");
    let report = run_show(&house.cx(), None).expect("a run");
    let nested = report.steps.iter().find(|it| it.step == "main/nested");
    let nested = nested.expect("it has failed");
    assert!(
        nested.error.is_some() && nested.child.is_none(),
        "{nested:?}"
    );
}

/// `steps.NAME.data` of a nested workflow has what its calls wrote, also those of its own nested ones,
/// and nothing else of the run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_of_a_nested_workflow_is_that_of_its_calls_in_order() {
    let house = House::new();
    let sink = |name: &str, note: &str, more: &str| {
        step(name, "sink.run", &format!("{{note: {note}}}"), more)
    };
    let nested = |name: &str, of: &str, more: &str| {
        format!(
            "      - {{name: {name}, task: {{type: workflow, workflowIdOrName: {of}}}{more}}}\n"
        )
    };
    house.workflow("inner", &[sink("three", "three", "")]);
    let middle = [
        sink("one", "one", ""),
        sink("two", "two", &after(&["one"], "succeeded")),
        nested("deep", "inner", &after(&["two"], "succeeded")),
    ];
    house.workflow("middle", &middle);
    let notes = "${{ steps.nested.data.map(it, it.attributes.note).join(' ') }}, \
                 ${{ steps.before.data.map(it, it.attributes.note).join(' ') }}";
    let outer = [
        sink("before", "zero", ""),
        nested("nested", "middle", &after(&["before"], "succeeded")),
        sink(
            "behind",
            &format!("\"{notes}\""),
            &after(&["nested"], "succeeded"),
        ),
    ];
    house.workflow("outer", &outer);
    succeeded(&house, house.workflow_run("outer").await);
    assert_eq!(note(&house), "one two three, zero");
}

/// A nested workflow that fails fails its step, and a workflow that runs itself is refused before
/// the run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nested_workflow_can_fail_and_cannot_run_itself() {
    let house = House::new();
    house.workflow(
        "inner",
        &[step("no", "hostile.fail", "{code: no, message: no}", "")],
    );
    let nested = |name: &str| {
        format!("      - {{name: nested, task: {{type: workflow, workflowIdOrName: {name}}}}}\n")
    };
    house.workflow("outer", &[nested("inner")]);
    let (_, faults) = failed(&house, house.workflow_run("outer").await);
    assert_eq!(faults, ["main/nested workflow-failed"]);
    house.workflow("inner", &[nested("outer")]);
    let error = house
        .workflow_run("outer")
        .await
        .expect_err("it is refused");
    assert!(
        error.diagnostics()[0].message.contains("runs itself"),
        "{error:?}"
    );
}

/// Another process cancels the run. Its call is stopped, and the run has ended for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_run_is_cancelled_by_another_process() {
    let house = House::new();
    let slow = step("slow", "one.run", "{steps: [{until: two}]}", "");
    let behind = step("behind", "sink.run", "{}", &after(&["slow"], "completed"));
    house.workflow("w", &[slow, behind]);
    let cancel = async {
        until("the call runs", || house.n_running() == 1).await;
        let id = house.newest().run.id.to_string();
        run_cancel(
            &cx_of(&house.other_process()).with_actor(ada()),
            &id,
            Some("enough"),
        )
        .expect("it runs");
    };
    let (end, ()) = tokio::join!(house.workflow_run("w"), cancel);
    let Err(AppError::Failed(RunFailed::Workflow(failed))) = end else {
        panic!("it was cancelled: {end:?}");
    };
    let by = WorkflowFailedEnd::Cancelled {
        by: ada(),
        reason: Some("enough".to_owned()),
    };
    assert_eq!(failed.end, by);
    let run = house.show(&failed.run);
    assert_eq!(run.status, RunStatus::Cancelled);
    assert_eq!(steps_called(&run), ["main/slow"]);
    house.has_versions("sink", "record", 0);
}

/// A failed run begins again from a step: steps that succeeded stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_run_is_resumed_from_a_step_with_the_edited_file() {
    let house = House::new();
    let first = step("first", "sink-two.run", "{}", "");
    let fails = step(
        "second",
        "hostile.fail",
        "{code: no, message: no}",
        &after(&["first"], "succeeded"),
    );
    house.workflow("w", &[first.clone(), fails]);
    let (run, _) = failed(&house, house.workflow_run("w").await);
    let works = step("second", "sink.run", "{}", &after(&["first"], "succeeded"));
    house.workflow("w", &[first, works]);
    let request = ResumeRequest {
        workflow: "w".to_owned(),
        run: Some(run.run.id.to_string()),
        from: Some("second".to_owned()),
        take_edits: true,
        ..ResumeRequest::default()
    };
    let end = within(workflow_resume(&house.cx(), &request)).await;
    succeeded(&house, end);
    house.has_versions("sink-two", "record", 1);
    house.has_versions("sink", "record", 1);
}
