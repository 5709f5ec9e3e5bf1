//! Why a call has no outcome, and which effects of it remain.

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
    /// Details of the failure, chosen by the plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// If arguments do not fit their schema: each violation, with its place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<ViolationView>,
    /// If checks of the type failed before the method ran: each of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckFailureView>,
    /// If a limit was reached: which one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitReached>,
    /// If the call waited for a lock: the calls that held it or were ahead in the queue.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<String>,
    /// If the call waited for a lock: how long, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<u64>,
    /// If the guest trapped, panicked or says where it failed: its stack frames, innermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backtrace: Vec<FrameView>,
}

/// A value that does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ViolationView {
    /// The place, as a JSON Pointer (RFC 6901) into the arguments; empty for the whole.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

/// A check that failed before a method ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckFailureView {
    /// The name of the check.
    pub check: String,
    /// What the check found. The text comes from the plugin, unless the check did not end.
    pub message: String,
}

/// A limit that was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitReached {
    /// Its name.
    pub name: String,
    /// Its value, in the unit that its name states.
    pub value: u64,
}

/// A stack frame of a guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FrameView {
    /// The function, as its author wrote it.
    pub function: String,
    /// The place in the author's source, if the plugin has debug information.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// Changes of a call that were rolled back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangesRolledBack {
    /// The number of changes: versions and deletions.
    pub changes: u64,
    /// The names of the data that they changed; only the first few.
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

/// A call that failed, and which of its writes remain.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedCall {
    /// The call's id.
    pub call: String,
    /// The step that it is part of, if any.
    pub step: Option<String>,
    /// The calls from the run down to this one, inclusive: `spawn.run`.
    pub chain: Vec<String>,
    /// Its model.
    pub model: String,
    /// Its method.
    pub method: String,
    /// Why it has no outcome.
    pub error: CallProblem,
    /// The writes that remain visible although the call failed; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<VersionsWritten>,
    /// The changes that were rolled back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<ChangesRolledBack>,
    /// The last nested calls that it requested and that could not begin.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedCall>,
}
