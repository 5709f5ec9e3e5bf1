//! Finds the part of an expression that decided its result.

use cel::common::ast::{EntryExpr, Expr, IdedExpr, operators};
use serde_json::{Map, Value};

use super::tree::{call, children, ident, is_binding, text};

/// Returns the smallest part of an expression for which `is_such` is true. The body of a loop is
/// not searched, because its value depends on the item.
pub(crate) fn innermost<'e>(
    expr: &'e IdedExpr,
    is_such: &impl Fn(&IdedExpr) -> bool,
) -> &'e IdedExpr {
    let mut at = expr;
    while let Some(below) = parts(at).into_iter().find(|part| is_such(part)) {
        at = below;
    }
    at
}

/// Returns the parts of an expression that can be evaluated by themselves.
fn parts(at: &IdedExpr) -> Vec<&IdedExpr> {
    if let Expr::Comprehension(it) = &at.expr {
        return vec![if is_binding(it) {
            &it.accu_init
        } else {
            &it.iter_range
        }];
    }
    let mut parts = children(&at.expr);
    // What the compiler added is no part of the expression.
    parts.retain(|part| ident(part).is_none_or(|name| !name.starts_with('@')));
    // It is not known which of the two branches was evaluated, so only the condition is searched.
    if call(at).is_some_and(|(name, ..)| name == operators::CONDITIONAL) {
        parts.truncate(1);
    }
    parts
}

/// The parts of an object or a list that an expression makes.
pub(crate) enum Pieces<'e> {
    Object(Vec<(&'e str, &'e IdedExpr)>),
    List(Vec<&'e IdedExpr>),
}

/// Returns the parts of the object or list that an expression makes. Returns `None` for other
/// expressions, and if a key is not a literal.
pub(crate) fn pieces(expr: &IdedExpr) -> Option<Pieces<'_>> {
    match &uncharged(expr).expr {
        Expr::List(list) if list.optional_indices.is_empty() => {
            Some(Pieces::List(list.elements.iter().collect()))
        }
        Expr::Map(map) => {
            let members = map.entries.iter().map(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) if !entry.optional => {
                    Some((text(&entry.key)?, &entry.value))
                }
                EntryExpr::MapEntry(_) | EntryExpr::StructField(_) => None,
            });
            members.collect::<Option<_>>().map(Pieces::Object)
        }
        Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::Ident(_)
        | Expr::List(_)
        | Expr::Literal(_)
        | Expr::Select(_)
        | Expr::Struct(_)
        | Expr::Unspecified => None,
    }
}

impl<'e> Pieces<'e> {
    /// Builds the object or list from the results for its parts.
    pub(crate) fn made(
        self,
        mut piece: impl FnMut(&'e IdedExpr) -> Result<Value, String>,
    ) -> Result<Value, String> {
        match self {
            Self::List(items) => items.into_iter().map(piece).collect(),
            Self::Object(mut members) => {
                // Objects that a query shows have sorted keys.
                members.sort_by_key(|(key, _)| *key);
                let mut object = Map::new();
                for (key, value) in members {
                    object.insert(key.to_owned(), piece(value)?);
                }
                Ok(Value::Object(object))
            }
        }
    }
}

/// Returns a part without the charge that wraps it in a list or an object.
fn uncharged(expr: &IdedExpr) -> &IdedExpr {
    match call(expr) {
        Some(("@charge", None, [_, inner])) => inner,
        Some(_) | None => expr,
    }
}
