//! Random trees of calls between models, in any order, in sequence or in parallel.

use sedge_test_kit::Dice;
use serde_json::{Value, json};

/// The depth of the calls.
const DEPTH_MAX: usize = 3;

/// The name of a model.
pub(crate) fn model(number: usize) -> String {
    format!("model-{number}")
}

/// A call and its nested calls. It counts by one, before or after them.
#[derive(Debug)]
pub(crate) struct Tree {
    model: usize,
    together: bool,
    counts_first: bool,
    below: Vec<Tree>,
}

impl Tree {
    /// Returns a tree of calls of models 0 to `n_models` - 1.
    pub(crate) fn at_random(dice: &mut Dice, n_models: usize) -> Self {
        Self::of_depth(dice, n_models, 1)
    }

    fn of_depth(dice: &mut Dice, n_models: usize, depth: usize) -> Self {
        let n_below = if depth == DEPTH_MAX { 0 } else { dice.below(3) };
        let model = usize::try_from(dice.below(n_models as u64)).expect("few");
        let together = dice.below(2) == 0;
        let below: Vec<Self> = (0..n_below)
            .map(|_| Self::of_depth(dice, n_models, depth + 1))
            .collect();
        // A model that is called by its own callees would count on from a staged value, and the
        // later value would be committed first.
        let is_below = below.iter().any(|it| it.calls(model));
        let counts_first = dice.below(2) == 0 && !is_below;
        Self {
            model,
            together,
            counts_first,
            below,
        }
    }

    fn calls(&self, model: usize) -> bool {
        self.model == model || self.below.iter().any(|it| it.calls(model))
    }

    pub(crate) fn model(&self) -> String {
        model(self.model)
    }

    /// Returns the models that count, one entry per count, sorted.
    pub(crate) fn counting(&self) -> Vec<String> {
        let mut models = vec![self.model()];
        models.extend(self.below.iter().flat_map(Self::counting));
        models.sort_unstable();
        models
    }

    /// Returns the counter's result: the number of steps of all calls.
    pub(crate) fn n_steps(&self) -> usize {
        let n_calling = if self.together {
            self.below.len().min(1)
        } else {
            self.below.len()
        };
        1 + n_calling + self.below.iter().map(Self::n_steps).sum::<usize>()
    }

    /// Returns the steps for the counter.
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
        let at = if self.counts_first { 0 } else { steps.len() };
        steps.insert(at, json!("add"));
        Value::from(steps)
    }
}
