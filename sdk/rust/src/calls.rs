//! Nested calls: their outcomes, and how to wait for them.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::host::{Pollable, calls, poll, timer};
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
    /// Starts a call. If the arguments are not valid, `wait` and `try_wait` return the error.
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

    /// Waits until the call has ended, at most for this time. Returns `None` if it still runs.
    ///
    /// The outcome is returned once; see [`Pending::try_wait`].
    pub fn wait_for(&mut self, time: Duration) -> Option<Result<Outcome, CallError>> {
        poll(&[&self.subscribe(), &timer(time)]);
        self.try_wait()
    }

    /// Returns the outcome if the call has ended, and `None` while it runs.
    ///
    /// The outcome is returned once. After that, and once the call was cancelled, this returns
    /// [`CallError::Cancelled`].
    pub fn try_wait(&mut self) -> Option<Result<Outcome, CallError>> {
        let ended = match &self.0 {
            Ok(pending) => pending.get()?,
            Err(error) => return Some(Err(error.clone())),
        };
        Some(match ended {
            Ok(outcome) => Outcome::try_from(outcome),
            Err(error) => Err(CallError::from(error)),
        })
    }

    /// Cancels the call if it has not ended. This returns at once.
    pub fn cancel(&mut self) {
        if let Ok(pending) = &self.0 {
            pending.cancel();
        }
    }

    /// Returns a pollable that is ready once the call has ended. [`poll`](crate::poll) waits for
    /// several of them, for example for calls, programs and timers.
    #[must_use]
    pub fn subscribe(&self) -> Pollable {
        match &self.0 {
            Ok(pending) => pending.subscribe(),
            // The error can be returned at once.
            Err(_) => timer(Duration::ZERO),
        }
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
        let mut pending = Pending::start("sink", "run", Err(CallError::Cancelled));
        pending.cancel();
        assert_eq!(pending.try_wait(), Some(Err(CallError::Cancelled)));
        assert_eq!(pending.wait(), Err(CallError::Cancelled));
    }
}
