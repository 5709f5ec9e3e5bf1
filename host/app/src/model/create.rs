//! Creates a model by writing its definition.

use std::sync::Arc;

use sedge_api::view::model::ModelCreated;
use sedge_lang::definition::definition_file_text;
use sedge_model::names::ModelName;
use serde_json::Value;

use crate::error::{AppError, ModelError};
use crate::model::method_run::inputs_read;
use crate::repository::Repository;

/// The model to create.
#[derive(Debug, Clone)]
pub struct ModelCreateRequest {
    /// The name of the type.
    pub type_name: String,
    /// The name of the model.
    pub name: String,
    /// The global arguments as text, by name. Each is converted to the type that the schema
    /// requires.
    pub global_arguments: Vec<(String, String)>,
}

/// Creates a model of a type that a plugin provides.
///
/// # Errors
/// Returns an error if the name is invalid or taken, if no plugin provides the type, or if the
/// arguments do not fit its schema. Nothing was written then.
pub async fn model_create(
    repository: &Arc<Repository>,
    request: &ModelCreateRequest,
) -> Result<ModelCreated, AppError> {
    let name: ModelName = request.name.parse()?;
    let plugin = repository.snapshot()?.plugin(&request.type_name).await?;
    let info = plugin.type_info();
    let arguments = inputs_read(&info.global_arguments, &request.global_arguments)?;
    let value = Value::Object(arguments.clone());
    let violations = plugin.global_arguments_schema().violations(&value);
    if !violations.is_empty() {
        return Err(AppError::from(ModelError::Violations {
            what: format!("the global arguments of `{name}`"),
            violations,
            type_name: info.name.clone(),
        }));
    }
    let file = name.file();
    if repository.folder().has(&file)? {
        return Err(AppError::from(ModelError::Exists(name)));
    }
    let text = definition_file_text(&name, &info.name, &info.version, &arguments);
    repository.folder().create_folder("models")?;
    repository.folder().write_new(&file, text.as_bytes())?;
    Ok(ModelCreated {
        name: name.to_string(),
        type_name: info.name.to_string(),
        file,
    })
}
