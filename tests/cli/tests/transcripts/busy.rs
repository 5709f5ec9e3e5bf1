//! Several processes at once: they execute calls of one model one after the other, and only one
//! process executes a run.
//!
//! The holder of a lock is stopped for two seconds by default. To change that:
//!
//! ```text
//! SEDGE_STOP_SECONDS=120 cargo test --release --workspace --test transcripts -- stopped
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "a test measures with the clock how long a process is stopped"
)]

use std::time::{Duration, Instant};

use sedge_test_kit::{Child, CommandOutput, TestEnv, number_from_env, wait_for, wait_until};
use serde_json::{Value, json};

use crate::datastore_lock_status::n_locks;
use crate::fixtures::{A, with_counters, with_hostile};

/// The default time for which the holder of a lock is stopped.
const STOP_SECONDS: u64 = 2;

/// The number of attempts to bring two processes into a deadlock.
const TRIES: usize = 20;

#[test]
fn calls_of_one_model_by_two_processes_do_not_overlap() {
    let env = with_hostile();
    let sleep = "model method run hostile sleep --input ms=300";
    let mut one = env.spawn(sleep.split(' '));
    let mut other = env.spawn(sleep.split(' '));
    while one.is_running() || other.is_running() {
        let runs = env.run_json(["run", "list"]);
        let runs = [&runs["data"][0]["id"], &runs["data"][1]["id"]];
        if let [Some(first), Some(second)] = runs.map(Value::as_str) {
            // The first one is checked twice, in case the lock changes hands in between.
            let both = is_called(&env, first) && is_called(&env, second) && is_called(&env, first);
            assert!(!both, "two calls of one model at once");
        }
    }
    let _ = one.wait().succeeded();
    let _ = other.wait().succeeded();
    let versions = env.run_json(["data", "versions", "hostile", "mark"]);
    assert_eq!(versions["data"].as_array().map(Vec::len), Some(2));
}

#[test]
fn writes_of_many_processes_are_all_stored() {
    const N_PROCESSES: u64 = 8;
    const N_CALLS: u64 = 20;
    let env = TestEnv::with_sink_and_spawn();
    let command = format!("model method run spawn run --input count={N_CALLS}");
    let running: Vec<_> = (0..N_PROCESSES)
        .map(|_| env.spawn(command.split(' ')))
        .collect();
    for one in running {
        let _ = one.wait().succeeded();
    }
    let versions = env.run_json(["data", "versions", "sink", "record"]);
    let versions = versions["data"].as_array().into_iter().flatten();
    let numbers: Vec<u64> = versions.filter_map(|it| it["version"].as_u64()).collect();
    let expect: Vec<u64> = (1..=N_CALLS * N_PROCESSES).rev().collect();
    assert_eq!(numbers, expect, "they are contiguous");
}

#[test]
fn running_run_cannot_be_resumed() {
    let env = with_hostile();
    let spin = A.replace("modelIdOrName: spawn", "modelIdOrName: hostile");
    env.write_file(
        "workflows/A.yaml",
        spin.replace("methodName: run", "methodName: spin"),
    );
    // It would run forever; the end of the test kills it.
    let running = env.spawn(["workflow", "run", "A"]);
    wait_until("the step's start", || {
        running.stderr_so_far().contains("started.")
    });
    insta::assert_snapshot!(env.run(["workflow", "resume", "A"]), @"
    ------- stderr -------
    error: the workflow `A` has no run that could be resumed
    hint: its newest run `[run]` is running: another process works on it
    hint: see the run: `sedge run show [run]`
    [exit status: 3]
    ");
    insta::assert_snapshot!(env.run(["run", "list"]), @"
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run]  workflow A  running  [time]  tester
    ");
}

/// Returns whether the call of a run of one method is running.
fn is_called(env: &TestEnv, run: &str) -> bool {
    env.run_json(["run", "show", run])["data"]["calls"][0]["status"] == "running"
}

/// Starts a process in which a counter executes `steps`.
fn count<'a>(env: &'a TestEnv, model: &str, steps: &Value) -> Child<'a> {
    let steps = json!({ "steps": steps }).to_string();
    env.spawn([
        "model",
        "method",
        "run",
        model,
        "run",
        "--inputs-json",
        &steps,
    ])
}

/// Runs two processes that lock `one` and `two`, execute `first`, and then request each other's
/// lock. Repeats this until `met` accepts the outputs.
fn crossed(
    env: &TestEnv,
    first: [&Value; 2],
    met: impl Fn(&[CommandOutput; 2]) -> bool,
) -> [CommandOutput; 2] {
    for nth in 1..=TRIES {
        let wait_ms = 150 * nth;
        let [one, two] = [(0, "one", "two"), (1, "two", "one")].map(|(at, own, other)| {
            let add = json!({"call": {"model": other, "steps": ["add"]}});
            count(env, own, &json!([first[at], {"wait": wait_ms}, add, "add"]))
        });
        let outputs = [one.wait(), two.wait()];
        if met(&outputs) {
            return outputs;
        }
    }
    panic!("two processes had no deadlock in {TRIES} tries")
}

#[test]
fn deadlocked_call_is_retried_and_both_processes_succeed() {
    let env = with_counters();
    let nothing = json!({"wait": 0});
    let is_retried = |it: &CommandOutput| it.stderr.contains("retried");
    let outputs = crossed(&env, [&nothing; 2], |outputs| {
        outputs.iter().any(is_retried)
    });
    let [one, two] = outputs.map(CommandOutput::succeeded);
    assert!(is_retried(&one) != is_retried(&two), "one of them, once");
    let (own, other) = if is_retried(&one) {
        ("one", "two")
    } else {
        ("two", "one")
    };
    let retried = if is_retried(&one) { one } else { two };
    let report = retried.stderr.lines().find(|line| line.contains("retried"));
    let report = report.expect("it was reported").to_owned();
    for part in [
        "/1: rolled back and retried: run ".to_owned(),
        format!(" > {own}.run > {other}.run would wait for run "),
        format!(" > {other}.run > {own}.run, which waits for it."),
    ] {
        assert!(report.contains(&part), "{report}");
    }
    for model in ["one", "two"] {
        let n = env.run_json(["data", "get", model, "count"]);
        let (version, n) = (&n["data"]["version"], &n["data"]["content"]["n"]);
        assert_eq!(version, n, "no count was lost, and none was written twice");
    }
}

#[test]
fn deadlocked_call_with_visible_side_effects_fails() {
    let env = with_counters();
    let seen = json!("publish");
    let is_over = |it: &CommandOutput| it.code() == Some(75);
    let outputs = crossed(&env, [&seen; 2], |outputs| outputs.iter().any(is_over));
    let [one, two] = &outputs;
    assert!(
        is_over(one) != is_over(two),
        "only one of them fails:\n{one}\n{two}"
    );
    let failed = if is_over(one) { one } else { two };
    let (own, other) = if is_over(one) {
        ("one", "two")
    } else {
        ("two", "one")
    };
    for part in [
        format!("error: `run` of `{own}` failed"),
        format!(" > {own}.run > {other}.run and run "),
        format!(" > {other}.run > {own}.run wait for each other (plugin/deadlock)"),
        format!("note: {own}.run called {other}.run, which could not begin: deadlock: run "),
        "hint: try again: the other call can continue now".to_owned(),
    ] {
        assert!(failed.stderr.contains(&part), "{failed}");
    }
}

#[test]
fn updates_of_two_processes_are_all_stored() {
    let env = with_counters();
    let calls = vec![json!({"model": "two", "steps": ["add"]}); 50];
    let together = json!([{ "together": calls }]);
    let calls = vec![json!({"call": {"model": "two", "steps": ["add"]}}); 50];
    let one_by_one = Value::from(calls);
    let running = [
        count(&env, "one", &together),
        count(&env, "three", &one_by_one),
    ];
    for one in running {
        let _ = one.wait().succeeded();
    }
    let count = env.run_json(["data", "get", "two", "count"]);
    assert_eq!(count["data"]["content"]["n"], 100);
    assert_eq!(count["data"]["version"], 100);
}

/// It is shown after a second, once, and not with `--json`.
#[test]
fn waiter_is_shown_the_holder() {
    let env = with_counters();
    let holder = count(&env, "one", &json!([{"until": "two"}]));
    wait_until("the holder", || n_locks(&env) == 2);
    let waiter = env.spawn(["model", "method", "run", "one", "add"]);
    wait_until("the waiter", || n_locks(&env) == 4);
    let silent = env.spawn(["model", "method", "run", "one", "add", "--json"]);
    wait_until("the silent waiter", || n_locks(&env) == 6);
    wait_until("the message", || waiter.stderr_so_far().contains("Waiting"));
    env.setup(&["model method run two add"]);
    insta::assert_snapshot!(waiter.wait(), @"
    ------- stdout -------
    1
    ------- stderr -------
    Run [run 2]
    Waiting for the model `one`, which is locked by [run]/1 (one.run) of tester@[host], process [pid]
    Succeeded after [took], wrote `count` version 1.
    ");
    let _ = holder.wait().succeeded();
    let silent = silent.wait();
    assert_eq!((silent.code(), silent.stderr.as_str()), (Some(0), ""));
}

#[test]
fn lock_timeout_names_the_holder() {
    let env = with_counters();
    let mut holder = count(&env, "one", &json!([{"wait": 60_000}]));
    wait_until("the holder", || n_locks(&env) == 2);
    insta::assert_snapshot!(env.transcript("
        model method run one add --lock-timeout 0.1
        model method run one add --lock-timeout 0.1 --json
        model method run one add --lock-timeout soon
    "), @r#"
    $ sedge model method run one add --lock-timeout 0.1
    ------- stderr -------
    Run [run 2]
    error: `add` of `one` failed
    caused by: the model `one` was locked by others for [took]: [run]/1 (one.run) of tester@[host], process [pid]
    hint: try again when the lock is free
    hint: see what is locked, and by which calls: `sedge datastore lock status`
    [exit status: 75]

    $ sedge model method run one add --lock-timeout 0.1 --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "lock_timeout",
        "class": "temporary",
        "message": "`add` of `one` failed",
        "causes": [
          "the model `one` was locked by others for [took]: [run]/1 (one.run) of tester@[host], process [pid]"
        ],
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
        ],
        "details": {
          "run": "[run 3]",
          "model": "one",
          "method": "add",
          "call": {
            "code": "lock-timeout",
            "message": "the model `one` was locked by others for [took]: [run]/1 (one.run) of tester@[host], process [pid]",
            "holders": [
              "[run]/1 (one.run) of tester@[host], process [pid]"
            ],
            "waitedMs": "[ms]"
          },
          "failed": [],
          "failedCount": 0,
          "kept": [],
          "keptCount": 0,
          "rolledBack": [],
          "rolledBackCount": 0
        }
      }
    }
    [exit status: 75]

    $ sedge model method run one add --lock-timeout soon
    ------- stderr -------
    error: invalid value 'soon' for '--lock-timeout <SECONDS>': it is not a number of seconds, such as 60 or 0.5

    For more information, try '--help'.
    [exit status: 2]
    "#);
    env.write_file("sedge.yaml", "version: 1\nlockTimeoutSeconds: 1\n");
    let output = env.run(["model", "method", "run", "one", "add"]);
    assert_eq!(output.code(), Some(75), "{output}");
    holder.kill();
    let _ = env
        .run(["model", "method", "run", "one", "add"])
        .succeeded();
}

/// No other process takes its lock, and the status shows the holder.
#[test]
fn stopped_process_keeps_its_lock() {
    let stop = Duration::from_secs(number_from_env("SEDGE_STOP_SECONDS", STOP_SECONDS));
    let env = with_counters();
    let holder = count(&env, "one", &json!(["add", {"until": "two"}, "add"]));
    wait_until("the holder", || n_locks(&env) == 2);
    holder.stop();
    let since = Instant::now();
    let pid = json!(holder.id());
    let mut waiter = env.spawn([
        "model",
        "method",
        "run",
        "one",
        "add",
        "--lock-timeout",
        "600",
    ]);
    let held_since = wait_for("the waiter", || lock_held_since(&env, &pid));
    while since.elapsed() < stop {
        assert!(waiter.is_running());
        assert_eq!(lock_held_since(&env, &pid), Some(held_since.clone()));
    }
    insta::assert_snapshot!(env.run(["datastore", "lock", "status"]), @"
    ------- stdout -------
    the datastore
    ├─ IX held by [run]/1 (one.run) of tester@[host], process [pid], since [time]
    └─ IX held by [run 2]/1 (one.add) of tester@[host], process [pid], since [time]
    the model `one`
    ├─ X held by [run]/1 (one.run) of tester@[host], process [pid], since [time]
    └─ X wanted by [run 2]/1 (one.add) of tester@[host], process [pid], since [time]
       └─ waits for [run]/1
    ");
    holder.resume();
    env.setup(&["model method run two add"]);
    let _ = holder.wait().succeeded();
    let _ = waiter.wait().succeeded();
    let count = env.run_json(["data", "get", "one", "count"]);
    assert_eq!(count["data"]["content"]["n"], 3);
}

/// Returns since when a process has held the lock of `one`, if another process waits for it.
fn lock_held_since(env: &TestEnv, pid: &Value) -> Option<Value> {
    let locks = env.run_json(["datastore", "lock", "status"]);
    let of_one = locks["data"]
        .as_array()?
        .iter()
        .filter(|it| it["model"] == "one");
    let (held, waits): (Vec<_>, Vec<_>) = of_one.partition(|it| it["held"] == true);
    assert!(
        held.iter().all(|it| it["session"]["pid"] == *pid),
        "{locks}"
    );
    waits.first()?;
    Some(held.first()?["since"].clone())
}
