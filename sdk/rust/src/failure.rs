//! The failure that a method returns.

use std::{fmt, io};

use serde::Serialize;
use serde_json::Value;

use crate::bindings::sedge::model::types;
use crate::{DataError, HttpError};

/// The error of a method.
///
/// The writes of a failed call are discarded, unless [`keep_writes`](Self::keep_writes) is set.
/// [`CallError`](crate::CallError), [`CommandError`](crate::CommandError), [`DataError`],
/// [`HttpError`], [`io::Error`] and [`serde_json::Error`] convert into a failure, so that `?`
/// works in a method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Failure {
    /// A short word for programs, in kebab-case, for example `not-reachable`.
    pub code: String,
    /// A sentence for the user.
    pub message: String,
    /// Details for programs.
    pub details: Option<Value>,
    /// Where it occurred, innermost first, as far as the plugin knows; see
    /// [`with_stack`](Self::with_stack).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<String>,
    /// Whether the writes of the failed call are committed.
    pub keep_writes: bool,
}

impl Failure {
    /// Returns a failure that discards the writes of the call.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            details: None,
            stack: Vec::new(),
            keep_writes: false,
        }
    }

    /// Adds details for programs.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<Value>) -> Self {
        self.details = Some(details.into());
        self
    }

    /// Says where the failure occurred: one line for each frame, innermost first, for example
    /// `run at app.lua:12`. The user sees the first one in the error, and all of them with
    /// `sedge run show --backtrace`.
    ///
    /// This is for plugins that run scripts of their own: Sedge itself finds the frames of a panic.
    /// It retains at most 32 frames.
    #[must_use]
    pub fn with_stack(mut self, frames: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.stack = frames.into_iter().map(Into::into).collect();
        self
    }

    /// Commits the writes of the call although it fails.
    #[must_use]
    pub fn keep_writes(mut self) -> Self {
        self.keep_writes = true;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new("invalid-json", error.to_string())
    }
}

/// Keeps the [`DataError`] of a file or the [`HttpError`] of a body that the error wraps. Any
/// other error gets the code `io`.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.downcast::<DataError>() {
            Ok(error) => Self::from(error),
            Err(error) => match error.downcast::<HttpError>() {
                Ok(error) => Self::from(error),
                Err(error) => Self::new("io", error.to_string()),
            },
        }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code,
            message: failure.message,
            details: failure.details.map(|details| details.to_string()),
            stack: failure.stack,
            keep_writes: failure.keep_writes,
        }
    }
}

impl From<types::Failure> for Failure {
    fn from(failure: types::Failure) -> Self {
        Self {
            code: failure.code,
            message: failure.message,
            // The host has parsed the details before, so they are JSON. If they were not, the text
            // would still be useful.
            details: failure
                .details
                .map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text))),
            stack: failure.stack,
            keep_writes: failure.keep_writes,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn failure_survives_conversion_to_the_contract_and_back() {
        let failure = Failure::new("not-reachable", "the host is down")
            .with_details(json!({"tries": 3}))
            .with_stack(["connect at net.lua:7", "run at app.lua:12"])
            .keep_writes();
        let wire = types::Failure::from(failure.clone());
        assert_eq!(wire.details.as_deref(), Some(r#"{"tries":3}"#));
        assert_eq!(wire.stack, ["connect at net.lua:7", "run at app.lua:12"]);
        assert!(wire.keep_writes);
        assert_eq!(Failure::from(wire), failure);
    }

    #[test]
    fn json_error_becomes_a_failure() {
        let method = || -> Result<u32, Failure> { Ok(serde_json::from_str("no")?) };
        let failure = method().expect_err("`no` is no number");
        assert_eq!(failure.code, "invalid-json");
        assert!(!failure.keep_writes);
    }

    #[test]
    fn error_of_a_file_keeps_its_code() {
        let method = || -> Result<(), Failure> { Err(io::Error::from(DataError::ReadOnly))? };
        let failure = method().expect_err("it returns the error");
        assert_eq!(failure, Failure::from(DataError::ReadOnly));
        let failure = Failure::from(io::Error::from(io::ErrorKind::InvalidData));
        assert_eq!(failure.code, "io");
    }
}
