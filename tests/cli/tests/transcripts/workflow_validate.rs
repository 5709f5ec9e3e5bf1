//! `sedge workflow validate`

use sedge_test_kit::TestEnv;

use crate::fixtures::{A, with_workflows};

#[test]
fn valid_workflow_passes() {
    let env = with_workflows();
    insta::assert_snapshot!(env.transcript("workflow validate A\nworkflow validate B"), @"
    $ sedge workflow validate A
    ------- stderr -------
    The workflow `A` is valid: 1 step in 1 job.

    $ sedge workflow validate B
    ------- stderr -------
    The workflow `B` is valid: 2 steps in 1 job.
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
        "name": "A",
        "description": "One step, which calls another model",
        "exclusive": false,
        "file": "workflows/A.yaml",
        "jobs": [
          {
            "name": "main",
            "description": null,
            "dependsOn": [],
            "steps": [
              {
                "name": "spawn",
                "description": null,
                "task": {
                  "type": "model_method",
                  "modelIdOrName": "spawn",
                  "methodName": "run",
                  "inputs": {}
                },
                "dependsOn": [],
                "allowFailure": false
              }
            ]
          }
        ]
      }
    }
    "#);
}

#[test]
fn unknown_dependency_is_refused() {
    insta::assert_snapshot!(with_c(&A.replace("name: spawn\n", "name: spawn\n        dependsOn: [{step: gaet}]\n")), @"
    $ sedge workflow validate C
    ------- stderr -------
    error: there is no step named `gaet`
     --> workflows/C.yaml:7:28
      |
    7 |         dependsOn: [{step: gaet}]
      |                            ^^^^
    [exit status: 2]
    ");
}

#[test]
fn cycle_is_refused() {
    insta::assert_snapshot!(with_c("name: C
jobs:
  - name: main
    steps:
      - name: one
        dependsOn: [{step: two}]
        task: {type: manual_approval}
      - name: two
        dependsOn: [{step: one}]
        task: {type: manual_approval}
"), @"
    $ sedge workflow validate C
    ------- stderr -------
    error: steps wait for each other: one -> two -> one
     --> workflows/C.yaml:5:15
      |
    5 |       - name: one
      |               ^^^
    hint: remove one of these dependencies
    [exit status: 2]
    ");
}

#[test]
fn unknown_model_method_and_inputs_are_refused() {
    insta::assert_snapshot!(with_c(&A.replace("modelIdOrName: spawn", "modelIdOrName: spwan")), @"
    $ sedge workflow validate C
    ------- stderr -------
    error: no model named `spwan`
     --> workflows/C.yaml:9:26
      |
    9 |           modelIdOrName: spwan
      |                          ^^^^^
    hint: did you mean `spawn`?
    [exit status: 2]
    ");
    insta::assert_snapshot!(with_c(&A.replace("methodName: run", "methodName: rnu")), @"
    $ sedge workflow validate C
    ------- stderr -------
    error: the type `@sedge/spawn` has no method named `rnu`
      --> workflows/C.yaml:10:23
       |
    10 |           methodName: rnu
       |                       ^^^
    hint: did you mean `run`?
    [exit status: 2]
    ");
    insta::assert_snapshot!(with_c(&format!("{A}          inputs: {{count: 0}}\n")), @"
    $ sedge workflow validate C
    ------- stderr -------
    error: the arguments of `run` of `spawn` do not fit the schema
      --> workflows/C.yaml:11:19
       |
    11 |           inputs: {count: 0}
       |                   ^ /count: 0 is less than the minimum of 1
    hint: see the schema: `sedge plugin describe @sedge/spawn`
    [exit status: 2]
    ");
    insta::assert_snapshot!(with_c(&format!("{A}          inputs: {{cuont: 2}}\n")), @"
    $ sedge workflow validate C
    ------- stderr -------
    error: the arguments of `run` of `spawn` do not fit the schema
      --> workflows/C.yaml:11:19
       |
    11 |           inputs: {cuont: 2}
       |                   ^ Additional properties are not allowed ('cuont' was unexpected)
    hint: see the schema: `sedge plugin describe @sedge/spawn`
    [exit status: 2]
    ");
}

#[test]
fn unsupported_keys_are_refused() {
    insta::assert_snapshot!(with_c(&A.replace("type: model_method", "type: workflow")), @"
    $ sedge workflow validate C
    ------- stderr -------
    error: a task of type `workflow` is not supported by this version of Sedge
     --> workflows/C.yaml:8:17
      |
    8 |           type: workflow
      |                 ^^^^^^^^
    [exit status: 2]
    ");
    insta::assert_snapshot!(with_c(&A.replace("name: spawn\n", "name: spawn\n        forEach: {item: x, in: [1]}\n")), @"
    $ sedge workflow validate C
    ------- stderr -------
    error: the key `forEach` is not supported here by this version of Sedge
     --> workflows/C.yaml:7:9
      |
    7 |         forEach: {item: x, in: [1]}
      |         ^^^^^^^
    hint: remove it; this version of Sedge does not implement it
    [exit status: 2]
    ");
}

#[test]
fn unknown_workflow_is_refused() {
    let env = with_workflows();
    insta::assert_snapshot!(env.transcript("workflow validate AA\nworkflow validate AA --json\nworkflow validate"), @r#"
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

    $ sedge workflow validate
    ------- stderr -------
    error: the following required arguments were not provided:
      <NAME>

    Usage: sedge workflow validate <NAME>

    For more information, try '--help'.
    [exit status: 2]
    "#);
}

/// Returns the output of `workflow validate` for a workflow.
fn with_c(workflow: &str) -> String {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("workflows/C.yaml", workflow.replace("name: A", "name: C"));
    env.transcript("workflow validate C")
}
