//! What an evaluation needs from outside: data of models, the environment, secrets.
//!
//! The engine is pure, so it cannot fetch anything. A function such as `data.latest` looks its
//! answer up in the [`Answers`]. If there is none, it notes a [`Need`], and its value is unknown.
//! The evaluation goes on as far as it can, so that one round finds several needs.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use cel::common::traits::Indexer;
use cel::common::types::{CelBool, CelOptional, CelString, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use serde_json::Value;

use super::functions::{FunctionArgs, Returned, function};
use super::hidden::is_within;
use super::values::{Boxed, from_value_owned, val_to_json};

/// The name of the variable that holds the [`HostVal`].
pub(super) const HOST_NAME: &str = "@host";

/// The name under which errors of this file are recognised.
pub(super) const HOST_ERROR: &str = "@host";

/// The maximum number of different needs of one expression.
///
/// The author of an expression chooses how many values it asks for, and each is fetched: a thousand
/// of the datastore take about a tenth of a second.
pub const NEEDS_MAX: usize = 1_000;

/// The maximum number of values in one answer.
///
/// A plugin chooses the size of its data, and an answer takes up to 100 bytes for each value.
pub const ANSWER_VALUES_MAX: usize = 200_000;

/// A value that an expression needs from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// The function or the variable as the expression writes it: `data.latest`, `env`, `secret`.
    pub name: String,
    /// Its arguments. For a variable such as `env`, the name of the member.
    pub arguments: Vec<Value>,
}

impl Need {
    /// Returns a text that differs for different needs.
    #[must_use]
    pub fn key(&self) -> String {
        let arguments = self.arguments.iter().map(Value::to_string);
        format!("{}({})", self.name, arguments.collect::<Vec<_>>().join(","))
    }
}

/// What a caller found for a [`Need`].
#[derive(Debug, Clone, PartialEq)]
pub enum NeedAnswer {
    /// It is this value.
    Value(Value),
    /// There is no such thing. The text says so: a lower-case fragment without a period. `has` and
    /// `.?` test for it; other uses are an error.
    Absent(String),
    /// It cannot or must not be read. The text says why.
    Refused(String),
}

/// An answer as the evaluator uses it.
#[derive(Debug)]
enum Found {
    Value(Boxed<'static>),
    Absent(String),
    Refused(String),
}

/// The answers that were collected so far.
#[derive(Debug, Default)]
pub(super) struct Answers {
    found: BTreeMap<String, Found>,
    /// Whether a sealed field or a secret is in one of them.
    has_hidden: bool,
}

impl Answers {
    pub(super) fn insert(&mut self, need: &Need, answer: NeedAnswer) {
        if let NeedAnswer::Value(value) = &answer {
            self.has_hidden |= is_within(value);
        }
        let found = match answer {
            NeedAnswer::Value(value) if n_values(&value) > ANSWER_VALUES_MAX => {
                let message = format!("it has more than {ANSWER_VALUES_MAX} values");
                Found::Refused(message)
            }
            NeedAnswer::Value(value) => Found::Value(from_value_owned(value)),
            NeedAnswer::Absent(message) => Found::Absent(message),
            NeedAnswer::Refused(message) => Found::Refused(message),
        };
        self.found.insert(need.key(), found);
    }

    pub(super) fn has_hidden(&self) -> bool {
        self.has_hidden
    }
}

/// Returns the number of values in a value, without recursion.
fn n_values(value: &Value) -> usize {
    let (mut n, mut open) = (0, vec![value]);
    while let Some(value) = open.pop() {
        n += 1;
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => open.extend(members.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    n
}

/// The answers, and the needs that an evaluation met.
#[derive(Debug, Clone, Default)]
pub(super) struct HostVal {
    answers: Arc<Answers>,
    needs: Arc<Mutex<BTreeMap<String, (usize, Need)>>>,
}

// process-wide: a constant.
static HOST_TYPE: Type = Type::new_unspecified_type("@host");

impl HostVal {
    pub(super) fn new(answers: Arc<Answers>) -> Self {
        Self {
            answers,
            needs: Arc::default(),
        }
    }

    /// Returns the needs that were met, in the order in which they were.
    pub(super) fn take_needs(&self) -> Vec<Need> {
        let mut needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut needs: Vec<(usize, Need)> = std::mem::take(&mut *needs).into_values().collect();
        needs.sort_by_key(|(at, _)| *at);
        needs.into_iter().map(|(_, need)| need).collect()
    }

    /// Returns whether there were too many needs.
    pub(super) fn is_full(&self) -> bool {
        let needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner);
        !needs.is_empty() && needs.len() + self.answers.found.len() > NEEDS_MAX
    }

    /// Notes a need. If there are too many, the evaluation ends.
    fn note(&self, need: Need) -> Result<(), ExecutionError> {
        if self.is_full() {
            return Err(ExecutionError::function_error(HOST_ERROR, "too many"));
        }
        let mut needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner);
        let at = needs.len();
        needs.entry(need.key()).or_insert((at, need));
        Ok(())
    }
}

impl Val for HostVal {
    fn get_type(&self) -> &Type {
        &HOST_TYPE
    }

    fn cel_type() -> &'static Type {
        &HOST_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for HostVal {}

/// A value that is not known yet. Its members are unknown as well.
#[derive(Debug, Clone, Copy)]
struct Unknown;

// process-wide: a constant.
static UNKNOWN_TYPE: Type = Type::new_unspecified_type("@unknown");

impl Val for Unknown {
    fn get_type(&self) -> &Type {
        &UNKNOWN_TYPE
    }

    fn cel_type() -> &'static Type {
        &UNKNOWN_TYPE
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(*self)
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Unknown {}

impl Indexer for Unknown {
    fn get<'b, 'v>(&'b self, _: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Ok(CowVal::owned(Self))
    }

    fn steal<'v>(self: Box<Self>, _: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Ok(self)
    }
}

/// The numbers of arguments that a function of the host can have, with the host and the name.
const N_ARGS: &[usize] = &[2, 3, 4, 5, 6, 7, 8];

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    function(env, "@need", N_ARGS, need)?;
    function(env, "@need?", N_ARGS, need_if_there)?;
    function(env, "@optional", N_ARGS, optional)?;
    function(env, "@present", N_ARGS, present)
}

/// The result of a look-up.
enum Lookup<'b> {
    Known(&'b Boxed<'static>),
    Absent(String),
    Unknown,
}

fn look_up<'b>(args: &[CowVal<'b, '_>]) -> Result<Lookup<'b>, ExecutionError> {
    let CowVal::Borrowed(host) = &args[0] else {
        unreachable!("the scope lends the host");
    };
    let host: &'b HostVal = host
        .downcast_ref()
        .expect("the compiler puts the host first");
    let name = args[1].downcast_ref::<CelString<'_>>();
    let name = name.expect("the compiler puts the name second").inner();
    let mut arguments = Vec::new();
    for argument in &args[2..] {
        if argument.downcast_ref::<Unknown>().is_some() {
            return Ok(Lookup::Unknown);
        }
        let argument = val_to_json(&**argument)
            .map_err(|message| ExecutionError::function_error(name, message))?;
        arguments.push(argument);
    }
    let need = Need {
        name: name.to_owned(),
        arguments,
    };
    match host.answers.found.get(&need.key()) {
        Some(Found::Value(value)) => Ok(Lookup::Known(value)),
        Some(Found::Absent(message)) => Ok(Lookup::Absent(message.clone())),
        Some(Found::Refused(message)) => Err(ExecutionError::function_error(HOST_ERROR, message)),
        None => {
            host.note(need)?;
            Ok(Lookup::Unknown)
        }
    }
}

/// Returns the value. It is an error if there is none.
fn need<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    match look_up(&args)? {
        Lookup::Known(value) => Ok(CowVal::Borrowed(&**value)),
        Lookup::Unknown => Ok(CowVal::owned(Unknown)),
        Lookup::Absent(message) => Err(ExecutionError::function_error(HOST_ERROR, message)),
    }
}

/// Returns the value, or an optional without a value, whose members are the same.
fn need_if_there<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    match look_up(&args)? {
        Lookup::Known(value) => Ok(CowVal::Borrowed(&**value)),
        Lookup::Unknown => Ok(CowVal::owned(Unknown)),
        Lookup::Absent(_) => Ok(CowVal::owned(CelOptional::none())),
    }
}

/// Returns an optional with the value, or without one.
fn optional<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    match look_up(&args)? {
        Lookup::Known(value) => Ok(CowVal::owned(CelOptional::of(value.clone()))),
        Lookup::Unknown => Ok(CowVal::owned(Unknown)),
        Lookup::Absent(_) => Ok(CowVal::owned(CelOptional::none())),
    }
}

/// Returns whether there is a value.
fn present<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    match look_up(&args)? {
        Lookup::Known(_) => Ok(CowVal::owned(CelBool::from(true))),
        Lookup::Unknown => Ok(CowVal::owned(Unknown)),
        Lookup::Absent(_) => Ok(CowVal::owned(CelBool::from(false))),
    }
}
