//! `sedge workflow approvals`

use crate::fixtures::{with_suspended, with_workflows};

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
    WORKFLOW  GATE       RUN           SINCE                 PROMPT
    B         main/gate  [run]         [time]                Shall the calls be made?

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
          "since": "[time]",
          "prompt": "Shall the calls be made?"
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
