//! The arguments that a definition stores, evaluated for a call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode};
use sedge_lang::schema::Schema;
use sedge_lang::written::WrittenValue;
use sedge_lang::yaml::Faults;
use sedge_model::names::{EnvName, MethodName};
use sedge_model::violation::Violation;
use sedge_runtime::Plugin;
use serde_json::{Map, Value};

use crate::error::{AppError, ModelError};
use crate::expression::{DefinitionValues, EvaluatorSource, definition_uses_data, has_expressions};
use crate::repository::Repository;
use crate::run::cx::ReadyModel;
use crate::secret::argument::{arguments_open, has_mark, inputs_resolve, references_mark};
use crate::structure::in_background;

/// The arguments that a definition stores, with their expressions evaluated.
#[derive(Debug, Clone)]
pub(crate) struct StoredArguments {
    /// The global arguments: an object that fits the schema of the type.
    pub(crate) global: Arc<Value>,
    /// The stored arguments of the method.
    pub(crate) of_method: Map<String, Value>,
    /// The labels of the data that the call writes.
    pub(crate) tags: BTreeMap<String, String>,
    /// The variables of the environment that the expressions have read.
    pub(crate) environment: BTreeSet<EnvName>,
}

/// Global arguments with their expressions evaluated.
#[derive(Debug)]
pub(crate) struct KnownGlobals {
    /// An object that fits the schema of the type.
    value: Arc<Value>,
    /// The variables of the environment that the expressions have read.
    environment: BTreeSet<EnvName>,
}

/// Evaluates the arguments that the definition of a model stores for a method. `inputs` are the
/// given inputs of the definition, without the defaults.
///
/// # Errors
/// Returns an error if an expression has no value, if the inputs do not fit, or if the global
/// arguments do not fit the schema of the type. Faults of the file have their places.
pub(crate) async fn stored_arguments(
    model: &Arc<ReadyModel>,
    source: EvaluatorSource,
    method: &MethodName,
    inputs: Map<String, Value>,
) -> Result<StoredArguments, AppError> {
    let written = model.definition.method_arguments.get(method);
    let literal = match written {
        None => Some(Value::Object(Map::new())),
        Some(written) => written.literal().map(|mut value| {
            references_mark(written.source(), &mut value);
            value
        }),
    };
    let has_literal_tags = model.definition.tags_written.literal().is_some();
    if let (Some(global), Some(of_method), true) =
        (&model.global_arguments, literal, has_literal_tags)
    {
        method_literals_check(model, method, &of_method)?;
        return Ok(StoredArguments {
            global: Arc::clone(&global.value),
            of_method: members(of_method),
            tags: model.definition.literal_tags(),
            environment: global.environment.clone(),
        });
    }
    let (model, method) = (Arc::clone(model), method.clone());
    in_background(move |_| {
        let definition = &model.definition;
        let inputs = inputs_resolved(definition, inputs)?;
        source.evaluate(definition_uses_data(definition), |evaluator| {
            let values = DefinitionValues::new(definition, inputs);
            let global = match &model.global_arguments {
                Some(known) => Arc::clone(&known.value),
                None => {
                    let value = values.global_arguments(evaluator)?;
                    globals_check(definition, &model.plugin, &value, &source.repository)?;
                    Arc::new(value)
                }
            };
            let of_method = values.method_arguments(evaluator, &method, &global)?;
            if let Some(of_method) = &of_method {
                method_literals_check(&model, &method, of_method)?;
            }
            let tags = values.tags(evaluator, &global)?;
            let mut environment = evaluator.environment();
            if let Some(known) = &model.global_arguments {
                environment.extend(known.environment.clone());
            }
            Ok(StoredArguments {
                tags,
                environment,
                global,
                // ignored: no error is dropped, because this is an `Option`.
                of_method: of_method.map(members).unwrap_or_default(),
            })
        })
    })
    .await
}

/// Returns the model with evaluated labels for the data of one call.
pub(crate) fn model_tagged(
    model: Arc<ReadyModel>,
    tags: BTreeMap<String, String>,
) -> Arc<ReadyModel> {
    if model.definition.tags == tags {
        return model;
    }
    let mut definition = (*model.definition).clone();
    definition.tags = tags;
    Arc::new(ReadyModel {
        definition: Arc::new(definition),
        digest: model.digest,
        plugin: Arc::clone(&model.plugin),
        limits: model.limits,
        permissions: Arc::clone(&model.permissions),
        upgraded: model.upgraded.clone(),
        global_arguments: model.global_arguments.clone(),
    })
}

/// Evaluates the global arguments, if they are the same for every call of a run: if they use
/// neither inputs nor data.
///
/// # Errors
/// The same as for [`stored_arguments`].
pub(crate) async fn global_arguments(
    definition: &Arc<Definition>,
    plugin: &Arc<Plugin>,
    source: EvaluatorSource,
) -> Result<Option<KnownGlobals>, AppError> {
    let written = &definition.global_arguments;
    if let Some(mut value) = written.literal() {
        references_mark(written.source(), &mut value);
        globals_check(definition, plugin, &value, &source.repository)?;
        return Ok(Some(KnownGlobals {
            value: Arc::new(value),
            environment: BTreeSet::new(),
        }));
    }
    if uses_inputs(written) || definition_uses_data(definition) {
        return Ok(None);
    }
    let (definition, plugin) = (Arc::clone(definition), Arc::clone(plugin));
    in_background(move |_| {
        source.evaluate(false, |evaluator| {
            let values = DefinitionValues::new(&definition, Value::Object(Map::new()));
            let value = values.global_arguments(evaluator)?;
            globals_check(&definition, &plugin, &value, &source.repository)?;
            Ok(Some(KnownGlobals {
                value: Arc::new(value),
                environment: evaluator.environment(),
            }))
        })
    })
    .await
}

/// Checks evaluated global arguments against the schema of the type. What stands for a secret is
/// checked by the value of the secret.
fn globals_check(
    definition: &Definition,
    plugin: &Plugin,
    value: &Value,
    repository: &Repository,
) -> Result<(), AppError> {
    let schema = plugin.global_arguments_schema();
    literals_check(
        definition,
        &definition.global_arguments,
        "/globalArguments",
        schema,
        value,
    )?;
    let opened = arguments_open(repository, value);
    let violations = opened.violations(|it| schema.violations(it));
    let written = &definition.global_arguments;
    let type_name = &definition.type_name.value;
    let mut faults = Faults::new(&definition.file);
    for violation in &violations {
        let fault = violation_fault(definition, written, "/globalArguments", violation);
        faults.push(fault.with_label(format!("the schema of `{type_name}` does not admit it")));
    }
    Ok(faults.result(())?)
}

/// Checks that the arguments which the definition stores for a method contain no literal secret.
fn method_literals_check(
    model: &ReadyModel,
    method: &MethodName,
    value: &Value,
) -> Result<(), AppError> {
    let written = model.definition.method_arguments.get(method);
    let schema = model.plugin.arguments_schema(method.as_str());
    let (Some(written), Some(schema)) = (written, schema) else {
        return Ok(());
    };
    let pointer = format!("/methods/{method}/arguments");
    literals_check(&model.definition, written, &pointer, schema, value)
}

/// Checks that the definition does not write out an argument that the schema marks as sensitive.
fn literals_check(
    definition: &Definition,
    written: &WrittenValue,
    pointer: &str,
    schema: &Schema,
    value: &Value,
) -> Result<(), AppError> {
    let mut faults = Faults::new(&definition.file);
    let places = match schema.secrets(value) {
        Ok(places) => places,
        Err(too_many) => {
            let (path, message) = (String::new(), too_many.to_string());
            let violation = Violation { path, message };
            faults.push(violation_fault(definition, written, pointer, &violation));
            Vec::new()
        }
    };
    for path in places {
        let is_secret = value.pointer(&path).is_none_or(has_mark);
        if is_secret || has_expressions(written.source().at(&path)) {
            continue;
        }
        let name = path.trim_start_matches('/').replace('/', ".");
        let message = "it is sensitive, and does not belong in this file".to_owned();
        let fault = violation_fault(definition, written, pointer, &Violation { path, message });
        faults.push(fault.with_hint(format!(
            "write `{name}: {{secret: NAME}}`, and store the value as the secret `NAME`"
        )));
    }
    Ok(faults.result(())?)
}

/// Returns the faults of arguments that the definition stores for a method. Returns `None` if none
/// of the violations is of a stored value.
pub(crate) fn stored_faults(
    definition: &Definition,
    method: &MethodName,
    given: &Map<String, Value>,
    violations: &[Violation],
) -> Option<Faults> {
    let written = definition.method_arguments.get(method)?;
    // ignored: no error is dropped, because this is an `Option`.
    let stored = written.source().members().unwrap_or_default();
    let is_stored = |it: &&Violation| {
        // ignored: no error is dropped, because this is an `Option`.
        let first = it.path.split('/').nth(1).unwrap_or_default();
        let is_given = given.contains_key(first);
        !is_given && stored.iter().any(|member| *member.key.value == *first)
    };
    let pointer = format!("/methods/{method}/arguments");
    let mut faults = Faults::new(&definition.file);
    for violation in violations.iter().filter(is_stored) {
        faults.push(violation_fault(definition, written, &pointer, violation));
    }
    faults.result(()).err()
}

/// Returns the fault of a value that does not fit its schema, at the place of the value.
fn violation_fault(
    definition: &Definition,
    written: &WrittenValue,
    pointer: &str,
    violation: &Violation,
) -> Diagnostic {
    let found = written.source().at(&violation.path);
    // What was not written in the file has no place of its own.
    let span = if found.span.is_empty() {
        definition.place(pointer)
    } else {
        found.span.clone()
    };
    let message = match violation.path.as_str() {
        "" => violation.message.clone(),
        path => {
            let name = path.trim_start_matches('/').replace('/', ".");
            format!("`{name}`: {}", violation.message)
        }
    };
    Diagnostic::new(&definition.file, span, message).with_code(DiagnosticCode::Schema)
}

/// Returns the inputs of a definition with their defaults. A definition whose expressions use no
/// inputs needs none.
fn inputs_resolved(definition: &Definition, given: Map<String, Value>) -> Result<Value, AppError> {
    match inputs_resolve(&definition.inputs, given) {
        Ok(inputs) => Ok(Value::Object(inputs)),
        Err(violations) if definition_uses_inputs(definition) => {
            Err(AppError::from(ModelError::InputViolations {
                name: definition.name.clone(),
                violations,
            }))
        }
        Err(_) => Ok(Value::Object(Map::new())),
    }
}

fn definition_uses_inputs(definition: &Definition) -> bool {
    definition.exprs().any(|it| it.uses("inputs"))
}

fn uses_inputs(written: &WrittenValue) -> bool {
    written.exprs().any(|it| it.uses("inputs"))
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}
