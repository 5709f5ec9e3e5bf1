//! `sedge workflow reject`

use crate::fixtures::with_suspended;

#[test]
fn rejected_gate_fails_the_run() {
    let env = with_suspended();
    insta::assert_snapshot!(env.transcript("workflow reject B gate --comment no\nworkflow resume B\nrun show\ndata list"), @"
    $ sedge workflow reject B gate --comment no
    ------- stderr -------
    The gate `main/gate` of run [run] is rejected.
    The run has failed.

    $ sedge workflow resume B
    ------- stderr -------
    error: the workflow `B` has no run that could be resumed
    hint: its newest run `[run]` has failed
    hint: begin it again from a step: `sedge workflow resume B --from JOB/STEP --run [run]`
    hint: or start another: `sedge workflow run B`
    [exit status: 3]

    $ sedge run show
    ------- stdout -------
    run [run] of workflow B: failed after [took], started [time] by tester
    worked on for [took], waited at gates for [took]
    ├─ step main/gate: rejected after [took], by tester: no
    │  └─ prompt: Shall the calls be made?
    └─ step main/spawn: skipped, the step `gate` did not end as `succeeded`

    $ sedge data list
    ------- stderr -------
    No data yet; methods write it: `sedge model method run MODEL METHOD`.
    ");
}

#[test]
fn as_json() {
    let env = with_suspended();
    insta::assert_snapshot!(env.transcript("workflow reject B gate --json\nworkflow reject B gate --json"), @r#"
    $ sedge workflow reject B gate --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "run": "[run]",
        "workflow": "B",
        "gate": "main/gate",
        "decision": "rejected",
        "decidedBy": "tester",
        "digest": "[sha256]",
        "root": {
          "run": "[run]",
          "workflow": "B"
        },
        "status": "failed",
        "gatesOpen": [],
        "failedSteps": [
          {
            "step": "main/gate",
            "error": null,
            "isAllowed": false
          }
        ],
        "fileChanged": false
      }
    }

    $ sedge workflow reject B gate --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "gate_decided",
        "class": "state",
        "message": "the gate `main/gate` of the run `[run]` was rejected by tester at [time]",
        "causes": [],
        "help": [
          {
            "kind": "command",
            "purpose": "see the run",
            "useCase": "run_show",
            "arguments": {
              "run": "[run]"
            }
          }
        ],
        "details": {
          "run": "[run]",
          "gate": "main/gate",
          "decision": "rejected",
          "by": "tester",
          "at": "[time]",
          "comment": null
        }
      }
    }
    [exit status: 3]
    "#);
}

#[test]
fn unknown_gate_is_refused() {
    let env = with_suspended();
    insta::assert_snapshot!(env.transcript("workflow reject B gaet\nworkflow reject A gate"), @"
    $ sedge workflow reject B gaet
    ------- stderr -------
    error: the run `[run]` of `B` has no open gate named `gaet`
    hint: its open gates are `main/gate`
    [exit status: 3]

    $ sedge workflow reject A gate
    ------- stderr -------
    error: the workflow `A` has no run that could be approved or rejected
    hint: start one: `sedge workflow run A`
    [exit status: 3]
    ");
}
