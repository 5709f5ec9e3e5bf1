//! The options of runs: column `options` of `run_details`.

use std::collections::BTreeMap;

use sedge_model::names::RunId;
use sedge_model::run::{CheckSkips, RunOptions};
use serde::{Deserialize, Serialize};

use super::step::{StepFormatError, StoredInstance, StoredSeverity};

/// What a run was asked to do besides its workflow and inputs. The parent run is in a column of its
/// own.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct StoredOptions {
    #[serde(default, skip_serializing_if = "StoredSkips::is_empty")]
    skip_checks: StoredSkips,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fail_on: Option<StoredSeverity>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    /// The step of the parent run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent_step: Option<StoredInstance>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deadline_ms: Option<i64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct StoredSkips {
    #[serde(default)]
    all: bool,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    labels: Vec<String>,
}

impl StoredSkips {
    fn is_empty(&self) -> bool {
        !self.all && self.names.is_empty() && self.labels.is_empty()
    }
}

impl From<&RunOptions> for StoredOptions {
    fn from(options: &RunOptions) -> Self {
        let RunOptions {
            check_skips: CheckSkips { all, names, labels },
            fail_on,
            tags,
            parent,
            deadline_ms,
        } = options;
        Self {
            skip_checks: StoredSkips {
                all: *all,
                names: names.clone(),
                labels: labels.clone(),
            },
            fail_on: fail_on.map(Into::into),
            tags: tags.clone(),
            parent_step: parent.as_ref().map(|(_, step)| step.into()),
            deadline_ms: *deadline_ms,
        }
    }
}

impl StoredOptions {
    /// Returns the options of a run with this parent.
    pub(crate) fn into_options(self, parent: Option<RunId>) -> Result<RunOptions, StepFormatError> {
        let Self {
            skip_checks: StoredSkips { all, names, labels },
            fail_on,
            tags,
            parent_step,
            deadline_ms,
        } = self;
        let parent = match (parent, parent_step) {
            (Some(run), Some(step)) => Some((run, step.try_into()?)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(StepFormatError::HalfParent),
        };
        Ok(RunOptions {
            check_skips: CheckSkips { all, names, labels },
            fail_on: fail_on.map(Into::into),
            tags,
            parent,
            deadline_ms,
        })
    }
}
