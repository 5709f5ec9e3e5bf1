//! Shows a model.

pub use sedge_model::definition::Definition;

use crate::error::AppError;
use crate::repository::Repository;

/// Reads a model's definition. Its file is checked, its arguments against the type are not.
///
/// # Errors
/// There is none of that name, or its file is at fault.
pub fn model_get(repository: &Repository, name: &str) -> Result<Definition, AppError> {
    repository.definition(name)
}
