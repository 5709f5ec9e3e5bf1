//! Programs that an operator pinned in `sedge.yaml`: which one, and with which arguments.

use std::fmt;
use std::num::NonZeroU32;

use serde::Deserialize;

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::names::EnvName;
use crate::yaml::Located;

/// What stands for any number of further arguments, at the end of a pin's.
const REST: &str = "...";

/// What stands for any text within one argument.
const ANY: char = '*';

/// The variable by which a command is given a token: a `sedge` that it starts works below the call.
pub const LINEAGE_VARIABLE: &str = "SEDGE_LINEAGE";

/// A program that may be run for those who were granted its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandPin {
    /// The program's absolute path.
    pub program: String,
    /// What it may be given.
    pub arguments: ArgumentPatterns,
    /// The variables of the environment that it sees; it sees no others.
    pub environment: Vec<EnvName>,
    /// The folder of the repository that it runs in, as a relative path; an empty one that is
    /// removed afterwards where that is none.
    pub cwd: Option<String>,
    /// How long it may take, in seconds; as long as its call may where that is none.
    pub timeout_seconds: Option<NonZeroU32>,
    /// How much of each of its two outputs is kept, in KiB.
    pub output_kibibytes: Option<NonZeroU32>,
}

/// How much of an argument that is refused is told, in characters. A guest chooses how long it is.
const SHOWN_CHARS_MAX: usize = 100;

/// Which arguments a pinned program may be given.
///
/// An argument that begins with `-` fits only a pattern that does, too: where a name is
/// expected, nobody passes an option.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArgumentPatterns {
    /// One for each argument: a literal text, in which `*` stands for any.
    each: Vec<String>,
    /// Whether any further arguments may follow.
    rest: bool,
}

/// Why arguments do not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentsError {
    /// There are fewer or more than there are patterns.
    #[error("there are {found}, and it takes `{patterns}`")]
    Count {
        /// How many there are.
        found: usize,
        /// What fits.
        patterns: ArgumentPatterns,
    },
    /// One fits no pattern.
    #[error("number {number}, {argument}, does not fit; it takes `{patterns}`")]
    Misfit {
        /// Which, from 1.
        number: usize,
        /// The argument, in quotes, or its beginning.
        argument: String,
        /// What fits.
        patterns: ArgumentPatterns,
    },
    /// One begins with `-`, and its pattern does not.
    #[error(
        "number {number}, {argument}, is an option, and none fits there; it takes `{patterns}`"
    )]
    Option {
        /// Which, from 1.
        number: usize,
        /// The argument, in quotes, or its beginning.
        argument: String,
        /// What fits.
        patterns: ArgumentPatterns,
    },
    /// One has a NUL in it, which no program can be given.
    #[error("number {number} has a NUL in it")]
    Nul {
        /// Which, from 1.
        number: usize,
    },
}

impl ArgumentPatterns {
    /// Returns the paths that patterns may name whatever a guest chooses: each literal and its
    /// parts, and of other patterns the folder that their fixed beginning leads to. Most of them
    /// are no paths; whoever asks looks which of them exist.
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

    /// Returns the paths that arguments may name, and their parts, where the pattern says anything
    /// about them: what a lone `*` or `...` stands for is for the guest to choose.
    pub fn chosen_paths<'a>(&self, arguments: &'a [String]) -> Vec<&'a str> {
        let said = |pattern: &String| pattern.chars().any(|c| c != ANY);
        let pairs = self.each.iter().zip(arguments);
        let said = pairs.filter(|(pattern, _)| said(pattern));
        said.flat_map(|(_, argument)| parts_of(argument)).collect()
    }

    /// Checks arguments.
    ///
    /// # Errors
    /// They do not fit: which, and why.
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
            // Behind the last pattern, any argument fits that is no option.
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

/// What is run, as a person would type it: `/usr/bin/git log ...`.
impl fmt::Display for CommandPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        if self.arguments == ArgumentPatterns::default() {
            return Ok(());
        }
        write!(f, " {}", self.arguments)
    }
}

/// Returns an argument and the parts of it that may be a path by themselves: what is behind each
/// `=` (`--file=PATH`), and behind an option of one letter (`-fPATH`).
fn parts_of(argument: &str) -> Vec<&str> {
    let values = argument.match_indices('=');
    let values = values.map(|(at, _)| &argument[at + 1..]);
    let option = argument.strip_prefix('-').filter(|it| !it.starts_with('-'));
    let value = option.and_then(|it| it.char_indices().nth(1).map(|(at, _)| &it[at..]));
    let all = std::iter::once(argument).chain(value).chain(values);
    all.filter(|part| !part.is_empty()).collect()
}

/// Returns an argument in quotes, cut where it is long.
fn shown(argument: &str) -> String {
    let cut: String = argument.chars().take(SHOWN_CHARS_MAX).collect();
    let dots = if cut.len() < argument.len() {
        "…"
    } else {
        ""
    };
    format!("{cut:?}{dots}")
}

/// Returns whether a text is what a pattern says: literal between any texts.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, pattern)) = pattern.split_once(ANY) else {
        return pattern == text;
    };
    let (middle, end) = pattern.rsplit_once(ANY).unwrap_or(("", pattern));
    let rest = text.strip_prefix(start);
    let Some(mut rest) = rest.and_then(|rest| rest.strip_suffix(end)) else {
        return false;
    };
    // The first place of each is as good as any: what is behind it only gets longer.
    middle.split(ANY).all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

/// A pin as `sedge.yaml` has it.
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
            let message = format!("`{}` is no absolute path", self.program.value);
            let hint = "write where the program is, as `command -v NAME` shows it: which one runs must not depend on who starts it";
            return Err(Diagnostic::new(file, self.program.span, message).with_hint(hint));
        }
        let own = |name: &&Located<EnvName>| name.value.as_str() == LINEAGE_VARIABLE;
        if let Some(name) = self.environment.iter().find(own) {
            let message = format!("`{}` is set by Sedge itself", name.value);
            return Err(Diagnostic::new(file, name.span.clone(), message).with_hint(
                "remove it: no command gets the one of the shell that Sedge was started from",
            ));
        }
        if let Some(cwd) = &self.cwd
            && !is_inside(&cwd.value)
        {
            let message = format!("`{}` is no folder of the repository", cwd.value);
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

/// Returns whether a relative path stays where it begins, as far as its text tells.
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
        let message = format!("`{REST}` stands for all further arguments, so it comes last");
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
    fn dots_at_the_end_fit_any_further_arguments() {
        check("[...]", &[], true);
        check("[log, ...]", &["log"], true);
        check("[log, ...]", &["log", "a", ""], true);
        check("[log, ...]", &[], false);
        check("[log, ...]", &["gol", "a"], false);
        check("[...]", &["a\0b"], false);
    }

    #[test]
    fn who_is_refused_is_told_what_fits() {
        let told = |list: &str, argument: &str| {
            let checked = patterns(list).check(&[argument.to_owned()]);
            checked.expect_err("refused").to_string()
        };
        assert_eq!(
            told("[log, ...]", "gol"),
            "number 1, \"gol\", does not fit; it takes `log ...`"
        );
        assert_eq!(
            told("['*']", "-x"),
            "number 1, \"-x\", is an option, and none fits there; it takes `*`"
        );
        assert_eq!(told("[]", "a"), "there are 1, and it takes `no arguments`");
        let long = told("[log]", &"é".repeat(10_000));
        assert!(
            long.ends_with("é\"…, does not fit; it takes `log`"),
            "{long}"
        );
        assert!(long.len() < 300, "{long}");
    }

    #[test]
    fn paths_in_arguments_are_found_whole_and_in_parts() {
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
    fn where_it_runs_is_said() {
        let plain = pin("program: /bin/true\n").expect("a good pin");
        assert_eq!(plain.to_string(), "/bin/true");
        assert_eq!(plain.cwd, None);
        let told = pin("program: /bin/true\ncwd: a/b\n").expect("a good pin");
        assert_eq!(told.cwd.as_deref(), Some("a/b"));
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
            "sedge.yaml:1:10: `git` is no absolute path",
        );
        check(
            "program: /bin/git\narguments: [..., log]\n",
            "sedge.yaml:2:13: `...` stands for all further arguments, so it comes last",
        );
        check(
            "program: /bin/git\nenvironment: [HOME, SEDGE_LINEAGE]\n",
            "sedge.yaml:2:21: `SEDGE_LINEAGE` is set by Sedge itself",
        );
        for cwd in ["/srv", "../other", "a/../../b", "a//b", "''"] {
            let text = format!("program: /bin/git\ncwd: {cwd}\n");
            let fault = pin(&text).expect_err(cwd).to_string();
            assert!(fault.ends_with("is no folder of the repository"), "{fault}");
            assert!(fault.starts_with("sedge.yaml:2:6: "), "{fault}");
        }
        check(
            "program: /bin/git\nargs: [log]\n",
            "sedge.yaml:2:1: unknown key `args`",
        );
    }
}
