//! `sedge model get`

use sedge_test_kit::TestEnv;

#[test]
fn model_is_shown_verbatim() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.run(["model", "get", "sink"]), @r#"
    ------- stdout -------
    # yaml-language-server: $schema=../.sedge/schemas/definition.json
    name: sink
    type: "@sedge/sink"
    typeVersion: "2026.11.23.1"
    globalArguments: {}
    "#);
}

#[test]
fn as_json() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.run(["model", "get", "sink", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
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
      }
    }
    "#);
}

#[test]
fn unknown_model_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.transcript("model get sinkk\nmodel get sinkk --json\nmodel get ../sedge\nmodel get cloud"), @r#"
    $ sedge model get sinkk
    ------- stderr -------
    error: no model named `sinkk`
    hint: did you mean `sink`?
    [exit status: 3]

    $ sedge model get sinkk --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "model_missing",
        "class": "state",
        "message": "no model named `sinkk`",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "did you mean `sink`?"
          }
        ]
      }
    }
    [exit status: 3]

    $ sedge model get ../sedge
    ------- stderr -------
    error: no model named `../sedge`
    hint: see the models: `sedge model list`
    [exit status: 3]

    $ sedge model get cloud
    ------- stderr -------
    error: no model named `cloud`
    hint: see the models: `sedge model list`
    [exit status: 3]
    "#);
}

#[test]
fn faulty_file_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file(
        "models/tub.yaml",
        "name: tub\ntype: \"@sedge/sink\"\ntags: {team: [a]}\n",
    );
    insta::assert_snapshot!(env.transcript("model get tub\nmodel get tub --json"), @r#"
    $ sedge model get tub
    ------- stderr -------
    error: expected a text, found a list
     --> models/tub.yaml:3:14
      |
    3 | tags: {team: [a]}
      |              ^^^
    [exit status: 2]

    $ sedge model get tub --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "bad_file",
        "class": "usage",
        "message": "expected a text, found a list",
        "causes": [],
        "place": {
          "file": "models/tub.yaml",
          "line": 3,
          "column": 14,
          "endLine": 3,
          "endColumn": 17
        },
        "faults": [
          {
            "file": "models/tub.yaml",
            "line": 3,
            "column": 14,
            "endLine": 3,
            "endColumn": 17,
            "code": "wrong-type",
            "message": "expected a text, found a list"
          }
        ],
        "help": []
      }
    }
    [exit status: 2]
    "#);
}

#[test]
fn file_with_another_name_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("models/tub.yaml", "name: bowl\ntype: \"@sedge/sink\"\n");
    insta::assert_snapshot!(env.run(["model", "get", "tub"]), @"
    ------- stderr -------
    error: the file defines `bowl`
     --> models/tub.yaml:1:7
      |
    1 | name: bowl
      |       ^^^^
    hint: name it `tub`, or use the model by its name `bowl`
    [exit status: 2]
    ");
}
