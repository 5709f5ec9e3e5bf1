//! Shows a model.

use sedge_api::view::model::ModelView;

use crate::error::AppError;
use crate::repository::Repository;
use crate::views::model::model_view;

/// A model, and its file as it was written.
#[derive(Debug, Clone)]
pub struct Report {
    /// What the definition says.
    pub model: ModelView,
    /// The text of its file.
    pub text: String,
}

/// Reads a model's definition. Its file is checked, its arguments against the type are not.
///
/// # Errors
/// There is none of that name, or its file is at fault.
pub fn model_get(repository: &Repository, name: &str) -> Result<Report, AppError> {
    let definition = repository.definition(name)?;
    Ok(Report {
        model: model_view(&definition),
        text: definition.file.text,
    })
}
