//! A fault in a file that a user wrote, with its place.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A text file of the repository, as it was read. Two are equal if their names and texts are.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Its name in messages, usually relative to the repository.
    pub name: String,
    /// Its content.
    pub text: String,
    /// The offset of each line in the text, from the first look-up of a line on.
    ///
    /// A file can have many faults and many lines. Without this table, each fault would search the
    /// text from its beginning.
    line_starts: OnceLock<Vec<usize>>,
}

impl SourceFile {
    /// Makes a file that faults and parsed values can share.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            text: text.into(),
            line_starts: OnceLock::new(),
        })
    }

    /// Returns the line and the column of a byte of the text. Both count from 1, and columns count
    /// characters.
    #[must_use]
    pub fn line_column(&self, at: usize) -> (usize, usize) {
        let at = self.text.floor_char_boundary(at.min(self.text.len()));
        let starts = self.line_starts();
        // The first line starts at 0, so at least one line starts at or before `at`.
        let line = starts.partition_point(|start| *start <= at);
        let line_start = starts[line - 1];
        (line, self.text[line_start..at].chars().count() + 1)
    }

    /// Returns the offset of each line in the text, the first one at 0.
    fn line_starts(&self) -> &[usize] {
        self.line_starts.get_or_init(|| {
            let breaks = self.text.match_indices('\n');
            std::iter::once(0)
                .chain(breaks.map(|(at, _)| at + 1))
                .collect()
        })
    }

    /// Returns the text of a span, or an empty text if the span is not part of the file.
    #[must_use]
    pub fn slice(&self, span: Range<usize>) -> &str {
        self.text.get(span).unwrap_or_default()
    }
}

impl PartialEq for SourceFile {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.text == other.text
    }
}

impl Eq for SourceFile {}

/// The kind of a [`Diagnostic`]. Programs that read the output of Sedge distinguish faults by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiagnosticCode {
    /// The text is not YAML.
    Syntax,
    /// Version control has left both sides of a merge in the file.
    MergeConflict,
    /// The file is larger, or is nested deeper, than Sedge reads.
    FileLimit,
    /// A key is given twice.
    DuplicateKey,
    /// A key does not exist.
    UnknownKey,
    /// A key belongs to another tool. Here it has another name or form.
    ForeignKey,
    /// A key exists, but belongs to another part of the file.
    MisplacedKey,
    /// A required key is missing.
    MissingKey,
    /// A value has the wrong form: a text instead of a list.
    WrongType,
    /// A value has the right form, but is not allowed.
    InvalidValue,
    /// A name does not follow the rules for names.
    InvalidName,
    /// A name is given twice.
    DuplicateName,
    /// A name refers to something that does not exist.
    UnknownName,
    /// Parts of the file wait for each other.
    Cycle,
    /// An expression is wrong, or has no value.
    Expression,
    /// A value violates its schema.
    Schema,
    /// The file uses something that this version does not support yet.
    NotSupported,
    /// A gate has a deadline, which decides it if no user does.
    GateDeadline,
    /// The file cannot be read.
    Unreadable,
    /// The component of a plugin is missing or cannot be used.
    Component,
    /// A definition was written for another version of its type.
    TypeVersion,
    /// A grant has no effect, because the plugin does not request it.
    UnusedGrant,
    /// A permission that the plugin requests has no grant.
    NotGranted,
}

impl DiagnosticCode {
    /// All codes.
    pub const ALL: [Self; 23] = [
        Self::Syntax,
        Self::MergeConflict,
        Self::FileLimit,
        Self::DuplicateKey,
        Self::UnknownKey,
        Self::ForeignKey,
        Self::MisplacedKey,
        Self::MissingKey,
        Self::WrongType,
        Self::InvalidValue,
        Self::InvalidName,
        Self::DuplicateName,
        Self::UnknownName,
        Self::Cycle,
        Self::Expression,
        Self::Schema,
        Self::NotSupported,
        Self::GateDeadline,
        Self::Unreadable,
        Self::Component,
        Self::TypeVersion,
        Self::UnusedGrant,
        Self::NotGranted,
    ];

    /// Returns the code as text: `unknown-key`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::MergeConflict => "merge-conflict",
            Self::FileLimit => "file-limit",
            Self::DuplicateKey => "duplicate-key",
            Self::UnknownKey => "unknown-key",
            Self::ForeignKey => "foreign-key",
            Self::MisplacedKey => "misplaced-key",
            Self::MissingKey => "missing-key",
            Self::WrongType => "wrong-type",
            Self::InvalidValue => "invalid-value",
            Self::InvalidName => "invalid-name",
            Self::DuplicateName => "duplicate-name",
            Self::UnknownName => "unknown-name",
            Self::Cycle => "cycle",
            Self::Expression => "expression",
            Self::Schema => "schema",
            Self::NotSupported => "not-supported",
            Self::GateDeadline => "gate-deadline",
            Self::Unreadable => "unreadable",
            Self::Component => "component",
            Self::TypeVersion => "type-version",
            Self::UnusedGrant => "unused-grant",
            Self::NotGranted => "not-granted",
        }
    }
}

impl fmt::Display for DiagnosticCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One fault in one file. A renderer draws the line with a caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file.
    pub file: Arc<SourceFile>,
    /// The kind of the fault.
    pub code: DiagnosticCode,
    /// The fault: a lower-case fragment without a period.
    pub message: String,
    /// The place, in bytes of the file's text. If something is missing at the end of the file, the
    /// range is empty.
    pub span: Range<usize>,
    /// A short label for the place.
    pub label: Option<String>,
    /// Help for the user.
    pub hint: Option<String>,
    /// Whether the text of the file must not be shown, because it may hold a value that is secret.
    pub is_text_hidden: bool,
}

impl Diagnostic {
    /// Returns a diagnostic without label and hint, with the code
    /// [`InvalidValue`](DiagnosticCode::InvalidValue). The span is clipped to the text.
    #[must_use]
    pub fn new(file: &Arc<SourceFile>, span: Range<usize>, message: impl Into<String>) -> Self {
        let end = file.text.len();
        let floor = |at: usize| file.text.floor_char_boundary(at.min(end));
        let start = floor(span.start);
        Self {
            file: Arc::clone(file),
            code: DiagnosticCode::InvalidValue,
            message: message.into(),
            span: start..floor(span.end).max(start),
            label: None,
            hint: None,
            is_text_hidden: false,
        }
    }

    /// Sets the kind of the fault.
    #[must_use]
    pub fn with_code(mut self, code: DiagnosticCode) -> Self {
        self.code = code;
        self
    }

    /// Adds a label for the place.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Hides the text of the file, which holds values that may be secret: a renderer shows the place
    /// only, and what the message and the hint quote becomes `…`. A key that is given twice stays.
    #[must_use]
    pub fn hide_text(mut self) -> Self {
        self.is_text_hidden = true;
        self.label = None;
        if self.code != DiagnosticCode::DuplicateKey {
            let has_quotes = self.file.slice(self.span.clone()).contains('`');
            self.message = quotes_hidden(&self.message, has_quotes);
            self.hint = self.hint.map(|hint| quotes_hidden(&hint, has_quotes));
        }
        self
    }

    /// Adds a hint that names the nearest existing name, if there is one.
    #[must_use]
    pub fn with_near(self, near: Option<&str>) -> Self {
        match near {
            Some(near) => self.with_hint(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// Returns the line and the column of the place. Both count from 1, and columns count
    /// characters.
    #[must_use]
    pub fn line_column(&self) -> (usize, usize) {
        self.file.line_column(self.span.start)
    }

    /// Returns the line and the column of the end of the place: of the character after it.
    #[must_use]
    pub fn end_line_column(&self) -> (usize, usize) {
        self.file.line_column(self.span.end)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}: {}", self.file.name, self.message)
    }
}

impl std::error::Error for Diagnostic {}

/// The form of an input, which a hint shows.
pub(crate) const INPUT_FORM: &str = "NAME: VALUE";

/// Returns a message with `…` in place of what it quotes from a file. Quoted punctuation stays. If the
/// quoted text may have backquotes itself, everything between the outer ones is hidden.
fn quotes_hidden(message: &str, has_quotes: bool) -> String {
    if has_quotes && let (Some(first), Some(last)) = (message.find('`'), message.rfind('`')) {
        return format!("{}`…{}", &message[..first], &message[last..]);
    }
    let parts = message.split('`').enumerate().map(|(at, part)| {
        let is_quoted = at % 2 == 1;
        match is_quoted && part != INPUT_FORM && part.contains(char::is_alphanumeric) {
            true => "…",
            false => part,
        }
    });
    parts.collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_text_is_in_no_part_of_a_fault() {
        let check = |text: &str, message: &str, hint: &str, expect: (&str, &str)| {
            let file = SourceFile::new("f", text);
            let fault = Diagnostic::new(&file, 0..text.len(), message).with_hint(hint);
            let fault = fault.with_label("a label").hide_text();
            assert_eq!(
                (fault.message.as_str(), fault.hint.as_deref()),
                (expect.0, Some(expect.1))
            );
            assert_eq!((fault.label, fault.is_text_hidden), (None, true));
        };
        let message = "`*S3cret` stands for a value marked with `&`, and there is none";
        let hint = "if it is a text, put it in quotes: `\"*S3cret\"`";
        let expect = (
            "`…` stands for a value marked with `&`, and there is none",
            "if it is a text, put it in quotes: `…`",
        );
        check("*S3cret", message, hint, expect);
        let expect = ("found the text `…`", "write `NAME: VALUE`");
        check(
            "S3cret",
            "found the text `S3cret`",
            "write `NAME: VALUE`",
            expect,
        );
        let expect = ("found `…`, and more", "nothing");
        check(
            "a`S3cret`b",
            "found `a`S3cret`b`, and more",
            "nothing",
            expect,
        );
    }

    #[test]
    fn line_and_column_count_from_one_in_characters() {
        let file = SourceFile::new("f", "a\né: x\n");
        let check = |span: Range<usize>, expect: (usize, usize)| {
            assert_eq!(Diagnostic::new(&file, span, "").line_column(), expect);
        };
        check(0..1, (1, 1));
        check(2..4, (2, 1));
        check(3..4, (2, 1));
        check(6..7, (2, 4));
        check(99..200, (3, 1));
        let empty = SourceFile::new("f", "");
        assert_eq!(empty.line_column(5), (1, 1));
    }

    #[test]
    fn codes_are_kebab_case_and_unique() {
        let mut codes = DiagnosticCode::ALL.map(DiagnosticCode::as_str).to_vec();
        assert!(
            codes
                .iter()
                .all(|it| it.bytes().all(|c| c.is_ascii_lowercase() || c == b'-'))
        );
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), DiagnosticCode::ALL.len());
    }
}
