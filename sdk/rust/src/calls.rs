//! Nested calls: their outcomes, and how to wait for them.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::sedge::model::calls;
use crate::{CallError, Failure};

/// A version that a call wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The name of the data.
    pub name: String,
    /// The number of the version.
    pub version: u64,
}

/// The outcome of a successful call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The value that the method returned.
    pub value: Value,
    /// The versions that it wrote, in order, without those of its own callees.
    pub written: Vec<Written>,
}

impl Outcome {
    /// Returns the value that the method returned, as a `T`.
    ///
    /// # Errors
    /// The value cannot be deserialized as `T`.
    pub fn value_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.value)
    }
}

impl TryFrom<calls::Outcome> for Outcome {
    type Error = CallError;

    fn try_from(wire: calls::Outcome) -> Result<Self, CallError> {
        Ok(Self {
            // The host has parsed the value before, so it is JSON.
            value: serde_json::from_str(&wire.value)
                .map_err(|error| CallError::Failed(Failure::from(error)))?,
            written: wire.written.into_iter().map(Written::from).collect(),
        })
    }
}

/// A call that was started and may still run.
///
/// Dropping this value cancels the call if it has not ended. Returning from the method drops it,
/// too. The writes of a cancelled call are discarded.
#[derive(Debug)]
#[must_use = "dropping a call cancels it"]
pub struct Pending(Result<calls::Pending, CallError>);

impl Pending {
    /// Starts a call. If the arguments are not valid, `wait` returns the error.
    pub(crate) fn start(target: &str, method: &str, arguments: Result<String, CallError>) -> Self {
        Self(arguments.map(|arguments| calls::start(target, method, &arguments)))
    }

    /// Waits until the call has ended.
    ///
    /// # Errors
    /// Why the call has no outcome, including errors of its target or arguments.
    pub fn wait(self) -> Result<Outcome, CallError> {
        Outcome::try_from(self.0?.wait()?)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[test]
    fn outcome_has_a_typed_value() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Summary {
            ok: u32,
        }
        let wire = calls::Outcome {
            value: r#"{"ok": 3}"#.into(),
            written: vec![calls::Written {
                name: "record".into(),
                version: 7,
            }],
        };
        let outcome = Outcome::try_from(wire).expect("it is JSON");
        assert_eq!(outcome.value, json!({"ok": 3}));
        assert_eq!(outcome.written[0].version, 7);
        assert_eq!(
            outcome.value_as::<Summary>().expect("it fits"),
            Summary { ok: 3 }
        );
        let error = outcome.value_as::<Vec<u8>>().expect_err("it does not fit");
        assert_eq!(Failure::from(error).code, "invalid-json");
    }

    #[test]
    fn wait_returns_the_error_of_invalid_arguments() {
        let pending = Pending::start("sink", "run", Err(CallError::Cancelled));
        assert_eq!(pending.wait(), Err(CallError::Cancelled));
    }
}
