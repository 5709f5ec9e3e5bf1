//! `sedge write-manual FOLDER`, for those who package Sedge: writes man pages and completions, in
//! the folders below a prefix in which a system looks for them.
//!
//! It is not part of the grammar, so that help and completions do not mention it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
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

/// The files in which shells look for completions, relative to the prefix, and their content. Each
/// has the program itself say what the shell has to execute, so that it fits the program.
const COMPLETIONS: [(&str, &str, &str); 3] = [
    (
        "share/bash-completion/completions",
        "sedge",
        "source <(COMPLETE=bash sedge)\n",
    ),
    (
        "share/fish/vendor_completions.d",
        "sedge.fish",
        "COMPLETE=fish sedge | source\n",
    ),
    (
        "share/zsh/site-functions",
        "_sedge",
        "#compdef sedge\nsource <(COMPLETE=zsh sedge)\n_clap_dynamic_completer_sedge \"$@\"\n",
    ),
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
    for (relative, file, text) in COMPLETIONS {
        Folder::create(&prefix.join(relative))?.write(file, text.as_bytes())?;
    }
    Ok(())
}
