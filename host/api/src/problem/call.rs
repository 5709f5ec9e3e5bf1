//! Why a call has no outcome, and what it left behind all the same.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::view::call::VersionsWritten;

/// Why a call has no outcome.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallProblem {
    /// A word for programs: one of Sedge's own (`lock-timeout`), or `plugin/` and the word that
    /// the plugin chose. What a plugin chose never decides what Sedge does.
    pub code: String,
    /// A sentence for a person: Sedge's own, or the plugin's if the code begins with `plugin/`.
    pub message: String,
    /// What else the plugin says of its failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// Of arguments that do not fit: where, and what is wrong there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<ViolationView>,
    /// Of a limit that was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitReached>,
    /// Of a lock: who held it or was ahead in the queue.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<String>,
    /// Of a lock: how long the call waited, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<u64>,
    /// Of a trap or a panic: the guest's functions, innermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backtrace: Vec<FrameView>,
}

/// A value that does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ViolationView {
    /// A JSON Pointer (RFC 6901) into what was given; empty for the whole.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

/// A limit that was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitReached {
    /// Its name.
    pub name: String,
    /// Its value, in the unit that the name says.
    pub value: u64,
}

/// One of a guest's functions that had not returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FrameView {
    /// The function, as its author wrote it.
    pub function: String,
    /// The place in the author's source, if the plugin has debug information.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// Changes of a call that became visible, or did not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangesRolledBack {
    /// How many: versions and deletions.
    pub changes: u64,
    /// What they were of, the first few names.
    pub names: Vec<String>,
}

/// A version that a call wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionWritten {
    /// The name of the data.
    pub name: String,
    /// The version that the write got.
    pub version: u64,
}

/// A call that could not begin.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusedCall {
    /// The model that was to be called.
    pub model: String,
    /// The method.
    pub method: String,
    /// Why it could not begin.
    pub error: CallProblem,
}

/// A call that failed, and what it left behind.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedCall {
    /// Which call.
    pub call: String,
    /// The step that it is part of, if any.
    pub step: Option<String>,
    /// The calls from the run down to this one, this one too: `spawn.run`.
    pub chain: Vec<String>,
    /// Its model.
    pub model: String,
    /// Its method.
    pub method: String,
    /// Why it has no outcome.
    pub error: CallProblem,
    /// What it wrote that is visible although it failed; absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<VersionsWritten>,
    /// What it had written that was rolled back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<ChangesRolledBack>,
    /// The calls that it made last and that could not begin.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedCall>,
}
