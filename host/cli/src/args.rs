//! The grammar of the command line: noun, then verb.

use std::path::PathBuf;

use clap::Parser;

use crate::commands::Command;

/// The heading of the global options in the help.
const GLOBAL: &str = "Global options";

/// Run automation models as sandboxed WebAssembly components
#[derive(Debug, Parser)]
#[command(name = "sedge", version, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 success; 1 the method or workflow failed; 2 a usage error or a bad file; \
3 not found, or in the wrong state; 75 busy, try again; 130 interrupted; 70 a bug."
)]
pub(crate) struct Args {
    /// Use the repository in this folder or above it [default: here] [env: SEDGE_REPO]
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_name = "DIR"
    )]
    pub(crate) repo: Option<PathBuf>,

    /// Write one JSON document to stdout and nothing to stderr
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,

    /// Use colours: always, never, or on terminals [env: NO_COLOR]
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub(crate) color: clap::ColorChoice,

    /// Write nothing to stderr but errors
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    pub(crate) quiet: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}
