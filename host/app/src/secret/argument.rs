//! Secrets in the arguments of definitions and steps: what stands for them until a call gets its
//! arguments.
//!
//! A file refers to a secret as `{secret: NAME}`, or by `secret(NAME)` in an expression. The
//! evaluation puts a *mark* in its place, an object with one member. Expressions treat it as hidden:
//! they can hand it on, and neither compare it nor compute with it. The key of a mark contains a
//! random text, so neither data of a plugin nor an input can contain one.
//!
//! A sealed field of data that an expression hands on has a mark as well, and so has a sensitive
//! input of a workflow's run. A record has `[secret NAME]` or `[sealed]` in place of a mark, so it is
//! the same in every process.

use std::sync::LazyLock;

use sedge_lang::expr::template::Template;
use sedge_lang::input::InputsSchema;
use sedge_lang::yaml::node::{Node, NodeKind};
use sedge_model::json_pointer::pointer_push;
use sedge_model::names::{DataName, ModelName, SecretName};
use sedge_model::sealed::{SEALED_KEY, SEALED_SHOWN};
use sedge_model::violation::Violation;
use sedge_secrets::{Redactor, SecretValue};
use sedge_sys::random;
use serde_json::{Map, Value, json};

use crate::error::AppError;
use crate::repository::Repository;

/// The key of a literal reference to a secret: `{secret: NAME}`.
const REFERENCE_KEY: &str = "secret";

/// Returns the key of marks.
pub(super) fn mark_key() -> &'static str {
    // process-wide: a random text, which a guest must not learn and a user cannot know.
    static KEY: LazyLock<String> = LazyLock::new(|| {
        let (one, other) = (random::bits(), random::bits());
        format!("{SEALED_KEY}:secret-{one:016x}{other:016x}")
    });
    &KEY
}

/// What a mark stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ArgumentMark {
    /// A secret.
    Secret(SecretName),
    /// A sealed field of data that an expression hands on.
    Field(FieldMark),
    /// A sensitive input of the run: its JSON Pointer.
    Input(String),
}

/// A sealed field of one version of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldMark {
    pub(crate) model: ModelName,
    pub(crate) name: DataName,
    pub(crate) version: u64,
    /// The JSON Pointer of the field in the content.
    pub(crate) pointer: String,
}

/// The content of a mark.
enum MarkContent {
    Mark(ArgumentMark),
    /// A text with marks in it. Expressions must not see its parts either.
    Text(String),
}

/// Returns the mark of a secret.
pub(crate) fn secret_mark(name: &SecretName) -> Value {
    mark_with(Value::String(name.to_string()))
}

/// Returns the mark of a sealed field.
pub(crate) fn field_mark(field: &FieldMark) -> Value {
    mark_with(json!({
        "model": field.model.as_str(),
        "name": field.name.as_str(),
        "version": field.version,
        "pointer": field.pointer,
    }))
}

/// Returns the mark of a sensitive input, or of a sensitive part of one.
pub(crate) fn input_mark(pointer: &str) -> Value {
    mark_with(json!({"input": pointer}))
}

/// Replaces each text that contains a mark by a mark of the text, so that later expressions cannot
/// see parts of it.
pub(crate) fn texts_mark(value: &mut Value) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => {
            if text.contains(mark_key()) {
                *value = mark_with(json!({"text": text.as_str()}));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(texts_mark),
        Value::Object(members) => {
            if !members.contains_key(mark_key()) {
                members.values_mut().for_each(texts_mark);
            }
        }
    }
}

fn mark_with(content: Value) -> Value {
    Value::Object(Map::from_iter([(mark_key().to_owned(), content)]))
}

impl MarkContent {
    /// Only this file makes marks, so a content that cannot be read is that of no mark.
    fn parse(content: &Value) -> Option<Self> {
        if let Some(name) = content.as_str() {
            // ignored: see above.
            return Some(Self::Mark(ArgumentMark::Secret(name.parse().ok()?)));
        }
        let text = |key| content.get(key).and_then(Value::as_str);
        if let Some(text) = text("text") {
            return Some(Self::Text(text.to_owned()));
        }
        if let Some(pointer) = text("input") {
            return Some(Self::Mark(ArgumentMark::Input(pointer.to_owned())));
        }
        Some(Self::Mark(ArgumentMark::Field(FieldMark {
            // ignored: see above.
            model: text("model")?.parse().ok()?,
            // ignored: see above.
            name: text("name")?.parse().ok()?,
            version: content.get("version")?.as_u64()?,
            pointer: text("pointer")?.to_owned(),
        })))
    }
}

/// Replaces the literal references in arguments by marks. `value` is the evaluated form of
/// `written`. What an expression returns is no literal, so data that looks like a reference stays
/// data. The arguments as a whole are no reference: one of them may be named `secret`.
pub(crate) fn references_mark(written: &Node, value: &mut Value) {
    match (&written.kind, value) {
        (NodeKind::List(items), Value::Array(values)) => {
            for (item, value) in items.iter().zip(values) {
                reference_or_parts_mark(item, value);
            }
        }
        (NodeKind::Map(members), Value::Object(values)) => {
            for member in members.iter() {
                if let Some(value) = values.get_mut(&*member.key.value) {
                    reference_or_parts_mark(&member.value, value);
                }
            }
        }
        _ => {}
    }
}

fn reference_or_parts_mark(written: &Node, value: &mut Value) {
    match reference(written) {
        Some(name) => *value = secret_mark(&name),
        None => references_mark(written, value),
    }
}

/// Calls `found` with the name of each secret that a literal of arguments refers to, and with the
/// literal.
pub(crate) fn references_visit(written: &Node, found: &mut impl FnMut(SecretName, &Node)) {
    // ignored: there is no error here, only no parts.
    let items = written.items().unwrap_or_default().iter();
    // ignored: as above.
    let members = written.members().unwrap_or_default().iter();
    for part in items.chain(members.map(|it| &it.value)) {
        match reference(part) {
            Some(name) => found(name, part),
            None => references_visit(part, found),
        }
    }
}

/// Returns the secret that a literal refers to.
fn reference(written: &Node) -> Option<SecretName> {
    let [member] = written.members()? else {
        return None;
    };
    let name = member
        .value
        .text()
        .filter(|it| !Template::has_expression(it))?;
    // ignored: an object whose text is no name of a secret is an ordinary object.
    (*member.key.value == *REFERENCE_KEY).then(|| name.parse().ok())?
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

/// Returns whether a value is the mark of one secret, sealed field or sensitive input, and nothing
/// else.
pub(crate) fn is_mark(value: &Value) -> bool {
    matches!(content_of(value), Some(MarkContent::Mark(_)))
}

/// Replaces each mark by `[secret NAME]` or `[sealed]`, which is what a record has in its place.
pub(crate) fn marks_hide(value: &mut Value) {
    if has_mark(value) {
        marks_replace(value, &mut |_, mark| {
            Value::String(match mark {
                ArgumentMark::Secret(name) => format!("[secret {name}]"),
                ArgumentMark::Field(_) | ArgumentMark::Input(_) => SEALED_SHOWN.to_owned(),
            })
        });
    }
}

/// Returns the inputs of a definition, with the defaults. An input with the mark of a secret is not
/// checked here: it is checked where an argument has it.
///
/// # Errors
/// The other inputs violate the schema that the definition declares.
pub(crate) fn inputs_resolve(
    declared: &InputsSchema,
    given: Map<String, Value>,
) -> Result<Map<String, Value>, Vec<Violation>> {
    let (hidden, given) = given.into_iter().partition(|(_, value)| has_mark(value));
    declared.resolve_hidden(given, hidden)
}

/// Replaces each mark by what `replace` returns for the JSON Pointer of the argument and the mark. A
/// mark within a text is replaced there.
pub(crate) fn marks_replace(
    value: &mut Value,
    replace: &mut impl FnMut(&str, &ArgumentMark) -> Value,
) {
    marks_replace_at(value, &mut String::new(), replace);
}

fn marks_replace_at(
    value: &mut Value,
    pointer: &mut String,
    replace: &mut impl FnMut(&str, &ArgumentMark) -> Value,
) {
    match content_of(value) {
        Some(MarkContent::Mark(mark)) => {
            *value = replace(pointer, &mark);
            return;
        }
        Some(MarkContent::Text(text)) => {
            *value = Value::String(text_replaced(&text, pointer, replace));
            return;
        }
        None => {}
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
                pointer_push(pointer, key);
                marks_replace_at(member, pointer, replace);
                pointer.truncate(n_bytes);
            }
        }
    }
}

/// Returns what a value stands for, if it is a mark.
fn content_of(value: &Value) -> Option<MarkContent> {
    let members = value.as_object().filter(|it| it.len() == 1)?;
    MarkContent::parse(members.get(mark_key())?)
}

/// Replaces the marks in a text, where they are written as compact JSON.
fn text_replaced(
    text: &str,
    pointer: &str,
    replace: &mut impl FnMut(&str, &ArgumentMark) -> Value,
) -> String {
    let start = format!("{{\"{}\":", mark_key());
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(&start) {
        replaced.push_str(before);
        let Some((content, after)) = content_before(after) else {
            rest = after;
            continue;
        };
        match content {
            MarkContent::Mark(mark) => {
                let value = replace(pointer, &mark);
                match value.as_str() {
                    Some(text) => replaced.push_str(text),
                    None => replaced.push_str(&value.to_string()),
                }
            }
            MarkContent::Text(text) => {
                replaced.push_str(&text_replaced(&text, pointer, replace));
            }
        }
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

/// Returns the content of a mark with which a text begins, and the rest of the text.
fn content_before(text: &str) -> Option<(MarkContent, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    // ignored: only this file makes marks, and each has a content.
    let content = MarkContent::parse(&values.next()?.ok()?)?;
    let rest = text.get(values.byte_offset()..)?;
    Some((content, rest.strip_prefix('}')?))
}

/// Arguments with the values of their secrets, to be checked against a schema. They must not leave
/// the check.
pub(crate) struct OpenedArguments {
    pub(crate) value: Value,
    /// The secrets that are missing or cannot be read.
    faults: Vec<Violation>,
    /// The places of sealed fields, of sensitive inputs, and of secrets that a command reads. They are
    /// opened, and checked, when a method is called.
    late: Vec<String>,
    redactor: Redactor,
}

impl OpenedArguments {
    /// Returns the faults of the secrets, or else the violations of a check, without the values.
    pub(crate) fn violations(self, check: impl FnOnce(&Value) -> Vec<Violation>) -> Vec<Violation> {
        if !self.faults.is_empty() {
            return self.faults;
        }
        let mut violations = check(&self.value);
        violations.retain(|it| !self.late.iter().any(|field| is_within(&it.path, field)));
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
    let (mut faults, mut late, mut opened) = (Vec::new(), Vec::new(), Vec::new());
    let mut replace = |pointer: &str, mark: &ArgumentMark| {
        let name = match mark {
            ArgumentMark::Secret(name) => name,
            ArgumentMark::Field(_) | ArgumentMark::Input(_) => {
                late.push(pointer.to_owned());
                return SEALED_SHOWN.to_owned();
            }
        };
        if repository.secret_sources().source_of(name).is_some() {
            late.push(pointer.to_owned());
            return format!("[secret {name}]");
        }
        match secret_text(repository, name) {
            Ok((text, secret)) => {
                opened.push((name.clone(), secret));
                text
            }
            Err(message) => {
                let path = pointer.to_owned();
                faults.push(Violation { path, message });
                String::new()
            }
        }
    };
    if has_mark(arguments) {
        marks_replace(&mut value, &mut |pointer, mark| {
            Value::String(replace(pointer, mark))
        });
    }
    OpenedArguments {
        value,
        faults,
        late,
        redactor: Redactor::new(opened),
    }
}

/// Returns the secrets that arguments refer to and that are not stored, each with the JSON Pointer of
/// its argument. Secrets that a command reads are left out.
///
/// # Errors
/// The folder of secrets cannot be read.
pub(crate) fn secrets_missing(
    repository: &Repository,
    arguments: &Value,
) -> Result<Vec<(String, SecretName)>, AppError> {
    let mut named = Vec::new();
    if has_mark(arguments) {
        marks_replace(&mut arguments.clone(), &mut |pointer, mark| {
            match mark {
                ArgumentMark::Secret(name) => named.push((pointer.to_owned(), name.clone())),
                ArgumentMark::Field(_) | ArgumentMark::Input(_) => {}
            }
            Value::Null
        });
    }
    let sources = repository.secret_sources();
    named.retain(|(_, name)| sources.source_of(name).is_none());
    if named.is_empty() {
        return Ok(named);
    }
    let stored = match repository.has_state_folder("secrets")? {
        true => repository.secrets()?.names()?,
        false => Vec::new(),
    };
    named.retain(|(_, name)| !stored.contains(name));
    Ok(named)
}

fn is_within(path: &str, outer: &str) -> bool {
    let inner = path.strip_prefix(outer);
    inner.is_some_and(|it| it.is_empty() || it.starts_with('/'))
}

/// Returns the value of a secret as text.
///
/// # Errors
/// There is no such secret, it cannot be read, or it is not text. The error is the message.
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
            "the secret `{name}` is not text, and an argument can only be text"
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
        marks_replace(&mut value, &mut |pointer, mark| {
            let shown = match mark {
                ArgumentMark::Secret(name) => name.to_string(),
                ArgumentMark::Field(it) => {
                    format!("{}/{}/{}#{}", it.model, it.name, it.version, it.pointer)
                }
                ArgumentMark::Input(pointer) => format!("input {pointer}"),
            };
            seen.push(format!("{pointer} {shown}"));
            Value::String(format!("<{shown}>"))
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
        plain(json!({"secret": "A"}), json!({"secret": "A"}));
        for ordinary in [
            json!({"a": {"secret": "A", "more": 1}}),
            json!({"a": {"secret": 7}}),
            json!({"a": {"secret": "not a name"}}),
            json!({"a": {"secrets": "A"}}),
            json!({"a": "A"}),
        ] {
            plain(ordinary.clone(), ordinary);
        }
        // The result of an expression is not a literal.
        let data = json!({"a": {"secret": "A"}});
        check(json!({"a": "${{ x }}"}), data.clone(), data);
        let data = json!({"a": {"secret": "A"}});
        check(json!({"a": {"secret": "${{ x }}"}}), data.clone(), data);
    }

    #[test]
    fn record_has_the_name_in_place_of_a_mark() {
        let mark = secret_mark(&name("TOKEN"));
        let mut value = json!({"a": [mark, format!("Bearer {mark}")], "b": 1});
        marks_hide(&mut value);
        let expect = json!({"a": ["[secret TOKEN]", "Bearer [secret TOKEN]"], "b": 1});
        assert_eq!(value, expect);
    }

    #[test]
    fn sealed_field_has_a_mark_as_well() {
        let field = FieldMark {
            model: "vault".parse().expect("a name"),
            name: "prod".parse().expect("a name"),
            version: 3,
            pointer: "/keys/a\"}~1b".to_owned(),
        };
        let mark = field_mark(&field);
        let shown = "<vault/prod/3#/keys/a\"}~1b>";
        let (value, seen) = replaced(json!({"a": mark, "b": format!("x {mark} y")}));
        assert_eq!(value, json!({"a": shown, "b": format!("x {shown} y")}));
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn sensitive_input_has_a_mark_and_a_record_hides_it() {
        let mark = input_mark("/login/pass~1word");
        assert!(is_mark(&mark));
        let written = json!({"a": mark, "b": format!("x {mark} y"), "c": 1});
        let (value, seen) = replaced(written.clone());
        let shown = "<input /login/pass~1word>";
        assert_eq!(
            value,
            json!({"a": shown, "b": format!("x {shown} y"), "c": 1})
        );
        assert_eq!(seen.len(), 2);
        let mut hidden = written;
        marks_hide(&mut hidden);
        assert_eq!(
            hidden,
            json!({"a": "[sealed]", "b": "x [sealed] y", "c": 1})
        );
    }

    /// A later expression could otherwise cut the key of a mark out of the text.
    #[test]
    fn text_with_a_mark_is_hidden_as_a_whole() {
        let mark = secret_mark(&name("TOKEN"));
        let mut value = json!(["plain", format!("Bearer {mark}"), &mark]);
        texts_mark(&mut value);
        assert!(value[1].is_object() && has_mark(&value[1]));
        assert_eq!(value[2], mark);
        let again = format!("<{}>", value[1]);
        let (value, _) = replaced(json!([value, again]));
        let expect = json!([["plain", "Bearer <TOKEN>", "<TOKEN>"], "<Bearer <TOKEN>>"]);
        assert_eq!(value, expect);
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
