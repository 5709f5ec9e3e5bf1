//! What jobs and steps wait for: trees of conditions, decided from the leaves up.

use std::fmt;

use sedge_lang::workflow::{Condition, DependencyPart};

use crate::plan::{Plan, TermKind, TermOwner};

/// The result of a step with all its expansions, or of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepEnd {
    /// It succeeded.
    Succeeded,
    /// Its guard said that it is done already, or it is a `forEach` step without values. For what
    /// waits for it, it is as if it had succeeded.
    Satisfied,
    /// It failed. A job fails if a step failed that is not allowed to, or its guard has no value.
    Failed,
    /// It was skipped. Of a `forEach` step, none failed and at least one was skipped.
    Skipped,
}

impl StepEnd {
    /// Returns the result as expressions and records write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Satisfied => "satisfied",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// Returns whether a condition holds for a result.
pub(crate) fn condition_holds(condition: &Condition, end: StepEnd) -> bool {
    match condition {
        Condition::Succeeded => matches!(end, StepEnd::Succeeded | StepEnd::Satisfied),
        Condition::Failed => end == StepEnd::Failed,
        Condition::Completed => end != StepEnd::Skipped,
        Condition::Always => true,
        Condition::Skipped => end == StepEnd::Skipped,
        Condition::And(parts) => parts.iter().all(|it| condition_holds(it, end)),
        Condition::Or(parts) => parts.iter().any(|it| condition_holds(it, end)),
        Condition::Not(inner) => !condition_holds(inner, end),
    }
}

/// The state of the trees of all jobs and steps.
#[derive(Debug, Clone)]
pub(crate) struct TermStates {
    /// Whether each term holds; `None` if that may still change.
    values: Vec<Option<bool>>,
    /// How many parts of each group have no value yet.
    n_left: Vec<u32>,
}

impl TermStates {
    /// Returns the state in which nothing has ended. Only what waits for nothing has a value.
    pub(crate) fn new(plan: &Plan) -> Self {
        let terms = plan.terms();
        let is_empty_root = |kind: &TermKind| matches!(kind, TermKind::AllOf { n_parts: 0 });
        Self {
            values: terms
                .iter()
                .map(|it| is_empty_root(&it.kind).then_some(true))
                .collect(),
            n_left: terms
                .iter()
                .map(|it| match &it.kind {
                    TermKind::One(_) => 0,
                    TermKind::AnyOf { n_parts } | TermKind::AllOf { n_parts } => *n_parts,
                })
                .collect(),
        }
    }

    /// Returns whether a term holds; `None` if that may still change.
    pub(crate) fn value(&self, term: u32) -> Option<bool> {
        self.values[term as usize]
    }

    /// Decides a leaf by the result that it waits for. Returns the job or step whose conditions are
    /// all decided by that, if there is one.
    pub(crate) fn end(&mut self, plan: &Plan, leaf: u32, end: StepEnd) -> Option<TermOwner> {
        let terms = plan.terms();
        let TermKind::One(condition) = &terms[leaf as usize].kind else {
            return None;
        };
        let mut value = condition_holds(condition, end);
        let mut at = leaf as usize;
        loop {
            if self.values[at].is_some() {
                return None;
            }
            self.values[at] = Some(value);
            let Some(group) = terms[at].parent else {
                return Some(terms[at].owner);
            };
            at = group as usize;
            let decisive = matches!(terms[at].kind, TermKind::AnyOf { .. });
            self.n_left[at] -= 1;
            if value != decisive && self.n_left[at] > 0 {
                return None;
            }
            value = match value == decisive {
                true => decisive,
                false => !decisive,
            };
        }
    }
}

/// Returns why something is skipped whose part `part` can never hold.
pub(crate) fn because<N: fmt::Display>(part: &DependencyPart<N>, what: &str) -> String {
    let all = part.dependencies().into_iter();
    let all: Vec<String> = all
        .map(|on| format!("`{}` as `{}`", on.on, on.condition))
        .collect();
    let all = all.join(", ");
    match part {
        DependencyPart::One(on) => {
            format!("the {what} `{}` did not end as `{}`", on.on, on.condition)
        }
        DependencyPart::AnyOf(_) => format!("no {what} ended as one of {all}"),
        DependencyPart::AllOf(_) => format!("not every {what} ended as it has to: {all}"),
    }
}
