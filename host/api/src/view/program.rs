//! The program itself: its version, and the help of its commands.

use schemars::JsonSchema;
use serde::Serialize;

/// The version of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProgramVersion {
    /// The version of Sedge.
    pub version: String,
    /// The version of the contract between Sedge and plugins.
    pub contract: String,
}

/// The help of a command, or of a group of commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandHelp {
    /// The command, as the user types it: `sedge data get`.
    pub command: String,
    /// What it does.
    pub about: String,
    /// Its usage, in one line.
    pub usage: String,
    /// The commands of a group. Empty for a command.
    pub commands: Vec<CommandListed>,
    /// The arguments without a name, in their order.
    pub arguments: Vec<ArgumentHelp>,
    /// The options, the global ones included.
    pub options: Vec<OptionHelp>,
}

/// A command of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandListed {
    /// Its last word: `get`.
    pub name: String,
    /// What it does.
    pub about: String,
}

/// An argument without a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArgumentHelp {
    /// The placeholder for its value: `MODEL`.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Whether the command needs it.
    pub is_required: bool,
}

/// An option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OptionHelp {
    /// Its name: `--limit`.
    pub name: String,
    /// Its short name, if it has one: `-n`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short: Option<String>,
    /// The placeholder for its value. A switch has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What it does.
    pub about: String,
    /// The possible values, if they are fixed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}
