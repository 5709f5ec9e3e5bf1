//! The interfaces that a guest can import, one module each, and the port through which they reach
//! the rest of the host.
//!
//! An error is either *for the guest*, and then it is part of the contract, or it is the host's
//! own and ends the call. [`Fault`] tells which.

pub(crate) mod calls;
pub(crate) mod commands;
mod context;
pub(crate) mod data;
mod log;
pub(crate) mod secrets;

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use sedge_model::call::{
    CallError, DataKind, LogLine, Outcome, StagedChange, StagedContent, Written,
};
use sedge_model::names::{CommandName, DataName, ModelName, SecretName, SpecName};
use sedge_secrets::SecretValue;
use sedge_sys::command::Output;
use serde_json::Value;

/// The maximum size of one JSON text from a guest, in bytes: arguments, or a resource's content.
/// The guest chooses the length and the host allocates it. A larger record belongs in a file.
pub(crate) const JSON_BYTES_MAX: usize = 4 << 20;

// The interface `types` has no functions.
impl crate::bindings::sedge::model::types::Host for crate::call::CallState {}

/// A future that can be sent between threads and borrows nothing.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The host itself failed. The guest cannot handle this error.
#[derive(Clone)]
pub struct HostError(Arc<dyn std::error::Error + Send + Sync>);

impl HostError {
    /// Wraps an error that ends the call.
    #[must_use]
    pub fn new(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }

    /// Returns the error if it is of type `E`.
    #[must_use]
    pub fn downcast_ref<E: std::error::Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for HostError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// Why a request of a guest failed.
#[derive(Debug)]
pub enum Fault<E> {
    /// The guest receives this error and can continue.
    Guest(E),
    /// The call ends, and so does its run.
    Host(HostError),
}

/// Why a nested call has no outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalleeError {
    /// What the caller is given.
    pub error: CallError,
    /// Whether the call had begun, so that it has a record of its own.
    pub has_begun: bool,
}

impl CalleeError {
    /// Returns the error of a call that could not begin.
    #[must_use]
    pub fn refused(error: CallError) -> Self {
        Self {
            error,
            has_begun: false,
        }
    }

    /// Returns the error of a call that had begun.
    #[must_use]
    pub fn failed(error: CallError) -> Self {
        Self {
            error,
            has_begun: true,
        }
    }
}

/// Why a guest may not read data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataError {
    /// The plugin may not read this model. The text says which grant would allow it.
    Denied(String),
    /// No model has this name.
    ModelNotFound(String),
}

/// One committed version of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceVersion {
    /// Its metadata.
    pub info: VersionInfo,
    /// Its content, as JSON text.
    pub content: String,
}

/// The metadata of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionInfo {
    /// The model that owns it.
    pub model: ModelName,
    /// The name of the data. It differs from the requested name if the data was renamed.
    pub name: DataName,
    /// The kind of data.
    pub kind: DataKind,
    /// The output spec that it was written for.
    pub spec: SpecName,
    /// The version number, from 1. `None` while the version is staged.
    pub version: Option<u64>,
    /// Milliseconds since 1970-01-01T00:00:00Z. `None` while the version is staged.
    pub created_at_ms: Option<u64>,
    /// The media type.
    pub media_type: String,
    /// The size of the content in bytes.
    pub size: u64,
    /// The tags.
    pub tags: BTreeMap<String, String>,
}

/// A file that is being written. Dropping it discards the file.
pub trait FileSink: Send {
    /// Appends bytes.
    ///
    /// # Errors
    /// The disk is full, or the write fails.
    fn write(&mut self, bytes: &[u8]) -> Result<(), HostError>;

    /// Makes the content durable and returns it, ready to be staged. Blocks the thread until the
    /// disk has synced.
    ///
    /// # Errors
    /// The sync fails.
    fn finish(self: Box<Self>) -> Result<StagedContent, HostError>;
}

/// An open version: its metadata and its content.
pub type OpenedFile = (VersionInfo, Box<dyn FileSource>);

/// A file that is being read.
pub trait FileSource: Send {
    /// Reads into the buffer and returns the number of bytes, which is 0 at the end.
    ///
    /// # Errors
    /// The read fails, or the content is damaged.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, HostError>;
}

/// Why a command was not run, or did not end by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// No command of this name is pinned. The text says how to pin one.
    NotPinned(String),
    /// The pin does not allow these arguments. The text says why.
    ArgumentsRefused(String),
    /// The command ran longer than the pin allows.
    TimedOut {
        /// The limit in milliseconds.
        after_ms: u64,
    },
    /// The command could not be started. The text says why.
    NotStarted(String),
}

/// A command that starts when this future is polled. Dropping the future kills all processes of
/// the command.
pub type CommandRun = BoxFuture<Result<Output, Fault<CommandError>>>;

/// The port through which one call reaches the rest of the host. The implementation knows which
/// call it serves.
pub trait Outside: Send + Sync {
    /// Runs the caller's nested call number `ordinal`. Dropping the future cancels it.
    fn call(
        &self,
        ordinal: u32,
        target: String,
        method: String,
        arguments: Value,
    ) -> BoxFuture<Result<Outcome, Fault<CalleeError>>>;

    /// Checks that the caller may read a model's data. Returns the model's name.
    ///
    /// # Errors
    /// The caller may not read it, or there is no such model.
    fn readable(&self, model: &str) -> Result<ModelName, Fault<DataError>>;

    /// Reads a committed version of a resource; without `version`, the latest. Returns `None` if
    /// the version does not exist or is a file.
    ///
    /// # Errors
    /// The store failed.
    fn resource(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<ResourceVersion>, HostError>;

    /// Returns the committed versions, oldest first.
    ///
    /// # Errors
    /// The store failed.
    fn versions(&self, model: &ModelName, name: &DataName) -> Result<Vec<VersionInfo>, HostError>;

    /// Returns the names that begin with `prefix` and sort after `after`, at most `n_max`, each
    /// with its latest committed version.
    ///
    /// # Errors
    /// The store failed.
    fn list(
        &self,
        model: &ModelName,
        prefix: &str,
        after: Option<&str>,
        n_max: usize,
    ) -> Result<Vec<VersionInfo>, HostError>;

    /// Starts a new file.
    ///
    /// # Errors
    /// The store failed.
    fn file_create(&self) -> Result<Box<dyn FileSink>, HostError>;

    /// Opens a committed version of a resource or file; without `version`, the latest. Returns
    /// `None` if the version does not exist.
    ///
    /// # Errors
    /// The store failed.
    fn file_open(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<OpenedFile>, HostError>;

    /// Opens staged content.
    ///
    /// # Errors
    /// The store failed.
    fn staged_open(&self, content: &StagedContent) -> Result<Box<dyn FileSource>, HostError>;

    /// Commits the changes of a call while it continues. The call can no longer be rolled back
    /// then.
    fn publish(
        &self,
        changes: Vec<StagedChange>,
    ) -> BoxFuture<Result<Vec<Written>, Fault<DataError>>>;

    /// Marks that the call is about to have an external effect, so that it can no longer be rolled
    /// back. The future never resolves if the call is being rolled back already; then the call is
    /// dropped.
    fn escaping(&self) -> BoxFuture<()>;

    /// Returns the value of a secret that the call may use, and records the use. Returns `None` if
    /// there is no such secret.
    ///
    /// # Errors
    /// The secret cannot be read.
    fn secret(&self, name: &SecretName) -> Result<Option<SecretValue>, HostError>;

    /// Prepares a pinned command with its arguments and its stdin.
    ///
    /// # Errors
    /// No command of this name is pinned, or it does not accept these arguments.
    fn command(
        &self,
        name: &CommandName,
        arguments: Vec<String>,
        stdin: Vec<u8>,
    ) -> Result<CommandRun, CommandError>;

    /// Records a log line of the call, and redacts secrets in it.
    fn logged(&self, line: &mut LogLine);
}

/// A plugin that describes itself tried to write. The bindings refuse that earlier, so this is a
/// bug.
#[derive(Debug, thiserror::Error)]
#[error("a description cannot write data")]
struct NotInDescription;

/// The port of a plugin that describes itself. It offers nothing but the log.
pub struct NoOutside {
    logged: Arc<dyn Fn(&LogLine) + Send + Sync>,
}

impl NoOutside {
    /// Returns a port that passes log lines to `logged`.
    #[must_use]
    pub fn new(logged: Arc<dyn Fn(&LogLine) + Send + Sync>) -> Self {
        Self { logged }
    }
}

impl Outside for NoOutside {
    fn call(
        &self,
        _ordinal: u32,
        target: String,
        _method: String,
        _arguments: Value,
    ) -> BoxFuture<Result<Outcome, Fault<CalleeError>>> {
        let reason = format!("the model `{target}` cannot be called from a description");
        let refused = CalleeError::refused(CallError::Denied { reason });
        Box::pin(async { Err(Fault::Guest(refused)) })
    }

    fn readable(&self, model: &str) -> Result<ModelName, Fault<DataError>> {
        let reason = format!("the model `{model}` cannot be read from a description");
        Err(Fault::Guest(DataError::Denied(reason)))
    }

    fn resource(
        &self,
        _model: &ModelName,
        _name: &DataName,
        _version: Option<u64>,
    ) -> Result<Option<ResourceVersion>, HostError> {
        Ok(None)
    }

    fn versions(
        &self,
        _model: &ModelName,
        _name: &DataName,
    ) -> Result<Vec<VersionInfo>, HostError> {
        Ok(Vec::new())
    }

    fn list(
        &self,
        _model: &ModelName,
        _prefix: &str,
        _after: Option<&str>,
        _n_max: usize,
    ) -> Result<Vec<VersionInfo>, HostError> {
        Ok(Vec::new())
    }

    fn file_create(&self) -> Result<Box<dyn FileSink>, HostError> {
        Err(HostError::new(NotInDescription))
    }

    fn file_open(
        &self,
        _model: &ModelName,
        _name: &DataName,
        _version: Option<u64>,
    ) -> Result<Option<OpenedFile>, HostError> {
        Ok(None)
    }

    fn staged_open(&self, _content: &StagedContent) -> Result<Box<dyn FileSource>, HostError> {
        Err(HostError::new(NotInDescription))
    }

    fn publish(
        &self,
        _changes: Vec<StagedChange>,
    ) -> BoxFuture<Result<Vec<Written>, Fault<DataError>>> {
        Box::pin(async { Err(Fault::Host(HostError::new(NotInDescription))) })
    }

    fn escaping(&self) -> BoxFuture<()> {
        Box::pin(std::future::pending())
    }

    fn secret(&self, _name: &SecretName) -> Result<Option<SecretValue>, HostError> {
        Ok(None)
    }

    fn command(
        &self,
        name: &CommandName,
        _arguments: Vec<String>,
        _stdin: Vec<u8>,
    ) -> Result<CommandRun, CommandError> {
        let reason = format!("the command `{name}` cannot be run from a description");
        Err(CommandError::NotPinned(reason))
    }

    fn logged(&self, line: &mut LogLine) {
        (self.logged)(line);
    }
}
