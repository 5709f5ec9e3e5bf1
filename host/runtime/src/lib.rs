//! Runs plugins. This is the only crate that depends on wasmtime.
//!
//! A [`Runtime`] holds the engine of a process. It compiles a component into a [`Plugin`], and
//! runs each call of one of its methods in a fresh sandbox. Through its [`Ports`] a guest reaches
//! the rest of the host; this crate depends neither on the store nor on locks or workflows.
//!
//! All input from a guest is treated as hostile until this crate has checked it.

mod bindings;
mod budget;
mod cache;
mod call;
mod call_secrets;
mod clocks;
mod compile;
mod component;
mod component_limits;
mod convert;
mod cpu;
mod engine;
mod environment;
mod files;
mod guards;
mod host;
mod http;
mod json;
mod limits;
mod lines;
mod output;
mod permits;
mod plugin;
mod script;
mod sockets;
mod staging;
mod trap;

pub use self::http::{FetchError, FetchFault, FetchRequest, url_shown};
pub use budget::{Admission, BudgetLimits};
pub use cache::{CacheFault, CacheFaultKind, CachePart, CachePlaces, CodeCache};
pub use call::{
    CHECK_FAILED, CallIdentity, CallPart, CallReport, CallSpec, CoreDump, FirstExecuted,
    ReportDocument, ReportError, Surroundings, UpgradeError,
};
pub use call_secrets::ArgumentSecret;
pub use compile::{COMPILE_COMMAND, ComponentCompiler, compile_serve};
pub use component::CONTRACT_VERSION;
pub use component_limits::{CompileLimit, component_bytes_check};
pub use engine::{Allocation, CoreDumps, EngineError, Runtime, Workload};
pub use files::{CallFolder, Untouchable};
pub use host::*;
pub use plugin::{Compiled, LoadedPlugin, Plugin, PluginDescription, PluginError, sha256_hex};
pub use script::{SNAPSHOT_COMMAND, Script, ScriptComponent, ScriptError, snapshot_serve};
pub use staging::{Staging, StagingAbove};
