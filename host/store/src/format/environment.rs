//! The names of variables of the environment: column `environment` of `data_versions`, and a member of
//! tasks, of events and of the options of runs.

use std::collections::BTreeSet;

use sedge_model::names::{EnvName, NameError};
use serde::{Deserialize, Serialize};

/// Names of variables of the environment, sorted.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct StoredEnvironment(Vec<String>);

impl StoredEnvironment {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the text for the column; `None` if there is no name.
    pub(crate) fn column(names: &BTreeSet<EnvName>) -> Option<String> {
        let text = || serde_json::to_string(&Self::from(names)).expect("names have a form in JSON");
        (!names.is_empty()).then(text)
    }
}

impl From<&BTreeSet<EnvName>> for StoredEnvironment {
    fn from(names: &BTreeSet<EnvName>) -> Self {
        Self(names.iter().map(ToString::to_string).collect())
    }
}

impl TryFrom<StoredEnvironment> for BTreeSet<EnvName> {
    type Error = NameError;

    fn try_from(stored: StoredEnvironment) -> Result<Self, NameError> {
        stored.0.into_iter().map(EnvName::try_from).collect()
    }
}
