//! Interrupted runs: no partial result is visible, the locks of a killed process are free, and
//! completed steps are not repeated.

use sedge_test_kit::{Child, TestEnv, wait_until};
use serde_json::json;

use crate::fixtures::{A, newest_run, with_counters, with_hostile};

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
    note: this call was cancelled: spawn.run in step `main/spawn`
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
    error: `spin` of `hostile` was interrupted, and its run is cancelled
    note: of hostile.spin, 1 change was rolled back: `mark`
    hint: start it again
    hint: see what the run has done: `sedge run show [run]`
    [exit status: 130]
    ");
    insta::assert_snapshot!(env.transcript("run show\ndata list"), @"
    $ sedge run show
    ------- stdout -------
    run [run] of hostile.spin: cancelled after [took], started [time] by tester
    └─ hostile.spin: cancelled after [took]
       ├─ it was cancelled
       └─ 1 change was rolled back: `mark`

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
        "message": "`spin` of `hostile` was interrupted, and its run is cancelled",
        "causes": [],
        "notes": [
          "of hostile.spin, 1 change was rolled back: `mark`"
        ],
        "help": [
          {
            "kind": "again",
            "purpose": "start it again",
            "arguments": {}
          },
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
          "run": "[run]",
          "model": "hostile",
          "method": "spin",
          "call": {
            "code": "cancelled",
            "message": "it was cancelled"
          },
          "failed": [],
          "failedCount": 0,
          "kept": [],
          "keptCount": 0,
          "rolledBack": [
            {
              "call": "[run]/1",
              "step": null,
              "chain": [
                "hostile.spin"
              ],
              "model": "hostile",
              "method": "spin",
              "error": {
                "code": "cancelled",
                "message": "it was cancelled"
              },
              "rolledBack": {
                "changes": 1,
                "names": [
                  "mark"
                ]
              }
            }
          ],
          "rolledBackCount": 1
        }
      }
    }
    [exit status: 130]
    "#);
}

/// The first SIGTERM stops the steps side by side, and the record of each says so. What a step had
/// published stays, and the resumed run has every effect once.
#[test]
fn terminated_workflow_is_resumed_with_each_effect_once() {
    let env = with_counters_in_steps();
    let running = env.spawn(["workflow", "run", "W"]);
    wait_until("both steps have counted", || {
        n_counts(&env, "two") == 1 && n_counts(&env, "three") == 1
    });
    running.terminate();
    insta::assert_snapshot!(running.wait(), @"
    ------- stderr -------
    Run [run]
    Step main/first: started.
    Step main/second: started.
    error: the run `[run]` of the workflow `W` was interrupted
    note: these calls were cancelled: one.run in step `main/first`, three.run in step `main/second`
    note: of three.run in step `main/second`, 1 version was kept: `count` version 1
    hint: resume it where it stopped: `sedge workflow resume W --run [run]`
    hint: see what the run has done: `sedge run show [run]`
    [exit status: 130]
    ");
    env.setup(&["model method run four add"]);
    let _ = env.run(["workflow", "resume", "W"]).succeeded();
    // `one` calls `two` once. `three` publishes again, because its call has not ended.
    for (model, n) in [("one", 1), ("two", 1), ("three", 3), ("four", 1)] {
        assert_eq!(n_counts(&env, model), n, "{model}");
    }
}

/// The terminal is closed: SIGHUP. With `nohup` the run continues.
#[test]
fn hangup_interrupts_a_workflow_unless_it_is_ignored() {
    let env = with_counters_in_steps();
    let running = env.spawn_with_hangup(["workflow", "run", "W"]);
    wait_until("the steps have begun", || n_counts(&env, "two") == 1);
    running.hang_up();
    assert_eq!(running.wait().code(), Some(130));
    let run = newest_run(&env);
    assert_eq!(
        env.run_json(["run", "show", &run])["data"]["status"],
        "interrupted"
    );
    let running = env.spawn_without_hangup(["workflow", "resume", "W"]);
    wait_until("the run is resumed", || {
        running.stderr_so_far().contains("main/first: started")
    });
    running.hang_up();
    env.setup(&["model method run four add"]);
    let _ = running.wait().succeeded();
    assert_eq!(n_counts(&env, "one"), 1);
}

/// The second signal ends the program at once. A stopped process receives both when it continues, so
/// nothing can be recorded in between.
#[test]
fn second_signal_exits_at_once_and_the_run_is_interrupted() {
    let env = with_counters_in_steps();
    let running = env.spawn(["workflow", "run", "W"]);
    wait_until("the steps have begun", || n_counts(&env, "two") == 1);
    running.interrupt();
    running.terminate();
    assert_eq!(running.wait().code(), Some(130));
    let run = newest_run(&env);
    assert_eq!(
        env.run_json(["run", "show", &run])["data"]["status"],
        "interrupted"
    );
    env.setup(&["model method run four add"]);
    let _ = env.run(["workflow", "resume", "W"]).succeeded();
    assert_eq!((n_counts(&env, "one"), n_counts(&env, "two")), (1, 1));
}

/// The signal comes at any point of a short run, also while its call is committed. The exit code and
/// the record say the same.
#[test]
fn signal_during_a_commit_is_before_or_after_it() {
    let env = with_counters();
    let mut n_succeeded = 0;
    for n in 0..12 {
        let mut running = env.spawn(["model", "method", "run", "one", "add"]);
        wait_until("the run's start", || {
            running.stderr_so_far().contains("Run ") || !running.is_running()
        });
        // Each check takes a little time.
        for _ in 0..n * 4 {
            running.is_running();
        }
        if running.is_running() {
            running.interrupt();
        }
        let output = running.wait();
        let run = env.run_json(["run", "show"])["data"]["status"].clone();
        match output.code() {
            Some(0) => {
                n_succeeded += 1;
                assert_eq!(run, "succeeded");
            }
            Some(130) => assert_eq!(run, "cancelled"),
            _ => panic!("{output}"),
        }
        assert_eq!(n_counts(&env, "one"), n_succeeded);
    }
}

/// The items after the one that is interrupted are not run, also with `--keep-going`.
#[test]
fn interrupted_items_of_stdin_are_not_continued() {
    let env = with_counters();
    let args = "model method run one run --stdin --keep-going";
    let items = [json!(["add"]), json!([{"wait": 3_600_000}]), json!(["add"])];
    let items = items.map(|steps| format!("{}\n", json!({"steps": steps})));
    let running = env.spawn_with_stdin(args.split(' '), items.concat());
    wait_until("the second item", || {
        running.stderr_so_far().contains("Item 2:") && {
            let run = env.run_json(["run", "show"]);
            run["data"]["calls"][0]["status"] == "running"
        }
    });
    running.interrupt();
    let output = running.wait();
    assert_eq!(output.code(), Some(130), "{output}");
    let text = output.to_string();
    assert!(
        text.contains("interrupted: no item after item 2 was run"),
        "{text}"
    );
    assert_eq!(n_counts(&env, "one"), 1);
}

/// Returns a repository whose workflow `W` has two steps side by side. Both end once `four` has
/// counted: the first calls `two` before, and the second publishes.
fn with_counters_in_steps() -> TestEnv {
    let env = with_counters();
    let workflow = "\
name: W
jobs:
  - name: main
    steps:
      - name: first
        task:
          type: model_method
          modelIdOrName: one
          methodName: run
          inputs: {steps: [{call: {model: two, steps: [add]}}, {until: four}, add]}
      - name: second
        task:
          type: model_method
          modelIdOrName: three
          methodName: run
          inputs: {steps: [publish, {until: four}, add]}
";
    env.write_file("workflows/W.yaml", workflow);
    env
}

/// Returns how often a counter has counted.
fn n_counts(env: &TestEnv, model: &str) -> usize {
    let versions = env.run_json(["data", "versions", model, "count"]);
    versions["data"].as_array().map_or(0, Vec::len)
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
