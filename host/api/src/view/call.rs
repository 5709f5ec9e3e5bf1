//! Calls: what they were given, what they returned and what they wrote.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::run::RunStatusView;
use crate::Time;
use crate::problem::Help;
use crate::problem::call::{CallProblem, ChangesRolledBack, VersionWritten};

/// A call, and the calls below it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallView {
    /// The id of the call: `RUN/1/2` is the second call that the first call of the run made.
    pub call: String,
    /// The step that it is part of, as `job/step`; null outside of workflows.
    pub step: Option<String>,
    /// Its model.
    pub model: String,
    /// Its method.
    pub method: String,
    /// Its status.
    pub status: CallStatusView,
    /// Its arguments.
    pub arguments: Value,
    /// Its result, if it succeeded.
    pub outcome: Option<OutcomeView>,
    /// Why it has no outcome.
    pub error: Option<CallProblem>,
    /// The writes that remain visible although the call did not succeed; null if there are none.
    pub kept: Option<VersionsWritten>,
    /// The changes that were rolled back; null if there are none.
    pub rolled_back: Option<ChangesRolledBack>,
    /// How often all of it was rolled back and retried, because it and others waited for each
    /// other, or because another observation had written the same data.
    pub retries: u32,
    /// When it began.
    pub started_at: Time,
    /// From its request until its commit began, the time that it waited included, in
    /// milliseconds; null if it has not ended.
    pub until_commit_ms: Option<f64>,
    /// How much of that it waited for its locks, in milliseconds.
    pub waited_ms: Option<f64>,
    /// The calls that it made, in order.
    pub calls: Vec<CallView>,
    /// The runs of workflows that it started, in order.
    pub runs: Vec<CalledRunView>,
}

/// The run of a workflow that a call started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CalledRunView {
    /// The run.
    pub run: String,
    /// The workflow.
    pub workflow: String,
    /// The status of the run.
    pub status: RunStatusView,
}

/// The status of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CallStatusView {
    /// It has not ended.
    Running,
    /// It has an outcome.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// It was stopped.
    Cancelled,
    /// The process that ran it is gone.
    Interrupted,
}

impl CallStatusView {
    /// Returns the status as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

/// The result of a call that succeeded.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutcomeView {
    /// The value that the method returned.
    pub value: Value,
    /// The versions that the call itself wrote.
    pub written: VersionsWritten,
}

/// Versions that a call wrote: how many, and the first few.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionsWritten {
    /// How many.
    pub count: u64,
    /// The first of them, in the order in which they were written.
    pub first: Vec<VersionWritten>,
    /// The last one, if `first` does not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<VersionWritten>,
    /// What lists all of them, if `first` does not have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all: Option<Help>,
}

/// The most versions that a document has of those that one call wrote.
///
/// A plugin chooses how many it writes, and a run may have thousands of calls. `data query` lists
/// all of them.
pub const VERSIONS_SHOWN_MAX: usize = 100;

impl VersionsWritten {
    /// Counts one more version, and keeps it if it is one of the first or the last.
    pub fn push(&mut self, version: VersionWritten) {
        self.count += 1;
        if self.first.len() < VERSIONS_SHOWN_MAX {
            self.first.push(version);
        } else {
            self.last = Some(version);
        }
    }

    /// Returns the last version.
    #[must_use]
    pub fn last(&self) -> Option<&VersionWritten> {
        self.last.as_ref().or_else(|| self.first.last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_are_kept() {
        let mut written = VersionsWritten::default();
        assert_eq!(written.last(), None);
        let version = |version: u64| VersionWritten {
            name: format!("row/{version}"),
            version,
        };
        for n in 1..=(VERSIONS_SHOWN_MAX as u64) + 2 {
            written.push(version(n));
            assert_eq!((written.count, written.last()), (n, Some(&version(n))));
        }
        assert_eq!(written.first.len(), VERSIONS_SHOWN_MAX);
        assert_eq!(written.first[0], version(1));
    }
}
