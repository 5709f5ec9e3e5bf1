//! Interrupted runs: no partial result is visible, the locks of a killed process are free, and
//! completed steps are not repeated.

use sedge_test_kit::{Child, TestEnv, wait_until};

use crate::fixtures::{A, newest_run, with_hostile};

/// The number of calls of the step, which is large enough to interrupt it in between.
const N_CALLS: usize = 2000;

#[test]
fn killed_run_is_resumed_without_repeating_calls() {
    let env = with_long_step();
    let mut running = start(&env, N_CALLS / 20);
    running.kill();
    assert_eq!(running.wait().code(), None, "it was killed");
    let n_before = n_versions(&env);
    assert!(n_before < N_CALLS, "it was killed too late");
    insta::assert_snapshot!(env.run(["run", "list"]), @"
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run]  workflow A  interrupted  [time]  tester
    ");
    insta::assert_snapshot!(status_text(&env), @r#"run "interrupted", step "interrupted", call "interrupted""#);

    insta::assert_snapshot!(env.run(["workflow", "resume", "A"]), @"
    ------- stderr -------
    Run [run]
    Step main/spawn: started.
    Step main/spawn: succeeded after [took].
    The workflow `A` succeeded.
    hint: `sedge run show [run]` shows its calls
    ");
    assert_eq!(n_versions(&env), N_CALLS);
    let content = env.run_json(["data", "get", "spawn", "calls"])["data"]["content"].clone();
    let outcomes = content["calls"].as_array().into_iter().flatten();
    assert_eq!(
        outcomes.filter(|call| call["outcome"] == "ok").count(),
        N_CALLS
    );
    insta::assert_snapshot!(env.run(["run", "list"]), @"
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run]  workflow A  succeeded  [time]  [took]  tester
    ");
}

#[test]
fn run_killed_twice_is_resumed() {
    let env = with_long_step();
    let mut running = start(&env, N_CALLS / 20);
    running.kill();
    drop(running);
    let n_before = n_versions(&env);
    let mut resumed = env.spawn(["workflow", "resume", "A"]);
    wait_until("more calls", || n_versions(&env) > n_before + N_CALLS / 20);
    resumed.kill();
    drop(resumed);
    let _ = env.run(["workflow", "resume", "A"]).succeeded();
    assert_eq!(n_versions(&env), N_CALLS);
}

#[test]
fn workflow_interrupted_by_the_user_is_resumed() {
    let env = with_long_step();
    let running = start(&env, N_CALLS / 20);
    running.interrupt();
    insta::assert_snapshot!(running.wait(), @"
    ------- stderr -------
    Run [run]
    Step main/spawn: started.
    error: the run `[run]` of the workflow `A` was interrupted
    hint: resume it where it stopped: `sedge workflow resume A --run [run]`
    hint: see what the run has done: `sedge run show [run]`
    [exit status: 130]
    ");
    assert!(n_versions(&env) < N_CALLS, "it was interrupted too late");
    insta::assert_snapshot!(status_text(&env), @r#"run "interrupted", step "interrupted", call "cancelled""#);
    let _ = env.run(["workflow", "resume", "A"]).succeeded();
    assert_eq!(n_versions(&env), N_CALLS);
}

#[test]
fn method_interrupted_by_the_user_is_cancelled() {
    let env = with_hostile();
    let running = env.spawn(["model", "method", "run", "hostile", "spin"]);
    wait_until("the run's start", || {
        running.stderr_so_far().contains("Run ")
    });
    wait_until("the call's start", || {
        let run = env.run_json(["run", "show"]);
        run["data"]["calls"][0]["status"] == "running"
    });
    running.interrupt();
    insta::assert_snapshot!(running.wait(), @"
    ------- stderr -------
    Run [run]
    error: the run `[run]` was interrupted
    hint: see what the run has done: `sedge run show [run]`
    [exit status: 130]
    ");
    insta::assert_snapshot!(env.transcript("run show\ndata list"), @"
    $ sedge run show
    ------- stdout -------
    run [run] of hostile.spin: cancelled after [took], started [time] by tester
    └─ hostile.spin: cancelled after [took]
       └─ it was cancelled

    $ sedge data list
    ------- stderr -------
    No data yet; methods write it: `sedge model method run MODEL METHOD`.
    ");
    // Its lock is free.
    let _ = env
        .run("model method run hostile log --input lines=1".split(' '))
        .succeeded();
}

#[test]
fn interruption_is_reported_as_json() {
    let env = with_hostile();
    let running = env.spawn(["model", "method", "run", "hostile", "spin", "--json"]);
    wait_until("the call's start", || {
        let run = env.run_json(["run", "show"]);
        run["data"]["calls"][0]["status"] == "running"
    });
    running.interrupt();
    insta::assert_snapshot!(running.wait(), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "interrupted",
        "class": "interrupted",
        "message": "the run `[run]` was interrupted",
        "causes": [],
        "help": [
          {
            "kind": "command",
            "purpose": "see what the run has done",
            "useCase": "run_show",
            "arguments": {
              "run": "[run]"
            }
          }
        ],
        "details": {
          "run": "[run]"
        }
      }
    }
    [exit status: 130]
    "#);
}

/// Returns a repository whose workflow `A` has one step of many calls.
fn with_long_step() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file(
        "workflows/A.yaml",
        format!("{A}          inputs: {{count: {N_CALLS}}}\n"),
    );
    env
}

/// Starts the workflow `A`, and waits until its step has made `n_calls` calls.
fn start(env: &TestEnv, n_calls: usize) -> Child<'_> {
    let running = env.spawn(["workflow", "run", "A"]);
    wait_until("the first calls", || n_versions(env) >= n_calls);
    running
}

/// Returns how often `sink` has written; each of its calls writes once.
fn n_versions(env: &TestEnv) -> usize {
    let versions = env.run_json(["data", "versions", "sink", "record"]);
    versions["data"].as_array().map_or(0, Vec::len)
}

/// Returns the status of the newest run, of its step, and of the step's call.
fn status_text(env: &TestEnv) -> String {
    let run = env.run_json(["run", "show", &newest_run(env)])["data"].clone();
    let (step, call) = (&run["steps"][0], &run["calls"][0]);
    format!(
        "run {}, step {}, call {}",
        run["status"], step["status"], call["status"]
    )
}
