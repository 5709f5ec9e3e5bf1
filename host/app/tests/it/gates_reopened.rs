//! An approval counts for what the user was shown. If the inputs, the text, or a definition changes
//! before what follows has started, the gate is opened again.

use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::run::show::run_show;
use sedge_app::types::{GivenInputs, RunStatus};
use sedge_app::workflow::approvals::workflow_approvals;
use sedge_app::workflow::gates::{GateRequest, workflow_approve, workflow_reject};
use sedge_app::workflow::resume::{ResumeRequest, workflow_resume};
use sedge_app::{AppError, Event, RunFailed};
use serde_json::{Value, json};

use crate::fixture::text::{after, gate, step};
use crate::fixture::{House, ada, within, words};
use crate::shown::collected;

/// Writes a workflow with the input `m` and these steps.
fn workflow(house: &House, name: &str, steps: &[String]) {
    let text = format!(
        "name: {name}\ninputs: {{m: {{type: string, default: staging}}}}\njobs:\n  - name: main\n    \
         steps:\n{}",
        steps.concat()
    );
    house.write(&format!("workflows/{name}.yaml"), &text);
}

/// A gate, and a step behind it that uses the input.
fn guarded() -> [String; 2] {
    let behind = step(
        "behind",
        "sink.run",
        "{note: \"${{ inputs.m }}\"}",
        &after(&["gate"], "succeeded"),
    );
    [gate("gate", ""), behind]
}

/// A step that runs the workflow `inner`.
fn nested(more: &str) -> String {
    format!("      - {{name: nested, task: {{type: workflow, workflowIdOrName: inner}}{more}}}\n")
}

fn resume_of(workflow: &str) -> ResumeRequest {
    ResumeRequest {
        workflow: workflow.to_owned(),
        ..ResumeRequest::default()
    }
}

fn inputs(value: Value) -> GivenInputs {
    let Value::Object(item) = value else {
        panic!("inputs are an object: {value}");
    };
    GivenInputs {
        item,
        over: Vec::new(),
    }
}

/// Resumes the run as another process, with the input `m`.
async fn resume_with(house: &mut House, workflow: &str, m: &str) -> Result<WorkflowEnd, AppError> {
    house.reopen().await;
    let request = ResumeRequest {
        inputs: inputs(json!({"m": m})),
        ..resume_of(workflow)
    };
    within(workflow_resume(&house.cx(), &request)).await
}

/// Resumes the run as another process.
async fn resume(house: &mut House, workflow: &str) -> Result<WorkflowEnd, AppError> {
    house.reopen().await;
    house.workflow_resume(workflow).await
}

#[track_caller]
fn suspended(end: Result<WorkflowEnd, AppError>) -> Vec<String> {
    match end {
        Ok(WorkflowEnd::Suspended { gates, .. }) => gates,
        other => panic!("it should wait: {other:?}"),
    }
}

#[track_caller]
fn succeeded(end: &Result<WorkflowEnd, AppError>) {
    let is_succeeded = matches!(end, Ok(WorkflowEnd::Succeeded { .. }));
    assert!(is_succeeded, "it should have succeeded: {end:?}");
}

fn request(workflow: &str, gate: &str) -> GateRequest {
    GateRequest {
        workflow: workflow.to_owned(),
        gate: gate.to_owned(),
        run: None,
        comment: None,
        shown: None,
    }
}

#[track_caller]
fn approve(house: &House, workflow: &str, gate: &str) {
    let decided = workflow_approve(&house.cx().with_actor(ada()), &request(workflow, gate));
    decided.expect("it is open");
}

fn is_reopened(house: &House) -> bool {
    let events = house.seen.events();
    events
        .iter()
        .any(|it| matches!(it, Event::GateReopened { .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gate_is_opened_again_if_an_input_changes_after_the_approval() {
    let mut house = House::new();
    workflow(&house, "w", &guarded());
    assert_eq!(suspended(house.workflow_run("w").await), ["main/gate"]);
    approve(&house, "w", "gate");
    let end = resume_with(&mut house, "w", "production").await;
    assert_eq!(suspended(end), ["main/gate"]);
    assert!(is_reopened(&house));
    house.has_versions("sink", "record", 0);

    let report = run_show(&house.cx(), None).expect("a run");
    let shown = report.steps.iter().find(|it| it.step == "main/gate");
    let former = shown.and_then(|it| it.former_approval.as_ref());
    assert_eq!(former.map(|it| it.by.as_str()), Some("ada"));
    let open = collected(|take| workflow_approvals(&house.cx(), take));
    let former = open[0].former_approval.as_ref().expect("it was approved");
    assert_ne!(former.digest, open[0].digest);

    approve(&house, "w", "gate");
    succeeded(&resume(&mut house, "w").await);
    assert_eq!(house.latest("sink", "record")["note"], "production");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approval_stays_if_nothing_changes() {
    let mut house = House::new();
    workflow(&house, "w", &guarded());
    suspended(house.workflow_run("w").await);
    approve(&house, "w", "gate");
    succeeded(&resume_with(&mut house, "w", "staging").await);
    assert!(!is_reopened(&house));
}

/// A gate that is still open asks for what the run continues with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inputs_can_change_before_the_decision() {
    let mut house = House::new();
    workflow(&house, "w", &guarded());
    suspended(house.workflow_run("w").await);
    let digest = |house: &House| {
        let open = collected(|take| workflow_approvals(&house.cx(), take));
        open[0].digest.clone()
    };
    let before = digest(&house);
    suspended(resume_with(&mut house, "w", "production").await);
    assert_ne!(digest(&house), before);
    approve(&house, "w", "gate");
    succeeded(&resume(&mut house, "w").await);
    assert_eq!(house.latest("sink", "record")["note"], "production");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gate_is_opened_again_if_the_edited_file_is_taken() {
    let mut house = House::new();
    workflow(&house, "w", &guarded());
    suspended(house.workflow_run("w").await);
    approve(&house, "w", "gate");
    let behind = step(
        "behind",
        "sink.run",
        "{note: new}",
        &after(&["gate"], "succeeded"),
    );
    workflow(&house, "w", &[gate("gate", ""), behind]);
    house.reopen().await;
    let edits = ResumeRequest {
        take_edits: true,
        ..resume_of("w")
    };
    let end = within(workflow_resume(&house.cx(), &edits)).await;
    assert_eq!(suspended(end), ["main/gate"]);
    house.has_versions("sink", "record", 0);
    approve(&house, "w", "gate");
    succeeded(&resume(&mut house, "w").await);
    assert_eq!(house.latest("sink", "record")["note"], "new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gate_is_opened_again_if_a_definition_changes() {
    let mut house = House::new();
    workflow(&house, "w", &guarded());
    suspended(house.workflow_run("w").await);
    approve(&house, "w", "gate");
    house.model("sink", "@sedge/sink", "description: another one\n");
    assert_eq!(suspended(resume(&mut house, "w").await), ["main/gate"]);
    approve(&house, "w", "gate");
    succeeded(&resume(&mut house, "w").await);
    house.has_versions("sink", "record", 1);
}

/// The nested workflow is read when its step begins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gate_is_opened_again_if_the_file_of_a_nested_workflow_behind_it_changes() {
    let mut house = House::new();
    house.workflow("inner", &[step("write", "sink.run", "{note: old}", "")]);
    let nested = nested(&after(&["gate"], "succeeded"));
    workflow(&house, "outer", &[gate("gate", ""), nested]);
    suspended(house.workflow_run("outer").await);
    approve(&house, "outer", "gate");
    house.workflow("inner", &[step("write", "sink.run", "{note: new}", "")]);
    assert_eq!(suspended(resume(&mut house, "outer").await), ["main/gate"]);
    approve(&house, "outer", "gate");
    succeeded(&resume(&mut house, "outer").await);
    assert_eq!(house.latest("sink", "record")["note"], "new");
}

/// The gate protects the step `last` although the step between them has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn step_that_begins_again_behind_an_ended_one_waits_for_the_gate() {
    let mut house = House::new();
    let middle = step("middle", "one.add", "{}", &after(&["gate"], "succeeded"));
    let note = "{code: no, message: \"${{ inputs.m }}\"}";
    let last = step(
        "last",
        "hostile.fail",
        note,
        &after(&["middle"], "succeeded"),
    );
    workflow(&house, "w", &[gate("gate", ""), middle, last]);
    suspended(house.workflow_run("w").await);
    approve(&house, "w", "gate");
    resume(&mut house, "w")
        .await
        .expect_err("the last step fails");
    let from = ResumeRequest {
        from: Some("last".to_owned()),
        inputs: inputs(json!({"m": "production"})),
        ..resume_of("w")
    };
    let end = within(workflow_resume(&house.cx(), &from)).await;
    assert_eq!(suspended(end), ["main/gate"]);
    house.has_versions("one", "count", 1);
    let rejected = workflow_reject(&house.cx().with_actor(ada()), &request("w", "gate"));
    rejected.expect("it is open");
    let run = house.newest();
    assert_eq!(run.status, RunStatus::Failed);
    let n_last = run
        .calls
        .iter()
        .filter(|it| it.step.as_deref() == Some("main/last"));
    assert_eq!(n_last.count(), 1, "it is not made again");
}

/// Nothing behind the first gate is left, so its approval stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gate_without_anything_left_behind_it_stays_decided() {
    let mut house = House::new();
    let first = step("first", "one.add", "{}", &after(&["done"], "succeeded"));
    let [ask, behind] = guarded();
    workflow(&house, "w", &[gate("done", ""), first, ask, behind]);
    let mut open = suspended(house.workflow_run("w").await);
    open.sort();
    assert_eq!(open, ["main/done", "main/gate"]);
    approve(&house, "w", "done");
    suspended(resume(&mut house, "w").await);
    approve(&house, "w", "gate");
    let end = resume_with(&mut house, "w", "production").await;
    assert_eq!(suspended(end), ["main/gate"]);
    house.has_versions("one", "count", 1);
}

/// The approval in the nested workflow protects the step of the outer one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gate_of_a_nested_workflow_is_opened_again_if_an_input_of_the_outer_run_changes() {
    let mut house = House::new();
    let add = step("add", "one.add", "{}", &after(&["gate"], "succeeded"));
    house.workflow("inner", &[gate("gate", ""), add]);
    let behind = step(
        "behind",
        "sink.run",
        "{note: \"${{ inputs.m }}\"}",
        &after(&["nested"], "succeeded"),
    );
    workflow(&house, "outer", &[nested(""), behind]);
    let path = "main/nested/main/gate";
    assert_eq!(suspended(house.workflow_run("outer").await), [path]);
    approve(&house, "outer", path);
    let end = resume_with(&mut house, "outer", "production").await;
    assert_eq!(suspended(end), [path]);
    house.has_versions("one", "count", 0);
    approve(&house, "outer", path);
    succeeded(&resume(&mut house, "outer").await);
    assert_eq!(house.latest("sink", "record")["note"], "production");
}

/// The gate of a nested workflow that has ended cannot be opened again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inputs_that_an_ended_nested_workflow_approved_do_not_change() {
    let mut house = House::new();
    house.workflow("inner", &[gate("gate", "")]);
    let last = gate("last", &after(&["nested"], "succeeded"));
    let behind = step("behind", "sink.run", "{}", &after(&["last"], "succeeded"));
    workflow(&house, "outer", &[nested(""), last, behind]);
    suspended(house.workflow_run("outer").await);
    approve(&house, "outer", "main/nested/main/gate");
    // The decision has ended the nested workflow, whether or not its step knows that.
    let refused = resume_with(&mut house, "outer", "production").await;
    refused.expect_err("it was approved");
    assert_eq!(suspended(resume(&mut house, "outer").await), ["main/last"]);
    let refused = resume_with(&mut house, "outer", "production").await;
    let error = words(&refused.expect_err("it was approved"));
    assert!(error.contains("`main/nested/main/gate`"), "{error}");
    approve(&house, "outer", "last");
    succeeded(&resume(&mut house, "outer").await);
}

/// The user had to reject the gate once for each attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejected_gate_of_a_nested_workflow_is_not_retried() {
    let mut house = House::new();
    house.workflow("inner", &[gate("gate", "")]);
    house.workflow("outer", &[nested(", retry: {attempts: 3, backoff: 1s}")]);
    let gates = suspended(house.workflow_run("outer").await);
    let rejected = workflow_reject(&house.cx().with_actor(ada()), &request("outer", &gates[0]));
    rejected.expect("it is open");
    let end = resume(&mut house, "outer").await;
    let Err(AppError::Failed(RunFailed::Workflow(failed))) = end else {
        panic!("it should have failed: {end:?}");
    };
    assert_eq!(failed.faults.len(), 1, "{:?}", failed.faults);
}

/// A failure of the nested workflow that no user has caused is retried as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_nested_workflow_is_retried() {
    let house = House::new();
    let fails = step("no", "hostile.fail", "{code: no, message: no}", "");
    house.workflow("inner", &[fails]);
    house.workflow("outer", &[nested(", retry: {attempts: 2, backoff: 1s}")]);
    house.workflow_run("outer").await.expect_err("it fails");
    let is_retry = |event: &Event| matches!(event, Event::StepRetried { .. });
    let n_retries = house.seen.events().iter().filter(|it| is_retry(it)).count();
    assert_eq!(n_retries, 1);
}

/// The child run has its own text.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspended_run_continues_without_the_file_of_its_nested_workflow() {
    let mut house = House::new();
    let write = step("write", "sink.run", "{}", &after(&["gate"], "succeeded"));
    house.workflow("inner", &[gate("gate", ""), write]);
    house.workflow("outer", &[nested("")]);
    let gates = suspended(house.workflow_run("outer").await);
    approve(&house, "outer", &gates[0]);
    std::fs::remove_file(house.path().join("workflows/inner.yaml")).expect("it was written");
    succeeded(&resume(&mut house, "outer").await);
    house.has_versions("sink", "record", 1);
}
