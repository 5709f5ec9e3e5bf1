//! `sedge run cancel`

use sedge_test_kit::wait_until;

use crate::fixtures::{refused, with_hostile, with_suspended, with_workflows};

#[test]
fn suspended_run_ends_at_once() {
    let env = with_suspended();
    let run = env.run_json(["run", "show"])["data"]["id"].clone();
    let run = run.as_str().expect("an id");
    let cancelled = env.run(["run", "cancel", run, "--reason", "wrong branch"]);
    insta::assert_snapshot!(cancelled, @"
    ------- stderr -------
    The run [run] of workflow B is cancelled.
    ");
    insta::assert_snapshot!(env.run(["run", "show"]), @"
    ------- stdout -------
    run [run] of workflow B: cancelled after [took], started [time] by tester
    worked on for [took], waited at gates for [took]
    cancelled [time] by tester: wrong branch
    ├─ step main/gate: skipped, the run is cancelled
    │  └─ prompt: Shall the calls be made?
    └─ step main/spawn: skipped, the run is cancelled
    ");
    insta::assert_snapshot!(env.transcript("
        workflow approvals
        workflow approve B gate
        workflow resume B
    "), @"
    $ sedge workflow approvals
    ------- stderr -------
    No gate waits for a decision.

    $ sedge workflow approve B gate
    ------- stderr -------
    error: the workflow `B` has no run that could be approved or rejected
    hint: its newest run `[run]` was cancelled
    hint: start another: `sedge workflow run B`
    [exit status: 3]

    $ sedge workflow resume B
    ------- stderr -------
    error: the workflow `B` has no run that could be resumed
    hint: its newest run `[run]` was cancelled
    hint: start another: `sedge workflow run B`
    [exit status: 3]
    ");
    // The second command is refused with the end of the run.
    insta::assert_snapshot!(refused(&env, &format!("run cancel {run}")), @"
    ------- stderr -------
    error: the run `[run]` was cancelled at [time] by tester
    hint: see the run: `sedge run show [run]`
    [exit status: 3]
    ");
}

#[test]
fn as_json() {
    let env = with_suspended();
    let run = env.run_json(["run", "show"])["data"]["id"].clone();
    let run = run.as_str().expect("an id");
    insta::assert_snapshot!(env.run(["workflow", "cancel", run, "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "id": "[run]",
        "kind": "workflow",
        "subject": "B",
        "method": null,
        "exclusive": false,
        "status": "cancelled",
        "startedBy": "tester",
        "startedAt": "[time]",
        "endedAt": "[time]",
        "durationMs": "[ms]",
        "parent": null,
        "canOnlyFail": false,
        "cancelled": {
          "by": "tester",
          "reason": null,
          "at": "[time]"
        },
        "children": []
      }
    }
    "#);
}

#[test]
fn running_method_of_another_process_is_stopped() {
    let env = with_hostile();
    let running = env.spawn(["model", "method", "run", "hostile", "spin"]);
    wait_until("the call's start", || {
        let run = env.run_json(["run", "show"]);
        run["data"]["calls"][0]["status"] == "running"
    });
    let run = env.run_json(["run", "show"])["data"]["id"].clone();
    let run = run.as_str().expect("an id");
    insta::assert_snapshot!(env.run(["run", "cancel", run]), @"
    ------- stderr -------
    The run [run] of hostile.spin is being cancelled: its process stops what is running.
    hint: `sedge run show [run]` shows whether it has ended
    ");
    assert_eq!(running.wait().code(), Some(1));
    insta::assert_snapshot!(env.run(["run", "show"]), @"
    ------- stdout -------
    run [run] of hostile.spin: cancelled after [took], started [time] by tester
    cancelled [time] by tester
    └─ hostile.spin: cancelled after [took]
       ├─ it was cancelled
       └─ 1 change was rolled back: `mark`
    ");
}

#[test]
fn interrupted_method_can_be_cancelled_and_forgotten() {
    let env = with_hostile();
    let interrupt = || {
        let mut running = env.spawn(["model", "method", "run", "hostile", "spin"]);
        wait_until("the call's start", || {
            let run = env.run_json(["run", "show"]);
            run["data"]["calls"][0]["status"] == "running"
        });
        running.kill();
        drop(running);
        let run = env.run_json(["run", "show"])["data"]["id"].clone();
        run.as_str().expect("an id").to_owned()
    };
    let run = interrupt();
    insta::assert_snapshot!(env.run(["run", "cancel", &run]), @"
    ------- stderr -------
    The run [run] of hostile.spin is cancelled.
    ");
    let _ = interrupt();
    wait_until("the run is older than a second", || {
        let would = env.run_json(["run", "gc", "--older-than", "1s", "--dry-run"]);
        would["data"]["runs"]
            .as_array()
            .is_some_and(|runs| runs.iter().any(|run| run["status"] == "interrupted"))
    });
    let _ = env.run(["run", "gc", "--older-than", "1s"]).succeeded();
    let listed = env.run_json(["run", "list", "--status", "interrupted"]);
    assert_eq!(listed["count"], 0, "{listed:#}");
}

#[test]
fn run_that_does_not_exist_or_has_ended_is_refused() {
    let env = with_workflows();
    env.setup(&["model method run sink run"]);
    let run = env.run_json(["run", "show"])["data"]["id"].clone();
    let run = run.as_str().expect("an id");
    insta::assert_snapshot!(refused(&env, &format!("run cancel {run}")), @"
    ------- stderr -------
    error: the run `[run]` has succeeded at [time]
    hint: see the run: `sedge run show [run]`
    [exit status: 3]
    ");
    insta::assert_snapshot!(env.transcript("run cancel 0000\nrun cancel"), @"
    $ sedge run cancel 0000
    ------- stderr -------
    error: no run with the id `0000`
    hint: see the runs: `sedge run list`
    [exit status: 3]

    $ sedge run cancel
    ------- stderr -------
    error: the following required arguments were not provided:
      <RUN>

    Usage: sedge run cancel <RUN>

    For more information, try '--help'.
    [exit status: 2]
    ");
}

/// The run of a nested workflow is a part of the run that the user started.
#[test]
fn run_of_a_nested_workflow_ends_with_the_run_at_the_top() {
    let env = with_suspended();
    let nested = "\
name: outer
jobs:
  - name: main
    steps:
      - {name: inner, task: {type: workflow, workflowIdOrName: B}}
";
    env.write_file("workflows/outer.yaml", nested);
    env.setup(&["workflow run outer"]);
    let outer = env.run_json(["run", "list", "--of", "outer"])["data"][0]["id"].clone();
    let outer = outer.as_str().expect("an id").to_owned();
    let shown = env.run_json(["run", "show", &outer]);
    let child = shown["data"]["steps"][0]["child"].clone();
    let child = child
        .as_str()
        .expect("a nested workflow has a run")
        .to_owned();
    insta::assert_snapshot!(refused(&env, &format!("run cancel {child}")), @"
    ------- stderr -------
    error: the run `[run 3]` is part of the run `[run 2]` of `outer`, and only that one can be cancelled
    hint: cancel the whole run: `sedge run cancel [run 2]`
    [exit status: 3]
    ");
    let _ = env.run(["run", "cancel", &outer]).succeeded();
    let child = env.run_json(["run", "show", &child]);
    assert_eq!(child["data"]["status"], "cancelled", "{child:#}");
}
