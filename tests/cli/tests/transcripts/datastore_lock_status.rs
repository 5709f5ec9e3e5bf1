//! `sedge datastore lock status`

use sedge_test_kit::{TestEnv, wait_until};

use crate::fixtures::with_hostile;

#[test]
fn empty_list_shows_a_note() {
    let env = with_hostile();
    insta::assert_snapshot!(env.run(["datastore", "lock", "status"]), @"
    ------- stderr -------
    Nothing is locked.
    ");
    insta::assert_snapshot!(env.run(["datastore", "lock", "status", "--json"]), @r#"
    ------- stdout -------
    {
      "data": [],
      "ok": true,
      "count": 0,
      "isCut": false
    }
    "#);
    env.setup(&["model method run sink run"]);
    insta::assert_snapshot!(env.run(["datastore", "lock", "status"]), @"
    ------- stderr -------
    Nothing is locked.
    ");
}

/// One process runs a nested call that never ends; a second process waits for its lock.
#[test]
fn holders_and_waiters_are_shown() {
    let env = with_hostile();
    let spin = "model method run spawn run -i target=hostile -i method=spin";
    let _holder = env.spawn(spin.split(' '));
    wait_until("the call", || n_locks(&env) == 3);
    let _waiter = env.spawn("model method run hostile sleep --input ms=1".split(' '));
    wait_until("the one that waits", || n_locks(&env) == 5);
    insta::assert_snapshot!(env.run(["datastore", "lock", "status"]), @"
    ------- stdout -------
    the datastore
    ├─ IX held by [run]/1 (spawn.run) of tester@[host], process [pid], since [time]
    └─ IX held by [run 2]/1 (hostile.sleep) of tester@[host], process [pid], since [time]
    the model `hostile`
    ├─ X held by [run]/1/1 (spawn.run > hostile.spin) of tester@[host], process [pid], since [time]
    └─ X wanted by [run 2]/1 (hostile.sleep) of tester@[host], process [pid], since [time]
       └─ waits for [run]/1/1
    the model `spawn`
    └─ X held by [run]/1 (spawn.run) of tester@[host], process [pid], since [time]
    ");
    insta::assert_snapshot!(env.run(["datastore", "lock", "status", "--json"]), @r#"
    ------- stdout -------
    {
      "data": [
        {
          "resource": "datastore",
          "model": null,
          "mode": "IX",
          "held": true,
          "since": "[time]",
          "run": "[run]",
          "call": "[run]/1",
          "chain": [
            "spawn.run"
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
          "resource": "datastore",
          "model": null,
          "mode": "IX",
          "held": true,
          "since": "[time]",
          "run": "[run 2]",
          "call": "[run 2]/1",
          "chain": [
            "hostile.sleep"
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
          "call": "[run]/1/1",
          "chain": [
            "spawn.run",
            "hostile.spin"
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
          "held": false,
          "since": "[time]",
          "run": "[run 2]",
          "call": "[run 2]/1",
          "chain": [
            "hostile.sleep"
          ],
          "session": {
            "user": "tester",
            "host": "[host]",
            "pid": "[pid]",
            "since": "[time]"
          },
          "waitsFor": [
            "[run]/1/1"
          ]
        },
        {
          "resource": "model",
          "model": "spawn",
          "mode": "X",
          "held": true,
          "since": "[time]",
          "run": "[run]",
          "call": "[run]/1",
          "chain": [
            "spawn.run"
          ],
          "session": {
            "user": "tester",
            "host": "[host]",
            "pid": "[pid]",
            "since": "[time]"
          },
          "waitsFor": []
        }
      ],
      "ok": true,
      "count": 5,
      "isCut": false
    }
    "#);
}

/// The locks of a killed process do not block other processes, and are not shown.
#[test]
fn killed_process_holds_no_lock() {
    let env = with_hostile();
    let mut holder = env.spawn("model method run hostile spin".split(' '));
    wait_until("the call", || n_locks(&env) == 2);
    holder.kill();
    let _ = holder.wait();
    insta::assert_snapshot!(env.run(["datastore", "lock", "status"]), @"
    ------- stderr -------
    Nothing is locked.
    ");
}

pub(crate) fn n_locks(env: &TestEnv) -> usize {
    let locks = env.run_json(["datastore", "lock", "status"]);
    locks["data"].as_array().map_or(0, Vec::len)
}
