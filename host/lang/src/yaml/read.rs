//! Reads values of a tree. If a value is wrong, a function adds a fault that says what to write
//! instead, and returns `None`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use sedge_model::lifetime::Span;

use super::keys::KEYS_FORM;
use super::node::{Member, Node, NodeKind};
use super::{Faults, LIST_FORM, Located, wrong_type};
use crate::diagnostic::DiagnosticCode;

/// Reads a text. A number or a boolean is the text that was written.
pub fn text(node: &Node, faults: &mut Faults) -> Option<Located<String>> {
    let value = match &node.kind {
        NodeKind::Text(text) => text.value.to_string(),
        NodeKind::Number(_) | NodeKind::Bool(_) => node.written(faults.file()),
        NodeKind::Null | NodeKind::List(_) | NodeKind::Map(_) => {
            faults.push(wrong_type(node, faults.file(), "a text"));
            return None;
        }
    };
    Some(located(node, value))
}

/// Reads a text that is parsed further, such as a name or a version. The fault has the message of
/// the parser.
pub fn parsed<N>(node: &Node, faults: &mut Faults) -> Option<Located<N>>
where
    N: FromStr,
    N::Err: Display,
{
    let text = text(node, faults)?;
    match text.value.parse() {
        Ok(value) => Some(located(node, value)),
        Err(error) => {
            let message = error.to_string();
            faults.add(DiagnosticCode::InvalidValue, text.span, message);
            None
        }
    }
}

/// Reads `true` or `false`.
pub fn boolean(node: &Node, faults: &mut Faults) -> Option<Located<bool>> {
    if let NodeKind::Bool(value) = node.kind {
        return Some(located(node, value));
    }
    faults.push(wrong_type(node, faults.file(), "`true` or `false`"));
    None
}

/// Reads a whole number, 0 or more.
pub fn whole_number(node: &Node, faults: &mut Faults) -> Option<Located<u64>> {
    if let NodeKind::Number(number) = &node.kind
        && let Some(value) = number.as_u64()
    {
        return Some(located(node, value));
    }
    let fault = wrong_type(node, faults.file(), "a whole number, 0 or more");
    let is_quoted = node.text().is_some_and(|it| it.parse::<u64>().is_ok());
    faults.push(match is_quoted {
        true => fault.with_hint("remove the quotes"),
        false => fault,
    });
    None
}

/// Reads a list. Items for which `item` returns `None` are left out; `item` adds their faults.
pub fn list<'n, T>(
    node: &'n Node,
    faults: &mut Faults,
    item: impl FnMut(&'n Node, &mut Faults) -> Option<T>,
) -> Option<Located<Vec<T>>> {
    let Some(items) = node.items() else {
        faults.push(wrong_type(node, faults.file(), LIST_FORM));
        return None;
    };
    Some(located(node, each(items, faults, item)))
}

/// Reads a list, or one value that stands for a list with one item.
pub fn one_or_list<'n, T>(
    node: &'n Node,
    faults: &mut Faults,
    item: impl FnMut(&'n Node, &mut Faults) -> Option<T>,
) -> Option<Located<Vec<T>>> {
    let items = node.items().unwrap_or(std::slice::from_ref(node));
    Some(located(node, each(items, faults, item)))
}

/// Reads keys with values, where the author chooses the keys. Members for which `member` returns
/// `None` are left out; `member` adds their faults.
pub fn map<'n, T>(
    node: &'n Node,
    faults: &mut Faults,
    member: impl FnMut(&'n Member, &mut Faults) -> Option<T>,
) -> Option<Located<Vec<T>>> {
    let Some(members) = node.members() else {
        faults.push(wrong_type(node, faults.file(), KEYS_FORM));
        return None;
    };
    Some(located(node, each(members, faults, member)))
}

/// Reads tags: keys with texts.
pub fn tags(node: &Node, faults: &mut Faults) -> Option<Located<BTreeMap<String, String>>> {
    let members = map(node, faults, |member, faults| {
        let value = text(&member.value, faults)?.value;
        if member.key.value.is_empty() {
            let span = member.key.span.clone();
            faults.add(DiagnosticCode::InvalidName, span, "a tag has no name");
            return None;
        }
        Some((member.key.value.to_string(), value))
    })?;
    Some(located(node, members.value.into_iter().collect()))
}

/// Reads a span of time: `5m`, or a number of seconds.
pub fn span_of_time(node: &Node, faults: &mut Faults) -> Option<Located<Span>> {
    let text = text(node, faults)?;
    let is_number = text.value.bytes().all(|it| it.is_ascii_digit());
    let with_unit = match is_number && !text.value.is_empty() {
        true => format!("{}s", text.value),
        false => text.value.clone(),
    };
    if let Ok(value) = with_unit.parse() {
        return Some(located(node, value));
    }
    let message = format!("`{}` is not a span of time", text.value.escape_debug());
    let fault = faults.fault(text.span, message);
    faults.push(fault.with_hint(
        "write a whole number from 1 on and a unit: `30s`, `5m`, `1h`, `7d`, `2w`, `1mo` or `1y`; \
         a number alone is seconds",
    ));
    None
}

fn located<T>(node: &Node, value: T) -> Located<T> {
    let span = node.span.clone();
    Located { value, span }
}

fn each<'n, I, T>(
    items: &'n [I],
    faults: &mut Faults,
    mut read: impl FnMut(&'n I, &mut Faults) -> Option<T>,
) -> Vec<T> {
    let items = items.iter();
    items.filter_map(|it| read(it, faults)).collect()
}
