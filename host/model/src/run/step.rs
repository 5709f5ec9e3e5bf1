//! The identities of steps: their paths in a workflow, and their instances and attempts in a run.
//!
//! Every [`ExpansionName`] is valid, because only the check of a text makes one.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::names::{JobName, StepName};

/// The path of a step in its workflow: its place in the file. The name of a step is unique only in
/// its job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepPath {
    /// The job.
    pub job: JobName,
    /// The step or gate.
    pub step: StepName,
}

impl fmt::Display for StepPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.job, self.step)
    }
}

/// The maximum length of the name of an expansion, in bytes.
pub const EXPANSION_NAME_BYTES_MAX: usize = 200;

/// The name of one expansion of a `forEach` step: a text of at most [`EXPANSION_NAME_BYTES_MAX`]
/// bytes that is not empty and has neither control characters nor `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExpansionName(Arc<str>);

/// A text cannot be the name of an expansion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` cannot be the name of a step: a name has 1 to {EXPANSION_NAME_BYTES_MAX} bytes without \
     control characters and `/`", .0.escape_debug()
)]
pub struct ExpansionNameError(String);

impl ExpansionName {
    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExpansionName {
    type Err = ExpansionNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = !text.is_empty()
            && text.len() <= EXPANSION_NAME_BYTES_MAX
            && !text.chars().any(|it| it.is_control() || it == '/');
        match is_name {
            true => Ok(Self(text.into())),
            false => Err(ExpansionNameError(text.to_owned())),
        }
    }
}

impl fmt::Display for ExpansionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An instance of a step in a run: the step itself, or one of its expansions.
///
/// As text it is `JOB/STEP`, or `JOB/EXPANSION`: the names of expansions differ from each other and
/// from the names of the other steps of the job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepInstance {
    /// The step as it stands in the file.
    pub path: StepPath,
    /// The expansion; `None` for a step without `forEach`, and for a `forEach` step as a whole.
    pub expansion: Option<ExpansionName>,
}

impl StepInstance {
    /// Returns a step that is not an expansion.
    #[must_use]
    pub fn of(path: StepPath) -> Self {
        Self {
            path,
            expansion: None,
        }
    }
}

impl fmt::Display for StepInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expansion {
            Some(name) => write!(f, "{}/{name}", self.path.job),
            None => self.path.fmt(f),
        }
    }
}

/// One attempt at a step: the id of what a step does at one time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepAttempt {
    /// The step or its expansion.
    pub step: StepInstance,
    /// The number of the attempt, from 1. It counts further only after an attempt has failed; a
    /// step that was interrupted begins again with the same number.
    pub attempt: u32,
}

/// One value of a `forEach` step.
#[derive(Debug, Clone, PartialEq)]
pub struct Expansion {
    /// The name of the instance.
    pub name: ExpansionName,
    /// The value.
    pub item: ExpansionItem,
}

/// The value of an instance of a `forEach` step: an item of the list, or `{"key": …, "value": …}` of
/// a map. Marks stand for secrets and sensitive inputs in it.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpansionItem {
    /// The event has the value.
    Value(Arc<serde_json::Value>),
    /// The values of the step are large, and the datastore has them beside the event.
    Stored,
}

impl From<serde_json::Value> for ExpansionItem {
    fn from(value: serde_json::Value) -> Self {
        Self::Value(value.into())
    }
}

/// An expression that can run methods of models.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EvaluationPlace {
    /// The guard of a job.
    JobGuard(JobName),
    /// The guard of a step.
    Guard(StepInstance),
    /// The expression of an assert.
    Assert(StepInstance),
}
