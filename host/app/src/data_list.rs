//! Lists data.

use sedge_model::names::ModelName;
use sedge_store::DataSummary;

use crate::error::AppError;
use crate::repository::Repository;

/// Returns every piece of data with its latest version, sorted by model and name; only
/// that of one model if it is named. The model may be gone: its data is not.
///
/// # Errors
/// The model neither exists nor has data.
pub fn data_list(
    repository: &Repository,
    model: Option<&str>,
) -> Result<Vec<DataSummary>, AppError> {
    let Some(name) = model else {
        return Ok(repository.store()?.data_list(None)?);
    };
    let Ok(model) = name.parse::<ModelName>() else {
        return Err(repository.model_missing(name)?);
    };
    let data = repository.store()?.data_list(Some(&model))?;
    if data.is_empty() && !repository.folder().has(&model.file()) {
        return Err(repository.model_missing(name)?);
    }
    Ok(data)
}
