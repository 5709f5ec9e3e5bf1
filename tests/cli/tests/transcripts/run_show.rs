//! `sedge run show`

use sedge_test_kit::{TestEnv, wait_until};

use crate::datastore_lock_status::n_locks;
use crate::fixtures::{A, with_files, with_hostile, with_suspended};

#[test]
fn run_of_a_workflow_is_a_tree() {
    let env = with_suspended();
    insta::assert_snapshot!(env.run(["run", "show"]), @"
    ------- stdout -------
    run [run] of workflow B: suspended, started [time] by tester
    worked on for [took], waited at gates for [took]
    ├─ step main/gate: waiting
    │  └─ prompt: Shall the calls be made?
    └─ step main/spawn: pending
    ");
    env.setup(&[
        "workflow approve B gate --comment fine",
        "workflow resume B",
    ]);
    insta::assert_snapshot!(env.run(["run", "show"]), @"
    ------- stdout -------
    run [run] of workflow B: succeeded after [took], started [time] by tester
    worked on for [took], waited at gates for [took]
    ├─ step main/gate: approved after [took], by tester: fine
    │  └─ prompt: Shall the calls be made?
    └─ step main/spawn: succeeded after [took]
       └─ spawn.run: succeeded after [took], wrote `calls` version 1
          ├─ sink.run: succeeded after [took], wrote `record` version 1
          └─ sink.run: succeeded after [took], wrote `record` version 2
    ");
}

#[test]
fn run_of_a_method_is_a_tree() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model method run spawn run --input count=2"]);
    insta::assert_snapshot!(env.run(["run", "show"]), @"
    ------- stdout -------
    run [run] of spawn.run: succeeded after [took], started [time] by tester
    └─ spawn.run: succeeded after [took], wrote `calls` version 1
       ├─ sink.run: succeeded after [took], wrote `record` version 1
       └─ sink.run: succeeded after [took], wrote `record` version 2
    ");
}

/// The calls of guards and asserts were missing.
#[test]
fn calls_of_conditions_are_below_their_steps() {
    let env = TestEnv::with_repository();
    env.setup(&[
        "plugin add $GUESTS/counter.wasm --grant-all",
        "model create @test/counter one",
    ]);
    let workflow = "\
name: w
jobs:
  - name: main
    steps:
      - name: add
        guard: model.method('one', 'read') > 100
        task: {type: model_method, modelIdOrName: one, methodName: add}
      - name: holds
        dependsOn: [add]
        task: {type: assert, expr: \"model.method('one', 'read') == 1\"}
";
    env.write_file("workflows/w.yaml", workflow);
    env.setup(&["workflow run w"]);
    insta::assert_snapshot!(env.run(["run", "show"]), @"
    ------- stdout -------
    run [run] of workflow w: succeeded after [took], started [time] by tester
    ├─ step main/add: succeeded after [took]
    │  ├─ one.read: succeeded after [took]
    │  └─ one.add: succeeded after [took], wrote `count` version 1
    └─ step main/holds: succeeded
       └─ one.read: succeeded after [took]
    ");
}

#[test]
fn as_json() {
    let env = with_suspended();
    env.setup(&["workflow approve B gate", "workflow resume B"]);
    insta::assert_snapshot!(env.run(["run", "show", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "id": "[run]",
        "kind": "workflow",
        "subject": "B",
        "method": null,
        "exclusive": false,
        "status": "succeeded",
        "startedBy": "tester",
        "startedAt": "[time]",
        "endedAt": "[time]",
        "durationMs": "[ms]",
        "parent": null,
        "canOnlyFail": false,
        "parentStep": null,
        "parentCall": null,
        "tags": {},
        "workingMs": "[ms]",
        "waitingMs": "[ms]",
        "cancelled": null,
        "inputs": null,
        "error": null,
        "failedJobs": [],
        "steps": [
          {
            "step": "main/gate",
            "expansionOf": null,
            "status": "approved",
            "because": null,
            "decidedBy": "tester",
            "comment": null,
            "prompt": "Shall the calls be made?",
            "deadline": null,
            "digest": "[sha256]",
            "error": null,
            "isAllowed": false,
            "calls": [],
            "evaluationCalls": [],
            "child": null,
            "failedAttempts": [],
            "nextAttemptAt": null,
            "startedAt": "[time]",
            "endedAt": "[time]",
            "durationMs": "[ms]"
          },
          {
            "step": "main/spawn",
            "expansionOf": null,
            "status": "succeeded",
            "because": null,
            "decidedBy": null,
            "comment": null,
            "prompt": null,
            "deadline": null,
            "digest": null,
            "error": null,
            "isAllowed": false,
            "calls": [
              "[run]/1"
            ],
            "evaluationCalls": [],
            "child": null,
            "failedAttempts": [],
            "nextAttemptAt": null,
            "startedAt": "[time]",
            "endedAt": "[time]",
            "durationMs": "[ms]"
          }
        ],
        "calls": [
          {
            "call": "[run]/1",
            "step": "main/spawn",
            "model": "spawn",
            "method": "run",
            "status": "succeeded",
            "arguments": {
              "count": 2
            },
            "outcome": {
              "value": {
                "ok": 2,
                "failed": 0,
                "elapsed_ms": "[ms]"
              },
              "written": {
                "count": 1,
                "first": [
                  {
                    "name": "calls",
                    "version": 1
                  }
                ]
              }
            },
            "error": null,
            "kept": null,
            "rolledBack": null,
            "retries": 0,
            "startedAt": "[time]",
            "untilCommitMs": "[ms]",
            "waitedMs": "[ms]",
            "calls": [
              {
                "call": "[run]/1/1",
                "step": "main/spawn",
                "model": "sink",
                "method": "run",
                "status": "succeeded",
                "arguments": {},
                "outcome": {
                  "value": {
                    "note": null,
                    "run": "[run]",
                    "call": "[run]/1/1"
                  },
                  "written": {
                    "count": 1,
                    "first": [
                      {
                        "name": "record",
                        "version": 1
                      }
                    ]
                  }
                },
                "error": null,
                "kept": null,
                "rolledBack": null,
                "retries": 0,
                "startedAt": "[time]",
                "untilCommitMs": "[ms]",
                "waitedMs": "[ms]",
                "calls": [],
                "runs": []
              },
              {
                "call": "[run]/1/2",
                "step": "main/spawn",
                "model": "sink",
                "method": "run",
                "status": "succeeded",
                "arguments": {},
                "outcome": {
                  "value": {
                    "note": null,
                    "run": "[run]",
                    "call": "[run]/1/2"
                  },
                  "written": {
                    "count": 1,
                    "first": [
                      {
                        "name": "record",
                        "version": 2
                      }
                    ]
                  }
                },
                "error": null,
                "kept": null,
                "rolledBack": null,
                "retries": 0,
                "startedAt": "[time]",
                "untilCommitMs": "[ms]",
                "waitedMs": "[ms]",
                "calls": [],
                "runs": []
              }
            ],
            "runs": []
          }
        ]
      }
    }
    "#);
}

#[test]
fn many_calls_are_summed_up() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model method run spawn run --input count=25"]);
    insta::assert_snapshot!(env.run(["run", "show"]), @"
    ------- stdout -------
    run [run] of spawn.run: succeeded after [took], started [time] by tester
    └─ spawn.run: succeeded after [took], wrote `calls` version 1
       ├─ sink.run: succeeded after [took], wrote `record` version 1
       ├─ sink.run: succeeded after [took], wrote `record` version 2
       ├─ sink.run: succeeded after [took], wrote `record` version 3
       ├─ sink.run: succeeded after [took], wrote `record` version 4
       ├─ sink.run: succeeded after [took], wrote `record` version 5
       ├─ sink.run: succeeded after [took], wrote `record` version 6
       ├─ sink.run: succeeded after [took], wrote `record` version 7
       ├─ sink.run: succeeded after [took], wrote `record` version 8
       ├─ sink.run: succeeded after [took], wrote `record` version 9
       ├─ sink.run: succeeded after [took], wrote `record` version 10
       ├─ sink.run: succeeded after [took], wrote `record` version 11
       ├─ sink.run: succeeded after [took], wrote `record` version 12
       ├─ sink.run: succeeded after [took], wrote `record` version 13
       ├─ sink.run: succeeded after [took], wrote `record` version 14
       ├─ sink.run: succeeded after [took], wrote `record` version 15
       ├─ sink.run: succeeded after [took], wrote `record` version 16
       ├─ sink.run: succeeded after [took], wrote `record` version 17
       ├─ sink.run: succeeded after [took], wrote `record` version 18
       ├─ sink.run: succeeded after [took], wrote `record` version 19
       ├─ sink.run: succeeded after [took], wrote `record` version 20
       └─ and 5 more calls, 5 of them succeeded (`--all` shows them)
    ");
    let all = env.run(["run", "show", "--all"]);
    assert_eq!(all.stdout.matches("sink.run").count(), 25, "{all}");
}

#[test]
fn error_is_shown_at_the_call_that_failed() {
    let env = with_hostile();
    let command = "model method run spawn run --input target=hostile --input method=trap";
    assert_eq!(env.run(command.split(' ')).code(), Some(1));
    insta::assert_snapshot!(env.run(["run", "show"]), @r#"
    ------- stdout -------
    run [run] of spawn.run: failed after [took], started [time] by tester
    └─ spawn.run: failed after [took], kept `calls` version 1
       ├─ hostile.trap: failed after [took]
       │  ├─ wasm trap: wasm `unreachable` instruction executed
       │  │  in hostile::trap
       │  └─ 1 change was rolled back: `mark`
       ├─ 1 of 1 calls failed, the first with trapped: wasm trap: wasm `unreachable` instruction executed (plugin/calls-failed)
       └─ details from the plugin: {"ok":0,"failed":1,"elapsed_ms":"[ms]"}
    "#);
}

/// A failed call may keep data, which the user must deal with. The tree did not show such data.
#[test]
fn data_kept_by_a_failed_call_is_shown() {
    let env = with_files();
    env.setup(&[
        "plugin add $GUESTS/hostile.wasm --grant-all",
        "model create @test/hostile hostile",
    ]);
    let fail = "model method run hostile fail --input code=no --input keep=true -i message=no";
    assert_eq!(env.run(fail.split(' ')).code(), Some(1));
    insta::assert_snapshot!(env.run(["run", "show"]), @"
    ------- stdout -------
    run [run] of hostile.fail: failed after [took], started [time] by tester
    └─ hostile.fail: failed after [took], kept `mark` version 1
       └─ no (plugin/no)
    ");
    let publish = "model method run files publish --input name=n --input then=fail";
    assert_eq!(env.run(publish.split(' ')).code(), Some(1));
    insta::assert_snapshot!(env.run(["run", "show"]), @r#"
    ------- stdout -------
    run [run 2] of files.publish: failed after [took], started [time] by tester
    └─ files.publish: failed after [took], kept `n` version 1
       ├─ its arguments demand a failure (plugin/told-to-fail)
       ├─ details from the plugin: [{"name":"n","version":1}]
       └─ 1 change was rolled back: `n`
    "#);
    let shown = env.run_json(["run", "show"]);
    let kept = &shown["data"]["calls"][0]["kept"];
    assert_eq!(
        kept.to_string(),
        r#"{"count":1,"first":[{"name":"n","version":1}]}"#
    );
}

#[test]
fn many_written_names_are_counted() {
    let env = with_files();
    env.setup(&["model method run files record --input count=120"]);
    insta::assert_snapshot!(env.run(["run", "show"]), @"
    ------- stdout -------
    run [run] of files.record: succeeded after [took], started [time] by tester
    └─ files.record: succeeded after [took], wrote 120 items: `record` version 1 … 120
    ");
    let shown = env.run_json(["run", "show"]);
    let written = &shown["data"]["calls"][0]["outcome"]["written"];
    assert_eq!(written["count"], 120);
    assert_eq!(written["first"].as_array().map(Vec::len), Some(100));
    assert_eq!(written["last"]["version"], 120);
    let all = &written["all"]["arguments"]["predicate"];
    let all = all.as_str().expect("it says what lists all");
    let listed = env.run_json(["data", "query", all, "--all-versions"]);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(120));
}

/// The run has no record of a call that could show the error, so the run or the step shows it.
#[test]
fn step_or_call_that_could_not_begin_shows_the_reason() {
    let env = with_hostile();
    let a = A.replace("modelIdOrName: spawn", "modelIdOrName: hostile");
    env.write_file(
        "workflows/A.yaml",
        a.replace("methodName: run", "methodName: trap"),
    );
    // It is killed when the test ends.
    let _running = env.spawn("model method run hostile sleep --input ms=600000".split(' '));
    wait_until("the holder", || n_locks(&env) == 2);
    let busy = "model method run hostile trap --lock-timeout 0.05";
    assert_eq!(env.run(busy.split(' ')).code(), Some(75));
    insta::assert_snapshot!(env.run(["run", "show"]), @"
    ------- stdout -------
    run [run 2] of hostile.trap: failed after [took], started [time] by tester
    └─ the model `hostile` was locked by others for [took]: [run]/1 (hostile.sleep) of tester@[host], process [pid]
    ");
    insta::assert_snapshot!(env.run(["run", "show", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "id": "[run 2]",
        "kind": "method",
        "subject": "hostile",
        "method": "trap",
        "exclusive": false,
        "status": "failed",
        "startedBy": "tester",
        "startedAt": "[time]",
        "endedAt": "[time]",
        "durationMs": "[ms]",
        "parent": null,
        "canOnlyFail": false,
        "parentStep": null,
        "parentCall": null,
        "tags": {},
        "workingMs": "[ms]",
        "waitingMs": "[ms]",
        "cancelled": null,
        "inputs": null,
        "error": {
          "code": "lock-timeout",
          "message": "the model `hostile` was locked by others for [took]: [run]/1 (hostile.sleep) of tester@[host], process [pid]",
          "holders": [
            "[run]/1 (hostile.sleep) of tester@[host], process [pid]"
          ],
          "waitedMs": "[ms]"
        },
        "failedJobs": [],
        "steps": [],
        "calls": []
      }
    }
    "#);
    let busy = "workflow run A --lock-timeout 0.05";
    assert_eq!(env.run(busy.split(' ')).code(), Some(75));
    insta::assert_snapshot!(env.run(["run", "show"]), @"
    ------- stdout -------
    run [run 3] of workflow A: failed after [took], started [time] by tester
    └─ step main/spawn: failed after [took]
       └─ the model `hostile` was locked by others for [took]: [run]/1 (hostile.sleep) of tester@[host], process [pid]
    ");
}

/// The guest of a script language says where it failed. The error has the first frame.
#[test]
fn run_is_found_by_a_prefix_of_its_id() {
    let env = TestEnv::with_sink_and_spawn();
    let run = env.run_json(["model", "method", "run", "sink", "run"])["data"]["run"].clone();
    let run = run.as_str().expect("a run has an id");
    insta::assert_snapshot!(env.run(["run", "show", &run[..4]]), @"
    ------- stdout -------
    run [run] of sink.run: succeeded after [took], started [time] by tester
    └─ sink.run: succeeded after [took], wrote `record` version 1
    ");
}

#[test]
fn unknown_run_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.transcript("run show\nrun show --json"), @r#"
    $ sedge run show
    ------- stderr -------
    error: there are no runs yet
    hint: run a method: `sedge model method run MODEL METHOD`
    hint: or a workflow: `sedge workflow run NAME`
    [exit status: 3]

    $ sedge run show --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "runs_none",
        "class": "state",
        "message": "there are no runs yet",
        "causes": [],
        "help": [
          {
            "kind": "command",
            "purpose": "run a method",
            "useCase": "model_method_run",
            "arguments": {
              "method": null,
              "model": null
            }
          },
          {
            "kind": "command",
            "purpose": "or a workflow",
            "useCase": "workflow_run",
            "arguments": {
              "name": null
            }
          }
        ]
      }
    }
    [exit status: 3]
    "#);
    env.setup(&["model method run sink run"]);
    insta::assert_snapshot!(env.transcript("run show uuuu\nrun show uuuu --json"), @r#"
    $ sedge run show uuuu
    ------- stderr -------
    error: no run with the id `uuuu`
    hint: see the runs: `sedge run list`
    [exit status: 3]

    $ sedge run show uuuu --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "run_missing",
        "class": "state",
        "message": "no run with the id `uuuu`",
        "causes": [],
        "help": [
          {
            "kind": "command",
            "purpose": "see the runs",
            "useCase": "run_list",
            "arguments": {}
          }
        ]
      }
    }
    [exit status: 3]
    "#);
}
