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
    pub arguments: ArgumentForms,
    /// The environment variables that it sees. It sees no others, except `variables`.
    pub environment: Vec<EnvName>,
    /// The environment variables that a guest may set. None of them [`is_reserved`].
    pub variables: Vec<EnvName>,
    /// The working folder, as a relative path within the repository. If `None`, the program runs in
    /// a new empty folder that is removed afterwards.
    pub cwd: Option<String>,
    /// Whether a guest may choose a folder below `cwd` as the working folder.
    pub subfolders: bool,
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

/// The forms that the arguments of a pinned program may have. At least one; arguments have to fit
/// one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgumentForms {
    first: ArgumentPatterns,
    others: Vec<ArgumentPatterns>,
}

/// The reason why arguments fit none of the forms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormsError {
    /// The only form does not fit.
    #[error("{misfit}; it takes {}", quoted(form))]
    One {
        /// Why.
        misfit: ArgumentsMisfit,
        /// The form.
        form: ArgumentPatterns,
    },
    /// None of several forms fits.
    #[error("they fit none of its {} forms: {}", misfits.len(), forms_with_misfits(misfits))]
    None {
        /// Each form, and why it does not fit.
        misfits: Vec<(ArgumentPatterns, ArgumentsMisfit)>,
    },
}

/// The reason why arguments do not fit one form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentsMisfit {
    /// There are more or fewer arguments than patterns.
    #[error("there are {found}")]
    Count {
        /// The number of arguments.
        found: usize,
    },
    /// An argument does not fit its pattern.
    #[error("argument {number}, {argument}, does not fit")]
    Misfit {
        /// Its position, from 1.
        number: usize,
        /// The argument, in quotes, or its beginning.
        argument: String,
    },
    /// An argument begins with `-`, but its pattern does not.
    #[error("argument {number}, {argument}, is an option, which is not allowed there")]
    Option {
        /// Its position, from 1.
        number: usize,
        /// The argument, in quotes, or its beginning.
        argument: String,
    },
    /// An argument contains a NUL character, which cannot be passed to a program.
    #[error("argument {number} contains a NUL character")]
    Nul {
        /// Its position, from 1.
        number: usize,
    },
}

/// The maximum number of forms that an error lists, each with the reason why it does not fit.
const FORMS_SHOWN_MAX: usize = 8;

fn quoted(form: &ArgumentPatterns) -> String {
    format!("`{form}`")
}

/// Lists forms, each with the reason why it does not fit.
fn forms_with_misfits(misfits: &[(ArgumentPatterns, ArgumentsMisfit)]) -> String {
    let shown = misfits.iter().take(FORMS_SHOWN_MAX);
    let shown = shown.map(|(form, misfit)| format!("{} ({misfit})", quoted(form)));
    let mut shown: Vec<String> = shown.collect();
    let n_more = misfits.len().saturating_sub(FORMS_SHOWN_MAX);
    if n_more > 0 {
        shown.push(format!("and {n_more} more"));
    }
    shown.join(", ")
}

impl ArgumentForms {
    /// Returns forms, of which arguments have to fit one.
    #[must_use]
    pub fn new(first: ArgumentPatterns, others: Vec<ArgumentPatterns>) -> Self {
        Self { first, others }
    }

    /// Returns the first form. The pin of a source of secrets has no other.
    #[must_use]
    pub fn first(&self) -> &ArgumentPatterns {
        &self.first
    }

    /// Returns whether there is more than one form.
    #[must_use]
    pub fn is_several(&self) -> bool {
        !self.others.is_empty()
    }

    /// Returns each form.
    pub fn iter(&self) -> impl Iterator<Item = &ArgumentPatterns> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Returns the forms and one more as a list in YAML; `None` if there are too many to read.
    #[must_use]
    pub fn extended(&self, form: &str) -> Option<String> {
        if self.others.len() >= FORMS_SHOWN_MAX {
            return None;
        }
        let forms = self.iter().map(ArgumentPatterns::to_yaml);
        let forms: Vec<String> = forms.chain([form.to_owned()]).collect();
        Some(format!("[{}]", forms.join(", ")))
    }

    /// Returns the paths that the forms may name whatever the guest chooses. See
    /// [`ArgumentPatterns::fixed_paths`].
    pub fn fixed_paths(&self) -> impl Iterator<Item = &str> {
        self.iter().flat_map(ArgumentPatterns::fixed_paths)
    }

    /// Returns the arguments and their parts that may be paths, if every form that they fit restricts
    /// them.
    pub fn chosen_paths<'a>(&self, arguments: &'a [String]) -> Vec<&'a str> {
        let fitting: Vec<&ArgumentPatterns> = self
            .iter()
            .filter(|form| form.check(arguments).is_ok())
            .collect();
        let numbered = arguments.iter().enumerate();
        let restricted =
            numbered.filter(|(at, _)| fitting.iter().all(|form| form.is_restricted(*at)));
        restricted
            .flat_map(|(_, argument)| parts_of(argument))
            .collect()
    }

    /// Checks arguments.
    ///
    /// # Errors
    /// They fit no form.
    pub fn check(&self, arguments: &[String]) -> Result<(), FormsError> {
        let mut misfits = Vec::new();
        for form in self.iter() {
            match form.check(arguments) {
                Ok(()) => return Ok(()),
                Err(misfit) => misfits.push((form.clone(), misfit)),
            }
        }
        Err(match (misfits.pop(), misfits.is_empty()) {
            (Some((form, misfit)), true) => FormsError::One { misfit, form },
            (last, _) => {
                misfits.extend(last);
                FormsError::None { misfits }
            }
        })
    }
}

/// No arguments.
impl Default for ArgumentForms {
    fn default() -> Self {
        Self::new(ArgumentPatterns::default(), Vec::new())
    }
}

/// Writes one form as it is, and several in parentheses: `(log ... | status)`.
impl fmt::Display for ArgumentForms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.others.is_empty() {
            return self.first.fmt(f);
        }
        let forms: Vec<String> = self.iter().map(ToString::to_string).collect();
        write!(f, "({})", forms.join(" | "))
    }
}

/// The longest text in a [`narrowest_form`], in characters. A guest chooses it, and the operator has
/// to read it.
const FORM_CHARS_MAX: usize = 300;

/// Returns the form that takes exactly these arguments, as a list in YAML. Returns `None` if there is
/// none, because an argument has a `*` or is `...`, or if an operator could not read it.
#[must_use]
pub fn narrowest_form(arguments: &[String]) -> Option<String> {
    let is_plain = |argument: &String| {
        argument != REST
            && !argument.contains(ANY)
            && argument.chars().all(|c| c.is_ascii_graphic() || c == ' ')
    };
    let n_chars: usize = arguments.iter().map(String::len).sum();
    if n_chars > FORM_CHARS_MAX || !arguments.iter().all(is_plain) {
        return None;
    }
    // The escapes of JSON are those of YAML in double quotes.
    let texts: Vec<String> = arguments.iter().map(|text| format!("{text:?}")).collect();
    Some(format!("[{}]", texts.join(", ")))
}

/// Variables that decide which code a program loads or runs, whatever the program is.
const RESERVED: [&str; 11] = [
    "PATH",
    "HOME",
    "IFS",
    "ENV",
    "BASH_ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "PS4",
    "GCONV_PATH",
    "NLSPATH",
    "LOCPATH",
];

/// The beginnings of the names of such variables: of the dynamic linkers of Linux and macOS, of
/// functions of a shell, and of Sedge itself.
const RESERVED_BEGINNINGS: [&str; 5] = ["LD_", "DYLD_", "MALLOC_", "BASH_FUNC_", "SEDGE_"];

/// Returns whether no guest may set a variable, whatever a pin says. A guest that sets it could have
/// a pinned program run code of the guest's choice.
///
/// The list covers what works with any program. A program may have more such variables, for example
/// `PYTHONPATH` or `GIT_SSH_COMMAND`; a pin lists only those that are harmless for its program.
#[must_use]
pub fn is_reserved(name: &EnvName) -> bool {
    let name = name.as_str();
    RESERVED.contains(&name) || RESERVED_BEGINNINGS.iter().any(|it| name.starts_with(it))
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

    /// Returns the patterns as a list in YAML.
    fn to_yaml(&self) -> String {
        let each = self.each.iter().map(|pattern| format!("{pattern:?}"));
        let words: Vec<String> = each.chain(self.rest.then(|| REST.to_owned())).collect();
        format!("[{}]", words.join(", "))
    }

    /// Returns whether the pattern of the argument at this index, from 0, restricts what it may be.
    /// The guest freely chooses what matches a lone `*` or `...`.
    fn is_restricted(&self, at: usize) -> bool {
        let pattern = self.each.get(at);
        pattern.is_some_and(|pattern| pattern.chars().any(|c| c != ANY))
    }

    /// Checks arguments.
    ///
    /// # Errors
    /// An argument does not fit its pattern, or the number of arguments is wrong.
    pub fn check(&self, arguments: &[String]) -> Result<(), ArgumentsMisfit> {
        let found = arguments.len();
        let is_count = found == self.each.len() || (self.rest && found > self.each.len());
        if !is_count {
            return Err(ArgumentsMisfit::Count { found });
        }
        let any = ANY.to_string();
        for (at, argument) in arguments.iter().enumerate() {
            // After the last pattern, any argument fits that is not an option.
            let pattern = self.each.get(at).unwrap_or(&any);
            let number = at + 1;
            if argument.contains('\0') {
                return Err(ArgumentsMisfit::Nul { number });
            }
            if argument.starts_with('-') && !pattern.starts_with('-') {
                return Err(ArgumentsMisfit::Option {
                    number,
                    argument: shown(argument),
                });
            }
            if !fits(pattern, argument) {
                return Err(ArgumentsMisfit::Misfit {
                    number,
                    argument: shown(argument),
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
        if self.arguments == ArgumentForms::default() {
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
