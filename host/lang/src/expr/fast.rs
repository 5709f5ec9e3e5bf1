//! Forms of expressions that are evaluated faster and have the same value.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr, IdedExpr, ListExpr, LiteralValue, operators,
};

use super::hidden::{SEEN_DEEP, SEEN_ITSELF, SEEN_WHOLE};
use super::source::Source;
use super::tree::{call, children_mut, ident, visit};

/// The forms in which an expression is evaluated.
#[derive(Debug)]
pub(super) struct FastForms {
    /// The form without checks for hidden values, for an evaluation in which there are none.
    unchecked: IdedExpr,
    /// The form with the checks. It is made when it is first needed, because few expressions meet
    /// a hidden value.
    checked: OnceLock<IdedExpr>,
    /// Whether the two forms are the same.
    is_same: bool,
    /// Whether loops were joined: see [`loops_join`].
    pub(super) is_joined: bool,
    /// The variables that the expression uses.
    variables: Vec<String>,
}

impl FastForms {
    /// Makes the forms of an expression that was compiled.
    pub(super) fn of(source: &Source, compiled: &IdedExpr) -> Self {
        let (mut unchecked, is_joined) = with_checks(compiled);
        let is_same = makes_objects(&source.expr) || !checks_remove(&mut unchecked);
        let mut variables = BTreeSet::new();
        if !is_same {
            visit(compiled, |node| variables.extend(ident(node)));
        }
        let variables = variables.into_iter().filter(|it| !it.starts_with('@'));
        Self {
            variables: variables.map(str::to_owned).collect(),
            unchecked,
            checked: OnceLock::new(),
            is_same,
            is_joined,
        }
    }

    /// Returns the form for an evaluation. `has_hidden` says whether a hidden value is in one of
    /// these variables, or in what the expression looks up.
    pub(super) fn form(
        &self,
        compiled: &IdedExpr,
        has_hidden: impl FnOnce(&[String]) -> bool,
    ) -> &IdedExpr {
        if self.is_same || !has_hidden(&self.variables) {
            return &self.unchecked;
        }
        self.checked.get_or_init(|| with_checks(compiled).0)
    }
}

/// Returns the fast form with the checks for hidden values, and whether loops were joined.
fn with_checks(compiled: &IdedExpr) -> (IdedExpr, bool) {
    let mut form = compiled.clone();
    members_index(&mut form);
    let is_joined = loops_join(&mut form);
    (form, is_joined)
}

/// Joins loops whose list is the result of a filter: `list.filter(it, …).map(it, …)` becomes one
/// loop, without the list between them. Returns whether there are any.
///
/// The value is the same, and there is one if there was one. The joined loop pays as if it visited
/// every item of the list, although it visits fewer.
fn loops_join(at: &mut IdedExpr) -> bool {
    let mut is_changed = false;
    let mut open = vec![at];
    while let Some(node) = open.pop() {
        if let Expr::Comprehension(outer) = &mut node.expr {
            is_changed |= loop_join(outer).is_some();
        }
        open.extend(children_mut(&mut node.expr));
    }
    is_changed
}

/// Joins a loop with the filter that makes its list. Returns `None` if it has none.
fn loop_join(outer: &mut ComprehensionExpr) -> Option<()> {
    let (range, n_outer) = range_of(&outer.iter_range)?;
    let Expr::Comprehension(filter) = &range.expr else {
        return None;
    };
    let (_, n_filter) = range_of(&filter.iter_range)?;
    let is_same = outer.iter_var == filter.iter_var && outer.accu_var == filter.accu_var;
    let is_appending = item_added(outer, &outer.loop_step).is_some();
    if !is_same || !is_appending || !is_filter(filter) {
        return None;
    }
    let n_nodes = LiteralValue::Int(n_outer.checked_add(n_filter)?.into());
    let Expr::Call(range) = &mut outer.iter_range.expr else {
        return None;
    };
    let Expr::Comprehension(filter) = std::mem::take(&mut range.args[1]).expr else {
        return None;
    };
    let (mut range, mut step) = (filter.iter_range, filter.loop_step);
    if let (Expr::Call(range), Expr::Call(step)) = (&mut range.expr, &mut step.expr) {
        range.args[2].expr = Expr::Literal(n_nodes);
        step.args[1] = std::mem::take(&mut outer.loop_step);
    }
    outer.iter_range = range;
    outer.loop_step = step;
    Some(())
}

/// Returns the list of a loop, and the number of nodes that it pays for with each item.
fn range_of(range: &IdedExpr) -> Option<(&IdedExpr, i64)> {
    let ("@range", None, [_, list, n_nodes]) = call(range)? else {
        return None;
    };
    let Expr::Literal(LiteralValue::Int(n_nodes)) = &n_nodes.expr else {
        return None;
    };
    Some((list, *n_nodes.inner()))
}

/// Returns whether a loop returns those of its items that a condition holds for.
fn is_filter(it: &ComprehensionExpr) -> bool {
    let Some((operators::CONDITIONAL, None, [_, kept, _])) = call(&it.loop_step) else {
        return false;
    };
    item_added(it, kept).and_then(ident) == Some(&it.iter_var)
}

/// Returns the item that a step of a loop adds to the result.
fn item_added<'e>(of: &ComprehensionExpr, step: &'e IdedExpr) -> Option<&'e IdedExpr> {
    let (operators::ADD, None, [result, list]) = call(step)? else {
        return None;
    };
    let Expr::List(list) = &list.expr else {
        return None;
    };
    let [item] = &list.elements[..] else {
        return None;
    };
    let is_result = |it: &IdedExpr| ident(it) == Some(&of.accu_var);
    (is_result(result) && is_result(&of.result) && list.optional_indices.is_empty()).then_some(item)
}

/// Returns whether an expression makes objects itself. Such an object can have the form of a hidden
/// value.
fn makes_objects(expr: &IdedExpr) -> bool {
    let mut found = false;
    visit(expr, |node| {
        let name = call(node).map(|(name, ..)| name);
        let is_maker = name.is_some_and(|it| ["@entries", "@merge", "decode"].contains(&it));
        found |= is_maker || matches!(node.expr, Expr::Map(_) | Expr::Struct(_));
    });
    found
}

/// Removes the checks for hidden values, and keeps what they charge. Returns whether there were
/// any.
fn checks_remove(at: &mut IdedExpr) -> bool {
    let mut is_changed = false;
    let mut open = vec![at];
    while let Some(node) = open.pop() {
        while let Expr::Call(check) = &mut node.expr
            && check.func_name == SEEN_ITSELF
            && let Some(part) = check.args.pop()
        {
            *node = part;
            is_changed = true;
        }
        if let Expr::Call(check) = &mut node.expr
            && [SEEN_DEEP, SEEN_WHOLE].contains(&check.func_name.as_str())
        {
            "@charge".clone_into(&mut check.func_name);
            is_changed = true;
        }
        open.extend(children_mut(&mut node.expr));
    }
    is_changed
}

/// Makes members items: `it["name"]` in place of `it.name`.
///
/// The value is the same. For `it.name`, the evaluator first looks for a variable of this whole
/// name, in each scope. Only the messages of some faults are different, so they have to come from
/// the original.
fn members_index(at: &mut IdedExpr) {
    let mut open = vec![at];
    while let Some(node) = open.pop() {
        if let Expr::Select(select) = &mut node.expr
            && !select.test
        {
            let field = LiteralValue::String(std::mem::take(&mut select.field).into());
            let key = IdedExpr {
                id: node.id,
                expr: Expr::Literal(field),
            };
            node.expr = Expr::Call(CallExpr {
                func_name: operators::INDEX.to_owned(),
                target: None,
                args: vec![std::mem::take(&mut *select.operand), key],
            });
        }
        open.extend(children_mut(&mut node.expr));
    }
}

/// Removes the charge for items that a loop returns as they are: `list.filter(it, …)`. The range
/// of the loop has paid for a copy of each, and what copies the result pays again.
pub(super) fn items_uncharge(it: &mut ComprehensionExpr) {
    let Some(list) = list_added(&mut it.loop_step) else {
        return;
    };
    for element in &mut list.elements {
        if let Expr::Call(charge) = &mut element.expr
            && charge.func_name == "@charge"
            && let [_, item] = &mut charge.args[..]
            && ident(item) == Some(&it.iter_var)
        {
            let item = std::mem::take(item);
            *element = item;
        }
    }
}

/// Returns the list that a step of a loop adds to the result.
fn list_added(step: &mut IdedExpr) -> Option<&mut ListExpr> {
    let Expr::Call(call) = &mut step.expr else {
        return None;
    };
    match (call.func_name.as_str(), &mut call.args[..]) {
        (operators::CONDITIONAL, [_, step, _]) => list_added(step),
        (operators::ADD, [_, added]) => {
            let Expr::List(list) = &mut added.expr else {
                return None;
            };
            Some(list)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::expr::{Env, Evaluated, Expr, Shape, TextPlace, Variables};

    fn compiled(text: &str) -> Expr {
        let variables = Variables::new().with("inputs", Shape::Any);
        Expr::compile(text, &TextPlace::of_text("text", text), &variables).expect(text)
    }

    /// Evaluates all forms of an expression, which must have the same value.
    fn value(expr: &Expr, inputs: &Value) -> Option<Value> {
        let value = |hidden: &Value| {
            let env = Env::new(0).with("inputs", inputs).with("hidden", hidden);
            match expr.eval(&env) {
                Ok(Evaluated::Value(value)) => Some(value),
                Ok(Evaluated::Needs(_)) | Err(_) => None,
            }
        };
        let unchecked = value(&json!(null));
        assert_eq!(value(&json!([{"$sealed": 1}])), unchecked);
        unchecked
    }

    #[test]
    fn filter_is_joined_with_the_loop_after_it() {
        let inputs = json!({"all": [{"n": 1, "a": "x"}, {"n": 2}, {"n": 3, "a": "z"}]});
        let check = |text: &str, is_joined: bool, expect: Option<Value>| {
            let expr = compiled(text);
            assert_eq!(expr.fast.is_joined, is_joined, "{text}");
            assert_eq!(value(&expr, &inputs), expect, "{text}");
        };
        check(
            "inputs.all.filter(it, it.n > 1).map(it, it.n)",
            true,
            Some(json!([2, 3])),
        );
        check(
            "inputs.all.filter(it, it.n > 9).map(it, it.n)",
            true,
            Some(json!([])),
        );
        check(
            "inputs.all.filter(it, it.n != 2).map(it, it.a)",
            true,
            Some(json!(["x", "z"])),
        );
        check("inputs.all.filter(it, it.n > 1).map(it, it.a)", true, None);
        check("inputs.all.filter(it, it.b > 1).map(it, it.n)", true, None);
        let nested =
            "inputs.all.filter(it, it.n > 1).map(it, [it.n].filter(x, x > 2).map(x, x + it.n))";
        check(nested, true, Some(json!([[], [6]])));
        check(
            "inputs.all.filter(it, it.n > 1).map(x, x.n)",
            false,
            Some(json!([2, 3])),
        );
        check(
            "inputs.all.filter(it, it.n > 1).filter(it, it.n < 3)",
            false,
            Some(json!([{"n": 2}])),
        );
        check(
            "inputs.all.map(it, it.n).map(it, it + 1)",
            false,
            Some(json!([2, 3, 4])),
        );
        check(
            "inputs.all.map(it, it.n > 1, it.n)",
            false,
            Some(json!([2, 3])),
        );
        check(
            "inputs.all[0].filter(it, it != 'a').map(it, it + '!')",
            true,
            Some(json!(["n!"])),
        );
    }

    #[test]
    fn joined_loops_have_the_budget_of_separate_ones() {
        let n_items = 30_000;
        let inputs = json!({"all": (0..n_items).collect::<Vec<u32>>()});
        // With the nodes of the second loop for every item, it would be too much.
        let sum = ["it"; 20].join(" + ");
        let expr = compiled(&format!("inputs.all.filter(it, it == 7).map(it, {sum})"));
        assert!(expr.fast.is_joined);
        assert_eq!(value(&expr, &inputs), Some(json!([140])));
    }

    #[test]
    fn hidden_value_is_checked_where_there_is_one() {
        let expr = compiled("inputs.all.map(it, it == 'a')");
        let eval = |inputs: &Value| expr.eval(&Env::new(0).with("inputs", inputs));
        assert!(eval(&json!({"all": ["a"]})).is_ok());
        assert!(eval(&json!({"all": ["a", {"$sealed": 1}]})).is_err());
        let made = compiled("{'$sealed': inputs.all} == 'a'");
        let inputs = json!({"all": 1});
        assert!(made.eval(&Env::new(0).with("inputs", &inputs)).is_err());
    }
}
