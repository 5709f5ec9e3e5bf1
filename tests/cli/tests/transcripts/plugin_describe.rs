//! `sedge plugin describe`

use sedge_test_kit::TestEnv;

#[test]
fn methods_and_requests_are_shown() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.transcript("plugin describe @sedge/spawn\nplugin describe @sedge/sink"), @r#"
    $ sedge plugin describe @sedge/spawn
    ------- stdout -------
    @sedge/spawn 2026.11.23.1
      Calls a method of another model repeatedly

    methods
      run (action): Call `target`, `count` times
        count (integer, default 1): How many calls to make
        parallel (boolean, default false): Whether to start all calls before waiting for any
        target (string, default "sink"): The model to call
        method (string, default "run"): The method to call, without arguments

    resources
      calls: The calls of the last run and their outcomes

    requests permission to
      call and read every model: to call the model that its arguments name

    sha256 [sha256]
    contract 0.4.0

    $ sedge plugin describe @sedge/sink
    ------- stdout -------
    @sedge/sink 2026.11.23.1
      Stores the last note that it received

    methods
      run (action): Write one small record
        note (string or null): The note to store
      latest (read): Return the latest record

    resources
      record: The note of the last run

    sha256 [sha256]
    contract 0.4.0
    "#);
}

#[test]
fn reports_are_shown() {
    let env = TestEnv::with_sink_and_spawn();
    let shown = env
        .run(["plugin", "describe", "$GUESTS/witness.wasm"])
        .to_string();
    let reports = shown.lines().skip_while(|line| !line.contains("reports"));
    let reports = reports.take_while(|line| !line.trim().is_empty());
    insta::assert_snapshot!(reports.collect::<Vec<_>>().join("\n"), @r"
    reports
      calls (of a method): What a call did
      state (of a model): What a model has
      runs (of a workflow): What a run did
    ");
}

#[test]
fn as_json() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.run(["plugin", "describe", "@sedge/sink", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "name": "@sedge/sink",
        "version": "2026.11.23.1",
        "description": "Stores the last note that it received",
        "globalArguments": {
          "type": "object",
          "additionalProperties": false,
          "description": "No arguments.",
          "title": "NoArguments",
          "$schema": "https://json-schema.org/draft/2020-12/schema"
        },
        "methods": [
          {
            "name": "run",
            "kind": "action",
            "description": "Write one small record",
            "arguments": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "note": {
                  "type": [
                    "string",
                    "null"
                  ],
                  "description": "The note to store",
                  "default": null
                }
              },
              "title": "RunArguments",
              "$schema": "https://json-schema.org/draft/2020-12/schema"
            }
          },
          {
            "name": "latest",
            "kind": "read",
            "description": "Return the latest record",
            "arguments": {
              "type": "object",
              "additionalProperties": false,
              "description": "No arguments.",
              "title": "NoArguments",
              "$schema": "https://json-schema.org/draft/2020-12/schema"
            }
          }
        ],
        "resources": [
          {
            "name": "record",
            "description": "The note of the last run",
            "schema": {
              "type": "object",
              "properties": {
                "note": {
                  "type": [
                    "string",
                    "null"
                  ],
                  "description": "The note, if the run had one"
                },
                "run": {
                  "type": "string",
                  "description": "The run that wrote the record"
                },
                "call": {
                  "type": "string",
                  "description": "The call in that run"
                }
              },
              "required": [
                "note",
                "run",
                "call"
              ],
              "title": "Record",
              "$schema": "https://json-schema.org/draft/2020-12/schema"
            },
            "onViolation": "refuse"
          }
        ],
        "files": [],
        "permissions": [],
        "sha256": "[sha256]",
        "contract": "0.4.0"
      }
    }
    "#);
}

#[test]
fn unknown_type_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.transcript("plugin describe @sedge/snik\nplugin describe @sedge/snik --json\nplugin describe sink\nplugin describe @acme/cloud"), @r#"
    $ sedge plugin describe @sedge/snik
    ------- stderr -------
    error: no plugin provides the type `@sedge/snik`
    hint: did you mean `@sedge/sink`?
    [exit status: 3]

    $ sedge plugin describe @sedge/snik --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "type_missing",
        "class": "state",
        "message": "no plugin provides the type `@sedge/snik`",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "did you mean `@sedge/sink`?"
          }
        ]
      }
    }
    [exit status: 3]

    $ sedge plugin describe sink
    ------- stderr -------
    error: no plugin provides the type `sink`
    hint: did you mean `@sedge/sink`?
    [exit status: 3]

    $ sedge plugin describe @acme/cloud
    ------- stderr -------
    error: no plugin provides the type `@acme/cloud`
    hint: see the types: `sedge plugin list`
    hint: or add the plugin that provides it: `sedge plugin add FILE.wasm`
    [exit status: 3]
    "#);
}

#[test]
fn missing_component_is_refused() {
    let mut env = TestEnv::with_sink_and_spawn();
    env.variable("SEDGE_CACHE_DIR", "$ENV/empty-cache");
    env.remove(".sedge");
    insta::assert_snapshot!(env.transcript("plugin describe @sedge/sink\nplugin add $GUESTS/sink.wasm\nplugin describe @sedge/sink"), @"
    $ sedge plugin describe @sedge/sink
    ------- stderr -------
    error: the component of the plugin `@sedge/sink` is not on this machine
    hint: restore it: `sedge plugin restore`
    hint: or get the component, which was added from `$GUESTS/sink.wasm`: `sedge plugin restore FILE`
    [exit status: 3]

    $ sedge plugin add $GUESTS/sink.wasm
    ------- stderr -------
    Restored @sedge/sink 2026.11.23.1
    hint: `sedge model create @sedge/sink NAME` creates a model of it

    $ sedge plugin describe @sedge/sink
    ------- stdout -------
    @sedge/sink 2026.11.23.1
      Stores the last note that it received

    methods
      run (action): Write one small record
        note (string or null): The note to store
      latest (read): Return the latest record

    resources
      record: The note of the last run

    sha256 [sha256]
    contract 0.4.0
    ");
}

/// The user can read what a plugin requests before anything is pinned.
#[test]
fn plugin_that_is_not_added_is_described() {
    let env = TestEnv::with_repository();
    let before = env.state();
    insta::assert_snapshot!(env.transcript("
        plugin describe $GUESTS/spawn.wasm
        plugin describe nowhere.wasm
        plugin describe ./sedge.yaml
    "), @r#"
    $ sedge plugin describe $GUESTS/spawn.wasm
    ------- stdout -------
    @sedge/spawn 2026.11.23.1
      Calls a method of another model repeatedly

    methods
      run (action): Call `target`, `count` times
        count (integer, default 1): How many calls to make
        parallel (boolean, default false): Whether to start all calls before waiting for any
        target (string, default "sink"): The model to call
        method (string, default "run"): The method to call, without arguments

    resources
      calls: The calls of the last run and their outcomes

    requests permission to
      call and read every model: to call the model that its arguments name

    sha256 [sha256]
    contract 0.4.0

    $ sedge plugin describe nowhere.wasm
    ------- stderr -------
    error: failed to read `nowhere.wasm`
    caused by: No such file or directory (os error 2)
    hint: check the path: it does not exist
    [exit status: 3]

    $ sedge plugin describe ./sedge.yaml
    ------- stderr -------
    error: `./sedge.yaml` cannot be added as a plugin
    caused by: it is not a WebAssembly component: it does not begin as WebAssembly does
    hint: build it with an SDK of Sedge, for the target `wasm32-wasip2`
    [exit status: 2]
    "#);
    let of_file = env.run_json(["plugin", "describe", "$GUESTS/spawn.wasm"]);
    let of_name = env.run_json(["plugin", "describe", "@sedge/spawn"]);
    assert_eq!(of_file, of_name);
    assert_eq!(env.state(), before);
}
