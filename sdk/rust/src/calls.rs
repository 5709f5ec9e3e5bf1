//! Nested calls: what they leave behind, and how to wait for them.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::sedge::model::calls;
use crate::{CallError, Failure};

/// A version that a call wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The name of the data.
    pub name: String,
    /// The version that the write got.
    pub version: u64,
}

/// What a successful call leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the method returned.
    pub value: Value,
    /// What it wrote, in order. Not what its own callees wrote.
    pub written: Vec<Written>,
}

impl Outcome {
    /// Returns what the method returned, as a `T`.
    ///
    /// # Errors
    /// The value does not fit `T`.
    pub fn value_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.value)
    }
}

impl TryFrom<calls::Outcome> for Outcome {
    type Error = CallError;

    fn try_from(wire: calls::Outcome) -> Result<Self, CallError> {
        Ok(Self {
            // The host passes on only what it has parsed itself.
            value: serde_json::from_str(&wire.value)
                .map_err(|error| CallError::Failed(Failure::from(error)))?,
            written: wire.written.into_iter().map(Written::from).collect(),
        })
    }
}

/// A call that was started and may still run.
///
/// Dropping it, also by returning from the method, cancels a call that has not ended:
/// what it wrote is undone.
#[derive(Debug)]
#[must_use = "dropping a call cancels it"]
pub struct Pending(Result<calls::Pending, CallError>);

impl Pending {
    /// Starts a call, or remembers why there is nothing to start.
    pub(crate) fn start(target: &str, method: &str, arguments: Result<String, CallError>) -> Self {
        Self(arguments.map(|arguments| calls::start(target, method, &arguments)))
    }

    /// Waits until the call has ended.
    ///
    /// # Errors
    /// Why the call has no outcome, also what is wrong with its target or arguments.
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
    fn an_outcome_has_a_typed_value() {
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
    fn a_call_with_unspeakable_arguments_fails_when_it_is_waited_for() {
        let pending = Pending::start("sink", "run", Err(CallError::Cancelled));
        assert_eq!(pending.wait(), Err(CallError::Cancelled));
    }
}
