//! What is wrong with a repository.

use schemars::JsonSchema;
use serde::Serialize;

use crate::problem::Problem;

/// The findings of `doctor` in a repository.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorReport {
    /// Whether everything works. Warnings do not count.
    pub is_sound: bool,
    /// Each part of the repository, in the order in which they are examined. After a repair, it is
    /// what remains.
    pub areas: Vec<AreaView>,
    /// The repair of each finding that can be repaired; absent if no repair was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repairs: Option<Vec<RepairView>>,
}

/// The repair of one finding.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepairView {
    /// The part of the repository, as in `areas`.
    pub area: String,
    /// The fault, as a lower-case fragment without a period.
    pub finding: String,
    /// The repair, as a sentence; null if it was not possible.
    pub done: Option<String>,
    /// Why it could not be repaired; null if it was.
    pub error: Option<Problem>,
}

/// A part of a repository, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AreaView {
    /// Which part: `files`, `datastore`, `secrets`, `plugins`, `cache`, `models` or `workflows`.
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
    /// Whether `doctor` can repair it without a risk for data.
    pub is_fixable: bool,
    /// The problem, with help.
    #[serde(flatten)]
    pub problem: Problem,
}
