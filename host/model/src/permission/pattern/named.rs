//! Subjects that are a name, or `*` for every one: models, workflows and commands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::refused;
use crate::names::{CommandName, ModelName, NameError, WorkflowName};

/// One model, or all models.
pub type ModelPattern = SubjectPattern<ModelName>;

/// One workflow, or all workflows.
pub type WorkflowPattern = SubjectPattern<WorkflowName>;

/// One pinned command, or all of them.
pub type CommandPattern = SubjectPattern<CommandName>;

/// The name of one thing, or `*` for all things of its kind.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String", bound = "N: SubjectName")]
pub enum SubjectPattern<N> {
    /// All of them.
    Any,
    /// The one of this name.
    One(N),
}

/// A name that a permission can have as its subject.
pub trait SubjectName: FromStr<Err = NameError> + fmt::Display + Clone + Eq {
    /// What it is the name of, for an error.
    const WHAT: &'static str;
    /// The rule for a pattern of such names, for an error.
    const RULE: &'static str;

    /// Returns the name as text.
    fn text(&self) -> &str;
}

impl SubjectName for ModelName {
    const WHAT: &'static str = "model";
    const RULE: &'static str = "it is the name of a model, or `*` for every one";

    fn text(&self) -> &str {
        self.as_str()
    }
}

impl SubjectName for WorkflowName {
    const WHAT: &'static str = "workflow";
    const RULE: &'static str = "it is the name of a workflow, or `*` for every one";

    fn text(&self) -> &str {
        self.as_str()
    }
}

impl SubjectName for CommandName {
    const WHAT: &'static str = "command";
    const RULE: &'static str = "it is the name of a command, or `*` for every one";

    fn text(&self) -> &str {
        self.as_str()
    }
}

impl<N: SubjectName> SubjectPattern<N> {
    /// Returns whether the pattern matches a name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::One(one) => one.text() == name,
        }
    }

    /// Returns whether the pattern matches everything that `other` matches.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        matches!(self, Self::Any) || self == other
    }
}

impl<N: SubjectName> FromStr for SubjectPattern<N> {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let one = text.parse().map(Self::One);
        one.map_err(|_| refused(N::WHAT, text, N::RULE))
    }
}

impl<N: SubjectName> fmt::Display for SubjectPattern<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::One(name) => name.fmt(f),
        }
    }
}

impl<N: SubjectName> fmt::Debug for SubjectPattern<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl<N: SubjectName> TryFrom<String> for SubjectPattern<N> {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl<N: SubjectName> From<SubjectPattern<N>> for String {
    fn from(value: SubjectPattern<N>) -> Self {
        value.to_string()
    }
}
