//! `sedge data get`

use sedge_test_kit::TestEnv;

#[test]
fn the_latest_version_or_an_older_one() {
    let env = with_two_versions();
    insta::assert_snapshot!(env.transcript("data get sink record\ndata get sink record --version 1"), @r#"
    $ sedge data get sink record
    ------- stdout -------
    {
      "note": "two",
      "run": "[run 2]",
      "call": "[run 2]/1"
    }

    $ sedge data get sink record --version 1
    ------- stdout -------
    {
      "note": "one",
      "run": "[run]",
      "call": "[run]/1"
    }
    "#);
}

#[test]
fn as_json() {
    let env = with_two_versions();
    insta::assert_snapshot!(env.run(["data", "get", "sink", "record", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "model": "sink",
        "name": "record",
        "version": 2,
        "latest": true,
        "kind": "resource",
        "spec": "record",
        "mediaType": "application/json",
        "size": 59,
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
          "definition": "[sha256]"
        },
        "content": {
          "note": "two",
          "run": "[run 2]",
          "call": "[run 2]/1"
        }
      }
    }
    "#);
}

#[test]
fn there_is_no_such_data() {
    let env = with_two_versions();
    insta::assert_snapshot!(env.transcript("
        data get sink recrod
        data get sink recrod --json
        data get sinkk record
        data get sink record --version 3
        data get sink record --version 0
        data get sink record --version one
        data get spawn calls
        data get sink ../record
    "), @r#"
    $ sedge data get sink recrod
    ------- stderr -------
    error: the model `sink` has no data named `recrod`
    hint: did you mean `record`?
    [exit status: 3]

    $ sedge data get sink recrod --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "data_missing",
        "message": "the model `sink` has no data named `recrod`",
        "causes": [],
        "hint": "did you mean `record`?"
      }
    }
    [exit status: 3]

    $ sedge data get sinkk record
    ------- stderr -------
    error: no model named `sinkk`
    hint: did you mean `sink`?
    [exit status: 3]

    $ sedge data get sink record --version 3
    ------- stderr -------
    error: `record` of the model `sink` has no version 3
    hint: its latest version is 2
    [exit status: 3]

    $ sedge data get sink record --version 0
    ------- stderr -------
    error: `record` of the model `sink` has no version 0
    hint: its latest version is 2
    [exit status: 3]

    $ sedge data get sink record --version one
    ------- stderr -------
    error: invalid value 'one' for '--version <N>': invalid digit found in string

    For more information, try '--help'.
    [exit status: 2]

    $ sedge data get spawn calls
    ------- stderr -------
    error: the model `spawn` has no data named `calls`
    hint: `sedge data list spawn` shows its data
    [exit status: 3]

    $ sedge data get sink ../record
    ------- stderr -------
    error: the model `sink` has no data named `../record`
    hint: did you mean `record`?
    [exit status: 3]
    "#);
}

fn with_two_versions() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "model method run sink run --input note=one",
        "model method run sink run --input note=two",
    ]);
    env
}
