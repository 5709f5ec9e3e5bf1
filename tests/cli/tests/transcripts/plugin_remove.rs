//! `sedge plugin remove`

use sedge_test_kit::TestEnv;

use crate::fixtures::refused;

#[test]
fn plugin_without_models_is_removed() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["plugin add $GUESTS/asker.wasm --grant-all"]);
    insta::assert_snapshot!(env.transcript("
        plugin remove @test/asker
        plugin remove @test/asker
        plugin list
    "), @"
    $ sedge plugin remove @test/asker
    ------- stderr -------
    Removed @test/asker 2026.11.26.1

    $ sedge plugin remove @test/asker
    ------- stderr -------
    error: no plugin provides the type `@test/asker`
    hint: see the types: `sedge plugin list`
    hint: or add the plugin that provides it: `sedge plugin add FILE.wasm`
    [exit status: 3]

    $ sedge plugin list
    ------- stdout -------
    TYPE          VERSION       CONTRACT  SHA256        COMPONENT  GRANTED
    @sedge/sink   2026.11.23.1  0.4.0     [sha256]      present    -
    @sedge/spawn  2026.11.23.1  0.4.0     [sha256]      present    1 of 1
    ");
    let components = std::fs::read_dir(env.repository().join(".sedge/plugins"));
    let components = components.expect("the folder exists");
    assert_eq!(components.count(), 2, "its component was removed, too");
}

#[test]
fn plugin_with_models_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model create @sedge/sink other"]);
    insta::assert_snapshot!(refused(&env, "plugin remove @sedge/sink"), @"
    ------- stderr -------
    error: `@sedge/sink` is in use by the models `other`, `sink`
    hint: delete the models first: `sedge model delete other`
    hint: or leave models behind that cannot run: `--force`
    [exit status: 3]
    ");
    insta::assert_snapshot!(refused(&env, "plugin remove @sedge/sink --json"), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "plugin_in_use",
        "class": "state",
        "message": "`@sedge/sink` is in use by the models `other`, `sink`",
        "causes": [],
        "help": [
          {
            "kind": "command",
            "purpose": "delete the models first",
            "useCase": "model_delete",
            "arguments": {
              "name": "other"
            }
          },
          {
            "kind": "again",
            "purpose": "or leave models behind that cannot run",
            "arguments": {
              "force": true
            }
          }
        ]
      }
    }
    [exit status: 3]
    "#);
}

#[test]
fn force_leaves_models_behind() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.transcript("
        plugin remove @sedge/sink --force
        model method run sink run
        plugin add @sedge/sink
        plugin remove @sedge/sink --force --json
    "), @r#"
    $ sedge plugin remove @sedge/sink --force
    ------- stderr -------
    Removed @sedge/sink 2026.11.23.1
    The model sink cannot run without it

    $ sedge model method run sink run
    ------- stderr -------
    error: no plugin provides the type `@sedge/sink`
     --> models/sink.yaml:3:7
      |
    3 | type: "@sedge/sink"
      |       ^^^^^^^^^^^^^
    hint: add the plugin that provides it: `sedge plugin add @sedge/sink`
    [exit status: 2]

    $ sedge plugin add @sedge/sink
    ------- stderr -------
    Added @sedge/sink 2026.11.23.1
    hint: `sedge model create @sedge/sink NAME` creates a model of it

    $ sedge plugin remove @sedge/sink --force --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "type": "@sedge/sink",
        "version": "2026.11.23.1",
        "sha256": "[sha256]",
        "models": [
          "sink"
        ]
      }
    }
    "#);
}

#[test]
fn unknown_type_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(refused(&env, "plugin remove sink"), @"
    ------- stderr -------
    error: no plugin provides the type `sink`
    hint: did you mean `@sedge/sink`?
    [exit status: 3]
    ");
}
