//! `sedge model method run` of a method that panics, traps, or fails because of a callee.

use crate::fixtures::with_hostile;

#[test]
fn panic_and_trap_are_shown_with_their_places() {
    let env = with_hostile();
    insta::assert_snapshot!(env.run(["model", "method", "run", "hostile", "panic", "-i", "message=out of cheese"]), @"
    ------- stderr -------
    Run [run]
    error: `panic` of `hostile` failed
    caused by: the plugin panicked at tests/guests/examples/hostile.rs:[place]: out of cheese
      in hostile::panic
    note: of hostile.panic, 1 change was rolled back: `mark`
    hint: see the calls of the run: `sedge run show [run] --backtrace`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]
    ");
    insta::assert_snapshot!(env.transcript("
        model method run hostile trap
        model method run hostile trap --json
        data list
    "), @r#"
    $ sedge model method run hostile trap
    ------- stderr -------
    Run [run 2]
    error: `trap` of `hostile` failed
    caused by: wasm trap: wasm `unreachable` instruction executed
      in hostile::trap
    note: of hostile.trap, 1 change was rolled back: `mark`
    hint: see the calls of the run: `sedge run show [run 2] --backtrace`
    hint: see what they logged: `sedge run logs [run 2]`
    [exit status: 1]

    $ sedge model method run hostile trap --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "call_failed",
        "class": "failed",
        "message": "`trap` of `hostile` failed",
        "causes": [
          "wasm trap: wasm `unreachable` instruction executed\nin hostile::trap"
        ],
        "notes": [
          "of hostile.trap, 1 change was rolled back: `mark`"
        ],
        "help": [
          {
            "kind": "command",
            "purpose": "see the calls of the run",
            "useCase": "run_show",
            "arguments": {
              "backtrace": true,
              "run": "[run 3]"
            }
          },
          {
            "kind": "command",
            "purpose": "see what they logged",
            "useCase": "run_logs",
            "arguments": {
              "run": "[run 3]"
            }
          }
        ],
        "details": {
          "run": "[run 3]",
          "model": "hostile",
          "method": "trap",
          "call": {
            "code": "trapped",
            "message": "wasm trap: wasm `unreachable` instruction executed",
            "backtrace": [
              {
                "function": "hostile::trap"
              },
              {
                "function": "sedge_sdk::model::Model::method::{{closure}}"
              },
              {
                "function": "sedge:model/model@0.4.0#invoke"
              }
            ]
          },
          "failed": [
            {
              "call": "[run 3]/1",
              "step": null,
              "chain": [
                "hostile.trap"
              ],
              "model": "hostile",
              "method": "trap",
              "error": {
                "code": "trapped",
                "message": "wasm trap: wasm `unreachable` instruction executed",
                "backtrace": [
                  {
                    "function": "hostile::trap"
                  },
                  {
                    "function": "sedge_sdk::model::Model::method::{{closure}}"
                  },
                  {
                    "function": "sedge:model/model@0.4.0#invoke"
                  }
                ]
              },
              "rolledBack": {
                "changes": 1,
                "names": [
                  "mark"
                ]
              }
            }
          ],
          "failedCount": 1,
          "kept": [],
          "keptCount": 0,
          "rolledBack": [
            {
              "call": "[run 3]/1",
              "step": null,
              "chain": [
                "hostile.trap"
              ],
              "model": "hostile",
              "method": "trap",
              "error": {
                "code": "trapped",
                "message": "wasm trap: wasm `unreachable` instruction executed",
                "backtrace": [
                  {
                    "function": "hostile::trap"
                  },
                  {
                    "function": "sedge_sdk::model::Model::method::{{closure}}"
                  },
                  {
                    "function": "sedge:model/model@0.4.0#invoke"
                  }
                ]
              },
              "rolledBack": {
                "changes": 1,
                "names": [
                  "mark"
                ]
              }
            }
          ],
          "rolledBackCount": 1
        }
      }
    }
    [exit status: 1]

    $ sedge data list
    ------- stderr -------
    No data yet; methods write it: `sedge model method run MODEL METHOD`.
    "#);
}

#[test]
fn nested_failure_is_reported_by_its_caller() {
    let env = with_hostile();
    insta::assert_snapshot!(env.run([
        "model", "method", "run", "spawn", "run", "-i", "target=hostile", "-i", "method=exit",
    ]), @"
    ------- stderr -------
    Run [run]
    error: `run` of `spawn` failed
    caused by: 1 of 1 calls failed, the first with trapped: the plugin exited with code 1 instead of returning (plugin/calls-failed)
    note: spawn.run > hostile.exit failed: the plugin exited with code 1 instead of returning
      in hostile::exit
    note: of spawn.run, 1 version was kept: `calls` version 1
    note: of spawn.run > hostile.exit, 1 change was rolled back: `mark`
    hint: see the calls of the run: `sedge run show [run] --backtrace`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]
    ");
    insta::assert_snapshot!(env.run(["model", "method", "run", "spawn", "run", "-i", "target=tub"]), @"
    ------- stderr -------
    Run [run 2]
    error: `run` of `spawn` failed
    caused by: 1 of 1 calls failed, the first with not-found: no model named `tub` (plugin/calls-failed)
    note: spawn.run called tub.run, which could not begin: no model named `tub`
    note: of spawn.run, 1 version was kept: `calls` version 2
    hint: see the calls of the run: `sedge run show [run 2]`
    hint: see what they logged: `sedge run logs [run 2]`
    [exit status: 1]
    ");
}
