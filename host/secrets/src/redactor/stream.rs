//! Redacts a text that arrives in pieces. A value that is split over pieces does not get through.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::Redactor;

/// Masks values in a text that arrives in pieces.
///
/// It holds back only what is, or may be, the beginning of a value. The time for a piece is
/// proportional to the length of the piece and of the held-back text.
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
    /// Returns a redactor for a new text.
    #[must_use]
    pub fn new(redactor: Arc<Redactor>) -> Self {
        Self {
            redactor,
            held: Vec::new(),
        }
    }

    /// Takes the next piece, and returns the output that is final.
    #[must_use]
    pub fn push<'p>(&mut self, piece: &'p [u8]) -> Cow<'p, [u8]> {
        let Some(patterns) = &self.redactor.patterns else {
            return Cow::Borrowed(piece);
        };
        self.held.extend_from_slice(piece);
        Cow::Owned(patterns.take_closed(&mut self.held))
    }

    /// Ends the text, and returns the held-back output.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.redactor.redact_bytes(&self.held).into_owned()
    }
}
