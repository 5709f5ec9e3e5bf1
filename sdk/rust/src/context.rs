//! What a method can do besides computing: nested calls, logging, and access to its identity,
//! folders and variables. Data is in `data.rs` and `file.rs`.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::host::{Pollable, calls, clock, context, log, poll, timer};
use crate::{CallError, Failure, Folder, Outcome, Pending, Violation};

/// The identity of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The model that is called.
    pub model: String,
    /// The `id` of the model's definition, which stays the same when the model gets another name;
    /// the model's name if the definition has no `id`.
    pub model_id: String,
    /// The type of that model.
    pub type_name: String,
    /// The version of that type: the one given to [`Model::new`](crate::Model::new).
    pub type_version: String,
    /// The tags of the model's definition.
    pub tags: BTreeMap<String, String>,
    /// The method that is called.
    pub method: String,
    /// The run that the call belongs to.
    pub run: String,
    /// The call: its run and the ordinals of the calls that lead to it, for example
    /// `k3v9q2x8w1mz/1/2`.
    pub call: String,
    /// The workflow step that the call belongs to, or `None`.
    pub step: Option<String>,
}

/// The level of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Each step, for users who follow the details.
    Trace,
    /// Details for users who look for a fault.
    Debug,
    /// Information worth knowing.
    Info,
    /// Something may be wrong.
    Warn,
    /// Something is wrong.
    Error,
}

/// What a method can do besides computing. A method receives it for one call.
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

    /// Returns the global arguments of the model's definition.
    ///
    /// # Errors
    /// The arguments do not fit `G`. The host has checked them against the schema of the type
    /// given to [`Model::global_arguments`](crate::Model::global_arguments), so this happens only
    /// if `G` is another type.
    pub fn global_arguments<G: DeserializeOwned>(&self) -> Result<G, Failure> {
        serde_json::from_str(&self.global_arguments)
            .map_err(|error| Failure::new("invalid-global-arguments", error.to_string()))
    }

    /// Returns the identity of this call.
    pub fn identity(&self) -> &Identity {
        self.identity.get_or_init(|| Identity::from(context::who()))
    }

    /// Returns the time that is left until the deadline of this call.
    pub fn deadline_left(&self) -> Duration {
        Duration::from_millis(context::deadline_left_ms())
    }

    /// Returns whether this call is asked to end: a user cancels its run, or the process is asked
    /// to end. The deadline is no such request.
    pub fn is_cancelled(&self) -> bool {
        context::cancelled()
    }

    /// Returns what becomes ready once this call is asked to end.
    ///
    /// From then on, the host gives the call one second to end by itself, for example to close a
    /// session at the other side. How it ends makes no difference: its outcome is `cancelled`, and
    /// its writes are discarded. A call that does not use this function is stopped at once.
    pub fn cancellation(&self) -> Cancellation {
        Cancellation(context::subscribe_cancellation())
    }

    /// Returns a folder that the plugin requests.
    ///
    /// ```no_run
    /// use sedge_sdk::{Context, Failure};
    ///
    /// fn first_line(cx: &Context) -> Result<Option<String>, Failure> {
    ///     let text = cx.folder("reports")?.read_to_string("2026/december.csv")?;
    ///     Ok(text.lines().next().map(str::to_owned))
    /// }
    /// ```
    ///
    /// # Errors
    /// `denied`: the operator did not grant it. The message says how to grant it.
    pub fn folder(&self, name: &str) -> Result<Folder, Failure> {
        let path = context::folder(name).map_err(denied)?;
        Ok(Folder::new(name, path))
    }

    /// Returns the time, to a millisecond. In a test it is that of the test's clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        clock::now()
    }

    /// Waits. In a test, the test's clock advances instead.
    pub fn sleep(&self, time: Duration) {
        clock::sleep(time);
    }

    /// Returns the value of an environment variable that the plugin requests. Returns `None` if it
    /// is not set.
    ///
    /// # Errors
    /// `denied`: the operator did not grant it. The message says how to grant it.
    pub fn variable(&self, name: &str) -> Result<Option<String>, Failure> {
        context::variable(name).map_err(denied)
    }
}

/// The request that a call ends, as [`Context::cancellation`] returns it.
#[derive(Debug)]
pub struct Cancellation(Pollable);

impl Cancellation {
    /// Waits until the call is asked to end.
    pub fn wait(&self) {
        self.0.block();
    }

    /// Waits until the call is asked to end, at most for this time. Returns whether it was.
    #[must_use]
    pub fn wait_for(&self, time: Duration) -> bool {
        poll(&[&self.0, &timer(time)]).contains(&0)
    }

    /// Returns whether the call is asked to end.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.ready()
    }

    /// Returns the pollable, for `wasi:io/poll.poll` together with others.
    #[must_use]
    pub fn pollable(&self) -> &Pollable {
        &self.0
    }
}

pub(crate) fn denied(reason: String) -> Failure {
    Failure::new("denied", reason)
}

/// Nested calls.
impl Context {
    /// Calls a method of another model or of this one, and waits for the outcome.
    ///
    /// The callee runs with its own permissions, and its writes are committed when it succeeds.
    /// They are kept even if this call fails later.
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

    /// Starts a call and continues, so that several calls can run in parallel.
    ///
    /// [`Pending::wait`] reports errors of the target and of the arguments.
    pub fn start(&self, target: &str, method: &str, arguments: &impl Serialize) -> Pending {
        Pending::start(target, method, arguments_to_text(arguments))
    }
}

/// The log of this call, for users. It is stored whether the call succeeds or fails.
impl Context {
    /// Adds a line with named values.
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

    /// Logs details for users who look for a fault.
    pub fn debug(&self, message: impl fmt::Display) {
        self.log(Level::Debug, message, &[]);
    }

    /// Logs information.
    pub fn info(&self, message: impl fmt::Display) {
        self.log(Level::Info, message, &[]);
    }

    /// Logs that something may be wrong.
    pub fn warn(&self, message: impl fmt::Display) {
        self.log(Level::Warn, message, &[]);
    }

    /// Logs that something is wrong.
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
    fn arguments_that_are_not_json_are_invalid_input() {
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
