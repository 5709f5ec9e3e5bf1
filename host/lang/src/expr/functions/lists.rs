//! Loops, lists, sets and maps.

use std::collections::HashMap;

use cel::common::types::{CelInt, CelList, CelMap, CelMapKey};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

use super::{FunctionArgs, Returned, function, mismatch, truth, whole};
use crate::expr::budget::pay;
use crate::expr::hidden;
use crate::expr::values::{Boxed, weight, weight_of_items};

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    function(env, "@range", &[3], range)?;
    function(env, "@pairs", &[2], pairs)?;
    function(env, "@entries", &[2], entries)?;
    function(env, "@merge", &[2], merge)?;
    function(env, "@lists.range", &[2], numbers)?;
    function(env, "@distinct", &[2], distinct)?;
    function(env, "@sets.contains", &[3], sets_contains)?;
    function(env, "@sets.equivalent", &[3], sets_equivalent)?;
    function(env, "@sets.intersects", &[3], sets_intersects)
}

/// Returns the items of a loop after they and the steps of the loop were paid for. The keys of a
/// map are sorted, because its own order differs from run to run.
fn range<'b, 'v>(mut args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let per_item = args.pop().expect("it is declared with three arguments");
    let per_item = per_item
        .downcast_ref::<CelInt>()
        .map_or(1, |it| *it.inner());
    let value = args.pop().expect("it is declared with three arguments");
    hidden::check(&*value)?;
    let n_items = n_items(&*value) as u64;
    let cost = n_items.saturating_mul(per_item.unsigned_abs());
    pay(&*args[0], weight_of_items(&*value).saturating_add(cost))?;
    let Some(map) = value.downcast_ref::<CelMap<'_>>() else {
        return Ok(value);
    };
    let keys = sorted(map).into_iter();
    let keys: Vec<Boxed<'v>> = keys.map(|(key, _)| key.inner().clone_as_boxed()).collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

fn n_items(value: &dyn Val) -> usize {
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        list.inner().len()
    } else {
        value
            .downcast_ref::<CelMap<'_>>()
            .map_or(0, |map| map.inner().len())
    }
}

fn sorted<'m, 'v>(map: &'m CelMap<'v>) -> Vec<(&'m CelMapKey<'v>, &'m Boxed<'v>)> {
    let mut members: Vec<_> = map.inner().iter().collect();
    members.sort_by_key(|(key, _)| *key);
    members
}

/// Returns the pairs of an index and an item, or of a key and a value.
fn pairs<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let value = &*args[1];
    pay(&*args[0], weight(value) + 2 * n_items(value) as u64)?;
    let pair = |key: Boxed<'v>, value: &Boxed<'v>| -> Boxed<'v> {
        Box::new(CelList::from(vec![key, value.clone()]))
    };
    let pairs: Vec<Boxed<'v>> = if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        let items = list.inner().iter().enumerate();
        items
            .map(|(at, item)| pair(Box::new(CelInt::from(at as i64)), item))
            .collect()
    } else if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        let members = sorted(map).into_iter();
        members
            .map(|(key, value)| pair(key.inner().clone_as_boxed(), value))
            .collect()
    } else {
        return Err(ExecutionError::UnexpectedType {
            got: value.get_type().name().to_owned(),
            want: "list".to_owned(),
        });
    };
    Ok(CowVal::owned(CelList::from(pairs)))
}

/// Makes a map of pairs.
fn entries<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let pairs = list(&args[1..], 0, "transformMap")?;
    pay(&*args[0], weight(pairs))?;
    let mut members: HashMap<CelMapKey<'v>, Boxed<'v>> = HashMap::new();
    for pair in pairs.inner() {
        let pair = pair.downcast_ref::<CelList<'v>>();
        let Some([key, value]) = pair.map(CelList::inner) else {
            unreachable!("the macro makes pairs");
        };
        add_member(&mut members, CelMapKey::try_from(key.clone())?, value)?;
    }
    Ok(CowVal::owned(CelMap::from(members)))
}

/// Makes one map of several.
fn merge<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let maps = list(&args[1..], 0, "transformMapEntry")?;
    pay(&*args[0], weight(maps))?;
    let mut members: HashMap<CelMapKey<'v>, Boxed<'v>> = HashMap::new();
    for map in maps.inner() {
        let Some(map) = map.downcast_ref::<CelMap<'v>>() else {
            return Err(ExecutionError::UnexpectedType {
                got: map.get_type().name().to_owned(),
                want: "map".to_owned(),
            });
        };
        for (key, value) in map.inner() {
            add_member(&mut members, key.clone(), value)?;
        }
    }
    Ok(CowVal::owned(CelMap::from(members)))
}

fn add_member<'v>(
    members: &mut HashMap<CelMapKey<'v>, Boxed<'v>>,
    key: CelMapKey<'v>,
    value: &Boxed<'v>,
) -> Result<(), ExecutionError> {
    if members.contains_key(&key) {
        let message = "it makes a key twice";
        return Err(ExecutionError::function_error("transformMapEntry", message));
    }
    members.insert(key, value.clone());
    Ok(())
}

/// Returns the numbers from 0.
fn numbers<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let end = whole(&args[1..], 0, "range")?;
    let Ok(n_items) = u64::try_from(end) else {
        let message = format!("the number of items is {end}, less than 0");
        return Err(ExecutionError::function_error("range", message));
    };
    pay(&*args[0], n_items)?;
    let items = (0..end).map(|at| -> Boxed<'v> { Box::new(CelInt::from(at)) });
    Ok(CowVal::owned(CelList::from(items.collect::<Vec<_>>())))
}

/// Returns the items without those that occurred before.
fn distinct<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let items = list(&args[1..], 0, "distinct")?;
    hidden::check_deep(items)?;
    pay_product(&*args[0], items, items)?;
    let mut kept: Vec<Boxed<'v>> = Vec::new();
    for item in items.inner() {
        if !kept.iter().any(|it| it.equals(&**item)) {
            kept.push(item.clone());
        }
    }
    Ok(CowVal::owned(CelList::from(kept)))
}

fn sets_contains<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let [one, other] = sets(&args, "sets.contains")?;
    Ok(truth(is_within(other, one)))
}

fn sets_equivalent<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let [one, other] = sets(&args, "sets.equivalent")?;
    Ok(truth(is_within(one, other) && is_within(other, one)))
}

fn sets_intersects<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let [one, other] = sets(&args, "sets.intersects")?;
    let mut items = one.inner().iter();
    Ok(truth(items.any(|item| has(other, &**item))))
}

fn sets<'a, 'v>(
    args: &'a [CowVal<'_, 'v>],
    name: &str,
) -> Result<[&'a CelList<'v>; 2], ExecutionError> {
    let [one, other] = [list(&args[1..], 0, name)?, list(&args[1..], 1, name)?];
    pay_product(&*args[0], one, other)?;
    hidden::check_deep(one)?;
    hidden::check_deep(other)?;
    Ok([one, other])
}

fn is_within(small: &CelList<'_>, large: &CelList<'_>) -> bool {
    small.inner().iter().all(|item| has(large, &**item))
}

fn has(list: &CelList<'_>, item: &dyn Val) -> bool {
    list.inner().iter().any(|it| it.equals(item))
}

/// Pays for comparing every item of one list with every item of another.
fn pay_product(
    budget: &dyn Val,
    one: &CelList<'_>,
    other: &CelList<'_>,
) -> Result<(), ExecutionError> {
    // Most comparisons end at the first difference.
    let pairs = weight(one).saturating_mul(other.inner().len() as u64);
    let pairs = pairs.max(weight(other).saturating_mul(one.inner().len() as u64));
    pay(budget, weight(one) + weight(other) + pairs / 8)
}

fn list<'a, 'v>(
    args: &'a [CowVal<'_, 'v>],
    at: usize,
    name: &str,
) -> Result<&'a CelList<'v>, ExecutionError> {
    let value: &'a (dyn Val + 'v) = &*args[at];
    value
        .downcast_ref::<CelList<'v>>()
        .ok_or_else(|| mismatch(name, args))
}
