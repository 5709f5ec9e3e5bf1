//! Hidden values: sealed fields and secrets, which expressions pass on and cannot examine.
//!
//! A hidden value is an object with a single member, whose key begins with `$sealed`. A plugin
//! cannot write such an object. An expression can pass it on as a whole. Comparing it, calling a
//! function with it or looping over it is an error, because a plain `false` would look like an
//! answer.

use cel::ExecutionError;
use cel::common::types::{CelList, CelMap, CelMapKey, CelString};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env};
use sedge_model::sealed::SEALED_KEY;
use serde_json::Value;

use super::budget::pay;
use super::functions::{FunctionArgs, Returned, function};
use super::values::weight;

/// The name under which errors of this file are recognised.
pub(super) const HIDDEN_ERROR: &str = "@hidden";

/// How many members or items are checked for the price of one value.
const CHECKED_PER_UNIT: usize = 64;

/// Checks an operand of a comparison, with its items or members.
pub(super) const SEEN: &str = "@seen";

/// Checks an operand that is compared with a number or another single value. It takes no budget.
pub(super) const SEEN_ITSELF: &str = "@seenItself";

/// Checks an operand of a comparison, at any depth, and charges it.
pub(super) const SEEN_DEEP: &str = "@seenDeep";

/// Checks an argument of a function, which is not hidden as a whole, and charges it.
pub(super) const SEEN_WHOLE: &str = "@seenWhole";

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    function(env, SEEN, &[2], seen)?;
    function(env, SEEN_ITSELF, &[1], seen_itself)?;
    function(env, SEEN_DEEP, &[2], seen_deep)?;
    function(env, SEEN_WHOLE, &[2], seen_whole)
}

/// Returns whether a key marks a hidden value.
pub(super) fn is_hidden_key(key: &str) -> bool {
    key.starts_with(SEALED_KEY)
}

/// Returns whether a value is hidden as a whole.
pub(super) fn is_hidden(value: &dyn Val) -> bool {
    let Some(map) = value.downcast_ref::<CelMap<'_>>() else {
        return false;
    };
    map.inner().len() == 1 && map.inner().keys().all(|key| is_hidden_map_key(key))
}

fn is_hidden_map_key(key: &CelMapKey<'_>) -> bool {
    let key = key.inner().downcast_ref::<CelString<'_>>();
    key.is_some_and(|key| is_hidden_key(key.inner()))
}

/// Returns whether a part of a value will be hidden from expressions, without recursion.
pub(super) fn is_within(value: &Value) -> bool {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => {
                if members.len() == 1 && members.keys().all(|key| is_hidden_key(key)) {
                    return true;
                }
                open.extend(members.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    false
}

/// Returns the error of an operation on a hidden value.
pub(super) fn hidden_error() -> ExecutionError {
    let message = "a sealed or secret value can be neither compared nor computed with";
    ExecutionError::function_error(HIDDEN_ERROR, message)
}

/// Checks that a value is not hidden.
pub(super) fn check(value: &dyn Val) -> Result<(), ExecutionError> {
    if is_hidden(value) {
        return Err(hidden_error());
    }
    Ok(())
}

/// Checks that neither a value nor an item or member of it is hidden, and pays for that.
pub(super) fn check_parts(budget: &dyn Val, value: &dyn Val) -> Result<(), ExecutionError> {
    check(value)?;
    let parts: Vec<&dyn Val> = if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        list.inner()
            .iter()
            .map(|it| -> &dyn Val { &**it })
            .collect()
    } else if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        map.inner()
            .values()
            .map(|it| -> &dyn Val { &**it })
            .collect()
    } else {
        return Ok(());
    };
    pay(budget, 1 + (parts.len() / CHECKED_PER_UNIT) as u64)?;
    parts.into_iter().try_for_each(check)
}

/// Checks that nothing in a value is hidden.
pub(super) fn check_deep(value: &dyn Val) -> Result<(), ExecutionError> {
    check(value)?;
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        list.inner().iter().try_for_each(|it| check_deep(&**it))
    } else if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        map.inner().values().try_for_each(|it| check_deep(&**it))
    } else {
        Ok(())
    }
}

fn last<'b, 'v>(args: &mut FunctionArgs<'b, 'v>) -> CowVal<'b, 'v> {
    args.pop().expect("it is declared with two arguments")
}

fn seen<'b, 'v>(mut args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let value = last(&mut args);
    check_parts(&*args[0], &*value)?;
    Ok(value)
}

fn seen_itself<'b, 'v>(mut args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let value = args.pop().expect("it is declared with one argument");
    check(&*value)?;
    Ok(value)
}

fn seen_deep<'b, 'v>(mut args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let value = last(&mut args);
    pay(&*args[0], weight(&*value))?;
    check_deep(&*value)?;
    Ok(value)
}

fn seen_whole<'b, 'v>(mut args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let value = last(&mut args);
    pay(&*args[0], weight(&*value))?;
    check(&*value)?;
    Ok(value)
}
