//! What is in the datastore at the end, held against what was asked for.

use std::collections::BTreeMap;

use sedge_app::Repository;
use sedge_app::data_get::data_get;
use sedge_app::data_versions::data_versions;
use sedge_app::run_list::run_list;
use sedge_app::run_show::run_show;
use sedge_app::types::{CallStatus, RunStatus};

use crate::worker::Asked;
use crate::{N_MODELS, tree};

/// What was done, by the datastore.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// By run: how it ended, and how many of its calls succeeded.
    pub(crate) runs: BTreeMap<String, (RunStatus, usize)>,
    /// By model, the versions that calls say they wrote, in ascending order.
    written: BTreeMap<String, Vec<u64>>,
    /// How long each call waited for its locks, in microseconds, in ascending order.
    pub(crate) waits_us: Vec<u64>,
    /// How often calls were undone and started anew.
    pub(crate) n_undone: u32,
}

impl Books {
    pub(crate) fn read(repository: &Repository) -> Self {
        let mut books = Self::default();
        for (run, status) in run_list(repository, usize::MAX).expect("a datastore") {
            let report = run_show(repository, Some(run.id.as_str())).expect("it is in the list");
            let mut n_succeeded = 0;
            for call in report.calls {
                books.n_undone += call.n_undone;
                books.waits_us.extend(call.waited_us);
                let Some(outcome) = call.outcome else {
                    assert_ne!(call.status, CallStatus::Succeeded, "{}", call.lineage);
                    continue;
                };
                n_succeeded += 1;
                let versions = outcome.written.iter().map(|it| it.version);
                let written = books.written.entry(call.model.to_string()).or_default();
                written.extend(versions);
            }
            books.runs.insert(run.id.to_string(), (status, n_succeeded));
        }
        for written in books.written.values_mut() {
            written.sort_unstable();
        }
        books.waits_us.sort_unstable();
        for model in 0..N_MODELS {
            books.has_counted(repository, &tree::model(model));
        }
        books
    }

    /// Versions are contiguous, each was written by one call that succeeded, and each counts
    /// one more than the one before.
    fn has_counted(&self, repository: &Repository, model: &str) {
        let versions = data_versions(repository, model, "count").expect("each was called");
        let versions: Vec<u64> = versions.iter().map(|it| it.version).collect();
        let expect: Vec<u64> = (1..=versions.len() as u64).collect();
        assert_eq!(versions, expect, "{model}: versions have no holes");
        assert_eq!(self.written[model], expect, "{model}: each is of one call");
        for version in expect {
            let data = data_get(repository, model, "count", Some(version)).expect("it is listed");
            let content = serde_json::json!({"n": version}).to_string();
            assert_eq!(data.content, content, "{model}: nothing was lost");
        }
    }

    /// Whatever a process was told of is there, and everything has ended.
    pub(crate) fn balance(&self, asked: &[Asked]) {
        for (run, n_calls) in asked.iter().flat_map(|asked| &asked.succeeded) {
            let expect = Some(&(RunStatus::Succeeded, *n_calls));
            assert_eq!(self.runs.get(run), expect, "run {run}");
        }
        for (run, (status, _)) in &self.runs {
            let has_ended = match status {
                RunStatus::Running | RunStatus::Suspended => false,
                RunStatus::Succeeded
                | RunStatus::Failed
                | RunStatus::Cancelled
                | RunStatus::Interrupted => true,
            };
            assert!(has_ended, "run {run} is {status:?}");
        }
    }

    pub(crate) fn n_of(&self, status: RunStatus) -> usize {
        self.runs.values().filter(|(it, _)| *it == status).count()
    }
}
