//! Calls of models by each other, at random: in any order, side by side or one by one.

use sedge_test_kit::Dice;
use serde_json::{Value, json};

use crate::N_MODELS;

/// How deep calls go.
const DEPTH_MAX: usize = 3;

/// The name of a model.
pub(crate) fn model(number: usize) -> String {
    format!("model-{number}")
}

/// A call, and those that it makes before it counts by one.
#[derive(Debug)]
pub(crate) struct Tree {
    model: usize,
    together: bool,
    below: Vec<Tree>,
}

impl Tree {
    pub(crate) fn at_random(dice: &mut Dice) -> Self {
        Self::of_depth(dice, 1)
    }

    fn of_depth(dice: &mut Dice, depth: usize) -> Self {
        let n_below = if depth == DEPTH_MAX { 0 } else { dice.below(3) };
        Self {
            model: usize::try_from(dice.below(N_MODELS as u64)).expect("few"),
            together: dice.below(2) == 0,
            below: (0..n_below)
                .map(|_| Self::of_depth(dice, depth + 1))
                .collect(),
        }
    }

    pub(crate) fn model(&self) -> String {
        model(self.model)
    }

    pub(crate) fn n_calls(&self) -> usize {
        1 + self.below.iter().map(Self::n_calls).sum::<usize>()
    }

    /// Returns what the counter returns: the steps of all calls.
    pub(crate) fn n_steps(&self) -> usize {
        let n_calling = if self.together {
            self.below.len().min(1)
        } else {
            self.below.len()
        };
        1 + n_calling + self.below.iter().map(Self::n_steps).sum::<usize>()
    }

    /// Returns what the counter is told to do.
    pub(crate) fn steps(&self) -> Value {
        let call = |tree: &Self| json!({"model": tree.model(), "steps": tree.steps()});
        let calls: Vec<Value> = self.below.iter().map(call).collect();
        let mut steps: Vec<Value> = if self.together && !calls.is_empty() {
            vec![json!({ "together": calls })]
        } else {
            calls
                .into_iter()
                .map(|call| json!({ "call": call }))
                .collect()
        };
        steps.push(json!("add"));
        Value::from(steps)
    }
}
