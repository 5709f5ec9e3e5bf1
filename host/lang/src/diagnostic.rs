//! A fault in a file that a user wrote, with its place.

use std::fmt;
use std::ops::Range;

/// A text file of the repository, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name in messages, usually relative to the repository.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// One fault in one file. A renderer draws the line with a caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file.
    pub file: SourceFile,
    /// The fault: a lower-case fragment without a period.
    pub message: String,
    /// The place, in bytes of the file's text. If something is missing at the end of the file, the
    /// range is empty.
    pub span: Range<usize>,
    /// A short label for the place.
    pub label: Option<String>,
    /// Help for the user.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Returns a diagnostic without label and hint. The span is clipped to the text.
    #[must_use]
    pub fn new(file: &SourceFile, span: Range<usize>, message: impl Into<String>) -> Self {
        let end = file.text.len();
        let floor = |at: usize| file.text.floor_char_boundary(at.min(end));
        let start = floor(span.start);
        Self {
            file: file.clone(),
            message: message.into(),
            span: start..floor(span.end).max(start),
            label: None,
            hint: None,
        }
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

    /// Returns the line and the column of the place. Both count from 1, and columns count
    /// characters.
    #[must_use]
    pub fn line_column(&self) -> (usize, usize) {
        let before = &self.file.text[..self.span.start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}: {}", self.file.name, self.message)
    }
}

impl std::error::Error for Diagnostic {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_and_column_count_from_one_in_characters() {
        let file = SourceFile {
            name: "f".into(),
            text: "a\né: x\n".into(),
        };
        let check = |span: Range<usize>, expect: (usize, usize)| {
            assert_eq!(Diagnostic::new(&file, span, "").line_column(), expect);
        };
        check(0..1, (1, 1));
        check(2..4, (2, 1));
        check(3..4, (2, 1));
        check(6..7, (2, 4));
        check(99..200, (3, 1));
    }
}
