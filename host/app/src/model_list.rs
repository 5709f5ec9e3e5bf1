//! Lists models.

use sedge_model::definition::Definition;
use sedge_model::diagnostic::Diagnostic;
use sedge_model::names::ModelName;

use crate::error::AppError;
use crate::repository::Repository;

/// What a file defines, or what is wrong with it.
pub type Listed = Result<Definition, Box<Diagnostic>>;

/// Returns every model, by name: its definition, or what is wrong with its file.
///
/// # Errors
/// The folder cannot be read.
pub fn model_list(repository: &Repository) -> Result<Vec<(ModelName, Listed)>, AppError> {
    let mut models = Vec::new();
    for name in repository.model_names()? {
        let model = match repository.definition(name.as_str()) {
            Ok(definition) => Ok(definition),
            Err(AppError::Diagnostic(fault)) => Err(fault),
            Err(other) => return Err(other),
        };
        models.push((name, model));
    }
    Ok(models)
}
