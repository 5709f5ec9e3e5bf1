//! Text that a plugin chose.

use serde::{Deserialize, Serialize};

/// Text that a plugin chose, for people to read.
///
/// It has no `Display`: whatever shows it to a person has to ask for it by [`GuestText::raw`], and
/// then decides how it is kept apart from the words of the program. In the command line program
/// one module does that. In documents for machines it is a plain string.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GuestText(String);

impl GuestText {
    /// Returns the text as the plugin wrote it: it may contain ends of lines, control characters
    /// and words that look like those of the program.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }
}

impl From<String> for GuestText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for GuestText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}
