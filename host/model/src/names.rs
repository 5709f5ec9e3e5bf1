//! Names and ids: newtypes that are always checked.
//!
//! A name from a user, a file or a guest is checked and converted at the boundary. Later code can
//! show it, store it or use it in a file name without another check.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The maximum length of the name of a model, workflow, job, step, method or secret, in bytes.
///
/// Users and plugin authors choose these names, and they become parts of file names. The limit of a
/// file name is 255 bytes on common file systems.
pub const NAME_BYTES_MAX: usize = 100;

/// The maximum length of the name of a model or workflow with a scope, in bytes.
///
/// Users choose these names. Each part becomes the name of a folder or a file.
pub const SCOPED_NAME_BYTES_MAX: usize = 64;

/// The maximum length of the name of a step, in bytes, without the expressions in it.
///
/// Users choose these names. They are parts of paths such as `job/step`, and never of file names.
pub const STEP_NAME_BYTES_MAX: usize = 200;

/// The maximum length of the name of a step with its expressions, in bytes.
const STEP_TEMPLATE_BYTES_MAX: usize = 2_000;

/// The maximum length of the name of a piece of data, in bytes.
///
/// Guests choose these names. They are keys in the store and never paths.
pub const DATA_NAME_BYTES_MAX: usize = 255;

/// The number of characters of a [`RunId`].
///
/// Twelve characters of 32 carry 60 bits. With a million runs in one datastore, the chance of a
/// collision is about one in two million, and the store refuses a duplicate.
pub const RUN_ID_LEN: usize = 12;

/// The characters of a [`RunId`]: Crockford's base 32 in lower case, in which no two characters
/// look alike.
pub const RUN_ID_ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A text is not a name of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a {what}: {rule}", text.escape_debug())]
pub struct NameError {
    /// What the name should be: `model name`.
    pub what: &'static str,
    /// The text that was given.
    pub text: String,
    /// The rule for such a name.
    pub rule: &'static str,
}

macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:expr, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::try_from(text.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                if $check(&text) {
                    Ok(Self(text))
                } else {
                    Err(NameError { what: $what, text, rule: $rule })
                }
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}

const PLAIN_RULE: &str = "it takes 1 to 100 letters, digits, `.`, `-` and `_` of ASCII, beginning with a letter or digit";

const SCOPED_RULE: &str = "it takes 1 to 100 letters, digits, `.`, `-` and `_` of ASCII, beginning with a letter or digit, or it is `@scope/name` (further `/parts` may follow) of at most 64 lower-case letters, digits, `.`, `-` and `_`";

checked_name!(
    /// The name of a model: the key `name` of its definition.
    ModelName, "model name", SCOPED_RULE, is_plain_or_scoped
);
checked_name!(
    /// The name of a workflow: the key `name` of its file.
    WorkflowName, "workflow name", SCOPED_RULE, is_plain_or_scoped
);
checked_name!(
    /// The id of a model or workflow, as its file has it: a UUID.
    FileId, "UUID",
    "it has 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12, as in `5d4a6b0e-9f7c-4a37-8d0e-3b6f7c2a91d4`",
    is_uuid
);
checked_name!(
    /// The name of a job, unique in its workflow.
    JobName, "job name", PLAIN_RULE, is_plain
);
checked_name!(
    /// The name of a step or gate, unique in its job, as it stands in the file: any text, in which
    /// expressions may stand.
    StepName, "step name",
    "it takes 1 to 200 bytes of text without control characters, without blanks at its ends, and without `/` outside of expressions",
    is_step_name
);
checked_name!(
    /// The name of a method, unique in its type.
    MethodName, "method name", PLAIN_RULE, is_plain
);
checked_name!(
    /// The name of a check that runs before methods, unique in its type.
    CheckName, "check name", PLAIN_RULE, is_plain
);
checked_name!(
    /// The name of a report, unique in its type.
    ReportName, "report name", PLAIN_RULE, is_plain
);
checked_name!(
    /// A label of checks, by which a user skips several of them.
    CheckLabel, "label of checks", PLAIN_RULE, is_plain
);
checked_name!(
    /// The name of a resource or file spec, unique in its type.
    SpecName, "resource name", PLAIN_RULE, is_plain
);
checked_name!(
    /// The name of a model type, as its plugin gives it: `@acme/sink`.
    TypeName, "type name",
    "it is `@scope/name` in lower-case letters, digits, `.`, `-` and `_` (further `/parts` may follow)",
    is_type_name
);
checked_name!(
    /// The version of a type: `YYYY.MM.DD.N`.
    TypeVersion, "version",
    "it is `YYYY.MM.DD.N`: a day, and the number of the version on that day",
    is_calver
);
checked_name!(
    /// The name of a piece of data, unique in its model: any printable text.
    DataName, "data name",
    "it takes 1 to 255 bytes of text without control characters",
    is_data_name
);
checked_name!(
    /// The name by which a plugin requests a folder.
    FolderName, "folder name", PLAIN_RULE, is_plain
);
checked_name!(
    /// The name under which an operator pinned a program.
    CommandName, "command name", PLAIN_RULE, is_plain
);
checked_name!(
    /// The name of a variable of the environment.
    EnvName, "name of an environment variable",
    "it takes 1 to 255 letters, digits and `_` of ASCII, and does not begin with a digit",
    is_env_name
);
checked_name!(
    /// The name of a secret.
    SecretName, "name of a secret",
    "it takes 1 to 100 letters, digits, `.`, `-` and `_` of ASCII, beginning with a letter, digit or `_`",
    is_secret_name
);
checked_name!(
    /// The id of a run: twelve characters of Crockford's base 32.
    RunId, "run id",
    "it is twelve lower-case letters and digits, as lists of runs show them",
    is_run_id
);

impl RunId {
    /// Makes an id from 60 random bits; the upper four bits are not used.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        let text = (0..RUN_ID_LEN)
            .map(|i| char::from(RUN_ID_ALPHABET[(bits >> (5 * i) & 31) as usize]))
            .collect();
        Self(text)
    }
}

impl ModelName {
    /// Returns the path of the file where a look-up of the name begins, within the repository. A
    /// definition with this name may have another file.
    #[must_use]
    pub fn file(&self) -> String {
        format!("models/{self}.yaml")
    }
}

impl WorkflowName {
    /// Returns the path of the file where a look-up of the name begins, within the repository. A
    /// workflow with this name may have another file.
    #[must_use]
    pub fn file(&self) -> String {
        format!("workflows/{self}.yaml")
    }
}

fn is_plain(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
}

/// Accepts any text that is one line and no path. A `/` in an expression divides.
fn is_step_name(text: &str) -> bool {
    let is_bad = |c: char| c.is_control() || is_direction_control(c);
    let (mut n_bytes, mut has_slash, mut rest) = (0, false, text);
    while let Some((before, from)) = rest.split_once("${{") {
        n_bytes += before.len();
        has_slash |= before.contains('/');
        // `$${{` stands for a text, and not the beginning of an expression.
        if before.ends_with('$') {
            rest = from;
            continue;
        }
        rest = from.split_once("}}").map_or("", |(_, after)| after);
    }
    (1..=STEP_TEMPLATE_BYTES_MAX).contains(&text.len())
        && n_bytes + rest.len() <= STEP_NAME_BYTES_MAX
        && !has_slash
        && !rest.contains('/')
        && text.trim() == text
        && !text.contains(is_bad)
}

fn is_env_name(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Accepts names of environment variables too, for example `_TOKEN`.
fn is_secret_name(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= NAME_BYTES_MAX
        && text.starts_with(is_word)
        && text.chars().all(|c| is_word(c) || ".-".contains(c))
}

fn is_plain_or_scoped(text: &str) -> bool {
    is_plain(text) || (text.len() <= SCOPED_NAME_BYTES_MAX && is_type_name(text))
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

fn is_type_name(text: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b))
    };
    let Some(rest) = text.strip_prefix('@') else {
        return false;
    };
    text.len() <= NAME_BYTES_MAX && rest.contains('/') && rest.split('/').all(part)
}

impl TypeVersion {
    /// Returns whether this version is older than another one: its day, then its number.
    #[must_use]
    pub fn is_older_than(&self, other: &Self) -> bool {
        self.numbers() < other.numbers()
    }

    /// Returns the year, month, day and number, in the order in which versions are newer.
    fn numbers(&self) -> Vec<u64> {
        let parts = self.as_str().split('.');
        // ignored: a checked version has only numbers that fit.
        let number = |part: &str| part.parse().unwrap_or(u64::MAX);
        parts.map(number).collect()
    }
}

fn is_calver(text: &str) -> bool {
    let number = |part: &str, len: std::ops::RangeInclusive<usize>| {
        (len.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse::<u32>().ok())
            .flatten()
    };
    let parts: Vec<&str> = text.split('.').collect();
    let [year, month, day, n] = parts[..] else {
        return false;
    };
    number(year, 4..=4).is_some()
        && number(month, 2..=2).is_some_and(|m| (1..=12).contains(&m))
        && number(day, 2..=2).is_some_and(|d| (1..=31).contains(&d))
        && number(n, 1..=6).is_some()
}

fn is_data_name(text: &str) -> bool {
    (1..=DATA_NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Why a name of data cannot vary by a value. The text continues a sentence about the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaryError {
    /// Two values would not be apart in the name.
    #[error("is empty")]
    Empty,
    /// The hyphen would be taken for one of the next value.
    #[error("ends with a hyphen")]
    HyphenAtEnd,
}

/// Returns what a value of `vary` adds to a name of data: a hyphen, and the value with each of its
/// own hyphens doubled.
///
/// The parts of two different lists of values are never the same text. A run of hyphens of even
/// length is within a value. One of odd length begins the next value, because no value ends with a
/// hyphen.
///
/// # Errors
/// The value is empty, or ends with a hyphen.
pub fn vary_part(value: &str) -> Result<String, VaryError> {
    if value.is_empty() {
        return Err(VaryError::Empty);
    }
    if value.ends_with('-') {
        return Err(VaryError::HyphenAtEnd);
    }
    Ok(format!("-{}", value.replace('-', "--")))
}

/// Returns whether a character reverses the direction of the text after it, so that the text looks
/// like a different one.
#[must_use]
pub fn is_direction_control(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

fn is_run_id(text: &str) -> bool {
    text.len() == RUN_ID_LEN && text.bytes().all(|b| RUN_ID_ALPHABET.contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr>(text: &str, expect: bool) {
        assert_eq!(text.parse::<T>().is_ok(), expect, "{text:?}");
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        let is_older = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|it| it.parse::<TypeVersion>().expect("a version"));
            one.is_older_than(&other)
        };
        assert!(is_older("2026.11.23.9", "2026.11.23.10"));
        assert!(is_older("2026.11.23.10", "2026.11.24.1"));
        assert!(is_older("2026.12.01.1", "2027.01.01.0"));
        assert!(!is_older("2026.11.23.1", "2026.11.23.1"));
    }

    #[test]
    fn plain_name_can_be_part_of_a_file_name() {
        for good in ["a", "sink", "0day", "a.b-c_D", &"x".repeat(100)] {
            check::<ModelName>(good, true);
        }
        for bad in [
            "",
            ".",
            "..",
            "-x",
            "_x",
            "a/b",
            "a b",
            "é",
            "a\0",
            &"x".repeat(101),
        ] {
            check::<ModelName>(bad, false);
        }
    }

    #[test]
    fn model_and_workflow_name_may_have_a_scope() {
        let longest = format!("@a/{}", "x".repeat(61));
        for good in [
            "@acme/daily",
            "@acme/aws/ec2",
            "@0/1",
            "@a/b-c_d.e",
            &longest,
        ] {
            check::<ModelName>(good, true);
            check::<WorkflowName>(good, true);
        }
        let too_long = format!("{longest}x");
        for bad in [
            "@acme", "@acme/", "@/x", "@a//b", "@a/..", "@a/../b", "@A/b", "a/b", "@a/b\n",
            &too_long,
        ] {
            check::<ModelName>(bad, false);
            check::<WorkflowName>(bad, false);
        }
        check::<JobName>("@acme/daily", false);
        let name: ModelName = "@acme/daily".parse().expect("a name");
        assert_eq!(name.file(), "models/@acme/daily.yaml");
    }

    #[test]
    fn file_id_is_a_uuid() {
        check::<FileId>("5d4a6b0e-0000-4000-8000-000000000000", true);
        check::<FileId>("5D4A6B0E-0000-4000-8000-00000000000F", true);
        for bad in [
            "",
            "5d4a6b0e",
            "5d4a6b0e-0000-4000-8000-00000000000g",
            "-----",
        ] {
            check::<FileId>(bad, false);
        }
    }

    #[test]
    fn step_name_is_one_line_with_expressions() {
        for good in [
            "a",
            "Deploy to EU",
            "déploy #1",
            "a-${{ self.n / 2 }}",
            "${{ a }}${{ b }}",
            &"x".repeat(200),
        ] {
            check::<StepName>(good, true);
        }
        for bad in [
            "",
            " a",
            "a ",
            "a/b",
            "a\nb",
            "a\u{202e}b",
            "${{ a }}/b",
            "b/${{ a }}",
            &"x".repeat(201),
        ] {
            check::<StepName>(bad, false);
        }
    }

    #[test]
    fn secret_name_may_be_the_name_of_a_variable() {
        for good in ["API_TOKEN", "_x", "_", "0", "a.b-c", &"x".repeat(100)] {
            check::<SecretName>(good, true);
        }
        for bad in ["", ".a", "-a", "a/b", "a b", "é", "_/", &"_".repeat(101)] {
            check::<SecretName>(bad, false);
        }
    }

    #[test]
    fn type_name_has_a_scope() {
        for good in ["@a/b", "@acme/sink", "@acme/aws/ec2", "@0/1"] {
            check::<TypeName>(good, true);
        }
        for bad in [
            "",
            "@",
            "acme/sink",
            "@acme",
            "@acme/",
            "@/x",
            "@Acme/x",
            "@a//b",
            "@a/../b",
        ] {
            check::<TypeName>(bad, false);
        }
    }

    #[test]
    fn version_is_a_day_and_a_number() {
        for good in ["2026.11.23.1", "2026.01.31.0", "2026.12.01.123456"] {
            check::<TypeVersion>(good, true);
        }
        for bad in [
            "",
            "1.2.3",
            "2026.13.01.1",
            "2026.00.01.1",
            "2026.1.1.1",
            "2026.01.32.1",
            "2026.01.01.",
            "2026.01.01.+1",
        ] {
            check::<TypeVersion>(bad, false);
        }
    }

    #[test]
    fn data_name_is_any_printable_text() {
        for good in [
            "record",
            "2024",
            "a/b",
            ".hidden",
            " lead",
            "été ☂",
            "../../etc/passwd",
        ] {
            check::<DataName>(good, true);
        }
        for bad in ["", "a\nb", "a\0", "\u{85}", &"é".repeat(128)] {
            check::<DataName>(bad, false);
        }
    }

    #[test]
    fn run_id_is_made_from_bits_and_parsed_again() {
        for bits in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
            let id = RunId::from_bits(bits);
            assert_eq!(id.as_str().parse::<RunId>(), Ok(id));
        }
        check::<RunId>("ABCDEFGHJKMN", false);
        check::<RunId>("abc", false);
    }

    /// Returns what the values add to a name.
    fn varied(values: &[&str]) -> Result<String, VaryError> {
        values.iter().map(|value| vary_part(value)).collect()
    }

    #[test]
    fn vary_keeps_values_without_hyphens_and_doubles_hyphens() {
        let check = |values: &[&str], expect| assert_eq!(varied(values), expect, "{values:?}");
        check(&[], Ok(String::new()));
        check(&["eu"], Ok("-eu".to_owned()));
        check(&["eu", "3", "prod"], Ok("-eu-3-prod".to_owned()));
        check(&["eu-west", "a"], Ok("-eu--west-a".to_owned()));
        check(&["eu", "west-a"], Ok("-eu-west--a".to_owned()));
        check(&["-5", "a"], Ok("---5-a".to_owned()));
        check(&["a", ""], Err(VaryError::Empty));
        check(&["a-", "b"], Err(VaryError::HyphenAtEnd));
        check(&["-"], Err(VaryError::HyphenAtEnd));
    }

    #[test]
    fn names_of_different_values_differ() {
        use std::collections::HashMap;
        // All lists of up to three values of up to four characters: most of them hyphens.
        let mut values = vec![String::new()];
        for at in 0.. {
            let Some(value) = values.get(at).filter(|it: &&String| it.len() < 4).cloned() else {
                break;
            };
            values.extend(["-", "a"].map(|c| format!("{value}{c}")));
        }
        values.retain(|value| vary_part(value).is_ok());
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let mut lists: Vec<Vec<&str>> = vec![Vec::new()];
        let mut names = HashMap::new();
        for at in 0.. {
            let Some(list) = lists.get(at).cloned() else {
                break;
            };
            if list.len() < 3 {
                lists.extend(values.iter().map(|it| [&list[..], &[*it]].concat()));
            }
            let name = varied(&list).expect("all values can be in a name");
            if let Some(former) = names.insert(name.clone(), list.clone()) {
                panic!("{former:?} and {list:?} are both `{name}`");
            }
        }
        assert!(names.len() > 1_000, "{}", names.len());
    }
}
