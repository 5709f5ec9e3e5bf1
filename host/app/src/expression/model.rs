//! Other definitions in expressions: `model.NAME`.

use sedge_lang::definition::Definition;
use sedge_model::names::ModelName;
use serde_json::{Map, Value, json};

use super::answers::{NeedArguments, NoAnswer, with_near};
use super::definition::{DefinitionValues, self_value};
use super::evaluator::Evaluator;
use crate::error::{AppError, ModelError};

/// The maximum number of definitions that refer to each other.
///
/// The authors of definitions choose the number, and each level takes a part of the stack.
const DEPTH_MAX: usize = 16;

/// Returns the value of `model.NAME`: `definition` and `input`, both the definition with its
/// expressions evaluated.
pub(super) fn definition_value(
    evaluator: &Evaluator<'_>,
    arguments: NeedArguments<'_>,
) -> Result<Value, NoAnswer> {
    let name = arguments.text(0)?;
    let definition = match evaluator.source.repository.definition(name) {
        Err(AppError::Model(ModelError::Missing { name, near })) => {
            let message = format!("no model named `{name}`");
            return Err(NoAnswer::Absent(with_near(message, near.as_deref())));
        }
        other => other?,
    };
    let _open = Open::new(evaluator, &definition.name)?;
    let value = value_of(evaluator, &definition)?;
    Ok(json!({"definition": &value, "input": &value}))
}

/// Returns a definition with its expressions evaluated. Global arguments that use inputs of the
/// model which have no defaults are left out.
fn value_of(evaluator: &Evaluator<'_>, definition: &Definition) -> Result<Value, NoAnswer> {
    let inputs = match definition.inputs.resolve(Map::new()) {
        Ok(inputs) => Some(Value::Object(inputs)),
        Err(_) => None,
    };
    let uses_inputs = definition
        .global_arguments
        .exprs()
        .any(|it| it.uses("inputs"));
    let mut value = self_value(definition, &Value::Null);
    let globals = match (inputs, uses_inputs) {
        (None, true) => None,
        (inputs, _) => {
            let inputs = inputs.unwrap_or_else(|| Value::Object(Map::new()));
            let values = DefinitionValues::new(definition, inputs);
            Some(values.global_arguments(evaluator)?)
        }
    };
    match globals {
        Some(globals) => value.insert("globalArguments".to_owned(), globals),
        None => value.remove("globalArguments"),
    };
    let type_name = definition.type_name.value.as_str();
    value.insert("type".to_owned(), type_name.into());
    let description = definition.description.as_deref();
    value.insert("description".to_owned(), description.into());
    Ok(Value::Object(value))
}

/// A definition that is being evaluated, until this is dropped.
struct Open<'o, 'e>(&'o Evaluator<'e>);

impl<'o, 'e> Open<'o, 'e> {
    fn new(evaluator: &'o Evaluator<'e>, name: &ModelName) -> Result<Self, NoAnswer> {
        let mut open = evaluator.open.borrow_mut();
        let first = open.iter().position(|it| it == name);
        if let Some(first) = first {
            let names = open[first..].iter().chain([name]);
            let names: Vec<&str> = names.map(ModelName::as_str).collect();
            let message = format!("definitions refer to each other: {}", names.join(" → "));
            return Err(NoAnswer::Refused(message));
        }
        if open.len() == DEPTH_MAX {
            let message = format!("definitions refer to each other more than {DEPTH_MAX} deep");
            return Err(NoAnswer::Refused(message));
        }
        open.push(name.clone());
        Ok(Self(evaluator))
    }
}

impl Drop for Open<'_, '_> {
    fn drop(&mut self) {
        self.0.open.borrow_mut().pop();
    }
}
