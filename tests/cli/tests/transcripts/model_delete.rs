//! `sedge model delete`

use sedge_test_kit::{TestEnv, wait_until};

use crate::datastore_lock_status::n_locks;
use crate::fixtures::with_hostile;

#[test]
fn data_of_the_model_is_kept() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.transcript("
        model method run sink run
        model delete sink
        model list
        data list
        data get sink record
        model delete spawn --json
        model delete spawn
        model delete no/name
        model delete sinkk
    "), @r#"
    $ sedge model method run sink run
    ------- stdout -------
    {
      "note": null,
      "run": "[run]",
      "call": "[run]/1"
    }
    ------- stderr -------
    Run [run]
    Succeeded after [took], wrote `record` version 1.

    $ sedge model delete sink
    ------- stderr -------
    Deleted the model sink and its file models/sink.yaml
    hint: its data is kept; `sedge data delete sink --all` deletes 1 name

    $ sedge model list
    ------- stdout -------
    NAME   TYPE          DESCRIPTION
    spawn  @sedge/spawn

    $ sedge data list
    ------- stdout -------
    MODEL  NAME    KIND      LATEST  SIZE  WRITTEN
    sink   record  resource  1       58 B  [time]

    $ sedge data get sink record
    ------- stdout -------
    {
      "note": null,
      "run": "[run]",
      "call": "[run]/1"
    }

    $ sedge model delete spawn --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "name": "spawn",
        "file": "models/spawn.yaml",
        "dataKept": 0
      }
    }

    $ sedge model delete spawn
    ------- stderr -------
    error: no model named `spawn`
    hint: see the models: `sedge model list`
    [exit status: 3]

    $ sedge model delete no/name
    ------- stderr -------
    error: no model named `no/name`
    hint: see the models: `sedge model list`
    [exit status: 3]

    $ sedge model delete sinkk
    ------- stderr -------
    error: no model named `sinkk`
    hint: see the models: `sedge model list`
    [exit status: 3]
    "#);
}

#[test]
fn delete_waits_for_a_running_call() {
    let env = with_hostile();
    let _running = env.spawn("model method run hostile spin".split(' '));
    wait_until("the call", || n_locks(&env) == 2);
    insta::assert_snapshot!(env.run(["model", "delete", "hostile", "--lock-timeout", "0.1"]), @"
    ------- stderr -------
    error: the model `hostile` was locked by others for [took]: [run]/1 (hostile.spin) of tester@[host], process [pid]
    hint: try again when the lock is free
    hint: see what is locked, and by which calls: `sedge datastore lock status`
    [exit status: 75]
    ");
    assert!(env.read_file("models/hostile.yaml").contains("hostile"));
}
