//! The macros that the evaluator does not have: `cel.bind`, and loops with two variables.
//!
//! A loop with two variables goes through pairs of a key and a value: the index and the item of a
//! list, or the key and the value of a map.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr, IdedExpr, ListExpr, LiteralValue, operators,
};
use cel::parser::{Macro, MacroExprHelper, ParseError};
use cel::{DeclarationError, Env};

use super::tree::ident;
use super::words::SAME_NAME_TWICE;

/// The variable of a loop that holds a pair.
const PAIR: &str = "@pair";

/// The result of a loop so far.
const RESULT: &str = "@result";

type Expanded = Result<Option<IdedExpr>, ParseError>;

/// Adds the macros to an environment.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_macro(Macro::receiver("bind", 3, |helper, target, args| {
        if target.as_ref().and_then(ident) != Some("cel") {
            return Ok(None);
        }
        let body = args.pop().expect("it has three arguments");
        let init = args.pop().expect("it has three arguments");
        let name = name_of(helper, args.pop().expect("it has three arguments"))?;
        Ok(Some(bind(helper, name, init, body)))
    }))?;
    for (name, loop_kind) in [
        ("all", PairLoop::All),
        ("exists", PairLoop::Exists),
        ("existsOne", PairLoop::ExistsOne),
        ("exists_one", PairLoop::ExistsOne),
        ("transformList", PairLoop::List),
        ("transformMap", PairLoop::Map),
        ("transformMapEntry", PairLoop::Entries),
    ] {
        env.add_macro(Macro::receiver(name, 3, move |helper, target, args| {
            expand(helper, loop_kind, target, args)
        }))?;
        if loop_kind.takes_filter() {
            env.add_macro(Macro::receiver(name, 4, move |helper, target, args| {
                expand(helper, loop_kind, target, args)
            }))?;
        }
    }
    Ok(())
}

/// A loop with two variables.
#[derive(Debug, Clone, Copy)]
enum PairLoop {
    All,
    Exists,
    ExistsOne,
    List,
    Map,
    Entries,
}

impl PairLoop {
    fn takes_filter(self) -> bool {
        match self {
            Self::All | Self::Exists | Self::ExistsOne => false,
            Self::List | Self::Map | Self::Entries => true,
        }
    }
}

/// The parts of a loop over pairs.
struct Parts {
    init: IdedExpr,
    condition: IdedExpr,
    step: IdedExpr,
    result: IdedExpr,
}

fn expand(
    helper: &mut MacroExprHelper<'_>,
    kind: PairLoop,
    target: &mut Option<IdedExpr>,
    args: &mut Vec<IdedExpr>,
) -> Expanded {
    let mut args = std::mem::take(args).into_iter();
    let mut next = || args.next().expect("the number of arguments was matched");
    let (key, value) = (next(), next());
    let (first, second) = (next(), args.next());
    let key = name_of(helper, key)?;
    let value_id = value.id;
    let value = name_of(helper, value)?;
    if key == value {
        return Err(helper.new_error(value_id, SAME_NAME_TWICE));
    }
    let names = [key, value];
    let parts = match kind {
        PairLoop::All => logical(helper, operators::LOGICAL_AND, &names, first),
        PairLoop::Exists => logical(helper, operators::LOGICAL_OR, &names, first),
        PairLoop::ExistsOne => exists_one(helper, &names, first),
        PairLoop::List | PairLoop::Map | PairLoop::Entries => {
            let (filter, item) = match second {
                Some(item) => (Some(first), item),
                None => (None, first),
            };
            let item = match kind {
                PairLoop::Map => {
                    let key = helper.next_expr(Expr::Ident(names[0].clone()));
                    helper.next_expr(Expr::List(ListExpr::new(vec![key, item])))
                }
                PairLoop::All
                | PairLoop::Exists
                | PairLoop::ExistsOne
                | PairLoop::List
                | PairLoop::Entries => item,
            };
            appending(helper, &names, filter, item)
        }
    };
    let range = target.take().expect("it is a macro with a target");
    let range = function(helper, "@pairs", vec![range]);
    let whole = helper.next_expr(Expr::Comprehension(Box::new(ComprehensionExpr {
        iter_range: range,
        iter_var: PAIR.to_owned(),
        iter_var2: None,
        accu_var: RESULT.to_owned(),
        accu_init: parts.init,
        loop_cond: parts.condition,
        loop_step: parts.step,
        result: parts.result,
    })));
    Ok(Some(match kind {
        PairLoop::All | PairLoop::Exists | PairLoop::ExistsOne | PairLoop::List => whole,
        PairLoop::Map => function(helper, "@entries", vec![whole]),
        PairLoop::Entries => function(helper, "@merge", vec![whole]),
    }))
}

/// `@result && condition`, or the same with `||`.
fn logical(
    helper: &mut MacroExprHelper<'_>,
    operator: &str,
    names: &[String; 2],
    condition: IdedExpr,
) -> Parts {
    let is_and = operator == operators::LOGICAL_AND;
    let init = literal(helper, LiteralValue::Boolean(is_and.into()));
    let mut goes_on = result(helper);
    if !is_and {
        goes_on = function(helper, operators::LOGICAL_NOT, vec![goes_on]);
    }
    let goes_on = function(helper, operators::NOT_STRICTLY_FALSE, vec![goes_on]);
    let (sum, condition) = (result(helper), bound(helper, names, condition));
    let step = function(helper, operator, vec![sum, condition]);
    Parts {
        init,
        condition: goes_on,
        step,
        result: result(helper),
    }
}

/// `condition ? @result + 1 : @result`, compared with 1.
fn exists_one(helper: &mut MacroExprHelper<'_>, names: &[String; 2], condition: IdedExpr) -> Parts {
    let init = literal(helper, LiteralValue::Int(0.into()));
    let goes_on = literal(helper, LiteralValue::Boolean(true.into()));
    let (sum, one) = (result(helper), literal(helper, LiteralValue::Int(1.into())));
    let sum = function(helper, operators::ADD, vec![sum, one]);
    let (condition, same) = (bound(helper, names, condition), result(helper));
    let step = function(helper, operators::CONDITIONAL, vec![condition, sum, same]);
    let (sum, one) = (result(helper), literal(helper, LiteralValue::Int(1.into())));
    Parts {
        init,
        condition: goes_on,
        step,
        result: function(helper, operators::EQUALS, vec![sum, one]),
    }
}

/// `@result + [item]`, or `filter ? @result + [item] : @result`.
fn appending(
    helper: &mut MacroExprHelper<'_>,
    names: &[String; 2],
    filter: Option<IdedExpr>,
    item: IdedExpr,
) -> Parts {
    let init = helper.next_expr(Expr::List(ListExpr::new(Vec::new())));
    let goes_on = literal(helper, LiteralValue::Boolean(true.into()));
    let item = bound(helper, names, item);
    let item = helper.next_expr(Expr::List(ListExpr::new(vec![item])));
    let sum = result(helper);
    let mut step = function(helper, operators::ADD, vec![sum, item]);
    if let Some(filter) = filter {
        let (filter, same) = (bound(helper, names, filter), result(helper));
        step = function(helper, operators::CONDITIONAL, vec![filter, step, same]);
    }
    Parts {
        init,
        condition: goes_on,
        step,
        result: result(helper),
    }
}

/// Binds both names to the parts of the pair.
fn bound(helper: &mut MacroExprHelper<'_>, names: &[String; 2], body: IdedExpr) -> IdedExpr {
    let part = |helper: &mut MacroExprHelper<'_>, at: i64| {
        let pair = helper.next_expr(Expr::Ident(PAIR.to_owned()));
        let at = literal(helper, LiteralValue::Int(at.into()));
        function(helper, operators::INDEX, vec![pair, at])
    };
    let (key, value) = (part(helper, 0), part(helper, 1));
    let inner = bind(helper, names[1].clone(), value, body);
    bind(helper, names[0].clone(), key, inner)
}

/// A loop over nothing, whose result sees a variable.
fn bind(
    helper: &mut MacroExprHelper<'_>,
    name: String,
    init: IdedExpr,
    body: IdedExpr,
) -> IdedExpr {
    let bind = ComprehensionExpr {
        iter_range: helper.next_expr(Expr::List(ListExpr::new(Vec::new()))),
        iter_var: "@unused".to_owned(),
        iter_var2: None,
        accu_var: name.clone(),
        accu_init: init,
        loop_cond: literal(helper, LiteralValue::Boolean(false.into())),
        loop_step: helper.next_expr(Expr::Ident(name)),
        result: body,
    };
    helper.next_expr(Expr::Comprehension(Box::new(bind)))
}

fn function(helper: &mut MacroExprHelper<'_>, name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    helper.next_expr(Expr::Call(CallExpr {
        func_name: name.to_owned(),
        target: None,
        args,
    }))
}

fn literal(helper: &mut MacroExprHelper<'_>, value: LiteralValue) -> IdedExpr {
    helper.next_expr(Expr::Literal(value))
}

fn result(helper: &mut MacroExprHelper<'_>) -> IdedExpr {
    helper.next_expr(Expr::Ident(RESULT.to_owned()))
}

fn name_of(helper: &mut MacroExprHelper<'_>, arg: IdedExpr) -> Result<String, ParseError> {
    match arg.expr {
        Expr::Ident(name) => Ok(name),
        Expr::Unspecified
        | Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::List(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Select(_)
        | Expr::Struct(_) => Err(helper.new_error(arg.id, "argument must be a simple name")),
    }
}
