//! Accessors for the syntax tree of an expression: one function per question.

use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

/// Returns the nodes directly below a node, in the order of the source.
pub(crate) fn children(expr: &Expr) -> Vec<&IdedExpr> {
    match expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
        Expr::Call(call) => call
            .target
            .as_deref()
            .into_iter()
            .chain(&call.args)
            .collect(),
        Expr::Comprehension(it) => vec![
            &it.iter_range,
            &it.accu_init,
            &it.loop_cond,
            &it.loop_step,
            &it.result,
        ],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map.entries.iter().flat_map(|it| entry(&it.expr)).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::Struct(it) => it.entries.iter().flat_map(|it| entry(&it.expr)).collect(),
    }
}

/// Returns the same nodes as [`children`], mutably.
pub(crate) fn children_mut(expr: &mut Expr) -> Vec<&mut IdedExpr> {
    match expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
        Expr::Call(call) => {
            let target = call.target.as_deref_mut().into_iter();
            target.chain(&mut call.args).collect()
        }
        Expr::Comprehension(it) => vec![
            &mut it.iter_range,
            &mut it.accu_init,
            &mut it.loop_cond,
            &mut it.loop_step,
            &mut it.result,
        ],
        Expr::List(list) => list.elements.iter_mut().collect(),
        Expr::Map(map) => {
            let entries = map.entries.iter_mut();
            entries.flat_map(|it| entry_mut(&mut it.expr)).collect()
        }
        Expr::Select(select) => vec![&mut select.operand],
        Expr::Struct(it) => {
            let entries = it.entries.iter_mut();
            entries.flat_map(|it| entry_mut(&mut it.expr)).collect()
        }
    }
}

fn entry(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

fn entry_mut(entry: &mut EntryExpr) -> Vec<&mut IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&mut field.value],
        EntryExpr::MapEntry(entry) => vec![&mut entry.key, &mut entry.value],
    }
}

/// Calls `visit` for every node, without recursion, because a tree that was just parsed may be
/// deep.
pub(crate) fn visit<'e>(expr: &'e IdedExpr, mut visit: impl FnMut(&'e IdedExpr)) {
    let mut open = vec![expr];
    while let Some(node) = open.pop() {
        visit(node);
        open.extend(children(&node.expr));
    }
}

/// Returns the two sides of a call of a binary operator.
pub(crate) fn binary<'e>(expr: &'e IdedExpr, operator: &str) -> Option<[&'e IdedExpr; 2]> {
    match call(expr)? {
        (name, None, [left, right]) if name == operator => Some([left, right]),
        _ => None,
    }
}

/// Returns the name, the target and the arguments of a call.
pub(crate) fn call(expr: &IdedExpr) -> Option<(&str, Option<&IdedExpr>, &[IdedExpr])> {
    let Expr::Call(it) = &expr.expr else {
        return None;
    };
    Some((&it.func_name, it.target.as_deref(), &it.args))
}

/// Returns the name that a node consists of.
pub(crate) fn ident(expr: &IdedExpr) -> Option<&str> {
    let Expr::Ident(name) = &expr.expr else {
        return None;
    };
    Some(name)
}

/// Returns the text that a node consists of.
pub(crate) fn text(expr: &IdedExpr) -> Option<&str> {
    let Expr::Literal(LiteralValue::String(text)) = &expr.expr else {
        return None;
    };
    Some(text.inner())
}

/// Returns `k` of `name.k`, `has(name.k)`, `name["k"]`, `name.?k` and `name[?"k"]`. The flag is
/// true for the first two forms that yield the value unchanged.
pub(crate) fn key_of<'e>(expr: &'e IdedExpr, name: &str) -> Option<(&'e str, bool)> {
    if let Expr::Select(select) = &expr.expr {
        let fits = ident(&select.operand) == Some(name);
        return fits.then_some((&select.field, !select.test));
    }
    let (operator, None, [target, key]) = call(expr)? else {
        return None;
    };
    let is_plain = match operator {
        operators::INDEX => true,
        operators::OPT_INDEX | operators::OPT_SELECT => false,
        _ => return None,
    };
    let key = text(key)?;
    (ident(target) == Some(name)).then_some((key, is_plain))
}

/// Returns a node that is a name.
pub(crate) fn named(id: u64, name: impl Into<String>) -> IdedExpr {
    let expr = Expr::Ident(name.into());
    IdedExpr { id, expr }
}

/// Returns the operand and the name of `a.b` and `a["b"]`, if the member must be there.
pub(crate) fn member(expr: &IdedExpr) -> Option<(&IdedExpr, &str)> {
    if let Expr::Select(select) = &expr.expr {
        return (!select.test).then_some((&*select.operand, select.field.as_str()));
    }
    let [operand, key] = binary(expr, operators::INDEX)?;
    Some((operand, text(key)?))
}

/// Returns whether a loop goes through nothing: it only binds a name.
pub(crate) fn is_binding(it: &ComprehensionExpr) -> bool {
    let is_empty = matches!(&it.iter_range.expr, Expr::List(list) if list.elements.is_empty());
    is_empty && matches!(it.loop_cond.expr, Expr::Literal(_)) && it.iter_var.starts_with(['@', '#'])
}
