//! The audit: what users did.

use schemars::JsonSchema;
use serde::Serialize;

use crate::Time;

/// An entry of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntryView {
    /// Its number. Later entries have higher numbers.
    pub seq: u64,
    /// When it was written.
    pub at: Time,
    /// The name of the user, as the operating system has it; `Sedge` if no user decided it.
    pub actor: String,
    /// The number of the user in the operating system; null if it is not known.
    pub uid: Option<u32>,
    /// What the user did, as a word: `secret-put`. `sedge audit list --help` explains the words. A
    /// later version of Sedge may have written others.
    pub what: String,
    /// To what it was done: the name of a model, a type or a secret, the id of a run, a gate as
    /// `RUN JOB/STEP`, or `datastore` or `secrets` as a whole.
    pub on: String,
    /// More about it, such as the reason or the grants; null if there is nothing to add.
    pub detail: Option<String>,
}
