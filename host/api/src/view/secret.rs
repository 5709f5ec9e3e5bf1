//! Views of secrets. None of them has anything of a value.

use schemars::JsonSchema;
use serde::Serialize;

use crate::time::Time;

/// A secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretView {
    /// Its name.
    pub name: String,
    /// Whether its value can be used.
    pub state: SecretState,
    /// The reason why its value is weak; null if it is not weak.
    pub weakness: Option<SecretWeakness>,
    /// Why it is weak or closed, as the end of a sentence; null if it is neither.
    pub reason: Option<String>,
    /// How many values it has had, this one included; null if its file cannot be read.
    pub version: Option<u64>,
    /// When it was first put; null if its file cannot be read.
    pub created_at: Option<Time>,
    /// When this value was put; null if its file cannot be read.
    pub updated_at: Option<Time>,
    /// When it was sealed by the present key: when it was put, or when the key was rotated; null
    /// if its file cannot be read.
    pub sealed_at: Option<Time>,
    /// The user who put it, as `user@host`; null if its file cannot be read.
    pub by: Option<String>,
    /// When it was last used and by what; null if it was not used, or that is not known any more.
    pub last_use: Option<SecretUse>,
}

/// Whether the value of a secret can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SecretState {
    /// It can.
    Ok,
    /// It can, but it is short or easily guessed.
    Weak,
    /// It cannot be opened.
    Closed,
}

impl SecretState {
    /// Returns the state as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Weak => "weak",
            Self::Closed => "closed",
        }
    }
}

/// The reason why the value of a secret is weak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SecretWeakness {
    /// It is white space, or characters that cannot be seen.
    Blank,
    /// It has few bytes.
    Short,
    /// It is a number of few digits.
    Number,
    /// It is one of a list of everyday words.
    EverydayWord,
}

/// A use of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretUse {
    /// When it was used.
    pub at: Time,
    /// By which call.
    pub by: String,
}

/// A secret that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretDeleted {
    /// Its name.
    pub name: String,
}

/// Secrets that were sealed by a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretsRotated {
    /// How many there are.
    pub secrets: u64,
    /// Whether fields of data are sealed with a new key from now on.
    pub fields: bool,
}
