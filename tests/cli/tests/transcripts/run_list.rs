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
    ------- stderr -------
    … (2 more): `--limit N` shows N of them, `--json-lines` shows all.
    ");
}

#[test]
fn as_json() {
    let env = with_runs();
    insta::assert_snapshot!(env.run(["run", "list", "--json"]), @r#"
    ------- stdout -------
    {
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
          "endedAt": "[time]",
          "durationMs": "[ms]",
          "parent": null,
          "canOnlyFail": false
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
          "endedAt": "[time]",
          "durationMs": "[ms]",
          "parent": null,
          "canOnlyFail": false
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
          "endedAt": null,
          "durationMs": null,
          "parent": null,
          "canOnlyFail": false
        }
      ],
      "ok": true,
      "count": 3,
      "isCut": false
    }
    "#);
}

#[test]
fn runs_are_filtered_by_status_subject_and_time() {
    let env = with_runs();
    insta::assert_snapshot!(env.transcript("
        run list --status failed
        run list --of sink
        run list --of spawn.run --status succeeded
        run list --of B --since 1h
        run list --since 2100-01-01T00:00:00Z
        run list --since 2100-01-01T00:00:00Z --json
        run list --status broken
        run list --since yesterday
    "), @r#"
    $ sedge run list --status failed
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run 3]  spawn.run  failed  [time]  [took]  tester

    $ sedge run list --of sink
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run 2]  sink.run  succeeded  [time]  [took]  tester

    $ sedge run list --of spawn.run --status succeeded
    ------- stderr -------
    No run matches.

    $ sedge run list --of B --since 1h
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run]  workflow B  suspended  [time]  tester

    $ sedge run list --since 2100-01-01T00:00:00Z
    ------- stderr -------
    No run matches.

    $ sedge run list --since 2100-01-01T00:00:00Z --json
    ------- stdout -------
    {
      "data": [],
      "ok": true,
      "count": 0,
      "isCut": false
    }

    $ sedge run list --status broken
    ------- stderr -------
    error: invalid value 'broken' for '--status <STATUS>'
      [possible values: running, cancelling, suspended, succeeded, failed, cancelled, interrupted]

    For more information, try '--help'.
    [exit status: 2]

    $ sedge run list --since yesterday
    ------- stderr -------
    error: invalid value 'yesterday' for '--since <TIME>': it is neither an age (5m, 1h, 7d, 2w, 1mo, 1y) nor a time ([time])

    For more information, try '--help'.
    [exit status: 2]
    "#);
}

#[test]
fn cut_list_shows_a_note() {
    let env = with_runs();
    insta::assert_snapshot!(env.transcript("run list -n 1 --json"), @r#"
    $ sedge run list -n 1 --json
    ------- stdout -------
    {
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
          "endedAt": "[time]",
          "durationMs": "[ms]",
          "parent": null,
          "canOnlyFail": false
        }
      ],
      "ok": true,
      "count": 1,
      "isCut": true
    }
    "#);
    let lines = env.run(["run", "list", "--json-lines", "-n", "2"]);
    assert_eq!(lines.stdout.lines().count(), 2, "{lines}");
}

#[test]
fn empty_list_shows_a_note() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("run list\nrun list --json"), @r#"
    $ sedge run list
    ------- stderr -------
    No runs yet; `sedge model method run` and `sedge workflow run` start them.

    $ sedge run list --json
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
fn invalid_limit_is_refused() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("run list --limit many\nrun list --limit many --json"), @r#"
    $ sedge run list --limit many
    ------- stderr -------
    error: invalid value 'many' for '--limit <N>': it is not a whole number from 0 to 18446744073709551615

    For more information, try '--help'.
    [exit status: 2]

    $ sedge run list --limit many --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "usage",
        "class": "usage",
        "message": "invalid value 'many' for '--limit <N>': it is not a whole number from 0 to 18446744073709551615",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "see `sedge --help`"
          }
        ]
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

/// A list is printed while it is read, so a fault can come after items that are already printed.
/// The end of the document says that they are not all.
#[test]
fn list_that_fails_half_way_says_so_at_its_end() {
    let env = with_runs();
    let database = env.repository().join(".sedge/store/sedge.db");
    let database = rusqlite::Connection::open(database).expect("it is there");
    let changed = database.execute(
        "UPDATE runs SET status = 'teleported' WHERE kind = 'workflow'",
        [],
    );
    assert_eq!(changed.expect("it is SQL"), 1);
    insta::assert_snapshot!(env.run(["run", "list"]), @"
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run 3]  spawn.run  failed  [time]  [took]  tester
    [run 2]  sink.run  succeeded  [time]  [took]  tester
    ------- stderr -------
    error: cannot read a run status in the datastore: `teleported` is not known
    hint: see all that is damaged: `sedge datastore check --deep`
    hint: restore a backup: `sedge datastore restore FILE --replace`
    [exit status: 3]
    ");
    insta::assert_snapshot!(env.run(["run", "list", "--json"]), @r#"
    ------- stdout -------
    {
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
          "endedAt": "[time]",
          "durationMs": "[ms]",
          "parent": null,
          "canOnlyFail": false
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
          "endedAt": "[time]",
          "durationMs": "[ms]",
          "parent": null,
          "canOnlyFail": false
        }
      ],
      "ok": false,
      "count": 2,
      "error": {
        "code": "store_unreadable",
        "class": "state",
        "message": "cannot read a run status in the datastore: `teleported` is not known",
        "causes": [],
        "help": [
          {
            "kind": "command",
            "purpose": "see all that is damaged",
            "useCase": "datastore_check",
            "arguments": {
              "deep": true
            }
          },
          {
            "kind": "command",
            "purpose": "restore a backup",
            "useCase": "datastore_restore",
            "arguments": {
              "file": null,
              "replace": true
            }
          }
        ]
      }
    }
    [exit status: 3]
    "#);
    insta::assert_snapshot!(env.run(["run", "list", "--json-lines"]), @r#"
    ------- stdout -------
    {"id":"[run 3]","kind":"method","subject":"spawn","method":"run","exclusive":false,"status":"failed","startedBy":"tester","startedAt":"[time]","endedAt":"[time]","durationMs":"[ms]","parent":null,"canOnlyFail":false}
    {"id":"[run 2]","kind":"method","subject":"sink","method":"run","exclusive":false,"status":"succeeded","startedBy":"tester","startedAt":"[time]","endedAt":"[time]","durationMs":"[ms]","parent":null,"canOnlyFail":false}
    ------- stderr -------
    error: cannot read a run status in the datastore: `teleported` is not known
    hint: see all that is damaged: `sedge datastore check --deep`
    hint: restore a backup: `sedge datastore restore FILE --replace`
    [exit status: 3]
    "#);
}

#[test]
fn runs_of_several_statuses_are_listed() {
    let env = with_suspended();
    env.setup(&["model method run sink run"]);
    let count = |statuses: &[&str]| {
        let mut line = vec!["run", "list"];
        line.extend(statuses.iter().flat_map(|status| ["--status", *status]));
        env.run_json(line)["count"].clone()
    };
    assert_eq!(count(&["suspended"]), 1);
    assert_eq!(count(&["suspended", "succeeded"]), 2);
    assert_eq!(count(&["suspended,succeeded"]), 2);
    assert_eq!(count(&["cancelling", "interrupted"]), 0);
    insta::assert_snapshot!(env.run(["run", "list", "--status", "done"]), @"
    ------- stderr -------
    error: invalid value 'done' for '--status <STATUS>'
      [possible values: running, cancelling, suspended, succeeded, failed, cancelled, interrupted]

    For more information, try '--help'.
    [exit status: 2]
    ");
}

/// `workflow history` is an alias of `run list --of`, which leaves the runs of methods out.
#[test]
fn history_of_a_workflow_is_the_list_of_its_runs() {
    let env = with_runs();
    insta::assert_snapshot!(env.transcript("
        workflow history B
        workflow history
        workflow history sink
        workflow history B --status failed,cancelled
        workflow history B --status broken
    "), @"
    $ sedge workflow history B
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run]  workflow B  suspended  [time]  tester

    $ sedge workflow history
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run]  workflow B  suspended  [time]  tester

    $ sedge workflow history sink
    ------- stderr -------
    error: no workflow named `sink`
    hint: see the workflows: `sedge workflow list`
    [exit status: 3]

    $ sedge workflow history B --status failed,cancelled
    ------- stderr -------
    No run matches.

    $ sedge workflow history B --status broken
    ------- stderr -------
    error: invalid value 'broken' for '--status <STATUS>'
      [possible values: running, cancelling, suspended, succeeded, failed, cancelled, interrupted]

    For more information, try '--help'.
    [exit status: 2]
    ");
    let of_workflow = env.run(["workflow", "history", "B", "--json"]);
    let of_list = env.run(["run", "list", "--of", "B", "--json"]);
    assert_eq!(of_workflow.stdout, of_list.stdout);
    let empty = TestEnv::with_repository();
    insta::assert_snapshot!(empty.run(["workflow", "history"]), @"
    ------- stderr -------
    No workflow has run yet; `sedge workflow run` starts one.
    ");
}
