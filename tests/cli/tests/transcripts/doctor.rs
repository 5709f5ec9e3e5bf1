//! `sedge doctor`

use sedge_test_kit::TestEnv;

use crate::secret_put::put;

#[test]
fn sound_repository_has_no_findings() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.transcript("doctor\ndoctor --json"), @r#"
    $ sedge doctor
    ------- stdout -------
    AREA       STATE
    files      ok
    datastore  ok
    secrets    ok
    plugins    ok
    cache      ok
    models     ok
    workflows  ok
    ------- stderr -------
    Nothing is wrong.

    $ sedge doctor --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "isSound": true,
        "areas": [
          {
            "area": "files",
            "state": "ok",
            "findings": []
          },
          {
            "area": "datastore",
            "state": "ok",
            "findings": []
          },
          {
            "area": "secrets",
            "state": "ok",
            "findings": []
          },
          {
            "area": "plugins",
            "state": "ok",
            "findings": []
          },
          {
            "area": "cache",
            "state": "ok",
            "findings": []
          },
          {
            "area": "models",
            "state": "ok",
            "findings": []
          },
          {
            "area": "workflows",
            "state": "ok",
            "findings": []
          }
        ]
      }
    }
    "#);
}

/// Each fault is shown with a fix, and does not hide the other faults.
#[test]
fn every_fault_is_found() {
    let env = TestEnv::with_sink_and_spawn();
    put(&env, "TOKEN", "canary 1");
    put(&env, "OTHER", "canary 2");
    let weak = ["secret", "put", "WEAK", "--allow-weak"];
    let _ = env.run_with_stdin(weak, "prod").succeeded();
    insta::assert_snapshot!(env.transcript("doctor"), @"
    $ sedge doctor
    ------- stdout -------
    AREA       STATE
    files      ok
    datastore  ok
    secrets    warning
    plugins    ok
    cache      ok
    models     ok
    workflows  ok

    warning: the value of `WEAK` is weak: it is an everyday word
    hint: choose another value, because this one is not kept out of names and tags: `sedge secret put WEAK`
    ------- stderr -------
    Everything works; 1 warning.
    ");
    env.write_file(".sedge/secrets/OTHER.sealed", "x");
    env.write_file("models/bad.yaml", "name: bad\n");
    env.write_file(
        "models/strange.yaml",
        "name: strange\ntype: \"@test/nowhere\"\n",
    );
    env.write_file("workflows/bad.yaml", "name: bad\n");
    for entry in
        std::fs::read_dir(env.repository().join(".sedge/plugins")).expect("the test owns it")
    {
        std::fs::remove_file(entry.expect("the test owns it").path()).expect("the test owns it");
    }
    insta::assert_snapshot!(env.transcript("doctor"), @"
    $ sedge doctor
    ------- stdout -------
    AREA       STATE
    files      ok
    datastore  ok
    secrets    fault
    plugins    fault
    cache      ok
    models     fault
    workflows  fault

    warning: the value of `WEAK` is weak: it is an everyday word
    hint: choose another value, because this one is not kept out of names and tags: `sedge secret put WEAK`

    fault: the secret `OTHER` cannot be opened, so its value could not be kept out of data and logs
    caused by: the secret `OTHER` is damaged: `$ENV/repo/.sedge/secrets/OTHER.sealed`
    hint: restore the file of the secret from a copy
    hint: or delete the secret: `sedge secret delete OTHER`

    fault: the component of the plugin `@sedge/sink` is not on this machine
    hint: restore it: `sedge plugin restore`
    hint: or get the component, which was added from `$GUESTS/sink.wasm`: `sedge plugin restore FILE`
    hint: repair it: `sedge doctor --fix`

    fault: the component of the plugin `@sedge/spawn` is not on this machine
    hint: restore it: `sedge plugin restore`
    hint: or get the component, which was added from `$GUESTS/spawn.wasm`: `sedge plugin restore FILE`
    hint: repair it: `sedge doctor --fix`

    fault: the key `type` is missing
     --> models/bad.yaml:1:1
      |
    1 | name: bad
      | ^^^^^^^^^ add `type:` here

    fault: no plugin provides the type `@test/nowhere`
    hint: see the types: `sedge plugin list`
    hint: or add the plugin that provides it: `sedge plugin add FILE.wasm`

    fault: the key `jobs` is missing
     --> workflows/bad.yaml:1:1
      |
    1 | name: bad
      | ^^^^^^^^^ add `jobs:` here
    ------- stderr -------
    6 faults, 1 warning.
    [exit status: 3]
    ");
    std::fs::remove_file(env.repository().join(".sedge/secrets/key")).expect("the test owns it");
    let report = env.run(["doctor", "--json"]);
    assert_eq!(report.code(), Some(3));
    insta::assert_snapshot!(report, @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "isSound": false,
        "areas": [
          {
            "area": "files",
            "state": "ok",
            "findings": []
          },
          {
            "area": "datastore",
            "state": "ok",
            "findings": []
          },
          {
            "area": "secrets",
            "state": "fault",
            "findings": [
              {
                "severity": "fault",
                "isFixable": false,
                "code": "secrets_closed",
                "class": "state",
                "message": "the secret `OTHER` (and 2 more) cannot be opened, so its value could not be kept out of data and logs",
                "causes": [
                  "the key `$ENV/repo/.sedge/secrets/key` of the secrets is missing"
                ],
                "help": [
                  {
                    "kind": "advice",
                    "text": "restore the key file from a copy"
                  },
                  {
                    "kind": "command",
                    "purpose": "if the key is lost, the secrets cannot be opened: delete each of them, and put it again",
                    "useCase": "secret_delete",
                    "arguments": {
                      "name": null
                    }
                  }
                ]
              }
            ]
          },
          {
            "area": "plugins",
            "state": "fault",
            "findings": [
              {
                "severity": "fault",
                "isFixable": true,
                "code": "plugin_gone",
                "class": "state",
                "message": "the component of the plugin `@sedge/sink` is not on this machine",
                "causes": [],
                "help": [
                  {
                    "kind": "command",
                    "purpose": "restore it",
                    "useCase": "plugin_restore",
                    "arguments": {}
                  },
                  {
                    "kind": "command",
                    "purpose": "or get the component, which was added from `$GUESTS/sink.wasm`",
                    "useCase": "plugin_restore",
                    "arguments": {
                      "file": null
                    }
                  }
                ]
              },
              {
                "severity": "fault",
                "isFixable": true,
                "code": "plugin_gone",
                "class": "state",
                "message": "the component of the plugin `@sedge/spawn` is not on this machine",
                "causes": [],
                "help": [
                  {
                    "kind": "command",
                    "purpose": "restore it",
                    "useCase": "plugin_restore",
                    "arguments": {}
                  },
                  {
                    "kind": "command",
                    "purpose": "or get the component, which was added from `$GUESTS/spawn.wasm`",
                    "useCase": "plugin_restore",
                    "arguments": {
                      "file": null
                    }
                  }
                ]
              }
            ]
          },
          {
            "area": "cache",
            "state": "ok",
            "findings": []
          },
          {
            "area": "models",
            "state": "fault",
            "findings": [
              {
                "severity": "fault",
                "isFixable": false,
                "code": "bad_file",
                "class": "usage",
                "message": "the key `type` is missing",
                "causes": [
                  "add `type:` here"
                ],
                "place": {
                  "file": "models/bad.yaml",
                  "line": 1,
                  "column": 1,
                  "endLine": 1,
                  "endColumn": 10
                },
                "faults": [
                  {
                    "file": "models/bad.yaml",
                    "line": 1,
                    "column": 1,
                    "endLine": 1,
                    "endColumn": 10,
                    "code": "missing-key",
                    "message": "the key `type` is missing: add `type:` here"
                  }
                ],
                "help": []
              },
              {
                "severity": "fault",
                "isFixable": false,
                "code": "type_missing",
                "class": "state",
                "message": "no plugin provides the type `@test/nowhere`",
                "causes": [],
                "help": [
                  {
                    "kind": "command",
                    "purpose": "see the types",
                    "useCase": "plugin_list",
                    "arguments": {}
                  },
                  {
                    "kind": "command",
                    "purpose": "or add the plugin that provides it",
                    "useCase": "plugin_add",
                    "arguments": {
                      "file": null
                    }
                  }
                ]
              }
            ]
          },
          {
            "area": "workflows",
            "state": "fault",
            "findings": [
              {
                "severity": "fault",
                "isFixable": false,
                "code": "bad_file",
                "class": "usage",
                "message": "the key `jobs` is missing",
                "causes": [
                  "add `jobs:` here"
                ],
                "place": {
                  "file": "workflows/bad.yaml",
                  "line": 1,
                  "column": 1,
                  "endLine": 1,
                  "endColumn": 10
                },
                "faults": [
                  {
                    "file": "workflows/bad.yaml",
                    "line": 1,
                    "column": 1,
                    "endLine": 1,
                    "endColumn": 10,
                    "code": "missing-key",
                    "message": "the key `jobs` is missing: add `jobs:` here"
                  }
                ],
                "help": []
              }
            ]
          }
        ]
      }
    }
    [exit status: 3]
    "#);
}
