//! The language of `data query`, which selects versions and what to show of them.
//!
//! A query is a predicate in CEL, the Common Expression Language, and optionally an expression for
//! what to show of each match. Both see one version at a time, through the variables in
//! [`VARIABLES`]; `attributes` is its content, and `now` is the time at which the query was made.
//!
//! A condition on a missing value is neither true nor false, so the row does not match: neither
//! `attributes.price > 10` nor its negation matches a row without a price, and
//! `has(attributes.price)` tests for it. The same holds for null. An expression that is wrong for
//! one row only, such as `attributes.price > 10` where the price is a text, does not end the query:
//! the row does not match, and [`RowFaults`] counts it.
//!
//! Whole numbers and fractions compare and calculate with each other. The pattern of `matches` must
//! be a literal.
//!
//! Queries are safe to accept from untrusted users, for any content: neither parsing nor evaluation
//! panics, overflows the stack, or takes more than a few seconds.
//!
//! The part of a predicate that a store can look up is its [`Selection`].

use cel::Context;
use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};
use cel::common::types::CelTimestamp;
use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::expr::place::{innermost, pieces};
use crate::expr::tree::{children, ident, key_of, visit};
use crate::expr::words::{NoValue, TOO_MUCH, no_value};
use crate::expr::{
    Boxed, Budget, Dialect, ExprCompiler, Limits, Source, environment, n_nodes, n_tokens,
    timestamp, to_json, with_stack,
};

mod faults;
mod narrow;
mod row;
mod selection;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use faults::{RowFault, RowFaults, SelectMissing};
pub use row::{ALIASES, DataRow, VARIABLES};
pub use selection::Selection;

use narrow::{Narrowed, narrow};
use row::{RowScope, variables};

/// The maximum length of one expression, in bytes.
///
/// Users write it on a command line.
pub const EXPRESSION_BYTES_MAX: usize = 4 << 10;

/// The maximum number of operators, calls, lists and maps in one expression.
///
/// Each costs time for every row.
pub const OPERATORS_MAX: usize = 500;

/// The limits of a query.
///
/// Plugins choose the length of lists, and an expression may iterate over one list for every item
/// of another. The budget is enough to visit all of one content once. It takes at most two seconds
/// and some hundred MiB.
const LIMITS: Limits = Limits {
    text_bytes: EXPRESSION_BYTES_MAX,
    operators: OPERATORS_MAX,
    brackets: 48,
    loops: 2,
    cost: 1 << 21,
};

/// The maximum cost of one evaluation of a query that a plugin makes.
///
/// The plugin chooses the expressions, and writes the content. The host evaluates them on the thread
/// of the guest, whose other tasks wait meanwhile. The budget is enough to read the largest resource
/// once, and to visit as many values. It takes about a tenth of a second.
pub const GUEST_COST_MAX: u64 = 1 << 17;

/// An invalid query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The text of an expression is wrong. The file of the diagnostic is called `predicate` or
    /// `select`.
    #[error(transparent)]
    Source(#[from] Diagnostic),
    /// An expression has no value for one row. The row does not match.
    #[error("the {expression} is wrong for this row: {message}")]
    Row {
        /// `predicate` or `select`.
        expression: &'static str,
        /// The fault: a lower-case fragment without a period.
        message: String,
    },
}

/// A compiled predicate and an optional compiled `select` expression.
#[derive(Debug)]
pub struct Query {
    predicate: Expression,
    select: Option<Expression>,
    constants: Vec<Boxed<'static>>,
    now: CelTimestamp,
    selection: Selection,
    is_exact: bool,
    content: ContentUse,
    reads_workflow: bool,
    /// The nodes of the larger expression, which limit the stack that it takes.
    n_nodes: usize,
    /// What one evaluation may cost.
    cost: u64,
}

/// An expression as it was written and as it is evaluated.
#[derive(Debug)]
struct Expression {
    source: Source,
    compiled: IdedExpr,
}

/// The result of a query for a row that matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The value to show. It is null without `select`, or if the value is missing.
    pub value: Value,
    /// The first missing part of `select`, as it was written.
    pub missing: Option<String>,
}

/// Which part of the content the expressions use.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ContentUse {
    Nothing,
    /// These members of an object.
    Members(Vec<String>),
    Whole,
}

impl Query {
    /// Compiles a query whose variable `now` is `now_ms`, in milliseconds since 1970.
    ///
    /// # Errors
    /// The first fault of either expression, with its place: always [`QueryError::Source`].
    pub fn parse(predicate: &str, select: Option<&str>, now_ms: u64) -> Result<Self, QueryError> {
        Self::parse_within(LIMITS.cost, predicate, select, now_ms)
    }

    /// Compiles a query that a plugin makes, as [`Query::parse`] does. Each evaluation may cost only
    /// [`GUEST_COST_MAX`].
    ///
    /// # Errors
    /// The same as for [`Query::parse`].
    pub fn parse_of_guest(
        predicate: &str,
        select: Option<&str>,
        now_ms: u64,
    ) -> Result<Self, QueryError> {
        Self::parse_within(GUEST_COST_MAX, predicate, select, now_ms)
    }

    fn parse_within(
        cost: u64,
        predicate: &str,
        select: Option<&str>,
        now_ms: u64,
    ) -> Result<Self, QueryError> {
        let n_tokens = n_tokens(predicate, &LIMITS).max(n_tokens(select.unwrap_or(""), &LIMITS));
        with_stack(n_tokens, || Self::parsed(cost, predicate, select, now_ms))
    }

    fn parsed(
        cost: u64,
        predicate: &str,
        select: Option<&str>,
        now_ms: u64,
    ) -> Result<Self, QueryError> {
        let now = timestamp(now_ms);
        let mut compiler = ExprCompiler::new(variables(), Some(now.clone()), cost);
        let source = Source::parse(dialect("predicate"), predicate)?;
        check_truth(&source)?;
        let mut content = ContentUse::Nothing.and_in(&source.expr);
        let Narrowed {
            selection,
            is_exact,
        } = narrow(&source, &compiler);
        let compiled = compiler.compile(&source)?;
        let predicate = Expression { source, compiled };
        let select = match select {
            Some(text) => {
                let source = Source::parse(dialect("select"), text)?;
                content = content.and_in(&source.expr);
                let compiled = compiler.compile(&source)?;
                Some(Expression { source, compiled })
            }
            None => None,
        };
        let uses_workflow = |it: &Expression| uses(&it.source.expr, "workflow");
        let reads_workflow =
            uses_workflow(&predicate) || select.as_ref().is_some_and(uses_workflow);
        let n_of_select = select.as_ref().map_or(0, |it| n_nodes(&it.compiled));
        Ok(Self {
            n_nodes: n_nodes(&predicate.compiled).max(n_of_select),
            predicate,
            select,
            constants: compiler.finish(),
            now,
            selection,
            is_exact,
            content,
            reads_workflow,
            cost,
        })
    }

    /// Returns the necessary conditions of the predicate that a store can look up.
    #[must_use]
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Returns whether the selection is equivalent to the predicate, so that every row that it
    /// admits matches. [`Query::evaluate`] is then needed only for what to show.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// Returns whether an expression uses `attributes` or `content`. If not, [`DataRow::content`]
    /// is not read.
    #[must_use]
    pub fn reads_content(&self) -> bool {
        self.content != ContentUse::Nothing
    }

    /// Returns whether an expression uses `workflow`. If not, [`DataRow::workflow`] is not read.
    #[must_use]
    pub fn reads_workflow(&self) -> bool {
        self.reads_workflow
    }

    /// Returns what to show of a row that matches, and `None` for a row that does not match. If a
    /// part of an object or a list that `select` makes is missing, that part is null.
    ///
    /// # Errors
    /// An expression is wrong for this row: always [`QueryError::Row`]. [`RowFaults`] treats such a
    /// row as one that does not match.
    pub fn evaluate(&self, row: &DataRow<'_>) -> Result<Option<Shown>, QueryError> {
        with_stack(self.n_nodes, || self.evaluated(row))
    }

    fn evaluated(&self, row: &DataRow<'_>) -> Result<Option<Shown>, QueryError> {
        let scope = self.scope(row);
        let mut context = Context::with_env(environment().clone());
        context.set_variable_resolver(&scope);
        let fault = |expression: &'static str, message: String| QueryError::Row {
            expression,
            message,
        };
        let matched = value(&self.predicate.compiled, &context, &scope);
        let is_match = match matched.map_err(|message| fault("predicate", message))? {
            None => false,
            Some(value) => truth(&value).map_err(|message| fault("predicate", message))?,
        };
        if !is_match {
            return Ok(None);
        }
        let Some(select) = &self.select else {
            let (value, missing) = (Value::Null, None);
            return Ok(Some(Shown { value, missing }));
        };
        select
            .selected(&context, &scope)
            .map(Some)
            .map_err(|message| fault("select", message))
    }

    /// Returns the place and the reason of an expression's fault for a row: the smallest part that
    /// is wrong.
    #[must_use]
    pub fn fault_of(&self, row: &DataRow<'_>, expression: &str, message: &str) -> Diagnostic {
        with_stack(self.n_nodes, || self.placed_fault(row, expression, message))
    }

    fn placed_fault(&self, row: &DataRow<'_>, expression: &str, message: &str) -> Diagnostic {
        let expression = match &self.select {
            Some(select) if expression == select.source.file.name => select,
            Some(_) | None => &self.predicate,
        };
        let scope = self.scope(row);
        let mut context = Context::with_env(environment().clone());
        context.set_variable_resolver(&scope);
        let is_wrong = |part: &IdedExpr| {
            let is_wrong = value(part, &context, &scope).is_err();
            is_wrong && !scope.budget.is_spent()
        };
        let at = innermost(&expression.compiled, &is_wrong);
        expression.source.fault(at, message)
    }

    fn scope<'r>(&'r self, row: &'r DataRow<'r>) -> RowScope<'r> {
        let keys = match &self.content {
            ContentUse::Members(keys) => Some(&keys[..]),
            ContentUse::Nothing | ContentUse::Whole => None,
        };
        let budget = Budget::new(self.cost);
        RowScope::new(row, keys, &self.constants, &self.now, budget)
    }
}

impl Expression {
    /// Returns the value of the expression for a row. A missing value is null.
    fn selected(&self, context: &Context<'_, '_>, scope: &RowScope<'_>) -> Result<Shown, String> {
        let mut missing = None;
        let value = self.part_selected(&self.compiled, context, scope, &mut missing)?;
        Ok(Shown { value, missing })
    }

    fn part_selected(
        &self,
        part: &IdedExpr,
        context: &Context<'_, '_>,
        scope: &RowScope<'_>,
        missing: &mut Option<String>,
    ) -> Result<Value, String> {
        if let Some(value) = value(part, context, scope)? {
            return to_json(&value);
        }
        if let Some(pieces) = pieces(part) {
            return pieces.made(|piece| self.part_selected(piece, context, scope, missing));
        }
        missing.get_or_insert_with(|| {
            let is_absent = |part: &IdedExpr| matches!(value(part, context, scope), Ok(None));
            let span = self.source.span(innermost(part, &is_absent));
            self.source.file.text[span].to_owned()
        });
        Ok(Value::Null)
    }
}

impl ContentUse {
    /// Returns the content that is used if `expr` is evaluated as well.
    fn and_in(self, expr: &IdedExpr) -> Self {
        let mut sum = self;
        let mut open = vec![expr];
        while let Some(node) = open.pop() {
            if let Some((key, _)) = key_of(node, "attributes") {
                sum = sum.and_member(key);
            } else if matches!(ident(node), Some("attributes" | "content")) {
                return Self::Whole;
            } else {
                open.extend(children(&node.expr));
            }
        }
        sum
    }

    fn and_member(self, key: &str) -> Self {
        match self {
            Self::Nothing => Self::Members(vec![key.to_owned()]),
            Self::Members(mut keys) => {
                if keys.iter().all(|it| it != key) {
                    keys.push(key.to_owned());
                }
                Self::Members(keys)
            }
            Self::Whole => Self::Whole,
        }
    }
}

/// Returns whether an expression uses a variable.
fn uses(expr: &IdedExpr, variable: &str) -> bool {
    let mut is_used = false;
    visit(expr, |node| is_used |= ident(node) == Some(variable));
    is_used
}

fn dialect(name: &'static str) -> Dialect<'static> {
    Dialect {
        name,
        limits: &LIMITS,
        variables: variables(),
    }
}

/// Returns the value of an expression, or `None` if it uses a missing value.
fn value(
    expr: &IdedExpr,
    context: &Context<'_, '_>,
    scope: &RowScope<'_>,
) -> Result<Option<cel::Value>, String> {
    // `Value::resolve_val` would be compiled as part of this crate, and without optimisation it
    // would need thirty times the stack.
    let error = match context.resolve(expr) {
        Ok(value) => return Ok(Some(value)),
        Err(error) => error,
    };
    if scope.budget.is_spent() {
        return Err(TOO_MUCH.to_owned());
    }
    if let Some(message) = scope.content_error() {
        return Err(message.to_owned());
    }
    match no_value(&error) {
        NoValue::Absent => Ok(None),
        NoValue::Wrong(message) => Err(message),
    }
}

/// Returns whether the value of a predicate is true. Null is not true.
fn truth(value: &cel::Value) -> Result<bool, String> {
    if let cel::Value::Bool(it) = value {
        Ok(*it)
    } else if matches!(value, cel::Value::Null) {
        Ok(false)
    } else {
        let name = value.type_of();
        Err(format!(
            "it is a value of type `{name}`, which is neither true nor false"
        ))
    }
}

/// Refuses a predicate that cannot be true or false.
fn check_truth(source: &Source) -> Result<(), Diagnostic> {
    let at = &source.expr;
    let can_be_true = match &at.expr {
        Expr::Literal(literal) => matches!(literal, LiteralValue::Boolean(_)),
        Expr::List(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => false,
        Expr::Ident(name) => name == "latest",
        Expr::Call(call) => ![
            operators::ADD,
            operators::SUBSTRACT,
            operators::MULTIPLY,
            operators::DIVIDE,
            operators::MODULO,
            operators::NEGATE,
        ]
        .contains(&call.func_name.as_str()),
        Expr::Comprehension(_) | Expr::Select(_) => true,
    };
    if can_be_true {
        return Ok(());
    }
    let fault = source.fault(at, "the predicate is never true or false");
    Err(fault.with_hint("compare it with something: `name == \"record\"`"))
}
