//! A nested call is not a process. In the program that Sedge is modelled on, the resumed step
//! started the program again for each nested call. The new process waited forever for a lock of its
//! own grandparent. In Sedge, a nested call never waits for its ancestors.

use sedge_test_kit::{Process, TestEnv, processes, sedge, wait_until};

use crate::fixtures::b;

#[test]
fn resumed_step_with_nested_calls_is_one_process() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("workflows/B.yaml", b(2000));
    env.setup(&["workflow run B", "workflow approve B gate"]);

    let mut resumed = env.spawn(["workflow", "resume", "B"]);
    wait_until("the step's start", || {
        resumed
            .stderr_so_far()
            .contains("Step main/spawn: started.")
    });
    let mut n_samples = 0;
    while resumed.is_running() {
        let found = others(&env, resumed.id());
        assert_eq!(found, [], "beside process {}", resumed.id());
        if !resumed.stderr_so_far().contains("succeeded") {
            n_samples += 1;
        }
    }
    let _ = resumed.wait().succeeded();

    assert!(n_samples > 0, "the step ended before the first sample");
    let versions = env.run_json(["data", "versions", "sink", "record"]);
    assert_eq!(versions["data"].as_array().map(Vec::len), Some(2000));
}

/// Returns the processes that `id` has started, and all other processes that run the program in the
/// same folder.
fn others(env: &TestEnv, id: u32) -> Vec<Process> {
    let is_other = |process: &Process| {
        let is_here = process.folder.as_deref() == Some(&env.repository());
        let is_sedge = process.program.as_deref() == Some(sedge());
        process.id != id && (process.parent == id || (is_here && is_sedge))
    };
    processes().into_iter().filter(is_other).collect()
}
