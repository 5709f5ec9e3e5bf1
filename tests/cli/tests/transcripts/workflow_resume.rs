//! `sedge workflow resume`

use crate::fixtures::{refused, with_files, with_hostile, with_suspended, with_workflows};

#[test]
fn run_is_resumed_after_its_gate_is_decided() {
    let env = with_suspended();
    env.setup(&["workflow approve B gate"]);
    insta::assert_snapshot!(env.run(["workflow", "resume", "B"]), @"
    ------- stderr -------
    Run [run]
    Step main/spawn: started.
    Step main/spawn: succeeded after [took].
    The workflow `B` succeeded.
    hint: `sedge run show [run]` shows its calls
    ");
}

#[test]
fn as_json() {
    let env = with_suspended();
    env.setup(&["workflow approve B gate"]);
    insta::assert_snapshot!(env.run(["workflow", "resume", "B", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "status": "succeeded",
        "run": "[run]",
        "workflow": "B",
        "failedSteps": []
      }
    }
    "#);
}

#[test]
fn resume_before_the_decision_changes_nothing() {
    let env = with_suspended();
    let before = env.state();
    insta::assert_snapshot!(env.transcript("workflow resume B\nworkflow resume B --json"), @r#"
    $ sedge workflow resume B
    ------- stderr -------
    error: the run `[run]` of `B` waits for a decision
    hint: approve it: `sedge workflow approve B main/gate --run [run]`
    hint: or reject it: `sedge workflow reject B main/gate --run [run]`
    [exit status: 3]

    $ sedge workflow resume B --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "gates_undecided",
        "class": "state",
        "message": "the run `[run]` of `B` waits for a decision",
        "causes": [],
        "help": [
          {
            "kind": "command",
            "purpose": "approve it",
            "useCase": "workflow_approve",
            "arguments": {
              "gate": "main/gate",
              "run": "[run]",
              "workflow": "B"
            }
          },
          {
            "kind": "command",
            "purpose": "or reject it",
            "useCase": "workflow_reject",
            "arguments": {
              "gate": "main/gate",
              "run": "[run]",
              "workflow": "B"
            }
          }
        ],
        "details": {
          "run": "[run]",
          "gates": [
            "main/gate"
          ]
        }
      }
    }
    [exit status: 3]
    "#);
    assert_eq!(env.state(), before);
}

#[test]
fn missing_run_is_refused() {
    let env = with_workflows();
    insta::assert_snapshot!(env.transcript("workflow resume A"), @"
    $ sedge workflow resume A
    ------- stderr -------
    error: the workflow `A` has no run that could be resumed
    hint: start one: `sedge workflow run A`
    [exit status: 3]
    ");
    env.setup(&["workflow run A"]);
    insta::assert_snapshot!(env.transcript("workflow resume A\nworkflow resume A --json\nworkflow resume C"), @r#"
    $ sedge workflow resume A
    ------- stderr -------
    error: the workflow `A` has no run that could be resumed
    hint: its newest run `[run]` has succeeded
    hint: start another: `sedge workflow run A`
    [exit status: 3]

    $ sedge workflow resume A --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "run_none",
        "class": "state",
        "message": "the workflow `A` has no run that could be resumed",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "its newest run `[run]` has succeeded"
          },
          {
            "kind": "command",
            "purpose": "start another",
            "useCase": "workflow_run",
            "arguments": {
              "name": "A"
            }
          }
        ],
        "details": {
          "run": "[run]"
        }
      }
    }
    [exit status: 3]

    $ sedge workflow resume C
    ------- stderr -------
    error: no workflow named `C`
    hint: see the workflows: `sedge workflow list`
    [exit status: 3]
    "#);
}

#[test]
fn run_has_to_be_named_if_several_wait() {
    let env = with_suspended();
    let run = env.run_json(["workflow", "run", "B"])["data"]["run"].clone();
    let run = run.as_str().expect("a run has an id");
    insta::assert_snapshot!(env.run(["workflow", "resume", "B"]), @"
    ------- stderr -------
    error: the workflow `B` has several runs that could be resumed
    hint: name the one that you mean; this one began at [time]: `--run [run 2]`
    hint: name the one that you mean; this one began at [time]: `--run [run]`
    [exit status: 3]
    ");
    let _ = env
        .run(["workflow", "approve", "B", "gate", "--run", run])
        .succeeded();
    insta::assert_snapshot!(env.run(["workflow", "resume", "B", "--run", run]), @"
    ------- stderr -------
    Run [run 2]
    Step main/spawn: started.
    Step main/spawn: succeeded after [took].
    The workflow `B` succeeded.
    hint: `sedge run show [run 2]` shows its calls
    ");
    insta::assert_snapshot!(env.run(["workflow", "resume", "B", "--run", run]), @"
    ------- stderr -------
    error: the run `[run 2]` has succeeded: there is nothing left to do
    hint: see the run: `sedge run show [run 2]`
    [exit status: 3]
    ");
    insta::assert_snapshot!(env.run(["workflow", "resume", "A", "--run", run]), @"
    ------- stderr -------
    error: the run `[run 2]` is not one of the workflow `A`
    hint: see the run: `sedge run show [run 2]`
    [exit status: 3]
    ");
    insta::assert_snapshot!(env.run(["workflow", "resume", "B", "--run", "00000000"]), @"
    ------- stderr -------
    error: no run with the id `00000000`
    hint: see the runs: `sedge run list`
    [exit status: 3]
    ");
}

const FAILS_ONCE: &str = "\
name: w
inputs:
  fail: {type: boolean, default: true}
jobs:
  - name: main
    steps:
      - {name: first, task: {type: model_method, modelIdOrName: files, methodName: record}}
      - name: bad
        dependsOn: [first]
        task: {type: model_method, modelIdOrName: files, methodName: write, inputs: {fail: \"${{ inputs.fail }}\"}}
";

/// The step that has succeeded is not run again.
#[test]
fn failed_run_is_resumed_from_a_step() {
    let env = with_files();
    env.write_file("workflows/w.yaml", FAILS_ONCE);
    assert_eq!(env.run(["workflow", "run", "w"]).code(), Some(1));
    let run = env.run_json(["run", "show"])["data"]["id"].clone();
    let run = run.as_str().expect("an id").to_owned();
    let resume = ["workflow", "resume", "w", "--run", &run];
    let from = [
        &resume[..],
        &["--from", "main/bad", "--input", "fail=false"],
    ]
    .concat();
    insta::assert_snapshot!(env.run(from), @"
    ------- stderr -------
    Run [run]
    Step main/bad: started.
    Step main/bad: succeeded after [took].
    The workflow `w` succeeded.
    hint: `sedge run show [run]` shows its calls
    ");
    let shown = env.run_json(["run", "show", &run]);
    let calls = &shown["data"]["steps"][0]["calls"];
    assert_eq!(calls.as_array().map(Vec::len), Some(1), "{shown:#}");
}

/// Without `--run`, the newest run that has failed begins again, and its id is printed.
#[test]
fn newest_failed_run_is_taken_unless_another_one_could_go_on() {
    let env = with_files();
    env.write_file("workflows/w.yaml", FAILS_ONCE);
    for _ in 0..2 {
        assert_eq!(env.run(["workflow", "run", "w"]).code(), Some(1));
    }
    insta::assert_snapshot!(env.transcript("workflow resume w --from bad --input fail=false"), @"
    $ sedge workflow resume w --from bad --input fail=false
    ------- stderr -------
    Run [run 2]
    Step main/bad: started.
    Step main/bad: succeeded after [took].
    The workflow `w` succeeded.
    hint: `sedge run show [run 2]` shows its calls
    ");
    let runs = env.run_json(["run", "list"])["data"].clone();
    let statuses: Vec<&str> = runs
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|it| it["status"].as_str())
        .collect();
    assert_eq!(statuses, ["succeeded", "failed"], "{runs:#}");
}

#[test]
fn step_to_begin_from_has_to_exist() {
    let env = with_files();
    env.write_file("workflows/w.yaml", FAILS_ONCE);
    assert_eq!(env.run(["workflow", "run", "w"]).code(), Some(1));
    let run = env.run_json(["run", "show"])["data"]["id"].clone();
    let run = run.as_str().expect("an id").to_owned();
    let command = format!("workflow resume w --run {run} --from main/bda");
    assert_eq!(refused(&env, &command).code(), Some(3));
    let command = format!("workflow resume w --run {run} --input fial=false --from main/bad");
    assert_eq!(refused(&env, &command).code(), Some(2));
}

/// The error used to say that there is no such step.
#[test]
fn run_does_not_begin_again_from_one_item() {
    let env = with_hostile();
    let workflow = "\
name: each
jobs:
  - name: main
    steps:
      - name: mapped
        forEach: {item: region, in: [eu, us]}
        task: {type: model_method, modelIdOrName: hostile, methodName: fail, inputs: {code: no-luck, message: not today}}
";
    env.write_file("workflows/each.yaml", workflow);
    assert_eq!(env.run(["workflow", "run", "each"]).code(), Some(1));
    let run = env.run_json(["run", "show"])["data"]["id"].clone();
    let run = run.as_str().expect("an id").to_owned();
    let command = format!("workflow resume each --run {run} --from main/mapped[0]");
    insta::assert_snapshot!(refused(&env, &command), @"
    ------- stderr -------
    error: `main/mapped[0]` is one item of the step `main/mapped`, and a run begins again from a whole step
    hint: begin again from all of its items: `--from main/mapped`
    [exit status: 3]
    ");
}

/// The run continues with its own text unless the user takes the file. The approval was for the text
/// that the run had, so the gate is opened again.
#[test]
fn edited_file_is_mentioned_or_taken() {
    let env = with_suspended();
    let text = env.read_file("workflows/B.yaml");
    env.write_file("workflows/B.yaml", text.replace("count: 2", "count: 1"));
    let approved = env.run(["workflow", "approve", "B", "gate"]);
    assert!(approved.stderr.contains("has changed since"), "{approved}");
    insta::assert_snapshot!(env.run(["workflow", "resume", "B", "--take-edits"]), @"
    ------- stderr -------
    Run [run]
    Gate main/gate: opened again, because the text or the inputs of the run, or a definition or plugin that it uses, have changed since a user was asked.
    Gate main/gate: waits for a decision: Shall the calls be made?
    The workflow `B` is suspended.
    hint: decide the gate with `sedge workflow approve B main/gate --run [run]` (or `reject`)
    hint: then resume the run with `sedge workflow resume B --run [run]`
    [exit status: 4]
    ");
    let _ = env
        .run(["workflow", "approve", "B", "gate", "--resume"])
        .succeeded();
    let shown = env.run_json(["run", "show"]);
    assert_eq!(
        shown["data"]["calls"][0]["arguments"]["count"], 1,
        "{shown:#}"
    );
}

/// The step behind the gate used to run with the new input at once.
#[test]
fn gate_is_opened_again_if_an_input_changes_after_its_approval() {
    let env = with_files();
    let workflow = "\
name: w
inputs:
  stage: {type: string, default: staging}
jobs:
  - name: main
    steps:
      - {name: gate, task: {type: manual_approval, prompt: \"Deploy to ${{ inputs.stage }}?\"}}
      - {name: deploy, dependsOn: [gate], task: {type: model_method, modelIdOrName: files, methodName: record}}
";
    env.write_file("workflows/w.yaml", workflow);
    assert_eq!(env.run(["workflow", "run", "w"]).code(), Some(4));
    env.setup(&["workflow approve w gate"]);
    insta::assert_snapshot!(env.transcript("
        workflow resume w --input stage=production
        run show
        workflow approvals
        workflow approve w gate --resume
    "), @r#"
    $ sedge workflow resume w --input stage=production
    ------- stderr -------
    Run [run]
    Gate main/gate: opened again, because the text or the inputs of the run, or a definition or plugin that it uses, have changed since a user was asked.
    Gate main/gate: waits for a decision: Deploy to production?
    The workflow `w` is suspended.
    hint: decide the gate with `sedge workflow approve w main/gate --run [run]` (or `reject`)
    hint: then resume the run with `sedge workflow resume w --run [run]`
    [exit status: 4]

    $ sedge run show
    ------- stdout -------
    run [run] of workflow w: suspended, started [time] by tester
    worked on for [took], waited at gates for [took]
    ├─ inputs
    │  └─ stage: "production"
    ├─ step main/gate: waiting, approved by tester before the text, inputs, definitions or plugins changed; decide again
    │  └─ prompt: Deploy to production?
    └─ step main/deploy: pending

    $ sedge workflow approvals
    ------- stdout -------
    main/gate of the workflow w, run [run], waits since [time]
      prompt: Deploy to production?
      approved by tester at [time] before the text, inputs, definitions or plugins changed; decide again
      inputs: stage: "production"
      digest: [sha256]
      hint: `sedge workflow approve w main/gate --run [run]` (or `reject`)

    $ sedge workflow approve w gate --resume
    ------- stderr -------
    The gate `main/gate` of run [run] is approved.
    Run [run]
    Step main/deploy: started.
    Step main/deploy: succeeded after [took].
    The workflow `w` succeeded.
    hint: `sedge run show [run]` shows its calls
    "#);
}
