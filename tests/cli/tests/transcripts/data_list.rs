//! `sedge data list`

use sedge_test_kit::TestEnv;

#[test]
fn data_of_all_models_or_of_one_is_listed() {
    let env = with_data();
    insta::assert_snapshot!(env.transcript("data list\ndata list tub"), @"
    $ sedge data list
    ------- stdout -------
    MODEL  NAME    KIND      LATEST  SIZE  WRITTEN
    sink   record  resource  2       58 B  [time]
    tub    record  resource  1       58 B  [time]

    $ sedge data list tub
    ------- stdout -------
    MODEL  NAME    KIND      LATEST  SIZE  WRITTEN
    tub    record  resource  1       58 B  [time]
    ");
}

#[test]
fn as_json() {
    let env = with_data();
    insta::assert_snapshot!(env.run(["data", "list", "sink", "--json"]), @r#"
    ------- stdout -------
    {
      "data": [
        {
          "model": "sink",
          "name": "record",
          "version": 2,
          "latest": true,
          "kind": "resource",
          "spec": "record",
          "mediaType": "application/json",
          "size": 58,
          "digest": "[sha256]",
          "tags": {},
          "lifetime": "infinite",
          "createdAt": "[time]",
          "writtenBy": {
            "run": "[run 2]",
            "job": null,
            "step": null,
            "call": "[run 2]/1",
            "method": "run",
            "type": "@sedge/sink",
            "plugin": "[sha256]",
            "definition": "[sha256]",
            "environment": []
          }
        }
      ],
      "ok": true,
      "count": 1,
      "isCut": false
    }
    "#);
}

#[test]
fn empty_list_shows_a_note() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.transcript("data list\ndata list spawn\ndata list --json"), @r#"
    $ sedge data list
    ------- stderr -------
    No data yet; methods write it: `sedge model method run MODEL METHOD`.

    $ sedge data list spawn
    ------- stderr -------
    No data yet; methods write it: `sedge model method run MODEL METHOD`.

    $ sedge data list --json
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
fn unknown_model_is_refused() {
    let env = with_data();
    insta::assert_snapshot!(env.transcript("data list sinkk\ndata list sinkk --json"), @r#"
    $ sedge data list sinkk
    ------- stderr -------
    error: no model named `sinkk`
    hint: did you mean `sink`?
    [exit status: 3]

    $ sedge data list sinkk --json
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
    "#);
}

fn with_data() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "model create @sedge/sink tub",
        "model method run sink run",
        "model method run sink run",
        "model method run tub run",
    ]);
    env
}
