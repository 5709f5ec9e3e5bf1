//! Turns a checked syntax tree into one that is efficient for a million rows.
//!
//! Operators of the language are replaced by functions of this crate (see `functions.rs`), and
//! parts that do not depend on the row are evaluated once, at compile time.

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, operators};
use cel::common::types::CelTimestamp;
use cel::{Context, ExecutionError, Value};

use super::functions::{BUDGET_NAME, NAMESPACES, Pattern, QueryBudget, environment};
use super::source::Source;
use super::tree::{call, children, children_mut, ident, named, text};
use super::values::{Boxed, weight};
use super::words::{NoValue, no_value};
use crate::diagnostic::Diagnostic;

/// The largest constant that is evaluated once for all rows: see [`weight`]. Copies of a constant
/// are not charged, so they must be small.
const CONSTANT_WEIGHT_MAX: u64 = 1_000;

/// The state that the expressions of one query share.
pub(super) struct QueryCompiler {
    now: CelTimestamp,
    constants: Vec<Boxed<'static>>,
}

impl QueryCompiler {
    /// Makes a compiler for queries at the time `now`.
    pub(super) fn new(now: CelTimestamp) -> Self {
        let constants = Vec::new();
        Self { now, constants }
    }

    /// Returns the constants that the compiled expressions refer to by number, and the time.
    pub(super) fn finish(self) -> (Vec<Boxed<'static>>, CelTimestamp) {
        (self.constants, self.now)
    }

    /// Compiles an expression.
    ///
    /// # Errors
    /// A part that does not depend on the row has no value. The fault has its place.
    pub(super) fn compile(&mut self, source: &Source) -> Result<IdedExpr, Diagnostic> {
        let mut expr = source.expr.clone();
        self.replace(source, &mut expr)?;
        self.settle(source, &mut expr)?;
        Ok(expr)
    }

    /// Returns the value of a part if it does not depend on the row and has a value.
    pub(super) fn constant(&self, source: &Source, part: &IdedExpr) -> Option<Value> {
        let mut inner = Self::new(self.now.clone());
        let mut part = part.clone();
        inner.replace(source, &mut part).ok()?;
        let is_constant = is_constant(&part, &mut Vec::new());
        is_constant.then(|| inner.value(&part).ok()).flatten()
    }

    /// Replaces operators of the language by functions of this crate.
    fn replace(&mut self, source: &Source, at: &mut IdedExpr) -> Result<(), Diagnostic> {
        for below in children_mut(&mut at.expr) {
            self.replace(source, below)?;
        }
        let id = at.id;
        match &mut at.expr {
            Expr::Call(call) => self.replace_call(source, id, call),
            Expr::List(list) => {
                list.elements.iter_mut().for_each(charged);
                Ok(())
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        charged(&mut entry.value);
                    }
                }
                Ok(())
            }
            Expr::Comprehension(it) => {
                wrap(&mut it.iter_range, "@range");
                Ok(())
            }
            Expr::Unspecified
            | Expr::Ident(_)
            | Expr::Literal(_)
            | Expr::Select(_)
            | Expr::Struct(_) => Ok(()),
        }
    }

    fn replace_call(
        &mut self,
        source: &Source,
        id: u64,
        call: &mut CallExpr,
    ) -> Result<(), Diagnostic> {
        match call.func_name.as_str() {
            // The evaluator recognises the steps of its loops by their form.
            operators::ADD if is_step(call) => {}
            operators::ADD => {
                call.func_name = "@add".to_owned();
                call.args.insert(0, named(id, BUDGET_NAME));
            }
            operators::SUBSTRACT => call.func_name = "@sub".to_owned(),
            operators::MULTIPLY => call.func_name = "@mul".to_owned(),
            operators::DIVIDE => call.func_name = "@div".to_owned(),
            "matches" => return self.replace_matches(source, id, call),
            _ => {}
        }
        Ok(())
    }

    /// Compiles the pattern of `text.matches("pattern")` or `matches(text, "pattern")`.
    fn replace_matches(
        &mut self,
        source: &Source,
        id: u64,
        call: &mut CallExpr,
    ) -> Result<(), Diagnostic> {
        let subject = call.target.take().map(|it| *it);
        call.args.splice(0..0, subject);
        let [_, pattern] = &call.args[..] else {
            let message = "`matches` takes a text and a pattern";
            return Err(source.fault(&named(id, ""), message));
        };
        let Some(written) = text(pattern) else {
            let message = "the pattern of `matches` must be written out";
            return Err(source.fault(pattern, message));
        };
        let compiled = Pattern::new(written).map_err(|message| source.fault(pattern, message))?;
        call.func_name = "@matches".to_owned();
        call.args.truncate(1);
        call.args
            .insert(0, named(id, self.keep(Box::new(compiled))));
        Ok(())
    }

    /// Replaces parts that do not depend on the row by their values.
    fn settle(&mut self, source: &Source, at: &mut IdedExpr) -> Result<(), Diagnostic> {
        let is_step = call(at).is_some_and(|(name, _, _)| name == operators::ADD);
        if is_step {
            // The list that a step adds stays a list, because the evaluator recognises it by its
            // form.
            for side in children_mut(&mut at.expr) {
                for below in children_mut(&mut side.expr) {
                    self.settle(source, below)?;
                }
            }
            return Ok(());
        }
        if self.is_kept(source, at)? {
            return Ok(());
        }
        for below in children_mut(&mut at.expr) {
            self.settle(source, below)?;
        }
        Ok(())
    }

    /// Replaces a node by its value if it does not depend on the row, and returns whether it did.
    fn is_kept(&mut self, source: &Source, at: &mut IdedExpr) -> Result<bool, Diagnostic> {
        if !is_worth_keeping(&at.expr) || !is_constant(at, &mut Vec::new()) {
            return Ok(false);
        }
        let value = self.value(at).map_err(|error| match no_value(&error) {
            NoValue::Absent => source.fault(at, "this value is missing"),
            NoValue::Wrong(message) => source.fault(at, message),
        })?;
        let value = Boxed::try_from(value).expect("it was made from such a value");
        if weight(&*value) > CONSTANT_WEIGHT_MAX {
            return Ok(false);
        }
        *at = named(at.id, self.keep(value));
        Ok(true)
    }

    /// Evaluates a part that does not depend on the row.
    fn value(&self, part: &IdedExpr) -> Result<Value, ExecutionError> {
        let mut context = Context::with_env(environment().clone());
        context.add_variable_as_val("now", Box::new(self.now.clone()));
        context.add_variable_as_val(BUDGET_NAME, Box::new(QueryBudget::new()));
        for (n, constant) in self.constants.iter().enumerate() {
            context.add_variable_as_val(constant_name(n), constant.clone());
        }
        context.resolve(part)
    }

    /// Stores a constant and returns its name.
    fn keep(&mut self, value: Boxed<'static>) -> String {
        self.constants.push(value);
        constant_name(self.constants.len() - 1)
    }
}

fn constant_name(n: usize) -> String {
    format!("@{n}")
}

/// Returns whether a call is a step of a loop: it adds to the accumulator of the loop, which only
/// the parser can name.
fn is_step(call: &CallExpr) -> bool {
    let first = call.args.first().and_then(ident);
    first.is_some_and(|name| name.starts_with('@'))
}

/// A loop starts with an empty list, which the evaluator recognises by its form. The other
/// expressions here need no evaluation.
fn is_worth_keeping(expr: &Expr) -> bool {
    match expr {
        Expr::List(list) => !list.elements.is_empty(),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => false,
        Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::Map(_)
        | Expr::Select(_)
        | Expr::Struct(_) => true,
    }
}

/// Returns whether a part is the same for every row. `bound` contains the names of the loops
/// around it that were already visited.
fn is_constant<'e>(part: &'e IdedExpr, bound: &mut Vec<&'e str>) -> bool {
    match &part.expr {
        Expr::Unspecified => false,
        Expr::Ident(name) => {
            let is_internal = |name: &str| name.starts_with('@') && !name.starts_with("@result");
            name == "now" || is_internal(name) || bound.contains(&name.as_str())
        }
        Expr::Comprehension(it) => {
            if !is_constant(&it.iter_range, bound) {
                return false;
            }
            let n_bound = bound.len();
            bound.extend([it.iter_var.as_str(), it.accu_var.as_str()]);
            bound.extend(it.iter_var2.as_deref());
            let mut is_same = true;
            for below in [&it.accu_init, &it.loop_cond, &it.loop_step, &it.result] {
                is_same &= is_constant(below, bound);
            }
            bound.truncate(n_bound);
            is_same
        }
        // Compilation replaces a type by its name.
        Expr::Call(call) if call.func_name == "type" => false,
        Expr::Call(_)
        | Expr::List(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Select(_)
        | Expr::Struct(_) => {
            for below in children(&part.expr) {
                let is_namespace = ident(below).is_some_and(|it| NAMESPACES.contains(&it));
                if !is_namespace && !is_constant(below, bound) {
                    return false;
                }
            }
            true
        }
    }
}

/// Charges an element of a list or map for the copy that is made of it.
fn charged(part: &mut IdedExpr) {
    if !matches!(part.expr, Expr::Literal(_)) {
        wrap(part, "@charge");
    }
}

/// Wraps a part in a call of one of our functions.
fn wrap(part: &mut IdedExpr, function: &str) {
    let inner = std::mem::take(part);
    let id = inner.id;
    let expr = Expr::Call(CallExpr {
        func_name: function.to_owned(),
        target: None,
        args: vec![named(id, BUDGET_NAME), inner],
    });
    *part = IdedExpr { id, expr };
}
