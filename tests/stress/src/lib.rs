//! Many processes at once on a few models: everyone gets through, no version is lost, and
//! numbers have no holes.
//!
//! Four processes at a time make runs that each call one of three models in parallel. 4
//! runs are made by each unless told otherwise:
//!
//! ```text
//! SEDGE_STRESS_RUNS=500 cargo test --release --workspace -- stress
//! ```

#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "how long to go on is told by the environment"
)]

use std::thread;

use sedge_app::Repository;
use sedge_app::data_versions::data_versions;
use sedge_app::run_list::run_list;
use sedge_app::types::RunStatus;
use sedge_test_kit::TestEnv;

/// Processes that run at once.
const N_PROCESSES: usize = 4;

/// Runs that each of them makes, unless told otherwise.
const N_RUNS: usize = 4;

/// Calls that each run makes in parallel.
const N_CALLS: usize = 30;

const SINKS: [&str; 3] = ["sink", "sink-two", "sink-three"];

#[test]
fn stress() {
    let told = std::env::var("SEDGE_STRESS_RUNS").ok();
    let told = told.map(|text| text.parse().expect("SEDGE_STRESS_RUNS is a number"));
    let n_runs = told.unwrap_or(N_RUNS);
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "model create @sedge/sink sink-two",
        "model create @sedge/sink sink-three",
        // Two callers for four processes: these wait for each other too.
        "model create @sedge/spawn spawn-two",
    ]);
    let work = |process: usize| {
        for run in 0..n_runs {
            let caller = ["spawn", "spawn-two"][process % 2];
            let target = format!("target={}", SINKS[(process + run) % SINKS.len()]);
            let count = format!("count={N_CALLS}");
            let inputs = ["-i", &target, "-i", &count, "-i", "parallel=true"];
            let args = ["model", "method", "run", caller, "run"];
            let _ = env.run(args.into_iter().chain(inputs)).succeeded();
        }
    };
    thread::scope(|scope| {
        for process in 0..N_PROCESSES {
            scope.spawn(move || work(process));
        }
    });

    let repository = Repository::open(&env.repository()).expect("a repository");
    let mut n_versions = 0;
    for sink in SINKS {
        let versions = data_versions(&repository, sink, "record").expect("it was called");
        let versions: Vec<u64> = versions.iter().map(|it| it.version).collect();
        let expect: Vec<u64> = (1..=versions.len() as u64).collect();
        assert_eq!(versions, expect, "{sink}");
        n_versions += versions.len();
    }
    assert_eq!(n_versions, N_PROCESSES * n_runs * N_CALLS);
    let runs = run_list(&repository, usize::MAX).expect("a datastore");
    assert_eq!(runs.len(), N_PROCESSES * n_runs);
    assert!(
        runs.iter()
            .all(|(_, status)| *status == RunStatus::Succeeded)
    );
}
