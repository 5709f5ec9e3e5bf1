//! The values of a definition's expressions.

use std::collections::BTreeMap;

use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::DiagnosticCode;
use sedge_lang::expr::template::Template;
use sedge_lang::yaml::Faults;
use sedge_lang::yaml::node::{Node, NodeKind};
use sedge_model::json_pointer::pointer_below;
use sedge_model::names::MethodName;
use serde_json::{Map, Value, json};

use super::evaluator::{Evaluator, uses_data};
use crate::error::AppError;
use crate::secret::argument::has_mark;

/// A definition with the inputs for its expressions.
pub(crate) struct DefinitionValues<'d> {
    definition: &'d Definition,
    inputs: Value,
}

impl<'d> DefinitionValues<'d> {
    /// `inputs` is an object: the inputs with their defaults.
    pub(crate) fn new(definition: &'d Definition, inputs: Value) -> Self {
        Self { definition, inputs }
    }

    /// Returns the global arguments. In their expressions, `self.globalArguments` has those global
    /// arguments that are written without expressions.
    ///
    /// # Errors
    /// Returns an error if an expression has no value, with its place.
    pub(crate) fn global_arguments(&self, evaluator: &Evaluator<'_>) -> Result<Value, AppError> {
        let written = &self.definition.global_arguments;
        if let Some(value) = written.literal() {
            return Ok(evaluator.references_marked(written, value));
        }
        let literals = Value::Object(literal_members(written.source()));
        let own = Value::Object(self_value(self.definition, &literals));
        let env = evaluator.env().with("inputs", &self.inputs);
        let value = evaluator.value(written, &mut env.with("self", &own))?;
        Ok(evaluator.references_marked(written, value))
    }

    /// Returns the labels of the data that the model writes, given the global arguments.
    ///
    /// # Errors
    /// Returns an error if an expression has no value, or none that can be a label, with its place.
    pub(crate) fn tags(
        &self,
        evaluator: &Evaluator<'_>,
        global_arguments: &Value,
    ) -> Result<BTreeMap<String, String>, AppError> {
        let mut tags = self.definition.literal_tags();
        let written = &self.definition.tags_written;
        if written.literal().is_some() {
            return Ok(tags);
        }
        let own = Value::Object(self_value(self.definition, global_arguments));
        let env = evaluator.env().with("inputs", &self.inputs);
        let value = evaluator.value(written, &mut env.with("self", &own))?;
        let mut faults = Faults::new(&self.definition.file);
        for key in self.definition.tags.keys() {
            if tags.contains_key(key) {
                continue;
            }
            match tag_text(&value[key.as_str()]) {
                Ok(text) => {
                    tags.insert(key.clone(), text);
                }
                Err(message) => {
                    let place = self.definition.place(&pointer_below("/tags", key));
                    faults.add(DiagnosticCode::Expression, place, message);
                }
            }
        }
        Ok(faults.result(tags)?)
    }

    /// Returns the stored arguments of a method, given the global arguments. Returns `None` if the
    /// definition has none for it.
    ///
    /// # Errors
    /// The same as for [`DefinitionValues::global_arguments`].
    pub(crate) fn method_arguments(
        &self,
        evaluator: &Evaluator<'_>,
        method: &MethodName,
        global_arguments: &Value,
    ) -> Result<Option<Value>, AppError> {
        let Some(written) = self.definition.method_arguments.get(method) else {
            return Ok(None);
        };
        if let Some(value) = written.literal() {
            return Ok(Some(evaluator.references_marked(written, value)));
        }
        let own = Value::Object(self_value(self.definition, global_arguments));
        let env = evaluator.env().with("inputs", &self.inputs);
        let value = evaluator.value(written, &mut env.with("self", &own))?;
        Ok(Some(evaluator.references_marked(written, value)))
    }
}

/// The maximum size of a tag's value, in bytes.
///
/// The author of a definition chooses the expression, and each version of data has the value.
const TAG_BYTES_MAX: usize = 255;

/// Returns a tag as a text: the value of its expression.
///
/// # Errors
/// The value is a list, a map, null, a secret, or a text that cannot be a tag. The error is the
/// message.
fn tag_text(value: &Value) -> Result<String, String> {
    if has_mark(value) {
        return Err("a tag cannot have a secret or a sealed value: data shows its tags".to_owned());
    }
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            let message = "a tag is a text, and this expression yields a list, a map or null";
            return Err(message.to_owned());
        }
    };
    if text.len() > TAG_BYTES_MAX || text.contains(char::is_control) {
        return Err(format!(
            "the value of this tag is longer than {TAG_BYTES_MAX} bytes or has control characters"
        ));
    }
    Ok(text)
}

/// Returns the value of `self` in a definition.
pub(crate) fn self_value(definition: &Definition, global_arguments: &Value) -> Map<String, Value> {
    let value = json!({
        "id": definition.id.as_ref().map(ToString::to_string),
        "name": definition.name.as_str(),
        "version": definition.version,
        "tags": definition.literal_tags(),
        "globalArguments": global_arguments,
    });
    match value {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            unreachable!("the value above is an object")
        }
    }
}

/// Returns whether an expression of a definition may read data.
pub(crate) fn definition_uses_data(definition: &Definition) -> bool {
    definition.exprs().any(uses_data)
}

/// Returns the values of the members of a map that have no expressions.
pub(crate) fn literal_members(node: &Node) -> Map<String, Value> {
    // ignored: no error is dropped, because this is an `Option`.
    let members = node.members().unwrap_or_default().iter();
    let literal = members.filter(|it| !has_expressions(&it.value));
    literal
        .map(|it| (it.key.value.to_string(), unescaped(it.value.value())))
        .collect()
}

/// Returns a value without expressions as an evaluation returns it: with `${{` for each `$${{`.
fn unescaped(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(Template::unescaped(&text)),
        Value::Array(items) => items.into_iter().map(unescaped).collect(),
        Value::Object(members) => {
            let members = members.into_iter();
            Value::Object(members.map(|(key, it)| (key, unescaped(it))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// Returns whether a value, or a part of it, is written with an expression.
pub(crate) fn has_expressions(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) => false,
        NodeKind::Text(text) => Template::has_expression(&text.value),
        NodeKind::List(items) => items.iter().any(has_expressions),
        NodeKind::Map(members) => members.iter().any(|it| has_expressions(&it.value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_is_a_short_text() {
        let tag = |value: Value| tag_text(&value).ok();
        assert_eq!(tag(json!("eu")), Some("eu".to_owned()));
        assert_eq!(tag(json!(7)), Some("7".to_owned()));
        assert_eq!(tag(json!(true)), Some("true".to_owned()));
        let name = "TOKEN".parse().expect("a name");
        let mark = crate::secret::argument::secret_mark(&name);
        for refused in [
            json!(null),
            json!(["eu"]),
            json!({"a": 1}),
            json!("a\nb"),
            json!("x".repeat(256)),
            mark.clone(),
            json!(format!("Bearer {mark}")),
        ] {
            assert_eq!(tag(refused.clone()), None, "{refused}");
        }
    }

    #[test]
    fn members_with_expressions_are_left_out() {
        let value = json!({
            "a": 1, "b": "${{ 1 }}", "c": {"d": ["x", "y-${{ 2 }}"]}, "e": ["f"], "g": null,
            "h": ["x $${{ 1 }}"],
        });
        let node = Node::from_value(&value, 0..0);
        let expect = json!({"a": 1, "e": ["f"], "g": null, "h": ["x ${{ 1 }}"]});
        assert_eq!(Value::Object(literal_members(&node)), expect);
    }
}
