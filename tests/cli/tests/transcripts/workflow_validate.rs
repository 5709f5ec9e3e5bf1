//! `sedge workflow validate`

use sedge_test_kit::TestEnv;

use crate::fixtures::{A, with_workflows};
use crate::validate::findings;

#[test]
fn valid_workflow_passes() {
    let env = with_workflows();
    insta::assert_snapshot!(env.transcript("workflow validate A\nworkflow validate"), @"
    $ sedge workflow validate A
    ------- stderr -------
    Checked 1 workflow: nothing is wrong.

    $ sedge workflow validate
    ------- stderr -------
    Checked 2 workflows: nothing is wrong.
    ");
}

#[test]
fn as_json() {
    let env = with_workflows();
    insta::assert_snapshot!(env.run(["workflow", "validate", "A", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "isValid": true,
        "checked": {
          "definitions": 0,
          "workflows": 1,
          "plugins": 0
        },
        "errors": 0,
        "warnings": 0,
        "notes": 0,
        "findings": []
      }
    }
    "#);
}

#[test]
fn unknown_dependency_is_refused() {
    check(
        &A.replace(
            "name: spawn\n",
            "name: spawn\n        dependsOn: [{step: gaet}]\n",
        ),
        "error unknown-name workflows/C.yaml:7:28 there is no step named `gaet`",
    );
}

#[test]
fn cycle_is_refused() {
    check(
        "name: A
jobs:
  - name: main
    steps:
      - name: one
        dependsOn: [{step: two}]
        task: {type: manual_approval}
      - name: two
        dependsOn: [{step: one}]
        task: {type: manual_approval}
",
        "error cycle workflows/C.yaml:5:15 steps wait for each other: one -> two -> one",
    );
}

#[test]
fn workflow_that_runs_itself_is_refused() {
    check(
        "name: A
jobs:
  - name: main
    steps:
      - name: again
        task: {type: workflow, workflowIdOrName: C}
",
        "error cycle workflows/C.yaml:6:50 the workflow `C` runs itself",
    );
}

#[test]
fn unknown_model_method_and_inputs_are_refused() {
    check(
        &A.replace("modelIdOrName: spawn", "modelIdOrName: spwan"),
        "error unknown-name workflows/C.yaml:9:26 no model named `spwan`",
    );
    check(
        &A.replace("methodName: run", "methodName: rnu"),
        "error unknown-name workflows/C.yaml:10:23 the type `@sedge/spawn` has no method named",
    );
    check(
        &format!("{A}          inputs: {{count: 0}}\n"),
        "error schema workflows/C.yaml:11:27 the inputs of `run` do not fit its schema: /count",
    );
    check(
        &format!("{A}          inputs: {{count: 2, cuont: \"${{{{ 1 }}}}\"}}\n"),
        "error schema workflows/C.yaml:11:30 ",
    );
}

#[test]
fn unknown_workflow_is_refused() {
    let env = with_workflows();
    insta::assert_snapshot!(env.transcript("workflow validate AA\nworkflow validate AA --json"), @r#"
    $ sedge workflow validate AA
    ------- stderr -------
    error: no workflow named `AA`
    hint: see the workflows: `sedge workflow list`
    [exit status: 3]

    $ sedge workflow validate AA --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "workflow_missing",
        "class": "state",
        "message": "no workflow named `AA`",
        "causes": [],
        "help": [
          {
            "kind": "command",
            "purpose": "see the workflows",
            "useCase": "workflow_list",
            "arguments": {}
          }
        ]
      }
    }
    [exit status: 3]
    "#);
}

/// Checks that a workflow has an error that begins so.
#[track_caller]
fn check(workflow: &str, expect: &str) {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("workflows/C.yaml", workflow.replace("name: A", "name: C"));
    let found = findings(&env, "workflow validate C");
    let errors = found.iter().filter(|it| it.starts_with("error "));
    let errors: Vec<&String> = errors.collect();
    assert_eq!(errors.len(), 1, "{found:#?}");
    assert!(errors[0].starts_with(expect), "{found:#?}, not {expect}");
    assert_eq!(env.run(["workflow", "validate", "C"]).code(), Some(2));
}
