//! All reading of YAML; `sedge_model::yaml_text` writes it.
//!
//! Reading is strict: a key that is unknown, given twice, or of the wrong type is a [`Diagnostic`]
//! with its place, and is never ignored. Only `true` and `false` are booleans, and `012` and
//! `1_000` are text, not numbers.

use std::fmt;
use std::ops::Range;

use sedge_model::json;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use serde_saphyr::{Error, Location, Spanned};

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::suggest::nearest;

/// The maximum size of a YAML file, in bytes.
///
/// A user who can write to the repository chooses the size, and reading takes about ten times the
/// memory of the text. The largest known hand-written workflows have about 100 KiB.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// Keys that are valid in the files of related tools, but not in this version of Sedge. They get
/// their own message, because "unknown key" would mislead the user.
const KEYS_NOT_SUPPORTED: &[&str] = &[
    "assert",
    "checks",
    "concurrency",
    "driver",
    "driverConfig",
    "exclusive",
    "forEach",
    "guard",
    "inputs",
    "outputs",
    "reports",
    "resources",
    "retry",
    "timeout",
    "trigger",
    "vary",
    "vaultName",
    "weight",
];

/// A value and its place in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its place: bytes of the file's text.
    pub span: Range<usize>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        let span = byte_span(&spanned.referenced).unwrap_or(0..0);
        Ok(Self {
            value: spanned.value,
            span,
        })
    }
}

/// Parses one document.
///
/// # Errors
/// The first fault, with its place.
pub fn parse<T: DeserializeOwned>(file: &SourceFile) -> Result<T, Diagnostic> {
    if file.text.len() > FILE_BYTES_MAX {
        return Err(Diagnostic::new(
            file,
            0..0,
            format!(
                "the file has {} bytes, more than {FILE_BYTES_MAX}",
                file.text.len()
            ),
        ));
    }
    let options = serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_nodes: 50_000,
            max_depth: 64,
            max_anchors: 64,
            max_aliases: 1_000,
        },
    };
    let fault = |error: &Error| merge_conflict(file).unwrap_or_else(|| explain(file, error));
    let parsed = serde_saphyr::from_str_with_options(&file.text, options.clone())
        .map_err(|error| fault(&error))?;
    if json::has_long_number(&file.text) {
        let document: Spanned<Node> = serde_saphyr::from_str_with_options(&file.text, options)
            .map_err(|error| explain(file, &error))?;
        numbers_check(file, &document)?;
    }
    Ok(parsed)
}

/// A document, parsed to find the places of its numbers.
enum Node {
    Float,
    Items(Vec<Spanned<Node>>),
    Other,
}

/// Refuses whole numbers that were parsed as floating point because they do not fit into 64 bits.
fn numbers_check(file: &SourceFile, node: &Spanned<Node>) -> Result<(), Diagnostic> {
    match &node.value {
        Node::Other => Ok(()),
        Node::Items(items) => items.iter().try_for_each(|item| numbers_check(file, item)),
        Node::Float => {
            let span = byte_span(&node.referenced).unwrap_or(0..0);
            let text = file.text.get(span.clone()).unwrap_or_default();
            if !json::is_beyond_64_bits(text.trim()) {
                return Ok(());
            }
            let message = format!(
                "`{}` is a whole number of more than 64 bits, which would be rounded",
                text.trim()
            );
            let fault = Diagnostic::new(file, span, message);
            Err(fault.with_hint("put it in quotes: then it is text, and stays as it is"))
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Float)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Float)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Float)
    }

    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(item) = items.next_element()? {
            nodes.push(item);
        }
        Ok(Node::Items(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while members.next_key::<IgnoredAny>()?.is_some() {
            nodes.push(members.next_value()?);
        }
        Ok(Node::Items(nodes))
    }
}

/// Checks that the name in a file agrees with the file's name.
///
/// # Errors
/// The names differ. `file_of` returns the file in which the other name would belong.
pub fn name_check<N: PartialEq + fmt::Display>(
    file: &SourceFile,
    name: &N,
    found: &Located<N>,
    file_of: impl FnOnce(&N) -> String,
) -> Result<(), Diagnostic> {
    if found.value == *name {
        return Ok(());
    }
    let message = format!("the file defines `{}`", found.value);
    let hint = format!(
        "name it `{name}`, or rename the file to {}",
        file_of(&found.value)
    );
    Err(Diagnostic::new(file, found.span.clone(), message).with_hint(hint))
}

/// Refuses an expression (`${{ … }}`) in a value that was read from `file`.
///
/// Sedge does not evaluate expressions. Used as plain text, an expression would do something that
/// its author did not intend.
///
/// # Errors
/// A value contains an expression. The diagnostic is at the first one.
pub fn refuse_expressions(file: &SourceFile, value: &Map<String, Value>) -> Result<(), Diagnostic> {
    fn has_expression(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains("${{"),
            Value::Array(items) => items.iter().any(has_expression),
            Value::Object(map) => map.values().any(has_expression),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
    if !value.values().any(has_expression) {
        return Ok(());
    }
    let at = file.text.find("${{").unwrap_or(0);
    let end = file.text[at..]
        .find("}}")
        .map_or(at + 3, |len| at + len + 2);
    Err(Diagnostic::new(
        file,
        at..end,
        "expressions are not supported by this version of Sedge",
    )
    .with_hint("write the value itself, or pass it as an input of the method"))
}

fn byte_span(location: &Location) -> Option<Range<usize>> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let len = usize::try_from(span.byte_len()?).ok()?;
    Some(start..start + len)
}

/// Returns the fault of a file that version control has left with both sides of a merge.
fn merge_conflict(file: &SourceFile) -> Option<Diagnostic> {
    const BEGINS: &str = "<<<<<<< ";
    let at = match file.text.starts_with(BEGINS) {
        true => 0,
        false => file.text.find(&format!("\n{BEGINS}"))? + 1,
    };
    let span = first_line(file, at..at);
    let fault = Diagnostic::new(file, span, "a merge has left both of its sides in the file");
    Some(fault.with_hint(
        "keep the lines of one side, and remove the other and the lines that begin with \
         `<<<<<<<`, `=======` and `>>>>>>>`",
    ))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library has 60 kinds of error; the others keep the library's message"
)]
fn explain(file: &SourceFile, error: &Error) -> Diagnostic {
    let span = error
        .location()
        .and_then(|location| {
            byte_span(&location)
                .or_else(|| line_column_span(file, location.line(), location.column()))
        })
        .unwrap_or(file.text.len()..file.text.len());
    match error.without_snippet() {
        Error::SerdeUnknownField {
            field, expected, ..
        } => unknown_key(file, span, field, expected),
        Error::SerdeMissingField { field, .. } => Diagnostic::new(
            file,
            first_line(file, span),
            format!("the key `{field}` is missing"),
        )
        .with_label(format!("add `{field}:` here")),
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => {
            let diagnostic = Diagnostic::new(
                file,
                span,
                format!("`{variant}` is not one of {}", one_of(expected)),
            );
            match nearest(variant, expected.iter().copied()) {
                Some(near) => diagnostic.with_hint(format!("did you mean `{near}`?")),
                None => diagnostic,
            }
        }
        Error::SerdeInvalidType {
            unexpected,
            expected,
            ..
        }
        | Error::SerdeInvalidValue {
            unexpected,
            expected,
            ..
        } => Diagnostic::new(
            file,
            span,
            format!("expected {expected}, found {unexpected}"),
        ),
        Error::InvalidScalar { ty, .. } if number(ty).is_some() => {
            let expected = number(ty).unwrap_or_default();
            let found = file.text.get(span.clone()).unwrap_or_default();
            let message = format!("expected {expected}, found `{found}`");
            Diagnostic::new(file, span, message)
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            Diagnostic::new(file, span, format!("the key `{key}` is given twice"))
        }
        Error::Eof { .. } => Diagnostic::new(file, span, "the file is empty"),
        Error::Unexpected { expected, .. } => {
            Diagnostic::new(file, span, format!("expected {}", form(expected)))
        }
        other => Diagnostic::new(file, span, plain_message(other)),
    }
}

/// Returns how a form of YAML is written, for the library's name of it.
fn form(expected: &str) -> &str {
    match expected {
        "mapping start" => "keys with values: `key: value`",
        "sequence start" => "a list: `[a, b]`, or one item a line behind `- `",
        "scalar" => "a text or a number",
        "string scalar" => "a text",
        "empty mapping start" | "empty mapping end" => "no keys",
        other => other,
    }
}

/// Returns the plain name of a numeric type.
fn number(ty: &str) -> Option<&'static str> {
    match ty.as_bytes().first() {
        Some(b'u') => Some("a whole number, 0 or more"),
        Some(b'i') => Some("a whole number"),
        Some(b'f') => Some("a number"),
        Some(_) | None => None,
    }
}

fn unknown_key(
    file: &SourceFile,
    span: Range<usize>,
    field: &str,
    expected: &[&str],
) -> Diagnostic {
    if KEYS_NOT_SUPPORTED.contains(&field) {
        return Diagnostic::new(
            file,
            span,
            format!("the key `{field}` is not supported here by this version of Sedge"),
        )
        .with_hint("remove it; this version of Sedge does not implement it");
    }
    let diagnostic = Diagnostic::new(file, span, format!("unknown key `{field}`"));
    match nearest(field, expected.iter().copied()) {
        Some(near) => diagnostic.with_hint(format!("did you mean `{near}`?")),
        None => diagnostic.with_hint(format!("the keys here are {}", one_of(expected))),
    }
}

fn one_of(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Reduces a span to its first line: the span of a mapping covers all of its lines.
fn first_line(file: &SourceFile, span: Range<usize>) -> Range<usize> {
    let start = span.start.min(file.text.len());
    let line = file.text[start..].lines().next().unwrap_or_default();
    start..start + line.len()
}

fn line_column_span(file: &SourceFile, line: u64, column: u64) -> Option<Range<usize>> {
    let line = usize::try_from(line.checked_sub(1)?).ok()?;
    let column = usize::try_from(column.checked_sub(1)?).ok()?;
    let start: usize = file
        .text
        .split_inclusive('\n')
        .take(line)
        .map(str::len)
        .sum();
    let at = file
        .text
        .get(start..)?
        .char_indices()
        .nth(column)
        .map_or(0, |(at, _)| at);
    Some(start + at..start + at)
}

/// Returns the library's message without "at line …", because the caret shows the place.
fn plain_message(error: &Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let line = line
        .rsplit_once(" at line ")
        .map_or(line, |(front, _)| front);
    let line = line.strip_prefix("error: ").unwrap_or(line);
    line.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    #[expect(dead_code, reason = "the fields are only parsed")]
    struct Sample {
        name: Located<String>,
        #[serde(default)]
        global_arguments: Map<String, Value>,
        #[serde(default)]
        flag: Option<bool>,
        #[serde(default)]
        count: Option<u32>,
    }

    fn file(text: &str) -> SourceFile {
        SourceFile {
            name: "f.yaml".into(),
            text: text.into(),
        }
    }

    #[test]
    fn fault_has_a_place_and_a_suggestion() {
        let check = |text: &str, place: &str, message: &str, hint: Option<&str>| {
            let error = parse::<Sample>(&file(text)).expect_err(text);
            let (line, column) = error.line_column();
            assert_eq!(
                (
                    &*format!("{line}:{column}"),
                    &*error.message,
                    error.hint.as_deref()
                ),
                (place, message, hint),
                "{text:?}"
            );
        };
        check(
            "name: a\nglobalArgument: {}\n",
            "2:1",
            "unknown key `globalArgument`",
            Some("did you mean `globalArguments`?"),
        );
        check(
            "name: a\nguard: x\n",
            "2:1",
            "the key `guard` is not supported here by this version of Sedge",
            Some("remove it; this version of Sedge does not implement it"),
        );
        check("flag: true\n", "1:1", "the key `name` is missing", None);
        check(
            "name: a\nname: b\n",
            "2:1",
            "the key `name` is given twice",
            None,
        );
        check(
            "name: a\nflag: yes\n",
            "2:7",
            "invalid boolean (strict mode expects true/false)",
            None,
        );
        for wrong in ["0.5", "-1", "soon", "4294967296"] {
            check(
                &format!("name: a\ncount: {wrong}\n"),
                "2:8",
                &format!("expected a whole number, 0 or more, found `{wrong}`"),
                None,
            );
        }
    }

    #[test]
    fn fault_says_what_to_write_instead() {
        let check = |text: &str, place: (usize, usize), message: &str| {
            let error = parse::<Sample>(&file(text)).expect_err(text);
            assert_eq!((error.line_column(), &*error.message), (place, message));
        };
        check("- 1\n", (1, 1), "expected keys with values: `key: value`");
        check("name: [a]\n", (1, 7), "expected a text");
        check(
            "name: a\n<<<<<<< HEAD\nflag: true\n=======\nflag: false\n>>>>>>> other\n",
            (2, 1),
            "a merge has left both of its sides in the file",
        );
    }

    #[test]
    fn scalars_have_the_types_of_their_text() {
        let sample: Sample = parse(&file(
            "name: a\nglobalArguments: {a: 012, b: 1_000, c: no, d: 7, e: 1.5, f: true}\n",
        ))
        .expect("a good file");
        assert_eq!(
            Value::Object(sample.global_arguments),
            serde_json::json!({"a": "012", "b": "1_000", "c": "no", "d": 7, "e": 1.5, "f": true})
        );
        assert_eq!(sample.name.span, 6..7);
    }

    /// The parser reads a number that does not fit into 64 bits as floating point, which changes
    /// its value.
    #[test]
    fn whole_number_is_exact_or_refused() {
        let of = |number: &str| {
            let text = format!("name: a\nglobalArguments: {{a: [1, {{b: {number}}}]}}\n");
            parse::<Sample>(&file(&text))
        };
        for number in [
            "12345678901234567890123",
            "-9223372036854775809",
            "18446744073709551616",
        ] {
            let error = of(number).expect_err(number);
            assert!(
                error
                    .message
                    .starts_with(&format!("`{number}` is a whole number"))
            );
            assert_eq!(error.line_column(), (2, 30), "{number}");
        }
        for number in [
            "18446744073709551615",
            "-9223372036854775808",
            "\"12345678901234567890123\"",
            "1234567890123456789.5",
            "x12345678901234567890123",
        ] {
            of(number).expect(number);
        }
    }

    #[test]
    fn alias_bomb_is_refused() {
        let mut text =
            String::from("name: a\nglobalArguments:\n  a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            let refs = vec![format!("*a{}", i - 1); 9].join(", ");
            text.push_str(&format!("  a{i}: &a{i} [{refs}]\n"));
        }
        parse::<Sample>(&file(&text)).expect_err("a bomb");
    }

    #[test]
    fn expression_is_refused_with_its_place() {
        let source = file("name: a\nglobalArguments: {x: \"${{ inputs.y }}\"}\n");
        let sample: Sample = parse(&source).expect("a good file");
        let error = refuse_expressions(&source, &sample.global_arguments).expect_err("refused");
        assert_eq!(&source.text[error.span], "${{ inputs.y }}");
    }
}
