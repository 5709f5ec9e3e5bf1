//! Texts.

use cel::common::types::{CelInt, CelList, CelString};
use cel::common::value::CowVal;
use cel::{DeclarationError, Env, ExecutionError};

use super::{FunctionArgs, Returned, function, mismatch, text, whole};
use crate::expr::budget::pay;
use crate::expr::values::{BYTES_PER_UNIT, Boxed, weight};

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    function(env, "@replace", &[4, 5], replace)?;
    function(env, "@join", &[2, 3], join)?;
    function(env, "@split", &[3, 4], split)?;
    function(env, "@indexOf", &[3, 4], index_of)?;
    function(env, "@lastIndexOf", &[3, 4], last_index_of)
}

/// `text.replace(from, to)` and `text.replace(from, to, times)`.
fn replace<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let (budget, args) = (&*args[0], &args[1..]);
    let [subject, from, to] = [
        text(args, 0, "replace")?,
        text(args, 1, "replace")?,
        text(args, 2, "replace")?,
    ];
    let times = match args.get(3) {
        Some(_) => usize::try_from(whole(args, 3, "replace")?).unwrap_or(usize::MAX),
        None => usize::MAX,
    };
    let n_places = subject.len() / from.len().max(1) + 1;
    let n_bytes = subject.len() + n_places.min(times).saturating_mul(to.len());
    pay(budget, units(n_bytes))?;
    let replaced = subject.replacen(from, to, times);
    Ok(CowVal::owned(CelString::from(replaced)))
}

/// `list.join()` and `list.join(separator)`.
fn join<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let (budget, args) = (&*args[0], &args[1..]);
    let Some(list) = args[0].downcast_ref::<CelList<'_>>() else {
        return Err(mismatch("join", args));
    };
    let separator = match args.get(1) {
        Some(_) => text(args, 1, "join")?,
        None => "",
    };
    let n_items = list.inner().len();
    let n_bytes = n_items.saturating_mul(separator.len());
    pay(budget, weight(list).saturating_add(units(n_bytes)))?;
    let mut joined = String::new();
    for (at, item) in list.inner().iter().enumerate() {
        let Some(item) = item.downcast_ref::<CelString<'_>>() else {
            let message = format!(
                "item {at} is no text but a value of type `{}`",
                item.get_type().name()
            );
            return Err(ExecutionError::function_error("join", message));
        };
        if at > 0 {
            joined.push_str(separator);
        }
        joined.push_str(item.inner());
    }
    Ok(CowVal::owned(CelString::from(joined)))
}

/// `text.split(separator)` and `text.split(separator, limit)`.
fn split<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let (budget, args) = (&*args[0], &args[1..]);
    let (subject, separator) = (text(args, 0, "split")?, text(args, 1, "split")?);
    let limit = match args.get(2) {
        Some(_) => usize::try_from(whole(args, 2, "split")?).unwrap_or(usize::MAX),
        None => usize::MAX,
    };
    pay(budget, units(subject.len()))?;
    let mut parts: Vec<Boxed<'v>> = Vec::new();
    let mut keep = |part: &str| -> Result<(), ExecutionError> {
        pay(budget, 1 + units(part.len()))?;
        parts.push(Box::new(CelString::from(part.to_owned())));
        Ok(())
    };
    if separator.is_empty() {
        let mut rest = subject;
        for n in 1..=limit {
            let Some(first) = rest.chars().next() else {
                break;
            };
            let (part, after) = rest.split_at(if n == limit {
                rest.len()
            } else {
                first.len_utf8()
            });
            keep(part)?;
            rest = after;
        }
    } else if limit > 0 {
        for part in subject.splitn(limit, separator) {
            keep(part)?;
        }
    }
    Ok(CowVal::owned(CelList::from(parts)))
}

/// `text.indexOf(part)` and `text.indexOf(part, from)`: in characters, or -1.
fn index_of<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let (budget, args) = (&*args[0], &args[1..]);
    let (subject, part) = (text(args, 0, "indexOf")?, text(args, 1, "indexOf")?);
    pay(budget, units(subject.len() + part.len()))?;
    let length = chars_of(subject);
    let from = match args.get(2) {
        Some(_) => whole(args, 2, "indexOf")?,
        None => 0,
    };
    if part.is_empty() && from >= 0 {
        return Ok(number(from.min(length)));
    }
    if from < 0 || (from >= length && args.len() > 2) {
        return Err(out_of_range("indexOf", from));
    }
    let start = byte_of(subject, from);
    let found = subject[start..].find(part);
    Ok(number(
        found.map_or(-1, |at| chars_of(&subject[..start + at])),
    ))
}

/// `text.lastIndexOf(part)` and `text.lastIndexOf(part, last)`: in characters, or -1.
fn last_index_of<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let (budget, args) = (&*args[0], &args[1..]);
    let (subject, part) = (text(args, 0, "lastIndexOf")?, text(args, 1, "lastIndexOf")?);
    pay(budget, units(subject.len() + part.len()))?;
    let length = chars_of(subject);
    let last = match args.get(2) {
        Some(_) => whole(args, 2, "lastIndexOf")?,
        None => length,
    };
    if part.is_empty() && last >= 0 {
        return Ok(number(last.min(length)));
    }
    if last < 0 || (last >= length && args.len() > 2) {
        return Err(out_of_range("lastIndexOf", last));
    }
    // The part may begin at `last`, so it may end after it.
    let end = byte_of(subject, last.saturating_add(chars_of(part)));
    let found = subject[..end].rfind(part);
    Ok(number(found.map_or(-1, |at| chars_of(&subject[..at]))))
}

fn out_of_range(name: &str, at: i64) -> ExecutionError {
    ExecutionError::function_error(name, format!("index out of range: {at}"))
}

fn number<'b, 'v>(value: i64) -> CowVal<'b, 'v> {
    CowVal::owned(CelInt::from(value))
}

fn chars_of(text: &str) -> i64 {
    text.chars().count() as i64
}

/// Returns the byte offset of a character, or the end of the text after the last character.
fn byte_of(text: &str, n_chars: i64) -> usize {
    let n_chars = usize::try_from(n_chars).unwrap_or(usize::MAX);
    let mut places = text.char_indices().map(|(at, _)| at);
    places.nth(n_chars).unwrap_or(text.len())
}

/// Returns the cost of a text.
fn units(n_bytes: usize) -> u64 {
    1 + (n_bytes / BYTES_PER_UNIT) as u64
}
