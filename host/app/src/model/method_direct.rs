//! Runs a method of a type directly, on a model that does not have to exist.
//!
//! A model that does not exist is created in the datastore, in the transaction that creates the run.
//! Such an unsaved model keeps the global arguments that it was given, and later runs can replace
//! them one by one. The arguments of the method are for one run only.

use std::collections::BTreeMap;
use std::sync::Arc;

use sedge_api::view::model::MethodRunView;
use sedge_lang::definition::{Definition, NewDefinition};
use sedge_lang::input::{DirectInputs, DirectSchemas, inputs_merge};
use sedge_lang::upgrade::with_arguments;
use sedge_model::names::{MethodName, ModelName, TypeName, TypeVersion};
use sedge_model::permission::grants::Grants;
use sedge_runtime::Plugin;
use sedge_store::UnsavedPut;
use serde_json::{Map, Value};

use crate::cx::Cx;
use crate::error::{AppError, ModelError};
use crate::model::method_run::{
    ModelMethodRunRequest, PreparedRun, arguments_of, method_find, prepared_run,
};
use crate::model::upgrade::definition_upgraded;
use crate::model::view::as_written;
use crate::repository::snapshot::RepositorySnapshot;
use crate::repository::unsaved::{is_unsaved, unsaved_file};
use crate::run::cx::ReadyModel;

/// How often a run is prepared again because another process has changed the unsaved model.
///
/// Each time, one other process has succeeded. Many processes that run methods of one unsaved model
/// with different global arguments could otherwise keep each other busy.
const ATTEMPTS_MAX: usize = 10;

/// A request to run a method of a type directly.
#[derive(Debug, Clone, Default)]
pub struct ModelMethodDirectRequest {
    /// The name of the type.
    pub type_name: String,
    /// The model, the method and its inputs. A key is an argument of the method, or else an input of
    /// the definition, or else a global argument.
    pub run: ModelMethodRunRequest,
}

/// Runs a method and waits for its end. If the use case is cancelled, so is the run.
///
/// If no model has the name, an unsaved model is created. Given global arguments are laid over the
/// stored ones. Those of an unsaved model are then stored, and those of a model with a file are used
/// for this run only.
///
/// # Errors
/// Returns an error if the request is invalid, or if the model has another type, before anything
/// runs or is stored; or if the method failed.
pub async fn model_method_direct(
    cx: &Cx,
    request: &ModelMethodDirectRequest,
) -> Result<MethodRunView, AppError> {
    let repository = &cx.repository.snapshot()?;
    let mut n_attempts = 1;
    loop {
        let prepared = prepare(repository, request, Map::new());
        let (prepared, _) = cx.cancel.unless_cancelled(prepared).await?;
        let ran = prepared_run(cx, repository, &request.run, prepared).await;
        match ran {
            Err(AppError::Model(ModelError::UnsavedChanged { .. }))
                if n_attempts < ATTEMPTS_MAX =>
            {
                n_attempts += 1;
            }
            ended => return ended,
        }
    }
}

/// A method that a step of a workflow runs directly on a type.
pub(crate) struct DirectStep {
    /// The name of the type.
    pub(crate) type_name: String,
    /// The name of the model.
    pub(crate) model: String,
    /// The name of the method.
    pub(crate) method: String,
    /// The inputs: of the method, or else of the definition, or else global arguments.
    pub(crate) inputs: Map<String, Value>,
    /// The global arguments, which count over those among the inputs.
    pub(crate) global_arguments: Map<String, Value>,
}

/// A method that a step can run directly on a type: its model is ready, and its arguments are
/// checked.
pub(crate) struct DirectReady {
    pub(crate) model: Arc<ReadyModel>,
    pub(crate) arguments: Map<String, Value>,
    /// The given global arguments, also those among the inputs.
    pub(crate) global_arguments: Map<String, Value>,
    /// The definition of an unsaved model that is to be stored when the step starts.
    pub(crate) unsaved: Option<UnsavedPut>,
}

/// Prepares a method that a step runs directly on a type.
///
/// # Errors
/// The same as for [`model_method_direct`], before anything runs or is stored.
pub(crate) async fn direct_ready(
    repository: &RepositorySnapshot,
    step: DirectStep,
) -> Result<DirectReady, AppError> {
    let request = ModelMethodDirectRequest {
        type_name: step.type_name,
        run: ModelMethodRunRequest {
            model: step.model,
            method: step.method,
            arguments: step.inputs,
            ..ModelMethodRunRequest::default()
        },
    };
    let (prepared, global_arguments) = prepare(repository, &request, step.global_arguments).await?;
    Ok(DirectReady {
        global_arguments,
        model: prepared.model,
        arguments: prepared.arguments,
        unsaved: prepared.unsaved,
    })
}

/// A definition that a method runs on directly.
struct Base {
    definition: Definition,
    /// Whether there is no model of that name yet.
    is_new: bool,
}

/// Finds or makes the definition, and checks everything that can be checked before a run is created.
/// `more_globals` are laid over the given global arguments, which are returned, too.
async fn prepare(
    repository: &RepositorySnapshot,
    request: &ModelMethodDirectRequest,
    more_globals: Map<String, Value>,
) -> Result<(PreparedRun, Map<String, Value>), AppError> {
    let plugin = repository.plugin(&request.type_name).await?;
    let base = base_definition(repository, request, &plugin)?;
    let method = method_find(&plugin, &base.definition.name, &request.run.method)?;
    let routed = routed(&base.definition, &plugin, &method, request)?;
    let info = plugin.type_info();
    let mut globals = routed.global_arguments.merged(&info.global_arguments)?;
    inputs_merge(&mut globals, more_globals);
    let (model, unsaved) = laid_over(repository, base, &plugin, globals.clone()).await?;
    let model = Arc::new(model);
    let arguments = arguments_of(repository, &model, &method, &routed.arguments).await?;
    let prepared = PreparedRun {
        model,
        method,
        arguments,
        unsaved,
    };
    Ok((prepared, globals))
}

/// Returns the definition of the model that the user named, or a new one.
///
/// # Errors
/// Returns an error if the model has another type, or if its definition or the name is invalid.
fn base_definition(
    repository: &RepositorySnapshot,
    request: &ModelMethodDirectRequest,
    plugin: &Plugin,
) -> Result<Base, AppError> {
    let info = plugin.type_info();
    let Some(found) = repository.model_file(&request.run.model)? else {
        let name: ModelName = request.run.model.parse()?;
        let text = unsaved_text(&name, &info.name, &info.version, Map::new());
        return Ok(Base {
            definition: Definition::parse(&unsaved_file(name.as_str(), text))?,
            is_new: true,
        });
    };
    let definition = Definition::parse(&found.file)?;
    if definition.type_name.value == info.name {
        return Ok(Base {
            definition,
            is_new: false,
        });
    }
    let file = match is_unsaved(&found.file) {
        true => "the datastore".to_owned(),
        false => found.file.name.clone(),
    };
    Err(AppError::from(ModelError::OtherType {
        name: definition.name,
        file,
        type_name: definition.type_name.value,
        wanted: info.name.clone(),
    }))
}

/// Assigns the inputs to their receivers.
fn routed(
    definition: &Definition,
    plugin: &Plugin,
    method: &MethodName,
    request: &ModelMethodDirectRequest,
) -> Result<DirectInputs, AppError> {
    let info = plugin.type_info();
    let spec = info.method(method.as_str());
    let schemas = DirectSchemas {
        arguments: spec.map_or(&Value::Null, |it| &it.arguments),
        inputs: &definition.inputs,
        global_arguments: &info.global_arguments,
    };
    schemas.routed(&request.run.given()).map_err(|violations| {
        AppError::from(ModelError::Violations {
            what: format!("the arguments of `{method}` of `{}`", definition.name),
            violations,
            type_name: info.name.clone(),
        })
    })
}

/// Returns the model with global arguments laid over those of its definition, and what is to be
/// stored if the model is unsaved.
async fn laid_over(
    repository: &RepositorySnapshot,
    base: Base,
    plugin: &Arc<Plugin>,
    globals: Map<String, Value>,
) -> Result<(ReadyModel, Option<UnsavedPut>), AppError> {
    let Base { definition, is_new } = base;
    if globals.is_empty() && !is_new {
        return Ok((ReadyModel::of(repository, definition).await?, None));
    }
    let former = (!is_new).then(|| definition.file.text.clone());
    // The given arguments are for the version of the type that the plugin provides, so the stored
    // ones have to be for it, too.
    let version = &plugin.type_info().version;
    let (current, upgraded) = definition_upgraded(repository, Arc::new(definition), plugin).await?;
    let mut arguments = as_written(&current);
    inputs_merge(&mut arguments, globals);
    if is_unsaved(&current.file) {
        let (name, type_name) = (&current.name, &current.type_name.value);
        let text = unsaved_text(name, type_name, version, arguments);
        let file = unsaved_file(name.as_str(), text.as_str());
        let model = ReadyModel::of(repository, Definition::parse(&file)?).await?;
        let put = UnsavedPut {
            name: name.clone(),
            type_name: type_name.clone(),
            former,
            text,
        };
        return Ok((model, Some(put)));
    }
    let mut definition = with_arguments(&current, &arguments)?;
    definition.type_version = Some(version.clone());
    let mut model = ReadyModel::of(repository, definition).await?;
    model.upgraded = upgraded;
    Ok((model, None))
}

/// Returns the text of an unsaved definition. It is the text that its file would have.
pub(crate) fn unsaved_text(
    name: &ModelName,
    type_name: &TypeName,
    type_version: &TypeVersion,
    global_arguments: Map<String, Value>,
) -> String {
    let new = NewDefinition {
        name: name.clone(),
        type_name: type_name.clone(),
        type_version: type_version.clone(),
        description: None,
        tags: BTreeMap::new(),
        global_arguments,
        grants: Grants::default(),
    };
    new.file_text()
}
