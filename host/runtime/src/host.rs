//! The interfaces that a guest can import, one module each, and the ports through which they reach
//! the rest of the host.
//!
//! An error is either *for the guest*, and then it is part of the contract, or it is the host's
//! own and ends the call. [`RequestFault`] tells which.

pub(crate) mod calls;
pub(crate) mod commands;
mod context;
pub(crate) mod data;
pub(crate) mod effects;
mod ended;
mod log;
mod models;
mod page;
mod ready;
pub(crate) mod secrets;
pub(crate) mod stop;
mod workflows;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker};

use crate::bindings::sedge::model as interfaces;
use crate::call::CallState;

pub use self::calls::{CalleeError, CallsPort};
pub use self::commands::{
    CommandEnd, CommandError, CommandRequest, CommandRun, CommandStart, CommandsPort,
    StartedCommand,
};
pub use self::data::files::{FileSink, FileSource, OpenedFile};
pub use self::data::{
    ChangesToCommit, DataAccessError, DataFilter, DataListed, DataPort, GuestQuery,
    GuestQueryFault, GuestQueryFaults, GuestQueryMatch, GuestQueryPage, GuestVersionId,
    ResourceVersion, SealDraft, ShownContent, VersionInfo,
};
pub use self::effects::{EffectsPort, RolledBack};
pub use self::ended::EndedByHost;
pub use self::log::LogPort;
pub use self::models::{
    DefinitionEntry, GuestDefinition, ModelReadError, ModelsFilter, ModelsListed, ModelsPort,
    UnreadableDefinition,
};
pub use self::page::PageLimits;
pub use self::secrets::SecretsPort;
pub use self::stop::StopPort;
pub use self::workflows::{
    GuestRun, GuestRunEnd, GuestRunEnded, GuestRunError, GuestRunRequest, GuestRunStep,
    WorkflowsPort,
};

/// Adds all interfaces of the contract to a linker, which has those of WASI already. The generated
/// function for the whole world would add the pollables of WASI a second time.
pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    type Data = HasSelf<CallState>;
    interfaces::calls::add_to_linker::<_, Data>(linker, |state| state)?;
    interfaces::commands::add_to_linker::<_, Data>(linker, |state| state)?;
    interfaces::context::add_to_linker::<_, Data>(linker, |state| state)?;
    interfaces::data::add_to_linker::<_, Data>(linker, |state| state)?;
    interfaces::log::add_to_linker::<_, Data>(linker, |state| state)?;
    interfaces::models::add_to_linker::<_, Data>(linker, |state| state)?;
    interfaces::reports::add_to_linker::<_, Data>(linker, |state| state)?;
    interfaces::secrets::add_to_linker::<_, Data>(linker, |state| state)?;
    interfaces::types::add_to_linker::<_, Data>(linker, |state| state)?;
    interfaces::workflows::add_to_linker::<_, Data>(linker, |state| state)
}

/// The maximum size of one JSON text from a guest, in bytes: arguments, or a resource's content.
/// The guest chooses the length and the host allocates it. A larger record belongs in a file.
pub(crate) const JSON_BYTES_MAX: usize = 4 << 20;

// The interface `types` has no functions.
impl interfaces::types::Host for CallState {}

// Neither has the interface `reports`.
impl interfaces::reports::Host for CallState {}

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
#[derive(Debug, Clone)]
pub enum RequestFault<E> {
    /// The guest receives this error and can continue.
    Guest(E),
    /// The call ends, and so does its run.
    Host(HostError),
}

/// The ports through which one call reaches the rest of the host, one per interface. Their
/// implementations know which call they serve.
///
/// A plugin that describes itself, upgrades arguments or makes a report has no port but the log. An import that needs another one is
/// denied, or ends the guest.
#[derive(Clone, Default)]
pub struct Ports {
    /// Runs nested calls.
    pub calls: Option<Arc<dyn CallsPort>>,
    /// Runs pinned commands.
    pub commands: Option<Arc<dyn CommandsPort>>,
    /// Reads and stores data.
    pub data: Option<Arc<dyn DataPort>>,
    /// Is notified before the call has an external effect.
    pub effects: Option<Arc<dyn EffectsPort>>,
    /// Records log lines.
    pub log: Option<Arc<dyn LogPort>>,
    /// Reads definitions of models.
    pub models: Option<Arc<dyn ModelsPort>>,
    /// Reads secrets.
    pub secrets: Option<Arc<dyn SecretsPort>>,
    /// Says when the call has to stop. Without this port, only its deadline stops it.
    pub stop: Option<Arc<dyn StopPort>>,
    /// Runs workflows.
    pub workflows: Option<Arc<dyn WorkflowsPort>>,
}

/// Returns a port, or the error that ends a guest which may not use it.
pub(crate) fn connected<T: ?Sized>(port: Option<&Arc<T>>) -> wasmtime::Result<&Arc<T>> {
    port.ok_or_else(not_in_description)
}

/// Returns the error that ends a guest which uses an import while it describes itself, upgrades
/// arguments or makes a report.
pub(crate) fn not_in_description() -> wasmtime::Error {
    wasmtime::format_err!("a description, an upgrade or a report may not use this import")
}
