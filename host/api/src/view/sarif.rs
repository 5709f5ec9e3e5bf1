//! Findings in SARIF 2.1.0, the Static Analysis Results Interchange Format of OASIS
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/>): the parts of it that Sedge writes.

use schemars::JsonSchema;
use serde::Serialize;

/// A log.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SarifLog {
    /// The address of the format's schema.
    #[serde(rename = "$schema")]
    pub schema: String,
    /// The version of the format.
    pub version: String,
    /// The runs of tools: one.
    pub runs: Vec<SarifRun>,
}

/// A run of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SarifRun {
    /// The tool.
    pub tool: SarifTool,
    /// The unit of columns.
    pub column_kind: String,
    /// The findings.
    pub results: Vec<SarifResult>,
}

/// A tool.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SarifTool {
    /// Its program.
    pub driver: SarifDriver,
}

/// A program that finds faults.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SarifDriver {
    /// Its name.
    pub name: String,
    /// Its version.
    pub semantic_version: String,
    /// The kinds of findings.
    pub rules: Vec<SarifRule>,
}

/// A kind of findings.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SarifRule {
    /// Its stable name.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Its description.
    pub short_description: SarifText,
}

/// A text.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SarifText {
    /// The text.
    pub text: String,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SarifResult {
    /// The name of its kind.
    pub rule_id: String,
    /// The index of its kind in the list of the tool.
    pub rule_index: usize,
    /// `error`, `warning` or `note`.
    pub level: String,
    /// The message.
    pub message: SarifText,
    /// Its place: one.
    pub locations: Vec<SarifLocation>,
}

/// A place.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SarifLocation {
    /// The place in a file.
    pub physical_location: SarifPhysicalLocation,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SarifPhysicalLocation {
    /// The file.
    pub artifact_location: SarifArtifactLocation,
    /// The part of it.
    pub region: SarifRegion,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SarifArtifactLocation {
    /// Its relative path as a reference to a URI (RFC 3986).
    pub uri: String,
    /// The name of what the path is relative to.
    pub uri_base_id: String,
}

/// A part of a file. Lines and columns count from 1, and the end is behind the last character.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SarifRegion {
    /// The first line.
    pub start_line: u64,
    /// The first column.
    pub start_column: u64,
    /// The last line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u64>,
    /// The column behind the last character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_column: Option<u64>,
}
