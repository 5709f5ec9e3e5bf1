//! What the user can do next, as data. Each face shows it in its own form.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::document::UseCase;

/// A next step for the user, as data. A face shows it in its own form, such as a command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Help {
    /// Carry out a use case.
    #[serde(rename_all = "camelCase")]
    Command {
        /// The purpose: ``see the runs``.
        purpose: String,
        /// The use case.
        use_case: UseCase,
        /// Its arguments. Those that the user has to choose are absent.
        arguments: BTreeMap<String, Argument>,
    },
    /// Repeat the same command, with arguments added.
    #[serde(rename_all = "camelCase")]
    Again {
        /// The purpose: ``replace the existing data and runs by the backup``.
        purpose: String,
        /// The arguments to add.
        arguments: BTreeMap<String, Argument>,
    },
    /// Change a file of the repository.
    #[serde(rename_all = "camelCase")]
    Edit {
        /// The purpose: ``raise the limit``.
        purpose: String,
        /// The file to edit.
        file: String,
        /// The lines that belong there.
        yaml: String,
    },
    /// Do something outside of Sedge, or consider a fact.
    #[serde(rename_all = "camelCase")]
    Advice {
        /// The whole sentence, without a period.
        text: String,
    },
}

/// The value of one argument.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Argument {
    /// A switch that is on, such as `replace`.
    On(bool),
    /// A text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// The user has to choose it.
    Open(Option<()>),
}

impl Argument {
    /// Returns an argument that the user has to choose.
    #[must_use]
    pub fn open() -> Self {
        Self::Open(None)
    }

    /// Returns a switch that is on.
    #[must_use]
    pub fn on() -> Self {
        Self::On(true)
    }
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Argument {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Help {
    /// Returns a use case without arguments.
    #[must_use]
    pub fn command(purpose: impl Into<String>, use_case: UseCase) -> Self {
        Self::Command {
            purpose: purpose.into(),
            use_case,
            arguments: BTreeMap::new(),
        }
    }

    /// Returns the advice to do the same once more.
    #[must_use]
    pub fn again(purpose: impl Into<String>) -> Self {
        Self::Again {
            purpose: purpose.into(),
            arguments: BTreeMap::new(),
        }
    }

    /// Adds an argument. Help that takes no arguments stays the same.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Argument>) -> Self {
        match &mut self {
            Self::Command { arguments, .. } | Self::Again { arguments, .. } => {
                arguments.insert(name.to_owned(), value.into());
            }
            Self::Edit { .. } | Self::Advice { .. } => {}
        }
        self
    }

    /// Returns a change of a file.
    #[must_use]
    pub fn edit(
        purpose: impl Into<String>,
        file: impl Into<String>,
        yaml: impl Into<String>,
    ) -> Self {
        Self::Edit {
            purpose: purpose.into(),
            file: file.into(),
            yaml: yaml.into(),
        }
    }

    /// Returns a sentence.
    #[must_use]
    pub fn advice(text: impl Into<String>) -> Self {
        Self::Advice { text: text.into() }
    }
}
