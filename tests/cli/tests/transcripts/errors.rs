//! Messages about mistakes on the command line or in files: each says what failed, on what, why,
//! and what to do next. `errors_of_state.rs` has those about the state of a repository or a run.

use sedge_test_kit::TestEnv;

use crate::fixtures::{A, with_hostile, with_workflows};

#[test]
fn missing_or_existing_repository() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("
        --repo $ENV/user run list
        init
        --repo $ENV/gone run list
        run list --json --repo $ENV/user
    "), @r#"
    $ sedge --repo $ENV/user run list
    ------- stderr -------
    error: no repository in `$ENV/user` or above it
    hint: create a repository here: `sedge init`
    hint: or name the folder of a repository: `--repo DIR`
    [exit status: 3]

    $ sedge init
    ------- stderr -------
    error: `$ENV/repo` is a repository already
    hint: use it as it is
    hint: or name another folder: `sedge init FOLDER`
    [exit status: 3]

    $ sedge --repo $ENV/gone run list
    ------- stderr -------
    error: failed to open `$ENV/gone`
    caused by: No such file or directory (os error 2)
    hint: check the path: it does not exist
    [exit status: 3]

    $ sedge run list --json --repo $ENV/user
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "repository_missing",
        "class": "state",
        "message": "no repository in `$ENV/user` or above it",
        "causes": [],
        "help": [
          {
            "kind": "command",
            "purpose": "create a repository here",
            "useCase": "init",
            "arguments": {}
          },
          {
            "kind": "again",
            "purpose": "or name the folder of a repository",
            "arguments": {
              "repo": null
            }
          }
        ]
      }
    }
    [exit status: 3]
    "#);
}

#[test]
fn unusable_models() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.transcript("
        model get snik
        model get unlike
        model create @sedge/sink sink
        model create @sedge/snik other
        model create @sedge/sink No/Name
        model method run sink rum
        model method run sink run --input unknown=1
        model method run spawn run --input count=2.5
        model method run spawn run --input count=1 --input count=2
        model method run spawn run --inputs-json [1]
        model method run spawn run --inputs-json @$ENV/gone.json
        model method run spawn run --inputs-json {\"count\":\"x\"} --json
    "), @r#"
    $ sedge model get snik
    ------- stderr -------
    error: no model named `snik`
    hint: did you mean `sink`?
    [exit status: 3]

    $ sedge model get unlike
    ------- stderr -------
    error: no model named `unlike`
    hint: see the models: `sedge model list`
    [exit status: 3]

    $ sedge model create @sedge/sink sink
    ------- stderr -------
    error: a model named `sink` exists already
    hint: see it: `sedge model get sink`
    hint: edit models/sink.yaml to change it: `sedge model edit sink`
    [exit status: 3]

    $ sedge model create @sedge/snik other
    ------- stderr -------
    error: no plugin provides the type `@sedge/snik`
    hint: did you mean `@sedge/sink`?
    [exit status: 3]

    $ sedge model create @sedge/sink No/Name
    ------- stderr -------
    error: `No/Name` is not a model name: it takes 1 to 100 letters, digits, `.`, `-` and `_` of ASCII, beginning with a letter or digit, or it is `@scope/name` (further `/parts` may follow) of at most 64 lower-case letters, digits, `.`, `-` and `_`
    [exit status: 2]

    $ sedge model method run sink rum
    ------- stderr -------
    error: the type `@sedge/sink` of the model `sink` has no method named `rum`
    hint: its methods are `run`, `latest`
    [exit status: 3]

    $ sedge model method run sink run --input unknown=1
    ------- stderr -------
    error: the arguments of `run` of `sink` do not fit the schema
    caused by: there is no `unknown`
    hint: see the schema: `sedge plugin describe @sedge/sink`
    [exit status: 2]

    $ sedge model method run spawn run --input count=2.5
    ------- stderr -------
    error: the arguments of `run` of `spawn` do not fit the schema
    caused by: /count: it has to be a whole number; `2.5` was given
    hint: see the schema: `sedge plugin describe @sedge/spawn`
    [exit status: 2]

    $ sedge model method run spawn run --input count=1 --input count=2
    ------- stderr -------
    error: the input `count` cannot be used: it is given twice
    hint: give each input once
    [exit status: 2]

    $ sedge model method run spawn run --inputs-json [1]
    ------- stderr -------
    error: `--inputs-json` cannot be used: it is JSON, but not an object
    hint: give one JSON object, `@FILE`, or `-` for stdin
    [exit status: 2]

    $ sedge model method run spawn run --inputs-json @$ENV/gone.json
    ------- stderr -------
    error: failed to read `$ENV/gone.json`
    caused by: No such file or directory (os error 2)
    hint: check the path: it does not exist
    [exit status: 3]

    $ sedge model method run spawn run --inputs-json {"count":"x"} --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "invalid_input",
        "class": "usage",
        "message": "the arguments of `run` of `spawn` do not fit the schema",
        "causes": [
          "/count: it has to be a whole number; `\"x\"` was given"
        ],
        "help": [
          {
            "kind": "command",
            "purpose": "see the schema",
            "useCase": "plugin_describe",
            "arguments": {
              "type": "@sedge/spawn"
            }
          }
        ],
        "details": {
          "violations": [
            {
              "path": "/count",
              "message": "it has to be a whole number; `\"x\"` was given"
            }
          ]
        }
      }
    }
    [exit status: 2]
    "#);
}

#[test]
fn faulty_files_of_the_repository() {
    let env = with_workflows();
    env.write_file(
        "workflows/A.yaml",
        A.replace("modelIdOrName: spawn", "modelIdOrName: gone"),
    );
    env.write_file("models/odd.yaml", "name: odd\ntype: \"@sedge/none\"\n");
    env.write_file("models/list.yaml", "- 1\n");
    insta::assert_snapshot!(env.transcript("
        workflow run A
        workflow run C
        workflow validate unlike
        model method run odd run
        model get list
        workflow run A --json
    "), @r#"
    $ sedge workflow run A
    ------- stderr -------
    error: no model named `gone`
     --> workflows/A.yaml:9:26
      |
    9 |           modelIdOrName: gone
      |                          ^^^^
    hint: make it: `sedge model create TYPE gone`
    [exit status: 2]

    $ sedge workflow run C
    ------- stderr -------
    error: no workflow named `C`
    hint: see the workflows: `sedge workflow list`
    [exit status: 3]

    $ sedge workflow validate unlike
    ------- stderr -------
    error: no workflow named `unlike`
    hint: see the workflows: `sedge workflow list`
    [exit status: 3]

    $ sedge model method run odd run
    ------- stderr -------
    error: no plugin provides the type `@sedge/none`
     --> models/odd.yaml:2:7
      |
    2 | type: "@sedge/none"
      |       ^^^^^^^^^^^^^
    hint: did you mean `@sedge/sink`?
    [exit status: 2]

    $ sedge model get list
    ------- stderr -------
    error: expected keys with values: `key: value`, found a list
     --> models/list.yaml:1:1
      |
    1 | - 1
      | ^^^
    hint: the keys of a definition are `type`, `typeVersion`, `name`, `id`, `version`, `description`, `tags`, `globalArguments`, `methods`, `inputs`, `checks`, `resources`, `dataOutputOverrides`, `reports`, `grants`, `limits`
    [exit status: 2]

    $ sedge workflow run A --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "bad_file",
        "class": "usage",
        "message": "no model named `gone`",
        "causes": [],
        "place": {
          "file": "workflows/A.yaml",
          "line": 9,
          "column": 26,
          "endLine": 9,
          "endColumn": 30
        },
        "faults": [
          {
            "file": "workflows/A.yaml",
            "line": 9,
            "column": 26,
            "endLine": 9,
            "endColumn": 30,
            "code": "unknown-name",
            "message": "no model named `gone`"
          }
        ],
        "help": [
          {
            "kind": "command",
            "purpose": "make it",
            "useCase": "model_create",
            "arguments": {
              "name": "gone",
              "type": null
            }
          }
        ]
      }
    }
    [exit status: 2]
    "#);
}

#[test]
fn unusable_plugins() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("text.wasm", "not a component");
    env.write_file("core.wasm", b"\0asm\x01\0\0\0");
    insta::assert_snapshot!(env.transcript("
        plugin add text.wasm
        plugin add core.wasm
        plugin add gone.wasm
        plugin add $GUESTS/reader.wasm
        plugin add $GUESTS/sink.wasm --grant http=https://x.example
        plugin add $GUESTS/sink.wasm --grant none --grant env
        plugin describe @sedge/snik
        plugin describe @other/type
    "), @"
    $ sedge plugin add text.wasm
    ------- stderr -------
    error: `text.wasm` cannot be added as a plugin
    caused by: it is not a WebAssembly component: it does not begin as WebAssembly does
    hint: build it with an SDK of Sedge, for the target `wasm32-wasip2`
    [exit status: 2]

    $ sedge plugin add core.wasm
    ------- stderr -------
    error: `core.wasm` cannot be added as a plugin
    caused by: it is a core WebAssembly module, not a component
    hint: build it with an SDK of Sedge, for the target `wasm32-wasip2`
    [exit status: 2]

    $ sedge plugin add gone.wasm
    ------- stderr -------
    error: failed to read `gone.wasm`
    caused by: No such file or directory (os error 2)
    hint: check the path: it does not exist
    [exit status: 3]

    $ sedge plugin add $GUESTS/reader.wasm
    ------- stderr -------
    error: `@test/reader` requests permissions that were not decided on
    caused by: it requests permission to call and read the model `sink`: to read its data
    hint: grant everything that it requests: `--grant-all`
    hint: or only a part of it: `--grant KIND=WHAT`
    hint: or nothing: `--grant none`
    [exit status: 2]

    $ sedge plugin add $GUESTS/sink.wasm --grant http=https://x.example
    ------- stderr -------
    error: `@sedge/sink` cannot be granted that
    caused by: it does not request `http=https://x.example`
    hint: leave the option out to see what the plugin requests
    [exit status: 2]

    $ sedge plugin add $GUESTS/sink.wasm --grant none --grant env
    ------- stderr -------
    error: `@sedge/sink` cannot be granted that
    caused by: `none` cannot be combined with other choices
    hint: grant something that it requests: `--grant KIND=WHAT`
    hint: or nothing: `--grant none`
    [exit status: 2]

    $ sedge plugin describe @sedge/snik
    ------- stderr -------
    error: no plugin provides the type `@sedge/snik`
    hint: did you mean `@sedge/sink`?
    [exit status: 3]

    $ sedge plugin describe @other/type
    ------- stderr -------
    error: no plugin provides the type `@other/type`
    hint: see the types: `sedge plugin list`
    hint: or add the plugin that provides it: `sedge plugin add FILE.wasm`
    [exit status: 3]
    ");
    let folder = env.repository().join(".sedge/plugins");
    for entry in std::fs::read_dir(&folder).expect("it has plugins") {
        let path = entry.expect("readable").path();
        std::fs::remove_file(path).expect("removed");
    }
    insta::assert_snapshot!(env.transcript("model method run sink run"), @r#"
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
    "#);
}

/// The error code of a plugin decides neither the exit code of Sedge nor its hints.
#[test]
fn plugin_cannot_forge_an_error_of_the_host() {
    let env = with_hostile();
    for code in ["deadlock", "lock-timeout", "limit", "timed-out", "plugin/x"] {
        let arguments = serde_json::json!({
            "code": code,
            "message": "the limit `memory-bytes` of 1 MiB was reached",
            "details": {"name": "memory-bytes", "value": 1 << 20},
        });
        let command = ["model", "method", "run", "hostile", "fail", "--inputs-json"];
        let output = env.run(command.iter().copied().chain([&*arguments.to_string()]));
        assert_eq!(output.code(), Some(1), "{output}");
        assert!(
            output.stderr.contains(&format!("(plugin/{code})")),
            "{output}"
        );
        assert!(!output.stderr.contains("limits:"), "{output}");
        let failed = env.run_json(command.iter().copied().chain([&*arguments.to_string()]));
        let error = &failed["error"];
        assert_eq!(error["code"], "call_failed");
        assert_eq!(error["class"], "failed");
        assert_eq!(error["details"]["call"]["code"], format!("plugin/{code}"));
        assert!(error["details"]["call"].get("limit").is_none(), "{error}");
        let help = error["help"].as_array().expect("a list");
        assert!(help.iter().all(|it| it["kind"] == "command"), "{error}");
    }
    insta::assert_snapshot!(env.transcript(
        "model method run hostile fail --inputs-json {\"code\":\"deadlock\",\"message\":\"no\",\"details\":{\"body\":\"denied\"}}",
    ), @r#"
    $ sedge model method run hostile fail --inputs-json {"code":"deadlock","message":"no","details":{"body":"denied"}}
    ------- stderr -------
    Run [run 11]
    error: `fail` of `hostile` failed
    caused by: no (plugin/deadlock)
      details from the plugin: {"body":"denied"}
    note: of hostile.fail, 1 change was rolled back: `mark`
    hint: see the calls of the run: `sedge run show [run 11]`
    hint: see what they logged: `sedge run logs [run 11]`
    [exit status: 1]
    "#);
}
