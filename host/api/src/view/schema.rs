//! The schemas of the files that users write.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// The JSON Schema of one kind of files.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileSchema {
    /// The kind of the files: `definition`, `workflow` or `repository`.
    pub of: String,
    /// The schema, in the dialect 2020-12.
    pub schema: Value,
}
