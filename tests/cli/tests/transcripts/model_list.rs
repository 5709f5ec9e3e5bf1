//! `sedge model list`

use std::os::unix::fs::symlink;

use sedge_test_kit::TestEnv;

#[test]
fn models_are_listed() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file(
        "models/tub.yaml",
        "name: tub\ntype: \"@sedge/sink\"\ndescription: Another one\n",
    );
    insta::assert_snapshot!(env.run(["model", "list"]), @"
    ------- stdout -------
    NAME   TYPE          DESCRIPTION
    sink   @sedge/sink
    spawn  @sedge/spawn
    tub    @sedge/sink   Another one
    ");
}

/// One link leads to a definition within the repository, and the target of the other is missing.
#[test]
fn links_to_definitions_are_listed() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("common/tub.yaml", "name: tub\ntype: \"@sedge/sink\"\n");
    let link = env.repository().join("models/tub.yaml");
    symlink("../common/tub.yaml", &link).expect("the name is free");
    insta::assert_snapshot!(env.transcript("model list\nmodel get tub"), @r#"
    $ sedge model list
    ------- stdout -------
    NAME   TYPE          DESCRIPTION
    sink   @sedge/sink
    spawn  @sedge/spawn
    tub    @sedge/sink

    $ sedge model get tub
    ------- stdout -------
    name: tub
    type: "@sedge/sink"
    "#);
    env.remove("common");
    env.write_file("models/vat.yaml", "name: vat\ntype: \"@sedge/sink\"\n");
    insta::assert_snapshot!(env.transcript("model list"), @"
    $ sedge model list
    ------- stdout -------
    NAME   TYPE          DESCRIPTION
    sink   @sedge/sink
    spawn  @sedge/spawn
    tub    ?             error: models/tub.yaml:1:1: failed to follow the link `$ENV/repo/models/tub.yaml`: No such file or directory (os error 2)
    vat    @sedge/sink
    ------- stderr -------
    error: `models/tub.yaml` cannot be read
    hint: the list shows why; correct the files, or delete them
    [exit status: 2]
    ");
}

#[test]
fn as_json() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.run(["model", "list", "--json"]), @r#"
    ------- stdout -------
    {
      "data": [
        {
          "name": "sink",
          "id": null,
          "type": "@sedge/sink",
          "typeVersion": "2026.11.23.1",
          "description": null,
          "tags": {},
          "globalArguments": {},
          "limits": {},
          "file": "models/sink.yaml",
          "unsaved": false
        },
        {
          "name": "spawn",
          "id": null,
          "type": "@sedge/spawn",
          "typeVersion": "2026.11.23.1",
          "description": null,
          "tags": {},
          "globalArguments": {},
          "limits": {},
          "file": "models/spawn.yaml",
          "unsaved": false
        }
      ],
      "ok": true,
      "count": 2,
      "isCut": false
    }
    "#);
}

#[test]
fn empty_list_shows_a_note() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("model list\nmodel list --json"), @r#"
    $ sedge model list
    ------- stderr -------
    No models yet; `sedge model create TYPE NAME` creates one.

    $ sedge model list --json
    ------- stdout -------
    {
      "data": [],
      "ok": true,
      "count": 0,
      "isCut": false
    }
    "#);
}

#[test]
fn faulty_model_does_not_hide_the_others() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("models/tub.yaml", "name: tub\ntpye: \"@sedge/sink\"\n");
    insta::assert_snapshot!(env.transcript("model list\nmodel list --json"), @r#"
    $ sedge model list
    ------- stdout -------
    NAME   TYPE          DESCRIPTION
    sink   @sedge/sink
    spawn  @sedge/spawn
    tub    ?             error: models/tub.yaml:2:1: unknown key `tpye` in a definition

    $ sedge model list --json
    ------- stdout -------
    {
      "data": [
        {
          "name": "sink",
          "id": null,
          "type": "@sedge/sink",
          "typeVersion": "2026.11.23.1",
          "description": null,
          "tags": {},
          "globalArguments": {},
          "limits": {},
          "file": "models/sink.yaml",
          "unsaved": false
        },
        {
          "name": "spawn",
          "id": null,
          "type": "@sedge/spawn",
          "typeVersion": "2026.11.23.1",
          "description": null,
          "tags": {},
          "globalArguments": {},
          "limits": {},
          "file": "models/spawn.yaml",
          "unsaved": false
        },
        {
          "name": "tub",
          "error": "unknown key `tpye` in a definition",
          "place": {
            "file": "models/tub.yaml",
            "line": 2,
            "column": 1,
            "endLine": 2,
            "endColumn": 5
          }
        }
      ],
      "ok": true,
      "count": 3,
      "isCut": false
    }
    "#);
}
