//! Separates the values that a caller gives: arguments of the method, and inputs of the definition,
//! which its expressions use.

use sedge_lang::input::InputsSchema;
use sedge_model::call::CallError;
use sedge_model::names::MethodName;
use serde_json::{Map, Value, json};

use crate::run::cx::ReadyModel;
use crate::secret::argument::inputs_resolve;

/// The values that a caller gave, by their receiver.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RoutedInputs {
    /// The arguments of the method.
    pub(crate) arguments: Map<String, Value>,
    /// The inputs of the definition, without the defaults.
    pub(crate) inputs: Map<String, Value>,
}

/// Separates the values that a caller gave, and checks the inputs of the definition. The returned
/// inputs have their defaults. The arguments are not checked.
///
/// # Errors
/// The inputs violate the schema that the definition declares.
pub(crate) fn inputs_checked(
    model: &ReadyModel,
    method: &MethodName,
    given: Map<String, Value>,
) -> Result<RoutedInputs, CallError> {
    let declared = &model.definition.inputs;
    let method = model.plugin.type_info().method(method.as_str());
    let schema = method.map_or(&Value::Null, |method| &method.arguments);
    let RoutedInputs { arguments, inputs } = inputs_routed(declared, schema, given);
    match inputs_resolve(declared, inputs) {
        Ok(inputs) => Ok(RoutedInputs { arguments, inputs }),
        Err(violations) => Err(CallError::InvalidInput { violations }),
    }
}

/// Separates the values that a caller gave.
///
/// A key that the definition declares as an input is an input, and an argument only if the schema
/// of the method has it as well. Every other key is an argument.
fn inputs_routed(
    declared: &InputsSchema,
    arguments_schema: &Value,
    given: Map<String, Value>,
) -> RoutedInputs {
    let mut routed = RoutedInputs {
        arguments: Map::new(),
        inputs: Map::new(),
    };
    for (key, value) in given {
        let is_input = declared.property(&key).is_some();
        if is_input && arguments_schema["properties"].get(&key).is_none() {
            routed.inputs.insert(key, value);
        } else {
            if is_input {
                routed.inputs.insert(key.clone(), value.clone());
            }
            routed.arguments.insert(key, value);
        }
    }
    routed
}

/// Returns the schema of all values that a caller can give, by which text is converted.
pub(crate) fn schema_joined(declared: &InputsSchema, arguments_schema: &Value) -> Value {
    let mut joined = arguments_schema.clone();
    let Value::Object(schema) = &mut joined else {
        return json!({"properties": declared.json()["properties"]});
    };
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    if let Value::Object(properties) = properties {
        for name in declared.names() {
            let input = declared.property(name).expect("it has the name");
            properties.entry(name).or_insert_with(|| input.clone());
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sedge_lang::diagnostic::SourceFile;
    use sedge_lang::yaml::Faults;
    use sedge_lang::yaml::node::Node;

    use super::*;

    fn declared(properties: &Value) -> InputsSchema {
        let file: Arc<SourceFile> = SourceFile::new("models/a.yaml", "");
        let mut faults = Faults::new(&file);
        let node = Node::from_value(properties, 0..0);
        let declared = InputsSchema::read(&node, &file, &mut faults);
        assert!(faults.is_empty(), "{faults}");
        declared
    }

    #[test]
    fn key_goes_to_its_receiver() {
        let declared = declared(&json!({"region": "string", "both": "string"}));
        let schema = json!({"properties": {"count": {"type": "integer"}, "both": {}}});
        let given = json!({"region": "eu", "both": "b", "count": 1, "else": 2});
        let Value::Object(given) = given else {
            panic!("it is an object");
        };
        let routed = inputs_routed(&declared, &schema, given);
        assert_eq!(
            Value::Object(routed.arguments),
            json!({"both": "b", "count": 1, "else": 2})
        );
        assert_eq!(
            Value::Object(routed.inputs),
            json!({"region": "eu", "both": "b"})
        );
    }

    #[test]
    fn joined_schema_prefers_that_of_the_method() {
        let declared = declared(&json!({"region": "string", "both": "string"}));
        let schema = json!({"type": "object", "properties": {"both": {"type": "integer"}}});
        let joined = schema_joined(&declared, &schema);
        let expect = json!({"both": {"type": "integer"}, "region": {"type": "string"}});
        assert_eq!(joined["properties"], expect);
        let joined = schema_joined(&declared, &Value::Null);
        assert_eq!(joined["properties"]["region"]["type"], "string");
    }
}
