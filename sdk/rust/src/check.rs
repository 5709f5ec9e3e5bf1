//! Checks that run before methods: their scope, and the call that they decide on.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::exports::sedge::model::model::Invocation;
use crate::{Context, Failure};

/// The methods before which a check runs, and the labels by which a user can skip it.
///
/// Without a method, the check runs before all methods of a kind other than `Read`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckScope {
    pub(crate) methods: Vec<String>,
    pub(crate) labels: Vec<String>,
}

impl CheckScope {
    /// Returns the scope of a check that runs before all methods that change something.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits the check to this method, and to others that are added in the same way. A method of
    /// kind `Read` or `Observe` has no checks.
    #[must_use]
    pub fn method(mut self, name: &str) -> Self {
        self.methods.push(name.to_owned());
        self
    }

    /// Adds a label, for example `network`. A user can skip all checks of a label at once.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.labels.push(label.to_owned());
        self
    }
}

/// The call that a check decides on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedCall {
    /// The method that is about to run.
    pub method: String,
    arguments: String,
}

impl CheckedCall {
    /// Splits a request of the host into the context of the check and the call.
    pub(crate) fn new(call: Invocation) -> (Context, Self) {
        let checked = Self {
            method: call.method,
            arguments: call.arguments,
        };
        (Context::new(call.global_arguments), checked)
    }

    /// Returns the arguments of the call.
    ///
    /// # Errors
    /// The arguments do not fit `A`. The host has checked them against the schema of the method,
    /// so this happens only if `A` is another type than that of the method.
    pub fn arguments<A: DeserializeOwned>(&self) -> Result<A, Failure> {
        serde_json::from_str(&self.arguments)
            .map_err(|error| Failure::new("invalid-arguments", error.to_string()))
    }

    /// Returns one argument of the call, or null if it has none of this name.
    #[must_use]
    pub fn argument(&self, name: &str) -> Value {
        let arguments: Value = serde_json::from_str(&self.arguments).unwrap_or_default();
        arguments.get(name).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn check_sees_the_arguments_of_the_call() {
        let (cx, call) = CheckedCall::new(Invocation {
            method: "deploy".to_owned(),
            arguments: r#"{"n": 3}"#.to_owned(),
            global_arguments: r#"{"region": "eu"}"#.to_owned(),
        });
        assert_eq!(call.method, "deploy");
        assert_eq!(call.argument("n"), json!(3));
        assert_eq!(call.argument("m"), Value::Null);
        let typed: BTreeMap<String, u8> = call.arguments().expect("they fit");
        assert_eq!(typed["n"], 3);
        let globals: BTreeMap<String, String> = cx.global_arguments().expect("they fit");
        assert_eq!(globals["region"], "eu");
    }
}
