//! Regular expressions. Each pattern was compiled once, and is the second argument.

use cel::common::types::{CelList, CelOptional, CelString};
use cel::common::value::CowVal;
use cel::{DeclarationError, Env, ExecutionError};
use regex::{Captures, Regex};

use super::{FunctionArgs, Pattern, Returned, function, text, truth, whole};
use crate::expr::budget::pay;
use crate::expr::values::{BYTES_PER_UNIT, Boxed};

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    function(env, "@matches", &[3], matches)?;
    function(env, "@regex.extract", &[3], extract)?;
    function(env, "@regex.extractAll", &[3], extract_all)?;
    function(env, "@regex.replace", &[4, 5], replace)
}

/// Returns the pattern after the search was paid for.
fn paid<'a>(args: &'a [CowVal<'_, '_>], subject: &str) -> Result<&'a Regex, ExecutionError> {
    let pattern = args[1].downcast_ref::<Pattern>();
    let pattern = pattern.expect("the compiler puts the pattern second");
    // A search takes time in proportion to the text and the pattern.
    let per_byte = 1 + pattern.0.as_str().len() / 32;
    let cost = (subject.len() / BYTES_PER_UNIT).saturating_mul(per_byte);
    pay(&*args[0], 1 + cost as u64)?;
    Ok(&pattern.0)
}

fn matches<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let subject = text(&args[2..], 0, "matches")?;
    Ok(truth(paid(&args, subject)?.is_match(subject)))
}

/// Returns the first match, or its group.
fn extract<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let subject = text(&args[2..], 0, "regex.extract")?;
    let pattern = paid(&args, subject)?;
    let group = group(pattern, "regex.extract")?;
    let found = pattern.captures(subject).and_then(|it| it.get(group));
    Ok(CowVal::owned(match found {
        Some(part) => CelOptional::of(Box::new(CelString::from(part.as_str().to_owned()))),
        None => CelOptional::none(),
    }))
}

/// Returns every match, or its group.
fn extract_all<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let subject = text(&args[2..], 0, "regex.extractAll")?;
    let pattern = paid(&args, subject)?;
    let group = group(pattern, "regex.extractAll")?;
    let mut parts: Vec<Boxed<'v>> = Vec::new();
    for found in pattern.captures_iter(subject) {
        pay(&*args[0], 2)?;
        if let Some(part) = found.get(group) {
            parts.push(Box::new(CelString::from(part.as_str().to_owned())));
        }
    }
    Ok(CowVal::owned(CelList::from(parts)))
}

/// Returns the number of the group to extract.
fn group(pattern: &Regex, name: &str) -> Result<usize, ExecutionError> {
    match pattern.captures_len() {
        1 => Ok(0),
        2 => Ok(1),
        _ => {
            let message = "the pattern has more than one group; make the others `(?:…)`";
            Err(ExecutionError::function_error(name, message))
        }
    }
}

/// Replaces every match, or the first of them. `\1` in the replacement is a group.
fn replace<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let name = "regex.replace";
    let written = &args[2..];
    let (subject, replacement) = (text(written, 0, name)?, text(written, 1, name)?);
    let times = match written.get(2) {
        Some(_) => usize::try_from(whole(written, 2, name)?).unwrap_or(usize::MAX),
        None => usize::MAX,
    };
    let pattern = paid(&args, subject)?;
    let pieces = replacement_pieces(replacement, pattern.captures_len())
        .map_err(|message| ExecutionError::function_error(name, message))?;
    let (mut replaced, mut copied) = (String::new(), 0);
    for found in pattern.captures_iter(subject).take(times) {
        let Some(whole) = found.get(0) else {
            continue;
        };
        replaced.push_str(&subject[copied..whole.start()]);
        copied = whole.end();
        let before = replaced.len();
        append(&mut replaced, &pieces, &found);
        pay(
            &*args[0],
            2 + ((replaced.len() - before) / BYTES_PER_UNIT) as u64,
        )?;
    }
    replaced.push_str(&subject[copied..]);
    Ok(CowVal::owned(CelString::from(replaced)))
}

enum Piece {
    Char(char),
    Group(usize),
}

fn replacement_pieces(text: &str, n_groups: usize) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            pieces.push(Piece::Char(c));
            continue;
        }
        match chars.next() {
            Some('\\') => pieces.push(Piece::Char('\\')),
            Some(digit @ '0'..='9') => {
                let group = digit as usize - '0' as usize;
                if group >= n_groups {
                    return Err(format!("the pattern has no group {group}"));
                }
                pieces.push(Piece::Group(group));
            }
            Some(_) | None => {
                return Err("a `\\` in the replacement stands before a digit or a `\\`".to_owned());
            }
        }
    }
    Ok(pieces)
}

fn append(replaced: &mut String, pieces: &[Piece], found: &Captures<'_>) {
    for piece in pieces {
        match piece {
            Piece::Char(c) => replaced.push(*c),
            Piece::Group(group) => {
                replaced.push_str(found.get(*group).map_or("", |it| it.as_str()));
            }
        }
    }
}
