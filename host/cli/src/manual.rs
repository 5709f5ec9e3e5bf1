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
use sedge_app::types::arguments;
use sedge_sys::folder::{FileError, Folder};

use crate::args::Args;
use crate::error::CliError;
use crate::screen::Screen;

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
    /// Returns the arguments if the command line is one of this command. Returns an error if it is,
    /// and does not name one folder.
    pub(crate) fn of_command_line() -> Option<Result<Self, CliError>> {
        // Elsewhere, the word may be an argument of another command.
        let is_first = arguments().first().is_some_and(|it| it == WRITE_MANUAL);
        is_first.then(|| Self::try_parse().map_err(|_| wrong()))
    }
}

fn wrong() -> CliError {
    CliError::Usage {
        message: format!("`sedge {WRITE_MANUAL}` needs one folder"),
        hints: vec![format!(
            "name the prefix of the man pages and completions: `sedge {WRITE_MANUAL} /usr/local`"
        )],
    }
}

/// Runs the command.
pub(crate) fn run(args: Result<ManualArgs, CliError>) -> ExitCode {
    let written = args.and_then(|args| {
        let written = write(&args.folder);
        written.map_err(|error| CliError::from(AppError::from(error)))
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.print(&Screen::default());
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
