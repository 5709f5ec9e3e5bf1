//! Conditions on the results of jobs and steps.

use std::fmt;
use std::ops::Range;

/// A part of what a job or step waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DependencyPart<N> {
    /// One job or step.
    One(Dependency<N>),
    /// One of these parts has to hold.
    AnyOf(Vec<DependencyPart<N>>),
    /// All of these parts have to hold.
    AllOf(Vec<DependencyPart<N>>),
}

/// A dependency on another job or step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency<N> {
    /// The job or step.
    pub on: N,
    /// The place of its name.
    pub span: Range<usize>,
    /// The condition on its result.
    pub condition: Condition,
}

/// A condition on the result of a dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
    /// It ended, with success or failure.
    Completed,
    /// It ended or was skipped.
    Always,
    /// It was skipped.
    Skipped,
    /// All of these hold.
    And(Vec<Condition>),
    /// One of these holds.
    Or(Vec<Condition>),
    /// This does not hold.
    Not(Box<Condition>),
}

impl Condition {
    /// The conditions that a word stands for, each with its word.
    pub(super) const WORDS: [(&'static str, Self); 5] = [
        ("always", Self::Always),
        ("succeeded", Self::Succeeded),
        ("failed", Self::Failed),
        ("completed", Self::Completed),
        ("skipped", Self::Skipped),
    ];
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
            write!(f, "({})", parts.join(word))
        };
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed => f.write_str("failed"),
            Self::Completed => f.write_str("completed"),
            Self::Always => f.write_str("always"),
            Self::Skipped => f.write_str("skipped"),
            Self::And(parts) => list(f, parts, " and "),
            Self::Or(parts) => list(f, parts, " or "),
            Self::Not(inner) => write!(f, "not {inner}"),
        }
    }
}

impl<N> DependencyPart<N> {
    /// Returns the dependencies of this part and of the groups in it, in the order of the file.
    #[must_use]
    pub fn dependencies(&self) -> Vec<&Dependency<N>> {
        let (mut found, mut open) = (Vec::new(), vec![self]);
        while let Some(part) = open.pop() {
            match part {
                Self::One(one) => found.push(one),
                Self::AnyOf(parts) | Self::AllOf(parts) => open.extend(parts.iter().rev()),
            }
        }
        found
    }
}
