//! The variables of the environment that expressions have read are recorded with the data that may
//! contain their values: names, never values.
//!
//! No variable is set here: an expression that asks for one with `?` has read it, too.

use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::data::query::{DataQueryRequest, data_query};
use serde_json::json;

use crate::fixture::text::{after, step};
use crate::fixture::{House, until, versions_of, words};
use crate::shown::collected;

/// Returns an expression, as a text in quotes, that reads a variable. Its value is a number.
fn reads(name: &str) -> String {
    format!("\"${{{{ size(env.?{name}.orValue('')) }}}}\"")
}

/// Returns the same with a text as its value.
fn reads_text(name: &str) -> String {
    format!("\"${{{{ env.?{name}.orValue('none') }}}}\"")
}

/// Returns a repository whose expressions may read the variables `E_1` to `E_9`.
fn house() -> House {
    let house = House::new();
    let names: Vec<String> = (1..=9).map(|n| format!("E_{n}")).collect();
    let granted = format!("version: 1\nexpressions: {{env: [{}]}}\n", names.join(", "));
    house.write("sedge.yaml", &granted);
    house
}

/// Returns the variables that are recorded with the latest version of a name.
#[track_caller]
fn recorded(house: &House, model: &str, name: &str) -> Vec<String> {
    let versions = versions_of(&house.repository, model, name).expect("they can be read");
    let latest = versions.into_iter().find(|it| it.latest);
    latest.expect("it was written").written_by.environment
}

#[track_caller]
fn succeeded(end: Result<WorkflowEnd, sedge_app::AppError>) {
    match end {
        Ok(WorkflowEnd::Succeeded { .. }) => {}
        Ok(other) => panic!("{other:?}"),
        Err(error) => panic!("{}", words(&error)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn variables_of_a_definition_are_recorded() {
    let house = house();
    let stored = format!(
        "tags: {{team: {}}}\nmethods: {{run: {{arguments: {{steps: [{{write: [x, {}]}}]}}}}}}\n",
        reads_text("E_1"),
        reads("E_2")
    );
    house.model("own", "@test/nester", &stored);
    house.value("own", "run", json!({})).await;
    assert_eq!(recorded(&house, "own", "x"), ["E_1", "E_2"]);
    // A definition that another one refers to.
    let through = "methods: {run: {arguments: {steps: [{write: [x, \
                   \"${{ model.other.definition.globalArguments.place }}\"]}]}}}\n";
    house.model(
        "other",
        "@test/counter",
        &format!("globalArguments: {{place: {}}}\n", reads("E_3")),
    );
    house.model("through", "@test/nester", through);
    house.value("through", "run", json!({})).await;
    assert_eq!(recorded(&house, "through", "x"), ["E_3"]);
    // Without an expression, there is none.
    house.value("sink", "run", json!({"note": "n"})).await;
    assert_eq!(recorded(&house, "sink", "record"), Vec::<String>::new());
    let request = DataQueryRequest {
        predicate: "'E_3' in environment".to_owned(),
        select: None,
        since: None,
        all_versions: false,
    };
    let found = collected(|take| data_query(&house.cx(), &request, take));
    let found: Vec<String> = found.into_iter().map(|it| it.version.model).collect();
    assert_eq!(found, ["through"]);
}

/// A nested call gets values from its caller, and a nested workflow from its step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn variables_of_steps_reach_all_that_they_call() {
    let house = house();
    for name in ["a", "b", "c", "d", "e"] {
        house.model(name, "@test/nester", "");
    }
    let inner = format!(
        "name: inner\ninputs: {{given: integer}}\njobs: [{{name: main, steps: [{{name: s, task: \
         {{type: model_method, modelIdOrName: c, methodName: run, inputs: {{steps: [{{write: [x, {}]}}]}}}}}}]}}]\n",
        reads("E_4")
    );
    house.write("workflows/inner.yaml", &inner);
    let nested = format!(
        "      - {{name: nested, task: {{type: workflow, workflowIdOrName: inner, inputs: {{given: {}}}}}}}\n",
        reads("E_3")
    );
    let steps = [
        step(
            "calls",
            "a.run",
            &format!(
                "{{steps: [{{write: [x, 1]}}, {{call: [b, [{{write: [x, {}]}}]]}}]}}",
                reads("E_2")
            ),
            "",
        ),
        nested,
        step(
            "each",
            "d.run",
            "{steps: [{write: [x, \"${{ self.it }}\"]}]}",
            &format!(", forEach: {{item: it, in: [{}]}}", reads("E_5")),
        ),
        step("plain", "e.run", "{steps: [{write: [x, 1]}]}", ""),
    ];
    house.write(
        "workflows/outer.yaml",
        &format!(
            "name: outer\ntags: {{place: {}}}\njobs:\n  - name: main\n    steps:\n{}",
            reads_text("E_1"),
            steps.concat()
        ),
    );
    succeeded(house.workflow_run("outer").await);
    assert_eq!(recorded(&house, "a", "x"), ["E_1", "E_2"]);
    assert_eq!(recorded(&house, "b", "x"), ["E_1", "E_2"]);
    assert_eq!(recorded(&house, "c", "x"), ["E_1", "E_3", "E_4"]);
    assert_eq!(recorded(&house, "d", "x"), ["E_1", "E_5"]);
    assert_eq!(recorded(&house, "e", "x"), ["E_1"]);
}

/// A step that was interrupted runs with the inputs that are stored. They are not evaluated again, so the
/// names are stored with them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn variables_are_recorded_also_after_an_interruption() {
    let mut house = house();
    for name in ["a", "b"] {
        house.model(name, "@test/nester", "");
    }
    let waits = format!(
        "{{steps: [{{await: [counter, count]}}, {{write: [x, {}]}}]}}",
        reads("E_2")
    );
    let each = format!(", forEach: {{item: it, in: [{}]}}", reads("E_3"));
    let later = format!("{each}{}", after(&["first"], "succeeded"));
    let steps = [
        step("first", "a.run", &waits, ""),
        step("later", "b.run", "{steps: [{write: [x, 1]}]}", &later),
    ];
    house.workflow("w", &steps);
    tokio::select! {
        end = house.workflow_run("w") => panic!("not interrupted: {end:?}"),
        () = until("the first step waits", || {
            house.locks().iter().any(|it| it.held && it.model.as_deref() == Some("a"))
        }) => {}
    }
    house.reopen().await;
    house.value("counter", "add", json!({})).await;
    succeeded(house.workflow_resume("w").await);
    assert_eq!(recorded(&house, "a", "x"), ["E_2"]);
    assert_eq!(recorded(&house, "b", "x"), ["E_3"]);
}
