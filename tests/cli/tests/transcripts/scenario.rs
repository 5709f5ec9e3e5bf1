//! The purpose of the project, from an empty folder to a resumed workflow: the resumed step calls
//! another model through the host, without a new process and without a deadlock.

use sedge_test_kit::TestEnv;

use crate::fixtures::{A, b};

/// Two plugins, two models, a method, a workflow, and a workflow that waits at a gate.
pub(crate) const COMMANDS: &str = "
    init
    plugin add $GUESTS/sink.wasm
    plugin add $GUESTS/spawn.wasm --grant-all
    model create @sedge/sink sink
    model create @sedge/spawn spawn
    model method run sink run
    data get sink record
    data versions sink record
    workflow run A
    workflow run B
    workflow approvals
    workflow resume B
    workflow approve B gate
    workflow resume B
    run show
    workflow run B
    workflow reject B gate
    workflow resume B
    run list
";

#[test]
fn scenario_as_text() {
    let env = with_workflow_files();
    insta::assert_snapshot!(env.transcript(COMMANDS), @r#"
    $ sedge init
    ------- stderr -------
    Created a repository in $ENV/repo
    hint: `sedge plugin add @sedge/sink` adds a plugin, which provides a model type

    $ sedge plugin add $GUESTS/sink.wasm
    ------- stderr -------
    Added @sedge/sink 2026.11.23.1
    hint: `sedge model create @sedge/sink NAME` creates a model of it

    $ sedge plugin add $GUESTS/spawn.wasm --grant-all
    ------- stderr -------
    Added @sedge/spawn 2026.11.23.1
    It may call and read every model: to call the model that its arguments name
    hint: `sedge model create @sedge/spawn NAME` creates a model of it

    $ sedge model create @sedge/sink sink
    ------- stderr -------
    Created the model sink in models/sink.yaml
    hint: `sedge plugin describe @sedge/sink` shows its methods

    $ sedge model create @sedge/spawn spawn
    ------- stderr -------
    Created the model spawn in models/spawn.yaml
    spawn may call and read models: * (as may every @sedge/spawn)
    hint: `sedge plugin describe @sedge/spawn` shows its methods

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

    $ sedge data get sink record
    ------- stdout -------
    {
      "note": null,
      "run": "[run]",
      "call": "[run]/1"
    }

    $ sedge data versions sink record
    ------- stdout -------
    VERSION  KIND      SIZE  WRITTEN               BY CALL
    1        resource  58 B  [time]                [run]/1

    $ sedge workflow run A
    ------- stderr -------
    Run [run 2]
    Step main/spawn: started.
    Step main/spawn: succeeded after [took].
    The workflow `A` succeeded.
    hint: `sedge run show [run 2]` shows its calls

    $ sedge workflow run B
    ------- stderr -------
    Run [run 3]
    Gate main/gate: waits for a decision: Shall the calls be made?
    The workflow `B` is suspended.
    hint: decide the gate with `sedge workflow approve B main/gate --run [run 3]` (or `reject`)
    hint: then resume the run with `sedge workflow resume B --run [run 3]`
    [exit status: 4]

    $ sedge workflow approvals
    ------- stdout -------
    main/gate of the workflow B, run [run 3], waits since [time]
      prompt: Shall the calls be made?
      digest: [sha256]
      hint: `sedge workflow approve B main/gate --run [run 3]` (or `reject`)

    $ sedge workflow resume B
    ------- stderr -------
    error: the run `[run 3]` of `B` waits for a decision
    hint: approve it: `sedge workflow approve B main/gate --run [run 3]`
    hint: or reject it: `sedge workflow reject B main/gate --run [run 3]`
    [exit status: 3]

    $ sedge workflow approve B gate
    ------- stderr -------
    The gate `main/gate` of run [run 3] is approved.
    hint: resume the run with `sedge workflow resume B --run [run 3]`

    $ sedge workflow resume B
    ------- stderr -------
    Run [run 3]
    Step main/spawn: started.
    Step main/spawn: succeeded after [took].
    The workflow `B` succeeded.
    hint: `sedge run show [run 3]` shows its calls

    $ sedge run show
    ------- stdout -------
    run [run 3] of workflow B: succeeded after [took], started [time] by tester
    worked on for [took], waited at gates for [took]
    ├─ step main/gate: approved after [took], by tester
    │  └─ prompt: Shall the calls be made?
    └─ step main/spawn: succeeded after [took]
       └─ spawn.run: succeeded after [took], wrote `calls` version 2
          ├─ sink.run: succeeded after [took], wrote `record` version 3
          └─ sink.run: succeeded after [took], wrote `record` version 4

    $ sedge workflow run B
    ------- stderr -------
    Run [run 4]
    Gate main/gate: waits for a decision: Shall the calls be made?
    The workflow `B` is suspended.
    hint: decide the gate with `sedge workflow approve B main/gate --run [run 4]` (or `reject`)
    hint: then resume the run with `sedge workflow resume B --run [run 4]`
    [exit status: 4]

    $ sedge workflow reject B gate
    ------- stderr -------
    The gate `main/gate` of run [run 4] is rejected.
    The run has failed.

    $ sedge workflow resume B
    ------- stderr -------
    error: the workflow `B` has no run that could be resumed
    hint: its newest run `[run 4]` has failed
    hint: begin it again from a step: `sedge workflow resume B --from JOB/STEP --run [run 4]`
    hint: or start another: `sedge workflow run B`
    [exit status: 3]

    $ sedge run list
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run 4]  workflow B  failed  [time]  [took]  tester
    [run 3]  workflow B  succeeded  [time]  [took]  tester
    [run 2]  workflow A  succeeded  [time]  [took]  tester
    [run]  sink.run  succeeded  [time]  [took]  tester
    "#);
}

#[test]
fn each_nested_call_is_recorded() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("workflows/B.yaml", b(5));
    env.setup(&[
        "workflow run B",
        "workflow approve B gate",
        "workflow resume B",
    ]);
    let content = env.run_json(["data", "get", "spawn", "calls"])["data"]["content"].clone();
    let calls = content["calls"].as_array().expect("it is a list");
    assert_eq!(calls.len(), 5);
    for call in calls {
        assert_eq!(call["outcome"], "ok", "{content}");
        assert!(call["elapsed_ms"].as_f64() >= Some(0.0), "{content}");
    }
}

/// Returns a folder that has the workflows `A` and `B`, and is not a repository yet.
pub(crate) fn with_workflow_files() -> TestEnv {
    let env = TestEnv::default();
    env.write_file("workflows/A.yaml", A);
    env.write_file("workflows/B.yaml", b(2));
    env
}
