//! Redacts what comes in pieces: a value that is split over two does not get through.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::Redactor;

/// Replaces values in a text that comes in pieces.
///
/// It holds back what is, or may be, the beginning of a value, and nothing else. A piece takes as
/// long as it and what was held back are.
pub struct StreamRedactor {
    redactor: Arc<Redactor>,
    held: Vec<u8>,
}

impl fmt::Debug for StreamRedactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (redactor, n_held) = (&self.redactor, self.held.len());
        f.debug_struct("StreamRedactor")
            .field("redactor", redactor)
            .field("n_held", &n_held)
            .finish()
    }
}

impl StreamRedactor {
    /// Returns what redacts a new text.
    #[must_use]
    pub fn new(redactor: Arc<Redactor>) -> Self {
        Self {
            redactor,
            held: Vec::new(),
        }
    }

    /// Takes the next piece, and returns what can go on by now.
    #[must_use]
    pub fn push<'p>(&mut self, piece: &'p [u8]) -> Cow<'p, [u8]> {
        let Some(patterns) = &self.redactor.patterns else {
            return Cow::Borrowed(piece);
        };
        self.held.extend_from_slice(piece);
        Cow::Owned(patterns.take_closed(&mut self.held))
    }

    /// Returns what was held back: there is no more.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.redactor.redact_bytes(&self.held).into_owned()
    }
}
