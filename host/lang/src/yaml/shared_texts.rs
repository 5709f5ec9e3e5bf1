//! Texts of a file that share their memory.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

/// The texts that were read, so that equal ones share their memory. In a large file, most keys and
/// many values are the same texts.
#[derive(Default)]
pub(super) struct SharedTexts(HashSet<Arc<str>>);

impl SharedTexts {
    /// The maximum length of a text that is shared, in bytes. Longer ones are rarely equal.
    const BYTES_MAX: usize = 64;

    /// The maximum number of texts that are shared.
    ///
    /// The author of the file chooses the number of different texts, and each takes a place in the
    /// table until the file is read.
    const N_MAX: usize = 10_000;

    /// Returns a text, which is the one that was read before if they are equal.
    pub(super) fn shared(&mut self, text: Cow<'_, str>) -> Arc<str> {
        if text.len() > Self::BYTES_MAX {
            return text.into();
        }
        if let Some(known) = self.0.get(&*text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        if self.0.len() < Self::N_MAX {
            self.0.insert(Arc::clone(&text));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_short_texts_are_one() {
        let mut texts = SharedTexts::default();
        let mut is_one = |text: &str| {
            let (first, second) = (texts.shared(text.into()), texts.shared(text.into()));
            assert_eq!((&*first, &*second), (text, text));
            Arc::ptr_eq(&first, &second)
        };
        assert!(is_one("name"));
        assert!(!is_one(&"long ".repeat(20)));
        for n in 0..SharedTexts::N_MAX {
            is_one(&n.to_string());
        }
        assert!(!is_one("after the last"));
        assert!(is_one("name"));
    }
}
