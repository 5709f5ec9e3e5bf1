//! The grammar of the command line: noun, then verb.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::{CommandFactory, Parser};

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

/// Returns the words of a command line as the grammar has them: `model TYPE method run …` is the
/// command `model method direct TYPE …`, because a command cannot have an argument before its verb.
/// Every other line stays as it is. `words` begin after the name of the program, and keep their
/// number.
pub(crate) fn direct_form<W>(mut words: Vec<W>) -> Vec<W>
where
    W: AsRef<OsStr> + From<&'static str>,
{
    let is_type = |word: &W| word.as_ref().as_encoded_bytes().starts_with(b"@");
    if !words.iter().any(is_type) {
        return words;
    }
    let mut at = n_global_words(&words);
    if words.get(at).is_some_and(|word| word.as_ref() == "help") {
        at += 1;
    }
    let is_direct = match words.get(at..) {
        Some([noun, type_name, inner_noun, verb, ..]) => {
            let rest = [noun, inner_noun, verb].map(W::as_ref);
            is_type(type_name) && rest == ["model", "method", "run"].map(OsStr::new)
        }
        Some(_) | None => false,
    };
    if is_direct {
        words.swap(at + 1, at + 2);
        words[at + 3] = W::from("direct");
        words.swap(at + 2, at + 3);
    }
    words
}

/// Returns how many words are global options before the command, with their values.
fn n_global_words<W: AsRef<OsStr>>(words: &[W]) -> usize {
    let root = Args::command();
    let takes_value = |word: &OsStr| {
        root.get_arguments().any(|arg| {
            let is_long = arg
                .get_long()
                .is_some_and(|long| word == OsStr::new(&format!("--{long}")));
            is_long && arg.get_action().takes_values()
        })
    };
    let mut at = 0;
    while let Some(word) = words.get(at).map(W::as_ref) {
        if !word.as_encoded_bytes().starts_with(b"-") {
            break;
        }
        at += 1 + usize::from(takes_value(word));
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_before_the_verb_is_moved_behind_it() {
        let check = |line: &str, expect: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(direct_form(words).join(" "), expect);
        };
        check(
            "model @a/b method run go web --input x=1",
            "model method direct @a/b go web --input x=1",
        );
        check(
            "--json --repo @x model @a/b method run go web",
            "--json --repo @x model method direct @a/b go web",
        );
        check(
            "help model @a/b method run",
            "help model method direct @a/b",
        );
        for line in [
            "model method run @a/b go",
            "model create @a/b method run",
            "model @a/b method go",
            "model @a/b",
            "model @a/b method",
            "data get @a/b method run",
            "--repo model @a/b method run",
            "model method direct @a/b go web",
        ] {
            check(line, line);
        }
    }
}
