//! The values of a definition's expressions.

use sedge_lang::definition::Definition;
use sedge_lang::expr::template::Template;
use sedge_lang::yaml::node::{Node, NodeKind};
use sedge_model::names::MethodName;
use serde_json::{Map, Value, json};

use super::evaluator::{Evaluator, uses_data};
use crate::error::AppError;

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

/// Returns the value of `self` in a definition.
pub(crate) fn self_value(definition: &Definition, global_arguments: &Value) -> Map<String, Value> {
    let value = json!({
        "id": definition.id.as_ref().map(ToString::to_string),
        "name": definition.name.as_str(),
        "version": definition.version,
        "tags": definition.tags,
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
    let of_methods = definition.method_arguments.values();
    let written = of_methods.chain([&definition.global_arguments]);
    written.flat_map(|it| it.exprs()).any(uses_data)
}

/// Returns the members of a map that have no expressions.
pub(crate) fn literal_members(node: &Node) -> Map<String, Value> {
    // ignored: no error is dropped, because this is an `Option`.
    let members = node.members().unwrap_or_default().iter();
    let literal = members.filter(|it| !has_expressions(&it.value));
    literal
        .map(|it| (it.key.value.clone(), it.value.value()))
        .collect()
}

/// Returns whether a value, or a part of it, is written with an expression.
pub(crate) fn has_expressions(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) => false,
        NodeKind::Text(text) => Template::is_in(&text.value),
        NodeKind::List(items) => items.iter().any(has_expressions),
        NodeKind::Map(members) => members.iter().any(|it| has_expressions(&it.value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_with_expressions_are_left_out() {
        let value = json!({
            "a": 1, "b": "${{ 1 }}", "c": {"d": ["x", "y-${{ 2 }}"]}, "e": ["f"], "g": null,
        });
        let node = Node::from_value(&value, 0..0);
        let expect = json!({"a": 1, "e": ["f"], "g": null});
        assert_eq!(Value::Object(literal_members(&node)), expect);
    }
}
