//! Messages about calls and commands that wait for locks.

use sedge_test_kit::wait_until;

use crate::fixtures::{A, with_counters, with_workflows};

#[test]
fn step_whose_call_never_began_names_the_holder() {
    let env = with_workflows();
    env.write_file(
        "workflows/A.yaml",
        A.replace(
            "methodName: run",
            "methodName: run\n          inputs: {target: gone}",
        ),
    );
    insta::assert_snapshot!(env.transcript("
        workflow run A
        workflow run A --json
    "), @r#"
    $ sedge workflow run A
    ------- stderr -------
    Run [run]
    Step main/spawn: started.
    Step main/spawn: failed after [took].
    error: the workflow `A` failed
    caused by: step `main/spawn`: 1 of 1 calls failed, the first with not-found: no model named `gone` (plugin/calls-failed)
    note: spawn.run in step `main/spawn` called gone.run, which could not begin: no model named `gone`
    note: of spawn.run in step `main/spawn`, 1 version was kept: `calls` version 1
    hint: run the failed step again: `sedge workflow resume A --from main/spawn --run [run]`
    hint: see the whole run: `sedge run show [run]`
    [exit status: 1]

    $ sedge workflow run A --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "workflow_failed",
        "class": "failed",
        "message": "the workflow `A` failed",
        "causes": [
          "step `main/spawn`: 1 of 1 calls failed, the first with not-found: no model named `gone` (plugin/calls-failed)"
        ],
        "notes": [
          "spawn.run in step `main/spawn` called gone.run, which could not begin: no model named `gone`",
          "of spawn.run in step `main/spawn`, 1 version was kept: `calls` version 2"
        ],
        "help": [
          {
            "kind": "command",
            "purpose": "run the failed step again",
            "useCase": "workflow_resume",
            "arguments": {
              "from": "main/spawn",
              "name": "A",
              "run": "[run 2]"
            }
          },
          {
            "kind": "command",
            "purpose": "see the whole run",
            "useCase": "run_show",
            "arguments": {
              "run": "[run 2]"
            }
          }
        ],
        "details": {
          "run": "[run 2]",
          "workflow": "A",
          "steps": [
            {
              "step": "main/spawn",
              "error": {
                "code": "plugin/calls-failed",
                "message": "1 of 1 calls failed, the first with not-found: no model named `gone`",
                "details": {
                  "ok": 0,
                  "failed": 1,
                  "elapsed_ms": "[ms]"
                }
              },
              "isAllowed": false
            }
          ],
          "failed": [
            {
              "call": "[run 2]/1",
              "step": "main/spawn",
              "chain": [
                "spawn.run"
              ],
              "model": "spawn",
              "method": "run",
              "error": {
                "code": "plugin/calls-failed",
                "message": "1 of 1 calls failed, the first with not-found: no model named `gone`",
                "details": {
                  "ok": 0,
                  "failed": 1,
                  "elapsed_ms": "[ms]"
                }
              },
              "kept": {
                "count": 1,
                "first": [
                  {
                    "name": "calls",
                    "version": 2
                  }
                ]
              },
              "refused": [
                {
                  "model": "gone",
                  "method": "run",
                  "error": {
                    "code": "not-found",
                    "message": "no model named `gone`"
                  }
                }
              ]
            }
          ],
          "failedCount": 1,
          "kept": [
            {
              "call": "[run 2]/1",
              "step": "main/spawn",
              "chain": [
                "spawn.run"
              ],
              "model": "spawn",
              "method": "run",
              "error": {
                "code": "plugin/calls-failed",
                "message": "1 of 1 calls failed, the first with not-found: no model named `gone`",
                "details": {
                  "ok": 0,
                  "failed": 1,
                  "elapsed_ms": "[ms]"
                }
              },
              "kept": {
                "count": 1,
                "first": [
                  {
                    "name": "calls",
                    "version": 2
                  }
                ]
              },
              "refused": [
                {
                  "model": "gone",
                  "method": "run",
                  "error": {
                    "code": "not-found",
                    "message": "no model named `gone`"
                  }
                }
              ]
            }
          ],
          "keptCount": 1,
          "rolledBack": [],
          "rolledBackCount": 0
        }
      }
    }
    [exit status: 1]
    "#);
}

#[test]
fn lock_timeout_names_the_holder() {
    let env = with_counters();
    let steps = serde_json::json!({"steps": [{"until": "two"}]}).to_string();
    let holder = env.spawn([
        "model",
        "method",
        "run",
        "one",
        "run",
        "--inputs-json",
        &steps,
    ]);
    let is_locked = || {
        let status = env.run_json(["datastore", "lock", "status"]);
        status["data"]
            .as_array()
            .is_some_and(|locks| locks.len() == 2)
    };
    wait_until("the holder", is_locked);
    let late = "model method run one add --lock-timeout 0.05";
    assert_eq!(env.run(late.split(' ')).code(), Some(75));
    let call = serde_json::json!({"steps": [{"call": {"model": "one", "steps": ["add"]}}]});
    let nested = env.run([
        "model",
        "method",
        "run",
        "three",
        "run",
        "--lock-timeout",
        "0.05",
        "--inputs-json",
        &call.to_string(),
    ]);
    assert_eq!(nested.code(), Some(75), "{nested}");
    for part in [
        "caused by: the model `one` was locked by others for",
        "note: three.run called one.run, which could not begin: the model `one` was locked",
        "hint: see what is locked, and by which calls: `sedge datastore lock status`",
    ] {
        assert!(nested.stderr.contains(part), "{part}\n{nested}");
    }
    env.setup(&["model method run two add"]);
    let _ = holder.wait().succeeded();
}
