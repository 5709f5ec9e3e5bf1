//! Finds the part of a predicate that a store can look up.
//!
//! A predicate that joins conditions with `&&` is true only if each condition is true. Conditions
//! that compare a field with a constant become a [`Selection`].

use cel::Value;
use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::selection::{Selection, TextField};
use crate::expr::tree::{binary, call, ident, key_of};
use crate::expr::{ExprCompiler, Source};

/// The necessary conditions of a predicate.
pub(super) struct Narrowed {
    pub(super) selection: Selection,
    /// Whether they are also sufficient.
    pub(super) is_exact: bool,
}

/// Returns the conditions that a row must meet if a predicate is true for it.
pub(super) fn narrow(source: &Source, compiler: &ExprCompiler<'_>) -> Narrowed {
    let mut narrowing = Narrowing {
        source,
        compiler,
        selection: Selection::default(),
    };
    let is_exact = narrowing.conjunct(&source.expr);
    let selection = narrowing.selection;
    Narrowed {
        selection,
        is_exact,
    }
}

struct Narrowing<'c> {
    source: &'c Source,
    compiler: &'c ExprCompiler<'c>,
    selection: Selection,
}

/// An order between `createdAt` and a time.
#[derive(Clone, Copy)]
enum Order {
    Before,
    BeforeOrAt,
    At,
    AtOrAfter,
    After,
}

impl Order {
    const OPERATORS: [(&'static str, Self); 4] = [
        (operators::LESS, Self::Before),
        (operators::LESS_EQUALS, Self::BeforeOrAt),
        (operators::GREATER_EQUALS, Self::AtOrAfter),
        (operators::GREATER, Self::After),
    ];

    /// Returns the order after the sides are exchanged.
    fn flipped(self) -> Self {
        match self {
            Self::Before => Self::After,
            Self::BeforeOrAt => Self::AtOrAfter,
            Self::At => Self::At,
            Self::AtOrAfter => Self::BeforeOrAt,
            Self::After => Self::Before,
        }
    }
}

impl Narrowing<'_> {
    /// Adds the necessary conditions of `expr`, and returns whether they are also sufficient.
    fn conjunct(&mut self, expr: &IdedExpr) -> bool {
        if let Some([left, right]) = binary(expr, operators::LOGICAL_AND) {
            let is_left_exact = self.conjunct(left);
            return self.conjunct(right) && is_left_exact;
        }
        if let Expr::Literal(LiteralValue::Boolean(value)) = &expr.expr {
            self.selection.nothing |= !value.inner();
            true
        } else if ident(expr) == Some("latest") {
            self.selection.add_latest(true);
            true
        } else {
            self.condition(expr).is_some()
        }
    }

    /// Adds one condition if it has a known form.
    fn condition(&mut self, expr: &IdedExpr) -> Option<()> {
        let (name, target, args) = call(expr)?;
        match (name, target, args) {
            (operators::LOGICAL_NOT, None, [it]) if ident(it) == Some("latest") => {
                self.selection.add_latest(false);
                Some(())
            }
            (operators::EQUALS, None, [left, right]) => {
                self.equal(left, right).or_else(|| self.equal(right, left))
            }
            ("startsWith", Some(target), [prefix]) if ident(target) == Some("name") => {
                let Value::String(prefix) = self.constant(prefix)? else {
                    return None;
                };
                self.selection.add_prefix(&prefix);
                Some(())
            }
            (name, None, [left, right]) => {
                let order = Order::OPERATORS.iter().find(|(it, _)| *it == name);
                let (_, order) = order?;
                if ident(left) == Some("createdAt") {
                    self.created(*order, right)
                } else if ident(right) == Some("createdAt") {
                    self.created(order.flipped(), left)
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// Adds the condition that a field equals a constant.
    fn equal(&mut self, field: &IdedExpr, constant: &IdedExpr) -> Option<()> {
        if let Some((key, true)) = key_of(field, "tags") {
            let Value::String(value) = self.constant(constant)? else {
                return None;
            };
            self.selection.add_tag(key, &value);
            return Some(());
        }
        let field = ident(field)?;
        if field == "createdAt" {
            return self.created(Order::At, constant);
        }
        match (field, self.constant(constant)?) {
            ("version", Value::Int(version)) => match u64::try_from(version) {
                Ok(version) => self.selection.add_version(version),
                // A version is never negative.
                Err(_) => self.selection.nothing = true,
            },
            ("version", Value::UInt(version)) => self.selection.add_version(version),
            ("latest", Value::Bool(latest)) => self.selection.add_latest(latest),
            (field, Value::String(value)) => {
                let field = TextField::of(field)?;
                self.selection.add_text(field, &value);
            }
            _ => return None,
        }
        Some(())
    }

    /// Adds a comparison with a time, which may lie between two milliseconds.
    fn created(&mut self, order: Order, time: &IdedExpr) -> Option<()> {
        let Value::Timestamp(time) = self.constant(time)? else {
            return None;
        };
        let ms = time.timestamp_millis();
        let is_whole = time.timestamp_subsec_nanos() % 1_000_000 == 0;
        // The first whole millisecond at or after the time.
        let ceiling_ms = if is_whole { ms } else { ms + 1 };
        match order {
            Order::Before => self.selection.add_created_before(ceiling_ms),
            Order::BeforeOrAt => self.selection.add_created_before(ms + 1),
            Order::At if is_whole => {
                self.selection.add_created_from(ms);
                self.selection.add_created_before(ms + 1);
            }
            Order::At => self.selection.nothing = true,
            Order::AtOrAfter => self.selection.add_created_from(ceiling_ms),
            Order::After => self.selection.add_created_from(ms + 1),
        }
        Some(())
    }

    fn constant(&self, part: &IdedExpr) -> Option<Value> {
        self.compiler.constant(self.source, part)
    }
}
