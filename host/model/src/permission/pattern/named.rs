//! Subjects that are a name, or `*` for every one: models, workflows and commands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::refused;
use crate::names::{CommandName, ModelName, NameError, WorkflowName};

const COMMAND_RULE: &str = "it is the name of a command, or `*` for every one";
const MODEL_RULE: &str = "it is the name of a model, or `*` for every one";
const WORKFLOW_RULE: &str = "it is the name of a workflow, or `*` for every one";

/// One model, or all models.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ModelPattern {
    /// All models.
    Any,
    /// One model.
    One(ModelName),
}

impl ModelPattern {
    /// Returns whether the pattern matches a name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::One(one) => one.as_str() == name,
        }
    }

    /// Returns whether the pattern matches everything that `other` matches.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        matches!(self, Self::Any) || self == other
    }
}

impl FromStr for ModelPattern {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let one = text.parse().map(Self::One);
        one.map_err(|_| refused("model", text, MODEL_RULE))
    }
}

impl fmt::Display for ModelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::One(name) => name.fmt(f),
        }
    }
}

/// One workflow, or all workflows.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WorkflowPattern {
    /// All workflows.
    Any,
    /// One workflow.
    One(WorkflowName),
}

impl WorkflowPattern {
    /// Returns whether the pattern matches a name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::One(one) => one.as_str() == name,
        }
    }

    /// Returns whether the pattern matches everything that `other` matches.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        matches!(self, Self::Any) || self == other
    }
}

impl FromStr for WorkflowPattern {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let one = text.parse().map(Self::One);
        one.map_err(|_| refused("workflow", text, WORKFLOW_RULE))
    }
}

impl fmt::Display for WorkflowPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::One(name) => name.fmt(f),
        }
    }
}

/// One pinned command, or all of them.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CommandPattern {
    /// All commands.
    Any,
    /// One command.
    One(CommandName),
}

impl CommandPattern {
    /// Returns whether the pattern matches a name.
    #[must_use]
    pub fn matches(&self, name: &CommandName) -> bool {
        match self {
            Self::Any => true,
            Self::One(one) => one == name,
        }
    }

    /// Returns whether the pattern matches everything that `other` matches.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        matches!(self, Self::Any) || self == other
    }
}

impl FromStr for CommandPattern {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let one = text.parse().map(Self::One);
        one.map_err(|_| refused("command", text, COMMAND_RULE))
    }
}

impl fmt::Display for CommandPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::One(name) => name.fmt(f),
        }
    }
}
