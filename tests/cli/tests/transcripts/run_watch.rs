//! `sedge run watch`

use sedge_test_kit::CommandOutput;

use crate::fixtures::{newest_run, with_hostile, with_suspended, with_workflows};

#[test]
fn run_that_has_ended_is_shown_from_its_beginning() {
    let env = with_workflows();
    env.setup(&["workflow run A"]);
    insta::assert_snapshot!(env.run(["run", "watch"]), @r"
    ------- stderr -------
    Run [run]
    Step main/spawn: started.
    Step main/spawn: succeeded after [took].
    The workflow `A` succeeded.
    hint: `sedge run show [run]` shows its calls
    ");
}

#[test]
fn run_that_waits_has_its_own_exit_code() {
    let env = with_suspended();
    insta::assert_snapshot!(env.run(["run", "watch"]), @r"
    ------- stderr -------
    Run [run]
    Gate main/gate: waits for a decision: Shall the calls be made?
    The workflow `B` is suspended.
    hint: decide the gate with `sedge workflow approve B main/gate --run [run]` (or `reject`)
    hint: then resume the run with `sedge workflow resume B --run [run]`
    [exit status: 4]
    ");
    let document = env.run_json(["run", "watch"]);
    assert_eq!(document["data"]["status"], "suspended");
    assert_eq!(document["data"]["gates"][0], "main/gate");
}

/// The watching process only reads, so it sees what another process does.
#[test]
fn run_of_another_process_is_followed_until_it_ends() {
    let env = with_suspended();
    let run = newest_run(&env);
    env.setup(&["workflow approve B gate"]);
    let resumed = env.spawn(["workflow", "resume", "B"]);
    let ended = resumed.wait();
    assert_eq!(ended.code(), Some(0), "{ended}");
    let watched = env.run(["run", "watch", run.as_str()]);
    assert_eq!(watched.code(), Some(0), "{watched}");
    assert!(
        watched.stderr.contains("Step main/spawn: succeeded"),
        "{watched}"
    );
}

#[test]
fn lines_of_calls_are_shown_with_their_steps() {
    let env = with_hostile();
    let workflow = "\
name: chatty
jobs:
  - name: main
    steps:
      - name: first
        task: {type: model_method, modelIdOrName: hostile, methodName: log, inputs: {lines: 1}}
      - name: second
        dependsOn: [first]
        allowFailure: true
        task: {type: model_method, modelIdOrName: hostile, methodName: trap}
";
    env.write_file("workflows/chatty.yaml", workflow);
    let ran = env.run(["workflow", "run", "chatty"]);
    let watched = env.run(["run", "watch"]);
    assert_eq!(watched.code(), Some(0), "{watched}");
    // The same lines as from the process that worked on the run.
    let lines = |output: &CommandOutput| -> Vec<String> {
        let lines = output.stderr.lines().map(str::to_owned);
        lines.filter(|line| !line.contains(" after ")).collect()
    };
    assert_eq!(lines(&watched), lines(&ran), "{watched}");
    for line in [
        "  main/first hostile.log: line 1",
        "Step main/second: failed (allowed)",
    ] {
        assert!(watched.stderr.contains(line), "{line}: {watched}");
    }
}

#[test]
fn unknown_run_is_refused() {
    let env = with_workflows();
    insta::assert_snapshot!(env.transcript("run watch\nrun watch 0000"), @"
    $ sedge run watch
    ------- stderr -------
    error: there are no runs yet
    hint: run a method: `sedge model method run MODEL METHOD`
    hint: or a workflow: `sedge workflow run NAME`
    [exit status: 3]

    $ sedge run watch 0000
    ------- stderr -------
    error: no run with the id `0000`
    hint: see the runs: `sedge run list`
    [exit status: 3]
    ");
}
