//! The functions that expressions can call, and what they cost.
//!
//! The functions are those of the language and its extensions. The evaluator has no budget, so a
//! short expression could fill the memory or run for hours. Its operators and loops, and functions
//! whose result can be larger than their arguments, are replaced by functions of this crate. Their
//! names begin with `@`, so an expression cannot name them:
//!
//! - `+`, `-`, `*` and `/` also combine whole numbers and fractions;
//! - an operation that copies or loops first pays for it from the [`Budget`] of the evaluation;
//! - `matches` takes a pattern that was compiled once and has a limited size.
//!
//! [`Budget`]: super::Budget

use std::any::Any;
use std::ops::RangeInclusive;
use std::sync::{Arc, LazyLock};

use cel::common::types::{
    CelBool, CelDouble, CelDuration, CelInt, CelString, CelTimestamp, CelUInt, DYN_TYPE, Type,
};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{DeclarationError, Env, ExecutionError, extensions};
use regex::{Regex, RegexBuilder};

use super::budget::pay;
use super::values::weight;
use super::{hidden, host, macros};

mod convert;
mod lists;
mod patterns;
mod texts;

/// The maximum size of a compiled pattern, in bytes.
///
/// A pattern of a few characters, as in `(a{99}){99}`, can take any amount of memory.
const PATTERN_BYTES_MAX: usize = 256 << 10;

/// The functions that an expression may call, by the names that it writes.
pub(super) const FUNCTIONS: &[&str] = &[
    "all",
    "base64.decode",
    "base64.encode",
    "bool",
    "bytes",
    "cel.bind",
    "charAt",
    "contains",
    "distinct",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "exists",
    "existsOne",
    "exists_one",
    "filter",
    "flatten",
    "format",
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
    "join",
    "json.decode",
    "json.encode",
    "lastIndexOf",
    "lists.range",
    "lowerAscii",
    "map",
    "matches",
    "math.abs",
    "math.bitAnd",
    "math.bitNot",
    "math.bitOr",
    "math.bitShiftLeft",
    "math.bitShiftRight",
    "math.bitXor",
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
    "optFlatMap",
    "optMap",
    "optional.none",
    "optional.of",
    "optional.ofNonZeroValue",
    "or",
    "orValue",
    "range",
    "regex.extract",
    "regex.extractAll",
    "regex.replace",
    "replace",
    "reverse",
    "sets.contains",
    "sets.equivalent",
    "sets.intersects",
    "size",
    "slice",
    "sort",
    "sortBy",
    "split",
    "startsWith",
    "string",
    "strings.quote",
    "substring",
    "timestamp",
    "transformList",
    "transformMap",
    "transformMapEntry",
    "trim",
    "type",
    "uint",
    "upperAscii",
    "value",
];

/// The functions that the parser turns into loops or other expressions.
pub(super) const MACROS: &[&str] = &[
    "all",
    "cel.bind",
    "exists",
    "existsOne",
    "exists_one",
    "filter",
    "has",
    "map",
    "optFlatMap",
    "optMap",
    "sortBy",
    "transformList",
    "transformMap",
    "transformMapEntry",
];

/// The namespaces of some functions: the word before the point.
pub(super) const NAMESPACES: &[&str] = &[
    "base64", "cel", "json", "lists", "math", "optional", "regex", "sets", "strings",
];

/// The functions whose cost does not follow from the size of their arguments. Each is called by the
/// name after it, with the budget first.
pub(super) const PRICED: &[(&str, &str)] = &[
    ("base64.decode", "@base64.decode"),
    ("base64.encode", "@base64.encode"),
    ("distinct", "@distinct"),
    ("getMilliseconds", "@getMilliseconds"),
    ("indexOf", "@indexOf"),
    ("join", "@join"),
    ("json.decode", "@json.decode"),
    ("json.encode", "@json.encode"),
    ("lastIndexOf", "@lastIndexOf"),
    ("lists.range", "@lists.range"),
    ("range", "@lists.range"),
    ("replace", "@replace"),
    ("sets.contains", "@sets.contains"),
    ("sets.equivalent", "@sets.equivalent"),
    ("sets.intersects", "@sets.intersects"),
    ("split", "@split"),
];

/// A function whose pattern is compiled once.
pub(super) struct Patterned {
    /// Its name as an expression writes it.
    pub(super) name: &'static str,
    /// The name by which it is called, with the budget and the compiled pattern first.
    pub(super) replacement: &'static str,
    /// How many arguments it takes, with its target.
    pub(super) n_args: RangeInclusive<usize>,
    /// Which arguments these are.
    pub(super) wanted: &'static str,
}

/// The functions whose pattern is compiled once. It is their second argument.
pub(super) const PATTERNED: &[Patterned] = &[
    Patterned {
        name: "matches",
        replacement: "@matches",
        n_args: 2..=2,
        wanted: "a text and a pattern",
    },
    Patterned {
        name: "regex.extract",
        replacement: "@regex.extract",
        n_args: 2..=2,
        wanted: "a text and a pattern",
    },
    Patterned {
        name: "regex.extractAll",
        replacement: "@regex.extractAll",
        n_args: 2..=2,
        wanted: "a text and a pattern",
    },
    Patterned {
        name: "regex.replace",
        replacement: "@regex.replace",
        n_args: 3..=4,
        wanted: "a text, a pattern and a replacement",
    },
];

/// A regular expression, compiled.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Regex);

// process-wide: a constant.
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

/// Returns the environment that every expression is compiled and evaluated in.
pub(crate) fn environment() -> &'static Arc<Env> {
    // process-wide: a constant, which cannot be computed at compile time.
    static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
        let mut env = Env::stdlib();
        declare(&mut env).expect("each name is declared once, here");
        Arc::new(env)
    });
    &ENVIRONMENT
}

fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_extension(extensions::strings)?;
    env.add_extension(extensions::math)?;
    env.add_extension(extensions::lists)?;
    env.add_extension(macros::extension)?;
    function(env, "@add", &[3], add)?;
    function(env, "@sub", &[2], sub)?;
    function(env, "@mul", &[2], mul)?;
    function(env, "@div", &[2], div)?;
    function(env, "@charge", &[2], charge)?;
    function(env, "@getMilliseconds", &[2, 3], milliseconds)?;
    lists::extension(env)?;
    texts::extension(env)?;
    patterns::extension(env)?;
    convert::extension(env)?;
    hidden::extension(env)?;
    host::extension(env)
}

/// Declares a function for each number of arguments, which may have any type.
pub(super) fn function(
    env: &mut Env,
    name: &str,
    n_args: &[usize],
    op: for<'b, 'v> fn(FunctionArgs<'b, 'v>) -> Returned<'b, 'v>,
) -> Result<(), DeclarationError> {
    for n in n_args {
        let args = (0..*n).map(|_| DYN_TYPE).collect();
        env.add_overload(name, &format!("{name}/{n}"), args, op)?;
    }
    Ok(())
}

pub(super) type FunctionArgs<'b, 'v> = Vec<CowVal<'b, 'v>>;
pub(super) type Returned<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// Returns the value after it was paid for.
fn charge<'b, 'v>(mut args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let value = args.pop().expect("it is declared with two arguments");
    pay(&*args[0], weight(&*value))?;
    Ok(value)
}

/// Returns the milliseconds of a time or a duration within its second, in any time zone.
fn milliseconds<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let args = &args[1..];
    let (span, time) = (
        args[0].downcast_ref::<CelDuration>(),
        args[0].downcast_ref::<CelTimestamp>(),
    );
    let nanos = match (span, time) {
        (Some(span), _) if args.len() == 1 => span.inner().subsec_nanos(),
        (_, Some(time)) => time.inner().timestamp_subsec_nanos().cast_signed(),
        _ => return Err(mismatch("getMilliseconds", args)),
    };
    Ok(CowVal::owned(CelInt::from(i64::from(nanos / 1_000_000))))
}

fn add<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let [budget, one, other] = &args[..] else {
        unreachable!("it is declared with three arguments");
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

fn sub<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
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

fn mul<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
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

fn div<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
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

pub(super) fn mismatch(operator: &str, args: &[CowVal<'_, '_>]) -> ExecutionError {
    let types = args.iter().map(|it| it.get_type().name().to_owned());
    ExecutionError::no_such_overload(operator, types.collect())
}

/// Returns an argument that is a text. `args` are those that the expression wrote.
fn text<'a>(args: &'a [CowVal<'_, '_>], at: usize, name: &str) -> Result<&'a str, ExecutionError> {
    let text = args[at].downcast_ref::<CelString<'_>>();
    text.map(CelString::inner)
        .ok_or_else(|| mismatch(name, args))
}

/// Returns an argument that is a whole number.
fn whole(args: &[CowVal<'_, '_>], at: usize, name: &str) -> Result<i64, ExecutionError> {
    let number = args[at].downcast_ref::<CelInt>();
    number
        .map(|it| *it.inner())
        .ok_or_else(|| mismatch(name, args))
}

fn truth<'b, 'v>(value: bool) -> CowVal<'b, 'v> {
    CowVal::owned(CelBool::from(value))
}
