//! The budget of an evaluation: every operation that copies or loops pays for it first.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cel::ExecutionError;
use cel::common::types::Type;
use cel::common::value::{StaticVal, Val};

/// The name of the variable that holds the [`Budget`].
pub(crate) const BUDGET_NAME: &str = "@budget";

/// What expressions of one kind may use.
#[derive(Debug)]
pub(crate) struct Limits {
    /// The maximum length of the text, in bytes.
    pub(crate) text_bytes: usize,
    /// The maximum number of operators, calls, lists and maps.
    pub(crate) operators: usize,
    /// The maximum depth of nested brackets.
    ///
    /// The parser uses up to ten KiB of stack for each level.
    pub(crate) brackets: usize,
    /// The maximum depth of nested loops.
    ///
    /// Each loop goes through a list of any length for every item of the loop around it.
    pub(crate) loops: usize,
    /// The maximum cost of one evaluation, in values that are copied or visited.
    pub(crate) cost: u64,
}

/// The rest of the budget of an evaluation. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<AtomicU64>);

// process-wide: a constant.
static BUDGET_TYPE: Type = Type::new_unspecified_type("@budget");

impl Budget {
    /// Makes a budget of `cost` values.
    pub(crate) fn new(cost: u64) -> Self {
        Self(Arc::new(AtomicU64::new(cost)))
    }

    /// Subtracts `cost`, and returns whether the budget was sufficient.
    pub(crate) fn pays(&self, cost: u64) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(cost), Ordering::Relaxed);
        left > cost
    }

    /// Returns whether an operation exceeded the budget.
    pub(crate) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Val for Budget {
    fn get_type(&self) -> &Type {
        &BUDGET_TYPE
    }

    fn cel_type() -> &'static Type {
        &BUDGET_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Budget {}

/// Pays from the budget, which is the first argument of our functions.
pub(super) fn pay(budget: &dyn Val, cost: u64) -> Result<(), ExecutionError> {
    let budget = budget.downcast_ref::<Budget>();
    let budget = budget.expect("the compiler puts the budget first");
    if budget.pays(cost) {
        Ok(())
    } else {
        Err(ExecutionError::function_error("@budget", "it is spent"))
    }
}
