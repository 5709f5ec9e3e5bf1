//! Text that a plugin chose.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

/// Text that a plugin chose, for people to read. In documents it is a plain string.
///
/// The type does not implement `Display`. A face must call [`PluginText::raw`] and decide how the
/// reader can distinguish the text from its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PluginText(String);

impl PluginText {
    /// Returns the text as the plugin wrote it. It may contain newlines, control characters, and
    /// text that imitates the output of Sedge.
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
