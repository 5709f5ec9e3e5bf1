//! Several processes at once: on one model they take turns, on a run only one works.

use sedge_test_kit::{TestEnv, wait_until};
use serde_json::Value;

use crate::fixtures::{A, with_hostile};

#[test]
fn two_processes_on_one_model_take_turns() {
    let env = with_hostile();
    let sleep = "model method run hostile sleep --input ms=300";
    let mut one = env.spawn(sleep.split(' '));
    let mut other = env.spawn(sleep.split(' '));
    while one.is_running() || other.is_running() {
        let runs = env.run_json(["run", "list"]);
        let runs = [&runs["data"][0]["id"], &runs["data"][1]["id"]];
        if let [Some(first), Some(second)] = runs.map(Value::as_str) {
            // The first one is asked twice, so that a change of turns in between is none.
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
fn many_processes_lose_no_write() {
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
    let expect: Vec<u64> = (1..=N_CALLS * N_PROCESSES).collect();
    assert_eq!(numbers, expect, "they are contiguous");
}

#[test]
fn a_run_that_somebody_works_on_cannot_be_resumed() {
    let env = with_hostile();
    let spin = A.replace("modelIdOrName: spawn", "modelIdOrName: hostile");
    env.write_file(
        "workflows/A.yaml",
        spin.replace("methodName: run", "methodName: spin"),
    );
    // It would run for ever, and is killed at the end of the test.
    let running = env.spawn(["workflow", "run", "A"]);
    wait_until("the step's start", || {
        running.stderr_so_far().contains("started.")
    });
    insta::assert_snapshot!(env.run(["workflow", "resume", "A"]), @"
    ------- stderr -------
    error: the workflow `A` has no run that could be resumed
    hint: its newest run [run] is running: another process works on it
    [exit status: 3]
    ");
    insta::assert_snapshot!(env.run(["run", "list"]), @"
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run]  workflow A  running  [time]  tester
    ");
}

/// Returns whether the guest of a run of one method is at work.
fn is_called(env: &TestEnv, run: &str) -> bool {
    env.run_json(["run", "show", run])["data"]["calls"][0]["status"] == "running"
}
