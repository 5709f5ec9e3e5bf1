//! Definitions that were written for an earlier version of their type: their global arguments as
//! the current version takes them, in memory and in the text of the file.
//!
//! The plugin makes the changes, one version after the other. This module checks its results, which
//! are untrusted.

mod edit;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use sedge_model::names::TypeVersion;
use sedge_model::yaml_text;
use serde_json::{Map, Value};

use crate::definition::{Definition, inputs_shape};
use crate::diagnostic::SourceFile;
use crate::expr::template::Template;
use crate::scope::definition_scope;
use crate::written::WrittenValue;
use crate::yaml::node::{Member, Node, NodeKind};
use crate::yaml::{Faults, Located};

/// The key of a reference to a secret: `{secret: NAME}`.
const SECRET: &str = "secret";

/// The key of a definition that upgrades change.
const ARGUMENTS: &str = "globalArguments";

/// The key of a definition that names the version of its type.
const VERSION: &str = "typeVersion";

/// The arguments that a plugin returned contain something that only the user may write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpaqueError {
    /// A text with an expression that was not in the arguments before.
    #[error("it returned an expression that the definition does not have")]
    Expression,
    /// A reference to a secret that was not in the arguments before.
    #[error("it returned a reference to a secret that the definition does not have")]
    Secret,
}

/// The text of a definition has a form in which its arguments are not edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its text has a form in which the global arguments cannot be changed alone")]
pub struct UpgradeEditError {
    /// The lines that belong in the definition in place of its arguments and its version.
    pub yaml: String,
}

/// Checks that all expressions and references to secrets in arguments that a plugin returned were
/// there before. A plugin may move or drop them. If it could add others, it could read secrets and
/// data that the user did not give to it.
///
/// # Errors
/// The first one that was not there before.
pub fn opaque_check(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Result<(), OpaqueError> {
    // The arguments themselves are no reference, even if one of them is named `secret`.
    let mut known = BTreeSet::new();
    before.values().for_each(|value| {
        visit(value, &mut |found| {
            known.insert(found);
        });
    });
    let mut unknown = None;
    let mut check = |found: Opaque<'_>| {
        if unknown.is_none() && !known.contains(&found) {
            unknown = Some(match found {
                Opaque::Expression(_) => OpaqueError::Expression,
                Opaque::Secret(_) => OpaqueError::Secret,
            });
        }
    };
    after.values().for_each(|value| visit(value, &mut check));
    unknown.map_or(Ok(()), Err)
}

/// A part of arguments that only the user may write.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Opaque<'a> {
    /// A text with an expression.
    Expression(&'a str),
    /// A reference to a secret, as JSON.
    Secret(String),
}

fn visit<'a>(value: &'a Value, found: &mut impl FnMut(Opaque<'a>)) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => {
            // A text with `$${{`, too: a plugin must not come close to writing an expression.
            if !Template::is_plain(text) {
                found(Opaque::Expression(text));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, found)),
        Value::Object(members) => {
            if let Some(secret) = secret_of(members) {
                found(Opaque::Secret(secret));
            }
            members.values().for_each(|value| visit(value, found));
        }
    }
}

/// Returns a reference to a secret as JSON, if the object is one.
fn secret_of(members: &Map<String, Value>) -> Option<String> {
    let name = members.get(SECRET)?;
    name.is_string()
        .then(|| Value::Object(members.clone()).to_string())
}

/// Returns a definition with other global arguments, in memory. A text that the file has keeps its
/// place, so that a fault in its expression is shown there.
///
/// # Errors
/// Expressions in the arguments are not valid.
pub fn with_arguments(
    definition: &Definition,
    arguments: &Map<String, Value>,
) -> Result<Definition, Faults> {
    let mut known = BTreeMap::new();
    texts(definition.global_arguments.source(), &mut known);
    let span = definition.place("/globalArguments");
    let node = placed(&Value::Object(arguments.clone()), &known, &span);
    let scope = definition_scope(inputs_shape(&definition.inputs));
    let mut faults = Faults::new(&definition.file);
    let compiled = WrittenValue::compile(&node, &definition.file, &scope, &mut faults);
    let mut upgraded = definition.clone();
    upgraded.global_arguments = compiled;
    faults.result(upgraded)
}

/// Collects the texts of a value with their nodes.
fn texts<'a>(node: &'a Node, known: &mut BTreeMap<&'a str, &'a Node>) {
    match &node.kind {
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) => {}
        NodeKind::Text(text) => {
            known.insert(&text.value, node);
        }
        NodeKind::List(items) => items.iter().for_each(|item| texts(item, known)),
        NodeKind::Map(members) => members.iter().for_each(|it| texts(&it.value, known)),
    }
}

/// Makes a node in which known texts have their places, and everything else has the place `span`.
fn placed(value: &Value, known: &BTreeMap<&str, &Node>, span: &Range<usize>) -> Node {
    let of = |kind| Node {
        span: span.clone(),
        kind,
    };
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Node::from_value(value, span.clone()),
        Value::String(text) => known.get(text.as_str()).map_or_else(
            || Node::from_value(value, span.clone()),
            |node| (*node).clone(),
        ),
        Value::Array(items) => {
            let items = items.iter().map(|item| placed(item, known, span));
            of(NodeKind::List(items.collect()))
        }
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| Member {
                key: Located {
                    value: key.as_str().into(),
                    span: span.clone(),
                },
                value: placed(value, known, span),
            });
            of(NodeKind::Map(members.collect()))
        }
    }
}

/// Returns the text of a definition's file with other global arguments and another version of its
/// type. Only the lines of what changed are written again; all others, with their comments, stay.
///
/// The new text is parsed again, and is returned only if it has the wanted meaning.
///
/// # Errors
/// The text has a form that is not edited.
pub fn upgraded_text(
    definition: &Definition,
    arguments: &Map<String, Value>,
    version: &TypeVersion,
) -> Result<String, UpgradeEditError> {
    let (text, tree) = (&definition.file.text, definition.tree());
    let each = edit::edited(text, tree, arguments, version);
    let whole = || edit::edited_as_a_whole(text, tree, arguments, version);
    let is_right = |text: &String| is_upgraded(definition, text, arguments, version);
    let found = each.filter(is_right).or_else(|| whole().filter(is_right));
    found.ok_or_else(|| UpgradeEditError {
        yaml: lines_by_hand(arguments, version),
    })
}

/// Returns whether a text is that of the definition with these arguments and this version, and the
/// same in everything else.
fn is_upgraded(
    definition: &Definition,
    text: &str,
    arguments: &Map<String, Value>,
    version: &TypeVersion,
) -> bool {
    let file: Arc<SourceFile> = SourceFile::new(definition.file.name.clone(), text);
    let Ok(edited) = Definition::parse(&file) else {
        return false;
    };
    edited.type_version.as_ref() == Some(version)
        && edited.global_arguments.source().value() == Value::Object(arguments.clone())
        && other_keys(edited.tree()) == other_keys(definition.tree())
}

fn other_keys(tree: &Node) -> BTreeMap<&str, Value> {
    let members = tree.members().unwrap_or_default().iter();
    let others = members.filter(|it| ![ARGUMENTS, VERSION].contains(&&*it.key.value));
    others
        .map(|it| (&*it.key.value, it.value.value()))
        .collect()
}

fn lines_by_hand(arguments: &Map<String, Value>, version: &TypeVersion) -> String {
    let mut keys = Map::new();
    keys.insert(VERSION.to_owned(), Value::from(version.as_str()));
    keys.insert(ARGUMENTS.to_owned(), Value::Object(arguments.clone()));
    yaml_text::write(&keys).trim_end().to_owned()
}
