//! The only crate that knows wasmtime.
//!
//! A [`Runtime`] is the one engine of a process. It makes a [`Plugin`] of a component,
//! and runs one method of it in a fresh sandbox per call. What a guest asks of the world
//! reaches the rest of the house through the trait [`Outside`]; this crate knows neither
//! the store, nor locks, nor workflows.
//!
//! Everything that a guest hands over is hostile until it was checked here.

mod bindings;
mod budget;
mod cache;
mod call;
mod clocks;
mod compile;
mod component;
mod component_limits;
mod convert;
mod cpu;
mod engine;
mod environment;
mod files;
mod handed;
mod host;
mod http;
mod json;
mod limits;
mod lines;
mod output;
mod permits;
mod plugin;
mod sockets;
mod staging;
mod trap;

pub use budget::{Admission, BudgetLimits};
pub use cache::{CacheFault, CacheFaultKind, CachePart, CachePlaces, CodeCache};
pub use call::{CallLimits, CallReport, CallSpec, CoreDump, Identity, Surroundings};
pub use compile::{COMPILE_COMMAND, Compiler, compile_serve};
pub use component::CONTRACT_VERSION;
pub use component_limits::{CompileLimit, ComponentLimit, ComponentLimits};
pub use engine::{Allocation, CoreDumps, EngineError, Runtime};
pub use files::{CallFolder, Untouchable};
pub use host::{
    BoxFuture, CommandError, CommandRun, DataError, Fault, FileSink, FileSource, HostError,
    NoOutside, OpenedFile, Outside, ResourceVersion, VersionInfo,
};
pub use http::HttpLimits;
pub use limits::Quotas;
pub use plugin::{Compiled, LoadedPlugin, Plugin, PluginDescription, PluginError, sha256_hex};
pub use staging::Staging;
