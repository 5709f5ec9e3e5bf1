//! Turns a checked syntax tree into one that is efficient for a million rows, and that pays for
//! what it does.
//!
//! Operators of the language are replaced by functions of this crate (see `functions.rs`), what
//! comes from outside by look-ups (see `host.rs`), and parts that do not depend on variables are
//! evaluated once, at compile time.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators,
};
use cel::common::types::CelTimestamp;
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::{Context, ExecutionError, Value};

use super::budget::{BUDGET_NAME, Budget};
use super::fast;
use super::functions::{NAMESPACES, PATTERNED, PRICED, Pattern, Patterned, environment};
use super::hidden::{SEEN, SEEN_DEEP, SEEN_ITSELF, SEEN_WHOLE};
use super::host::HOST_NAME;
use super::marks::Marks;
use super::source::Source;
use super::tree::{call, children_mut, ident, is_binding, named, text, visit};
use super::values::{Boxed, weight};
use super::variables::Variables;
use super::words::{NoValue, no_value};
use crate::diagnostic::Diagnostic;

/// The largest constant that is evaluated once: see [`weight`]. It is borrowed where it is used; what
/// copies it charges for it.
const CONSTANT_WEIGHT_MAX: u64 = 1_000;

/// The largest value whose copies are not charged: see [`weight`].
///
/// The author of an expression chooses the values, and a loop can copy one for each of its items.
/// With a larger limit, a short expression could fill the memory.
const FREE_WEIGHT_MAX: u64 = 5;

/// The functions that hand their arguments on without looking at them.
const HANDED_ON: &[&str] = &[
    "dyn",
    "hasValue",
    "optional.of",
    "optional.ofNonZeroValue",
    "or",
    "orValue",
    "value",
];

/// The state that the expressions of one query share.
pub(crate) struct ExprCompiler<'d> {
    variables: &'d Variables,
    /// The time that `now` is, if it is known now.
    now: Option<CelTimestamp>,
    constants: Vec<Boxed<'static>>,
    budget: Budget,
}

/// Where a look-up stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demand {
    /// It is an error if there is no value.
    Required,
    /// `has` or `.?` tests whether there is one.
    Optional,
}

impl<'d> ExprCompiler<'d> {
    /// Makes a compiler. `cost` limits what is evaluated at compile time.
    pub(crate) fn new(variables: &'d Variables, now: Option<CelTimestamp>, cost: u64) -> Self {
        Self {
            variables,
            now,
            constants: Vec::new(),
            budget: Budget::new(cost),
        }
    }

    /// Returns the constants that the compiled expressions refer to by number.
    pub(crate) fn finish(self) -> Vec<Boxed<'static>> {
        self.constants
    }

    /// Compiles an expression.
    ///
    /// # Errors
    /// A part that does not depend on the row has no value. The fault has its place.
    pub(crate) fn compile(&mut self, source: &Source) -> Result<IdedExpr, Diagnostic> {
        let mut expr = source.expr.clone();
        self.look_up(&mut expr, Demand::Required);
        self.replace(source, &mut expr)?;
        let mut marks = Marks::of(&expr, self.now.is_some());
        self.settle(source, &mut expr, false, &mut marks)?;
        Ok(expr)
    }

    /// Returns the value of a part if it does not depend on the row and has a value.
    pub(crate) fn constant(&self, source: &Source, part: &IdedExpr) -> Option<Value> {
        let mut inner = Self {
            constants: Vec::new(),
            now: self.now.clone(),
            budget: self.budget.clone(),
            variables: self.variables,
        };
        let mut part = part.clone();
        inner.replace(source, &mut part).ok()?;
        let is_constant = Marks::of(&part, self.now.is_some()).next().is_constant;
        is_constant.then(|| inner.value(&part).ok()).flatten()
    }

    /// Replaces what comes from outside by look-ups.
    fn look_up(&self, at: &mut IdedExpr, demand: Demand) {
        let id = at.id;
        if let Some((operand, function, mut key)) = self.looked_up_member(at, demand) {
            self.look_up(&mut key, Demand::Required);
            let name = ident(&operand).unwrap_or_default();
            at.expr = host_call(operand.id, name, function, vec![key]);
            return;
        }
        match &mut at.expr {
            Expr::Select(select) => {
                let below = if select.test {
                    Demand::Optional
                } else {
                    demand
                };
                self.look_up(&mut select.operand, below);
            }
            Expr::Call(call) => {
                let root = call.target.as_deref().and_then(ident);
                let is_named = call.target.is_none() || root.is_some();
                let function = self.variables.function(root, &call.func_name);
                let name = function.filter(|_| is_named).map(|it| it.name.clone());
                let below = match call.func_name.as_str() {
                    operators::OPT_SELECT | operators::OPT_INDEX => Demand::Optional,
                    operators::INDEX => demand,
                    _ => Demand::Required,
                };
                let is_access = below != Demand::Required;
                for (n, arg) in call.args.iter_mut().enumerate() {
                    let is_operand = is_access && n == 0;
                    self.look_up(arg, if is_operand { below } else { Demand::Required });
                }
                if let Some(name) = name {
                    let args = std::mem::take(&mut call.args);
                    let function = match demand {
                        Demand::Required => "@need",
                        Demand::Optional => "@need?",
                    };
                    at.expr = host_call(id, &name, function, args);
                } else if let Some(target) = &mut call.target {
                    self.look_up(target, Demand::Required);
                }
            }
            Expr::Unspecified
            | Expr::Comprehension(_)
            | Expr::Ident(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Struct(_) => {
                for below in children_mut(&mut at.expr) {
                    self.look_up(below, Demand::Required);
                }
            }
        }
    }

    /// Returns the variable, the function and the key of `env.X` and its other forms.
    fn looked_up_member(
        &self,
        at: &IdedExpr,
        demand: Demand,
    ) -> Option<(IdedExpr, &'static str, IdedExpr)> {
        let need = match demand {
            Demand::Required => "@need",
            Demand::Optional => "@need?",
        };
        let (operand, function, key) = match &at.expr {
            Expr::Select(select) => {
                let key = LiteralValue::String(select.field.clone().into());
                let expr = Expr::Literal(key);
                let function = if select.test { "@present" } else { need };
                (&*select.operand, function, IdedExpr { id: at.id, expr })
            }
            Expr::Call(call) => {
                let [operand, key] = &call.args[..] else {
                    return None;
                };
                let function = match call.func_name.as_str() {
                    operators::INDEX => need,
                    operators::OPT_SELECT | operators::OPT_INDEX => "@optional",
                    _ => return None,
                };
                (operand, function, key.clone())
            }
            Expr::Unspecified
            | Expr::Comprehension(_)
            | Expr::Ident(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Struct(_) => return None,
        };
        ident(operand).filter(|it| self.variables.is_lookup(it))?;
        Some((operand.clone(), function, key))
    }

    /// Replaces operators of the language by functions of this crate.
    fn replace(&mut self, source: &Source, at: &mut IdedExpr) -> Result<(), Diagnostic> {
        for below in children_mut(&mut at.expr) {
            self.replace(source, below)?;
        }
        let id = at.id;
        match &mut at.expr {
            Expr::Call(call) => {
                self.replace_call(source, id, call)?;
                let copies = [operators::OPT_SELECT, operators::OPT_INDEX];
                if copies.contains(&call.func_name.as_str()) {
                    wrap(at, "@charge", None);
                }
                Ok(())
            }
            Expr::List(list) => {
                list.elements.iter_mut().for_each(charged);
                Ok(())
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        charged(&mut entry.key);
                        charged(&mut entry.value);
                    }
                }
                Ok(())
            }
            Expr::Comprehension(it) => {
                charge_loop(it);
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
            operators::ADD if is_step(call) => return Ok(()),
            operators::ADD => {
                call.func_name = "@add".to_owned();
                call.args.insert(0, named(id, BUDGET_NAME));
                return Ok(());
            }
            operators::SUBSTRACT => call.func_name = "@sub".to_owned(),
            operators::MULTIPLY => call.func_name = "@mul".to_owned(),
            operators::DIVIDE => call.func_name = "@div".to_owned(),
            operators::EQUALS | operators::NOT_EQUALS | operators::IN => charge_comparison(call),
            "@pairs" | "@entries" | "@merge" => call.args.insert(0, named(id, BUDGET_NAME)),
            _ => {}
        }
        let is_function = !call.func_name.starts_with(['@', '_', '!', '-']);
        if !is_function && call.func_name != "@sortByAssociatedKeys" {
            return Ok(());
        }
        let root = call.target.as_deref().and_then(ident);
        let namespace = root.filter(|it| NAMESPACES.contains(it) && !self.variables.has(it));
        let full = match namespace {
            Some(namespace) => format!("{namespace}.{}", call.func_name),
            None => call.func_name.clone(),
        };
        let is_named = namespace.is_some();
        if let Some((_, priced)) = PRICED.iter().find(|(name, _)| *name == full) {
            let target = call.target.take().filter(|_| !is_named);
            let first = [named(id, BUDGET_NAME)].into_iter();
            call.args.splice(0..0, first.chain(target.map(|it| *it)));
            (*priced).clone_into(&mut call.func_name);
        } else if let Some(patterned) = PATTERNED.iter().find(|it| it.name == full) {
            let target = call.target.take().filter(|_| !is_named);
            call.args.splice(0..0, target.map(|it| *it));
            self.replace_pattern(source, id, call, patterned)?;
        } else {
            let wrapped = if HANDED_ON.contains(&full.as_str()) {
                charged
            } else {
                seen_whole
            };
            call.args.iter_mut().for_each(wrapped);
            if let Some(target) = call.target.as_deref_mut().filter(|_| !is_named) {
                wrapped(target);
            }
        }
        Ok(())
    }

    /// Compiles the pattern, which is the second argument. The number of arguments was checked.
    fn replace_pattern(
        &mut self,
        source: &Source,
        id: u64,
        call: &mut CallExpr,
        patterned: &Patterned,
    ) -> Result<(), Diagnostic> {
        let pattern = call.args.remove(1);
        let Some(written) = text(&pattern) else {
            let message = format!("the pattern of `{}` must be written out", patterned.name);
            return Err(source.fault(&pattern, message));
        };
        let compiled = Pattern::new(written).map_err(|message| source.fault(&pattern, message))?;
        patterned.replacement.clone_into(&mut call.func_name);
        let pattern = named(pattern.id, self.keep(Box::new(compiled)));
        call.args.splice(0..0, [named(id, BUDGET_NAME), pattern]);
        Ok(())
    }

    /// Replaces parts that do not depend on variables by their values. In a part that may not be
    /// evaluated, an error is left to the evaluation.
    fn settle(
        &mut self,
        source: &Source,
        at: &mut IdedExpr,
        is_guarded: bool,
        marks: &mut Marks,
    ) -> Result<(), Diagnostic> {
        let name = call(at).map(|(name, ..)| name);
        let branches = [
            operators::CONDITIONAL,
            operators::LOGICAL_AND,
            operators::LOGICAL_OR,
        ];
        // A query tells its user at once; an expression may mean an error.
        let is_branching = self.now.is_none()
            && (name.is_some_and(|it| branches.contains(&it))
                || matches!(at.expr, Expr::Comprehension(_)));
        let is_step = name == Some(operators::ADD);
        let mark = marks.next();
        if is_step {
            // The list that a step adds stays a list, because the evaluator recognises it by its
            // form.
            for side in children_mut(&mut at.expr) {
                marks.next();
                for below in children_mut(&mut side.expr) {
                    self.settle(source, below, is_guarded, marks)?;
                }
            }
            return Ok(());
        }
        if mark.is_constant && self.is_kept(source, at, is_guarded)? {
            marks.skip_below(mark);
            return Ok(());
        }
        for below in children_mut(&mut at.expr) {
            self.settle(source, below, is_guarded || is_branching, marks)?;
        }
        Ok(())
    }

    /// Replaces a node that does not depend on variables by its value, and returns whether it did.
    fn is_kept(
        &mut self,
        source: &Source,
        at: &mut IdedExpr,
        is_guarded: bool,
    ) -> Result<bool, Diagnostic> {
        if !is_worth_keeping(&at.expr) {
            return Ok(false);
        }
        let value = match self.value(at) {
            Ok(value) => value,
            Err(_) if is_guarded => return Ok(false),
            Err(error) => {
                return Err(match no_value(&error) {
                    NoValue::Absent => source.fault(at, "this value is missing"),
                    NoValue::Wrong(message) => source.fault(at, message),
                });
            }
        };
        let Ok(value) = Boxed::try_from(value) else {
            return Ok(false);
        };
        // A value that is charged for each copy has to stay in its call of `@charge`.
        let weight_max = if is_charged(at) {
            FREE_WEIGHT_MAX
        } else {
            CONSTANT_WEIGHT_MAX
        };
        if weight(&*value) > weight_max {
            return Ok(false);
        }
        *at = named(at.id, self.keep(value));
        Ok(true)
    }

    /// Evaluates a part that does not depend on variables.
    fn value(&self, part: &IdedExpr) -> Result<Value, ExecutionError> {
        let scope = ConstantScope {
            constants: &self.constants,
            now: self.now.as_ref(),
            budget: &self.budget,
        };
        let mut context = Context::with_env(environment().clone());
        context.set_variable_resolver(&scope);
        context.resolve(part)
    }

    /// Stores a constant and returns its name.
    fn keep(&mut self, value: Boxed<'static>) -> String {
        self.constants.push(value);
        constant_name(self.constants.len() - 1)
    }
}

/// The variables while a constant is evaluated.
struct ConstantScope<'c> {
    constants: &'c [Boxed<'static>],
    now: Option<&'c CelTimestamp>,
    budget: &'c Budget,
}

impl VariableResolver for ConstantScope<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        match variable {
            BUDGET_NAME => Some(CowVal::Borrowed(self.budget)),
            "now" => Some(CowVal::Borrowed(self.now?)),
            constant => {
                let at: usize = constant.strip_prefix('@')?.parse().ok()?;
                Some(CowVal::Borrowed(&**self.constants.get(at)?))
            }
        }
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

/// Returns a call of a function of the host.
fn host_call(id: u64, name: &str, function: &str, args: Vec<IdedExpr>) -> Expr {
    let name = Expr::Literal(LiteralValue::String(name.to_owned().into()));
    let first = [named(id, HOST_NAME), IdedExpr { id, expr: name }];
    Expr::Call(CallExpr {
        func_name: function.to_owned(),
        target: None,
        args: first.into_iter().chain(args).collect(),
    })
}

/// Charges a loop for its items and its steps, and a binding for the copy of its value.
fn charge_loop(it: &mut ComprehensionExpr) {
    if is_binding(it) {
        charged(&mut it.accu_init);
        charged(&mut it.result);
        return;
    }
    let mut n_nodes = 1;
    for part in [&it.loop_cond, &it.loop_step] {
        visit(part, |_| n_nodes += 1);
    }
    wrap(&mut it.iter_range, "@range", Some(n_nodes));
    fast::items_uncharge(it);
}

/// Charges both sides of a comparison, unless one of them is short, and checks that neither is
/// hidden.
fn charge_comparison(call: &mut CallExpr) {
    let is_short = |it: &IdedExpr| match &it.expr {
        Expr::Literal(literal) => is_short_literal(literal),
        Expr::List(list) => list
            .elements
            .iter()
            .all(|it| matches!(it.expr, Expr::Literal(_)) || is_charged(it)),
        Expr::Unspecified
        | Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::Ident(_)
        | Expr::Map(_)
        | Expr::Select(_)
        | Expr::Struct(_) => false,
    };
    let is_single = |it: &IdedExpr| matches!(&it.expr, Expr::Literal(it) if is_short_literal(it));
    let is_with_single = call.func_name != operators::IN && call.args.iter().any(is_single);
    let check = match call.args.iter().any(is_short) {
        true => SEEN,
        false => SEEN_DEEP,
    };
    for part in &mut call.args {
        if is_free(part) || is_list_of_literals(part) {
            continue;
        }
        wrap(part, check, None);
        // A list or a map differs from a single value, whatever its parts are.
        if is_with_single && let Expr::Call(check) = &mut part.expr {
            SEEN_ITSELF.clone_into(&mut check.func_name);
            check.args.remove(0);
        }
    }
}

fn is_list_of_literals(part: &IdedExpr) -> bool {
    let Expr::List(list) = &part.expr else {
        return false;
    };
    let mut elements = list.elements.iter();
    elements.all(|it| matches!(it.expr, Expr::Literal(_)))
}

fn is_charged(part: &IdedExpr) -> bool {
    let charging = ["@charge", SEEN_DEEP, SEEN_WHOLE];
    call(part).is_some_and(|(name, ..)| charging.contains(&name))
}

/// Returns whether a part costs nothing: a short literal, or a value of this crate.
fn is_free(part: &IdedExpr) -> bool {
    match &part.expr {
        Expr::Literal(literal) => is_short_literal(literal),
        Expr::Ident(name) => name.starts_with('@'),
        Expr::Unspecified
        | Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::List(_)
        | Expr::Map(_)
        | Expr::Select(_)
        | Expr::Struct(_) => false,
    }
}

/// Returns whether a literal is so short that its copies need not be charged.
///
/// A loop copies a long text in its body for every item.
fn is_short_literal(literal: &LiteralValue) -> bool {
    match literal {
        LiteralValue::String(text) => weight(text) <= FREE_WEIGHT_MAX,
        LiteralValue::Bytes(bytes) => weight(bytes) <= FREE_WEIGHT_MAX,
        LiteralValue::Boolean(_)
        | LiteralValue::Double(_)
        | LiteralValue::Int(_)
        | LiteralValue::Null
        | LiteralValue::UInt(_) => true,
    }
}

/// Charges a part for the copy that is made of it, or for going through it.
fn charged(part: &mut IdedExpr) {
    if !is_free(part) && !is_charged(part) {
        wrap(part, "@charge", None);
    }
}

/// Charges an argument of a function, and checks that it is not hidden.
fn seen_whole(part: &mut IdedExpr) {
    if !is_free(part) {
        wrap(part, SEEN_WHOLE, None);
    }
}

/// Wraps a part in a call of one of our functions.
fn wrap(part: &mut IdedExpr, function: &str, number: Option<i64>) {
    let inner = std::mem::take(part);
    let id = inner.id;
    let mut args = vec![named(id, BUDGET_NAME), inner];
    args.extend(number.map(|number| {
        let expr = Expr::Literal(LiteralValue::Int(number.into()));
        IdedExpr { id, expr }
    }));
    let expr = Expr::Call(CallExpr {
        func_name: function.to_owned(),
        target: None,
        args,
    });
    *part = IdedExpr { id, expr };
}
