//! All faults of one file.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, DiagnosticCode, SourceFile};

/// The maximum number of faults that are kept of one file.
///
/// The author of the file chooses the number, and each fault takes memory. A user with more faults
/// than this repairs the first ones and checks again.
pub const FAULTS_MAX: usize = 1_000;

/// The faults of one file, in the order of the file. As an error, it has at least one fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    file: Arc<SourceFile>,
    faults: Vec<Diagnostic>,
}

impl Faults {
    /// Returns an empty collection for a file.
    #[must_use]
    pub fn new(file: &Arc<SourceFile>) -> Self {
        Self {
            file: Arc::clone(file),
            faults: Vec::new(),
        }
    }

    /// Returns the file.
    #[must_use]
    pub fn file(&self) -> &Arc<SourceFile> {
        &self.file
    }

    /// Returns a fault of the file, which the caller can complete and [`push`](Self::push).
    #[must_use]
    pub fn fault(&self, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(&self.file, span, message)
    }

    /// Adds a fault of this code without a hint.
    pub fn add(&mut self, code: DiagnosticCode, span: Range<usize>, message: impl Into<String>) {
        self.push(self.fault(span, message).with_code(code));
    }

    /// Adds a fault. A fault that was added before is dropped, and so are faults after the first
    /// [`FAULTS_MAX`].
    pub fn push(&mut self, fault: Diagnostic) {
        if !self.is_full() && !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Adds all faults of another collection.
    pub fn append(&mut self, other: Self) {
        for fault in other.faults {
            self.push(fault);
        }
    }

    /// Adds the fault of a result, and returns its value.
    pub fn keep<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(fault) => {
                self.push(fault);
                None
            }
        }
    }

    /// Returns whether further faults are dropped, so that the caller need not make them.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.faults.len() >= FAULTS_MAX
    }

    /// Returns whether there is no fault.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// Returns the number of faults.
    #[must_use]
    pub fn len(&self) -> usize {
        self.faults.len()
    }

    /// Returns the faults. The faults of an error are in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.faults.iter()
    }

    /// Returns the faults as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[Diagnostic] {
        &self.faults
    }

    /// Returns the first fault.
    #[must_use]
    pub fn first(&self) -> Option<&Diagnostic> {
        self.faults.first()
    }

    /// Returns the value if there is no fault.
    ///
    /// # Errors
    /// There are faults. They are sorted by their place.
    pub fn result<T>(mut self, value: T) -> Result<T, Self> {
        if self.faults.is_empty() {
            return Ok(value);
        }
        self.sort();
        Err(self)
    }

    /// Returns the value if there is one and no fault. Each function that returns no value has to
    /// add a fault.
    ///
    /// # Errors
    /// There are faults, sorted by their place, or there is no value.
    pub fn result_of<T>(mut self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) => self.result(value),
            None => {
                if self.faults.is_empty() {
                    let message = "the file has no value that can be read";
                    self.add(DiagnosticCode::InvalidValue, 0..0, message);
                }
                self.sort();
                Err(self)
            }
        }
    }

    fn sort(&mut self) {
        self.faults.sort_by_key(|it| (it.span.start, it.span.end));
    }
}

impl From<Diagnostic> for Faults {
    fn from(fault: Diagnostic) -> Self {
        Self {
            file: Arc::clone(&fault.file),
            faults: vec![fault],
        }
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Faults {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.faults.into_iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.faults[..] {
            [] => write!(f, "{}: no fault", self.file.name),
            [only] => only.fmt(f),
            [first, _] => write!(f, "{first}, and 1 more fault"),
            [first, rest @ ..] => write!(f, "{first}, and {} more faults", rest.len()),
        }
    }
}

impl std::error::Error for Faults {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_in_the_order_of_the_file_and_given_once() {
        let file = SourceFile::new("f.yaml", "a: 1\nb: 2\n");
        let mut faults = Faults::new(&file);
        faults.add(DiagnosticCode::UnknownKey, 5..6, "second");
        faults.add(DiagnosticCode::UnknownKey, 0..1, "first");
        faults.add(DiagnosticCode::UnknownKey, 5..6, "second");
        assert_eq!(faults.len(), 2);
        let faults = faults.result(()).expect_err("there are two");
        let messages: Vec<&str> = faults.iter().map(|it| &*it.message).collect();
        assert_eq!(messages, ["first", "second"]);
        assert_eq!(faults.to_string(), "f.yaml:1:1: first, and 1 more fault");
    }

    #[test]
    fn error_is_never_empty() {
        let file = SourceFile::new("f.yaml", "");
        assert_eq!(Faults::new(&file).result(1), Ok(1));
        let none = Faults::new(&file).result_of(None::<u8>);
        assert_eq!(none.expect_err("no value").len(), 1);
    }
}
