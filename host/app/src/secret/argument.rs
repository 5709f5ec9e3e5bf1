//! Secrets in the arguments of definitions: what stands for them until a call gets its arguments.
//!
//! A definition refers to a secret as `{secret: NAME}`, or by `secret(NAME)` in an expression. The
//! evaluation puts a *mark* in its place, an object with one member. Expressions treat it as hidden:
//! they can hand it on, and neither compare it nor compute with it. The key of a mark contains a
//! random text, so neither data of a plugin nor an input can contain one.

use std::sync::LazyLock;

use sedge_lang::expr::template::Template;
use sedge_lang::yaml::node::{Node, NodeKind};
use sedge_model::names::SecretName;
use sedge_model::sealed::SEALED_KEY;
use sedge_model::violation::Violation;
use sedge_secrets::{Redactor, SecretValue};
use sedge_sys::random;
use serde_json::{Map, Value};

use crate::repository::Repository;

/// The key of a literal reference: `{secret: NAME}`.
const REFERENCE_KEY: &str = "secret";

/// Returns the key of marks.
fn mark_key() -> &'static str {
    // process-wide: a random text, which a guest must not learn and a user cannot know.
    static KEY: LazyLock<String> = LazyLock::new(|| {
        let (one, other) = (random::bits(), random::bits());
        format!("{SEALED_KEY}:secret-{one:016x}{other:016x}")
    });
    &KEY
}

/// Returns the mark of a secret.
pub(crate) fn secret_mark(name: &SecretName) -> Value {
    let name = Value::String(name.to_string());
    Value::Object(Map::from_iter([(mark_key().to_owned(), name)]))
}

/// Replaces the literal references of a definition by marks. `value` is the evaluated form of
/// `written`. What an expression returns is no literal, so data that looks like a reference stays
/// data.
pub(crate) fn references_mark(written: &Node, value: &mut Value) {
    if let Some(name) = reference(written) {
        *value = secret_mark(&name);
        return;
    }
    match (&written.kind, value) {
        (NodeKind::List(items), Value::Array(values)) => {
            for (item, value) in items.iter().zip(values) {
                references_mark(item, value);
            }
        }
        (NodeKind::Map(members), Value::Object(values)) => {
            for member in members {
                if let Some(value) = values.get_mut(&member.key.value) {
                    references_mark(&member.value, value);
                }
            }
        }
        _ => {}
    }
}

/// Returns the secret that a literal refers to.
fn reference(written: &Node) -> Option<SecretName> {
    let [member] = written.members()? else {
        return None;
    };
    let name = member.value.text().filter(|it| !Template::is_in(it))?;
    // ignored: an object whose text is no name of a secret is an ordinary object.
    (member.key.value == REFERENCE_KEY).then(|| name.parse().ok())?
}

/// Returns whether a value contains a mark, as a whole or within a text.
pub(crate) fn has_mark(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.contains(mark_key()),
        Value::Array(items) => items.iter().any(has_mark),
        Value::Object(members) => {
            members.contains_key(mark_key()) || members.values().any(has_mark)
        }
    }
}

/// Replaces each mark by the text that `replace` returns for the JSON Pointer of the argument and the
/// name of the secret. A mark within a text is replaced there.
pub(crate) fn marks_replace(
    value: &mut Value,
    replace: &mut impl FnMut(&str, &SecretName) -> String,
) {
    marks_replace_at(value, &mut String::new(), replace);
}

fn marks_replace_at(
    value: &mut Value,
    pointer: &mut String,
    replace: &mut impl FnMut(&str, &SecretName) -> String,
) {
    if let Some(name) = marked(value) {
        *value = Value::String(replace(pointer, &name));
        return;
    }
    let n_bytes = pointer.len();
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => *text = text_replaced(text, pointer, replace),
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                pointer.push('/');
                pointer.push_str(&at.to_string());
                marks_replace_at(item, pointer, replace);
                pointer.truncate(n_bytes);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                marks_replace_at(member, pointer, replace);
                pointer.truncate(n_bytes);
            }
        }
    }
}

/// Returns the secret of a value that is a mark.
fn marked(value: &Value) -> Option<SecretName> {
    let members = value.as_object().filter(|it| it.len() == 1)?;
    let name = members.get(mark_key())?.as_str()?;
    // ignored: only this file makes marks, and each has a name.
    name.parse().ok()
}

/// Replaces the marks in a text, where they are written as compact JSON.
fn text_replaced(
    text: &str,
    pointer: &str,
    replace: &mut impl FnMut(&str, &SecretName) -> String,
) -> String {
    let start = format!("{{\"{}\":\"", mark_key());
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(&start) {
        replaced.push_str(before);
        let found = after
            .split_once("\"}")
            // ignored: only this file makes marks, and each has a name.
            .and_then(|(name, rest)| Some((name.parse().ok()?, rest)));
        let Some((name, after)) = found else {
            rest = after;
            continue;
        };
        replaced.push_str(&replace(pointer, &name));
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

/// Arguments with the values of their secrets, to be checked against a schema. They must not leave
/// the check.
pub(crate) struct OpenedArguments {
    pub(crate) value: Value,
    /// The secrets that are missing or cannot be read.
    faults: Vec<Violation>,
    redactor: Redactor,
}

impl OpenedArguments {
    /// Returns the faults of the secrets, or else the violations of a check, without the values.
    pub(crate) fn violations(self, check: impl FnOnce(&Value) -> Vec<Violation>) -> Vec<Violation> {
        if !self.faults.is_empty() {
            return self.faults;
        }
        let mut violations = check(&self.value);
        for violation in &mut violations {
            violation.message = self.redactor.redact(&violation.message).into_owned();
            violation.path = self.redactor.redact(&violation.path).into_owned();
        }
        violations
    }
}

/// Opens the secrets whose marks arguments contain.
pub(crate) fn arguments_open(repository: &Repository, arguments: &Value) -> OpenedArguments {
    let mut value = arguments.clone();
    let (mut faults, mut opened) = (Vec::new(), Vec::new());
    if has_mark(arguments) {
        marks_replace(
            &mut value,
            &mut |pointer, name| match secret_text(repository, name) {
                Ok((text, secret)) => {
                    opened.push((name.clone(), secret));
                    text
                }
                Err(message) => {
                    let path = pointer.to_owned();
                    faults.push(Violation { path, message });
                    String::new()
                }
            },
        );
    }
    OpenedArguments {
        value,
        faults,
        redactor: Redactor::new(opened),
    }
}

/// Returns the value of a secret as text.
///
/// # Errors
/// There is no such secret, it cannot be read, or it is no text. The message says so.
fn secret_text(
    repository: &Repository,
    name: &SecretName,
) -> Result<(String, SecretValue), String> {
    let secrets = repository.secrets().map_err(|error| error.to_string())?;
    let value = match secrets.get(name) {
        Ok(Some(value)) => value,
        Ok(None) => return Err(format!("there is no secret `{name}`")),
        Err(error) => return Err(error.to_string()),
    };
    match std::str::from_utf8(value.expose()) {
        Ok(text) => Ok((text.to_owned(), value)),
        Err(_) => Err(format!(
            "the secret `{name}` is no text, and arguments contain only text"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name(text: &str) -> SecretName {
        text.parse().expect("a name")
    }

    fn replaced(mut value: Value) -> (Value, Vec<String>) {
        let mut seen = Vec::new();
        marks_replace(&mut value, &mut |pointer, name| {
            seen.push(format!("{pointer} {name}"));
            format!("<{name}>")
        });
        (value, seen)
    }

    #[test]
    fn literal_references_become_marks() {
        let check = |written: Value, evaluated: Value, expect: Value| {
            let node = Node::from_value(&written, 0..0);
            let mut value = evaluated;
            references_mark(&node, &mut value);
            assert_eq!(replaced(value).0, expect, "{written}");
        };
        let plain = |written: Value, expect: Value| check(written.clone(), written, expect);
        plain(json!({"token": {"secret": "A"}}), json!({"token": "<A>"}));
        plain(json!([{"secret": "A"}, 1]), json!(["<A>", 1]));
        for ordinary in [
            json!({"a": {"secret": "A", "more": 1}}),
            json!({"a": {"secret": 7}}),
            json!({"a": {"secret": "not a name"}}),
            json!({"a": {"secrets": "A"}}),
            json!({"a": "A"}),
        ] {
            plain(ordinary.clone(), ordinary);
        }
        // What an expression returns is no literal.
        let data = json!({"a": {"secret": "A"}});
        check(json!({"a": "${{ x }}"}), data.clone(), data);
        let data = json!({"a": {"secret": "A"}});
        check(json!({"a": {"secret": "${{ x }}"}}), data.clone(), data);
    }

    #[test]
    fn marks_are_replaced_as_a_whole_and_within_texts() {
        let mark = secret_mark(&name("TOKEN"));
        let text = format!("Bearer {mark}, {mark}!");
        let value = json!({"a/b": [mark, text], "c": "$sealed"});
        assert!(has_mark(&value) && !has_mark(&json!({"$sealed": {"key": "a"}})));
        let (value, seen) = replaced(value);
        let expect = json!({"a/b": ["<TOKEN>", "Bearer <TOKEN>, <TOKEN>!"], "c": "$sealed"});
        assert_eq!(value, expect);
        assert_eq!(seen, ["/a~1b/0 TOKEN", "/a~1b/1 TOKEN", "/a~1b/1 TOKEN"]);
        assert!(!has_mark(&value));
    }
}
