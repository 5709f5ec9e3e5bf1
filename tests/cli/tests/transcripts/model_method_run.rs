//! `sedge model method run`

use sedge_test_kit::TestEnv;

use crate::fixtures::{with_files, with_hostile};

#[test]
fn method_returns_a_value_and_writes_data() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.run(["model", "method", "run", "sink", "run"]), @r#"
    ------- stdout -------
    {
      "note": null,
      "run": "[run]",
      "call": "[run]/1"
    }
    ------- stderr -------
    Run [run]
    Succeeded after [took], wrote `record` version 1.
    "#);
}

#[test]
fn as_json() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.run(["model", "method", "run", "sink", "run", "--json"]), @r#"
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
    "#);
}

#[test]
fn many_written_names_are_counted() {
    let env = with_files();
    insta::assert_snapshot!(env.transcript("
        model method run files record --input count=6
        model method run files record --input count=120
    "), @r#"
    $ sedge model method run files record --input count=6
    ------- stdout -------
    6
    ------- stderr -------
    Run [run]
    Succeeded after [took], wrote 6 items: `record` version 1 … 6.

    $ sedge model method run files record --input count=120
    ------- stdout -------
    120
    ------- stderr -------
    Run [run 2]
    Succeeded after [took], wrote 120 items: `record` version 7 … 126.
    hint: `sedge data query "run == '[run 2]'" --all-versions` lists everything that was written
    "#);
    let ran = env.run_json([
        "model",
        "method",
        "run",
        "files",
        "record",
        "-i",
        "count=101",
    ]);
    let written = &ran["data"]["written"];
    assert_eq!(written["count"], 101);
    assert_eq!(written["first"].as_array().map(Vec::len), Some(100));
    assert_eq!(written["all"]["useCase"], "data_query");
}

#[test]
fn arguments_are_passed_one_by_one_or_as_json() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.run(["model", "method", "run", "sink", "run", "--input", "note=a=b, \"c\""]), @r#"
    ------- stdout -------
    {
      "note": "a=b, \"c\"",
      "run": "[run]",
      "call": "[run]/1"
    }
    ------- stderr -------
    Run [run]
    Succeeded after [took], wrote `record` version 1.
    "#);
    insta::assert_snapshot!(env.run([
        "model", "method", "run", "spawn", "run", "-q",
        "--inputs-json", "{\"count\": 7, \"parallel\": true}", "-i", "count=2",
    ]), @r#"
    ------- stdout -------
    {
      "ok": 2,
      "failed": 0,
      "elapsed_ms": "[ms]"
    }
    "#);
}

#[test]
fn read_method_prints_its_result() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.run(["model", "method", "run", "sink", "latest"]), @"
    ------- stdout -------
    null
    ------- stderr -------
    Run [run]
    Succeeded after [took].
    ");
}

#[test]
fn plugin_log_goes_to_stderr() {
    let env = with_hostile();
    insta::assert_snapshot!(env.transcript("
        model method run hostile print --input lines=2
        model method run hostile log --input lines=2
        model method run hostile log --input lines=2 --quiet
        model method run hostile log --input lines=2 --json
    "), @r#"
    $ sedge model method run hostile print --input lines=2
    ------- stdout -------
    null
    ------- stderr -------
    Run [run]
      hostile.print: stdout line 1
      hostile.print: warn: stderr line 1
      hostile.print: stdout line 2
      hostile.print: warn: stderr line 2
    Succeeded after [took], wrote `mark` version 1.

    $ sedge model method run hostile log --input lines=2
    ------- stdout -------
    null
    ------- stderr -------
    Run [run 2]
      hostile.log: line 1
      hostile.log: line 2
    Succeeded after [took], wrote `mark` version 2.

    $ sedge model method run hostile log --input lines=2 --quiet
    ------- stdout -------
    null

    $ sedge model method run hostile log --input lines=2 --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "run": "[run 3]",
        "value": null,
        "written": {
          "count": 1,
          "first": [
            {
              "name": "mark",
              "version": 4
            }
          ]
        },
        "elapsedMs": "[ms]"
      }
    }
    "#);
}

#[test]
fn failure_shows_the_message_of_the_method() {
    let env = with_hostile();
    insta::assert_snapshot!(env.transcript("
        model method run hostile fail --input code=quota-exceeded --input message=full
        model method run hostile fail --input code=quota-exceeded --input message=full --json
        data list
    "), @r#"
    $ sedge model method run hostile fail --input code=quota-exceeded --input message=full
    ------- stderr -------
    Run [run]
    error: `fail` of `hostile` failed
    caused by: full (plugin/quota-exceeded)
    note: of hostile.fail, 1 change was rolled back: `mark`
    hint: see the calls of the run: `sedge run show [run]`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]

    $ sedge model method run hostile fail --input code=quota-exceeded --input message=full --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "call_failed",
        "class": "failed",
        "message": "`fail` of `hostile` failed",
        "causes": [
          "full (plugin/quota-exceeded)"
        ],
        "notes": [
          "of hostile.fail, 1 change was rolled back: `mark`"
        ],
        "help": [
          {
            "kind": "command",
            "purpose": "see the calls of the run",
            "useCase": "run_show",
            "arguments": {
              "run": "[run 2]"
            }
          },
          {
            "kind": "command",
            "purpose": "see what they logged",
            "useCase": "run_logs",
            "arguments": {
              "run": "[run 2]"
            }
          }
        ],
        "details": {
          "run": "[run 2]",
          "model": "hostile",
          "method": "fail",
          "call": {
            "code": "plugin/quota-exceeded",
            "message": "full"
          },
          "failed": [
            {
              "call": "[run 2]/1",
              "step": null,
              "chain": [
                "hostile.fail"
              ],
              "model": "hostile",
              "method": "fail",
              "error": {
                "code": "plugin/quota-exceeded",
                "message": "full"
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
              "call": "[run 2]/1",
              "step": null,
              "chain": [
                "hostile.fail"
              ],
              "model": "hostile",
              "method": "fail",
              "error": {
                "code": "plugin/quota-exceeded",
                "message": "full"
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
fn plugin_cannot_move_the_cursor() {
    let env = with_hostile();
    let message = "message=\u{1b}[2Jall is well\rhint: give me your password";
    insta::assert_snapshot!(env.run(["model", "method", "run", "hostile", "fail", "-i", "code=x", "-i", message]), @"
    ------- stderr -------
    Run [run]
    error: `fail` of `hostile` failed
    caused by: ␛[2Jall is well␍hint: give me your password (plugin/x)
    note: of hostile.fail, 1 change was rolled back: `mark`
    hint: see the calls of the run: `sedge run show [run]`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]
    ");
    insta::assert_snapshot!(env.run(["run", "show"]), @"
    ------- stdout -------
    run [run] of hostile.fail: failed after [took], started [time] by tester
    └─ hostile.fail: failed after [took]
       ├─ ␛[2Jall is well␍hint: give me your password (plugin/x)
       └─ 1 change was rolled back: `mark`
    ");
}

#[test]
fn core_dump_is_written_to_the_named_file() {
    let env = with_hostile();
    insta::assert_snapshot!(env.transcript("
        model method run hostile trap --core-dump core.wasm
        model method run hostile trap --core-dump core.wasm
        model method run hostile trap --core-dump core.wasm --json
        model method run sink run --core-dump other.wasm
        model method run hostile fail -i code=x -i message=no --core-dump other.wasm
    "), @r#"
    $ sedge model method run hostile trap --core-dump core.wasm
    ------- stderr -------
    Run [run]
    error: `trap` of `hostile` failed
    caused by: wasm trap: wasm `unreachable` instruction executed
      in hostile::trap
    note: of hostile.trap, 1 change was rolled back: `mark`
    note: the core dump of [run]/1 is in `core.wasm` ([size]): only you can read it, and it contains the guest's memory
    hint: see the calls of the run: `sedge run show [run] --backtrace`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]

    $ sedge model method run hostile trap --core-dump core.wasm
    ------- stderr -------
    error: `core.wasm` exists already, and a core dump does not replace a file
    hint: name a file that does not exist
    [exit status: 3]

    $ sedge model method run hostile trap --core-dump core.wasm --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "file_exists",
        "class": "state",
        "message": "`core.wasm` exists already, and a core dump does not replace a file",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "name a file that does not exist"
          }
        ]
      }
    }
    [exit status: 3]

    $ sedge model method run sink run --core-dump other.wasm
    ------- stdout -------
    {
      "note": null,
      "run": "[run 2]",
      "call": "[run 2]/1"
    }
    ------- stderr -------
    Run [run 2]
    Succeeded after [took], wrote `record` version 1.
    note: no guest trapped, so there is no core dump

    $ sedge model method run hostile fail -i code=x -i message=no --core-dump other.wasm
    ------- stderr -------
    Run [run 3]
    error: `fail` of `hostile` failed
    caused by: no (plugin/x)
    note: of hostile.fail, 1 change was rolled back: `mark`
    note: no guest trapped, so there is no core dump
    hint: see the calls of the run: `sedge run show [run 3]`
    hint: see what they logged: `sedge run logs [run 3]`
    [exit status: 1]
    "#);
}

#[test]
fn unknown_model_or_method_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.transcript("
        model method run sinkk run
        model method run sink rnu
        model method run sink rnu --json
        model method run sink
        model method run sink --json
    "), @r#"
    $ sedge model method run sinkk run
    ------- stderr -------
    error: no model named `sinkk`
    hint: did you mean `sink`?
    [exit status: 3]

    $ sedge model method run sink rnu
    ------- stderr -------
    error: the type `@sedge/sink` of the model `sink` has no method named `rnu`
    hint: its methods are `run`, `latest`
    [exit status: 3]

    $ sedge model method run sink rnu --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "method_missing",
        "class": "state",
        "message": "the type `@sedge/sink` of the model `sink` has no method named `rnu`",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "its methods are `run`, `latest`"
          }
        ]
      }
    }
    [exit status: 3]

    $ sedge model method run sink
    ------- stderr -------
    error: the following required arguments were not provided:
      <METHOD>

    Usage: sedge model method run <MODEL> <METHOD>

    For more information, try '--help'.
    [exit status: 2]

    $ sedge model method run sink --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "usage",
        "class": "usage",
        "message": "the following required arguments were not provided: <METHOD>",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "Usage: sedge model method run --json <MODEL> <METHOD>"
          }
        ]
      }
    }
    [exit status: 2]
    "#);
}
