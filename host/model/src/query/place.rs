//! Which part of an expression is the one that decided what came of it.

use cel::common::ast::{EntryExpr, Expr, IdedExpr, operators};
use serde_json::{Map, Value};

use super::tree::{call, children, text};

/// Returns the smallest part of an expression for which a question has the same answer, yes, as
/// for the expression. What is inside of a loop is not looked at: it speaks of items.
pub(super) fn innermost<'e>(
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
        return vec![&it.iter_range];
    }
    let mut parts = children(&at.expr);
    // Which of the two was chosen is not known, so only the condition is looked at.
    if call(at).is_some_and(|(name, ..)| name == operators::CONDITIONAL) {
        parts.truncate(1);
    }
    parts
}

/// An object or a list that an expression makes of others.
pub(super) enum Pieces<'e> {
    Object(Vec<(&'e str, &'e IdedExpr)>),
    List(Vec<&'e IdedExpr>),
}

/// Returns what an object or a list is made of, if the expression makes one and its keys are
/// written out.
pub(super) fn pieces(expr: &IdedExpr) -> Option<Pieces<'_>> {
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
    /// Returns the object or list, made of what each piece is.
    pub(super) fn made(
        self,
        mut piece: impl FnMut(&'e IdedExpr) -> Result<Value, String>,
    ) -> Result<Value, String> {
        match self {
            Self::List(items) => items.into_iter().map(piece).collect(),
            Self::Object(mut members) => {
                // As everywhere in what a query shows.
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

/// Returns the part that a place in a list or an object pays for.
fn uncharged(expr: &IdedExpr) -> &IdedExpr {
    match call(expr) {
        Some(("@charge", None, [_, inner])) => inner,
        Some(_) | None => expr,
    }
}
