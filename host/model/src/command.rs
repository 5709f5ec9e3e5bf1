//! Programs that an operator pinned in `sedge.yaml`, and the arguments that they accept.

use std::fmt;
use std::num::NonZeroU32;

use serde::Deserialize;

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::names::EnvName;
use crate::yaml::Located;

/// Matches any number of further arguments. It is allowed only at the end of a pin's arguments.
const REST: &str = "...";

/// Matches any text within one argument.
const ANY: char = '*';

/// The environment variable that passes a token to a command. A `sedge` process that the command
/// starts then works below the call.
pub const LINEAGE_VARIABLE: &str = "SEDGE_LINEAGE";

/// A program that models may run if they have a grant for its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandPin {
    /// The program's absolute path.
    pub program: String,
    /// The arguments that it accepts.
    pub arguments: ArgumentPatterns,
    /// The environment variables that it sees. It sees no others.
    pub environment: Vec<EnvName>,
    /// The working folder, as a relative path within the repository. If `None`, the program runs in
    /// a new empty folder that is removed afterwards.
    pub cwd: Option<String>,
    /// The time limit in seconds. If `None`, the limit is that of the call.
    pub timeout_seconds: Option<NonZeroU32>,
    /// The limit of what is retained of each of its two outputs, in KiB.
    pub output_kibibytes: Option<NonZeroU32>,
}

/// The maximum number of characters of a refused argument in an error. A guest chooses its length.
const SHOWN_CHARS_MAX: usize = 100;

/// The patterns of the arguments that a pinned program accepts.
///
/// An argument that begins with `-` fits only a pattern that begins with `-`. So a guest cannot
/// pass an option where a name is expected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArgumentPatterns {
    /// One pattern per argument: literal text, in which `*` matches any text.
    each: Vec<String>,
    /// Whether any further arguments may follow.
    rest: bool,
}

/// The reason why arguments do not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentsError {
    /// There are more or fewer arguments than patterns.
    #[error("there are {found}, but it takes `{patterns}`")]
    Count {
        /// The number of arguments.
        found: usize,
        /// The patterns.
        patterns: ArgumentPatterns,
    },
    /// An argument does not fit its pattern.
    #[error("argument {number}, {argument}, does not fit; it takes `{patterns}`")]
    Misfit {
        /// Its position, from 1.
        number: usize,
        /// The argument, in quotes, or its beginning.
        argument: String,
        /// The patterns.
        patterns: ArgumentPatterns,
    },
    /// An argument begins with `-`, but its pattern does not.
    #[error(
        "argument {number}, {argument}, is an option, which is not allowed there; it takes `{patterns}`"
    )]
    Option {
        /// Its position, from 1.
        number: usize,
        /// The argument, in quotes, or its beginning.
        argument: String,
        /// The patterns.
        patterns: ArgumentPatterns,
    },
    /// An argument contains a NUL character, which cannot be passed to a program.
    #[error("argument {number} contains a NUL character")]
    Nul {
        /// Its position, from 1.
        number: usize,
    },
}

impl ArgumentPatterns {
    /// Returns the paths that the patterns may name independently of the guest's choice: each
    /// literal and its parts, and the folder in the fixed beginning of every other pattern. Most of
    /// these texts are not paths, so the caller checks which of them exist.
    pub fn fixed_paths(&self) -> impl Iterator<Item = &str> {
        self.each.iter().flat_map(|pattern| {
            let fixed = pattern.split_once(ANY).map(|(fixed, _)| fixed);
            let parts = parts_of(fixed.unwrap_or(pattern));
            parts.into_iter().filter_map(move |part| match fixed {
                None => Some(part),
                Some(_) => part.rfind('/').map(|slash| &part[..=slash]),
            })
        })
    }

    /// Returns the arguments and their parts that may be paths, if their pattern restricts them.
    /// The guest freely chooses what matches a lone `*` or `...`, so these arguments are not
    /// returned.
    pub fn chosen_paths<'a>(&self, arguments: &'a [String]) -> Vec<&'a str> {
        let is_restricted = |pattern: &String| pattern.chars().any(|c| c != ANY);
        let pairs = self.each.iter().zip(arguments);
        let restricted = pairs.filter(|(pattern, _)| is_restricted(pattern));
        restricted
            .flat_map(|(_, argument)| parts_of(argument))
            .collect()
    }

    /// Checks arguments.
    ///
    /// # Errors
    /// An argument does not fit its pattern, or the number of arguments is wrong.
    pub fn check(&self, arguments: &[String]) -> Result<(), ArgumentsError> {
        let found = arguments.len();
        let is_count = found == self.each.len() || (self.rest && found > self.each.len());
        if !is_count {
            return Err(ArgumentsError::Count {
                found,
                patterns: self.clone(),
            });
        }
        let any = ANY.to_string();
        for (at, argument) in arguments.iter().enumerate() {
            // After the last pattern, any argument fits that is not an option.
            let pattern = self.each.get(at).unwrap_or(&any);
            let (number, patterns) = (at + 1, || self.clone());
            if argument.contains('\0') {
                return Err(ArgumentsError::Nul { number });
            }
            if argument.starts_with('-') && !pattern.starts_with('-') {
                return Err(ArgumentsError::Option {
                    number,
                    argument: shown(argument),
                    patterns: patterns(),
                });
            }
            if !fits(pattern, argument) {
                return Err(ArgumentsError::Misfit {
                    number,
                    argument: shown(argument),
                    patterns: patterns(),
                });
            }
        }
        Ok(())
    }
}

impl fmt::Display for ArgumentPatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.each.is_empty() && !self.rest {
            return f.write_str("no arguments");
        }
        let rest = self.rest.then_some(REST);
        let words: Vec<&str> = self.each.iter().map(String::as_str).chain(rest).collect();
        f.write_str(&words.join(" "))
    }
}

/// Shows the command line as a user would type it: `/usr/bin/git log ...`.
impl fmt::Display for CommandPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        if self.arguments == ArgumentPatterns::default() {
            return Ok(());
        }
        write!(f, " {}", self.arguments)
    }
}

/// Returns an argument and those parts of it that may be a path: the text after each `=`
/// (`--file=PATH`), and the text after an option of one letter (`-fPATH`).
fn parts_of(argument: &str) -> Vec<&str> {
    let values = argument.match_indices('=');
    let values = values.map(|(at, _)| &argument[at + 1..]);
    let option = argument.strip_prefix('-').filter(|it| !it.starts_with('-'));
    let value = option.and_then(|it| it.char_indices().nth(1).map(|(at, _)| &it[at..]));
    let all = std::iter::once(argument).chain(value).chain(values);
    all.filter(|part| !part.is_empty()).collect()
}

/// Returns an argument in quotes, cut if it is long.
fn shown(argument: &str) -> String {
    let cut: String = argument.chars().take(SHOWN_CHARS_MAX).collect();
    let dots = if cut.len() < argument.len() {
        "…"
    } else {
        ""
    };
    format!("{cut:?}{dots}")
}

/// Returns whether a text matches a pattern.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, pattern)) = pattern.split_once(ANY) else {
        return pattern == text;
    };
    let (middle, end) = pattern.rsplit_once(ANY).unwrap_or(("", pattern));
    let rest = text.strip_prefix(start);
    let Some(mut rest) = rest.and_then(|rest| rest.strip_suffix(end)) else {
        return false;
    };
    // The first match of each part is sufficient: it leaves the longest rest.
    middle.split(ANY).all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

/// A pin as it is written in `sedge.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PinFile {
    program: Located<String>,
    #[serde(default)]
    arguments: Vec<Located<String>>,
    #[serde(default)]
    environment: Vec<Located<EnvName>>,
    #[serde(default)]
    cwd: Option<Located<String>>,
    #[serde(default)]
    timeout_seconds: Option<NonZeroU32>,
    #[serde(default)]
    output_kibibytes: Option<NonZeroU32>,
}

impl PinFile {
    /// Checks the pin.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub(crate) fn checked(self, file: &SourceFile) -> Result<CommandPin, Diagnostic> {
        if !self.program.value.starts_with('/') {
            let message = format!("`{}` is not an absolute path", self.program.value);
            let hint = "write the path that `command -v NAME` prints, so that the same program runs for every user";
            return Err(Diagnostic::new(file, self.program.span, message).with_hint(hint));
        }
        let own = |name: &&Located<EnvName>| name.value.as_str() == LINEAGE_VARIABLE;
        if let Some(name) = self.environment.iter().find(own) {
            let message = format!("`{}` is set by Sedge itself", name.value);
            return Err(Diagnostic::new(file, name.span.clone(), message)
                .with_hint("remove it: Sedge does not pass on the value of its own environment"));
        }
        if let Some(cwd) = &self.cwd
            && !is_inside(&cwd.value)
        {
            let message = format!("`{}` is not a folder in the repository", cwd.value);
            return Err(Diagnostic::new(file, cwd.span.clone(), message)
                .with_hint("write a relative path without `..`; `.` is the repository itself"));
        }
        Ok(CommandPin {
            program: self.program.value,
            arguments: patterns_checked(file, self.arguments)?,
            environment: self.environment.into_iter().map(|it| it.value).collect(),
            cwd: self.cwd.map(|it| it.value),
            timeout_seconds: self.timeout_seconds,
            output_kibibytes: self.output_kibibytes,
        })
    }
}

/// Returns whether a relative path stays within its start folder, judged by its text.
fn is_inside(path: &str) -> bool {
    let is_step = |part: &str| !part.is_empty() && part != "..";
    !path.contains('\0') && path.split('/').all(is_step)
}

fn patterns_checked(
    file: &SourceFile,
    mut patterns: Vec<Located<String>>,
) -> Result<ArgumentPatterns, Diagnostic> {
    let rest = patterns.pop_if(|last| last.value == REST).is_some();
    let mut all = patterns.iter();
    if let Some(early) = all.find(|pattern| pattern.value == REST) {
        let message = format!("`{REST}` stands for all further arguments, so it must be last");
        return Err(Diagnostic::new(file, early.span.clone(), message)
            .with_hint("write `*` for any one argument"));
    }
    Ok(ArgumentPatterns {
        each: patterns.into_iter().map(|it| it.value).collect(),
        rest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn pin(text: &str) -> Result<CommandPin, Diagnostic> {
        let file = SourceFile {
            name: "sedge.yaml".into(),
            text: text.into(),
        };
        let raw: PinFile = yaml::parse(&file)?;
        raw.checked(&file)
    }

    fn patterns(list: &str) -> ArgumentPatterns {
        let pin = pin(&format!("program: /bin/true\narguments: {list}\n"));
        pin.expect("a good pin").arguments
    }

    fn check(list: &str, arguments: &[&str], expect: bool) {
        let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
        let checked = patterns(list).check(&arguments);
        assert_eq!(checked.is_ok(), expect, "{list} {arguments:?}: {checked:?}");
    }

    #[test]
    fn a_literal_fits_itself() {
        check("[]", &[], true);
        check("[]", &["a"], false);
        check("[log, main]", &["log", "main"], true);
        check("[log, main]", &["log"], false);
        check("[log, main]", &["log", "main", ""], false);
        check("[log, main]", &["log", "Main"], false);
        check("[a.c]", &["abc"], false);
        check("['']", &[""], true);
    }

    #[test]
    fn a_star_fits_any_text_within_one_argument() {
        for (pattern, text, expect) in [
            ("*", "", true),
            ("*", "a b; $(c) *", true),
            ("a*", "a", true),
            ("a*", "ba", false),
            ("*a", "aba", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "abbc", true),
            ("a*b*c", "acb", false),
            ("*ab*ab", "ab", false),
            ("*ab*ab", "xabab", true),
            ("**", "é", true),
            ("é*", "é☂", true),
        ] {
            check(&format!("['{pattern}']"), &[text], expect);
        }
    }

    #[test]
    fn an_option_fits_a_pattern_of_an_option_only() {
        check("['*']", &["-x"], false);
        check("['*']", &["-"], false);
        check("['-*']", &["-x"], true);
        check("['-*']", &["x"], false);
        check("['--format=*']", &["--format=json"], true);
        check("['--', '*']", &["--", "-x"], false);
        check("[...]", &["a", "-x"], false);
        check("['*']", &["a-x"], true);
    }

    #[test]
    fn final_dots_fit_any_further_arguments() {
        check("[...]", &[], true);
        check("[log, ...]", &["log"], true);
        check("[log, ...]", &["log", "a", ""], true);
        check("[log, ...]", &[], false);
        check("[log, ...]", &["gol", "a"], false);
        check("[...]", &["a\0b"], false);
    }

    #[test]
    fn error_names_the_argument_and_the_patterns() {
        let error = |list: &str, argument: &str| {
            let checked = patterns(list).check(&[argument.to_owned()]);
            checked.expect_err("refused").to_string()
        };
        assert_eq!(
            error("[log, ...]", "gol"),
            "argument 1, \"gol\", does not fit; it takes `log ...`"
        );
        assert_eq!(
            error("['*']", "-x"),
            "argument 1, \"-x\", is an option, which is not allowed there; it takes `*`"
        );
        assert_eq!(error("[]", "a"), "there are 1, but it takes `no arguments`");
        let long = error("[log]", &"é".repeat(10_000));
        assert!(
            long.ends_with("é\"…, does not fit; it takes `log`"),
            "{long}"
        );
        assert!(long.len() < 300, "{long}");
    }

    #[test]
    fn paths_are_found_in_whole_arguments_and_their_parts() {
        let fixed = |list: &str| {
            let patterns = patterns(list);
            let paths: Vec<String> = patterns.fixed_paths().map(str::to_owned).collect();
            paths
        };
        assert_eq!(fixed("[run, a/b]"), ["run", "a/b"]);
        assert_eq!(fixed("[--file=/srv/a]"), ["--file=/srv/a", "/srv/a"]);
        assert_eq!(fixed("[-f/srv/a]"), ["-f/srv/a", "/srv/a"]);
        assert_eq!(fixed("[-é/srv]"), ["-é/srv", "/srv"]);
        assert_eq!(fixed("[-f, a=b=c]"), ["-f", "a=b=c", "b=c", "c"]);
        assert_eq!(fixed("['/srv/in/run-*']"), ["/srv/in/"]);
        assert_eq!(fixed("['--file=in/*.mk']"), ["--file=in/", "in/"]);
        assert_eq!(fixed("['*', 'run*', ...]"), [""; 0]);
        let chosen = |list: &str, arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
            patterns(list).chosen_paths(&arguments).join(" ")
        };
        assert_eq!(chosen("['in/*']", &["in/../out"]), "in/../out");
        assert_eq!(chosen("['*.mk']", &["../a.mk"]), "../a.mk");
        assert_eq!(chosen("['-f*']", &["-fa"]), "-fa a");
        assert_eq!(chosen("['*', '**', ...]", &["a", "b", "c"]), "");
    }

    #[test]
    fn pin_has_an_optional_working_folder() {
        let plain = pin("program: /bin/true\n").expect("a good pin");
        assert_eq!(plain.to_string(), "/bin/true");
        assert_eq!(plain.cwd, None);
        let with_cwd = pin("program: /bin/true\ncwd: a/b\n").expect("a good pin");
        assert_eq!(with_cwd.cwd.as_deref(), Some("a/b"));
        let log = pin("program: /bin/git\narguments: [log, ...]\ncwd: .\n").expect("a good pin");
        assert_eq!(log.to_string(), "/bin/git log ...");
    }

    #[test]
    fn a_fault_names_its_place() {
        let check = |text: &str, expect: &str| {
            let fault = pin(text).expect_err(text);
            assert_eq!(fault.to_string(), expect, "{text}");
        };
        check(
            "program: git\n",
            "sedge.yaml:1:10: `git` is not an absolute path",
        );
        check(
            "program: /bin/git\narguments: [..., log]\n",
            "sedge.yaml:2:13: `...` stands for all further arguments, so it must be last",
        );
        check(
            "program: /bin/git\nenvironment: [HOME, SEDGE_LINEAGE]\n",
            "sedge.yaml:2:21: `SEDGE_LINEAGE` is set by Sedge itself",
        );
        for cwd in ["/srv", "../other", "a/../../b", "a//b", "''"] {
            let text = format!("program: /bin/git\ncwd: {cwd}\n");
            let fault = pin(&text).expect_err(cwd).to_string();
            assert!(
                fault.ends_with("is not a folder in the repository"),
                "{fault}"
            );
            assert!(fault.starts_with("sedge.yaml:2:6: "), "{fault}");
        }
        check(
            "program: /bin/git\nargs: [log]\n",
            "sedge.yaml:2:1: unknown key `args`",
        );
    }
}
