//! `sedge status`

use sedge_test_kit::TestEnv;

use crate::fixtures::with_suspended;

#[test]
fn what_waits_failed_and_is_not_granted_is_shown() {
    let env = with_suspended();
    env.setup(&["model create @sedge/spawn other"]);
    let failed = env.run([
        "model",
        "method",
        "run",
        "other",
        "run",
        "--input",
        "model=none",
    ]);
    assert_ne!(failed.code(), Some(0), "{failed}");
    insta::assert_snapshot!(shown(&env), @"
    ------- stdout -------
    Waiting for a decision:
    WORKFLOW  GATE       RUN           SINCE                 PROMPT
    B         main/gate  [run]         [time]                Shall the calls be made?
    ------- stderr -------
    0 versions and 1 run on record; [size] on disk.
    hint: decide a gate: `sedge workflow approve B main/gate`
    ");
    let mut document = env.run_json(["status"]);
    let disk = document["data"]["disk"]
        .as_object_mut()
        .expect("it is a part");
    for size in ["databaseBytes", "logBytes"] {
        assert!(disk.insert(size.to_owned(), "[bytes]".into()).is_some());
    }
    let gate = &mut document["data"]["gates"][0];
    assert!(
        gate["since"].is_string() && gate["run"].is_string(),
        "{gate}"
    );
    gate["since"] = "[time]".into();
    gate["run"] = "[run]".into();
    insta::assert_snapshot!(format!("{document:#}"), @r#"
    {
      "ok": true,
      "data": {
        "gates": [
          {
            "workflow": "B",
            "gate": "main/gate",
            "run": "[run]",
            "since": "[time]",
            "prompt": "Shall the calls be made?"
          }
        ],
        "running": [],
        "interrupted": [],
        "failed": [],
        "missingComponents": [],
        "notGranted": [],
        "faultyFiles": [],
        "disk": {
          "databaseBytes": "[bytes]",
          "logBytes": "[bytes]",
          "fileBytes": 0,
          "versions": 0,
          "runs": 1
        }
      }
    }
    "#);
}

#[test]
fn new_repository_needs_no_attention() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(shown(&env), @"
    ------- stderr -------
    Nothing needs attention.
    0 versions and 0 runs on record; [size] on disk.
    ");
    // Not even a failed run that succeeded later.
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model method run sink run"]);
    insta::assert_snapshot!(shown(&env), @"
    ------- stderr -------
    Nothing needs attention.
    1 version and 1 run on record; [size] on disk.
    ");
}

#[test]
fn missing_component_and_faulty_file_are_shown() {
    let env = TestEnv::with_sink_and_spawn();
    env.remove(".sedge/plugins");
    env.write_file("workflows/w.yaml", "name: w\njobs: {}\n");
    insta::assert_snapshot!(shown(&env), @"
    ------- stdout -------
    Components that are not on this machine:
    TYPE          VERSION       SOURCE
    @sedge/sink   2026.11.23.1  $GUESTS/sink.wasm
    @sedge/spawn  2026.11.23.1  $GUESTS/spawn.wasm

    Files that cannot be used:
    FILE
    workflows/w.yaml
    ------- stderr -------
    0 versions and 0 runs on record; [size] on disk.
    hint: find the components: `sedge plugin restore`
    hint: see each fault: `sedge doctor`
    ");
}

/// A run that failed and was repeated with success needs no attention.
#[test]
fn repeated_run_hides_the_failed_one() {
    let env = TestEnv::with_sink_and_spawn();
    let failed = env.run([
        "model",
        "method",
        "run",
        "spawn",
        "run",
        "--input",
        "model=none",
    ]);
    assert_ne!(failed.code(), Some(0), "{failed}");
    env.setup(&["model method run spawn run"]);
    insta::assert_snapshot!(shown(&env), @"
    ------- stderr -------
    Nothing needs attention.
    2 versions and 1 run on record; [size] on disk.
    ");
}

/// Returns what the command shows, without the size on the disk, which depends on the time.
fn shown(env: &TestEnv) -> String {
    let shown = env.run(["status"]).to_string();
    let lines = shown.lines().map(|line| match line.split_once("; ") {
        Some((counts, size)) if size.ends_with(" on disk.") => format!("{counts}; [size] on disk."),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}
