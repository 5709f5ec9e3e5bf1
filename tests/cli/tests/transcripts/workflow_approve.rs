//! `sedge workflow approve`

use sedge_test_kit::wait_until;

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
        "decidedBy": "tester",
        "digest": "[sha256]",
        "root": {
          "run": "[run]",
          "workflow": "B"
        },
        "status": "suspended",
        "gatesOpen": [],
        "failedSteps": [],
        "fileChanged": false
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
    error: the gate `main/gate` of the run `[run]` was approved by tester at [time]
    hint: see the run: `sedge run show [run]`
    [exit status: 3]

    $ sedge workflow reject B gate --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "gate_decided",
        "class": "state",
        "message": "the gate `main/gate` of the run `[run]` was approved by tester at [time]",
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
          "decision": "approved",
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
    hint: name the one that you mean; this one began at [time]: `--run [run 2]`
    hint: name the one that you mean; this one began at [time]: `--run [run]`
    [exit status: 3]
    ");
}

/// A run that waits only to be resumed has no gate to decide. It used to make the command ambiguous.
#[test]
fn run_whose_gate_is_decided_does_not_have_to_be_excluded() {
    let env = with_suspended();
    env.setup(&["workflow approve B gate", "workflow run B"]);
    let decided = env.run_json(["workflow", "approve", "B", "gate"]);
    let runs = env.run_json(["run", "list"]);
    assert_eq!(decided["data"]["run"], runs["data"][0]["id"]);
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
    [exit status: 4]

    $ sedge workflow approve C gate
    ------- stderr -------
    error: the workflow `C` has 2 steps named `gate`
    hint: name the one that you mean by its path: `one/gate`, `two/gate`
    [exit status: 3]

    $ sedge workflow approve C one/gate
    ------- stderr -------
    The gate `one/gate` of run [run] is approved.
    hint: these gates are still open: `two/gate`

    $ sedge workflow reject C gate
    ------- stderr -------
    error: the workflow `C` has 2 steps named `gate`
    hint: name the one that you mean by its path: `one/gate`, `two/gate`
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

#[test]
fn approve_can_resume_at_once() {
    let env = with_suspended();
    insta::assert_snapshot!(env.run(["workflow", "approve", "B", "gate", "--resume"]), @"
    ------- stderr -------
    The gate `main/gate` of run [run] is approved.
    Run [run]
    Step main/spawn: started.
    Step main/spawn: succeeded after [took].
    The workflow `B` succeeded.
    hint: `sedge run show [run]` shows its calls
    ");
}

const TWO_GATES: &str = "\
name: two
jobs:
  - name: main
    steps:
      - {name: first, task: {type: manual_approval, prompt: Begin?}}
      - {name: second, dependsOn: [first], task: {type: manual_approval, prompt: Go on?}}
";

#[test]
fn run_that_waits_again_exits_with_4() {
    let env = with_workflows();
    env.write_file("workflows/two.yaml", TWO_GATES);
    env.setup(&["workflow run two"]);
    let resumed = env.run(["workflow", "approve", "two", "first", "--resume", "--json"]);
    assert_eq!(resumed.code(), Some(4), "{resumed}");
    insta::assert_snapshot!(resumed, @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "run": "[run]",
        "workflow": "two",
        "gate": "main/first",
        "decision": "approved",
        "decidedBy": "tester",
        "digest": "[sha256]",
        "root": {
          "run": "[run]",
          "workflow": "two"
        },
        "status": "suspended",
        "gatesOpen": [
          "main/second"
        ],
        "failedSteps": [],
        "fileChanged": false
      }
    }
    [exit status: 4]
    "#);
}

/// The user decides on what was shown, and not on what the gate asks for now.
#[test]
fn decision_on_something_else_is_refused() {
    let env = with_suspended();
    let refused = env.run(["workflow", "approve", "B", "gate", "--digest", "12ab"]);
    insta::assert_snapshot!(refused, @"
    ------- stderr -------
    error: the gate `main/gate` of the run `[run]` asks for something else than was shown: its digest is now `[sha256]`
    hint: see what the gate asks for now: `sedge workflow approvals`
    [exit status: 3]
    ");
    let gates = env.run_json(["workflow", "approvals"]);
    let digest = gates["data"][0]["digest"]
        .as_str()
        .expect("a digest")
        .to_owned();
    let _ = env
        .run(["workflow", "approve", "B", "gate", "--digest", &digest])
        .succeeded();
}

#[test]
fn gate_after_its_deadline_is_decided_by_it() {
    let env = with_workflows();
    let workflow = "\
name: late
jobs:
  - name: main
    steps:
      - {name: gate, task: {type: manual_approval, prompt: Go on?, timeout: 1}}
";
    env.write_file("workflows/late.yaml", workflow);
    env.setup(&["workflow run late"]);
    wait_until("the deadline", || {
        let gates = env.run_json(["workflow", "approvals"]);
        gates["count"] == 0
    });
    insta::assert_snapshot!(env.transcript("
        run show
        workflow approve late gate
        workflow approve late gate
    "), @"
    $ sedge run show
    ------- stdout -------
    run [run] of workflow late: suspended, can only fail, started [time] by tester
    worked on for [took], waited at gates for [took]
    └─ step main/gate: expired after [took]: no user decided before its deadline, so it is rejected
       └─ prompt: Go on?

    $ sedge workflow approve late gate
    ------- stderr -------
    error: the gate `main/gate` of the run `[run]` was decided by its deadline at [time]: it was rejected
    hint: see the run: `sedge run show [run]`
    [exit status: 3]

    $ sedge workflow approve late gate
    ------- stderr -------
    error: the gate `main/gate` of the run `[run]` was decided by its deadline at [time]: it was rejected
    hint: see the run: `sedge run show [run]`
    [exit status: 3]
    ");
}

#[test]
fn gate_of_a_nested_workflow_is_decided_by_its_path_or_in_its_run() {
    let env = with_workflows();
    let nested = "\
name: outer
jobs:
  - name: main
    steps:
      - {name: inner, task: {type: workflow, workflowIdOrName: B}}
";
    env.write_file("workflows/outer.yaml", nested);
    env.setup(&["workflow run outer"]);
    insta::assert_snapshot!(env.transcript("
        workflow approve outer gate
        workflow approve outer main/inner/main/gate
        workflow approve B gate
    "), @"
    $ sedge workflow approve outer gate
    ------- stderr -------
    error: the run `[run]` of `outer` has no open gate named `gate`
    hint: its open gates are `main/inner/main/gate`
    [exit status: 3]

    $ sedge workflow approve outer main/inner/main/gate
    ------- stderr -------
    The gate `main/gate` of run [run 2] is approved.
    hint: resume the run with `sedge workflow resume outer --run [run]`

    $ sedge workflow approve B gate
    ------- stderr -------
    error: the gate `main/gate` of the run `[run 2]` was approved by tester at [time]
    hint: see the run: `sedge run show [run 2]`
    [exit status: 3]
    ");
    let _ = env.run(["workflow", "resume", "outer"]).succeeded();
}

#[test]
fn expansions_of_a_gate_are_decided_by_their_names() {
    let env = with_workflows();
    let workflow = "\
name: each
jobs:
  - name: main
    steps:
      - name: gate-${{ self.region }}
        forEach: {item: region, in: [eu, us]}
        task: {type: manual_approval, prompt: Go on?}
";
    env.write_file("workflows/each.yaml", workflow);
    env.setup(&["workflow run each"]);
    insta::assert_snapshot!(env.transcript("
        workflow approve each gate
        workflow approve each main/gate-eu
        workflow reject each main/gate-us
    "), @"
    $ sedge workflow approve each gate
    ------- stderr -------
    error: the run `[run]` of `each` has no open gate named `gate`
    hint: its open gates are `main/gate-eu`, `main/gate-us`
    [exit status: 3]

    $ sedge workflow approve each main/gate-eu
    ------- stderr -------
    The gate `main/gate-eu` of run [run] is approved.
    hint: these gates are still open: `main/gate-us`

    $ sedge workflow reject each main/gate-us
    ------- stderr -------
    The gate `main/gate-us` of run [run] is rejected.
    The run has failed.
    ");
}

/// Both when the run still waits and when it has ended since.
#[test]
fn second_decision_is_refused_with_the_first_one() {
    let env = with_suspended();
    env.setup(&["workflow approve B gate --comment ok"]);
    let second = "workflow reject B gate";
    insta::assert_snapshot!(env.run(second.split(' ')), @"
    ------- stderr -------
    error: the gate `main/gate` of the run `[run]` was approved by tester at [time]: ok
    hint: see the run: `sedge run show [run]`
    [exit status: 3]
    ");
    env.setup(&["workflow resume B"]);
    insta::assert_snapshot!(env.run(second.split(' ')), @"
    ------- stderr -------
    error: the gate `main/gate` of the run `[run]` was approved by tester at [time]: ok
    hint: see the run: `sedge run show [run]`
    [exit status: 3]
    ");
    let document = env.run_json(second.split(' '));
    assert_eq!(document["error"]["code"], "gate_decided");
}
