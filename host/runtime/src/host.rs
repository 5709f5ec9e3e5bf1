//! What a guest can reach, one module per WIT interface, and what they reach it by.
//!
//! An error is *for the guest*, and then it is in the contract, or it is the host's own
//! and ends the call: [`Fault`] says which.

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

/// The most bytes of one JSON text that a guest passes to the host: arguments, or a
/// resource's content. The guest chooses the length and the host allocates it. A larger
/// record belongs in a file.
pub(crate) const JSON_BYTES_MAX: usize = 4 << 20;

// The interface `types` has no functions.
impl crate::bindings::sedge::model::types::Host for crate::call::CallState {}

/// A future that can be sent between threads and borrows nothing.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Something of the host's own failed: no guest can do anything about it.
#[derive(Clone)]
pub struct HostError(Arc<dyn std::error::Error + Send + Sync>);

impl HostError {
    /// Wraps the error that is to end the call.
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

/// Why something that a guest asked for was not done.
#[derive(Debug)]
pub enum Fault<E> {
    /// The guest is told, and can go on.
    Guest(E),
    /// The call ends, and so does its run.
    Host(HostError),
}

/// Why a guest may not read data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataError {
    /// The plugin may not read this model; what would allow it.
    Denied(String),
    /// There is no model of this name.
    ModelNotFound(String),
}

/// One committed version of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceVersion {
    /// What is known of it.
    pub info: VersionInfo,
    /// Its content, as JSON text.
    pub content: String,
}

/// What is known of a version besides its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionInfo {
    /// The model that it belongs to.
    pub model: ModelName,
    /// Its name; another than was asked for if the data was renamed.
    pub name: DataName,
    /// What kind of data it is.
    pub kind: DataKind,
    /// The spec that it fits.
    pub spec: SpecName,
    /// Its number, from 1; none while it is staged.
    pub version: Option<u64>,
    /// Milliseconds since 1970-01-01T00:00:00Z; none while it is staged.
    pub created_at_ms: Option<u64>,
    /// Its media type.
    pub media_type: String,
    /// The size of its content in bytes.
    pub size: u64,
    /// Its labels.
    pub tags: BTreeMap<String, String>,
}

/// A file that is being written. Dropping it undoes it.
pub trait FileSink: Send {
    /// Adds bytes to its end.
    ///
    /// # Errors
    /// The disk is full, or refuses.
    fn write(&mut self, bytes: &[u8]) -> Result<(), HostError>;

    /// Returns what was written, to be staged, once it survives a power cut. Blocks the
    /// thread for as long as the disk takes.
    ///
    /// # Errors
    /// The disk refuses.
    fn finish(self: Box<Self>) -> Result<StagedContent, HostError>;
}

/// A version that was opened: what is known of it, and its content.
pub type OpenedFile = (VersionInfo, Box<dyn FileSource>);

/// A file that is being read.
pub trait FileSource: Send {
    /// Reads into the buffer and returns how many bytes that were; none at the end.
    ///
    /// # Errors
    /// The disk refuses, or what is there is damaged.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, HostError>;
}

/// Why a program was not run, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// None is pinned by this name; what would pin one.
    NotPinned(String),
    /// The pin does not allow these arguments; why.
    ArgumentsRefused(String),
    /// It took longer than the pin allows.
    TimedOut {
        /// How long that is, in milliseconds.
        after_ms: u64,
    },
    /// It could not be started; why.
    NotStarted(String),
}

/// A program that can be run, and starts when this is polled. Dropping it kills all that it
/// started.
pub type CommandRun = BoxFuture<Result<Output, Fault<CommandError>>>;

/// What one call reaches the rest of the house by. It knows on whose behalf it acts.
pub trait Outside: Send + Sync {
    /// Runs the caller's `ordinal`th call. Dropping the future stops it.
    fn call(
        &self,
        ordinal: u32,
        target: String,
        method: String,
        arguments: Value,
    ) -> BoxFuture<Result<Outcome, Fault<CallError>>>;

    /// Checks that the caller may read a model's data, and returns its name.
    ///
    /// # Errors
    /// It may not, or there is no such model.
    fn readable(&self, model: &str) -> Result<ModelName, Fault<DataError>>;

    /// Reads a committed version of a resource, the latest if none is named; none where there
    /// is none, or where it is a file.
    ///
    /// # Errors
    /// The store failed.
    fn resource(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<ResourceVersion>, HostError>;

    /// Lists the committed versions, oldest first.
    ///
    /// # Errors
    /// The store failed.
    fn versions(&self, model: &ModelName, name: &DataName) -> Result<Vec<VersionInfo>, HostError>;

    /// Lists the names that begin with `prefix` and come after `after`, each with its latest
    /// committed version, at most `n_max`.
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

    /// Begins a file.
    ///
    /// # Errors
    /// The store failed.
    fn file_create(&self) -> Result<Box<dyn FileSink>, HostError>;

    /// Opens a committed version of any data, the latest if none is named; none where there
    /// is none.
    ///
    /// # Errors
    /// The store failed.
    fn file_open(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<OpenedFile>, HostError>;

    /// Opens content that is staged.
    ///
    /// # Errors
    /// The store failed.
    fn staged_open(&self, content: &StagedContent) -> Result<Box<dyn FileSource>, HostError>;

    /// Commits changes of a call that goes on. From then on it has been seen.
    fn publish(
        &self,
        changes: Vec<StagedChange>,
    ) -> BoxFuture<Result<Vec<Written>, Fault<DataError>>>;

    /// Says that what the call does next can be seen from outside, so that it cannot be undone
    /// from then on. Never ready if it is being undone already: whoever does that drops the
    /// call.
    fn escaping(&self) -> BoxFuture<()>;

    /// Returns the value of a secret that the call may use, and notes that it was used; none
    /// where there is no such secret.
    ///
    /// # Errors
    /// The secret cannot be read.
    fn secret(&self, name: &SecretName) -> Result<Option<SecretValue>, HostError>;

    /// Returns a pinned program with its arguments and its stdin.
    ///
    /// # Errors
    /// There is none of this name, or it does not take these arguments.
    fn command(
        &self,
        name: &CommandName,
        arguments: Vec<String>,
        stdin: Vec<u8>,
    ) -> Result<CommandRun, CommandError>;

    /// Notes a line of the call's log, as it comes, and takes out of it what nobody may see.
    fn logged(&self, line: &mut LogLine);
}

/// Something got as far as it cannot: a description is refused before.
#[derive(Debug, thiserror::Error)]
#[error("a description cannot write data")]
struct NotInDescription;

/// The outside of a plugin that describes itself: nothing but a log.
pub struct NoOutside {
    logged: Arc<dyn Fn(&LogLine) + Send + Sync>,
}

impl NoOutside {
    /// Returns an outside that hands over what is logged.
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
    ) -> BoxFuture<Result<Outcome, Fault<CallError>>> {
        let reason = format!("the model `{target}` cannot be called from a description");
        Box::pin(async { Err(Fault::Guest(CallError::Denied { reason })) })
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
