//! Reads one version of a piece of data.

use sedge_model::names::{DataName, ModelName};
use sedge_store::DataRecord;

use crate::error::AppError;
use crate::repository::{Repository, near_one};

/// Returns a version of `name`, the latest if none is named. The model may be gone: its
/// data is not.
///
/// # Errors
/// There is no such model, data or version.
pub fn data_get(
    repository: &Repository,
    model: &str,
    name: &str,
    version: Option<u64>,
) -> Result<DataRecord, AppError> {
    let (model_name, data_name) = data_key(repository, model, name)?;
    let store = repository.store()?;
    if let Some(record) = store.data_get(&model_name, &data_name, version)? {
        return Ok(record);
    }
    if let (Some(version), Some(latest)) = (version, store.data_get(&model_name, &data_name, None)?)
    {
        let latest = latest.info.version;
        return Err(AppError::VersionMissing {
            model: model_name,
            name: name.to_owned(),
            version,
            latest,
        });
    }
    Err(data_missing(repository, model_name, name))
}

/// Checks the names of a piece of data.
pub(crate) fn data_key(
    repository: &Repository,
    model: &str,
    name: &str,
) -> Result<(ModelName, DataName), AppError> {
    let model_name: ModelName = match model.parse() {
        Ok(name) => name,
        Err(_) => return Err(repository.model_missing(model)?),
    };
    Ok((model_name, name.parse()?))
}

/// Says what there is none of: the model, or its data.
pub(crate) fn data_missing(repository: &Repository, model: ModelName, name: &str) -> AppError {
    let names = || -> Result<(bool, Vec<String>), AppError> {
        let data = repository.store()?.data_list(Some(&model))?;
        let known = !data.is_empty() || repository.folder().has(&model.file());
        Ok((
            known,
            data.into_iter()
                .map(|summary| summary.name.to_string())
                .collect(),
        ))
    };
    match names() {
        Ok((true, names)) => {
            let near = near_one(name, &names);
            AppError::DataMissing {
                model,
                name: name.to_owned(),
                near,
            }
        }
        Ok((false, _)) => {
            let missing = repository.model_missing(model.as_str());
            missing.unwrap_or_else(|error| error)
        }
        Err(error) => error,
    }
}
