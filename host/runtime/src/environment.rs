//! The variables of the environment that a guest was granted, by `wasi:cli`.
//!
//! It gets them all at once, so all of them count as used then.

use sedge_model::permission::effective::Use;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::WasiCliView;
use wasmtime_wasi::p2::bindings::cli::environment::Host;

use crate::call::CallState;

/// The interface that is looked at, at the version that this engine knows.
const INTERFACE: &str = "wasi:cli/environment@0.2.12";

/// Looks at whether the environment is read. The linker has `wasi:cli` already.
pub(crate) fn look_at(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker
        .instance(INTERFACE)?
        .func_wrap("get-environment", |mut store, (): ()| {
            let state: &mut CallState = store.data_mut();
            let variables = state.cli().get_environment()?;
            if let Some(running) = &state.running {
                let uses = &running.surroundings.uses;
                let names = variables.iter().map(|(name, _)| name);
                names.for_each(|name| uses.mark(&Use::Variable(name)));
            }
            Ok((variables,))
        })?;
    linker.allow_shadowing(false);
    Ok(())
}
