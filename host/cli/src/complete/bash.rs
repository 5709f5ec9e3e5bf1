//! The adapter for bash, in place of the one of `clap_complete`.
//!
//! Bash splits the line not only at blanks, but also at `@`, `:` and `=`. The adapter of the
//! library passes these pieces on as words, so that `@acme/web` would be two arguments. And it
//! prints names as they are, although a plugin chooses the names of its data: `$(rm -r ~)` would be
//! executed with the line.

use std::ffi::OsString;
use std::io::{Error, Write};
use std::path::Path;

use clap::Command;
use clap_complete::engine::complete;
use clap_complete::env::EnvCompleter;
use sedge_sys::shell;

/// What bash executes to begin with. It joins the pieces of the line to words, up to the cursor,
/// and removes from each answer the part that readline leaves as it is.
const REGISTRATION: &str = r#"_sedge_complete() {
    local -a words=()
    local rest=${COMP_LINE:0:COMP_POINT} blanks piece i
    for ((i = 0; i < COMP_CWORD; i++)); do
        blanks=${rest%%[![:space:]]*}
        rest=${rest#"$blanks"}
        piece=${COMP_WORDS[i]}
        rest=${rest#"$piece"}
        if [[ $i -eq 0 || -n $blanks ]]; then
            words+=("$piece")
        else
            words[${#words[@]} - 1]+=$piece
        fi
    done
    blanks=${rest%%[![:space:]]*}
    rest=${rest#"$blanks"}
    if [[ -z $blanks && ${#words[@]} -gt 1 ]]; then
        i=$((${#words[@]} - 1))
        rest=${words[i]}$rest
        unset "words[i]"
    fi
    rest=${rest#[\'\"]}
    local kept=${rest%"$2"} IFS=$'\n'
    COMPREPLY=($(VARIABLE=bash COMPLETER -- "${words[@]}" "$rest" 2>/dev/null))
    for i in "${!COMPREPLY[@]}"; do
        COMPREPLY[i]=${COMPREPLY[i]#"$kept"}
    done
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} != *[=/:] ]]; then
        compopt +o nospace 2>/dev/null
    fi
}
complete -o nospace -o bashdefault -F _sedge_complete PROGRAM"#;

/// The characters that mean themselves in a word of a shell.
const PLAIN: &str = "-_./:@%+=,~";

/// Completion in bash.
#[derive(Debug)]
pub(super) struct BashAdapter;

impl EnvCompleter for BashAdapter {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == "bash"
    }

    fn write_registration(
        &self,
        variable: &str,
        _name: &str,
        program: &str,
        completer: &str,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let script = REGISTRATION
            .replace("VARIABLE", variable)
            .replace("COMPLETER", &shell::word(completer))
            .replace("PROGRAM", &shell::word(program));
        writeln!(out, "{script}")
    }

    fn write_complete(
        &self,
        grammar: &mut Command,
        words: Vec<OsString>,
        folder: Option<&Path>,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        // The script passes the words up to the cursor.
        let last = words.len().saturating_sub(1);
        for candidate in complete(grammar, words, last, folder)? {
            let word = candidate.get_value().to_string_lossy();
            writeln!(out, "{}", quoted(&word))?;
        }
        Ok(())
    }
}

/// Returns a word as it is written in a command line: `--model=NAME` with quotes around the name
/// alone, if it needs some.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || PLAIN.contains(c);
    if word.chars().all(is_plain) {
        return word.to_owned();
    }
    match word.split_once('=') {
        Some((option, value)) if option.starts_with("--") => {
            format!("{option}={}", shell::word(value))
        }
        Some(_) | None => shell::word(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_that_a_shell_would_execute_is_quoted() {
        let check = |word: &str, expect: &str| assert_eq!(quoted(word), expect);
        check("@acme/web", "@acme/web");
        check("--model", "--model");
        check("--model=@acme/web", "--model=@acme/web");
        check("~/a.yaml", "~/a.yaml");
        check("$(rm -r ~)", "'$(rm -r ~)'");
        check("a b", "'a b'");
        check("--run=a;b", "--run='a;b'");
        check("it's", "'it'\\''s'");
    }
}
