//! The errors of the contract. Generated from wit and wit/errors.json. Do not edit.

use serde_json::{Value, json};

use super::{CheckFailure, TargetKind, Violation, joined};
use crate::Failure;

/// Why a nested call has no outcome.
///
/// The host never ends the caller because of a callee's error. Match the cases that you can handle, and pass the others on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is no such model, or its type has no such method.
    #[error("no {kind} named `{name}`")]
    NotFound {
        /// What is missing.
        kind: TargetKind,
        /// The requested name.
        name: String,
    },
    /// The arguments are not JSON or violate the method's schema. The callee did not run.
    #[error("the arguments do not fit the method's schema: {}", joined(violations, "; "))]
    InvalidInput {
        /// The violations.
        violations: Vec<Violation>,
    },
    /// The caller may not call this model or method. The text explains why.
    #[error("{reason}")]
    Denied {
        /// What was refused or has happened, and what would change that, for the user.
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
    /// Waiting for the lock would have closed a cycle. The callee did not run. The host
    /// returns this error only if it cannot roll a call back and retry it: because the call has
    /// had an external effect, because a committed nested call has read what the call had
    /// staged, or because the retry made another nested call than before (`difference`).
    #[error("{} and {} wait for each other{}", joined(ours, " > "), joined(theirs, " > "), difference.as_ref().map_or_else(String::new, |it| format!("; {it}")))]
    Deadlock {
        /// The chain from the run down to the call that requested the lock.
        ours: Vec<String>,
        /// The chain of the lineage that waits for this one.
        theirs: Vec<String>,
        /// Set if the callee was rolled back and retried, and the retry made another nested call
        /// than before: a sentence that says which.
        difference: Option<String>,
    },
    /// The callee changed data that another call has changed since the callee read it: a
    /// nested call of the callee, a `sedge` that a command of it started, or another
    /// observation beside a callee of kind `observe` that had published data. None of the
    /// callee's changes were committed.
    #[error("{reason}")]
    ChangedMeanwhile {
        /// The name of the data.
        name: String,
        /// What happened to it. The text names the call that wrote it.
        reason: String,
    },
    /// The definitions of the target refer to each other in a cycle; these are the names in
    /// it. Reserved for workflows that run workflows.
    #[error("it depends on itself: {}", joined(names, " > "))]
    Cycle {
        /// The names in the cycle.
        names: Vec<String>,
    },
    /// The callee or the run reached a limit.
    #[error("the limit `{name}` of {value} was reached")]
    Limit {
        /// The name of the limit: `memory-bytes`, `cpu-seconds`, `call-depth`, `calls-per-run`,
        /// `calls-per-call`, `parallel-calls`, `host-calls`, `host-bytes`, `json-bytes`,
        /// `staged-bytes`, `file-bytes`, `open-files`, `handles`, `live-instances` or `sealed-bytes`.
        /// The operator can set all of them except `json-bytes`, `handles`, `live-instances` and
        /// `sealed-bytes`.
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
        /// The guest's functions, innermost first, if their names are known. If the component has
        /// debug info (DWARF), they have positions in the source: `sink::run at src/lib.rs:7:5`.
        backtrace: Vec<String>,
    },
    /// Checks of the callee's type failed, so its method did not run. All of them are listed.
    #[error("{}", joined(failures, "; "))]
    ChecksFailed {
        /// All checks that failed.
        failures: Vec<CheckFailure>,
    },
    /// The callee exceeded its deadline. The value is its time limit in milliseconds.
    #[error("it was stopped after {after_ms} ms, at its deadline")]
    TimedOut {
        /// The time limit in milliseconds.
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
            Self::Denied { .. }
            | Self::Cancelled => None,
            Self::LockTimeout { resource, holders, waited_ms } => Some(json!({"resource": resource, "holders": holders, "waited_ms": waited_ms})),
            Self::Deadlock { ours, theirs, difference } => {
                let mut details = json!({"ours": ours, "theirs": theirs});
                if let Some(difference) = difference {
                    details["difference"] = json!(difference);
                }
                Some(details)
            }
            Self::ChangedMeanwhile { name, .. } => Some(json!({"name": name})),
            Self::Cycle { names } => Some(json!({"names": names})),
            Self::Limit { name, value } => Some(json!({"name": name, "value": value})),
            Self::Failed(failure) => failure.details.clone(),
            Self::Trapped { backtrace, .. } => Some(json!({"backtrace": backtrace})),
            Self::ChecksFailed { failures } => Some(json!({"failures": failures})),
            Self::TimedOut { after_ms } => Some(json!({"after_ms": after_ms})),
        }
    }
}

/// Passes the error on with its code, message and details. `keep_writes` is not set, because
/// each call decides on its own writes.
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
    #[error("the content does not fit the resource's schema: {}", joined(violations, "; "))]
    InvalidContent {
        /// The violations.
        violations: Vec<Violation>,
    },
    /// The name, a tag or a media type is not valid. The text explains why.
    #[error("{reason}")]
    InvalidName {
        /// What was refused or has happened, and what would change that, for the user.
        reason: String,
    },
    /// The method is of kind `read`, or the plugin is describing itself.
    #[error("a method of kind `read` cannot write")]
    ReadOnly,
    /// The plugin may not do this. The text explains why.
    #[error("{reason}")]
    Denied {
        /// What was refused or has happened, and what would change that, for the user.
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
        /// The name of the limit: `memory-bytes`, `cpu-seconds`, `call-depth`, `calls-per-run`,
        /// `calls-per-call`, `parallel-calls`, `host-calls`, `host-bytes`, `json-bytes`,
        /// `staged-bytes`, `file-bytes`, `open-files`, `handles`, `live-instances` or `sealed-bytes`.
        /// The operator can set all of them except `json-bytes`, `handles`, `live-instances` and
        /// `sealed-bytes`.
        name: String,
        /// The value of the limit, in the unit of its documentation.
        value: u64,
    },
    /// The file is finished already.
    #[error("the file was finished before")]
    Finished,
    /// A caller of this call has staged the name. That call has to `publish` before it makes the
    /// nested call.
    #[error("`{name}` is staged by the call `{call}`, which this call is a part of: that call has to `publish` it before it makes the nested call")]
    StagedByAncestor {
        /// The name of the data.
        name: String,
        /// The call that has staged it.
        call: String,
    },
    /// The name has another latest version than the one that this call builds on. `publish`
    /// committed nothing, and what was staged is discarded. Read the name again, and write it
    /// again.
    #[error("{reason}")]
    ChangedMeanwhile {
        /// The name of the data.
        name: String,
        /// What happened to it. The text names the call that wrote it.
        reason: String,
    },
    /// The lifetime or the number of versions to keep is not valid. The text explains why.
    #[error("{reason}")]
    InvalidRetention {
        /// What was refused or has happened, and what would change that, for the user.
        reason: String,
    },
    /// An expression of a query is not valid, or is wrong for each version on which it was
    /// evaluated.
    #[error("the {expression} of the query is wrong at {line}:{column}: {message}")]
    InvalidQuery {
        /// `predicate` or `select`.
        expression: String,
        /// The line of the fault in the expression, from 1.
        line: u32,
        /// The column of the fault in that line, in characters from 1.
        column: u32,
        /// A message for the user.
        message: String,
        /// What to write instead, if that is known.
        hint: Option<String>,
    },
    /// The content does not fit the requested type of the language. An earlier version of the model type may have written it.
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
            Self::InvalidRetention { .. } => "invalid-retention",
            Self::InvalidQuery { .. } => "invalid-query",
            Self::UnexpectedContent { .. } => "unexpected-content",
        }
    }

    /// Returns the details of the error, for programs.
    fn details(&self) -> Option<Value> {
        match self {
            Self::Undeclared { spec } => Some(json!({"spec": spec})),
            Self::InvalidContent { violations } => Some(json!({"violations": violations})),
            Self::InvalidName { .. }
            | Self::ReadOnly
            | Self::Denied { .. }
            | Self::Finished
            | Self::InvalidRetention { .. } => None,
            Self::ModelNotFound { model } => Some(json!({"model": model})),
            Self::Limit { name, value } => Some(json!({"name": name, "value": value})),
            Self::StagedByAncestor { name, call } => Some(json!({"name": name, "call": call})),
            Self::ChangedMeanwhile { name, .. } => Some(json!({"name": name})),
            Self::InvalidQuery { expression, line, column, hint, .. } => Some(json!({"expression": expression, "line": line, "column": column, "hint": hint})),
            Self::UnexpectedContent { model, name, .. } => Some(json!({"model": model, "name": name})),
        }
    }
}

/// Passes the error on with its code, message and details. `keep_writes` is not set, because
/// each call decides on its own writes.
impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        let mut failure = Self::new(error.code(), error.to_string());
        failure.details = error.details();
        failure
    }
}

/// Why a definition was not returned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelsError {
    /// The plugin may not read this model. The text explains that to the user.
    #[error("{reason}")]
    Denied {
        /// What was refused or has happened, and what would change that, for the user.
        reason: String,
    },
    /// No model has this name.
    #[error("no model named `{name}`")]
    NotFound {
        /// The requested name.
        name: String,
    },
    /// The file cannot be read, or has a fault, or two files define the name. The text explains
    /// that to the user.
    #[error("{reason}")]
    Unreadable {
        /// The name of the model, if it is known.
        name: Option<String>,
        /// What was refused or has happened, and what would change that, for the user.
        reason: String,
    },
    /// A limit was reached.
    #[error("the limit `{name}` of {value} was reached")]
    Limit {
        /// The name of the limit: `memory-bytes`, `cpu-seconds`, `call-depth`, `calls-per-run`,
        /// `calls-per-call`, `parallel-calls`, `host-calls`, `host-bytes`, `json-bytes`,
        /// `staged-bytes`, `file-bytes`, `open-files`, `handles`, `live-instances` or `sealed-bytes`.
        /// The operator can set all of them except `json-bytes`, `handles`, `live-instances` and
        /// `sealed-bytes`.
        name: String,
        /// The value of the limit, in the unit of its documentation.
        value: u64,
    },
}

impl ModelsError {
    /// Returns the error's code: the case's name as in the contract.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied { .. } => "denied",
            Self::NotFound { .. } => "not-found",
            Self::Unreadable { .. } => "unreadable",
            Self::Limit { .. } => "limit",
        }
    }

    /// Returns the details of the error, for programs.
    fn details(&self) -> Option<Value> {
        match self {
            Self::Denied { .. } => None,
            Self::NotFound { name } => Some(json!({"kind": "model", "name": name})),
            Self::Unreadable { name, .. } => name.as_ref().map(|name| json!({"name": name})),
            Self::Limit { name, value } => Some(json!({"name": name, "value": value})),
        }
    }
}

/// Passes the error on with its code, message and details. `keep_writes` is not set, because
/// each call decides on its own writes.
impl From<ModelsError> for Failure {
    fn from(error: ModelsError) -> Self {
        let mut failure = Self::new(error.code(), error.to_string());
        failure.details = error.details();
        failure
    }
}

/// Why there is no run of a workflow. Nothing has happened then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkflowError {
    /// No workflow has this name.
    #[error("no workflow named `{name}`")]
    NotFound {
        /// The requested name.
        name: String,
    },
    /// The inputs are not JSON, or violate the schema of the workflow.
    #[error("the inputs do not fit the workflow's schema: {}", joined(violations, "; "))]
    InvalidInput {
        /// The violations.
        violations: Vec<Violation>,
    },
    /// The plugin may not run this workflow. The text explains that to the user.
    #[error("{reason}")]
    Denied {
        /// What was refused or has happened, and what would change that, for the user.
        reason: String,
    },
    /// The workflow cannot run: its file, one of its models or a plugin has a fault, it needs the
    /// whole datastore for itself (`exclusive`), its inputs contain a secret, or workflows are
    /// nested more than 16 deep. The text says which.
    #[error("{reason}")]
    Refused {
        /// What was refused or has happened, and what would change that, for the user.
        reason: String,
    },
    /// A limit was reached: `calls-per-run`, `calls-per-call`, `parallel-calls` or `json-bytes`.
    #[error("the limit `{name}` of {value} was reached")]
    Limit {
        /// The name of the limit: `memory-bytes`, `cpu-seconds`, `call-depth`, `calls-per-run`,
        /// `calls-per-call`, `parallel-calls`, `host-calls`, `host-bytes`, `json-bytes`,
        /// `staged-bytes`, `file-bytes`, `open-files`, `handles`, `live-instances` or `sealed-bytes`.
        /// The operator can set all of them except `json-bytes`, `handles`, `live-instances` and
        /// `sealed-bytes`.
        name: String,
        /// The value of the limit, in the unit of its documentation.
        value: u64,
    },
}

impl WorkflowError {
    /// Returns the error's code: the case's name as in the contract.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not-found",
            Self::InvalidInput { .. } => "invalid-input",
            Self::Denied { .. } => "denied",
            Self::Refused { .. } => "refused",
            Self::Limit { .. } => "limit",
        }
    }

    /// Returns the details of the error, for programs.
    fn details(&self) -> Option<Value> {
        match self {
            Self::NotFound { name } => Some(json!({"kind": "workflow", "name": name})),
            Self::InvalidInput { violations } => Some(json!({"violations": violations})),
            Self::Denied { .. }
            | Self::Refused { .. } => None,
            Self::Limit { name, value } => Some(json!({"name": name, "value": value})),
        }
    }
}

/// Passes the error on with its code, message and details. `keep_writes` is not set, because
/// each call decides on its own writes.
impl From<WorkflowError> for Failure {
    fn from(error: WorkflowError) -> Self {
        let mut failure = Self::new(error.code(), error.to_string());
        failure.details = error.details();
        failure
    }
}

/// Why a command was not run, or did not end by itself. Each case has the command's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The plugin does not request it, or it was not granted. The text explains that to the
    /// user.
    #[error("{message}")]
    Denied {
        /// The command.
        command: String,
        /// What has happened, for the user.
        message: String,
    },
    /// The operator has not pinned a program under this name. The text explains how.
    #[error("{message}")]
    NotPinned {
        /// The command.
        command: String,
        /// What has happened, for the user.
        message: String,
    },
    /// The pin does not allow these arguments. The text explains why.
    #[error("{message}")]
    ArgumentsRefused {
        /// The command.
        command: String,
        /// What has happened, for the user.
        message: String,
    },
    /// The pin does not allow the folder or a variable. The text explains why.
    #[error("{message}")]
    OptionsRefused {
        /// The command.
        command: String,
        /// What has happened, for the user.
        message: String,
    },
    /// A limit was reached: the call runs too many programs at once.
    #[error("the command `{command}` was not started: the limit `{name}` of {value} was reached")]
    Limit {
        /// The command.
        command: String,
        /// The name of the limit: `memory-bytes`, `cpu-seconds`, `call-depth`, `calls-per-run`,
        /// `calls-per-call`, `parallel-calls`, `host-calls`, `host-bytes`, `json-bytes`,
        /// `staged-bytes`, `file-bytes`, `open-files`, `handles`, `live-instances` or `sealed-bytes`.
        /// The operator can set all of them except `json-bytes`, `handles`, `live-instances` and
        /// `sealed-bytes`.
        name: String,
        /// The value of the limit, in the unit of its documentation.
        value: u64,
    },
    /// It ran longer than the pin allows, which is this many milliseconds, and was killed.
    #[error("the command `{command}` was killed after {after_ms} ms, the time limit of its pin")]
    TimedOut {
        /// The command.
        command: String,
        /// The time limit in milliseconds.
        after_ms: u64,
    },
    /// It could not be started. The text explains why.
    #[error("{message}")]
    NotStarted {
        /// The command.
        command: String,
        /// What has happened, for the user.
        message: String,
    },
}

impl CommandError {
    /// Returns the error's code: the case's name as in the contract.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied { .. } => "denied",
            Self::NotPinned { .. } => "not-pinned",
            Self::ArgumentsRefused { .. } => "arguments-refused",
            Self::OptionsRefused { .. } => "options-refused",
            Self::Limit { .. } => "limit",
            Self::TimedOut { .. } => "timed-out",
            Self::NotStarted { .. } => "not-started",
        }
    }

    /// Returns the details of the error, for programs.
    fn details(&self) -> Option<Value> {
        match self {
            Self::Denied { command, .. }
            | Self::NotPinned { command, .. }
            | Self::ArgumentsRefused { command, .. }
            | Self::OptionsRefused { command, .. }
            | Self::TimedOut { command, .. }
            | Self::NotStarted { command, .. } => Some(json!({"command": command})),
            Self::Limit { command, name, value } => Some(json!({"command": command, "name": name, "value": value})),
        }
    }
}

/// Passes the error on with its code, message and details. `keep_writes` is not set, because
/// each call decides on its own writes.
impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        let mut failure = Self::new(error.code(), error.to_string());
        failure.details = error.details();
        failure
    }
}
