//! Lists the versions of a piece of data.

use sedge_store::VersionRecord;

use crate::data_get::{data_key, data_missing};
use crate::error::AppError;
use crate::repository::Repository;

/// Returns the versions of `name`, oldest first.
///
/// # Errors
/// There is no such model or data.
pub fn data_versions(
    repository: &Repository,
    model: &str,
    name: &str,
) -> Result<Vec<VersionRecord>, AppError> {
    let (model_name, data_name) = data_key(repository, model, name)?;
    let versions = repository.store()?.data_versions(&model_name, &data_name)?;
    if versions.is_empty() {
        Err(data_missing(repository, model_name, name))
    } else {
        Ok(versions)
    }
}
