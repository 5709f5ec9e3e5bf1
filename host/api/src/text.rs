//! Text that a plugin chose.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

/// Text that a plugin chose, for people to read. In documents it is a plain string.
///
/// It has no `Display`: a face has to ask for it by [`PluginText::raw`], and then decides how it is
/// kept apart from its own words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PluginText(String);

impl PluginText {
    /// Returns the text as the plugin wrote it: it may contain ends of lines, control characters
    /// and words that look like those of Sedge.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }
}

impl From<&str> for PluginText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl JsonSchema for PluginText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PluginText".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}
