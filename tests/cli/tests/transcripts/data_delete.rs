//! `sedge data delete`

use sedge_test_kit::{TestEnv, wait_until};

use crate::datastore_lock_status::n_locks;
use crate::fixtures::with_hostile;

#[test]
fn name_is_deleted_with_all_versions() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model method run sink run", "model method run spawn run"]);
    insta::assert_snapshot!(env.transcript("
        data list sink
        data delete sink record
        data list sink
        data get sink record
        model method run sink run
        data versions sink record
        data delete sink --all --json
        data delete sink --all
    "), @r#"
    $ sedge data list sink
    ------- stdout -------
    MODEL  NAME    KIND      LATEST  SIZE  WRITTEN
    sink   record  resource  2       60 B  [time]

    $ sedge data delete sink record
    ------- stdout -------
    MODEL  NAME    VERSIONS  SIZE
    sink   record  2         118 B
    ------- stderr -------
    Removed 2 versions (118 B) of sink.

    $ sedge data list sink
    ------- stderr -------
    No data yet; methods write it: `sedge model method run MODEL METHOD`.

    $ sedge data get sink record
    ------- stderr -------
    error: the model `sink` has no data named `record`
    hint: see the data of the model: `sedge data list sink`
    [exit status: 3]

    $ sedge model method run sink run
    ------- stdout -------
    {
      "note": null,
      "run": "[run 3]",
      "call": "[run 3]/1"
    }
    ------- stderr -------
    Run [run 3]
    Succeeded after [took], wrote `record` version 1.

    $ sedge data versions sink record
    ------- stdout -------
    VERSION  KIND      SIZE  WRITTEN               BY CALL
    1        resource  58 B  [time]                [run 3]/1

    $ sedge data delete sink --all --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "model": "sink",
        "dryRun": false,
        "deleted": [
          {
            "model": "sink",
            "name": "record",
            "versions": 1,
            "bytes": 58
          }
        ]
      }
    }

    $ sedge data delete sink --all
    ------- stderr -------
    The model sink has no such data.
    "#);
}

/// The data of a model can be deleted after its file.
#[test]
fn data_of_a_deleted_model_is_deleted() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model method run sink run", "model delete sink"]);
    insta::assert_snapshot!(env.transcript("data delete sink --all\ndata delete sink --all"), @"
    $ sedge data delete sink --all
    ------- stdout -------
    MODEL  NAME    VERSIONS  SIZE
    sink   record  1         58 B
    ------- stderr -------
    Removed 1 version (58 B) of sink.

    $ sedge data delete sink --all
    ------- stderr -------
    error: no model named `sink`
    hint: see the models: `sedge model list`
    [exit status: 3]
    ");
}

#[test]
fn missing_data_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model method run sink run"]);
    let before = env.state();
    insta::assert_snapshot!(env.transcript("
        data delete sink recrod
        data delete sinkk record
        data delete sinkk --all
        data delete sink
        data delete sink record --all
        data delete sink record --lock-timeout soon
    "), @"
    $ sedge data delete sink recrod
    ------- stderr -------
    error: the model `sink` has no data named `recrod`
    hint: did you mean `record`?
    [exit status: 3]

    $ sedge data delete sinkk record
    ------- stderr -------
    error: no model named `sinkk`
    hint: did you mean `sink`?
    [exit status: 3]

    $ sedge data delete sinkk --all
    ------- stderr -------
    error: no model named `sinkk`
    hint: did you mean `sink`?
    [exit status: 3]

    $ sedge data delete sink
    ------- stderr -------
    error: the following required arguments were not provided:
      <NAME|--prefix <TEXT>|--all>

    Usage: sedge data delete [OPTIONS] <MODEL> <NAME [--version N]|--prefix TEXT|--all>

    For more information, try '--help'.
    [exit status: 2]

    $ sedge data delete sink record --all
    ------- stderr -------
    error: the argument '[NAME]' cannot be used with '--all'

    Usage: sedge data delete [OPTIONS] <MODEL> <NAME [--version N]|--prefix TEXT|--all>

    For more information, try '--help'.
    [exit status: 2]

    $ sedge data delete sink record --lock-timeout soon
    ------- stderr -------
    error: invalid value 'soon' for '--lock-timeout <SECONDS>': it is not a number of seconds, such as 60 or 0.5

    For more information, try '--help'.
    [exit status: 2]
    ");
    assert_eq!(env.state(), before);
}

#[test]
fn delete_waits_for_a_running_call() {
    let env = with_hostile();
    env.setup(&["model method run hostile sleep --input ms=1"]);
    let _running = env.spawn("model method run hostile spin".split(' '));
    wait_until("the call", || n_locks(&env) == 2);
    insta::assert_snapshot!(env.run(["data", "delete", "hostile", "mark", "--lock-timeout", "0.1", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "lock_timeout",
        "class": "temporary",
        "message": "the model `hostile` was locked by others for [took]: [run 2]/1 (hostile.spin) of tester@[host], process [pid]",
        "causes": [],
        "help": [
          {
            "kind": "again",
            "purpose": "try again when the lock is free",
            "arguments": {}
          },
          {
            "kind": "command",
            "purpose": "see what is locked, and by which calls",
            "useCase": "datastore_lock_status",
            "arguments": {}
          }
        ]
      }
    }
    [exit status: 75]
    "#);
}

/// A script with an unset variable passes an empty prefix, and does not mean all data.
#[test]
fn empty_prefix_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model method run sink run"]);
    let before = env.state();
    for dry_run in [false, true] {
        let dry_run = dry_run.then_some("--dry-run");
        let args = ["data", "delete", "sink", "--prefix", "", "--json"];
        insta::allow_duplicates!(
            insta::assert_snapshot!(env.run(args.into_iter().chain(dry_run)), @r#"
            ------- stdout -------
            {
              "ok": false,
              "error": {
                "code": "prefix_empty",
                "class": "usage",
                "message": "the prefix is empty, so it matches every name",
                "causes": [],
                "help": [
                  {
                    "kind": "advice",
                    "text": "give the beginning of the names"
                  },
                  {
                    "kind": "again",
                    "purpose": "or delete all data of the model",
                    "arguments": {
                      "all": true
                    }
                  }
                ]
              }
            }
            [exit status: 2]
            "#)
        );
    }
    assert_eq!(env.state(), before);
}
