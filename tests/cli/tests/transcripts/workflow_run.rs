//! `sedge workflow run`

use crate::fixtures::{A, with_files, with_hostile, with_workflows};

#[test]
fn workflow_succeeds() {
    let env = with_workflows();
    insta::assert_snapshot!(env.run(["workflow", "run", "A"]), @"
    ------- stderr -------
    Run [run]
    Step main/spawn: started.
    Step main/spawn: succeeded after [took].
    The workflow `A` succeeded.
    hint: `sedge run show [run]` shows its calls
    ");
}

#[test]
fn workflow_is_suspended_at_a_gate_with_hints() {
    let env = with_workflows();
    insta::assert_snapshot!(env.run(["workflow", "run", "B"]), @"
    ------- stderr -------
    Run [run]
    Gate main/gate: waits for a decision: Shall the calls be made?
    The workflow `B` is suspended.
    hint: decide the gate with `sedge workflow approve B main/gate --run [run]` (or `reject`)
    hint: then resume the run with `sedge workflow resume B --run [run]`
    [exit status: 4]
    ");
}

#[test]
fn as_json() {
    let env = with_workflows();
    insta::assert_snapshot!(env.transcript("workflow run A --json\nworkflow run B --json"), @r#"
    $ sedge workflow run A --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "status": "succeeded",
        "run": "[run]",
        "workflow": "A",
        "failedSteps": []
      }
    }

    $ sedge workflow run B --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "status": "suspended",
        "run": "[run 2]",
        "workflow": "B",
        "gates": [
          "main/gate"
        ],
        "failedSteps": []
      }
    }
    [exit status: 4]
    "#);
}

#[test]
fn quiet_prints_nothing() {
    let env = with_workflows();
    insta::assert_snapshot!(env.run(["workflow", "run", "A", "--quiet"]), @"");
}

#[test]
fn failed_step_fails_the_workflow_and_skips_its_dependents() {
    let env = with_hostile();
    env.write_file("workflows/C.yaml", FAILING);
    insta::assert_snapshot!(env.transcript("workflow run C\nworkflow run C --json\nrun show"), @r#"
    $ sedge workflow run C
    ------- stderr -------
    Run [run]
    Step main/first: started.
    Step main/first: succeeded after [took].
    Step main/fail: started.
    Step main/fail: failed after [took].
    Step main/last: skipped, the step `fail` did not end as `succeeded`.
    error: the workflow `C` failed
    caused by: step `main/fail`: not today (plugin/no-luck)
    note: of hostile.fail in step `main/fail`, 1 change was rolled back: `mark`
    hint: run the failed step again: `sedge workflow resume C --from main/fail --run [run]`
    hint: see the whole run: `sedge run show [run]`
    [exit status: 1]

    $ sedge workflow run C --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "workflow_failed",
        "class": "failed",
        "message": "the workflow `C` failed",
        "causes": [
          "step `main/fail`: not today (plugin/no-luck)"
        ],
        "notes": [
          "of hostile.fail in step `main/fail`, 1 change was rolled back: `mark`"
        ],
        "help": [
          {
            "kind": "command",
            "purpose": "run the failed step again",
            "useCase": "workflow_resume",
            "arguments": {
              "from": "main/fail",
              "name": "C",
              "run": "[run 2]"
            }
          },
          {
            "kind": "command",
            "purpose": "see the whole run",
            "useCase": "run_show",
            "arguments": {
              "run": "[run 2]"
            }
          }
        ],
        "details": {
          "run": "[run 2]",
          "workflow": "C",
          "steps": [
            {
              "step": "main/fail",
              "error": {
                "code": "plugin/no-luck",
                "message": "not today"
              },
              "isAllowed": false
            }
          ],
          "failed": [
            {
              "call": "[run 2]/2",
              "step": "main/fail",
              "chain": [
                "hostile.fail"
              ],
              "model": "hostile",
              "method": "fail",
              "error": {
                "code": "plugin/no-luck",
                "message": "not today"
              },
              "rolledBack": {
                "changes": 1,
                "names": [
                  "mark"
                ]
              }
            }
          ],
          "failedCount": 1,
          "kept": [],
          "keptCount": 0,
          "rolledBack": [
            {
              "call": "[run 2]/2",
              "step": "main/fail",
              "chain": [
                "hostile.fail"
              ],
              "model": "hostile",
              "method": "fail",
              "error": {
                "code": "plugin/no-luck",
                "message": "not today"
              },
              "rolledBack": {
                "changes": 1,
                "names": [
                  "mark"
                ]
              }
            }
          ],
          "rolledBackCount": 1
        }
      }
    }
    [exit status: 1]

    $ sedge run show
    ------- stdout -------
    run [run 2] of workflow C: failed after [took], started [time] by tester
    ├─ step main/first: succeeded after [took]
    │  └─ sink.run: succeeded after [took], wrote `record` version 2
    ├─ step main/fail: failed after [took]
    │  └─ hostile.fail: failed after [took]
    │     ├─ not today (plugin/no-luck)
    │     └─ 1 change was rolled back: `mark`
    └─ step main/last: skipped, the step `fail` did not end as `succeeded`
    "#);
}

#[test]
fn step_with_allowed_failure_does_not_fail_the_workflow() {
    let env = with_hostile();
    env.write_file(
        "workflows/C.yaml",
        FAILING.replace("name: fail\n", "name: fail\n        allowFailure: true\n"),
    );
    insta::assert_snapshot!(env.run(["workflow", "run", "C"]), @"
    ------- stderr -------
    Run [run]
    Step main/first: started.
    Step main/first: succeeded after [took].
    Step main/fail: started.
    Step main/fail: failed (allowed) after [took].
    Step main/last: skipped, the step `fail` did not end as `succeeded`.
    The workflow `C` succeeded.
    note: the step `main/fail` failed (allowed): not today (plugin/no-luck)
    hint: `sedge run show [run]` shows its calls
    ");
}

#[test]
fn exclusive_run_locks_the_datastore() {
    let env = with_workflows();
    insta::assert_snapshot!(env.transcript("
        workflow run A --exclusive
        run show
    "), @"
    $ sedge workflow run A --exclusive
    ------- stderr -------
    Run [run]
    Step main/spawn: started.
    Step main/spawn: succeeded after [took].
    The workflow `A` succeeded.
    hint: `sedge run show [run]` shows its calls

    $ sedge run show
    ------- stdout -------
    run [run] of workflow A: succeeded after [took] with exclusive use of the datastore, started [time] by tester
    └─ step main/spawn: succeeded after [took]
       └─ spawn.run: succeeded after [took], wrote `calls` version 1
          └─ sink.run: succeeded after [took], wrote `record` version 1
    ");
    env.write_file(
        "workflows/A.yaml",
        A.replace("name: A\n", "name: A\nexclusive: true\n"),
    );
    env.setup(&["workflow run A"]);
    let runs = env.run_json(["run", "list"]);
    assert_eq!(runs["data"][0]["exclusive"], true);
}

#[test]
fn unknown_workflow_is_refused() {
    let env = with_workflows();
    insta::assert_snapshot!(env.transcript("workflow run C\nworkflow run C --json\nworkflow run"), @r#"
    $ sedge workflow run C
    ------- stderr -------
    error: no workflow named `C`
    hint: see the workflows: `sedge workflow list`
    [exit status: 3]

    $ sedge workflow run C --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "workflow_missing",
        "class": "state",
        "message": "no workflow named `C`",
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

    $ sedge workflow run
    ------- stderr -------
    error: the following required arguments were not provided:
      <NAME>

    Usage: sedge workflow run <NAME>

    For more information, try '--help'.
    [exit status: 2]
    "#);
}

#[test]
fn invalid_step_is_refused_before_any_step_runs() {
    let env = with_workflows();
    env.write_file(
        "workflows/A.yaml",
        A.replace("methodName: run", "methodName: rnu"),
    );
    let before = env.state();
    insta::assert_snapshot!(env.run(["workflow", "run", "A"]), @"
    ------- stderr -------
    error: the type `@sedge/spawn` has no method named `rnu`
      --> workflows/A.yaml:10:23
       |
    10 |           methodName: rnu
       |                       ^^^
    hint: did you mean `run`?
    [exit status: 2]
    ");
    assert_eq!(env.state(), before);
}

const FAILING: &str = "\
name: C
jobs:
  - name: main
    steps:
      - name: first
        task: {type: model_method, modelIdOrName: sink, methodName: run}
      - name: fail
        dependsOn: [{step: first}]
        task:
          type: model_method
          modelIdOrName: hostile
          methodName: fail
          inputs: {code: no-luck, message: not today}
      - name: last
        dependsOn: [{step: fail}]
        task: {type: model_method, modelIdOrName: sink, methodName: run}
";

#[test]
fn severity_and_labels_have_to_be_valid() {
    let env = with_workflows();
    insta::assert_snapshot!(env.transcript("
        workflow run A --fail-on worst
        workflow run A --tag env
    "), @"
    $ sedge workflow run A --fail-on worst
    ------- stderr -------
    error: invalid value 'worst' for '--fail-on <SEVERITY>'
      [possible values: low, medium, high]

    For more information, try '--help'.
    [exit status: 2]

    $ sedge workflow run A --tag env
    ------- stderr -------
    error: invalid value 'env' for '--tag <KEY=VALUE>': it is not of the form KEY=VALUE

    For more information, try '--help'.
    [exit status: 2]
    ");
}

#[test]
fn failure_that_is_allowed_is_marked_at_the_end() {
    let env = with_files();
    let workflow = "\
name: w
jobs:
  - name: main
    steps:
      - {name: bad, allowFailure: true, task: {type: model_method, modelIdOrName: files, methodName: write, inputs: {fail: true}}}
";
    env.write_file("workflows/w.yaml", workflow);
    insta::assert_snapshot!(env.run(["workflow", "run", "w"]), @"
    ------- stderr -------
    Run [run]
    Step main/bad: started.
    Step main/bad: failed (allowed) after [took].
    The workflow `w` succeeded.
    note: the step `main/bad` failed (allowed): its arguments demand a failure (plugin/told-to-fail)
    hint: `sedge run show [run]` shows its calls
    ");
}
