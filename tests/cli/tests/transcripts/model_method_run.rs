//! `sedge model method run`

use sedge_test_kit::TestEnv;

use crate::fixtures::with_hostile;

#[test]
fn a_method_returns_a_value_and_writes_data() {
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
        "written": [
          {
            "name": "record",
            "version": 1
          }
        ],
        "elapsedMs": "[ms]"
      }
    }
    "#);
}

#[test]
fn arguments_are_given_one_by_one_or_as_json() {
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
    ------- stderr -------
    Succeeded after [took], wrote `calls` version 1.
    "#);
}

#[test]
fn a_read_method_prints_what_it_found() {
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
fn what_a_plugin_says_goes_to_stderr() {
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
    ------- stderr -------
    Succeeded after [took], wrote `mark` version 3.

    $ sedge model method run hostile log --input lines=2 --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "run": "[run 3]",
        "value": null,
        "written": [
          {
            "name": "mark",
            "version": 4
          }
        ],
        "elapsedMs": "[ms]"
      }
    }
    "#);
}

#[test]
fn a_failure_is_told_in_the_methods_words() {
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
    caused by: full (quota-exceeded)
    hint: `sedge run show [run]` shows its calls, `sedge run logs [run]` what they logged
    [exit status: 1]

    $ sedge model method run hostile fail --input code=quota-exceeded --input message=full --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "call_failed",
        "message": "`fail` of `hostile` failed",
        "causes": [
          "full (quota-exceeded)"
        ],
        "hint": "`sedge run show [run 2]` shows its calls, `sedge run logs [run 2]` what they logged",
        "run": "[run 2]",
        "call": {
          "kind": "failed",
          "code": "quota-exceeded",
          "message": "full",
          "keep_writes": false
        }
      }
    }
    [exit status: 1]

    $ sedge data list
    ------- stderr -------
    No data yet; methods write some: `sedge model method run MODEL METHOD`.
    "#);
}

#[test]
fn a_plugin_cannot_move_a_persons_cursor() {
    let env = with_hostile();
    let message = "message=\u{1b}[2Jall is well\rhint: give me your password";
    insta::assert_snapshot!(env.run(["model", "method", "run", "hostile", "fail", "-i", "code=x", "-i", message]), @"
    ------- stderr -------
    Run [run]
    error: `fail` of `hostile` failed
    caused by: �[2Jall is well�hint: give me your password (x)
    hint: `sedge run show [run]` shows its calls, `sedge run logs [run]` what they logged
    [exit status: 1]
    ");
    insta::assert_snapshot!(env.run(["run", "show"]), @"
    ------- stdout -------
    run [run] of hostile.fail: failed after [took], started [time] by tester
    └─ hostile.fail: failed after [took]
       └─ �[2Jall is well�hint: give me your password (x)
    ");
}

#[test]
fn a_panic_and_a_trap_are_told_with_their_places() {
    let env = with_hostile();
    insta::assert_snapshot!(env.run(["model", "method", "run", "hostile", "panic", "-i", "message=out of cheese"]), @"
    ------- stderr -------
    Run [run]
    error: `panic` of `hostile` failed
    caused by: the plugin panicked at tests/guests/examples/hostile.rs:[place]: out of cheese
    hint: `sedge run show [run]` shows its calls, `sedge run logs [run]` what they logged
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
      at hostile::trap
      at sedge_sdk::model::Model::method::{{closure}}
      at sedge:model/model@0.1.0#invoke
    hint: `sedge run show [run 2]` shows its calls, `sedge run logs [run 2]` what they logged
    [exit status: 1]

    $ sedge model method run hostile trap --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "call_failed",
        "message": "`trap` of `hostile` failed",
        "causes": [
          "wasm trap: wasm `unreachable` instruction executed\nat hostile::trap\nat sedge_sdk::model::Model::method::{{closure}}\nat sedge:model/model@0.1.0#invoke"
        ],
        "hint": "`sedge run show [run 3]` shows its calls, `sedge run logs [run 3]` what they logged",
        "run": "[run 3]",
        "call": {
          "kind": "trapped",
          "message": "wasm trap: wasm `unreachable` instruction executed",
          "backtrace": [
            "hostile::trap",
            "sedge_sdk::model::Model::method::{{closure}}",
            "sedge:model/model@0.1.0#invoke"
          ]
        }
      }
    }
    [exit status: 1]

    $ sedge data list
    ------- stderr -------
    No data yet; methods write some: `sedge model method run MODEL METHOD`.
    "#);
}

#[test]
fn a_nested_failure_is_told_by_its_caller() {
    let env = with_hostile();
    insta::assert_snapshot!(env.run([
        "model", "method", "run", "spawn", "run", "-i", "target=hostile", "-i", "method=exit",
    ]), @"
    ------- stderr -------
    Run [run]
    error: `run` of `spawn` failed
    caused by: 1 of 1 calls failed, the first with trapped: the plugin exited with code 1 instead of returning (calls-failed)
    hint: `sedge run show [run]` shows its calls, `sedge run logs [run]` what they logged
    [exit status: 1]
    ");
    insta::assert_snapshot!(env.run(["model", "method", "run", "spawn", "run", "-i", "target=tub"]), @"
    ------- stderr -------
    Run [run 2]
    error: `run` of `spawn` failed
    caused by: 1 of 1 calls failed, the first with not-found: no model named `tub` (calls-failed)
    hint: `sedge run show [run 2]` shows its calls, `sedge run logs [run 2]` what they logged
    [exit status: 1]
    ");
}

#[test]
fn a_method_that_takes_too_long_is_stopped() {
    let env = with_hostile();
    let definition = env.read_file("models/hostile.yaml");
    env.write_file(
        "models/hostile.yaml",
        definition + "limits: {wallTimeSeconds: 1, memoryMebibytes: 32}\n",
    );
    insta::assert_snapshot!(env.transcript("
        model method run hostile spin
        model method run hostile memory
        model method run hostile memory --json
        data list
    "), @r#"
    $ sedge model method run hostile spin
    ------- stderr -------
    Run [run]
    error: `spin` of `hostile` failed
    caused by: it was stopped after [took], the time it was allowed
    hint: raise `wallTimeSeconds` in the `limits:` of the model's definition if it needs longer
    [exit status: 1]

    $ sedge model method run hostile memory
    ------- stderr -------
    Run [run 2]
      hostile.memory: warn: memory allocation of 1048576 bytes failed
      hostile.memory: warn: note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
    error: `memory` of `hostile` failed
    caused by: the limit `memory-bytes` of 32 MiB was reached
    hint: raise `memoryMebibytes` in the `limits:` of the model's definition if it needs more
    [exit status: 1]

    $ sedge model method run hostile memory --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "call_failed",
        "message": "`memory` of `hostile` failed",
        "causes": [
          "the limit `memory-bytes` of 32 MiB was reached"
        ],
        "hint": "raise `memoryMebibytes` in the `limits:` of the model's definition if it needs more",
        "run": "[run 3]",
        "call": {
          "kind": "limit",
          "name": "memory-bytes",
          "value": 33554432
        }
      }
    }
    [exit status: 1]

    $ sedge data list
    ------- stderr -------
    No data yet; methods write some: `sedge model method run MODEL METHOD`.
    "#);
}

#[test]
fn no_such_model_or_method() {
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
        "message": "the type `@sedge/sink` of the model `sink` has no method named `rnu`",
        "causes": [],
        "hint": "its methods are `run`, `latest`"
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
        "message": "the following required arguments were not provided: <METHOD>",
        "causes": [],
        "hint": "Usage: sedge model method run --json <MODEL> <METHOD>"
      }
    }
    [exit status: 2]
    "#);
}
