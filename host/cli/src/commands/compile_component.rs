//! `sedge compile-component`, which `sedge` starts itself: see `host/runtime/src/compile.rs`.

use clap::Args;
use sedge_app::compile_component::compile_component;

use crate::error::CliError;
use crate::output::Output;

/// Compile a component for the process that started this one
#[derive(Debug, Args)]
#[command(hide = true)]
pub(crate) struct CompileComponentArgs {
    /// The most bytes of memory
    memory_bytes: u64,
}

pub(crate) fn run(args: &CompileComponentArgs) -> Result<Output, CliError> {
    compile_component(args.memory_bytes)?;
    Ok(Output::printed())
}
