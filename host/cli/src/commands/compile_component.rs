//! `sedge compile-component`, which `sedge` starts itself: see `host/runtime/src/compile.rs`.
//!
//! It is not part of the grammar, where errors would tell people of it.

use std::process::ExitCode;

use clap::Parser;
use sedge_api::problem::ErrorClass;
use sedge_app::compile_component::compile_component;
use sedge_app::types::{COMPILE_COMMAND, has_argument};

use crate::output::stderr;

/// Compile a component for the process that started this one
#[derive(Debug, Parser)]
pub(crate) struct CompileComponentArgs {
    /// What tells it from all other commands
    #[arg(value_parser = [COMPILE_COMMAND])]
    _command: String,
    /// The most bytes of memory
    memory_bytes: u64,
}

impl CompileComponentArgs {
    /// Returns the arguments if the command line is of this command.
    pub(crate) fn of_command_line() -> Option<Self> {
        // Other commands do not pay for a second parser.
        has_argument(COMPILE_COMMAND)
            .then(|| Self::try_parse().ok())
            .flatten()
    }
}

/// Runs it, and ends the process.
pub(crate) fn run(args: &CompileComponentArgs) -> ExitCode {
    match compile_component(args.memory_bytes) {
        Ok(ended) => match ended {},
        Err(error) => {
            stderr(&format!("error: {error}"));
            ExitCode::from(ErrorClass::Bug.exit_code())
        }
    }
}
