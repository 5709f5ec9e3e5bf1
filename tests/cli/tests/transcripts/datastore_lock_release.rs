//! `sedge datastore lock release`

use sedge_test_kit::wait_until;

use crate::datastore_lock_status::n_locks;
use crate::fixtures::{with_counters, with_hostile};

/// The former holder cannot write any more, and fails at its end; the waiter continues at once.
#[test]
fn former_holder_is_fenced_off_and_waiter_continues() {
    let env = with_counters();
    let steps = r#"{"steps":[{"until":"two"}]}"#;
    let mut holder = env.spawn([
        "model",
        "method",
        "run",
        "one",
        "run",
        "--inputs-json",
        steps,
    ]);
    wait_until("the call", || n_locks(&env) == 2);
    let waiter = env.spawn(["model", "method", "run", "one", "add"]);
    wait_until("the one that waits", || n_locks(&env) == 4);
    insta::assert_snapshot!(env.run(["datastore", "lock", "release", "--model", "one", "--force"]), @"
    ------- stdout -------
    the datastore: IX held by [run]/1 (one.run) of tester@[host], process [pid], since [time]
    the model `one`: X held by [run]/1 (one.run) of tester@[host], process [pid], since [time]
    ------- stderr -------
    Released 2 locks.
    hint: the calls that held them cannot write any more; `sedge run list` shows their runs
    ");
    insta::assert_snapshot!(env.run(["audit", "list", "--what", "locks-released"]), @"
    ------- stdout -------
    WHEN  BY  WHAT  ON  DETAIL
    [time]  tester  locks-released  one  held by [run]/1
    ");
    let _ = waiter.wait().succeeded();
    assert!(holder.is_running(), "what it does is not stopped");
    env.setup(&["model method run two add"]);
    insta::assert_snapshot!(holder.wait(), @"
    ------- stderr -------
    Run [run]
    error: the call `[run]/1` lost its lock before it ended, so none of its changes were written
    hint: see what was written before: `sedge run show [run]`
    [exit status: 3]
    ");
    let versions = env.run_json(["data", "versions", "one", "count"]);
    assert_eq!(versions["data"].as_array().map(Vec::len), Some(1));
    insta::assert_snapshot!(env.run(["run", "list"]), @"
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run 3]  two.add  succeeded  [time]  [took]  tester
    [run 2]  one.add  succeeded  [time]  [took]  tester
    [run]  one.run  failed  [time]  [took]  tester
    ");
}

/// An exclusive run locks the whole datastore, and its calls lock their models.
#[test]
fn all_locks_are_released() {
    let env = with_hostile();
    let spin = crate::fixtures::A.replace("modelIdOrName: spawn", "modelIdOrName: hostile");
    env.write_file(
        "workflows/A.yaml",
        spin.replace("methodName: run", "methodName: spin"),
    );
    let _holder = env.spawn(["workflow", "run", "A", "--exclusive"]);
    wait_until("the call", || n_locks(&env) == 2);
    let waiter = env.spawn("model method run sink run".split(' '));
    wait_until("the one that waits", || n_locks(&env) == 3);
    insta::assert_snapshot!(env.run(["datastore", "lock", "release", "--all", "--force", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "released": [
          {
            "resource": "datastore",
            "model": null,
            "mode": "X",
            "held": true,
            "since": "[time]",
            "run": "[run]",
            "call": "[run]",
            "chain": [
              "workflow A"
            ],
            "session": {
              "user": "tester",
              "host": "[host]",
              "pid": "[pid]",
              "since": "[time]"
            },
            "waitsFor": []
          },
          {
            "resource": "model",
            "model": "hostile",
            "mode": "X",
            "held": true,
            "since": "[time]",
            "run": "[run]",
            "call": "[run]/1",
            "chain": [
              "workflow A",
              "hostile.spin"
            ],
            "session": {
              "user": "tester",
              "host": "[host]",
              "pid": "[pid]",
              "since": "[time]"
            },
            "waitsFor": []
          }
        ]
      }
    }
    "#);
    let _ = waiter.wait().succeeded();
}

#[test]
fn missing_or_wrong_arguments_are_refused() {
    let env = with_hostile();
    insta::assert_snapshot!(env.transcript("
        datastore lock release --all
        datastore lock release --force
        datastore lock release --all --model sink --force
        datastore lock release --model no/name --force
        datastore lock release --model sink --force
        datastore lock release --all --force
    "), @"
    $ sedge datastore lock release --all
    ------- stderr -------
    error: the following required arguments were not provided:
      --force

    Usage: sedge datastore lock release --force <--model <MODEL>|--all>

    For more information, try '--help'.
    [exit status: 2]

    $ sedge datastore lock release --force
    ------- stderr -------
    error: the following required arguments were not provided:
      <--model <MODEL>|--all>

    Usage: sedge datastore lock release --force <--model <MODEL>|--all>

    For more information, try '--help'.
    [exit status: 2]

    $ sedge datastore lock release --all --model sink --force
    ------- stderr -------
    error: the argument '--all' cannot be used with '--model <MODEL>'

    Usage: sedge datastore lock release --force <--model <MODEL>|--all>

    For more information, try '--help'.
    [exit status: 2]

    $ sedge datastore lock release --model no/name --force
    ------- stderr -------
    error: `no/name` is not a model name: it takes 1 to 100 letters, digits, `.`, `-` and `_` of ASCII, beginning with a letter or digit, or it is `@scope/name` (further `/parts` may follow) of at most 64 lower-case letters, digits, `.`, `-` and `_`
    [exit status: 2]

    $ sedge datastore lock release --model sink --force
    ------- stderr -------
    The model `sink` is not locked.

    $ sedge datastore lock release --all --force
    ------- stderr -------
    Nothing is locked.
    ");
}
