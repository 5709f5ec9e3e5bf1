//! Programs that an operator pinned in `sedge.yaml`, and the arguments that they accept.

use std::fmt;
use std::num::NonZeroU32;

use crate::names::EnvName;

/// Matches any number of further arguments. It is allowed only at the end of a pin's arguments.
pub const REST: &str = "...";

/// Matches any text within one argument.
const ANY: char = '*';

/// The environment variable that passes a token to a command. The calls of a `sedge` process that
/// the command starts then are children of the call.
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
    /// The maximum size of the output that is stored, for stdout and for stderr each, in KiB.
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
    /// Returns patterns for each argument: literal text, in which `*` matches any text. `rest` says
    /// whether any further arguments may follow.
    #[must_use]
    pub fn new(each: Vec<String>, rest: bool) -> Self {
        Self { each, rest }
    }

    /// Returns whether a pattern has a `*`.
    #[must_use]
    pub fn has_any(&self) -> bool {
        self.each.iter().any(|pattern| pattern.contains(ANY))
    }

    /// Returns the patterns as arguments, with a text in place of each `*`. No further arguments
    /// follow.
    #[must_use]
    pub fn filled(&self, text: &str) -> Vec<String> {
        let fill = |pattern: &String| pattern.replace(ANY, text);
        self.each.iter().map(fill).collect()
    }

    /// Returns the paths that the patterns may name whatever the guest chooses: each
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
