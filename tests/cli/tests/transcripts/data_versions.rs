//! `sedge data versions`

use sedge_test_kit::TestEnv;

#[test]
fn versions_are_listed_with_the_calls_that_wrote_them() {
    let env = with_two_versions();
    insta::assert_snapshot!(env.run(["data", "versions", "sink", "record"]), @"
    ------- stdout -------
    VERSION  KIND      SIZE  WRITTEN               BY CALL
    2        resource  60 B  [time]                [run 2]/1/1
    1        resource  58 B  [time]                [run]/1
    ");
}

#[test]
fn as_json() {
    let env = with_two_versions();
    insta::assert_snapshot!(env.run(["data", "versions", "sink", "record", "--json"]), @r#"
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
          "size": 60,
          "digest": "[sha256]",
          "tags": {},
          "lifetime": "infinite",
          "createdAt": "[time]",
          "writtenBy": {
            "run": "[run 2]",
            "job": null,
            "step": null,
            "call": "[run 2]/1/1",
            "method": "run",
            "type": "@sedge/sink",
            "plugin": "[sha256]",
            "definition": "[sha256]",
            "environment": []
          }
        },
        {
          "model": "sink",
          "name": "record",
          "version": 1,
          "latest": false,
          "kind": "resource",
          "spec": "record",
          "mediaType": "application/json",
          "size": 58,
          "digest": "[sha256]",
          "tags": {},
          "lifetime": "infinite",
          "createdAt": "[time]",
          "writtenBy": {
            "run": "[run]",
            "job": null,
            "step": null,
            "call": "[run]/1",
            "method": "run",
            "type": "@sedge/sink",
            "plugin": "[sha256]",
            "definition": "[sha256]",
            "environment": []
          }
        }
      ],
      "ok": true,
      "count": 2,
      "isCut": false
    }
    "#);
}

#[test]
fn missing_data_is_refused() {
    let env = with_two_versions();
    insta::assert_snapshot!(env.transcript("
        data versions sink recrod
        data versions sink recrod --json
        data versions sinkk record
        data versions sink
    "), @r#"
    $ sedge data versions sink recrod
    ------- stderr -------
    error: the model `sink` has no data named `recrod`
    hint: did you mean `record`?
    [exit status: 3]

    $ sedge data versions sink recrod --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "data_missing",
        "class": "state",
        "message": "the model `sink` has no data named `recrod`",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "did you mean `record`?"
          }
        ]
      }
    }
    [exit status: 3]

    $ sedge data versions sinkk record
    ------- stderr -------
    error: no model named `sinkk`
    hint: did you mean `sink`?
    [exit status: 3]

    $ sedge data versions sink
    ------- stderr -------
    error: the following required arguments were not provided:
      <NAME>

    Usage: sedge data versions <MODEL> <NAME>

    For more information, try '--help'.
    [exit status: 2]
    "#);
}

fn with_two_versions() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model method run sink run", "model method run spawn run"]);
    env
}
