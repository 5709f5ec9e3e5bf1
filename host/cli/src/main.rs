//! The program `sedge`: arguments, output and exit codes.
//!
//! Data goes to stdout; messages, progress and logs go to stderr. With `--json` the program prints
//! one document to stdout, on success and on failure, and nothing else.

mod args;
mod commands;
mod complete;
mod context;
mod error;
mod failed_steps;
mod findings;
mod first_party;
mod grant_questions;
mod graph;
mod guest_text;
mod help;
mod inputs;
mod item_runs;
mod json_list;
mod junit;
mod live;
mod lost_output;
mod manual;
mod output;
mod permission_text;
mod plan;
mod progress;
#[cfg(test)]
mod reference;
mod rows;
mod run_lines;
mod run_shown;
mod sarif;
mod screen;
mod sdk_folder;
mod show;
mod style;
mod svg;
mod timeline;
mod usage;
mod user_folders;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;
use sedge_app::types::{WorkerAllocator, arguments_unchanged, descriptors_raise};
use tracing_subscriber::EnvFilter;

use crate::args::{Args, direct_form};
use crate::commands::Run as _;
use crate::commands::compile_component::{self, CompileComponentArgs};
use crate::commands::shared::setting_parsed;
use crate::context::Context;
use crate::error::CliError;
use crate::lost_output::WorkDone;
use crate::manual::ManualArgs;
use crate::screen::Screen;

/// The name of the program, as messages and the help have it.
const PROGRAM: &str = "sedge";

/// The variable that turns on the host's own log, for example `SEDGE_LOG=debug`.
const LOG_VARIABLE: &str = "SEDGE_LOG";

/// In a child process that compiles, it ends the process at its memory limit.
// process-wide: a process has one allocator.
#[global_allocator]
static ALLOCATOR: WorkerAllocator = WorkerAllocator;

fn main() -> ExitCode {
    if let Some(args) = CompileComponentArgs::of_command_line() {
        return compile_component::run(&args);
    }
    if let Some(code) = complete::of_environment() {
        return code;
    }
    if let Some(args) = ManualArgs::of_command_line() {
        return manual::run(args);
    }
    // If the operating system refuses, the former limit stays.
    let _ = descriptors_raise();
    let words = direct_form(arguments_unchanged());
    let words = std::iter::once(OsString::from(PROGRAM)).chain(words);
    let args = match Args::try_parse_from(words) {
        Ok(args) => args,
        Err(error) => return usage::usage(error, &Screen::default()),
    };
    let cx = Context::new(&args);
    if let Err(error) = log_start() {
        return error.report(&cx);
    }
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let changes = args.command.changes();
        let output = args.command.run(&cx)?;
        let exit = output.exit_code();
        output::print(&cx, output).map_err(|error| match changes {
            true => CliError::from(error).after(|| WorkDone::of(&cx, exit)),
            false => CliError::from(error),
        })
    }));
    match ended {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(error)) => error.report(&cx),
        // The panic's own message is on stderr already.
        Err(_) => CliError::Bug("it panicked".to_owned()).report(&cx),
    }
}

/// Starts the host's own log, if the variable is set.
///
/// # Errors
/// The value of the variable is not a filter.
fn log_start() -> Result<(), CliError> {
    let filter = setting_parsed(LOG_VARIABLE, |text| {
        EnvFilter::try_new(text).map_err(|error| error.to_string())
    })?;
    if let Some(filter) = filter {
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .init();
    }
    Ok(())
}
