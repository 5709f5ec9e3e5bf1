//! The scenario with `--json` at each command.

use crate::scenario::{COMMANDS, with_workflow_files};

#[test]
fn scenario_as_json() {
    let env = with_workflow_files();
    let commands = COMMANDS.trim().lines().map(str::trim);
    // The description of a plugin is long, and another transcript shows it.
    let (added, shown): (Vec<_>, Vec<_>) = commands.partition(|it| it.contains("plugin add"));
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
        "file": "models/sink.yaml",
        "inherited": []
      }
    }

    $ sedge model create @sedge/spawn spawn --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "name": "spawn",
        "type": "@sedge/spawn",
        "file": "models/spawn.yaml",
        "inherited": [
          {
            "permission": {
              "kind": "models",
              "model": "*"
            },
            "effective": [
              "*"
            ]
          }
        ]
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
        "written": {
          "count": 1,
          "first": [
            {
              "name": "record",
              "version": 1
            }
          ]
        },
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
        "version": 1,
        "latest": true,
        "kind": "resource",
        "spec": "record",
        "mediaType": "application/json",
        "size": 58,
        "digest": "[sha256]",
        "tags": {},
        "lifetime": "infinite",
        "createdAt": "[time]",
        "writtenBy": {
          "run": "[run]",
          "job": null,
          "step": null,
          "call": "[run]/1",
          "method": "run",
          "type": "@sedge/sink",
          "plugin": "[sha256]",
          "definition": "[sha256]",
          "environment": []
        },
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
      "data": [
        {
          "model": "sink",
          "name": "record",
          "version": 1,
          "latest": true,
          "kind": "resource",
          "spec": "record",
          "mediaType": "application/json",
          "size": 58,
          "digest": "[sha256]",
          "tags": {},
          "lifetime": "infinite",
          "createdAt": "[time]",
          "writtenBy": {
            "run": "[run]",
            "job": null,
            "step": null,
            "call": "[run]/1",
            "method": "run",
            "type": "@sedge/sink",
            "plugin": "[sha256]",
            "definition": "[sha256]",
            "environment": []
          }
        }
      ],
      "ok": true,
      "count": 1,
      "isCut": false
    }

    $ sedge workflow run A --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "status": "succeeded",
        "run": "[run 2]",
        "workflow": "A",
        "failedSteps": []
      }
    }

    $ sedge workflow run B --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "status": "suspended",
        "run": "[run 3]",
        "workflow": "B",
        "gates": [
          "main/gate"
        ],
        "failedSteps": []
      }
    }
    [exit status: 4]

    $ sedge workflow approvals --json
    ------- stdout -------
    {
      "data": [
        {
          "workflow": "B",
          "gate": "main/gate",
          "run": "[run 3]",
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

    $ sedge workflow resume B --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "gates_undecided",
        "class": "state",
        "message": "the run `[run 3]` of `B` waits for a decision",
        "causes": [],
        "help": [
          {
            "kind": "command",
            "purpose": "approve it",
            "useCase": "workflow_approve",
            "arguments": {
              "gate": "main/gate",
              "run": "[run 3]",
              "workflow": "B"
            }
          },
          {
            "kind": "command",
            "purpose": "or reject it",
            "useCase": "workflow_reject",
            "arguments": {
              "gate": "main/gate",
              "run": "[run 3]",
              "workflow": "B"
            }
          }
        ],
        "details": {
          "run": "[run 3]",
          "gates": [
            "main/gate"
          ]
        }
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
        "decidedBy": "tester",
        "digest": "[sha256]",
        "root": {
          "run": "[run 3]",
          "workflow": "B"
        },
        "status": "suspended",
        "gatesOpen": [],
        "failedSteps": [],
        "fileChanged": false
      }
    }

    $ sedge workflow resume B --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "status": "succeeded",
        "run": "[run 3]",
        "workflow": "B",
        "failedSteps": []
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
              "[run 3]/1"
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
              "written": {
                "count": 1,
                "first": [
                  {
                    "name": "calls",
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
                  "written": {
                    "count": 1,
                    "first": [
                      {
                        "name": "record",
                        "version": 3
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
                  "written": {
                    "count": 1,
                    "first": [
                      {
                        "name": "record",
                        "version": 4
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

    $ sedge workflow run B --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "status": "suspended",
        "run": "[run 4]",
        "workflow": "B",
        "gates": [
          "main/gate"
        ],
        "failedSteps": []
      }
    }
    [exit status: 4]

    $ sedge workflow reject B gate --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "run": "[run 4]",
        "workflow": "B",
        "gate": "main/gate",
        "decision": "rejected",
        "decidedBy": "tester",
        "digest": "[sha256]",
        "root": {
          "run": "[run 4]",
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

    $ sedge workflow resume B --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "run_none",
        "class": "state",
        "message": "the workflow `B` has no run that could be resumed",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "its newest run `[run 4]` has failed"
          },
          {
            "kind": "command",
            "purpose": "begin it again from a step",
            "useCase": "workflow_resume",
            "arguments": {
              "from": null,
              "name": "B",
              "run": "[run 4]"
            }
          },
          {
            "kind": "command",
            "purpose": "or start another",
            "useCase": "workflow_run",
            "arguments": {
              "name": "B"
            }
          }
        ],
        "details": {
          "run": "[run 4]"
        }
      }
    }
    [exit status: 3]

    $ sedge run list --json
    ------- stdout -------
    {
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
          "endedAt": "[time]",
          "durationMs": "[ms]",
          "parent": null,
          "canOnlyFail": false
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
          "endedAt": "[time]",
          "durationMs": "[ms]",
          "parent": null,
          "canOnlyFail": false
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
          "endedAt": "[time]",
          "durationMs": "[ms]",
          "parent": null,
          "canOnlyFail": false
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
          "endedAt": "[time]",
          "durationMs": "[ms]",
          "parent": null,
          "canOnlyFail": false
        }
      ],
      "ok": true,
      "count": 4,
      "isCut": false
    }
    "#);
}
