//! `sedge run show`

use sedge_test_kit::TestEnv;

use crate::fixtures::{with_hostile, with_suspended};

#[test]
fn a_workflows_run_is_a_tree() {
    let env = with_suspended();
    insta::assert_snapshot!(env.run(["run", "show"]), @"
    ------- stdout -------
    run [run] of workflow B: suspended, started [time] by tester
    └─ step main/gate: waiting
    ");
    env.setup(&[
        "workflow approve B gate --comment fine",
        "workflow resume B",
    ]);
    insta::assert_snapshot!(env.run(["run", "show"]), @"
    ------- stdout -------
    run [run] of workflow B: succeeded after [took], started [time] by tester
    ├─ step main/gate: approved, by tester: fine
    └─ step main/spawn: succeeded
       └─ spawn.run: succeeded after [took], wrote `calls` version 1
          ├─ sink.run: succeeded after [took], wrote `record` version 1
          └─ sink.run: succeeded after [took], wrote `record` version 2
    ");
}

#[test]
fn a_methods_run_is_a_tree_too() {
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
        "steps": [
          {
            "step": "main/gate",
            "status": "approved",
            "note": "by tester",
            "at": "[time]"
          },
          {
            "step": "main/spawn",
            "status": "succeeded",
            "note": null,
            "at": "[time]"
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
              "written": [
                {
                  "name": "calls",
                  "version": 1
                }
              ]
            },
            "error": null,
            "changesUndone": null,
            "undone": 0,
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
                  "written": [
                    {
                      "name": "record",
                      "version": 1
                    }
                  ]
                },
                "error": null,
                "changesUndone": null,
                "undone": 0,
                "startedAt": "[time]",
                "untilCommitMs": "[ms]",
                "waitedMs": "[ms]",
                "calls": []
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
                  "written": [
                    {
                      "name": "record",
                      "version": 2
                    }
                  ]
                },
                "error": null,
                "changesUndone": null,
                "undone": 0,
                "startedAt": "[time]",
                "untilCommitMs": "[ms]",
                "waitedMs": "[ms]",
                "calls": []
              }
            ]
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
fn what_failed_is_shown_where_it_failed() {
    let env = with_hostile();
    let command = "model method run spawn run --input target=hostile --input method=trap";
    assert_eq!(env.run(command.split(' ')).code(), Some(1));
    insta::assert_snapshot!(env.run(["run", "show"]), @"
    ------- stdout -------
    run [run] of spawn.run: failed after [took], started [time] by tester
    └─ spawn.run: failed after [took]
       ├─ hostile.trap: failed after [took]
       │  ├─ wasm trap: wasm `unreachable` instruction executed
       │  ├─ in hostile::trap
       │  └─ 1 change was undone: `mark`
       └─ 1 of 1 calls failed, the first with trapped: wasm trap: wasm `unreachable` instruction executed (calls-failed)
    ");
}

#[test]
fn a_backtrace_has_all_that_is_known() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "plugin add $GUESTS/hostile_lines.wasm --grant-all",
        "model create @test/hostile hostile",
    ]);
    let command = "model method run spawn run --input target=hostile --input method=trap";
    assert_eq!(env.run(command.split(' ')).code(), Some(1));
    // What is between is the compiler's and the standard library's.
    let shown = env.run(["run", "show", "--backtrace"]).to_string();
    let own = shown
        .lines()
        .filter(|line| !line.contains(" in ") || line.contains("hostile"));
    insta::assert_snapshot!(own.collect::<Vec<_>>().join("\n"), @"
    ------- stdout -------
    run [run] of spawn.run: failed after [took], started [time] by tester
    └─ spawn.run: failed after [took]
       ├─ hostile.trap: failed after [took]
       │  ├─ wasm trap: wasm `unreachable` instruction executed
       │  ├─ in hostile_lines::hostile::trap at tests/guests/examples/hostile.rs:[place]
       │  ├─ in sedge_sdk::model::Model::method::{{closure}} at tests/guests/examples/hostile.rs:[place]
       │  └─ 1 change was undone: `mark`
       └─ 1 of 1 calls failed, the first with trapped: wasm trap: wasm `unreachable` instruction executed (calls-failed)
    ");
    let few = env.run(["run", "show"]).to_string();
    let n_frames = |text: &str| text.lines().filter(|line| line.contains(" in ")).count();
    assert!(n_frames(&few) < n_frames(&shown), "{few}\n{shown}");
}

#[test]
fn a_run_is_found_by_the_beginning_of_its_id() {
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
fn no_such_run() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.transcript("run show\nrun show --json"), @r#"
    $ sedge run show
    ------- stderr -------
    error: there are no runs yet
    hint: `sedge model method run` and `sedge workflow run` make some
    [exit status: 3]

    $ sedge run show --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "runs_none",
        "message": "there are no runs yet",
        "causes": [],
        "hint": "`sedge model method run` and `sedge workflow run` make some"
      }
    }
    [exit status: 3]
    "#);
    env.setup(&["model method run sink run"]);
    insta::assert_snapshot!(env.transcript("run show uuuu\nrun show uuuu --json"), @r#"
    $ sedge run show uuuu
    ------- stderr -------
    error: no run with the id `uuuu`
    hint: `sedge run list` shows the runs
    [exit status: 3]

    $ sedge run show uuuu --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "run_missing",
        "message": "no run with the id `uuuu`",
        "causes": [],
        "hint": "`sedge run list` shows the runs"
      }
    }
    [exit status: 3]
    "#);
}
