//! What is wrong with a repository.

use schemars::JsonSchema;
use serde::Serialize;

use crate::problem::Problem;

/// What `doctor` found in a repository.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorReport {
    /// Whether everything works. Warnings do not count.
    pub is_sound: bool,
    /// Each part of the repository, in the order in which they are examined.
    pub areas: Vec<AreaView>,
}

/// A part of a repository, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AreaView {
    /// Which part: `datastore`, `secrets`, `plugins`, `models` or `workflows`.
    pub area: String,
    /// The worst finding, or `ok`.
    pub state: AreaState,
    /// What is wrong there.
    pub findings: Vec<FindingView>,
}

/// The state of a part of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AreaState {
    /// Nothing is wrong.
    Ok,
    /// Everything works, but something should be changed.
    Warning,
    /// Something does not work.
    Fault,
}

impl AreaState {
    /// Returns the state as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

/// A problem that was found, in the form in which a command reports it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingView {
    /// `warning` or `fault`.
    pub severity: AreaState,
    /// What is wrong, and what to do.
    #[serde(flatten)]
    pub problem: Problem,
}
