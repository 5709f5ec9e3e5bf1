//! Why a nested call has no outcome, and why data was not written or read.
//!
//! Both enums mirror the contract. Each case turns into a [`Failure`] whose code is the case's
//! name, so a method that only passes an error on can use `?`.

use std::{fmt, io};

use serde::Serialize;
use serde_json::{Value, json};

use crate::Failure;

/// One place where a value does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// A JSON Pointer (RFC 6901) into the value; empty for the value itself.
    pub path: String,
    /// A message for the user.
    pub message: String,
}

impl Violation {
    /// Returns one violation that concerns the whole value.
    pub(crate) fn of_whole(message: impl fmt::Display) -> Vec<Self> {
        vec![Self {
            path: String::new(),
            message: message.to_string(),
        }]
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// A check that failed before a method ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckFailure {
    /// The name of the check.
    pub check: String,
    /// What the check found, for the user.
    pub message: String,
}

impl fmt::Display for CheckFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the check `{}` failed: {}", self.check, self.message)
    }
}

/// The kind of target that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// A model.
    Model,
    /// A method of the model's type.
    Method,
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Model => "model",
            Self::Method => "method",
        })
    }
}

/// Why a nested call has no outcome.
///
/// The host never ends the caller because of a callee's error. Match the cases that you can
/// handle, and pass the others on with `?`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is no such model, or its type has no such method.
    #[error("no {kind} named `{name}`")]
    NotFound {
        /// Whether the model or the method is missing.
        kind: TargetKind,
        /// The requested name.
        name: String,
    },
    /// The arguments do not fit the method's schema. The callee did not run.
    #[error(
        "the arguments do not fit the method's schema: {}",
        joined(violations, "; ")
    )]
    InvalidInput {
        /// The violations.
        violations: Vec<Violation>,
    },
    /// This model may not call the target.
    #[error("{reason}")]
    Denied {
        /// What was denied, and which grant would allow it.
        reason: String,
    },
    /// A lock was not granted in time. A later retry may succeed.
    #[error("{resource} was locked by others for {waited_ms} ms")]
    LockTimeout {
        /// The locked resource, for example ``the model `sink` ``.
        resource: String,
        /// The calls that held the lock or were queued before this one: each with its chain from
        /// the run down and its process.
        holders: Vec<String>,
        /// How long the call waited, in milliseconds.
        waited_ms: u64,
    },
    /// Waiting for the lock would have closed a cycle, and the host could not roll a call back and
    /// retry it.
    #[error(
        "{} and {} wait for each other{}",
        joined(ours, " > "),
        joined(theirs, " > "),
        difference.as_ref().map_or_else(String::new, |it| format!("; {it}"))
    )]
    Deadlock {
        /// The chain from the run down to the call that requested the lock.
        ours: Vec<String>,
        /// The chain of the lineage that waits for this one.
        theirs: Vec<String>,
        /// Set if the callee was rolled back and retried, and the retry made another nested call
        /// than before: a sentence that says which.
        difference: Option<String>,
    },
    /// The callee changed data that another call has changed since the callee read it. None of the
    /// callee's changes were committed.
    #[error("{reason}")]
    ChangedMeanwhile {
        /// The name of the data.
        name: String,
        /// What happened to it, and by which call.
        reason: String,
    },
    /// The definitions of the target refer to each other in a cycle.
    #[error("it depends on itself: {}", joined(names, " > "))]
    Cycle {
        /// The names in the cycle.
        names: Vec<String>,
    },
    /// The callee or the run reached a limit.
    #[error("the limit `{name}` of {value} was reached")]
    Limit {
        /// The name of the limit, as in the definition's `limits:`.
        name: String,
        /// The value of the limit, in the unit of its documentation.
        value: u64,
    },
    /// The callee returned this failure.
    #[error(transparent)]
    Failed(Failure),
    /// The callee's code trapped.
    #[error("{message}")]
    Trapped {
        /// The cause, for example `wasm trap: out of bounds memory access`.
        message: String,
        /// The callee's functions, innermost first, if their names are known.
        backtrace: Vec<String>,
    },
    /// Checks of the callee's type failed, so its method did not run.
    #[error("{}", joined(failures, "; "))]
    ChecksFailed {
        /// All checks that failed.
        failures: Vec<CheckFailure>,
    },
    /// The callee exceeded its deadline.
    #[error("it was stopped after {after_ms} ms, at its deadline")]
    TimedOut {
        /// Its time limit in milliseconds.
        after_ms: u64,
    },
    /// The callee was cancelled by its caller or by the user.
    #[error("it was cancelled")]
    Cancelled,
}

impl CallError {
    /// Returns the error's code: the case's name as in the contract, or the callee's own code if
    /// it returned a failure.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::NotFound { .. } => "not-found",
            Self::InvalidInput { .. } => "invalid-input",
            Self::Denied { .. } => "denied",
            Self::LockTimeout { .. } => "lock-timeout",
            Self::Deadlock { .. } => "deadlock",
            Self::ChangedMeanwhile { .. } => "changed-meanwhile",
            Self::Cycle { .. } => "cycle",
            Self::Limit { .. } => "limit",
            Self::Failed(failure) => &failure.code,
            Self::Trapped { .. } => "trapped",
            Self::ChecksFailed { .. } => "checks-failed",
            Self::TimedOut { .. } => "timed-out",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns the details of the error, for programs.
    fn details(&self) -> Option<Value> {
        match self {
            Self::NotFound { kind, name } => Some(json!({"kind": kind, "name": name})),
            Self::InvalidInput { violations } => Some(json!({"violations": violations})),
            Self::LockTimeout {
                resource,
                holders,
                waited_ms,
            } => Some(json!({"resource": resource, "holders": holders, "waited_ms": waited_ms})),
            Self::Deadlock {
                ours,
                theirs,
                difference,
            } => Some(match difference {
                Some(difference) => {
                    json!({"ours": ours, "theirs": theirs, "difference": difference})
                }
                None => json!({"ours": ours, "theirs": theirs}),
            }),
            Self::ChangedMeanwhile { name, .. } => Some(json!({"name": name})),
            Self::Cycle { names } => Some(json!({"names": names})),
            Self::Limit { name, value } => Some(json!({"name": name, "value": value})),
            Self::Failed(failure) => failure.details.clone(),
            Self::Trapped { backtrace, .. } => Some(json!({"backtrace": backtrace})),
            Self::ChecksFailed { failures } => Some(json!({"failures": failures})),
            Self::TimedOut { after_ms } => Some(json!({"after_ms": after_ms})),
            Self::Denied { .. } | Self::Cancelled => None,
        }
    }
}

/// Passes the error on with its code. A failure of the callee keeps the callee's code.
/// `keep_writes` is not passed on, because the caller decides on its own writes.
impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let mut failure = Self::new(error.code(), error.to_string());
        failure.details = error.details();
        failure
    }
}

/// Why data was not written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The type declares no resource or file of this name.
    #[error("no resource or file named `{spec}` is declared")]
    Undeclared {
        /// The given name.
        spec: String,
    },
    /// The content is not JSON, or violates the resource's schema.
    #[error(
        "the content does not fit the resource's schema: {}",
        joined(violations, "; ")
    )]
    InvalidContent {
        /// The violations.
        violations: Vec<Violation>,
    },
    /// A name, a tag or a media type is not valid: empty, too long, or with a control character.
    #[error("{reason}")]
    InvalidName {
        /// Which of them is not valid, and why.
        reason: String,
    },
    /// A method of kind `read` tried to write.
    #[error("a method of kind `read` cannot write")]
    ReadOnly,
    /// The method may not read the other model, or may not delete because it is not of kind
    /// `delete`.
    #[error("{reason}")]
    Denied {
        /// What was denied, and which grant would allow it.
        reason: String,
    },
    /// No model has this name.
    #[error("no model named `{model}`")]
    ModelNotFound {
        /// The given name.
        model: String,
    },
    /// A limit was reached.
    #[error("the limit `{name}` of {value} was reached")]
    Limit {
        /// The name of the limit, as in the definition's `limits:`.
        name: String,
        /// The value of the limit, in the unit of its documentation.
        value: u64,
    },
    /// The file is finished already.
    #[error("the file was finished before")]
    Finished,
    /// A caller of this call has staged the name and not published it.
    #[error(
        "`{name}` is staged by the call `{call}`, which this call is a part of: that call has to `publish` it before it makes the nested call"
    )]
    StagedByAncestor {
        /// The name of the data.
        name: String,
        /// The call that has staged it.
        call: String,
    },
    /// The name has another latest version than the one that this call builds on. Nothing was
    /// committed.
    #[error("{reason}")]
    ChangedMeanwhile {
        /// The name of the data.
        name: String,
        /// What happened to it, and by which call.
        reason: String,
    },
    /// The content does not fit the requested Rust type. An earlier version of the model type may
    /// have written it.
    #[error("`{name}` of model `{model}` is not what was expected: {message}")]
    UnexpectedContent {
        /// The model that owns the data.
        model: String,
        /// The name of the data.
        name: String,
        /// The difference.
        message: String,
    },
}

impl DataError {
    /// Returns the error's code: the case's name as in the contract.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Undeclared { .. } => "undeclared",
            Self::InvalidContent { .. } => "invalid-content",
            Self::InvalidName { .. } => "invalid-name",
            Self::ReadOnly => "read-only",
            Self::Denied { .. } => "denied",
            Self::ModelNotFound { .. } => "model-not-found",
            Self::Limit { .. } => "limit",
            Self::Finished => "finished",
            Self::StagedByAncestor { .. } => "staged-by-ancestor",
            Self::ChangedMeanwhile { .. } => "changed-meanwhile",
            Self::UnexpectedContent { .. } => "unexpected-content",
        }
    }

    /// Returns the details of the error, for programs.
    fn details(&self) -> Option<Value> {
        match self {
            Self::Undeclared { spec } => Some(json!({"spec": spec})),
            Self::InvalidContent { violations } => Some(json!({"violations": violations})),
            Self::ModelNotFound { model } => Some(json!({"model": model})),
            Self::StagedByAncestor { name, call } => Some(json!({"name": name, "call": call})),
            Self::ChangedMeanwhile { name, .. } => Some(json!({"name": name})),
            Self::Limit { name, value } => Some(json!({"name": name, "value": value})),
            Self::UnexpectedContent { model, name, .. } => {
                Some(json!({"model": model, "name": name}))
            }
            Self::InvalidName { .. } | Self::ReadOnly | Self::Denied { .. } | Self::Finished => {
                None
            }
        }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        let mut failure = Self::new(error.code(), error.to_string());
        failure.details = error.details();
        failure
    }
}

/// Allows a file to be written through [`io::Write`].
impl From<DataError> for io::Error {
    fn from(error: DataError) -> Self {
        Self::other(error)
    }
}

/// Returns the items with `separator` between them.
fn joined<T: ToString>(items: &[T], separator: &str) -> String {
    let shown: Vec<String> = items.iter().map(ToString::to_string).collect();
    shown.join(separator)
}
