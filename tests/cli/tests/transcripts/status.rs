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
    insta::assert_snapshot!(env.run(["status"]), @"");
    insta::assert_snapshot!(env.run(["status", "--json"]), @"");
}

#[test]
fn new_repository_needs_no_attention() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.run(["status"]), @"");
    // Not even a failed run that succeeded later.
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model method run sink run"]);
    insta::assert_snapshot!(env.run(["status"]), @"");
}

#[test]
fn missing_component_and_faulty_file_are_shown() {
    let env = TestEnv::with_sink_and_spawn();
    env.remove(".sedge/plugins");
    env.write_file("workflows/w.yaml", "name: w\njobs: {}\n");
    insta::assert_snapshot!(env.run(["status"]), @"");
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
    insta::assert_snapshot!(env.run(["status"]), @"");
}
