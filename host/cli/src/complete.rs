//! Completion of command lines in bash, fish and zsh, with the names of the repository.
//!
//! The shell starts this program with the variable [`COMPLETE_VARIABLE`] and the words of the line,
//! and the program prints the possible completions of the last word. Without words, it prints the
//! lines that the shell has to execute first. That is the convention of the crate `clap_complete`.
//!
//! The user waits for each answer in the middle of a line. So an answer that takes too long is
//! empty, and nothing is written to the terminal: neither errors nor the message of a panic.

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

use crate::PROGRAM;
use crate::args::{Args, direct_form};
use crate::error::CliError;
use crate::screen::Screen;
use bash::BashAdapter;

/// The variable by which a shell requests completion. Its value is the name of the shell.
const COMPLETE_VARIABLE: &str = "COMPLETE";

/// The argument before the words of the line.
const WORDS_FOLLOW: &str = "--";

/// Answers a shell that requests completion. Returns `None` if the program was started for
/// something else.
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

/// Prints the completions for the words of a line, or the lines that the shell executes first.
fn answer(given: Vec<String>) -> clap::error::Result<bool> {
    // ignored: without a current folder, paths are not completed.
    let folder = current_folder().ok();
    let given = std::iter::once(PROGRAM.to_owned()).chain(line_form(given));
    CompleteEnv::with_factory(grammar)
        .var(COMPLETE_VARIABLE)
        .bin(PROGRAM)
        .completer(PROGRAM)
        .shells(Shells(&[&BashAdapter, &Fish, &Zsh]))
        .try_complete(given, folder.as_deref())
}

/// Returns what a shell gave, with the words before the last one as the grammar has them. The last
/// word is not complete yet. The first words are [`WORDS_FOLLOW`] and the name of the program.
fn line_form(mut given: Vec<String>) -> Vec<String> {
    const N_FIRST: usize = 2;
    let last = given.pop();
    let line = given.split_off(given.len().min(N_FIRST));
    given.extend(direct_form(line));
    given.extend(last);
    given
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
