//! Why a nested call has no outcome, and why data was not written or read.
//!
//! Both mirror the contract, case by case, and both turn into a [`Failure`] whose code
//! is the case's name, so that a method which only passes an error on writes `?`.

use std::{fmt, io};

use serde::Serialize;
use serde_json::{Value, json};

use crate::Failure;

/// One place where a value does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// A JSON Pointer (RFC 6901) into the value; empty for the value itself.
    pub path: String,
    /// What is wrong there, for a person.
    pub message: String,
}

impl Violation {
    /// Says what is wrong with the value as a whole.
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

/// What there is none of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// No model of that name.
    Model,
    /// No method of that name in the model's type.
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
/// The host never ends the caller for a callee's fault: match what you can handle,
/// and pass on the rest with `?`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is no such model, or its type has no such method.
    #[error("no {kind} named `{name}`")]
    NotFound {
        /// What there is none of.
        kind: TargetKind,
        /// The name that was asked for.
        name: String,
    },
    /// The arguments do not fit the method's schema. Nothing ran.
    #[error(
        "the arguments do not fit the method's schema: {}",
        joined(violations, "; ")
    )]
    InvalidInput {
        /// Where, and what is wrong there.
        violations: Vec<Violation>,
    },
    /// This model may not call that one.
    #[error("{reason}")]
    Denied {
        /// What was denied, and what would allow it.
        reason: String,
    },
    /// A lock was not to be had in time. Trying again later may help.
    #[error("{resource} was locked by others for {waited_ms} ms")]
    LockTimeout {
        /// What was to be locked, for example ``the model `sink` ``.
        resource: String,
        /// Who had it, or was in front: the call, its chain from the run down, and its process.
        holders: Vec<String>,
        /// How long the call waited, in milliseconds.
        waited_ms: u64,
    },
    /// Waiting for the lock would have lasted for ever. Nothing of the callee ran.
    #[error(
        "{} and {} wait for each other",
        joined(ours, " > "),
        joined(theirs, " > ")
    )]
    Deadlock {
        /// From the run down to the call that would have waited.
        ours: Vec<String>,
        /// The same of the lineage that waits for ours.
        theirs: Vec<String>,
    },
    /// The target leads back to itself by its definition.
    #[error("it leads back to itself: {}", joined(names, " > "))]
    Cycle {
        /// The names on the way.
        names: Vec<String>,
    },
    /// A limit of the callee, or of the run, was reached.
    #[error("the limit `{name}` of {value} was reached")]
    Limit {
        /// Its name, as in the definition's `limits:`.
        name: String,
        /// Its value, in the unit that its documentation gives.
        value: u64,
    },
    /// The callee ran and returned this failure.
    #[error(transparent)]
    Failed(Failure),
    /// The callee's code trapped.
    #[error("{message}")]
    Trapped {
        /// What happened: `wasm trap: out of bounds memory access`.
        message: String,
        /// The callee's functions, innermost first, as far as their names are known.
        backtrace: Vec<String>,
    },
    /// The callee ran out of time.
    #[error("it ran out of its {after_ms} ms")]
    TimedOut {
        /// Its allowance in milliseconds.
        after_ms: u64,
    },
    /// The callee was stopped because its caller, or a person, wanted no more of it.
    #[error("it was cancelled")]
    Cancelled,
}

impl CallError {
    /// Returns a short word for programs: the case's name, as in the contract, or the
    /// callee's own code where it returned a failure.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::NotFound { .. } => "not-found",
            Self::InvalidInput { .. } => "invalid-input",
            Self::Denied { .. } => "denied",
            Self::LockTimeout { .. } => "lock-timeout",
            Self::Deadlock { .. } => "deadlock",
            Self::Cycle { .. } => "cycle",
            Self::Limit { .. } => "limit",
            Self::Failed(failure) => &failure.code,
            Self::Trapped { .. } => "trapped",
            Self::TimedOut { .. } => "timed-out",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns what else a program may want to know.
    fn details(&self) -> Option<Value> {
        match self {
            Self::NotFound { kind, name } => Some(json!({"kind": kind, "name": name})),
            Self::InvalidInput { violations } => Some(json!({"violations": violations})),
            Self::LockTimeout {
                resource,
                holders,
                waited_ms,
            } => Some(json!({"resource": resource, "holders": holders, "waited_ms": waited_ms})),
            Self::Deadlock { ours, theirs } => Some(json!({"ours": ours, "theirs": theirs})),
            Self::Cycle { names } => Some(json!({"names": names})),
            Self::Limit { name, value } => Some(json!({"name": name, "value": value})),
            Self::Failed(failure) => failure.details.clone(),
            Self::Trapped { backtrace, .. } => Some(json!({"backtrace": backtrace})),
            Self::TimedOut { after_ms } => Some(json!({"after_ms": after_ms})),
            Self::Denied { .. } | Self::Cancelled => None,
        }
    }
}

/// Passes the error on: the code stays, and the callee's own where it returned a
/// failure. Whether the *caller's* writes are kept is the caller's to say, so a
/// callee's `keep_writes` does not come along.
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
    /// The type declares no resource, or no file, of this name.
    #[error("no resource or file named `{spec}` is declared")]
    Undeclared {
        /// The name that was given.
        spec: String,
    },
    /// The content is no JSON, or violates the resource's schema.
    #[error(
        "the content does not fit the resource's schema: {}",
        joined(violations, "; ")
    )]
    InvalidContent {
        /// Where, and what is wrong there.
        violations: Vec<Violation>,
    },
    /// A name, a tag or a media type is none: empty, too long, or with a control character.
    #[error("{reason}")]
    InvalidName {
        /// Which of them, and what is wrong with it.
        reason: String,
    },
    /// The method is of kind `read`, and tried to write.
    #[error("a method of kind `read` cannot write")]
    ReadOnly,
    /// This method may not do that: read the other model, or delete data without being of
    /// kind `delete`.
    #[error("{reason}")]
    Denied {
        /// What was denied, and what would allow it.
        reason: String,
    },
    /// There is no model of this name.
    #[error("no model named `{model}`")]
    ModelNotFound {
        /// The name that was given.
        model: String,
    },
    /// A limit was reached.
    #[error("the limit `{name}` of {value} was reached")]
    Limit {
        /// Its name, as in the definition's `limits:`.
        name: String,
        /// Its value, in the unit that its documentation gives.
        value: u64,
    },
    /// The file was finished before.
    #[error("the file was finished before")]
    Finished,
    /// What was read does not fit the Rust type that it was to become: perhaps an
    /// earlier version of the model type wrote it.
    #[error("`{name}` of model `{model}` is not what was expected: {message}")]
    UnexpectedContent {
        /// Whose data it is.
        model: String,
        /// Which data.
        name: String,
        /// What does not fit.
        message: String,
    },
}

impl DataError {
    /// Returns a short word for programs: the case's name, as in the contract.
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
            Self::UnexpectedContent { .. } => "unexpected-content",
        }
    }

    /// Returns what else a program may want to know.
    fn details(&self) -> Option<Value> {
        match self {
            Self::Undeclared { spec } => Some(json!({"spec": spec})),
            Self::InvalidContent { violations } => Some(json!({"violations": violations})),
            Self::ModelNotFound { model } => Some(json!({"model": model})),
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

/// Lets a file be written with the methods of [`io::Write`].
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
