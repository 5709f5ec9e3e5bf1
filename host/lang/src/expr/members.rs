//! Makes expressions faster whose variables have members, and loops that return their items.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr, IdedExpr, ListExpr, LiteralValue, operators,
};

use super::tree::{children_mut, ident};

/// Makes the members of variables items: `it["name"]` in place of `it.name`. Returns whether there
/// are any.
///
/// The value is the same. For `it.name`, the evaluator first looks for a variable of this whole
/// name, in each scope. Only the messages of some faults are different, so they have to come from
/// the original.
pub(super) fn members_index(at: &mut IdedExpr) -> bool {
    let mut is_changed = false;
    let mut open = vec![at];
    while let Some(node) = open.pop() {
        if let Expr::Select(select) = &mut node.expr
            && !select.test
            && ident(&select.operand).is_some()
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
            is_changed = true;
        }
        open.extend(children_mut(&mut node.expr));
    }
    is_changed
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
