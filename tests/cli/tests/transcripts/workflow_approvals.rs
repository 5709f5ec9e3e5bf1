//! `sedge workflow approvals`

use crate::fixtures::{with_files, with_suspended, with_workflows};

#[test]
fn gates_are_listed_until_they_are_decided() {
    let env = with_suspended();
    insta::assert_snapshot!(env.transcript("
        workflow approvals
        workflow approve B gate
        workflow approvals
    "), @"
    $ sedge workflow approvals
    ------- stdout -------
    main/gate of the workflow B, run [run], waits since [time]
      prompt: Shall the calls be made?
      digest: [sha256]
      hint: `sedge workflow approve B main/gate --run [run]` (or `reject`)

    $ sedge workflow approve B gate
    ------- stderr -------
    The gate `main/gate` of run [run] is approved.
    hint: resume the run with `sedge workflow resume B --run [run]`

    $ sedge workflow approvals
    ------- stderr -------
    No gate waits for a decision.
    ");
}

#[test]
fn as_json() {
    let env = with_suspended();
    insta::assert_snapshot!(env.run(["workflow", "approvals", "--json"]), @r#"
    ------- stdout -------
    {
      "data": [
        {
          "workflow": "B",
          "gate": "main/gate",
          "run": "[run]",
          "parent": null,
          "since": "[time]",
          "prompt": "Shall the calls be made?",
          "deadline": null,
          "digest": "[sha256]",
          "inputs": null,
          "failedSteps": []
        }
      ],
      "ok": true,
      "count": 1,
      "isCut": false
    }
    "#);
}

#[test]
fn empty_list_shows_a_note() {
    let env = with_workflows();
    insta::assert_snapshot!(env.transcript("workflow approvals\nworkflow approvals --json"), @r#"
    $ sedge workflow approvals
    ------- stderr -------
    No gate waits for a decision.

    $ sedge workflow approvals --json
    ------- stdout -------
    {
      "data": [],
      "ok": true,
      "count": 0,
      "isCut": false
    }
    "#);
}

/// The list of gates says that the run can only fail.
#[test]
fn failed_step_inputs_and_deadline_are_shown() {
    let env = with_files();
    let workflow = "\
name: w
inputs:
  region: {type: string, default: eu}
jobs:
  - name: main
    steps:
      - {name: bad, task: {type: model_method, modelIdOrName: files, methodName: write, inputs: {fail: true}}}
      - {name: gate, task: {type: manual_approval, prompt: go on?, timeout: 1h, onTimeout: continue}}
";
    env.write_file("workflows/w.yaml", workflow);
    let ended = env.run(["workflow", "run", "w", "--json"]);
    assert_eq!(ended.code(), Some(4), "{ended}");
    assert!(ended.stdout.contains("failedSteps"), "{ended}");
    insta::assert_snapshot!(env.transcript("workflow approvals\nworkflow approve w gate"), @r#"
    $ sedge workflow approvals
    ------- stdout -------
    main/gate of the workflow w, run [run], waits since [time]
      prompt: go on?
      deadline: [time], then the run goes on WITHOUT approval
      inputs: region: "eu"
      note: the step `main/bad` failed: its arguments demand a failure (plugin/told-to-fail)
      note: the run can only fail, because a step without `allowFailure` has failed
      digest: [sha256]
      hint: `sedge workflow approve w main/gate --run [run]` (or `reject`)

    $ sedge workflow approve w gate
    ------- stderr -------
    The gate `main/gate` of run [run] is approved.
    The run has failed.
    "#);
}
