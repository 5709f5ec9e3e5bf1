//! Completion of command lines in bash, fish and zsh, with the names of the repository.
//!
//! The shell starts this program with the variable [`COMPLETE_VARIABLE`] and the words of the line,
//! and the program prints what the last word could become. Without words, it prints the lines that
//! the shell has to execute first. That is the convention of the crate `clap_complete`.
//!
//! A user waits for each answer and is in the middle of a line. So an answer is late or empty rather
//! than wrong, and nothing is written to the terminal: neither errors nor the message of a panic.

mod bash;
mod names;

use std::ffi::OsStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::env::{Fish, Shells, Zsh};
use sedge_api::problem::Explain;
use sedge_app::types::{arguments, current_folder, setting};

use crate::args::Args;
use crate::error::CliError;
use crate::screen::Screen;
use bash::BashAdapter;

/// The variable by which a shell requests completion. Its value is the name of the shell.
const COMPLETE_VARIABLE: &str = "COMPLETE";

/// The name of the program, in the lines that a shell executes.
const PROGRAM: &str = "sedge";

/// The argument before the words of the line.
const WORDS_FOLLOW: &str = "--";

/// Answers a shell that requests completion. Returns `None` if the program was started for something
/// else.
pub(crate) fn of_environment() -> Option<ExitCode> {
    let shell = setting(COMPLETE_VARIABLE).filter(|shell| shell != "0")?;
    let given = arguments();
    if given.is_empty() {
        return Some(register(&shell));
    }
    if given.first().is_some_and(|first| first == WORDS_FOLLOW) {
        std::panic::set_hook(Box::new(|_| ()));
        // ignored: without an answer, the line stays as it is.
        let _ = catch_unwind(AssertUnwindSafe(|| answer(given)));
        return Some(ExitCode::SUCCESS);
    }
    // Another program may use a variable of this name.
    None
}

/// Prints the lines that a shell executes to have command lines of this program completed.
fn register(shell: &OsStr) -> ExitCode {
    // ignored: the library's words do not say what to write instead.
    if answer(Vec::new()).is_ok() {
        return ExitCode::SUCCESS;
    }
    let shell = shell.to_string_lossy();
    let error = CliError::Usage {
        message: format!(
            "the environment variable {COMPLETE_VARIABLE} is `{shell}`, and there are completions for `bash`, `fish` and `zsh`"
        ),
        hints: vec![format!(
            "set it to one of them, or unset it: `unset {COMPLETE_VARIABLE}`"
        )],
    };
    error.print(&Screen::default());
    ExitCode::from(error.class().exit_code())
}

/// Prints what a shell needs: for the words of a line, or to begin with.
fn answer(given: Vec<String>) -> clap::error::Result<bool> {
    // ignored: without a current folder, paths are not completed.
    let folder = current_folder().ok();
    let given = std::iter::once(PROGRAM.to_owned()).chain(given);
    CompleteEnv::with_factory(grammar)
        .var(COMPLETE_VARIABLE)
        .bin(PROGRAM)
        .completer(PROGRAM)
        .shells(Shells(&[&BashAdapter, &Fish, &Zsh]))
        .try_complete(given, folder.as_deref())
}

/// Returns the grammar, in which arguments that are names have completions.
fn grammar() -> Command {
    names::with_names(Args::command(), &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar_with_completions_is_valid() {
        grammar().debug_assert();
    }
}
