//! Expressions with real data: what each function of data yields, and the arguments of calls and
//! steps that have expressions.

use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::AppError;
use sedge_app::expression::eval::{EvalRequest, eval};
use sedge_app::model::evaluate::model_evaluate;
use sedge_app::types::{GivenInput, GivenInputs, RunStatus};
use sedge_app::workflow::evaluate::workflow_evaluate;
use sedge_app::workflow::run::{WorkflowRunRequest, workflow_run};
use serde_json::{Value, json};

use crate::fixture::{House, words};

async fn evaluated(house: &House, expression: &str) -> Result<Value, AppError> {
    let request = EvalRequest {
        expression: expression.to_owned(),
        ..EvalRequest::default()
    };
    Ok(eval(&house.cx(), &request).await?.value)
}

async fn check(house: &House, expression: &str, expect: Value) {
    match evaluated(house, expression).await {
        Ok(value) => assert_eq!(value, expect, "{expression}"),
        Err(error) => panic!("{expression}: {}", words(&error)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tried_expression_shows_the_name_of_a_secret_and_never_its_value() {
    let house = House::new();
    check(&house, "secret('TOKEN')", json!("[secret TOKEN]")).await;
    let vault = json!({"a": ["[secret prod.db]"]});
    check(&house, "{'a': [vault.get('prod', 'db')]}", vault).await;
    let written =
        "globalArguments:\n  a: {secret: TOKEN}\n  b: \"Bearer ${{ secret('TOKEN') }}\"\n";
    house.model("holder", "@test/counter", written);
    let request = EvalRequest {
        expression: "self.globalArguments".to_owned(),
        model: Some("holder".to_owned()),
        ..EvalRequest::default()
    };
    let shown = eval(&house.cx(), &request).await;
    let expect = json!({"a": "[secret TOKEN]", "b": "Bearer [secret TOKEN]"});
    assert_eq!(shown.expect("it has a value").value, expect);
}

async fn check_fault(house: &House, expression: &str, expect: &str) {
    let error = evaluated(house, expression).await.expect_err(expression);
    let message = words(&error);
    assert!(message.contains(expect), "{expression}: {message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_of_data_yield_records() {
    let house = House::new();
    for note in ["one", "two"] {
        house.value("sink", "run", json!({"note": note})).await;
    }
    house
        .value("sink-two", "run", json!({"note": "other"}))
        .await;
    let cases = [
        (
            "data.latest('sink', 'record').attributes.note",
            json!("two"),
        ),
        ("data.latest('sink', 'record').version", json!(2)),
        ("data.latest('sink', 'record').specName", json!("record")),
        ("data.latest('sink', 'record').model", json!("sink")),
        (
            "data.latest('sink', 'record').content.contains('two')",
            json!(true),
        ),
        (
            "timestamp(data.latest('sink', 'record').createdAt) <= now",
            json!(true),
        ),
        (
            "data.version('sink', 'record', 1).attributes.note",
            json!("one"),
        ),
        ("data.version('sink', 'record', 1).isLatest", json!(false)),
        ("data.listVersions('sink', 'record')", json!([1, 2])),
        (
            "data.findBySpec('sink', 'record').map(it, it.attributes.note)",
            json!(["two"]),
        ),
        ("data.findByTag('no', 'such')", json!([])),
        ("data.query('specName == \"record\"').size()", json!(2)),
        (
            "data.query('attributes.note == \"other\"', 'modelName')",
            json!(["sink-two"]),
        ),
        (
            "data.query('modelName == \"sink\" && version > 0', 'version')",
            // Only a condition that names a version reaches those that are not the latest.
            json!([2]),
        ),
        (
            "data.query('modelName == \"sink\" && version == 1', 'version')",
            json!([1]),
        ),
        ("has(data.latest('sink', 'none').attributes)", json!(false)),
        (
            "data.latest('none', 'none').?attributes.note.orValue('-')",
            json!("-"),
        ),
        ("model.sink.definition.name", json!("sink")),
        ("model.sink-two.input.type", json!("@sedge/sink")),
    ];
    for (expression, expect) in cases {
        check(&house, expression, expect).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_data_is_named_with_the_nearest() {
    let house = House::new();
    house.value("sink", "run", json!({"note": "one"})).await;
    let cases = [
        (
            "data.latest('sink', 'recrod')",
            "has no data `recrod`; did you mean `record`?",
        ),
        (
            "data.latest('snik', 'record')",
            "no model named `snik`; did you mean `sink`?",
        ),
        (
            "data.latest('counter', 'count')",
            "the model `counter` has no data yet",
        ),
        (
            "data.version('sink', 'record', 7)",
            "has no version 7; the latest is 1",
        ),
        (
            "data.version('sink', 'record', 0)",
            "argument 3 of `data.version` has to be",
        ),
        ("data.query('nmae == 1')", "there is no variable `nmae`"),
        ("data.query('name > 1')", "does not take `string` and `int`"),
        ("file.contents('sink', 'record2')", "has no data `record2`"),
        (
            "model.snik.definition",
            "no model named `snik`; did you mean `sink`?",
        ),
        ("env.HOME", "write `expressions: {env: [HOME]}`"),
        (
            "secret('TOKEN') == 'a'",
            "can be neither compared nor computed with",
        ),
    ];
    for (expression, expect) in cases {
        check_fault(&house, expression, expect).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_that_refer_to_each_other_end() {
    let house = House::new();
    let refers = |other: &str| {
        format!(
            "tags: {{a: b}}\nglobalArguments:\n  a: \"${{{{ model.{other}.definition.name }}}}\"\n"
        )
    };
    house.model("one", "@test/counter", &refers("two"));
    house.model("two", "@test/counter", &refers("one"));
    check_fault(
        &house,
        "model.one.input.name",
        "refer to each other: one → two → one",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stored_arguments_are_evaluated_when_a_method_is_called() {
    let house = House::new();
    house.model(
        "copy",
        "@sedge/sink",
        "inputs:\n  prefix: {type: string, default: from}\nmethods:\n  run:\n    arguments:\n      \
         note: \"${{ inputs.prefix }} ${{ data.latest('sink', 'record').attributes.note }}\"\n",
    );
    let error = house
        .run("copy", "run", json!({}))
        .await
        .expect_err("no data yet");
    let message = words(&error);
    assert!(message.contains("models/copy.yaml:8:"), "{message}");
    house.value("sink", "run", json!({"note": "one"})).await;
    house.value("copy", "run", json!({})).await;
    assert_eq!(house.latest("copy", "record")["note"], "from one");
    house.value("sink", "run", json!({"note": "two"})).await;
    house.value("copy", "run", json!({"prefix": "with"})).await;
    assert_eq!(house.latest("copy", "record")["note"], "with two");
    house.value("copy", "run", json!({"note": "given"})).await;
    assert_eq!(house.latest("copy", "record")["note"], "given");
}

/// A step that writes what a step before it wrote.
const CHAIN: &str = "name: chain
inputs: {first: {type: string}}
jobs:
  - name: main
    steps:
      - name: write
        task:
          type: model_method
          modelIdOrName: \"${{ 'si' + 'nk' }}\"
          methodName: run
          inputs: {note: \"${{ inputs.first }}\"}
      - name: copy
        dependsOn: [{step: write}]
        task:
          type: model_method
          modelIdOrName: sink-two
          methodName: run
          inputs: {note: \"${{ data.latest('sink', 'record').attributes.note + '!' }}\"}
      - name: tell
        dependsOn: [{step: copy}]
        task:
          type: model_method
          modelIdOrName: sink-two
          methodName: run
          inputs: {note: \"${{ steps.copy.status }} ${{ steps.write.data[0].attributes.note }}\"}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_are_evaluated_when_they_begin() {
    let house = House::new();
    house.write("workflows/chain.yaml", CHAIN);
    let request = WorkflowRunRequest {
        inputs: GivenInputs {
            over: vec![GivenInput::text("first", "a")],
            ..GivenInputs::default()
        },
        ..WorkflowRunRequest::of("chain")
    };
    match workflow_run(&house.cx(), &request).await {
        Ok(WorkflowEnd::Succeeded { run, .. }) => {
            assert_eq!(house.show(&run).status, RunStatus::Succeeded);
        }
        other => panic!("it should have succeeded: {other:?}"),
    }
    assert_eq!(house.latest("sink", "record")["note"], "a");
    assert_eq!(house.latest("sink-two", "record")["note"], "succeeded a");
    house.has_versions("sink-two", "record", 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workflow_is_evaluated_without_a_run() {
    let house = House::new();
    house.write("workflows/chain.yaml", CHAIN);
    let given = GivenInputs {
        over: vec![GivenInput::text("first", "a")],
        ..GivenInputs::default()
    };
    let shown = workflow_evaluate(&house.cx(), "chain", &given).await;
    let file = shown.expect("it has values").file;
    let steps = &file.content["jobs"][0]["steps"];
    assert_eq!(steps[0]["task"]["modelIdOrName"], "sink");
    assert_eq!(steps[0]["task"]["inputs"]["note"], "a");
    // The data is not there before a run.
    let left: Vec<&str> = file.unevaluated.iter().map(|it| it.path.as_str()).collect();
    let note = |step: u32| format!("/jobs/0/steps/{step}/task/inputs/note");
    assert_eq!(left, [note(1), note(2)]);
    assert_eq!(
        file.unevaluated[0].reason,
        "the model `sink` has no data yet"
    );
}

/// A definition with an input that each run has to give.
const PLACED: &str = "name: placed
type: \"@sedge/sink\"
inputs:
  hosts: {type: array, required: true}
  region: {type: string, default: eu}
methods:
  run:
    arguments:
      note: \"${{ inputs.region }}\"
      value: \"${{ inputs.hosts }}\"
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definition_is_evaluated_with_the_inputs_that_are_given() {
    let house = House::new();
    house.write("models/placed.yaml", PLACED);
    let shown = model_evaluate(&house.cx(), "placed", &GivenInputs::default()).await;
    let file = shown.expect("it is shown").file;
    let arguments = &file.content["methods"]["run"]["arguments"];
    assert_eq!(arguments["note"], "eu");
    assert_eq!(arguments["value"], "${{ inputs.hosts }}");
    let reasons: Vec<&str> = file
        .unevaluated
        .iter()
        .map(|it| it.reason.as_str())
        .collect();
    let reason = "the input `hosts` is not given; set it with `--input`";
    assert_eq!(reasons, [reason]);
    let given = GivenInputs {
        over: vec!["hosts:json=[\"a\"]".parse().expect("an input")],
        ..GivenInputs::default()
    };
    let shown = model_evaluate(&house.cx(), "placed", &given).await;
    let file = shown.expect("it has values").file;
    let arguments = &file.content["methods"]["run"]["arguments"];
    assert_eq!(arguments["value"], json!(["a"]));
    assert_eq!(file.unevaluated, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_of_a_definition_are_evaluated_when_a_call_begins() {
    let house = House::new();
    house.model(
        "sink",
        "@sedge/sink",
        "inputs: {region: {type: string, default: eu}}\n\
         tags: {region: \"${{ inputs.region }}\", owner: \"${{ self.name }}-team\", \
         n: \"${{ 1 + 1 }}\", plain: a, escaped: \"$${{ x }}\"}\n",
    );
    let tags = async |arguments: Value| {
        house.value("sink", "run", arguments).await;
        let record = "data.latest('sink', 'record').tags";
        evaluated(&house, record).await.expect("there is data")
    };
    let expect = |region: &str| {
        json!({
            "region": region, "owner": "sink-team", "n": "2", "plain": "a", "escaped": "${{ x }}",
        })
    };
    assert_eq!(tags(json!({})).await, expect("eu"));
    assert_eq!(tags(json!({"region": "us"})).await, expect("us"));
}

/// An input of a wrong type used to be ignored, and its default to be used.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eval_refuses_inputs_that_do_not_fit() {
    let house = House::new();
    house.model(
        "sink",
        "@sedge/sink",
        "inputs: {n: {type: integer, default: 1}, needed: {type: string}}\n",
    );
    let request = |input: &str| EvalRequest {
        expression: "inputs.n".to_owned(),
        model: Some("sink".to_owned()),
        inputs: vec![input.parse::<GivenInput>().expect("an input")],
        ..EvalRequest::default()
    };
    let evaluation = eval(&house.cx(), &request("n=7")).await;
    assert_eq!(evaluation.expect("it fits").value, 7);
    for wrong in ["n=seven", "other=1"] {
        let refused = eval(&house.cx(), &request(wrong)).await;
        let message = words(&refused.expect_err(wrong));
        assert!(
            message.contains("the inputs of `sink` do not fit"),
            "{message}"
        );
    }
}
