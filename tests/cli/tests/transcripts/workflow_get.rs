//! `sedge workflow get`

use crate::fixtures::with_workflows;

#[test]
fn workflow_is_shown_verbatim() {
    let env = with_workflows();
    insta::assert_snapshot!(env.run(["workflow", "get", "B"]), @"
    ------- stdout -------
    name: B
    description: A gate, then a step which calls another model
    jobs:
      - name: main
        steps:
          - name: gate
            task:
              type: manual_approval
              prompt: Shall the calls be made?
          - name: spawn
            dependsOn: [{step: gate, condition: {type: succeeded}}]
            task:
              type: model_method
              modelIdOrName: spawn
              methodName: run
              inputs: {count: 2}
    ");
}

#[test]
fn as_json() {
    let env = with_workflows();
    insta::assert_snapshot!(env.run(["workflow", "get", "B", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "name": "B",
        "description": "A gate, then a step which calls another model",
        "exclusive": false,
        "file": "workflows/B.yaml",
        "jobs": [
          {
            "name": "main",
            "description": null,
            "dependsOn": [],
            "steps": [
              {
                "name": "gate",
                "description": null,
                "task": {
                  "type": "manual_approval",
                  "prompt": "Shall the calls be made?"
                },
                "dependsOn": [],
                "allowFailure": false
              },
              {
                "name": "spawn",
                "description": null,
                "task": {
                  "type": "model_method",
                  "modelIdOrName": "spawn",
                  "methodName": "run",
                  "inputs": {
                    "count": 2
                  }
                },
                "dependsOn": [
                  {
                    "step": "gate",
                    "condition": "succeeded"
                  }
                ],
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
fn unknown_workflow_is_refused() {
    let env = with_workflows();
    insta::assert_snapshot!(env.transcript("workflow get b\nworkflow get C --json\nworkflow get deploy"), @r#"
    $ sedge workflow get b
    ------- stderr -------
    error: no workflow named `b`
    hint: did you mean `B`?
    [exit status: 3]

    $ sedge workflow get C --json
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

    $ sedge workflow get deploy
    ------- stderr -------
    error: no workflow named `deploy`
    hint: see the workflows: `sedge workflow list`
    [exit status: 3]
    "#);
}

#[test]
fn faulty_file_is_refused() {
    let env = with_workflows();
    env.write_file(
        "workflows/C.yaml",
        "name: C\njobs:\n  - name: main\n    steps: []\n",
    );
    insta::assert_snapshot!(env.run(["workflow", "get", "C"]), @"
    ------- stderr -------
    error: the job has no steps
     --> workflows/C.yaml:4:12
      |
    4 |     steps: []
      |            ^^
    hint: write `- name: NAME` and its `task` under it
    [exit status: 2]
    ");
}
