//! Turns errors of the YAML parser into faults that say what to write instead.

use std::ops::Range;
use std::sync::Arc;

use granit_parser::{ErrorKind, ScanError};

use super::build::DEPTH_MAX;
use crate::diagnostic::{Diagnostic, DiagnosticCode, SourceFile};

const QUOTE: &str = "put the whole text in quotes";
const SPACES: &str = "indent with spaces";
const ESCAPES: &str = "write `\\\\` for a backslash, or put the text in single quotes, which have no \
     escapes";

/// Returns the fault for an error of the parser.
pub(super) fn explain(file: &Arc<SourceFile>, error: &ScanError) -> Diagnostic {
    let at = error.marker().byte_offset().unwrap_or(file.text.len());
    let mut span = word(&file.text, at);
    if let Some(fault) = merge_conflict(file) {
        return fault;
    }
    let kind = error.kind();
    if matches!(kind, ErrorKind::RecursionLimitExceeded) {
        let message = format!("lists and maps are nested more than {DEPTH_MAX} deep");
        return Diagnostic::new(file, span, message).with_code(DiagnosticCode::FileLimit);
    }
    if is_key(kind)
        && let Some(key) = key_of_line(&file.text, at)
    {
        let fault = Diagnostic::new(file, key, "a key is not allowed here");
        return fault.with_code(DiagnosticCode::Syntax).with_hint(format!(
            "indent it like the keys that it belongs to, and close brackets before it; if it \
             belongs to a text, {QUOTE}"
        ));
    }
    if is_tab(kind) {
        span = word(&file.text, indented_by_tab(&file.text, at));
    }
    if is_escape(kind) {
        span = wrong_escape(&file.text, at).unwrap_or(span);
    }
    if matches!(kind, ErrorKind::ExpectedFlowMappingSeparator) && has_open_expr(&file.text, at) {
        let message = "inside of brackets, an expression has to be in quotes";
        let fault = Diagnostic::new(file, span, message).with_code(DiagnosticCode::Syntax);
        return fault.with_hint("write `\"${{ … }}\"`");
    }
    let found = file.slice(span.clone());
    let (message, hint) = brackets(kind)
        .or_else(|| text(kind, found))
        .or_else(|| indicator(kind, found))
        .or_else(|| layout(kind))
        .unwrap_or_else(|| {
            let message = "this cannot be read as YAML".to_owned();
            (
                message,
                "put a text with special characters in quotes".to_owned(),
            )
        });
    Diagnostic::new(file, span, message)
        .with_code(DiagnosticCode::Syntax)
        .with_hint(hint)
}

/// A message and a hint.
type Explained = Option<(String, String)>;

fn explained(message: impl Into<String>, hint: impl Into<String>) -> Explained {
    Some((message.into(), hint.into()))
}

/// Explains faults of lists in `[ ]` and maps in `{ }`.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library has 80 kinds of error"
)]
fn brackets(kind: &ErrorKind) -> Explained {
    match kind {
        ErrorKind::UnclosedFlowCollection { open } => {
            let close = closing(*open);
            explained(
                format!("the `{open}` has no `{close}`"),
                format!("add `{close}` at its end"),
            )
        }
        ErrorKind::UnexpectedEofFlowSequence => {
            explained("a `[` has no `]`", "add `]` at the end of the list")
        }
        ErrorKind::UnexpectedEofFlowMapping | ErrorKind::UnexpectedEofImplicitFlowMapping => {
            explained("a `{` has no `}`", "add `}` after the last key")
        }
        ErrorKind::MisplacedFlowCollectionEnd => explained(
            "this bracket closes nothing",
            "remove it; a text that begins with a bracket has to be in quotes",
        ),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => explained(
            format!("a `{open}` is closed with `{close}`"),
            format!("write `{}`", closing(*open)),
        ),
        ErrorKind::ExpectedFlowMappingSeparator => explained(
            "a `,` or a `}` is missing before this",
            "write `{key: value, other: value}`",
        ),
        ErrorKind::ExpectedFlowSequenceSeparator => {
            explained("a `,` or a `]` is missing before this", "write `[a, b]`")
        }
        ErrorKind::BlockEntryInFlowCollection
        | ErrorKind::PlainScalarStartsWithDashFlowIndicator => explained(
            "a list inside of brackets has no `- `",
            "write `[a, b]`, or remove the brackets and write one item on each line after `- `",
        ),
        ErrorKind::FlowMappingValueAdjacentCollection => {
            explained("a space is missing after `:`", "write `key: value`")
        }
        _ => None,
    }
}

fn closing(open: char) -> char {
    if open == '[' { ']' } else { '}' }
}

/// Explains faults of texts in quotes and of block texts.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library has 80 kinds of error"
)]
fn text(kind: &ErrorKind, found: &str) -> Explained {
    let quote = if found.starts_with('\'') { '\'' } else { '"' };
    match kind {
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => explained(
            format!("the text that begins with {quote} does not end"),
            format!("add {quote} at its end"),
        ),
        ErrorKind::InvalidTrailingSingleQuotedScalar => explained(
            "the text ended at the quote before this",
            "write `''` for a quote in the text, or put the whole text in double quotes",
        ),
        ErrorKind::InvalidTrailingDoubleQuotedScalar => explained(
            "the text ended at the quote before this",
            "write `\\\"` for a quote in the text, or put the whole text in single quotes",
        ),
        kind if is_escape(kind) => explained(
            format!("the escape `{found}` stands for no character"),
            ESCAPES,
        ),
        ErrorKind::InvalidQuotedScalarIndent => explained(
            "a line of the text in quotes is not indented",
            "indent each of its lines deeper than its key",
        ),
        ErrorKind::ZeroBlockScalarIndent | ErrorKind::InvalidBlockScalarHeader => explained(
            "after `|` or `>`, only `-`, `+`, a digit from 1 on or a comment can stand",
            "begin the text on the next line",
        ),
        ErrorKind::InvalidBlockScalarIndent => explained(
            "this line of the text is indented less than its first one",
            "indent all lines of the text alike",
        ),
        _ => None,
    }
}

/// Explains faults of characters that have a meaning at the beginning of a text.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library has 80 kinds of error"
)]
fn indicator(kind: &ErrorKind, found: &str) -> Explained {
    let quoted = format!("put it in quotes: `{}`", in_quotes(found));
    match kind {
        ErrorKind::UnexpectedCharacter {
            character: character @ ('@' | '`' | '%'),
        } => explained(
            format!("a text cannot begin with {}", quoted_char(*character)),
            quoted,
        ),
        ErrorKind::UnexpectedCharacter { character } => explained(
            format!(
                "the character U+{:04X} cannot stand here",
                u32::from(*character)
            ),
            "remove it, or write it as an escape in double quotes",
        ),
        ErrorKind::UnknownAnchor => explained(
            format!(
                "`{}` stands for a value marked with `&`, and there is none",
                without_end(found)
            ),
            format!("if it is a text, {quoted}"),
        ),
        ErrorKind::MissingAnchorOrAliasName => {
            explained("a text cannot begin with `*` or `&`", quoted)
        }
        ErrorKind::UndeclaredTagHandle
        | ErrorKind::ExpectedTagBang
        | ErrorKind::InvalidGlobalTagCharacter
        | ErrorKind::InvalidTagTerminator
        | ErrorKind::MissingTagUri
        | ErrorKind::UnclosedVerbatimTag
        | ErrorKind::InvalidTagEscape
        | ErrorKind::InvalidTagUtf8LeadingByte
        | ErrorKind::InvalidTagUtf8TrailingByte
        | ErrorKind::InvalidTagUtf8 => explained("a text cannot begin with `!`", quoted),
        ErrorKind::InvalidDirectiveTerminator
        | ErrorKind::MissingDirectiveName
        | ErrorKind::InvalidDirectiveName
        | ErrorKind::DirectiveByteLimitExceeded { .. }
        | ErrorKind::TooManyReservedDirectiveParams { .. }
        | ErrorKind::MissingYamlVersion
        | ErrorKind::MissingYamlVersionSeparator
        | ErrorKind::YamlVersionTooLong
        | ErrorKind::UnsupportedYamlMajorVersion
        | ErrorKind::DuplicateVersionDirective
        | ErrorKind::DuplicateTagDirective
        | ErrorKind::ExpectedTagDirectiveBang
        | ErrorKind::InvalidTagDirectiveTerminator
        | ErrorKind::MissingDocumentEndBeforeDirective => {
            explained("a line cannot begin with `%`", quoted)
        }
        ErrorKind::CommentInterceptedScalar | ErrorKind::CommentNotSeparated => explained(
            "a `#` begins a comment, and the text before it does not end there",
            "put a text that contains ` #` in quotes, or write a space before the comment",
        ),
        ErrorKind::BomInsideDocument => explained(
            "a byte order mark is in the middle of the file",
            "remove the invisible character",
        ),
        _ => None,
    }
}

fn quoted_char(character: char) -> String {
    if character == '`' {
        "a backtick".to_owned()
    } else {
        format!("`{character}`")
    }
}

/// Returns a text without what ends it in brackets, or as a key.
fn without_end(text: &str) -> &str {
    text.trim_end_matches([',', ']', '}', ':'])
}

/// Returns a text in the quotes that it does not contain.
fn in_quotes(text: &str) -> String {
    let text = without_end(text);
    if text.contains('"') {
        format!("'{text}'")
    } else {
        format!("\"{text}\"")
    }
}

/// Returns whether an expression begins on the line of `at`, at `at` or before it.
fn has_open_expr(text: &str, at: usize) -> bool {
    let at = text.floor_char_boundary(at.min(text.len()));
    let start = text[..at].rfind('\n').map_or(0, |line_end| line_end + 1);
    let end = text.floor_char_boundary(text.len().min(at + 2));
    text[start..end].contains("${{")
}

/// Returns whether a tab indents a line.
fn is_tab(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar
            | ErrorKind::TabAtBlockScalarStart
    )
}

/// Returns where the text of the line begins that a tab indents: the line at `at` or, because the
/// parser also names the value before the tab, the next such line.
fn indented_by_tab(text: &str, at: usize) -> usize {
    let at = text.floor_char_boundary(at.min(text.len()));
    let mut start = text[..at].rfind('\n').map_or(0, |line_end| line_end + 1);
    for line in text[start..].split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if line[..indent].contains('\t') {
            return start + indent;
        }
        start += line.len();
    }
    at
}

/// Explains faults of indentation and of keys.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library has 80 kinds of error"
)]
fn layout(kind: &ErrorKind) -> Explained {
    match kind {
        kind if is_tab(kind) => explained("a tab indents this line", SPACES),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => explained(
            "a `:` is missing after this key",
            "write `key: value`; a text of several lines begins with `|`",
        ),
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::InvalidColonPlacement
        | ErrorKind::InvalidMappingValueWhitespace => explained(
            "a second `:` on this line, where no key can stand",
            format!("if it belongs to a text, {QUOTE}; otherwise begin a new line"),
        ),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::UnexpectedEofBlockMapping
        | ErrorKind::MappingKeyNotAllowed => explained(
            "a key with a `:` is expected here",
            "write `key: value`, and indent it like the keys that it belongs to",
        ),
        ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::UnexpectedEofBlockSequence
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::InvalidBlockEntryWhitespace => explained(
            "an item of a list is expected on a line of its own",
            "write each item after `- `, and indent all of them alike",
        ),
        ErrorKind::InvalidIndentation
        | ErrorKind::InvalidFlowScalarIndent
        | ErrorKind::ExpectedNodeContent
        | ErrorKind::UnexpectedEndOfPlainScalar
        | ErrorKind::ExpectedWhitespace => explained(
            "this line does not belong to the lines before it",
            format!("indent it like them; if it is a text with special characters, {QUOTE}"),
        ),
        ErrorKind::InvalidDocumentEnd
        | ErrorKind::ExpectedDocumentStart
        | ErrorKind::MultipleDocumentsUnsupported => explained(
            "this line does not belong to the lines before it",
            "indent it like them; a file has one document, without `---` and `...` in it",
        ),
        _ => None,
    }
}

/// Returns the fault of a file that version control has left with both sides of a merge.
fn merge_conflict(file: &Arc<SourceFile>) -> Option<Diagnostic> {
    const BEGINS: &str = "<<<<<<< ";
    let at = match file.text.starts_with(BEGINS) {
        true => 0,
        false => file.text.find(&format!("\n{BEGINS}"))? + 1,
    };
    let span = super::first_line(file, at..at);
    let fault = Diagnostic::new(file, span, "a merge has left both of its sides in the file");
    Some(fault.with_code(DiagnosticCode::MergeConflict).with_hint(
        "keep the lines of one side, and remove the other and the lines that begin with \
         `<<<<<<<`, `=======` and `>>>>>>>`",
    ))
}

/// Returns whether a fault is a `:` after something that cannot be a key.
fn is_key(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::MappingValueNotAllowed
            | ErrorKind::InvalidColonPlacement
            | ErrorKind::InvalidMappingValueWhitespace
    )
}

/// Returns whether a fault is an escape in double quotes.
fn is_escape(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnknownQuotedScalarEscape
            | ErrorKind::InvalidQuotedScalarHexEscape
            | ErrorKind::InvalidLowSurrogateHexEscape
            | ErrorKind::InvalidLowSurrogate
            | ErrorKind::MissingLowSurrogate
            | ErrorKind::UnpairedLowSurrogate
            | ErrorKind::InvalidUnicodeEscape
    )
}

/// Returns the place of the key before the `:` at a byte, if it is the first of its line.
fn key_of_line(text: &str, at: usize) -> Option<Range<usize>> {
    let before = text.get(..at)?;
    let line_start = before.rfind('\n').map_or(0, |it| it + 1);
    let key = before[line_start..].trim_start();
    (!key.is_empty() && !key.contains(": ")).then(|| at - key.len()..at)
}

/// Returns the place of the first wrong escape in a text whose double quote is at a byte.
fn wrong_escape(text: &str, quote: usize) -> Option<Range<usize>> {
    let body = text.get(quote + 1..)?;
    let mut at = 0;
    while let Some(found) = body[at..].find('\\') {
        let start = at + found;
        let name = body[start + 1..].chars().next()?;
        let n_digits = match name {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        let end = start + 1 + name.len_utf8();
        let digits = body.get(end..end + n_digits).unwrap_or_default();
        let code = u32::from_str_radix(digits, 16).ok();
        let is_right = match n_digits {
            0 => "0abtnvfre \"/\\N_LP\t\n\r".contains(name),
            _ => digits.len() == n_digits && code.and_then(char::from_u32).is_some(),
        };
        if !is_right {
            let rest = body[end..].chars().take(n_digits);
            let n_hex = rest.take_while(char::is_ascii_hexdigit).count();
            return Some(quote + 1 + start..quote + 1 + end + n_hex);
        }
        at = end + n_digits;
    }
    None
}

/// Returns the range of the word at a byte of a text, or of one character if no word is there.
fn word(text: &str, at: usize) -> Range<usize> {
    let at = text.floor_char_boundary(at.min(text.len()));
    let rest = &text[at..];
    let word = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let len = match rest.chars().next() {
        Some('\n' | '\r') | None => 0,
        Some(first) => word.max(first.len_utf8()),
    };
    at..at + len
}
