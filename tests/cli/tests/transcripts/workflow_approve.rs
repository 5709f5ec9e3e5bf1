//! `sedge workflow approve`

use crate::fixtures::{with_suspended, with_workflows};

#[test]
fn gate_is_approved() {
    let env = with_suspended();
    insta::assert_snapshot!(env.run(["workflow", "approve", "B", "gate", "--comment", "go on, then"]), @"
    ------- stderr -------
    The gate `main/gate` of run [run] is approved.
    hint: resume the run with `sedge workflow resume B --run [run]`
    ");
}

#[test]
fn as_json() {
    let env = with_suspended();
    insta::assert_snapshot!(env.run(["workflow", "approve", "B", "gate", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "run": "[run]",
        "workflow": "B",
        "gate": "main/gate",
        "decision": "approved",
        "status": "suspended",
        "gatesOpen": []
      }
    }
    "#);
}

#[test]
fn approve_twice_is_refused() {
    let env = with_suspended();
    env.setup(&["workflow approve B main/gate"]);
    insta::assert_snapshot!(env.transcript("workflow approve B gate\nworkflow reject B gate --json"), @r#"
    $ sedge workflow approve B gate
    ------- stderr -------
    error: the run `[run]` of `B` has no open gate named `gate`
    hint: no gate of the run is open
    hint: see the run: `sedge run show [run]`
    [exit status: 3]

    $ sedge workflow reject B gate --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "gate_missing",
        "class": "state",
        "message": "the run `[run]` of `B` has no open gate named `gate`",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "no gate of the run is open"
          },
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
          "run": "[run]"
        }
      }
    }
    [exit status: 3]
    "#);
}

#[test]
fn unknown_gate_or_run_is_refused() {
    let env = with_suspended();
    insta::assert_snapshot!(env.transcript("
        workflow approve B gaet
        workflow approve B gaet --json
        workflow approve B spawn
        workflow approve A gate
        workflow approve C gate
        workflow approve B gate --run 0000
        workflow approve B
    "), @r#"
    $ sedge workflow approve B gaet
    ------- stderr -------
    error: the run `[run]` of `B` has no open gate named `gaet`
    hint: its open gates are `main/gate`
    [exit status: 3]

    $ sedge workflow approve B gaet --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "gate_missing",
        "class": "state",
        "message": "the run `[run]` of `B` has no open gate named `gaet`",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "its open gates are `main/gate`"
          }
        ],
        "details": {
          "run": "[run]"
        }
      }
    }
    [exit status: 3]

    $ sedge workflow approve B spawn
    ------- stderr -------
    error: the run `[run]` of `B` has no open gate named `spawn`
    hint: its open gates are `main/gate`
    [exit status: 3]

    $ sedge workflow approve A gate
    ------- stderr -------
    error: the workflow `A` has no run that could be approved or rejected
    hint: start one: `sedge workflow run A`
    [exit status: 3]

    $ sedge workflow approve C gate
    ------- stderr -------
    error: no workflow named `C`
    hint: see the workflows: `sedge workflow list`
    [exit status: 3]

    $ sedge workflow approve B gate --run 0000
    ------- stderr -------
    error: no run with the id `0000`
    hint: see the runs: `sedge run list`
    [exit status: 3]

    $ sedge workflow approve B
    ------- stderr -------
    error: the following required arguments were not provided:
      <GATE>

    Usage: sedge workflow approve <WORKFLOW> <GATE>

    For more information, try '--help'.
    [exit status: 2]
    "#);
}

#[test]
fn run_has_to_be_named_if_several_wait() {
    let env = with_suspended();
    env.setup(&["workflow run B"]);
    insta::assert_snapshot!(env.run(["workflow", "approve", "B", "gate"]), @"
    ------- stderr -------
    error: the workflow `B` has several runs that could be approved or rejected
    hint: name the one that you mean: `--run [run 2]`
    hint: name the one that you mean: `--run [run]`
    [exit status: 3]
    ");
}

/// A name that two jobs share is ambiguous, even if only one gate is open: later, the same command
/// would decide the other gate.
#[test]
fn ambiguous_gate_is_refused() {
    let env = with_workflows();
    let gate = |name| {
        format!(
            "  - name: {name}\n    steps:\n      - name: gate\n        task: {{type: manual_approval}}\n"
        )
    };
    env.write_file(
        "workflows/C.yaml",
        format!("name: C\njobs:\n{}{}", gate("one"), gate("two")),
    );
    insta::assert_snapshot!(env.transcript("
        workflow run C
        workflow approve C gate
        workflow approve C one/gate
        workflow reject C gate
        workflow approve C two/gate
        workflow resume C
    "), @"
    $ sedge workflow run C
    ------- stderr -------
    Run [run]
    Gate one/gate: waits for a decision.
    Gate two/gate: waits for a decision.
    The workflow `C` is suspended.
    hint: decide the gate with `sedge workflow approve C one/gate --run [run]` (or `reject`)
    hint: decide the gate with `sedge workflow approve C two/gate --run [run]` (or `reject`)
    hint: then resume the run with `sedge workflow resume C --run [run]`

    $ sedge workflow approve C gate
    ------- stderr -------
    error: the workflow `C` has 2 steps named `gate`
    hint: name the gate with its job: `one/gate`, `two/gate`
    [exit status: 3]

    $ sedge workflow approve C one/gate
    ------- stderr -------
    The gate `one/gate` of run [run] is approved.
    hint: these gates are still open: `two/gate`

    $ sedge workflow reject C gate
    ------- stderr -------
    error: the workflow `C` has 2 steps named `gate`
    hint: name the gate with its job: `one/gate`, `two/gate`
    [exit status: 3]

    $ sedge workflow approve C two/gate
    ------- stderr -------
    The gate `two/gate` of run [run] is approved.
    The run has succeeded.

    $ sedge workflow resume C
    ------- stderr -------
    error: the workflow `C` has no run that could be resumed
    hint: its newest run `[run]` has succeeded
    hint: start another: `sedge workflow run C`
    [exit status: 3]
    ");
}
