//! How calls ended: column `result` of `calls`.

use sedge_model::backtrace::{SourcePlace, StackFrame};
use sedge_model::call::{
    CallError, CallRefusal, CheckFailure, DiscardedChanges, LimitName, MethodFailure, Outcome,
    Refusals, TargetKind, Written,
};
use sedge_model::names::NameError;
use sedge_model::violation::Violation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a call left that succeeded.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredOutcome {
    value: Value,
    written: Vec<StoredWritten>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredWritten {
    name: String,
    version: u64,
}

impl StoredOutcome {
    pub(crate) fn new(value: &Value, written: &[Written]) -> Self {
        let written = written.iter().map(|it| StoredWritten {
            name: it.name.to_string(),
            version: it.version,
        });
        Self {
            value: value.clone(),
            written: written.collect(),
        }
    }
}

impl TryFrom<StoredOutcome> for Outcome {
    type Error = NameError;

    fn try_from(stored: StoredOutcome) -> Result<Self, NameError> {
        let written = stored.written.into_iter().map(|it| {
            Ok(Written {
                name: it.name.parse()?,
                version: it.version,
            })
        });
        Ok(Self {
            value: stored.value,
            written: written.collect::<Result<_, _>>()?,
        })
    }
}

/// A call that failed: its error, and among its members what was undone and what the host had
/// refused to it, which a reader that does not know of them passes over.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredFailedCall {
    #[serde(flatten)]
    error: StoredCallError,
    #[serde(default, skip_serializing_if = "StoredDiscarded::is_empty")]
    undone: StoredDiscarded,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refused: Vec<StoredRefusedCall>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    limits: Vec<StoredLimitReached>,
    /// The names of secrets that do not exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredRefusedCall {
    model: String,
    method: String,
    error: StoredCallError,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredLimitReached {
    name: StoredLimit,
    value: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct StoredDiscarded {
    changes: u64,
    names: Vec<String>,
}

impl StoredDiscarded {
    fn is_empty(&self) -> bool {
        self.changes == 0
    }
}

/// What is on record of a call that failed.
pub(crate) type FailedParts = (CallError, DiscardedChanges, Refusals);

impl StoredFailedCall {
    pub(crate) fn new(error: &CallError, undone: &DiscardedChanges, refusals: &Refusals) -> Self {
        let DiscardedChanges { changes, names } = undone;
        let refused = refusals.calls.iter().map(|call| StoredRefusedCall {
            model: call.model.clone(),
            method: call.method.clone(),
            error: StoredCallError::from(&call.error),
        });
        let limits = refusals
            .limits
            .iter()
            .map(|(name, value)| StoredLimitReached {
                name: (*name).into(),
                value: *value,
            });
        Self {
            error: StoredCallError::from(error),
            undone: StoredDiscarded {
                changes: *changes,
                names: names.iter().map(ToString::to_string).collect(),
            },
            refused: refused.collect(),
            limits: limits.collect(),
            secrets: refusals.secrets.iter().map(ToString::to_string).collect(),
        }
    }

    pub(crate) fn into_parts(self) -> Result<FailedParts, NameError> {
        let StoredDiscarded { changes, names } = self.undone;
        let names = names.iter().map(|name| name.parse());
        let undone = DiscardedChanges {
            changes,
            names: names.collect::<Result<_, _>>()?,
        };
        let calls = self.refused.into_iter().map(|call| CallRefusal {
            model: call.model,
            method: call.method,
            error: call.error.into(),
        });
        let limits = self.limits.into_iter();
        let secrets = self.secrets.iter().map(|name| name.parse());
        let refusals = Refusals {
            calls: calls.collect(),
            limits: limits.map(|it| (it.name.into(), it.value)).collect(),
            secrets: secrets.collect::<Result<_, _>>()?,
        };
        Ok((self.error.into(), undone, refusals))
    }
}

/// Why a call has no outcome.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum StoredCallError {
    NotFound {
        target: StoredTarget,
        name: String,
    },
    InvalidInput {
        violations: Vec<StoredViolation>,
    },
    Denied {
        reason: String,
    },
    LockTimeout {
        resource: String,
        holders: Vec<String>,
        waited_ms: u64,
    },
    Deadlock {
        ours: Vec<String>,
        theirs: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        difference: Option<String>,
    },
    ChangedMeanwhile {
        name: String,
        reason: String,
    },
    Cycle {
        names: Vec<String>,
    },
    Limit {
        name: StoredLimit,
        value: u64,
    },
    Failed(StoredFailure),
    Trapped {
        message: String,
        backtrace: Vec<StoredFrame>,
    },
    ChecksFailed {
        failures: Vec<StoredCheckFailure>,
    },
    TimedOut {
        after_ms: u64,
    },
    Cancelled {
        /// Whether the call lost its lock. Earlier versions do not know it.
        #[serde(default, skip_serializing_if = "is_false")]
        lock_lost: bool,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoredTarget {
    Model,
    Method,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredViolation {
    path: String,
    message: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredCheckFailure {
    check: String,
    message: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredFailure {
    code: String,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    details: Option<Value>,
    #[serde(default)]
    keep_writes: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    backtrace: Vec<StoredFrame>,
}

/// A function of a guest. What versions before any release wrote has only its name, as text.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum StoredFrame {
    Function(String),
    Frame {
        function: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        place: Option<StoredPlace>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredPlace {
    file: String,
    line: u32,
    column: u32,
}

/// A limit, by its name in the table of limits, which never changes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub(crate) struct StoredLimit(LimitName);

impl TryFrom<String> for StoredLimit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut known = LimitName::ALL.iter();
        let name = known.find(|name| name.as_str() == text);
        name.copied()
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no limit"))
    }
}

impl From<StoredLimit> for &'static str {
    fn from(stored: StoredLimit) -> Self {
        stored.0.as_str()
    }
}

impl From<LimitName> for StoredLimit {
    fn from(name: LimitName) -> Self {
        Self(name)
    }
}

impl From<StoredLimit> for LimitName {
    fn from(stored: StoredLimit) -> Self {
        stored.0
    }
}

fn is_false(it: &bool) -> bool {
    !it
}

impl From<&CallError> for StoredCallError {
    fn from(error: &CallError) -> Self {
        match error {
            CallError::NotFound { target, name } => Self::NotFound {
                target: match target {
                    TargetKind::Model => StoredTarget::Model,
                    TargetKind::Method => StoredTarget::Method,
                },
                name: name.clone(),
            },
            CallError::InvalidInput { violations } => Self::InvalidInput {
                violations: violations.iter().map(StoredViolation::from).collect(),
            },
            CallError::Denied { reason } => Self::Denied {
                reason: reason.clone(),
            },
            CallError::LockTimeout {
                resource,
                holders,
                waited_ms,
            } => Self::LockTimeout {
                resource: resource.clone(),
                holders: holders.clone(),
                waited_ms: *waited_ms,
            },
            CallError::Deadlock {
                ours,
                theirs,
                difference,
            } => Self::Deadlock {
                ours: ours.clone(),
                theirs: theirs.clone(),
                difference: difference.clone(),
            },
            CallError::ChangedMeanwhile { name, reason } => Self::ChangedMeanwhile {
                name: name.clone(),
                reason: reason.clone(),
            },
            CallError::Cycle { names } => Self::Cycle {
                names: names.clone(),
            },
            CallError::Limit { name, value } => Self::Limit {
                name: (*name).into(),
                value: *value,
            },
            CallError::Failed(failure) => Self::Failed(failure.into()),
            CallError::Trapped { message, backtrace } => Self::Trapped {
                message: message.clone(),
                backtrace: backtrace.iter().map(StoredFrame::from).collect(),
            },
            CallError::ChecksFailed { failures } => Self::ChecksFailed {
                failures: failures.iter().map(StoredCheckFailure::from).collect(),
            },
            CallError::TimedOut { after_ms } => Self::TimedOut {
                after_ms: *after_ms,
            },
            CallError::Cancelled => Self::Cancelled { lock_lost: false },
            CallError::LockLost => Self::Cancelled { lock_lost: true },
        }
    }
}

impl From<StoredCallError> for CallError {
    fn from(stored: StoredCallError) -> Self {
        match stored {
            StoredCallError::NotFound { target, name } => Self::NotFound {
                target: match target {
                    StoredTarget::Model => TargetKind::Model,
                    StoredTarget::Method => TargetKind::Method,
                },
                name,
            },
            StoredCallError::InvalidInput { violations } => Self::InvalidInput {
                violations: violations.into_iter().map(Violation::from).collect(),
            },
            StoredCallError::Denied { reason } => Self::Denied { reason },
            StoredCallError::LockTimeout {
                resource,
                holders,
                waited_ms,
            } => Self::LockTimeout {
                resource,
                holders,
                waited_ms,
            },
            StoredCallError::Deadlock {
                ours,
                theirs,
                difference,
            } => Self::Deadlock {
                ours,
                theirs,
                difference,
            },
            StoredCallError::ChangedMeanwhile { name, reason } => {
                Self::ChangedMeanwhile { name, reason }
            }
            StoredCallError::Cycle { names } => Self::Cycle { names },
            StoredCallError::Limit { name, value } => Self::Limit {
                name: name.into(),
                value,
            },
            StoredCallError::Failed(failure) => Self::Failed(failure.into()),
            StoredCallError::Trapped { message, backtrace } => Self::Trapped {
                message,
                backtrace: backtrace.into_iter().map(StackFrame::from).collect(),
            },
            StoredCallError::ChecksFailed { failures } => Self::ChecksFailed {
                failures: failures.into_iter().map(CheckFailure::from).collect(),
            },
            StoredCallError::TimedOut { after_ms } => Self::TimedOut { after_ms },
            StoredCallError::Cancelled { lock_lost: false } => Self::Cancelled,
            StoredCallError::Cancelled { lock_lost: true } => Self::LockLost,
        }
    }
}

impl From<&Violation> for StoredViolation {
    fn from(violation: &Violation) -> Self {
        let Violation { path, message } = violation;
        Self {
            path: path.clone(),
            message: message.clone(),
        }
    }
}

impl From<StoredViolation> for Violation {
    fn from(stored: StoredViolation) -> Self {
        let StoredViolation { path, message } = stored;
        Self { path, message }
    }
}

impl From<&CheckFailure> for StoredCheckFailure {
    fn from(failure: &CheckFailure) -> Self {
        let CheckFailure { check, message } = failure;
        Self {
            check: check.clone(),
            message: message.clone(),
        }
    }
}

impl From<StoredCheckFailure> for CheckFailure {
    fn from(stored: StoredCheckFailure) -> Self {
        let StoredCheckFailure { check, message } = stored;
        Self { check, message }
    }
}

impl From<&MethodFailure> for StoredFailure {
    fn from(failure: &MethodFailure) -> Self {
        let MethodFailure {
            code,
            message,
            details,
            keep_writes,
            backtrace,
        } = failure;
        Self {
            code: code.clone(),
            message: message.clone(),
            details: details.clone(),
            keep_writes: *keep_writes,
            backtrace: backtrace.iter().map(StoredFrame::from).collect(),
        }
    }
}

impl From<StoredFailure> for MethodFailure {
    fn from(stored: StoredFailure) -> Self {
        Self {
            code: stored.code,
            message: stored.message,
            details: stored.details,
            keep_writes: stored.keep_writes,
            backtrace: stored.backtrace.into_iter().map(StackFrame::from).collect(),
        }
    }
}

impl From<&StackFrame> for StoredFrame {
    fn from(frame: &StackFrame) -> Self {
        let place = frame
            .place
            .as_ref()
            .map(|SourcePlace { file, line, column }| StoredPlace {
                file: file.clone(),
                line: *line,
                column: *column,
            });
        Self::Frame {
            function: frame.function.clone(),
            place,
        }
    }
}

impl From<StoredFrame> for StackFrame {
    fn from(stored: StoredFrame) -> Self {
        let (function, place) = match stored {
            StoredFrame::Function(function) => (function, None),
            StoredFrame::Frame { function, place } => (function, place),
        };
        let place =
            place.map(|StoredPlace { file, line, column }| SourcePlace { file, line, column });
        Self { function, place }
    }
}
