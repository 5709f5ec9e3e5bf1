//! `sedge run list`

use sedge_test_kit::TestEnv;

use crate::fixtures::with_suspended;

#[test]
fn runs_are_listed_newest_first() {
    let env = with_runs();
    insta::assert_snapshot!(env.run(["run", "list"]), @"
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run 3]  spawn.run  failed  [time]  [took]  tester
    [run 2]  sink.run  succeeded  [time]  [took]  tester
    [run]  workflow B  suspended  [time]  tester
    ");
    insta::assert_snapshot!(env.run(["run", "list", "-n", "1"]), @"
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run 3]  spawn.run  failed  [time]  [took]  tester
    ");
}

#[test]
fn as_json() {
    let env = with_runs();
    insta::assert_snapshot!(env.run(["run", "list", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": [
        {
          "id": "[run 3]",
          "kind": "method",
          "subject": "spawn",
          "method": "run",
          "exclusive": false,
          "status": "failed",
          "startedBy": "tester",
          "startedAt": "[time]",
          "endedAt": "[time]"
        },
        {
          "id": "[run 2]",
          "kind": "method",
          "subject": "sink",
          "method": "run",
          "exclusive": false,
          "status": "succeeded",
          "startedBy": "tester",
          "startedAt": "[time]",
          "endedAt": "[time]"
        },
        {
          "id": "[run]",
          "kind": "workflow",
          "subject": "B",
          "method": null,
          "exclusive": false,
          "status": "suspended",
          "startedBy": "tester",
          "startedAt": "[time]",
          "endedAt": null
        }
      ]
    }
    "#);
}

#[test]
fn there_are_none() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("run list\nrun list --json"), @r#"
    $ sedge run list
    ------- stderr -------
    No runs yet; `sedge model method run` and `sedge workflow run` make some.

    $ sedge run list --json
    ------- stdout -------
    {
      "ok": true,
      "data": []
    }
    "#);
}

#[test]
fn a_limit_that_is_none() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("run list --limit many\nrun list --limit many --json"), @r#"
    $ sedge run list --limit many
    ------- stderr -------
    error: invalid value 'many' for '--limit <N>': invalid digit found in string

    For more information, try '--help'.
    [exit status: 2]

    $ sedge run list --limit many --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "usage",
        "message": "invalid value 'many' for '--limit <N>': invalid digit found in string",
        "causes": [],
        "hint": "see `sedge --help`"
      }
    }
    [exit status: 2]
    "#);
}

fn with_runs() -> TestEnv {
    let env = with_suspended();
    env.setup(&["model method run sink run"]);
    let _ = env.run(["model", "method", "run", "spawn", "run", "-i", "target=tub"]);
    env
}
