//! What is in the datastore at the end, held against what was asked for.

use std::collections::BTreeMap;

use sedge_app::data_get::data_get;
use sedge_app::data_versions::data_versions;
use sedge_app::run_list::run_list;
use sedge_app::run_show::run_show;
use sedge_app::types::{CallRecord, CallStatus, RunStatus, Scan};
use sedge_app::{AppError, Repository};

use crate::worker::Asked;
use crate::{N_MODELS, N_TASKS, tree};

/// How often a call is undone at most, as the host has it.
const UNDONE_MAX: u32 = 8;

/// What was done, by the datastore.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// By run, what became of it.
    runs: BTreeMap<String, Run>,
    /// By model, the versions that calls say they wrote, and which call each is of.
    written: BTreeMap<String, BTreeMap<u64, String>>,
    /// How long each call that is on record waited for its locks, in microseconds, in
    /// ascending order; each time, of those that were undone.
    pub(crate) waits_us: Vec<u64>,
    /// The same, of calls that were not undone.
    pub(crate) waits_once_us: Vec<u64>,
    /// How many runs failed though nothing of them had been seen, for being undone too often.
    pub(crate) n_undone_too_often: usize,
}

/// What became of a run.
#[derive(Debug)]
struct Run {
    status: RunStatus,
    /// The models that counted, one for each time, sorted. A call counts once.
    counted: Vec<String>,
    n_calls: usize,
}

impl Books {
    pub(crate) fn read(repository: &Repository) -> Self {
        let mut books = Self::default();
        for (run, status) in run_list(repository, usize::MAX).expect("a datastore") {
            let report = run_show(repository, Some(run.id.as_str())).expect("it is in the list");
            books.run_add(run.id.as_str(), status, &report.calls);
        }
        books.waits_us.sort_unstable();
        books.waits_once_us.sort_unstable();
        for model in 0..N_MODELS {
            books.has_counted(repository, &tree::model(model));
        }
        books
    }

    fn run_add(&mut self, id: &str, status: RunStatus, calls: &[CallRecord]) {
        let mut counted = Vec::new();
        let succeeded = calls.iter().filter(|it| it.status == CallStatus::Succeeded);
        for call in succeeded.clone() {
            let (model, by) = (call.model.to_string(), call.lineage.to_string());
            let outcome = call.outcome.as_ref().expect("it succeeded");
            let n_expected = usize::from(call.method.as_str() != "read");
            assert_eq!(outcome.written.len(), n_expected, "{by} counts once");
            for version in outcome.written.iter().map(|it| it.version) {
                counted.push(model.clone());
                let written = self.written.entry(model.clone()).or_default();
                let other = written.insert(version, by.clone());
                assert_eq!(other, None, "{model} {version} is of {by}, and of another");
            }
        }
        counted.sort_unstable();
        self.waits_us
            .extend(calls.iter().filter_map(|it| it.waited_us));
        let once = calls.iter().filter(|it| it.n_undone == 0);
        self.waits_once_us
            .extend(once.filter_map(|it| it.waited_us));
        let n_running = calls
            .iter()
            .filter(|it| it.status == CallStatus::Running)
            .count();
        if status != RunStatus::Interrupted {
            assert_eq!(n_running, 0, "run {id} is {status:?}, but not its calls");
        }
        if status == RunStatus::Failed {
            was_rightly_told(id, calls);
            self.n_undone_too_often += usize::from(succeeded.clone().next().is_none());
        }
        let run = Run {
            status,
            counted,
            n_calls: succeeded.count(),
        };
        self.runs.insert(id.to_owned(), run);
    }

    /// Versions are contiguous, each was written by the one call that says so, and each counts
    /// one more than the one before.
    fn has_counted(&self, repository: &Repository, model: &str) {
        let mut versions = Vec::new();
        let listed = data_versions(repository, model, "count", |record| {
            versions.push(record.clone());
            Ok::<_, AppError>(Scan::More)
        });
        listed.expect("each was called");
        let by: BTreeMap<u64, String> = versions
            .iter()
            .map(|it| (it.version, it.by.to_string()))
            .collect();
        assert_eq!(by, self.written[model], "{model}: each is of one call");
        for (version, expect) in versions.iter().map(|it| it.version).zip(1..) {
            assert_eq!(version, expect, "{model}: versions have no holes");
            let found = data_get(repository, model, "count", Some(version));
            let (_, data) = found.expect("it is listed");
            let data = data.read_all().expect("it can be read");
            let content = serde_json::json!({"n": version}).to_string();
            assert_eq!(data, content.into_bytes(), "{model}: nothing was lost");
        }
    }

    /// Whatever a process was told of is there, everything has ended, and nothing is there
    /// that no process asked for.
    pub(crate) fn balance(&self, asked: &[Asked], n_killed: usize) {
        let succeeded = asked.iter().flat_map(|asked| &asked.succeeded);
        for (id, counting) in succeeded.clone() {
            let run = &self.runs[id];
            assert_eq!(run.status, RunStatus::Succeeded, "run {id}");
            assert_eq!(run.counted, *counting, "run {id}");
        }
        let failed = asked.iter().flat_map(|asked| &asked.deadlocks);
        for id in failed.clone() {
            assert_eq!(self.runs[id].status, RunStatus::Failed, "run {id}");
        }
        // Who is killed may not have come to say how its last runs ended.
        let n_told = succeeded.count() + failed.count();
        let n_ended = self.n_of(RunStatus::Succeeded) + self.n_of(RunStatus::Failed);
        let n_untold_max = n_killed * N_TASKS;
        assert!((n_told..=n_told + n_untold_max).contains(&n_ended));
        let n_interrupted = self.n_of(RunStatus::Interrupted);
        assert!(n_interrupted <= n_untold_max, "{n_interrupted}");
        assert!(n_killed == 0 || n_interrupted > 0, "a kill cuts runs off");
        assert_eq!(
            n_ended + n_interrupted,
            self.runs.len(),
            "no run is under way, or was cancelled"
        );
    }

    pub(crate) fn n_of(&self, status: RunStatus) -> usize {
        self.runs.values().filter(|it| it.status == status).count()
    }

    /// Returns how many calls succeeded.
    pub(crate) fn n_calls(&self) -> usize {
        self.runs.values().map(|it| it.n_calls).sum()
    }
}

/// A guest is told of a deadlock only if something of its run had been seen, or a call had
/// been undone too often.
#[track_caller]
fn was_rightly_told(id: &str, calls: &[CallRecord]) {
    for error in calls.iter().filter_map(|call| call.error.as_ref()) {
        let is_expected = ["deadlock", "cancelled"].contains(&error.code());
        assert!(is_expected, "run {id}: {error}");
    }
    let is_seen = |it: &CallRecord| it.status == CallStatus::Succeeded;
    let is_enough = |it: &CallRecord| it.n_undone >= UNDONE_MAX;
    assert!(
        calls.iter().any(|it| is_seen(it) || is_enough(it)),
        "run {id} could have been undone: {calls:?}"
    );
}
