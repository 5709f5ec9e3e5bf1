//! `sedge compile-component` and `sedge snapshot-script`, which only `sedge` itself starts: see
//! `host/runtime/src/compile.rs` and `host/runtime/src/script.rs`.
//!
//! They are not part of the grammar, so that help and errors do not mention it.

use std::process::ExitCode;

use clap::Parser;
use sedge_api::problem::ErrorClass;
use sedge_app::plugin::{compile_component, snapshot_script};
use sedge_app::types::{COMPILE_COMMAND, SNAPSHOT_COMMAND, has_argument};

use crate::screen::Screen;

/// Compile a component, or evaluate a script, for the process that started this one
#[derive(Debug, Parser)]
pub(crate) struct CompileComponentArgs {
    /// The word that distinguishes it from all other commands, and says what to do
    #[arg(value_parser = [COMPILE_COMMAND, SNAPSHOT_COMMAND])]
    command: String,
    /// The most bytes of memory that the process may use
    memory_bytes: u64,
}

impl CompileComponentArgs {
    /// Returns the arguments if the command line is one of this command.
    pub(crate) fn of_command_line() -> Option<Self> {
        // This check saves other commands a second parser.
        (has_argument(COMPILE_COMMAND) || has_argument(SNAPSHOT_COMMAND))
            .then(|| Self::try_parse().ok())
            .flatten()
    }
}

/// Runs the command, and ends the process.
pub(crate) fn run(args: &CompileComponentArgs) -> ExitCode {
    let ended = match args.command == SNAPSHOT_COMMAND {
        true => snapshot_script(args.memory_bytes),
        false => compile_component(args.memory_bytes),
    };
    match ended {
        Ok(ended) => match ended {},
        Err(error) => {
            Screen::default().stderr(&format!("error: {error}"));
            ExitCode::from(ErrorClass::Bug.exit_code())
        }
    }
}
