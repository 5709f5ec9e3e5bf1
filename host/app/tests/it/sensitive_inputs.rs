//! Sensitive inputs of workflows: they are sealed with their run, methods receive them, and no output
//! shows them. Also the inputs with which steps were started.

use std::fs;

use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::run::cancel::run_cancel;
use sedge_app::run::show::run_show;
use sedge_app::secret::put::secret_put;
use sedge_app::secret::secret_rotate;
use sedge_app::types::{RunStatus, SecretValue};
use sedge_app::workflow::dry_run::workflow_dry_run;
use sedge_app::workflow::gates::{GateRequest, workflow_approve};
use sedge_app::workflow::resume::{ResumeRequest, workflow_resume};
use sedge_app::workflow::run::{WorkflowRunRequest, workflow_run};
use sedge_app::{AppError, Cx, RunFailed};
use sedge_store::Store;
use sedge_sys::folder::Folder;
use serde_json::{Map, Value, json};

use crate::fixture::{House, until, within, words};
use crate::sealed::files_with;

/// The value that must not appear anywhere.
const CANARY: &str = "canary of the inputs";

const WORKFLOW: &str = "
name: w
inputs:
  token: {type: string, sensitive: true}
  login: {type: object, properties: {user: {type: string}, pin: {type: integer, sensitive: true}}}
jobs:
  - name: main
    steps:
      - {name: first, task: {type: model_method, modelIdOrName: vault, methodName: put, inputs: {name: first, parts: [\"${{ inputs.token }}\", \"\"]}}}
      - {name: note, dependsOn: [first], task: {type: model_method, modelIdOrName: sink, methodName: run, inputs: {note: \"Bearer ${{ inputs.token }}, ${{ inputs.login.user }}\"}}}
      - {name: gate, dependsOn: [note], task: {type: manual_approval, prompt: \"Use ${{ inputs.token }}?\"}}
      - {name: second, dependsOn: [gate], task: {type: model_method, modelIdOrName: vault, methodName: put, inputs: {name: second, parts: [\"${{ inputs.token }}\", \"\"]}}}
";

fn house() -> House {
    let house = House::new();
    house.model("vault", "@test/sealer", "");
    house.write("workflows/w.yaml", WORKFLOW);
    house
}

fn request(inputs: Value) -> WorkflowRunRequest {
    let mut request = WorkflowRunRequest::of("w");
    request.inputs.item = request_inputs(inputs);
    request
}

fn request_inputs(inputs: Value) -> Map<String, Value> {
    inputs.as_object().expect("an object").clone()
}

async fn run(house: &House, inputs: Value) -> Result<WorkflowEnd, AppError> {
    within(workflow_run(&house.cx(), &request(inputs))).await
}

async fn resume(cx: &Cx, request: ResumeRequest) -> Result<WorkflowEnd, AppError> {
    within(workflow_resume(cx, &request)).await
}

fn resumed() -> ResumeRequest {
    ResumeRequest {
        workflow: "w".to_owned(),
        ..ResumeRequest::default()
    }
}

/// Returns whether a method of `vault` sees the value in a field that it has written.
async fn has_canary(house: &House, name: &str) -> bool {
    let shown = house.value("vault", "show", json!({"name": name})).await;
    let backwards = shown["backwards"].as_str().expect("a text");
    backwards.contains(&CANARY.chars().rev().collect::<String>())
}

fn given() -> Value {
    json!({"token": CANARY, "login": {"user": "ann", "pin": 987_654}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sensitive_input_reaches_methods_and_is_never_shown() {
    let house = house();
    let end = run(&house, given()).await.expect("it waits at its gate");
    assert!(matches!(end, WorkflowEnd::Suspended { .. }), "{end:?}");
    assert!(has_canary(&house, "first").await);
    let note = house.latest("sink", "record")["note"].clone();
    assert_eq!(note, "Bearer [sealed], ann");
    let WorkflowEnd::Suspended { run: id, .. } = end else {
        panic!("it waits");
    };
    let report = run_show(&house.cx(), Some(&id)).expect("a run");
    let inputs = report.inputs.map(Value::Object);
    let expect = json!({"token": "[sealed]", "login": {"user": "ann", "pin": "[sealed]"}});
    assert_eq!(inputs, Some(expect));
    let events = house.show(&id).events;
    assert!(
        format!("{events:?}").contains("Use [sealed]?"),
        "{events:?}"
    );
    for text in [CANARY, "987654"] {
        let found = files_with(house.path(), text);
        assert_eq!(found, Vec::<String>::new(), "{text}");
    }
    let sealed = files_with(&house.path().join(".sedge/store"), "$sealed");
    assert!(!sealed.is_empty(), "the search would find it");

    // Another process resumes the run after the key was replaced.
    secret_rotate(&house.cx()).expect("it can be rotated");
    let other = house.cx_in(&house.other_process());
    let gate = GateRequest {
        workflow: "w".to_owned(),
        gate: "gate".to_owned(),
        run: None,
        comment: None,
        shown: None,
    };
    workflow_approve(&other, &gate).expect("the gate is open");
    let end = resume(&other, resumed()).await.expect("it goes on");
    assert!(matches!(end, WorkflowEnd::Succeeded { .. }), "{end:?}");
    assert!(has_canary(&house, "second").await);
    assert_eq!(files_with(house.path(), CANARY), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sensitive_input_is_neither_compared_nor_recorded() {
    let house = house();
    let step = |more: &str| {
        format!(
            "name: w\ninputs: {{token: {{type: string, sensitive: true}}}}\njobs:\n  - name: main\n    \
             steps:\n      - {{name: s, task: {{type: model_method, modelIdOrName: sink, methodName: run}}{more}}}\n"
        )
    };
    let check = async |text: &str, expect: &str| {
        house.write("workflows/w.yaml", text);
        let error = run(&house, json!({"token": CANARY})).await;
        let error = error.expect_err("it is refused");
        let mut shown = words(&error);
        if let AppError::Failed(RunFailed::Workflow(failed)) = &error {
            shown = format!("{:?}", failed.faults);
        }
        assert!(shown.contains(expect), "{shown}");
        assert!(!shown.contains(CANARY), "{shown}");
    };
    let compared = "can be neither compared nor computed with";
    check(&step(", guard: \"inputs.token == 'x'\""), compared).await;
    let recorded = "it becomes part of a record";
    check(&step(", tags: {t: \"x ${{ inputs.token }}\"}"), recorded).await;
    let labelled = step("").replace("name: w\n", "name: w\ntags: {t: \"${{ inputs.token }}\"}\n");
    check(&labelled, recorded).await;
    let forged = run(
        &house,
        json!({"token": {"$sealed": {"key": "", "value": ""}}}),
    )
    .await;
    let error = words(&forged.expect_err("it is no text"));
    assert!(error.contains("do not fit its schema"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dry_run_shows_no_sensitive_input() {
    let house = house();
    let planned = within(workflow_dry_run(&house.cx(), &request(given()))).await;
    let planned = serde_json::to_string(&planned.expect("it would run")).expect("plain data");
    assert!(
        !planned.contains(CANARY) && !planned.contains("987654"),
        "{planned}"
    );
    assert!(planned.contains("Bearer [sealed], ann"), "{planned}");
}

/// A nested workflow gets a sensitive input only if its own one is sensitive as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sensitive_input_is_handed_to_a_sensitive_input_of_a_nested_workflow() {
    let house = house();
    let outer = "
name: w
inputs: {token: {type: string, sensitive: true}}
jobs:
  - name: main
    steps:
      - {name: nested, task: {type: workflow, workflowIdOrName: inner, inputs: {key: \"${{ inputs.token }}\"}}}
";
    house.write("workflows/w.yaml", outer);
    let inner = |more: &str| {
        let text = format!(
            "name: inner\ninputs: {{key: {{type: string{more}}}}}\njobs:\n  - name: main\n    steps:\n      \
             - {{name: s, task: {{type: model_method, modelIdOrName: vault, methodName: put, inputs: \
             {{name: inner, parts: [\"${{{{ inputs.key }}}}\", \"\"]}}}}}}\n"
        );
        house.write("workflows/inner.yaml", &text);
    };
    inner("");
    let error = run(&house, json!({"token": CANARY})).await;
    let Err(AppError::Failed(RunFailed::Workflow(failed))) = error else {
        panic!("it should have failed: {error:?}");
    };
    let faults = format!("{:?}", failed.faults);
    assert!(faults.contains("`sensitive: true` as well"), "{faults}");
    inner(", sensitive: true");
    run(&house, json!({"token": CANARY}))
        .await
        .expect("it succeeds");
    assert!(has_canary(&house, "inner").await);
    assert_eq!(files_with(house.path(), CANARY), Vec::<String>::new());
}

/// Inputs that contain the value of a secret are stored sealed, so each attempt runs with the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_attempt_runs_with_the_inputs_of_the_first_also_if_they_contain_a_secret() {
    let house = house();
    house.value("sink", "run", json!({"note": CANARY})).await;
    let value = SecretValue::new(CANARY.as_bytes().to_vec()).expect("a value");
    let name = "TOKEN".parse().expect("a name");
    secret_put(&house.cx(), &name, &value, false).expect("it can be put");
    let text = "
name: w
jobs:
  - name: main
    steps:
      - name: s
        retry: {attempts: 2, backoff: 1}
        task: {type: model_method, modelIdOrName: hostile, methodName: fail, inputs: {code: c, message: \"${{ data.latest('sink', 'record').attributes.note }}\"}}
";
    house.write("workflows/w.yaml", text);
    let error = run(&house, json!({})).await;
    let Err(AppError::Failed(RunFailed::Workflow(failed))) = error else {
        panic!("it should have failed: {error:?}");
    };
    let recorded = house.show(&failed.run);
    let messages: Vec<String> = recorded
        .calls
        .iter()
        .map(|it| it.arguments["message"].to_string())
        .collect();
    assert_eq!(messages, ["\"[secret TOKEN]\"", "\"[secret TOKEN]\""]);
    let folder = Folder::open(&house.path().join(".sedge/store")).expect("a datastore");
    let store = Store::open(&folder).expect("it is there");
    for call in [1, 2] {
        let task = store.step_task(&failed.run, call).expect("readable");
        let task = format!("{task:?}");
        assert!(task.contains("\\0s") && !task.contains(CANARY), "{task}");
    }
}

/// A key file that could not be read counted like a missing key: the input seemed to be another one, and
/// the resumption was refused because a step had used it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_cannot_be_read_are_an_error_and_not_a_changed_input() {
    let house = house();
    let end = run(&house, given()).await.expect("it waits at its gate");
    assert!(matches!(end, WorkflowEnd::Suspended { .. }), "{end:?}");
    let key = house.path().join(".sedge/secrets/fields.key");
    let intact = fs::read(&key).expect("the key of sealed fields");
    let again = || {
        let mut request = resumed();
        request.inputs.item = request_inputs(given());
        request
    };
    fs::write(&key, "damaged").expect("it can be written");
    let error = resume(&house.cx_in(&house.other_process()), again()).await;
    let error = error.expect_err("the key is damaged");
    assert!(
        matches!(error, AppError::Secret(_)),
        "the key is the cause: {}",
        words(&error)
    );
    fs::write(&key, intact).expect("it can be written");
    let end = resume(&house.cx_in(&house.other_process()), again()).await;
    assert!(matches!(end, Ok(WorkflowEnd::Suspended { .. })), "{end:?}");
}

/// Without `--run`, a failed run is found, and the error has suggested the command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newest_failed_run_begins_again_from_a_step() {
    let house = house();
    let text = |method: &str| {
        format!(
            "name: w\njobs:\n  - name: main\n    steps:\n      - {{name: s, task: {{type: model_method, \
             modelIdOrName: hostile, methodName: {method}, inputs: {{code: c, message: m}}}}}}\n"
        )
    };
    house.write("workflows/w.yaml", &text("fail"));
    let mut failed_runs = Vec::new();
    for _ in 0..2 {
        let error = run(&house, json!({})).await.expect_err("it fails");
        let AppError::Failed(RunFailed::Workflow(failed)) = error else {
            panic!("{error:?}");
        };
        let from = failed.faults[0].from.as_ref().map(ToString::to_string);
        assert_eq!(from.as_deref(), Some("main/s"));
        failed_runs.push(failed.run);
    }
    let request = ResumeRequest {
        from: Some("s".to_owned()),
        ..resumed()
    };
    let error = resume(&house.cx(), request).await;
    let Err(AppError::Failed(RunFailed::Workflow(failed))) = error else {
        panic!("it should have failed again: {error:?}");
    };
    assert_eq!(Some(&failed.run), failed_runs.last());
    assert_eq!(house.show(&failed.run).calls.len(), 2);
}

/// The values of a `forEach` that are beside the log are read when another process resumes the run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_values_of_for_each_are_the_same_after_an_interruption() {
    const N_ITEMS: u64 = 300;
    let house = house();
    let text = format!(
        "name: w\njobs:\n  - name: main\n    steps:\n      - {{name: each, concurrency: 1, forEach: {{item: it, in: \
         \"${{{{ range({N_ITEMS}).map(n, 'value number ' + string(n) + ' of a list that is too large for an event of the log') }}}}\"}}, \
         task: {{type: model_method, modelIdOrName: sink, methodName: run, inputs: {{note: \"${{{{ self.it }}}}\"}}}}}}\n"
    );
    house.write("workflows/w.yaml", &text);
    let cx = house.cx();
    let running =
        tokio::spawn(async move { workflow_run(&cx, &WorkflowRunRequest::of("w")).await });
    until("some steps have ended", || {
        house.versions("sink", "record").len() > 3
    })
    .await;
    running.abort();
    let is_released = || house.newest().status == RunStatus::Interrupted;
    until("the run is released", is_released).await;
    let other = house.cx_in(&house.other_process());
    let end = resume(&other, resumed());
    let end = end.await.expect("it succeeds");
    assert!(matches!(end, WorkflowEnd::Succeeded { .. }), "{end:?}");
    let note = house.latest("sink", "record")["note"].clone();
    let last = format!("value number {}", N_ITEMS - 1);
    assert!(
        note.as_str().is_some_and(|it| it.starts_with(&last)),
        "{note}"
    );
    let n_written = house.versions("sink", "record").last().copied();
    assert_eq!(n_written, Some(N_ITEMS));
}

/// Returns a repository with `starter`, and the workflow `passing`, whose step has these steps of
/// `starter`. It gets the sensitive input `token`.
fn passing(steps: &str) -> House {
    let house = house();
    house.model("starter", "@test/starter", "grants: {workflows: [\"*\"]}\n");
    let text = format!(
        "name: passing\ninputs: {{token: {{type: string, sensitive: true}}}}\njobs:\n  - name: main\n    \
         steps:\n      - {{name: s, task: {{type: model_method, modelIdOrName: starter, methodName: run, \
         inputs: {{steps: {steps}}}}}}}\n"
    );
    house.write("workflows/passing.yaml", &text);
    house
}

fn passing_request() -> WorkflowRunRequest {
    let mut request = WorkflowRunRequest::of("passing");
    let token = ("token".to_owned(), json!(CANARY));
    request.inputs.item.extend([token]);
    request
}

/// The nested call got the text `[sealed]` and took it for the value, and was then refused. The record of
/// the call has `[sealed]`, also when a later attempt compares its request with the record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sensitive_input_reaches_a_nested_call_and_is_not_recorded() {
    let house = passing(
        "[{call: [vault, take, {text: \"Bearer ${{ inputs.token }}\"}]}, \
         {call: [vault, put, {name: passed, parts: [\"${{ inputs.token }}\", \"\"]}]}, \
         {await: [counter, count]}]",
    );
    let cx = house.cx();
    let running = tokio::spawn(async move { workflow_run(&cx, &passing_request()).await });
    let has_written = || house.versions("vault", "passed").len() == 1;
    until("both nested calls have ended", has_written).await;
    running.abort();
    let is_released = || house.newest().status == RunStatus::Interrupted;
    until("the run is released", is_released).await;
    house.value("counter", "add", json!({})).await;
    let end = house.workflow_resume("passing").await;
    let Ok(WorkflowEnd::Succeeded { run, .. }) = end else {
        panic!("{end:?}");
    };
    let calls = house.show(&run).calls;
    let taken = calls.iter().find(|it| it.method.as_str() == "take");
    let taken = &taken.expect("it was called once").arguments;
    assert_eq!(*taken, json!({"text": "Bearer [sealed]"}));
    assert!(has_canary(&house, "passed").await);
    house.has_versions("vault", "passed", 1);
    assert_eq!(files_with(house.path(), CANARY), Vec::<String>::new());
}

/// The workflow that a method runs gets it, if its own input is sensitive as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sensitive_input_reaches_a_run_that_a_call_starts() {
    let house = passing("[{run: [inner, {key: \"${{ inputs.token }}\"}]}]");
    let inner = |more: &str| {
        let text = format!(
            "name: inner\ninputs: {{key: {{type: string{more}}}}}\njobs:\n  - name: main\n    steps:\n      \
             - {{name: s, task: {{type: model_method, modelIdOrName: vault, methodName: put, inputs: \
             {{name: inner, parts: [\"${{{{ inputs.key }}}}\", \"\"]}}}}}}\n"
        );
        house.write("workflows/inner.yaml", &text);
    };
    let outcome = async || {
        let end = within(workflow_run(&house.cx(), &passing_request())).await;
        assert!(matches!(end, Ok(WorkflowEnd::Succeeded { .. })), "{end:?}");
        let calls = house.newest().calls.into_iter();
        let mut starter = calls.filter(|it| it.model.as_str() == "starter");
        let outcome = starter.next().and_then(|it| it.outcome);
        outcome.expect("it succeeded").value[0].clone()
    };
    inner("");
    let refused = outcome().await;
    assert_eq!(refused["error"], "refused", "{refused}");
    let message = refused["message"].to_string();
    assert!(message.contains("`sensitive: true` as well"), "{message}");
    inner(", sensitive: true");
    let succeeded = outcome().await;
    assert!(succeeded["succeeded"].is_string(), "{succeeded}");
    assert!(has_canary(&house, "inner").await);
    assert_eq!(files_with(house.path(), CANARY), Vec::<String>::new());
}

/// A run stores the text of its workflow, so the value would be stored in plain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn value_of_a_sensitive_input_of_a_nested_workflow_is_not_written_in_the_outer_one() {
    let house = house();
    let outer = "
name: w
jobs:
  - name: main
    steps:
      - {name: nested, task: {type: workflow, workflowIdOrName: inner, inputs: {key: hunter2}}}
";
    house.write("workflows/w.yaml", outer);
    let inner = "
name: inner
inputs: {key: {type: string, sensitive: true}}
jobs:
  - name: main
    steps:
      - {name: s, task: {type: model_method, modelIdOrName: sink, methodName: run, inputs: {}}}
";
    house.write("workflows/inner.yaml", inner);
    let error = run(&house, json!({})).await.expect_err("it is refused");
    let mut faults = error.diagnostics().iter();
    let expect = "`key` is sensitive, and its value is written in the file";
    assert!(faults.any(|it| it.message == expect), "{error:?}");
    let stored = files_with(&house.path().join(".sedge/store"), "hunter2");
    assert_eq!(stored, Vec::<String>::new());
}

/// A user can paste a sensitive input into the comment of a decision, or into the reason for which a run
/// is cancelled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sensitive_input_in_a_comment_or_a_reason_is_not_stored() {
    let house = house();
    let suspended = async || match run(&house, given()).await {
        Ok(WorkflowEnd::Suspended { run, .. }) => run,
        other => panic!("it waits at its gate: {other:?}"),
    };
    let id = suspended().await;
    let gate = GateRequest {
        workflow: "w".to_owned(),
        gate: "gate".to_owned(),
        run: Some(id.clone()),
        comment: Some(format!("the token {CANARY} is right")),
        shown: None,
    };
    workflow_approve(&house.cx(), &gate).expect("it is open");
    let events = format!("{:?}", house.show(&id).events);
    assert!(events.contains("the token [sealed] is right"), "{events}");
    let id = suspended().await;
    let reason = format!("the token {CANARY} is wrong");
    let cancelled = run_cancel(&house.cx(), &id, Some(&reason)).expect("it can be cancelled");
    let expect = Some("the token [sealed] is wrong");
    assert_eq!(cancelled.cancelled.reason.as_deref(), expect);
    assert_eq!(files_with(house.path(), CANARY), Vec::<String>::new());
}

/// Data is found by its tags, so they are not masked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_with_a_sensitive_input_in_a_tag_is_refused() {
    let house = house();
    for (key, value) in [("ticket", format!("is {CANARY}")), (CANARY, "x".to_owned())] {
        let mut request = request(given());
        request.tags.insert(key.to_owned(), value);
        let ran = within(workflow_run(&house.cx(), &request)).await;
        let error = ran.expect_err("it is refused").to_string();
        assert!(
            error.contains("contains a secret or a sensitive input"),
            "{error}"
        );
        assert!(!error.contains(CANARY), "{error}");
    }
    assert_eq!(files_with(house.path(), CANARY), Vec::<String>::new());
    let mut request = request(given());
    request.tags.insert("ticket".to_owned(), "OPS-7".to_owned());
    let end = within(workflow_run(&house.cx(), &request)).await;
    assert!(matches!(end, Ok(WorkflowEnd::Suspended { .. })), "{end:?}");
}
