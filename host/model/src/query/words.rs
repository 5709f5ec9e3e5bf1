//! What the parser and the evaluator complain of, in our words.

use std::fmt::Write;

use cel::ExecutionError;

/// The most characters of a text that is not ours.
const SHOWN_CHARS_MAX: usize = 120;

/// What is said of an evaluation that costs more than it may.
pub(super) const TOO_MUCH: &str = "it takes too much work";

/// A complaint about the syntax.
pub(super) struct Said {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// How many bytes it is about.
    pub(super) n_bytes: usize,
}

/// Rewrites what the parser says about the place at which `rest` begins.
pub(super) fn syntax(parser: &str, rest: &str) -> Said {
    let plain = parser.trim_start_matches("Syntax error: ");
    let token = token(rest);
    let said = |message: String| Said {
        message,
        hint: hint(token).map(str::to_owned),
        n_bytes: token.len(),
    };
    if plain.contains("Recursion limit") {
        Said {
            message: "it is nested too deep".to_owned(),
            hint: None,
            n_bytes: 0,
        }
    } else if let Some(missing) = plain.strip_prefix("missing ") {
        let missing = missing.split('\'').nth(1).unwrap_or_default();
        said(match token {
            "" => format!("`{missing}` is missing at its end"),
            token => format!("`{missing}` is missing before `{token}`"),
        })
    } else if plain.starts_with("reserved identifier") {
        said(format!("`{token}` is reserved, and no variable"))
    } else if plain.starts_with("token recognition error") {
        said(format!("`{token}` does not belong here"))
    } else if is_about_a_token(plain) {
        said(match token {
            "" => "something is missing at its end".to_owned(),
            token => format!("`{token}` does not belong here"),
        })
    } else {
        said(cut(plain))
    }
}

fn is_about_a_token(said: &str) -> bool {
    let starts = [
        "mismatched input",
        "extraneous input",
        "no viable alternative",
        "rule ",
    ];
    starts.iter().any(|start| said.starts_with(start))
}

/// Returns the word, number or sign that a text begins with.
fn token(rest: &str) -> &str {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let n_word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    let n_sign = rest.chars().next().map_or(0, char::len_utf8);
    let n_bytes = if n_word == 0 { n_sign } else { n_word };
    rest[..n_bytes].trim()
}

/// Returns what to write instead, for what other languages write.
fn hint(token: &str) -> Option<&'static str> {
    match token {
        "=" => Some("to compare, write `==`"),
        "and" | "AND" | "&" => Some("write `&&`"),
        "or" | "OR" | "|" => Some("write `||`"),
        "not" | "NOT" => Some("write `!`"),
        "like" | "LIKE" => Some("write `name.contains(\"text\")` or `name.matches(\"pattern\")`"),
        "\"" | "'" => Some("the text that begins here does not end"),
        _ => None,
    }
}

/// What came of an expression that has no value.
pub(super) enum NoValue {
    /// Something that it asks about is not there.
    Absent,
    /// It is wrong for this row.
    Wrong(String),
}

/// Tells what is not there from what is wrong. What is null is not there either.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the errors are those of a crate that keeps adding some"
)]
pub(super) fn no_value(error: &ExecutionError) -> NoValue {
    let text = match error {
        ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_) => {
            return NoValue::Absent;
        }
        ExecutionError::NoSuchOverload(overload) => {
            let types = overload.argument_types();
            if types.iter().any(|it| it == "null_type") {
                return NoValue::Absent;
            }
            mismatch(overload.function(), types)
        }
        ExecutionError::UnexpectedType { got, want } => {
            format!("a value of type `{got}` stands where `{want}` is needed")
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "it divides by zero".to_owned()
        }
        ExecutionError::Overflow(..) => "a number becomes too large".to_owned(),
        ExecutionError::FunctionError { function, .. } if function == "@budget" => {
            TOO_MUCH.to_owned()
        }
        ExecutionError::FunctionError { function, message } => {
            cut(&format!("`{function}` fails: {message}"))
        }
        ExecutionError::ValuesNotComparable(..) => "it compares what has no order".to_owned(),
        // The others carry values of any size: their names must do.
        ExecutionError::UnsupportedBinaryOperator(operator, ..) => {
            format!("`{operator}` does not take values of these types")
        }
        ExecutionError::UnsupportedIndex(..) | ExecutionError::UnsupportedKeyType(_) => {
            "a value of this type cannot be a key".to_owned()
        }
        ExecutionError::DuplicateKey(_) => "a map has a key twice".to_owned(),
        ExecutionError::UndeclaredReference(name) => {
            cut(&format!("there is no function `{name}` for this value"))
        }
        _ => "it has no value".to_owned(),
    };
    NoValue::Wrong(text)
}

fn mismatch(function: &str, types: &[String]) -> String {
    let name = match function {
        "_._" | "_?._" => return format!("a value of type `{}` has no members", types[0]),
        "_[_]" | "_[?_]" => {
            return format!("a value of type `{}` has no items of that key", types[0]);
        }
        "@in" => "in",
        name => name.trim_matches(['_', '@']),
    };
    let mut text = format!("`{name}` does not take");
    for (n, kind) in types.iter().enumerate() {
        let joint = if n == 0 { " " } else { " and " };
        let _ = write!(text, "{joint}`{kind}`");
    }
    text
}

/// Returns the beginning of a text, in one line.
pub(super) fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(SHOWN_CHARS_MAX).collect()
}
