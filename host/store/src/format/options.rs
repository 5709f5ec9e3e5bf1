//! The options of runs: column `options` of `run_details`.

use std::collections::BTreeMap;

use sedge_model::digest::Digest;
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_model::run::{CheckSkips, RunOptions, RunParent};
use serde::{Deserialize, Serialize};

use super::environment::StoredEnvironment;
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
    /// The place among the calls of the parent run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent_call: Option<StoredPlace>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deadline_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "StoredEnvironment::is_empty")]
    environment: StoredEnvironment,
}

/// The place of a run that a call has started.
#[derive(Debug, Serialize, Deserialize)]
struct StoredPlace {
    /// The ordinals from the parent run down to the call, and that of the run: `1/2`.
    path: String,
    /// BLAKE3 of what the guest requested.
    request: String,
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
            environment,
        } = options;
        let (parent_step, parent_call) = match parent {
            None => (None, None),
            Some(RunParent::Step { step, .. }) => (Some(step.into()), None),
            Some(RunParent::Call { place, request }) => {
                let path = place.path();
                let request = request.to_string();
                (None, Some(StoredPlace { path, request }))
            }
        };
        Self {
            skip_checks: StoredSkips {
                all: *all,
                names: names.clone(),
                labels: labels.clone(),
            },
            fail_on: fail_on.map(Into::into),
            tags: tags.clone(),
            parent_step,
            parent_call,
            deadline_ms: *deadline_ms,
            environment: environment.into(),
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
            parent_call,
            deadline_ms,
            environment,
        } = self;
        let parent = match (parent, parent_step, parent_call) {
            (Some(run), Some(step), None) => {
                let step = step.try_into()?;
                Some(RunParent::Step { run, step })
            }
            (Some(run), None, Some(StoredPlace { path, request })) => Some(RunParent::Call {
                place: place(&run, &path)?,
                request: digest(&request)?,
            }),
            (None, None, None) => None,
            (Some(_), None, None) | (None, Some(_), _) | (None, _, Some(_)) => {
                return Err(StepFormatError::HalfParent);
            }
            (Some(_), Some(_), Some(_)) => return Err(StepFormatError::TwoParents),
        };
        Ok(RunOptions {
            check_skips: CheckSkips { all, names, labels },
            fail_on: fail_on.map(Into::into),
            tags,
            parent,
            deadline_ms,
            environment: environment.try_into()?,
        })
    }
}

fn place(run: &RunId, path: &str) -> Result<Lineage, StepFormatError> {
    let place = format!("{run}/{path}").parse::<Lineage>();
    let place = place.map_err(StepFormatError::from)?;
    // A place is that of a call, and never the run itself.
    match place.depth() {
        0 | 1 => Err(StepFormatError::HalfParent),
        _ => Ok(place),
    }
}

fn digest(text: &str) -> Result<Digest, StepFormatError> {
    text.parse().map_err(StepFormatError::from)
}
