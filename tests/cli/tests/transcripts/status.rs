//! `sedge status`

use sedge_test_kit::TestEnv;

use crate::fixtures::with_suspended;

#[test]
fn open_gates_failures_and_missing_grants_are_shown() {
    let env = with_suspended();
    env.setup(&["model create @sedge/spawn other"]);
    run_fails(&env, "other");
    env.setup(&["plugin add $GUESTS/spawn.wasm --grant none"]);
    insta::assert_snapshot!(shown(&env), @"
    ------- stdout -------
    Waiting for a decision:
    WORKFLOW  GATE       RUN           SINCE                 PROMPT
    B         main/gate  [run]         [time]                Shall the calls be made?

    Failed:
    RUN           OF         STATUS  STARTED
    [run 2]       other.run  failed  [time]

    Requested and not granted:
    MODEL  REQUEST
    other  call and read every model
    spawn  call and read every model
    ------- stderr -------
    1 version and 2 runs on record; [size] on disk.
    hint: decide a gate: `sedge workflow approve B main/gate --run [run]`
    hint: see how far a run got: `sedge run show [run 2]`
    hint: see what a model may do: `sedge model permissions other`
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
    gate["digest"] = "[sha256]".into();
    let failed = document["data"]["failed"][0]
        .as_object_mut()
        .expect("a run has failed");
    for (key, mark) in [
        ("id", "[run]"),
        ("startedBy", "tester"),
        ("startedAt", "[time]"),
        ("endedAt", "[time]"),
        ("durationMs", "[ms]"),
    ] {
        assert!(failed.insert(key.to_owned(), mark.into()).is_some());
    }
    insta::assert_snapshot!(format!("{document:#}"), @r#"
    {
      "ok": true,
      "data": {
        "gates": [
          {
            "workflow": "B",
            "gate": "main/gate",
            "run": "[run]",
            "parent": null,
            "since": "[time]",
            "prompt": "Shall the calls be made?",
            "deadline": null,
            "digest": "[sha256]",
            "inputs": null,
            "failedSteps": []
          }
        ],
        "running": [],
        "interrupted": [],
        "failed": [
          {
            "id": "[run]",
            "kind": "method",
            "subject": "other",
            "method": "run",
            "exclusive": false,
            "status": "failed",
            "startedBy": "tester",
            "startedAt": "[time]",
            "endedAt": "[time]",
            "durationMs": "[ms]",
            "parent": null,
            "canOnlyFail": false
          }
        ],
        "missingComponents": [],
        "notGranted": [
          {
            "model": "other",
            "request": {
              "permission": {
                "kind": "models",
                "model": "*"
              },
              "reason": "to call the model that its arguments name"
            }
          },
          {
            "model": "spawn",
            "request": {
              "permission": {
                "kind": "models",
                "model": "*"
              },
              "reason": "to call the model that its arguments name"
            }
          }
        ],
        "faultyFiles": [],
        "secretsClosed": null,
        "disk": {
          "databaseBytes": "[bytes]",
          "logBytes": "[bytes]",
          "fileBytes": 0,
          "versions": 1,
          "runs": 2
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
    // A run that succeeded needs no attention either.
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
    hint: see each problem: `sedge doctor`
    ");
}

/// A run that failed and was repeated with success needs no attention.
#[test]
fn repeated_run_hides_the_failed_one() {
    let env = TestEnv::with_sink_and_spawn();
    run_fails(&env, "spawn");
    insta::assert_snapshot!(shown(&env), @"
    ------- stdout -------
    Failed:
    RUN           OF         STATUS  STARTED
    [run]         spawn.run  failed  [time]
    ------- stderr -------
    1 version and 1 run on record; [size] on disk.
    hint: see how far a run got: `sedge run show [run]`
    ");
    env.setup(&["model method run spawn run"]);
    insta::assert_snapshot!(shown(&env), @"
    ------- stderr -------
    Nothing needs attention.
    3 versions and 2 runs on record; [size] on disk.
    ");
}

/// Runs a model of `@sedge/spawn` on a model that does not exist. The run keeps its record.
fn run_fails(env: &TestEnv, model: &str) {
    let line = format!("model method run {model} run --input target=none");
    let failed = env.run(line.split(' '));
    assert_eq!(failed.code(), Some(1), "{failed}");
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
