//! Compares the final content of the datastore with the requests of the workers.

use std::collections::BTreeMap;
use std::sync::Arc;

use sedge_api::view::call::{CallStatusView, CallView};
use sedge_api::view::run::RunStatusView;
use sedge_app::actor::actor;
use sedge_app::data::get::data_get;
use sedge_app::data::versions::data_versions;
use sedge_app::run::list::{RunListRequest, run_list};
use sedge_app::run::show::run_show;
use sedge_app::types::Scan;
use sedge_app::{AppError, Cx, Repository};

use crate::worker::Requested;
use crate::{N_TASKS, tree};

/// Everything that was done, according to the datastore.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// The runs by id.
    runs: BTreeMap<String, Run>,
    /// For each model, the versions that calls reported, and the call that wrote each.
    written: BTreeMap<String, BTreeMap<u64, String>>,
    /// The times that recorded calls waited for their locks, in microseconds, sorted. Includes the
    /// waits of calls that were rolled back.
    pub(crate) waits_us: Vec<u64>,
    /// The same times of the calls that were never rolled back.
    pub(crate) waits_once_us: Vec<u64>,
    /// The most times that one call was rolled back.
    pub(crate) rollbacks_max: u32,
}

/// The record of a run.
#[derive(Debug)]
struct Run {
    status: RunStatusView,
    /// The models that counted, one entry per count, sorted. A call counts once.
    counted: Vec<String>,
    n_calls: usize,
}

impl Books {
    /// Reads the records of all runs, and checks the data of models 0 to `n_models` - 1.
    ///
    /// # Panics
    /// A run has failed, or a count was lost or written twice.
    pub(crate) fn read(repository: &Arc<Repository>, n_models: usize) -> Self {
        let mut books = Self::default();
        let mut runs = Vec::new();
        let listed = run_list(&cx_of(repository), &RunListRequest::default(), |run| {
            runs.push(run);
            Ok::<_, AppError>(Scan::More)
        });
        listed.expect("a datastore");
        for run in runs {
            let report = run_show(&cx_of(repository), Some(&run.id)).expect("it is in the list");
            let mut calls = Vec::new();
            calls_below(&report.calls, &mut calls);
            books.run_add(&run.id, run.status, &calls);
        }
        books.waits_us.sort_unstable();
        books.waits_once_us.sort_unstable();
        for model in 0..n_models {
            books.check_counts(repository, &tree::model(model));
        }
        books
    }

    fn run_add(&mut self, id: &str, status: RunStatusView, calls: &[&CallView]) {
        let mut counted = Vec::new();
        let succeeded = calls
            .iter()
            .filter(|it| it.status == CallStatusView::Succeeded);
        for call in succeeded.clone() {
            let (model, by) = (call.model.clone(), call.call.clone());
            let outcome = call.outcome.as_ref().expect("it succeeded");
            let n_expected = usize::from(call.method != "read");
            assert_eq!(outcome.written.first.len(), n_expected, "{by} counts once");
            for version in outcome.written.first.iter().map(|it| it.version) {
                counted.push(model.clone());
                let written = self.written.entry(model.clone()).or_default();
                let other = written.insert(version, by.clone());
                assert_eq!(other, None, "{model} {version} is of {by}, and of another");
            }
        }
        counted.sort_unstable();
        let waited = |call: &&CallView| Some(us(call.waited_ms?));
        self.waits_us.extend(calls.iter().filter_map(waited));
        let once = calls.iter().filter(|it| it.retries == 0);
        self.waits_once_us.extend(once.filter_map(waited));
        let n_running = calls
            .iter()
            .filter(|it| it.status == CallStatusView::Running)
            .count();
        if status != RunStatusView::Interrupted {
            assert_eq!(n_running, 0, "run {id} is {status:?}, but not its calls");
        }
        self.rollbacks_max = calls
            .iter()
            .map(|it| it.retries)
            .fold(self.rollbacks_max, u32::max);
        // Nothing of these runs leaves the sandbox, and each guest makes the same nested calls again
        // when it runs again. So every deadlock can be resolved by a rollback.
        let errors: Vec<_> = calls
            .iter()
            .filter_map(|call| call.error.as_ref())
            .collect();
        assert_ne!(status, RunStatusView::Failed, "run {id}: {errors:?}");
        let run = Run {
            status,
            counted,
            n_calls: succeeded.count(),
        };
        self.runs.insert(id.to_owned(), run);
    }

    /// Checks that versions are contiguous, that each was written by the call that reported it, and
    /// that each counts one more than its predecessor.
    fn check_counts(&self, repository: &Arc<Repository>, model: &str) {
        let mut versions = Vec::new();
        let listed = data_versions(&cx_of(repository), model, "count", |record| {
            versions.push(record);
            Ok::<_, AppError>(Scan::More)
        });
        listed.expect("each was called");
        // They are listed newest first.
        versions.reverse();
        let by: BTreeMap<u64, String> = versions
            .iter()
            .map(|it| (it.version, it.written_by.call.clone()))
            .collect();
        assert_eq!(by, self.written[model], "{model}: each is of one call");
        for (version, expect) in versions.iter().map(|it| it.version).zip(1..) {
            assert_eq!(version, expect, "{model}: versions have no holes");
            let found = data_get(&cx_of(repository), model, "count", Some(version));
            let (_, data) = found.expect("it is listed");
            let data = data.read_all().expect("it can be read");
            let content = serde_json::json!({"n": version}).to_string();
            assert_eq!(data, content.into_bytes(), "{model}: nothing was lost");
        }
    }

    /// Checks that everything that was reported to a worker is in the datastore, that all runs have
    /// ended, and that no run exists that was not requested.
    pub(crate) fn check_against(&self, requested: &[Requested], n_killed: usize) {
        let succeeded = requested.iter().flat_map(|it| &it.succeeded);
        for (id, counting) in succeeded.clone() {
            let run = &self.runs[id];
            assert_eq!(run.status, RunStatusView::Succeeded, "run {id}");
            assert_eq!(run.counted, *counting, "run {id}");
        }
        let n_deadlocks = requested.iter().map(|it| it.deadlocks.len());
        assert_eq!(n_deadlocks.sum::<usize>(), 0, "runs ended with `deadlock`");
        // A killed process may not have reported the end of its last runs.
        let n_reported = succeeded.count();
        let n_ended = self.n_of(RunStatusView::Succeeded);
        let n_unreported_max = n_killed * N_TASKS;
        assert!((n_reported..=n_reported + n_unreported_max).contains(&n_ended));
        let n_interrupted = self.n_of(RunStatusView::Interrupted);
        assert!(n_interrupted <= n_unreported_max, "{n_interrupted}");
        assert!(n_killed == 0 || n_interrupted > 0, "a kill interrupts runs");
        assert_eq!(
            n_ended + n_interrupted,
            self.runs.len(),
            "no run is under way, or was cancelled"
        );
    }

    pub(crate) fn n_of(&self, status: RunStatusView) -> usize {
        self.runs.values().filter(|it| it.status == status).count()
    }

    /// Returns how many calls succeeded.
    pub(crate) fn n_calls(&self) -> usize {
        self.runs.values().map(|it| it.n_calls).sum()
    }
}

/// Adds calls and all below them.
fn calls_below<'a>(calls: &'a [CallView], all: &mut Vec<&'a CallView>) {
    for call in calls {
        all.push(call);
        calls_below(&call.calls, all);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time that a call waited"
)]
fn us(ms: f64) -> u64 {
    (ms * 1000.0).round() as u64
}

/// Returns the context of a use case that the user of this process requests.
pub(crate) fn cx_of(repository: &Arc<Repository>) -> Cx {
    Cx::new(Arc::clone(repository), actor())
}
