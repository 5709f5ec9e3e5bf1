//! `sedge plugin restore`, and `sedge plugin add --vendor` and `--locked`: a clone of a repository
//! runs.

use sedge_test_artifacts::SPAWN;
use sedge_test_kit::TestEnv;

use crate::fixtures::refused;

/// Removes what version control does not have. Compiled code does not replace a component here.
fn cloned(mut env: TestEnv) -> TestEnv {
    env.variable("SEDGE_CACHE_DIR", "$ENV/empty-cache");
    env.remove(".sedge");
    env
}

/// The whole way: a repository is pushed, cloned by another user, restored, and runs.
#[test]
fn clone_of_a_repository_runs() {
    let mut env = TestEnv::with_repository();
    for (name, value) in [
        ("GIT_AUTHOR_NAME", "tester"),
        ("GIT_AUTHOR_EMAIL", "tester@example.com"),
        ("GIT_COMMITTER_NAME", "tester"),
        ("GIT_COMMITTER_EMAIL", "tester@example.com"),
        ("SEDGE_CACHE_DIR", "$ENV/empty-cache"),
    ] {
        env.variable(name, value);
    }
    env.setup(&[
        "plugin add @sedge/sink",
        "plugin add $GUESTS/spawn.wasm --vendor --grant-all",
        "model create @sedge/sink sink",
        "model create @sedge/spawn spawn",
    ]);
    let shell = |line: &str| {
        let output = env.shell(line);
        assert_eq!(output.code(), Some(0), "{line}\n{output}");
    };
    shell(
        "git init -q --bare $ENV/origin && git init -q && git add . && git commit -qm one \
         && git push -q $ENV/origin HEAD:refs/heads/main && git -C $ENV/origin symbolic-ref HEAD refs/heads/main",
    );
    shell("git clone -q $ENV/origin $ENV/clone && rm -r $ENV/empty-cache");
    let clone = "cd $ENV/clone";
    insta::assert_snapshot!(env.shell(&format!("{clone} && git ls-files")), @"
    ------- stdout -------
    models/sink.yaml
    models/spawn.yaml
    plugins/sedge/spawn.wasm
    sedge.lock
    sedge.yaml
    ");
    insta::assert_snapshot!(env.shell(&format!("{clone} && sedge model method run spawn run")), @"
    ------- stderr -------
    error: the component of the plugin `@sedge/spawn` is not on this machine
    hint: restore it: `sedge plugin restore`
    hint: or get the component, which was added from `plugins/sedge/spawn.wasm`: `sedge plugin restore FILE`
    [exit status: 3]
    ");
    insta::assert_snapshot!(env.shell(&format!("{clone} && sedge plugin restore")), @"
    ------- stderr -------
    Restored @sedge/sink 2026.11.23.1 from @sedge/sink
    Restored @sedge/spawn 2026.11.23.1 from plugins/sedge/spawn.wasm
    ");
    insta::assert_snapshot!(env.shell(&format!("{clone} && sedge plugin restore")), @"
    ------- stderr -------
    No component is missing.
    ");
    insta::assert_snapshot!(env.shell(&format!("{clone} && sedge model method run spawn run --quiet && git status --short")), @r#"
    ------- stdout -------
    {
      "ok": 1,
      "failed": 0,
      "elapsed_ms": "[ms]"
    }
    "#);
}

#[test]
fn component_is_restored_from_where_it_was_added() {
    let env = TestEnv::with_repository();
    env.write_file(
        "built/asker.wasm",
        TestEnv::component(sedge_test_artifacts::ASKER),
    );
    env.setup(&[
        "plugin add built/asker.wasm --grant none",
        "plugin add $GUESTS/spawn.wasm --grant-all",
    ]);
    let lock = env.read_file("sedge.lock");
    assert!(lock.contains("source: built/asker.wasm\n"), "{lock}");
    let env = cloned(env);
    insta::assert_snapshot!(env.transcript("plugin restore\nplugin restore --json"), @r#"
    $ sedge plugin restore
    ------- stderr -------
    Restored @sedge/spawn 2026.11.23.1 from @sedge/spawn
    Restored @test/asker 2026.11.26.1 from built/asker.wasm

    $ sedge plugin restore --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "plugins": [],
        "missing": []
      }
    }
    "#);
    let env = cloned(env);
    insta::assert_snapshot!(env.run(["plugin", "restore", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "plugins": [
          {
            "type": "@sedge/spawn",
            "version": "2026.11.23.1",
            "sha256": "[sha256]",
            "from": "@sedge/spawn",
            "wasMissing": true
          },
          {
            "type": "@test/asker",
            "version": "2026.11.26.1",
            "sha256": "[sha256]",
            "from": "built/asker.wasm",
            "wasMissing": true
          }
        ],
        "missing": []
      }
    }
    "#);
}

#[test]
fn component_is_restored_from_files_and_folders() {
    let env = TestEnv::with_repository();
    env.write_file("a.wasm", TestEnv::component(sedge_test_artifacts::SINK));
    env.write_file("b.wasm", TestEnv::component(SPAWN));
    env.setup(&["plugin add a.wasm", "plugin add b.wasm --grant-all"]);
    env.remove("a.wasm");
    env.remove("b.wasm");
    env.write_file("folder/text.wasm", "I am a text\n");
    env.write_file("folder/other.wasm", TestEnv::component(SPAWN));
    env.write_file("empty/nothing.txt", "\n");
    let env = cloned(env);
    insta::assert_snapshot!(env.transcript("
        plugin restore folder
        plugin restore empty
        plugin restore folder/other.wasm $GUESTS/sink.wasm
        plugin restore nowhere.wasm
    "), @"
    $ sedge plugin restore folder
    ------- stderr -------
    Restored @sedge/spawn 2026.11.23.1 from folder/other.wasm
    Still missing: @sedge/sink

    $ sedge plugin restore empty
    ------- stderr -------
    error: `empty` has no component that sedge.lock pins
    hint: see the pinned digests: `sedge plugin list`
    [exit status: 3]

    $ sedge plugin restore folder/other.wasm $GUESTS/sink.wasm
    ------- stderr -------
    Already present: @sedge/spawn 2026.11.23.1
    Restored @sedge/sink 2026.11.23.1 from $GUESTS/sink.wasm

    $ sedge plugin restore nowhere.wasm
    ------- stderr -------
    error: failed to read `nowhere.wasm`
    caused by: No such file or directory (os error 2)
    hint: check the path: it does not exist
    [exit status: 3]
    ");
}

/// A component that was changed in the repository or in the installation does not run.
#[test]
fn wrong_component_is_refused() {
    let env = TestEnv::with_repository();
    env.setup(&["plugin add $GUESTS/sink.wasm --vendor"]);
    env.write_file("plugins/sedge/sink.wasm", TestEnv::component(SPAWN));
    let mut env = cloned(env);
    env.variable("SEDGE_PLUGIN_PATH", "$ENV/repo/plugins/sedge");
    insta::assert_snapshot!(refused(&env, "plugin restore"), @"
    ------- stderr -------
    error: the component of the plugin `@sedge/sink` was not found
    caused by: `plugins/sedge/sink.wasm` is another component: its digest is [sha256], not [sha256]; `$ENV/repo/plugins/sedge/sink.wasm` is not the component of `@sedge/sink` that this Sedge was built with: its digest is [sha256], not [sha256]
    hint: get the missing components: `sedge plugin restore FILE`
    [exit status: 3]
    ");
    insta::assert_snapshot!(refused(&env, "plugin restore --json"), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "plugin_gone",
        "class": "state",
        "message": "the component of the plugin `@sedge/sink` was not found",
        "causes": [
          "`plugins/sedge/sink.wasm` is another component: its digest is [sha256], not [sha256]; `$ENV/repo/plugins/sedge/sink.wasm` is not the component of `@sedge/sink` that this Sedge was built with: its digest is [sha256], not [sha256]"
        ],
        "help": [
          {
            "kind": "command",
            "purpose": "get the missing components",
            "useCase": "plugin_restore",
            "arguments": {
              "file": null
            }
          }
        ]
      }
    }
    [exit status: 3]
    "#);
    insta::assert_snapshot!(refused(&env, "plugin restore $GUESTS/spawn.wasm"), @"
    ------- stderr -------
    error: `$GUESTS/spawn.wasm` is not a component that sedge.lock pins
    caused by: its digest is [sha256]
    caused by: the digest of `@sedge/sink` 2026.11.23.1 is [sha256]
    hint: get the component with a pinned digest: `sedge plugin restore FILE`
    hint: or, if you trust the file, pin it: `sedge plugin add $GUESTS/spawn.wasm`
    [exit status: 3]
    ");
    insta::assert_snapshot!(refused(&env, "plugin add --locked $GUESTS/spawn.wasm"), @"
    ------- stderr -------
    error: `$GUESTS/spawn.wasm` is not a component that sedge.lock pins
    caused by: its digest is [sha256]
    caused by: the digest of `@sedge/sink` 2026.11.23.1 is [sha256]
    hint: get the component with a pinned digest: `sedge plugin restore FILE`
    hint: or, if you trust the file, pin it: `sedge plugin add $GUESTS/spawn.wasm`
    [exit status: 3]
    ");
    insta::assert_snapshot!(env.transcript("
        plugin add --locked $GUESTS/sink.wasm
        plugin add --locked $GUESTS/sink.wasm
        plugin add --locked $GUESTS/sink.wasm --replace
    "), @"
    $ sedge plugin add --locked $GUESTS/sink.wasm
    ------- stderr -------
    Restored @sedge/sink 2026.11.23.1
    hint: `sedge model create @sedge/sink NAME` creates a model of it

    $ sedge plugin add --locked $GUESTS/sink.wasm
    ------- stderr -------
    Already added: @sedge/sink 2026.11.23.1
    hint: `sedge model create @sedge/sink NAME` creates a model of it

    $ sedge plugin add --locked $GUESTS/sink.wasm --replace
    ------- stderr -------
    error: the argument '--locked' cannot be used with '--replace'

    Usage: sedge plugin add --locked <FILE.wasm>...

    For more information, try '--help'.
    [exit status: 2]
    ");
}

/// What was found is restored although something else was not.
#[test]
fn components_that_are_nowhere_are_named() {
    let env = TestEnv::with_repository();
    env.write_file(
        "built/asker.wasm",
        TestEnv::component(sedge_test_artifacts::ASKER),
    );
    env.setup(&[
        "plugin add @sedge/sink",
        "plugin add built/asker.wasm --grant none",
    ]);
    env.remove("built");
    let env = cloned(env);
    insta::assert_snapshot!(env.transcript("
        plugin restore
        plugin restore $GUESTS/sink.wasm
        plugin list
    "), @"
    $ sedge plugin restore
    ------- stderr -------
    error: the component of the plugin `@test/asker` was not found
    caused by: `built/asker.wasm` is not in the repository
    note: `@sedge/sink` 2026.11.23.1 was restored
    hint: get the missing components: `sedge plugin restore FILE`
    [exit status: 3]

    $ sedge plugin restore $GUESTS/sink.wasm
    ------- stderr -------
    Already present: @sedge/sink 2026.11.23.1
    Still missing: @test/asker

    $ sedge plugin list
    ------- stdout -------
    TYPE         VERSION       CONTRACT  SHA256        COMPONENT  GRANTED
    @sedge/sink  2026.11.23.1  0.4.0     [sha256]      present    -
    @test/asker  2026.11.26.1  0.4.0     [sha256]      missing    0 of 7
    ");
}

/// A damaged component counts as missing.
#[test]
fn damaged_component_is_restored() {
    let mut env = TestEnv::with_repository();
    env.variable("SEDGE_CACHE_DIR", "$ENV/own-cache");
    env.setup(&["plugin add @sedge/sink", "model create @sedge/sink sink"]);
    let line = "for file in .sedge/plugins/*; do echo damaged >$file; done; rm -r $ENV/own-cache";
    assert_eq!(env.shell(line).code(), Some(0));
    insta::assert_snapshot!(env.transcript("
        model method run sink run
        plugin restore
        model method run sink run --quiet
    "), @r#"
    $ sedge model method run sink run
    ------- stderr -------
    error: the plugin `@sedge/sink` cannot be used
    caused by: its digest is [sha256], not [sha256]
    hint: the file was changed after it was pinned; restore it: `sedge plugin restore`
    [exit status: 2]

    $ sedge plugin restore
    ------- stderr -------
    Restored @sedge/sink 2026.11.23.1 from @sedge/sink

    $ sedge model method run sink run --quiet
    ------- stdout -------
    {
      "note": null,
      "run": "[run]",
      "call": "[run]/1"
    }
    "#);
}

#[test]
fn every_plugin_is_vendored_if_the_repository_wants_it() {
    let env = TestEnv::with_repository();
    env.write_file("sedge.yaml", "version: 1\nvendorPlugins: true\n");
    insta::assert_snapshot!(env.transcript("
        plugin add @sedge/sink
        plugin add @sedge/sink --json
        plugin remove @sedge/sink
    "), @r#"
    $ sedge plugin add @sedge/sink
    ------- stderr -------
    Added @sedge/sink 2026.11.23.1
    Its component is in plugins/sedge/sink.wasm; put it under version control
    hint: `sedge model create @sedge/sink NAME` creates a model of it

    $ sedge plugin add @sedge/sink --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "plugins": [
          {
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
            "contract": "0.4.0",
            "change": "unchanged",
            "before": {
              "version": "2026.11.23.1",
              "sha256": "[sha256]"
            },
            "grants": {},
            "granted": [],
            "vendoredFile": "plugins/sedge/sink.wasm"
          }
        ]
      }
    }

    $ sedge plugin remove @sedge/sink
    ------- stderr -------
    Removed @sedge/sink 2026.11.23.1
    Removed plugins/sedge/sink.wasm, too
    "#);
    assert!(!env.repository().join("plugins/sedge/sink.wasm").exists());
}

/// A digest is pinned for one type. With a changed type, the component is not
/// added.
#[test]
fn component_of_another_type_than_pinned_is_refused() {
    let env = TestEnv::with_repository();
    env.setup(&["plugin add $GUESTS/sink.wasm"]);
    let lock = env.read_file("sedge.lock");
    env.write_file("sedge.lock", lock.replace("@sedge/sink", "@test/other"));
    insta::assert_snapshot!(refused(&env, "plugin add --locked $GUESTS/sink.wasm"), @"
    ------- stderr -------
    error: `$GUESTS/sink.wasm` does not provide `@test/other`, for which sedge.lock pins it
    caused by: it provides `@sedge/sink`
    hint: sedge.lock was changed by hand: take it from version control
    [exit status: 2]
    ");
}
