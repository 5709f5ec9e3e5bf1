//! Views of evaluated expressions, and of files with their expressions evaluated.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// The value of an expression.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    /// The value. Times and durations are texts.
    pub value: Value,
}

/// A definition or a workflow with its expressions evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EvaluatedFile {
    /// The name of the model or the workflow.
    pub name: String,
    /// Its file, relative to the repository.
    pub file: String,
    /// The content of the file. Texts that were not evaluated stand as they are written.
    pub content: Value,
    /// The texts that were not evaluated.
    pub unevaluated: Vec<UnevaluatedText>,
}

/// A text whose expressions were not evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnevaluatedText {
    /// Its place in the content, as a JSON pointer.
    pub path: String,
    /// The line of the file, from 1.
    pub line: u64,
    /// The text as it is written.
    pub text: String,
    /// Why it was not evaluated.
    pub reason: String,
}
