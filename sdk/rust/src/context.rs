//! What a method can do besides computing: call, log, ask who it is. What it can do with
//! data is in `data.rs` and `file.rs`.

use std::cell::OnceCell;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::sedge::model::{calls, context, log};
use crate::{CallError, Failure, Outcome, Pending, Violation};

/// A call's place in the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The model whose method runs.
    pub model: String,
    /// The type of that model.
    pub type_name: String,
    /// The method that runs.
    pub method: String,
    /// The run that this call belongs to.
    pub run: String,
    /// This call: the run and the call's ordinals on the way down, `k3v9q2x8w1mz/1/2`.
    pub call: String,
    /// The workflow step that it is part of, if any.
    pub step: Option<String>,
}

/// How much a line of the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For one who follows every step.
    Trace,
    /// For one who looks for a fault.
    Debug,
    /// Worth knowing.
    Info,
    /// Something may be wrong.
    Warn,
    /// Something is wrong.
    Error,
}

/// What a method can do besides computing. The host lends it to a method for one call.
#[derive(Debug)]
pub struct Context {
    global_arguments: String,
    identity: OnceCell<Identity>,
}

impl Context {
    pub(crate) fn new(global_arguments: String) -> Self {
        Self {
            global_arguments,
            identity: OnceCell::new(),
        }
    }

    /// Returns what the model's definition gives to every method.
    ///
    /// # Errors
    /// They do not fit `G`. The host has checked them against the schema of the type
    /// that [`Model::global_arguments`](crate::Model::global_arguments) was given, so
    /// this happens only for another type.
    pub fn global_arguments<G: DeserializeOwned>(&self) -> Result<G, Failure> {
        serde_json::from_str(&self.global_arguments)
            .map_err(|error| Failure::new("invalid-global-arguments", error.to_string()))
    }

    /// Returns who this call is.
    pub fn identity(&self) -> &Identity {
        self.identity.get_or_init(|| Identity::from(context::who()))
    }

    /// Returns how long this call may still run.
    pub fn deadline_left(&self) -> Duration {
        Duration::from_millis(context::deadline_left_ms())
    }

    /// Returns where a folder is that the plugin asks for: open the files below it with
    /// [`std::fs`].
    ///
    /// # Errors
    /// `denied`: the operator did not grant it. The message says what would.
    pub fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = context::folder(name).map_err(denied)?;
        Ok(path.into())
    }

    /// Returns the value of a variable of the environment that the plugin asks for; none if
    /// it is not set.
    ///
    /// # Errors
    /// `denied`: the operator did not grant it. The message says what would.
    pub fn variable(&self, name: &str) -> Result<Option<String>, Failure> {
        context::variable(name).map_err(denied)
    }
}

pub(crate) fn denied(reason: String) -> Failure {
    Failure::new("denied", reason)
}

/// Nested calls.
impl Context {
    /// Calls a method of a model, also of this one, and waits for its outcome.
    ///
    /// The callee runs with its own permissions and commits by itself when it succeeds:
    /// what it wrote stays, even if this call fails later.
    ///
    /// # Errors
    /// Why the call has no outcome.
    pub fn call(
        &self,
        target: &str,
        method: &str,
        arguments: &impl Serialize,
    ) -> Result<Outcome, CallError> {
        let arguments = arguments_to_text(arguments)?;
        Outcome::try_from(calls::call(target, method, &arguments)?)
    }

    /// Starts a call and goes on, so that several run at once.
    ///
    /// What is wrong with the target or its arguments is told by [`Pending::wait`].
    pub fn start(&self, target: &str, method: &str, arguments: &impl Serialize) -> Pending {
        Pending::start(target, method, arguments_to_text(arguments))
    }
}

/// The log of this call, for people. It is kept whether the call succeeds or fails.
impl Context {
    /// Adds a line with named values beside it.
    pub fn log(&self, level: Level, message: impl fmt::Display, fields: &[(&str, Value)]) {
        let fields: Vec<log::Field> = fields
            .iter()
            .map(|(key, value)| log::Field {
                key: (*key).to_owned(),
                value: value.to_string(),
            })
            .collect();
        log::log(level.into(), &message.to_string(), &fields);
    }

    /// Says something for one who looks for a fault.
    pub fn debug(&self, message: impl fmt::Display) {
        self.log(Level::Debug, message, &[]);
    }

    /// Says something worth knowing.
    pub fn info(&self, message: impl fmt::Display) {
        self.log(Level::Info, message, &[]);
    }

    /// Says that something may be wrong.
    pub fn warn(&self, message: impl fmt::Display) {
        self.log(Level::Warn, message, &[]);
    }

    /// Says that something is wrong.
    pub fn error(&self, message: impl fmt::Display) {
        self.log(Level::Error, message, &[]);
    }
}

fn arguments_to_text(arguments: &impl Serialize) -> Result<String, CallError> {
    serde_json::to_string(arguments).map_err(|error| CallError::InvalidInput {
        violations: Violation::of_whole(error),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn arguments_that_are_no_json_are_an_invalid_input() {
        let error = arguments_to_text(&HashMap::from([((1, 2), 3)])).expect_err("no JSON key");
        assert_eq!(error.code(), "invalid-input");
    }

    #[test]
    fn global_arguments_are_typed() {
        let cx = Context::new(r#"{"region": "eu"}"#.into());
        let typed: HashMap<String, String> = cx.global_arguments().expect("they fit");
        assert_eq!(typed["region"], "eu");
        let failure = cx.global_arguments::<u8>().expect_err("no number");
        assert_eq!(failure.code, "invalid-global-arguments");
    }
}
