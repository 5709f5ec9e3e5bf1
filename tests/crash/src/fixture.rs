//! Shared code: where to kill a process, and what must hold afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;

use sedge_api::view::call::{CallStatusView, CallView};
use sedge_api::view::data::DataVersionView;
use sedge_api::view::run::RunReport;
use sedge_app::actor::actor;
use sedge_app::data::versions::data_versions;
use sedge_app::run::list::{RunListRequest, run_list};
use sedge_app::run::show::run_show;
use sedge_app::types::Scan;
use sedge_app::{AppError, Cx, DataUseError, Repository};
use sedge_test_kit::{Child, Dice, TestEnv, number_from_env, seed, wait_until};

/// The default for the number of processes that all tests together kill.
const N_ROUNDS: u64 = 40;

/// The most steps that a process may run after it has written the chosen number of versions. A step
/// is a system call of this process, so the kill follows within about two milliseconds, at any
/// point of the other process's work.
const N_STEPS_ON_MAX: u64 = 4000;

/// Returns the number of rounds of a test, which is `share` quarters of all rounds.
pub(crate) fn n_rounds(share: u64) -> u64 {
    number_from_env("SEDGE_CRASH_ROUNDS", N_ROUNDS) * share / 4
}

/// Returns dice with a seed that is printed.
pub(crate) fn dice() -> Dice {
    let seed = seed("SEDGE_CRASH_SEED");
    println!("SEDGE_CRASH_SEED={seed}");
    Dice::of_seed(seed)
}

/// A repository, seen from outside of the processes that are killed in it.
pub(crate) struct Scene {
    pub(crate) env: TestEnv,
    pub(crate) repository: Arc<Repository>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let env = TestEnv::with_sink_and_spawn();
        env.setup(&["model create @sedge/sink sink-two"]);
        let repository = Repository::open(&env.repository()).expect("a repository");
        Self { env, repository }
    }

    /// Lets a process run until `sink` has `n_versions` versions, and for some random steps more,
    /// and kills it unless it has ended before.
    pub(crate) fn kill(&self, mut child: Child<'_>, n_versions: usize, dice: &mut Dice) {
        wait_until("the process got far enough, or ended", || {
            self.versions("sink", "record").len() >= n_versions || !child.is_running()
        });
        for _ in 0..dice.below(N_STEPS_ON_MAX) {
            child.is_running();
        }
        child.kill();
        let _ = child.wait();
    }

    /// Checks that nothing is incomplete: versions have no gaps, and the calls that succeeded are
    /// those that wrote versions.
    #[track_caller]
    pub(crate) fn check_consistent(&self, run: &RunReport) {
        for model in ["sink", "sink-two"] {
            let versions = self.versions(model, "record");
            let expect: Vec<u64> = (1..=versions.len() as u64).collect();
            assert_eq!(versions, expect, "{model}");
        }
        let id = &run.run.id;
        let mut written = BTreeSet::new();
        for model in ["sink", "sink-two"] {
            let versions = versions_of(&self.repository, model, "record");
            for version in versions.into_iter().flatten() {
                if version.written_by.run == *id {
                    assert!(
                        written.insert(version.written_by.call.clone()),
                        "a call wrote twice"
                    );
                }
            }
        }
        let calls = calls_of(run);
        let of_sink = calls.iter().filter(|call| call.model.starts_with("sink"));
        let succeeded: BTreeSet<String> = of_sink
            .filter(|call| call.status == CallStatusView::Succeeded)
            .map(|call| call.call.clone())
            .collect();
        assert_eq!(
            succeeded, written,
            "calls that succeeded, and calls that wrote"
        );
    }

    /// Checks that no lock is left: a new process can run the models at once.
    pub(crate) fn check_unlocked(&self) {
        for model in ["sink", "sink-two"] {
            let _ = self
                .env
                .run(["model", "method", "run", model, "run"])
                .succeeded();
        }
        let count = ["--input", "count=1"];
        let spawn = ["model", "method", "run", "spawn", "run"];
        let _ = self.env.run(spawn.iter().chain(&count)).succeeded();
    }

    pub(crate) fn versions(&self, model: &str, name: &str) -> Vec<u64> {
        match versions_of(&self.repository, model, name) {
            Ok(versions) => versions.iter().map(|it| it.version).collect(),
            Err(AppError::Data(DataUseError::Missing { .. })) => Vec::new(),
            Err(other) => panic!("{other}"),
        }
    }

    /// Returns the numbers of versions of the models `sink`, `sink-two` and `spawn`.
    pub(crate) fn n_versions(&self) -> [usize; 3] {
        [
            ("sink", "record"),
            ("sink-two", "record"),
            ("spawn", "calls"),
        ]
        .map(|(model, name)| self.versions(model, name).len())
    }

    /// Returns the newest run; `None` if there are no runs.
    pub(crate) fn newest(&self) -> Option<RunReport> {
        let mut newest = None;
        let listed = run_list(
            &cx_of(&self.repository),
            &RunListRequest::default(),
            |run| {
                newest = Some(run.id);
                Ok::<_, AppError>(Scan::Enough)
            },
        );
        listed.expect("a datastore");
        Some(run_show(&cx_of(&self.repository), Some(&newest?)).expect("a run"))
    }
}

/// Returns all calls of a run, callers before callees.
pub(crate) fn calls_of(run: &RunReport) -> Vec<&CallView> {
    fn add<'a>(calls: &'a [CallView], all: &mut Vec<&'a CallView>) {
        for call in calls {
            all.push(call);
            add(&call.calls, all);
        }
    }
    let mut all = Vec::new();
    add(&run.calls, &mut all);
    all
}

/// Returns the versions of a name, oldest first.
pub(crate) fn versions_of(
    repository: &Arc<Repository>,
    model: &str,
    name: &str,
) -> Result<Vec<DataVersionView>, AppError> {
    let mut versions = Vec::new();
    data_versions(&cx_of(repository), model, name, |record| {
        versions.push(record.clone());
        Ok::<_, AppError>(Scan::More)
    })?;
    versions.reverse();
    Ok(versions)
}

/// Returns the context of a use case that the user of this process requests.
pub(crate) fn cx_of(repository: &Arc<Repository>) -> Cx {
    Cx::new(Arc::clone(repository), actor())
}
