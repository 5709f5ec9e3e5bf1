//! Text that a plugin chose.

use serde::{Deserialize, Serialize};

/// Text that a plugin chose, for people to read.
///
/// The type does not implement `Display`. Code that displays it must call [`GuestText::raw`] and
/// decide how the reader can distinguish it from the text of the program. In the command line
/// program, one module does that. In documents for machines it is a plain string.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GuestText(String);

impl GuestText {
    /// Returns the text as the plugin wrote it. It may contain newlines, control characters, and
    /// text that imitates the output of the program.
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
