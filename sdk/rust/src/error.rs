//! Why a nested call has no outcome, data was not written or read, a workflow has no run, or a
//! command did not end by itself.
//!
//! The enums mirror the contract, and are generated from it. Each case turns into a
//! [`Failure`](crate::Failure) whose code is the case's name, so a method that only passes an error
//! on can use `?`.

// They are generated, and the generator does not run the formatter.
#[rustfmt::skip]
mod generated;
#[rustfmt::skip]
pub mod limits;

use std::{fmt, io};

use serde::Serialize;

pub use generated::{CallError, CommandError, DataError, ModelsError, WorkflowError};

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
