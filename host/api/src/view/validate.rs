//! What is wrong with the files of a repository.

use schemars::JsonSchema;
use serde::Serialize;

use crate::problem::{Help, Place};

/// The findings in files of a repository.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValidationReport {
    /// Whether there is no error. Warnings and notes do not count.
    pub is_valid: bool,
    /// How many files and plugins were checked.
    pub checked: CheckedCounts,
    /// How many findings are errors.
    pub errors: u64,
    /// How many findings are warnings.
    pub warnings: u64,
    /// How many findings are notes.
    pub notes: u64,
    /// The findings, in the order of the files and of their lines.
    pub findings: Vec<FileFindingView>,
}

/// How many files and plugins were checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckedCounts {
    /// The definitions of models.
    pub definitions: u64,
    /// The workflows.
    pub workflows: u64,
    /// The plugins that `sedge.lock` pins.
    pub plugins: u64,
}

/// A finding in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileFindingView {
    /// Its place.
    #[serde(flatten)]
    pub place: Place,
    /// The kind of the finding: `unknown-key`.
    pub code: String,
    /// How severe it is.
    pub severity: FindingSeverity,
    /// The finding, as a lower-case fragment without a period.
    pub message: String,
    /// What to do next.
    pub help: Vec<Help>,
}

/// How severe a finding in a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FindingSeverity {
    /// A fact that the author may not expect.
    Note,
    /// It works, but probably not as the author means it.
    Warning,
    /// It does not work.
    Error,
}

impl FindingSeverity {
    /// Returns the severity as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}
