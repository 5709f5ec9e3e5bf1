//! The expression engine: CEL, the Common Expression Language, with a budget.
//!
//! [`Expr`] is a compiled expression of a definition or workflow, [`Template`](template::Template)
//! a text with expressions in it. `data query` uses the same engine for its predicates.
//!
//! Expressions are safe to accept from untrusted users, for any value of their variables: neither
//! compilation nor evaluation panics, overflows the stack, or uses more than about 100 ms and
//! 64 MiB.
//!
//! The engine is pure. What an expression needs from outside is a [`Need`]: the evaluation ends
//! with the needs that it met, the caller finds their answers ([`NeedAnswer`]) and evaluates again.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use cel::Context;
use cel::common::ast::IdedExpr;
use cel::common::types::CelTimestamp;
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use chrono::DateTime;
use serde_json::Value;

use crate::diagnostic::{Diagnostic, DiagnosticCode, SourceFile};
use crate::suggest::nearest;

mod budget;
mod compile;
mod fast;
mod functions;
mod hidden;
mod host;
mod lex;
mod macros;
mod marks;
mod path;
pub(crate) mod place;
mod references;
mod shared;
mod source;
pub mod template;
pub(crate) mod tree;
mod values;
mod variables;
pub(crate) mod words;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;

pub use host::{ANSWER_VALUES_MAX, NEEDS_MAX, Need, NeedAnswer};
pub use references::{MethodReference, ModelDataReference, Reference, SecretReference};
pub use variables::{Shape, Variables};

pub(crate) use budget::{BUDGET_NAME, Budget, Limits};
pub(crate) use compile::ExprCompiler;
pub(crate) use functions::environment;
pub(crate) use source::{Dialect, Source};
pub(crate) use values::{Boxed, from_json, from_u64, to_json};

use fast::FastForms;
use host::{Answers, HOST_NAME, HostVal};
use tree::{call, children, ident, member, visit};
use values::from_value;
use words::{NoValue, TOO_MUCH, no_value};

/// The maximum length of an expression, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 << 10;

/// The maximum size of a result, in bytes of JSON.
///
/// An expression can repeat a value of any size, and its result is stored with the run.
pub const RESULT_BYTES_MAX: usize = 4 << 20;

/// The limits of expressions in definitions and workflows.
const LIMITS: Limits = Limits {
    text_bytes: TEXT_BYTES_MAX,
    operators: 2_000,
    brackets: 48,
    loops: 4,
    cost: 1 << 19,
};

/// The stack that parsing or evaluating one node of the syntax tree takes, in bytes.
const STACK_PER_NODE: usize = 6 << 10;

/// The stack that every expression takes, in bytes: the parser takes ten KiB for each bracket.
const STACK_BASE: usize = 640 << 10;

/// The last millisecond that the expression language can represent: the end of the year 9999.
pub(crate) const TIME_MS_MAX: u64 = 253_402_300_799_999;

/// The place of an expression in a file.
#[derive(Debug, Clone)]
pub struct TextPlace {
    file: Arc<SourceFile>,
    offsets: Arc<Vec<(usize, usize)>>,
    /// Where the expression begins in the text that the offsets are of.
    start: usize,
}

impl TextPlace {
    /// Makes the place of a text that stands in a file as it is, from the byte `start` on.
    #[must_use]
    pub fn plain(file: Arc<SourceFile>, start: usize) -> Self {
        Self::mapped(file, vec![(0, start)])
    }

    /// Makes the place of a text that was unescaped, unindented or folded.
    ///
    /// Each pair has an offset in the text and the offset in the file that it comes from, both in
    /// bytes and in ascending order. Offsets between two pairs count on from the first of them.
    #[must_use]
    pub fn mapped(file: Arc<SourceFile>, offsets: Vec<(usize, usize)>) -> Self {
        let offsets = Arc::new(offsets);
        Self {
            file,
            offsets,
            start: 0,
        }
    }

    /// Makes the place of a text that is not part of a file.
    #[must_use]
    pub fn of_text(name: &str, text: &str) -> Self {
        Self::plain(SourceFile::new(name, text), 0)
    }

    /// Returns the file.
    #[must_use]
    pub fn file(&self) -> &Arc<SourceFile> {
        &self.file
    }

    /// Returns the place of the text that begins `n_bytes` later.
    #[must_use]
    pub fn after(&self, n_bytes: usize) -> Self {
        Self {
            start: self.start + n_bytes,
            ..self.clone()
        }
    }

    /// Returns the range of the file for a range of the text.
    #[must_use]
    pub fn span(&self, range: Range<usize>) -> Range<usize> {
        let start = self.offset(range.start);
        // The end of a part is after its last byte, which may come from before a line break.
        let end = match range.end.checked_sub(1) {
            Some(last) if range.end > range.start => self.offset(last) + 1,
            Some(_) | None => start,
        };
        start..end.max(start)
    }

    fn offset(&self, at: usize) -> usize {
        let at = at + self.start;
        let n_before = self.offsets.partition_point(|(text, _)| *text <= at);
        match n_before.checked_sub(1).map(|last| self.offsets[last]) {
            Some((text, file)) => file + (at - text),
            None => at,
        }
    }

    /// Moves the fault of a text to the file.
    pub(super) fn moved(&self, fault: Diagnostic) -> Diagnostic {
        let mut moved = Diagnostic::new(&self.file, self.span(fault.span), fault.message);
        moved.code = DiagnosticCode::Expression;
        moved.label = fault.label;
        moved.hint = fault.hint;
        moved
    }
}

/// A compiled expression.
#[derive(Debug)]
pub struct Expr {
    source: Source,
    compiled: IdedExpr,
    /// The same in forms that are evaluated faster. Faults are found in `compiled`.
    fast: FastForms,
    n_nodes: usize,
    constants: Vec<Boxed<'static>>,
    place: TextPlace,
}

/// The result of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub enum Evaluated {
    /// The value. Times and durations are texts, and an optional without a value is null.
    Value(Value),
    /// The expression needs these values: at least one.
    Needs(Vec<Need>),
}

/// The values of an evaluation's variables, and the answers to its needs.
#[derive(Debug)]
pub struct Env<'a> {
    variables: Vec<(&'a str, EnvValue<'a>)>,
    answers: Arc<Answers>,
    now: CelTimestamp,
}

#[derive(Debug)]
struct EnvValue<'a> {
    json: &'a Value,
    value: OnceLock<Boxed<'a>>,
    has_hidden: OnceLock<bool>,
}

impl<'a> Env<'a> {
    /// Makes an environment without variables. `now_ms` is the value of `now`, in milliseconds
    /// since 1970.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self {
            variables: Vec::new(),
            answers: Arc::default(),
            now: timestamp(now_ms),
        }
    }

    /// Adds a variable. A later one hides an earlier one of the same name.
    #[must_use]
    pub fn with(mut self, name: &'a str, value: &'a Value) -> Self {
        let value = EnvValue {
            json: value,
            value: OnceLock::new(),
            has_hidden: OnceLock::new(),
        };
        self.variables.push((name, value));
        self
    }

    /// Adds the answer to a need.
    pub fn answer(&mut self, need: &Need, answer: NeedAnswer) {
        // No evaluation is under way, so nothing else holds the answers.
        if let Some(answers) = Arc::get_mut(&mut self.answers) {
            answers.insert(need, answer);
        }
    }

    fn entry(&self, name: &str) -> Option<&EnvValue<'a>> {
        let mut variables = self.variables.iter().rev();
        let found = variables.find(|(known, _)| *known == name);
        found.map(|(_, entry)| entry)
    }

    fn value(&self, name: &str) -> Option<&Boxed<'a>> {
        let entry = self.entry(name)?;
        Some(entry.value.get_or_init(|| from_value(entry.json)))
    }

    /// Returns whether a sealed field or a secret is in one of these variables, or in an answer.
    fn has_hidden(&self, names: &[String]) -> bool {
        let is_in = |it: &EnvValue<'a>| *it.has_hidden.get_or_init(|| hidden::is_within(it.json));
        self.answers.has_hidden() || names.iter().any(|it| self.entry(it).is_some_and(is_in))
    }
}

impl Expr {
    /// Compiles an expression that may use `variables`. `now` is a variable as well.
    ///
    /// # Errors
    /// The first fault of the text, at its place in the file: of the syntax, an unknown name, or a
    /// part that is wrong for any value of its variables.
    pub fn compile(
        text: &str,
        place: &TextPlace,
        variables: &Variables,
    ) -> Result<Self, Diagnostic> {
        Self::compile_named("expression", text, place, variables)
    }

    fn compile_named(
        name: &'static str,
        text: &str,
        place: &TextPlace,
        variables: &Variables,
    ) -> Result<Self, Diagnostic> {
        let dialect = Dialect {
            name,
            limits: &LIMITS,
            variables,
        };
        let compiled = with_stack(n_tokens(text, &LIMITS), || {
            let source = Source::parse(dialect, text)?;
            let mut compiler = ExprCompiler::new(variables, None, LIMITS.cost);
            let compiled = compiler.compile(&source)?;
            let fast = FastForms::of(&source, &compiled);
            Ok((source, compiled, fast, compiler.finish()))
        });
        let (source, compiled, fast, constants) =
            compiled.map_err(|fault: Diagnostic| place.moved(fault))?;
        Ok(Self {
            source,
            n_nodes: n_nodes(&compiled),
            compiled,
            fast,
            constants,
            place: place.clone(),
        })
    }

    /// Returns the expression as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.source.file.text
    }

    /// Returns where the expression stands.
    #[must_use]
    pub fn place(&self) -> &TextPlace {
        &self.place
    }

    /// Returns whether the expression uses a variable or a function with this name: `inputs`,
    /// `data.latest`.
    #[must_use]
    pub fn uses(&self, name: &str) -> bool {
        let (root, function) = match name.split_once('.') {
            Some((root, function)) => (Some(root), function),
            None => (None, name),
        };
        let mut is_used = false;
        visit(&self.source.expr, |node| {
            let is_variable = root.is_none() && tree::ident(node) == Some(name);
            let is_function = call(node).is_some_and(|(called, target, _)| {
                called == function && target.and_then(tree::ident) == root
            });
            is_used |= is_variable || is_function;
        });
        is_used
    }

    /// Evaluates the expression.
    ///
    /// # Errors
    /// The expression has no value, with the place of the smallest part that has none.
    pub fn eval(&self, env: &Env<'_>) -> Result<Evaluated, Diagnostic> {
        with_stack(self.n_nodes, || self.evaluated(env)).map_err(|fault| self.place.moved(fault))
    }

    fn evaluated(&self, env: &Env<'_>) -> Result<Evaluated, Diagnostic> {
        let form = self
            .fast
            .form(&self.compiled, |names| env.has_hidden(names));
        let scope = EnvScope::new(self, env, LIMITS.cost);
        let evaluated = self.evaluated_as(form, env, &scope);
        if self.fast.is_joined && scope.budget.is_spent() {
            // Joined loops pay more than they cost.
            let scope = EnvScope::new(self, env, LIMITS.cost);
            return self.evaluated_as(&self.compiled, env, &scope);
        }
        evaluated
    }

    /// Evaluates a form of the expression.
    fn evaluated_as(
        &self,
        form: &IdedExpr,
        env: &Env<'_>,
        scope: &EnvScope<'_, '_>,
    ) -> Result<Evaluated, Diagnostic> {
        let paid = scope.budget.pays(self.n_nodes as u64);
        debug_assert!(paid, "the budget is larger than the largest expression");
        let mut context = Context::with_env(environment().clone());
        context.set_variable_resolver(scope);
        let resolved = context.resolve(form);
        if scope.host.is_full() {
            let message = format!(
                "it looks up more than {NEEDS_MAX} values; `data.findBySpec` and `data.query` find \
                 many with one look-up"
            );
            return Err(self.source.fault(&self.compiled, message));
        }
        let needs = scope.host.take_needs();
        if !needs.is_empty() {
            return Ok(Evaluated::Needs(needs));
        }
        let value = resolved.map_err(|error| self.fault(env, scope, &error))?;
        let fault = |message: String| self.source.fault(&self.compiled, message);
        let value = to_json(&value).map_err(fault)?;
        if json_bytes(&value) > RESULT_BYTES_MAX {
            let message = format!("the result has more than {RESULT_BYTES_MAX} bytes");
            return Err(fault(message));
        }
        Ok(Evaluated::Value(value))
    }

    /// Returns the fault of an evaluation.
    fn fault(
        &self,
        env: &Env<'_>,
        spent: &EnvScope<'_, '_>,
        error: &cel::ExecutionError,
    ) -> Diagnostic {
        if spent.budget.is_spent() {
            return self.source.fault(&self.compiled, TOO_MUCH);
        }
        let scope = EnvScope::new(self, env, LIMITS.cost);
        let mut context = Context::with_env(environment().clone());
        context.set_variable_resolver(&scope);
        let is_wrong = |part: &IdedExpr| {
            scope.budget.pays(4 * n_nodes(part) as u64) && context.resolve(part).is_err()
        };
        let at = place::innermost(&self.compiled, &is_wrong);
        let error = match context.resolve(at) {
            Err(inner) if !scope.budget.is_spent() => inner,
            Ok(_) | Err(_) => error.clone(),
        };
        match no_value(&error) {
            NoValue::Wrong(message) => self.source.fault(at, message),
            NoValue::Absent => self.absent(at, &context, &error),
        }
    }

    /// Returns the fault of a missing member or item.
    fn absent(
        &self,
        at: &IdedExpr,
        context: &Context<'_, '_>,
        error: &cel::ExecutionError,
    ) -> Diagnostic {
        let operand = member(at).map(|(operand, name)| (operand, Some(name)));
        let operand = operand.or_else(|| children(&at.expr).first().map(|it| (*it, None)));
        let value = operand.and_then(|(operand, _)| context.resolve(operand).ok());
        let name = operand.and_then(|(_, name)| name.map(str::to_owned));
        let name = name.or_else(|| {
            if let cel::ExecutionError::NoSuchKey(key) = error {
                return Some(key.to_string());
            }
            None
        });
        match (value, name) {
            (Some(cel::Value::Map(map)), Some(name)) => {
                let name = words::cut(&name);
                let is_input = operand.is_some_and(|(it, _)| ident(it) == Some("inputs"));
                let message = match is_input {
                    true => format!("the input `{name}` is not given"),
                    false => format!("there is no member `{name}`"),
                };
                let fault = self.source.member_fault(at, message);
                let mut keys: Vec<String> = map.map.keys().map(ToString::to_string).collect();
                keys.sort();
                match nearest(&name, keys.iter().map(String::as_str)) {
                    Some(near) => fault.with_hint(format!("did you mean `{}`?", words::cut(near))),
                    None if is_input => fault.with_hint(
                        "give it a value, or a `default` where it is declared; if it may be \
                         missing, write `.?` before its name and `.orValue(…)` after it",
                    ),
                    None => fault.with_hint(
                        "if it may be missing, write `.?` before its name and `.orValue(…)` after it",
                    ),
                }
            }
            (Some(cel::Value::List(items)), _) => {
                let message = match items.len() {
                    0 => "the list has no items".to_owned(),
                    1 => "the list has 1 item; the first has the number 0".to_owned(),
                    n => format!("the list has {n} items; the first has the number 0"),
                };
                self.source.fault(at, message)
            }
            (Some(cel::Value::Null), Some(name)) => {
                let message = format!(
                    "there is no member `{}`, because the value is null",
                    words::cut(&name)
                );
                self.source.member_fault(at, message)
            }
            _ => {
                let message = if let cel::ExecutionError::NoSuchOverload(overload) = error {
                    words::mismatch(overload.function(), overload.argument_types())
                } else {
                    "this value is missing".to_owned()
                };
                self.source.fault(at, message)
            }
        }
    }
}

/// The values of the variables while an expression is evaluated.
struct EnvScope<'e, 'a> {
    env: &'e Env<'a>,
    constants: &'e [Boxed<'static>],
    budget: Budget,
    host: HostVal,
}

impl<'e, 'a> EnvScope<'e, 'a> {
    fn new(expr: &'e Expr, env: &'e Env<'a>, cost: u64) -> Self {
        Self {
            env,
            constants: &expr.constants,
            budget: Budget::new(cost),
            host: HostVal::new(Arc::clone(&env.answers)),
        }
    }
}

impl VariableResolver for EnvScope<'_, '_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        match variable {
            BUDGET_NAME => Some(CowVal::Borrowed(&self.budget)),
            HOST_NAME => Some(CowVal::Borrowed(&self.host)),
            "now" => Some(CowVal::Borrowed(&self.env.now)),
            name => {
                let constant = name
                    .strip_prefix('@')
                    .and_then(|it| it.parse::<usize>().ok());
                let value = match constant {
                    Some(at) => &**self.constants.get(at)?,
                    None => &**self.env.value(name)?,
                };
                Some(CowVal::Borrowed(value))
            }
        }
    }
}

/// Returns a point in time, in milliseconds since 1970.
pub(crate) fn timestamp(ms: u64) -> CelTimestamp {
    let ms = i64::try_from(ms.min(TIME_MS_MAX)).expect("the limit is small");
    let time = DateTime::from_timestamp_millis(ms).expect("the year 9999 is known");
    CelTimestamp::from(time.fixed_offset())
}

/// Returns the number of tokens of a text, up to more than the limits admit.
pub(crate) fn n_tokens(text: &str, limits: &Limits) -> usize {
    let tokens = lex::Tokens::new(text, 0);
    tokens.take(4 * limits.operators).count()
}

/// Returns the number of nodes of a syntax tree.
pub(crate) fn n_nodes(expr: &IdedExpr) -> usize {
    let mut n_nodes = 0;
    visit(expr, |_| n_nodes += 1);
    n_nodes
}

/// Runs a recursion over `n_nodes` nodes with enough stack.
pub(crate) fn with_stack<T>(n_nodes: usize, run: impl FnOnce() -> T) -> T {
    let need = STACK_BASE + n_nodes * STACK_PER_NODE;
    stacker::maybe_grow(need, need, run)
}

/// Returns about the size of a value as JSON text.
fn json_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => 2 + text.len(),
        Value::Array(items) => 2 + items.iter().map(|it| 1 + json_bytes(it)).sum::<usize>(),
        Value::Object(members) => {
            let members = members.iter();
            2 + members
                .map(|(key, it)| 4 + key.len() + json_bytes(it))
                .sum::<usize>()
        }
    }
}
