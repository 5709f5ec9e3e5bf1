//! What the project exists for, from an empty folder to a resumed workflow: the resumed
//! step calls another model through the host, and nobody waits for anybody.

use sedge_test_kit::TestEnv;

use crate::fixtures::{A, b};

/// Two plugins, two models, a method, a workflow, and one that waits for a person.
const COMMANDS: &str = "
    init
    plugin add $GUESTS/sink.wasm
    plugin add $GUESTS/spawn.wasm
    model create @sedge/sink sink
    model create @sedge/spawn spawn
    model method run sink run
    data get sink record
    data versions sink record
    workflow run A
    workflow run B
    workflow approvals
    workflow resume B
    workflow approve B gate
    workflow resume B
    run show
    workflow run B
    workflow reject B gate
    workflow resume B
    run list
";

#[test]
fn as_a_person_sees_it() {
    let env = with_workflow_files();
    insta::assert_snapshot!(env.transcript(COMMANDS), @r#"
    $ sedge init
    ------- stderr -------
    Made a repository in $ENV/repo
    hint: `sedge plugin add FILE.wasm` adds a plugin, which provides a type of models

    $ sedge plugin add $GUESTS/sink.wasm
    ------- stderr -------
    Added @sedge/sink 2026.11.23.1
    hint: `sedge model create @sedge/sink NAME` makes a model of it

    $ sedge plugin add $GUESTS/spawn.wasm
    ------- stderr -------
    Added @sedge/spawn 2026.11.23.1
    It asks to call and read every model: to call the model that it is told to call
    hint: `sedge model create @sedge/spawn NAME` makes a model of it

    $ sedge model create @sedge/sink sink
    ------- stderr -------
    Made the model sink in models/sink.yaml
    hint: `sedge plugin describe @sedge/sink` shows the methods that it has

    $ sedge model create @sedge/spawn spawn
    ------- stderr -------
    Made the model spawn in models/spawn.yaml
    hint: `sedge plugin describe @sedge/spawn` shows the methods that it has

    $ sedge model method run sink run
    ------- stdout -------
    {
      "note": null,
      "run": "[run]",
      "call": "[run]/1"
    }
    ------- stderr -------
    Run [run]
    Succeeded after [took], wrote `record` version 1.

    $ sedge data get sink record
    ------- stdout -------
    {
      "note": null,
      "run": "[run]",
      "call": "[run]/1"
    }

    $ sedge data versions sink record
    ------- stdout -------
    VERSION  SIZE  WRITTEN               BY CALL
    1        58 B  [time]                [run]/1

    $ sedge workflow run A
    ------- stderr -------
    Run [run 2]
    Step main/spawn: started.
    Step main/spawn: succeeded after [took].
    The workflow `A` succeeded.
    hint: `sedge run show [run 2]` shows its calls

    $ sedge workflow run B
    ------- stderr -------
    Run [run 3]
    Gate main/gate: waits for a decision: Shall the calls be made?
    The workflow `B` is suspended.
    hint: `sedge workflow approve B gate --run [run 3]` (or `reject`) decides
    hint: `sedge workflow resume B --run [run 3]` goes on then

    $ sedge workflow approvals
    ------- stdout -------
    WORKFLOW  GATE       RUN           SINCE                 PROMPT
    B         main/gate  [run 3]       [time]                Shall the calls be made?

    $ sedge workflow resume B
    ------- stderr -------
    error: the run `[run 3]` of `B` waits for a decision
    hint: decide it: `sedge workflow approve B gate --run [run 3]` (or `reject`)
    [exit status: 3]

    $ sedge workflow approve B gate
    ------- stderr -------
    The gate `main/gate` of run [run 3] is approved.
    hint: `sedge workflow resume B --run [run 3]` goes on

    $ sedge workflow resume B
    ------- stderr -------
    Run [run 3]
    Step main/spawn: started.
    Step main/spawn: succeeded after [took].
    The workflow `B` succeeded.
    hint: `sedge run show [run 3]` shows its calls

    $ sedge run show
    ------- stdout -------
    run [run 3] of workflow B: succeeded after [took], started [time] by tester
    ├─ step main/gate: approved, by tester
    └─ step main/spawn: succeeded
       └─ spawn.run: succeeded after [took], wrote `calls` version 2
          ├─ sink.run: succeeded after [took], wrote `record` version 3
          └─ sink.run: succeeded after [took], wrote `record` version 4

    $ sedge workflow run B
    ------- stderr -------
    Run [run 4]
    Gate main/gate: waits for a decision: Shall the calls be made?
    The workflow `B` is suspended.
    hint: `sedge workflow approve B gate --run [run 4]` (or `reject`) decides
    hint: `sedge workflow resume B --run [run 4]` goes on then

    $ sedge workflow reject B gate
    ------- stderr -------
    The gate `main/gate` of run [run 4] is rejected.
    The run has failed.

    $ sedge workflow resume B
    ------- stderr -------
    error: the workflow `B` has no run that could be resumed
    hint: its newest run [run 4] has failed; start another: `sedge workflow run B`
    [exit status: 3]

    $ sedge run list
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run 4]  workflow B  failed  [time]  [took]  tester
    [run 3]  workflow B  succeeded  [time]  [took]  tester
    [run 2]  workflow A  succeeded  [time]  [took]  tester
    [run]  sink.run  succeeded  [time]  [took]  tester
    "#);
}

#[test]
fn as_a_program_sees_it() {
    let env = with_workflow_files();
    // What a plugin says of itself is a page long, and shown elsewhere.
    let is_long = |command: &&str| command.contains("plugin add");
    let commands = COMMANDS.trim().lines().map(str::trim);
    let (added, shown): (Vec<&str>, Vec<&str>) = commands.partition(is_long);
    let _ = env.run(["init"]).succeeded();
    for command in added {
        assert_eq!(env.run_json(command.split(' '))["ok"], true, "{command}");
    }
    let shown = shown[1..].join(" --json\n") + " --json";
    insta::assert_snapshot!(env.transcript(&shown), @r#"
    $ sedge model create @sedge/sink sink --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "name": "sink",
        "type": "@sedge/sink",
        "file": "models/sink.yaml"
      }
    }

    $ sedge model create @sedge/spawn spawn --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "name": "spawn",
        "type": "@sedge/spawn",
        "file": "models/spawn.yaml"
      }
    }

    $ sedge model method run sink run --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "run": "[run]",
        "value": {
          "note": null,
          "run": "[run]",
          "call": "[run]/1"
        },
        "written": [
          {
            "name": "record",
            "version": 1
          }
        ],
        "elapsedMs": "[ms]"
      }
    }

    $ sedge data get sink record --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "model": "sink",
        "name": "record",
        "spec": "record",
        "version": 1,
        "createdAt": "[time]",
        "size": 58,
        "writtenBy": "[run]/1",
        "content": {
          "note": null,
          "run": "[run]",
          "call": "[run]/1"
        }
      }
    }

    $ sedge data versions sink record --json
    ------- stdout -------
    {
      "ok": true,
      "data": [
        {
          "version": 1,
          "createdAt": "[time]",
          "size": 58,
          "writtenBy": "[run]/1"
        }
      ]
    }

    $ sedge workflow run A --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "run": "[run 2]",
        "workflow": "A",
        "status": "succeeded"
      }
    }

    $ sedge workflow run B --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "run": "[run 3]",
        "workflow": "B",
        "status": "suspended",
        "gates": [
          "main/gate"
        ]
      }
    }

    $ sedge workflow approvals --json
    ------- stdout -------
    {
      "ok": true,
      "data": [
        {
          "workflow": "B",
          "gate": "main/gate",
          "run": "[run 3]",
          "since": "[time]",
          "prompt": "Shall the calls be made?"
        }
      ]
    }

    $ sedge workflow resume B --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "gates_undecided",
        "message": "the run `[run 3]` of `B` waits for a decision",
        "causes": [],
        "hint": "decide it: `sedge workflow approve B gate --run [run 3]` (or `reject`)",
        "run": "[run 3]",
        "gates": [
          "main/gate"
        ]
      }
    }
    [exit status: 3]

    $ sedge workflow approve B gate --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "run": "[run 3]",
        "workflow": "B",
        "gate": "main/gate",
        "decision": "approved",
        "status": "suspended",
        "gatesOpen": []
      }
    }

    $ sedge workflow resume B --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "run": "[run 3]",
        "workflow": "B",
        "status": "succeeded"
      }
    }

    $ sedge run show --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "id": "[run 3]",
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
            "call": "[run 3]/1",
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
                  "version": 2
                }
              ]
            },
            "error": null,
            "undone": 0,
            "startedAt": "[time]",
            "elapsedMs": "[ms]",
            "waitedMs": "[ms]",
            "calls": [
              {
                "call": "[run 3]/1/1",
                "step": "main/spawn",
                "model": "sink",
                "method": "run",
                "status": "succeeded",
                "arguments": {},
                "outcome": {
                  "value": {
                    "note": null,
                    "run": "[run 3]",
                    "call": "[run 3]/1/1"
                  },
                  "written": [
                    {
                      "name": "record",
                      "version": 3
                    }
                  ]
                },
                "error": null,
                "undone": 0,
                "startedAt": "[time]",
                "elapsedMs": "[ms]",
                "waitedMs": "[ms]",
                "calls": []
              },
              {
                "call": "[run 3]/1/2",
                "step": "main/spawn",
                "model": "sink",
                "method": "run",
                "status": "succeeded",
                "arguments": {},
                "outcome": {
                  "value": {
                    "note": null,
                    "run": "[run 3]",
                    "call": "[run 3]/1/2"
                  },
                  "written": [
                    {
                      "name": "record",
                      "version": 4
                    }
                  ]
                },
                "error": null,
                "undone": 0,
                "startedAt": "[time]",
                "elapsedMs": "[ms]",
                "waitedMs": "[ms]",
                "calls": []
              }
            ]
          }
        ]
      }
    }

    $ sedge workflow run B --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "run": "[run 4]",
        "workflow": "B",
        "status": "suspended",
        "gates": [
          "main/gate"
        ]
      }
    }

    $ sedge workflow reject B gate --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "run": "[run 4]",
        "workflow": "B",
        "gate": "main/gate",
        "decision": "rejected",
        "status": "failed",
        "gatesOpen": []
      }
    }

    $ sedge workflow resume B --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "run_none",
        "message": "the workflow `B` has no run that could be resumed",
        "causes": [],
        "hint": "its newest run [run 4] has failed; start another: `sedge workflow run B`"
      }
    }
    [exit status: 3]

    $ sedge run list --json
    ------- stdout -------
    {
      "ok": true,
      "data": [
        {
          "id": "[run 4]",
          "kind": "workflow",
          "subject": "B",
          "method": null,
          "exclusive": false,
          "status": "failed",
          "startedBy": "tester",
          "startedAt": "[time]",
          "endedAt": "[time]"
        },
        {
          "id": "[run 3]",
          "kind": "workflow",
          "subject": "B",
          "method": null,
          "exclusive": false,
          "status": "succeeded",
          "startedBy": "tester",
          "startedAt": "[time]",
          "endedAt": "[time]"
        },
        {
          "id": "[run 2]",
          "kind": "workflow",
          "subject": "A",
          "method": null,
          "exclusive": false,
          "status": "succeeded",
          "startedBy": "tester",
          "startedAt": "[time]",
          "endedAt": "[time]"
        },
        {
          "id": "[run]",
          "kind": "method",
          "subject": "sink",
          "method": "run",
          "exclusive": false,
          "status": "succeeded",
          "startedBy": "tester",
          "startedAt": "[time]",
          "endedAt": "[time]"
        }
      ]
    }
    "#);
}

#[test]
fn each_nested_call_is_accounted_for() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("workflows/B.yaml", b(5));
    env.setup(&[
        "workflow run B",
        "workflow approve B gate",
        "workflow resume B",
    ]);
    let content = env.run_json(["data", "get", "spawn", "calls"])["data"]["content"].clone();
    let calls = content["calls"].as_array().expect("it is a list");
    assert_eq!(calls.len(), 5);
    for call in calls {
        assert_eq!(call["outcome"], "ok", "{content}");
        assert!(call["elapsed_ms"].as_f64() > Some(0.0), "{content}");
    }
}

/// Returns a folder that is no repository yet, and has the workflows `A` and `B` in it.
fn with_workflow_files() -> TestEnv {
    let env = TestEnv::default();
    env.write_file("workflows/A.yaml", A);
    env.write_file("workflows/B.yaml", b(2));
    env
}
