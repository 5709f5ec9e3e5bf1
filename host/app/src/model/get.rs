//! Shows a model.

use sedge_api::view::model::ModelView;

use crate::cx::Cx;
use crate::error::AppError;
use crate::model::view::model_view;

/// A model, and the text of its definition.
#[derive(Debug, Clone)]
pub struct ModelText {
    /// The view of the definition.
    pub model: ModelView,
    /// The text of its file.
    pub text: String,
}

/// Reads a model's definition. This checks the file, but not the arguments against the type.
///
/// # Errors
/// Returns an error if there is no model of that name, or if its file is invalid.
pub fn model_get(cx: &Cx, name: &str) -> Result<ModelText, AppError> {
    let definition = cx.repository.definition(name)?;
    Ok(ModelText {
        model: model_view(&definition),
        text: definition.file.text.clone(),
    })
}
