//! The granted environment variables, through `wasi:cli`.
//!
//! A guest receives all of them in one host call, so that call marks all of them as used.

use sedge_model::permission::effective::Use;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::WasiCliView;
use wasmtime_wasi::p2::bindings::cli::environment::Host;

use crate::call::CallState;
use crate::guards::GuardedInterface;

/// The interface that is wrapped, in the version that this engine provides.
const INTERFACE: &str = "wasi:cli/environment@0.2.12";

/// Replaces `get-environment` by a function that marks the variables as used. The linker must have
/// `wasi:cli` already.
pub(crate) fn mark_uses(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    let mut interface = GuardedInterface::open(linker, INTERFACE)?;
    interface.func_wrap("get-environment", |mut store, (): ()| {
        let state: &mut CallState = store.data_mut();
        let variables = state.cli().get_environment()?;
        if let Some(running) = &state.running {
            let uses = &running.identity.uses;
            let names = variables.iter().map(|(name, _)| name);
            names.for_each(|name| uses.mark(&Use::Variable(name)));
        }
        Ok((variables,))
    })
}
