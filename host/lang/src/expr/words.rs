//! Rewrites messages of the parser and the evaluator.

use std::fmt::Write;

use cel::ExecutionError;

use super::hidden::HIDDEN_ERROR;
use super::host::HOST_ERROR;

/// The maximum number of characters of a text of the user or the library.
const SHOWN_CHARS_MAX: usize = 120;

/// The message for an evaluation that exceeds its budget.
pub(crate) const TOO_MUCH: &str = "it takes too much work";

/// The message for a loop with two variables of one name.
pub(crate) const SAME_NAME_TWICE: &str = "argument must differ from the first";

/// A rewritten message about the syntax.
pub(crate) struct SyntaxMessage {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// The number of bytes that it marks.
    pub(crate) n_bytes: usize,
}

/// Rewrites the parser's message about the place at which `rest` begins.
pub(crate) fn syntax(parser: &str, rest: &str) -> SyntaxMessage {
    let plain = parser.trim_start_matches("Syntax error: ");
    let token = token(rest);
    let rewritten = |message: String| SyntaxMessage {
        message,
        hint: hint(token).map(str::to_owned),
        n_bytes: token.len(),
    };
    if plain.contains("Recursion limit") {
        SyntaxMessage {
            message: "it is nested too deep".to_owned(),
            hint: None,
            n_bytes: 0,
        }
    } else if let Some(missing) = plain.strip_prefix("missing ") {
        let missing = missing.split('\'').nth(1).unwrap_or_default();
        rewritten(match token {
            "" => format!("`{missing}` is missing at its end"),
            token => format!("`{missing}` is missing before `{token}`"),
        })
    } else if plain.starts_with(SAME_NAME_TWICE) {
        rewritten("the variables of a loop must have different names".to_owned())
    } else if plain.contains("invalid argument to has() macro") {
        rewritten("`has` takes a member: `has(a.b)`".to_owned())
    } else if plain.starts_with("argument must be a simple name") {
        rewritten("the variable of a loop must be a simple name".to_owned())
    } else if plain.starts_with("reserved identifier") {
        rewritten(format!("`{token}` is a reserved word"))
    } else if plain.starts_with("token recognition error") {
        rewritten(format!("`{token}` does not belong here"))
    } else if is_about_a_token(plain) {
        rewritten(match token {
            "" => "something is missing at its end".to_owned(),
            token => format!("`{token}` does not belong here"),
        })
    } else {
        rewritten(cut(plain))
    }
}

fn is_about_a_token(message: &str) -> bool {
    let starts = [
        "mismatched input",
        "extraneous input",
        "no viable alternative",
        "rule ",
    ];
    starts.iter().any(|start| message.starts_with(start))
}

/// Returns the word, number or sign that a text begins with.
fn token(rest: &str) -> &str {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let n_word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    let n_sign = rest.chars().next().map_or(0, char::len_utf8);
    let n_bytes = if n_word == 0 { n_sign } else { n_word };
    rest[..n_bytes].trim()
}

/// Returns a hint for syntax that users know from other languages.
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

/// The reason why an expression has no value.
pub(crate) enum NoValue {
    /// It uses a missing value.
    Absent,
    /// It is wrong for this row.
    Wrong(String),
}

/// Distinguishes a missing value from a fault. A null value counts as missing.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the errors are those of a crate that keeps adding some"
)]
pub(crate) fn no_value(error: &ExecutionError) -> NoValue {
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
            format!("expected a value of type `{want}`, found one of type `{got}`")
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "it divides by zero".to_owned()
        }
        ExecutionError::Overflow(..) => "a number becomes too large".to_owned(),
        ExecutionError::FunctionError { function, .. } if function == "@budget" => {
            TOO_MUCH.to_owned()
        }
        ExecutionError::FunctionError { function, message }
            if function == HOST_ERROR || function == HIDDEN_ERROR =>
        {
            cut(message)
        }
        ExecutionError::FunctionError { function, message } => {
            cut(&format!("`{function}` fails: {message}"))
        }
        ExecutionError::ValuesNotComparable(..) => {
            "it compares values that have no order".to_owned()
        }
        // The other errors contain values of any size, so only their names are used.
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

/// Returns the message for values of types that a function does not take.
pub(crate) fn mismatch(function: &str, types: &[String]) -> String {
    let name = match function {
        "_._" | "_?._" => return format!("a value of type `{}` has no members", types[0]),
        "_[_]" | "_[?_]" => {
            return format!("a value of type `{}` has no item with that key", types[0]);
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

/// Returns the beginning of a text in one line.
pub(crate) fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(SHOWN_CHARS_MAX).collect()
}
