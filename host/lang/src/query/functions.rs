//! The functions that expressions can call, and the limits of their cost.
//!
//! The functions are those of the language, except those that make texts longer: the language has
//! no budget, so a short expression could fill the memory. Four of its operators and its loops are
//! replaced by functions of this crate. Their names begin with `@`, so an expression cannot name
//! them:
//!
//! - `+`, `-`, `*` and `/` also combine whole numbers and fractions;
//! - an operation that copies or loops first pays for it from the [`QueryBudget`] of the evaluation;
//! - `matches` takes a pattern that was compiled once and has a limited size.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelString, CelUInt, DYN_TYPE, Type,
};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{Env, ExecutionError, extensions};
use regex::{Regex, RegexBuilder};

use super::values::{Boxed, weight};

/// The maximum cost of one evaluation, in values copied or visited.
///
/// Plugins choose the length of lists, and an expression may iterate over one list for every item
/// of another. This budget is enough to visit all of one content once. It takes at most two seconds
/// and some hundred MiB.
const BUDGET: u64 = 1 << 21;

/// The maximum size of a compiled pattern, in bytes.
///
/// A pattern of a few characters, as in `(a{99}){99}`, can take any amount of memory.
const PATTERN_BYTES_MAX: usize = 256 << 10;

/// The functions that an expression may call, by the names that it writes.
pub(super) const FUNCTIONS: &[&str] = &[
    "all",
    "bool",
    "charAt",
    "contains",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "exists",
    "exists_one",
    "filter",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "has",
    "hasValue",
    "indexOf",
    "int",
    "lastIndexOf",
    "lowerAscii",
    "map",
    "matches",
    "math.abs",
    "math.ceil",
    "math.floor",
    "math.greatest",
    "math.isFinite",
    "math.isInf",
    "math.isNaN",
    "math.least",
    "math.round",
    "math.sign",
    "math.sqrt",
    "math.trunc",
    "optional.none",
    "optional.of",
    "or",
    "orValue",
    "size",
    "startsWith",
    "string",
    "substring",
    "timestamp",
    "trim",
    "type",
    "uint",
    "upperAscii",
    "value",
];

/// The namespaces of some functions: the word before the point.
pub(super) const NAMESPACES: &[&str] = &["math", "optional"];

/// The name of the variable that holds the [`QueryBudget`].
pub(super) const BUDGET_NAME: &str = "@budget";

/// The rest of the budget of an evaluation.
#[derive(Debug)]
pub(super) struct QueryBudget(AtomicU64);

// process-wide: it is a constant that values return by reference.
static BUDGET_TYPE: Type = Type::new_unspecified_type("@budget");

impl QueryBudget {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(BUDGET))
    }

    /// Subtracts `cost`, and returns whether the budget was sufficient.
    pub(super) fn pays(&self, cost: u64) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(cost), Ordering::Relaxed);
        left > cost
    }

    /// Returns whether an operation exceeded the budget.
    pub(super) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Val for QueryBudget {
    fn get_type(&self) -> &Type {
        &BUDGET_TYPE
    }

    fn cel_type() -> &'static Type {
        &BUDGET_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        let left = self.0.load(Ordering::Relaxed);
        Box::new(Self(AtomicU64::new(left)))
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for QueryBudget {}

/// A regular expression, compiled.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Regex);

// process-wide: it is a constant that values return by reference.
static PATTERN_TYPE: Type = Type::new_unspecified_type("@pattern");

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The pattern is not valid. The text is one line.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let built = RegexBuilder::new(text)
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_BYTES_MAX)
            .build();
        match built {
            Ok(regex) => Ok(Self(regex)),
            Err(regex::Error::CompiledTooBig(_)) => {
                Err("the pattern is too large when it is compiled".to_owned())
            }
            Err(error) => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                let reason = last.trim().trim_start_matches("error: ");
                Err(format!("the pattern is not valid: {reason}"))
            }
        }
    }
}

impl Val for Pattern {
    fn get_type(&self) -> &Type {
        &PATTERN_TYPE
    }

    fn cel_type() -> &'static Type {
        &PATTERN_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Pattern {}

/// Returns the environment that every query is compiled and evaluated in.
pub(super) fn environment() -> &'static Arc<Env> {
    // process-wide: it never changes, and otherwise every query would have to build it.
    static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(built()));
    &ENVIRONMENT
}

fn built() -> Env {
    let mut env = Env::stdlib();
    let known = "each name is declared once, here";
    env.add_extension(extensions::strings).expect(known);
    env.add_extension(extensions::math).expect(known);
    let pair = || vec![DYN_TYPE, DYN_TYPE];
    env.add_overload("@charge", "@charge", pair(), charge)
        .expect(known);
    env.add_overload("@range", "@range", pair(), range)
        .expect(known);
    env.add_overload("@matches", "@matches", pair(), matches)
        .expect(known);
    let add_types = vec![DYN_TYPE, DYN_TYPE, DYN_TYPE];
    env.add_overload("@add", "@add", add_types, add)
        .expect(known);
    env.add_overload("@sub", "@sub", pair(), sub).expect(known);
    env.add_overload("@mul", "@mul", pair(), mul).expect(known);
    env.add_overload("@div", "@div", pair(), div).expect(known);
    env
}

type Args<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Returned<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

fn pay(budget: &dyn Val, cost: u64) -> Result<(), ExecutionError> {
    let budget = budget.downcast_ref::<QueryBudget>();
    let budget = budget.expect("the compiler puts the budget first");
    if budget.pays(cost) {
        Ok(())
    } else {
        Err(ExecutionError::function_error("@budget", "it is spent"))
    }
}

/// Returns the value after it was paid for.
fn charge<'b, 'v>(mut args: Args<'b, 'v>) -> Returned<'b, 'v> {
    let value = args.pop().expect("it is declared with two arguments");
    pay(&*args[0], weight(&*value))?;
    Ok(value)
}

/// Returns the items of a loop after they were paid for. The keys of a map are sorted, because its
/// own order differs from run to run.
fn range<'b, 'v>(mut args: Args<'b, 'v>) -> Returned<'b, 'v> {
    let value = args.pop().expect("it is declared with two arguments");
    pay(&*args[0], weight(&*value))?;
    let Some(map) = value.downcast_ref::<CelMap<'_>>() else {
        return Ok(value);
    };
    let mut keys: Vec<&CelMapKey<'v>> = map.inner().keys().collect();
    keys.sort();
    let keys: Vec<Boxed<'v>> = keys.iter().map(|it| it.inner().clone_as_boxed()).collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

fn matches<'b, 'v>(args: Args<'b, 'v>) -> Returned<'b, 'v> {
    let pattern = args[0].downcast_ref::<Pattern>();
    let pattern = pattern.expect("the compiler puts the pattern first");
    let Some(text) = args[1].downcast_ref::<CelString<'_>>() else {
        return Err(mismatch("matches", &args[1..]));
    };
    Ok(CowVal::owned(CelBool::from(
        pattern.0.is_match(text.inner()),
    )))
}

fn add<'b, 'v>(args: Args<'b, 'v>) -> Returned<'b, 'v> {
    let [budget, one, other] = &args[..] else {
        return Err(mismatch("+", &args));
    };
    if let Some([one, other]) = fractions(&**one, &**other) {
        return Ok(CowVal::owned(CelDouble::from(one + other)));
    }
    // Numbers are not charged.
    if number(&**one).is_none() {
        pay(&**budget, weight(&**one).saturating_add(weight(&**other)))?;
    }
    let adder = one.as_adder().ok_or_else(|| mismatch("+", &args[1..]))?;
    let sum = adder.add(other.as_ref());
    let sum = sum.map_err(|error| plain(error, "+", &args[1..]))?;
    Ok(CowVal::Owned(sum.into_owned()))
}

fn sub<'b, 'v>(args: Args<'b, 'v>) -> Returned<'b, 'v> {
    if let Some([one, other]) = fractions(&*args[0], &*args[1]) {
        return Ok(CowVal::owned(CelDouble::from(one - other)));
    }
    let it = args[0]
        .as_subtractor()
        .ok_or_else(|| mismatch("-", &args))?;
    let difference = it.sub(args[1].as_ref());
    let difference = difference.map_err(|error| plain(error, "-", &args))?;
    Ok(CowVal::Owned(difference.into_owned()))
}

fn mul<'b, 'v>(args: Args<'b, 'v>) -> Returned<'b, 'v> {
    if let Some([one, other]) = fractions(&*args[0], &*args[1]) {
        return Ok(CowVal::owned(CelDouble::from(one * other)));
    }
    let it = args[0]
        .as_multiplier()
        .ok_or_else(|| mismatch("*", &args))?;
    let product = it.mul(args[1].as_ref());
    let product = product.map_err(|error| plain(error, "*", &args))?;
    Ok(CowVal::Owned(product.into_owned()))
}

fn div<'b, 'v>(args: Args<'b, 'v>) -> Returned<'b, 'v> {
    if let Some([one, other]) = fractions(&*args[0], &*args[1]) {
        return Ok(CowVal::owned(CelDouble::from(one / other)));
    }
    let it = args[0].as_divider().ok_or_else(|| mismatch("/", &args))?;
    let quotient = it.div(args[1].as_ref());
    let quotient = quotient.map_err(|error| plain(error, "/", &args))?;
    Ok(CowVal::Owned(quotient.into_owned()))
}

/// Returns both operands as fractions, if exactly one of them is a fraction and the other a whole
/// number.
fn fractions(one: &dyn Val, other: &dyn Val) -> Option<[f64; 2]> {
    let is_broken = |it: &dyn Val| it.downcast_ref::<CelDouble>().is_some();
    if is_broken(one) == is_broken(other) {
        return None;
    }
    Some([number(one)?, number(other)?])
}

fn number(value: &dyn Val) -> Option<f64> {
    if let Some(it) = value.downcast_ref::<CelInt>() {
        Some(*it.inner() as f64)
    } else if let Some(it) = value.downcast_ref::<CelUInt>() {
        Some(*it.inner() as f64)
    } else {
        value.downcast_ref::<CelDouble>().map(|it| *it.inner())
    }
}

/// Keeps errors about values, and rewrites errors about types to one form.
fn plain(error: ExecutionError, operator: &str, args: &[CowVal<'_, '_>]) -> ExecutionError {
    if matches!(error, ExecutionError::UnsupportedBinaryOperator(..)) {
        mismatch(operator, args)
    } else {
        error
    }
}

fn mismatch(operator: &str, args: &[CowVal<'_, '_>]) -> ExecutionError {
    let types = args.iter().map(|it| it.get_type().name().to_owned());
    ExecutionError::no_such_overload(operator, types.collect())
}
