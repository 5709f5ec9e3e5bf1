//! What a guest can reach, one module per WIT interface, and what they reach it by.
//!
//! An error is *for the guest*, and then it is in the contract, or it is the host's own
//! and ends the call: [`Fault`] says which.

pub(crate) mod calls;
mod context;
mod data;
mod log;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use sedge_model::call::{CallError, LogLine, Outcome};
use sedge_model::names::{DataName, ModelName, SpecName};
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
    /// The spec that it fits.
    pub spec: SpecName,
    /// What is known of it besides.
    pub info: VersionInfo,
    /// Its content, as JSON text.
    pub content: String,
}

/// What is known of a committed version besides its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionInfo {
    /// Its number, from 1.
    pub version: u64,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub created_at_ms: u64,
    /// The size of its content in bytes.
    pub size: u64,
}

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

    /// Reads a committed version, the latest if none is named; none where there is none.
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

    /// Notes a line of the call's log, as it comes.
    fn logged(&self, line: &LogLine);
}

/// The outside of a plugin that describes itself: nothing but a log.
pub(crate) struct NoOutside {
    pub(crate) logged: Arc<dyn Fn(&LogLine) + Send + Sync>,
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

    fn logged(&self, line: &LogLine) {
        (self.logged)(line);
    }
}
