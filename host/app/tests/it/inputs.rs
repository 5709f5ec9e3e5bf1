//! Inputs of workflows and definitions: checked before a run is created, stored with it, and
//! unchanged when it is resumed.

use sedge_api::problem::{ErrorCode, Explain};
use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::AppError;
use sedge_app::model::method_run::{ModelMethodRunRequest, model_method_run};
use sedge_app::run::show::run_show;
use sedge_app::types::{GivenInput, GivenInputs};
use sedge_app::workflow::gates::{GateRequest, workflow_approve};
use sedge_app::workflow::run::{WorkflowRunRequest, workflow_run};
use serde_json::{Value, json};

use crate::fixture::text::{after, gate, step};
use crate::fixture::{House, within};

/// Writes a workflow whose step after a gate notes its inputs.
fn deploy(house: &House, default: &str) {
    let inputs = "{note: \"${{ inputs.replicas }} in ${{ inputs.region }}\"}";
    let note = step("note", "sink.run", inputs, &after(&["gate"], "succeeded"));
    let text = format!(
        "name: deploy\ninputs:\n  region: {{type: string, default: {default}}}\n  \
         replicas: {{type: integer, required: true}}\njobs:\n  - name: main\n    steps:\n{}{note}",
        gate("gate", "")
    );
    house.write("workflows/deploy.yaml", &text);
}

fn given(inputs: &[&str]) -> Vec<GivenInput> {
    let parsed = inputs.iter().map(|it| it.parse().expect("an input"));
    parsed.collect()
}

async fn run(house: &House, inputs: &[&str]) -> Result<WorkflowEnd, AppError> {
    let request = WorkflowRunRequest {
        inputs: GivenInputs {
            over: given(inputs),
            ..GivenInputs::default()
        },
        ..WorkflowRunRequest::of("deploy")
    };
    within(workflow_run(&house.cx(), &request)).await
}

fn shown(house: &House) -> Value {
    let report = run_show(&house.cx(), None).expect("there is a run");
    report.inputs.map_or(Value::Null, Value::Object)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resumed_run_uses_the_stored_inputs() {
    let mut house = House::new();
    deploy(&house, "eu");
    let end = run(&house, &["replicas=2"]).await.expect("it waits");
    assert!(matches!(end, WorkflowEnd::Suspended { .. }), "{end:?}");
    let stored = json!({"replicas": 2, "region": "eu"});
    assert_eq!(shown(&house), stored);
    // The run does not see another default.
    deploy(&house, "us");
    house.reopen().await;
    let gate = GateRequest {
        workflow: "deploy".to_owned(),
        gate: "gate".to_owned(),
        run: None,
        comment: None,
        shown: None,
    };
    workflow_approve(&house.cx().with_actor(crate::fixture::ada()), &gate).expect("it is open");
    let end = house.workflow_resume("deploy").await.expect("it succeeds");
    assert!(matches!(end, WorkflowEnd::Succeeded { .. }), "{end:?}");
    assert_eq!(house.latest("sink", "record")["note"], "2 in eu");
    assert_eq!(shown(&house), stored);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_inputs_create_no_run() {
    let house = House::new();
    deploy(&house, "eu");
    let check = async |inputs: &[&str], code: ErrorCode, causes: &[&str]| {
        let error = run(&house, inputs).await.expect_err("they are bad");
        assert_eq!(error.code(), code, "{error:?}");
        assert_eq!(error.causes(), causes, "{inputs:?}");
        run_show(&house.cx(), None).expect_err("there is none");
    };
    check(
        &["regoin=us"],
        ErrorCode::InvalidInput,
        &[
            "/regoin: there is no such input; did you mean `region`?",
            "/replicas: it is required, and was not given",
        ],
    )
    .await;
    check(&["replicas=1", "replicas=2"], ErrorCode::BadInput, &[]).await;
    house.workflow("deploy", &[step("note", "sink.run", "{}", "")]);
    check(
        &["replicas=1"],
        ErrorCode::InvalidInput,
        &["`replicas` was given"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn input_of_a_definition_is_separate_from_the_arguments() {
    let house = House::new();
    let more = "inputs: {prefix: {type: string, default: none}}\n\
                methods: {run: {arguments: {note: \"${{ inputs.prefix }}!\"}}}\n";
    house.model("sink", "@sedge/sink", more);
    let run = async |inputs: &[&str]| {
        let request = ModelMethodRunRequest {
            model: "sink".to_owned(),
            method: "run".to_owned(),
            inputs: given(inputs),
            ..ModelMethodRunRequest::default()
        };
        let ran = within(model_method_run(&house.cx(), &request)).await;
        ran.map(|ran| ran.value["note"].clone())
    };
    assert_eq!(run(&[]).await.expect("it succeeds"), "none!");
    assert_eq!(run(&["prefix=a"]).await.expect("it succeeds"), "a!");
    // A given argument is laid over the stored one.
    let both = run(&["prefix=a", "note=b"]).await;
    assert_eq!(both.expect("it succeeds"), "b");
    let error = run(&["prefix:json=1"]).await.expect_err("a number");
    assert_eq!(error.code(), ErrorCode::InvalidInput, "{error:?}");
}
