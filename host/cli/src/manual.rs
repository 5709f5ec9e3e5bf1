//! `sedge write-manual FOLDER`, for those who package Sedge: writes man pages and completions, in the
//! folders below a prefix in which a system looks for them.
//!
//! It is not part of the grammar, so that help and completions do not mention it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use clap_complete::{Shell, generate};
use sedge_api::problem::Explain;
use sedge_app::AppError;
use sedge_app::types::has_argument;
use sedge_sys::folder::{FileError, Folder};

use crate::args::Args;
use crate::error::CliError;
use crate::output::stderr;

/// The word that distinguishes the command from all others.
const WRITE_MANUAL: &str = "write-manual";

/// The folder of the man pages, relative to the prefix.
const MAN_PAGES: &str = "share/man/man1";

/// The folders and files in which shells look for completions, relative to the prefix.
const COMPLETIONS: [(Shell, &str, &str); 3] = [
    (Shell::Bash, "share/bash-completion/completions", "sedge"),
    (Shell::Fish, "share/fish/vendor_completions.d", "sedge.fish"),
    (Shell::Zsh, "share/zsh/site-functions", "_sedge"),
];

/// Write man pages and completions
#[derive(Debug, Parser)]
pub(crate) struct ManualArgs {
    #[arg(value_parser = [WRITE_MANUAL])]
    _command: String,
    /// The prefix, such as /usr/local
    folder: PathBuf,
}

impl ManualArgs {
    /// Returns the arguments if the command line is one of this command.
    pub(crate) fn of_command_line() -> Option<Self> {
        // This check saves other commands a second parser.
        has_argument(WRITE_MANUAL)
            .then(|| Self::try_parse().ok())
            .flatten()
    }
}

/// Runs the command.
pub(crate) fn run(args: &ManualArgs) -> ExitCode {
    match write(&args.folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error = CliError::from(AppError::from(error));
            error.lines("error").iter().for_each(|line| stderr(line));
            ExitCode::from(error.class().exit_code())
        }
    }
}

fn write(prefix: &Path) -> Result<(), FileError> {
    let folder = Folder::create(&prefix.join(MAN_PAGES))?;
    let pages = clap_mangen::generate_to(Args::command(), folder.path());
    pages.map_err(|source| FileError::new("write", folder.path(), source))?;
    for (shell, relative, file) in COMPLETIONS {
        let mut text = Vec::new();
        generate(shell, &mut Args::command(), "sedge", &mut text);
        Folder::create(&prefix.join(relative))?.write(file, &text)?;
    }
    Ok(())
}
