//! Restores an earlier version of a piece of data: writes it again, as the latest version.

use sedge_api::view::data::DataRestored;
use sedge_lang::query::Selection;
use sedge_model::audit::AuditWord;
use sedge_model::names::{DataName, ModelName, TypeName};
use sedge_store::{DataRestore, DataRestoreEnd, RestoredFrom, Scan, StoreError};

use crate::audit::audit_note;
use crate::cx::Cx;
use crate::data::get::{data_key, data_missing, present_name};
use crate::data::scan::data_scan;
use crate::error::{AppError, DataUseError};
use crate::repository::Repository;
use crate::structure::{locked, one};

/// The version to restore.
#[derive(Debug, Clone)]
pub struct DataRestoreRequest {
    /// The model. The model itself may be gone.
    pub model: String,
    /// The name of the data.
    pub name: String,
    /// The version.
    pub version: u64,
}

/// Writes a version again, as the latest version of its name, once no call of the model is in
/// progress. If it is the latest version already, nothing is written.
///
/// # Errors
/// Returns an error if there is no such data or version, if the data was renamed and the name is
/// its former one, if the model has another type than the one that wrote the data, or if calls of
/// the model did not end before the deadline. Nothing was written then.
pub async fn data_restore(cx: &Cx, request: &DataRestoreRequest) -> Result<DataRestored, AppError> {
    let (model, name) = data_key(&cx.repository, &request.model, &request.name)?;
    let version = request.version;
    // An invalid request fails before it waits for a lock.
    found(&cx.repository, &model, &name, version)?;
    let operation = format!("data restore {model}");
    let held = locked(cx, &operation, &one(&model)).await?;
    // The data may have been renamed during the wait. The lock prevents that from here on.
    found(&cx.repository, &model, &name, version)?;
    let own = own_type(&cx.repository, &model)?;
    let restore = DataRestore {
        model: model.clone(),
        name: name.clone(),
        from: RestoredFrom {
            version,
            by: held.by.clone(),
        },
        type_name: own.clone(),
    };
    let restored = cx.repository.store()?.data_restore(&held.permit, &restore);
    let restored = restored.map_err(|error| refused(error, own))?;
    let view = |latest: u64, is_written: bool| DataRestored {
        model: model.to_string(),
        name: name.to_string(),
        from: version,
        version: latest,
        is_written,
    };
    match restored {
        DataRestoreEnd::Written(number) => {
            let detail = Some(format!("version {version} of {name}, as version {number}"));
            audit_note(cx, AuditWord::DataRestored, model.as_str(), detail)?;
            Ok(view(number, true))
        }
        DataRestoreEnd::IsLatest => Ok(view(version, false)),
        DataRestoreEnd::Missing => Err(missing(&cx.repository, &model, &name, version)?),
    }
}

/// Checks that the version exists, and that the name is the current one of its data.
fn found(
    repository: &Repository,
    model: &ModelName,
    name: &DataName,
    version: u64,
) -> Result<(), AppError> {
    present_name(repository, model, name)?;
    let found = repository.store()?.data_get(model, name, Some(version))?;
    match found {
        Some(_) => Ok(()),
        None => Err(missing(repository, model, name, version)?),
    }
}

/// Returns the error for a version that does not exist, with those that do.
fn missing(
    repository: &Repository,
    model: &ModelName,
    name: &DataName,
    version: u64,
) -> Result<AppError, AppError> {
    let selection = Selection {
        model: Some(model.to_string()),
        name: Some(name.to_string()),
        ..Selection::default()
    };
    let mut versions = Vec::new();
    data_scan::<AppError>(repository, &selection, |scanned| {
        versions.push(scanned.record.version);
        Ok(Scan::More)
    })?;
    if versions.is_empty() {
        return Ok(data_missing(repository, model.clone(), name.as_str()));
    }
    versions.sort_unstable();
    Ok(AppError::from(DataUseError::NotThere {
        model: model.clone(),
        name: name.clone(),
        version,
        versions,
    }))
}

/// Returns the type of the model; `None` if the model is gone.
fn own_type(repository: &Repository, model: &ModelName) -> Result<Option<TypeName>, AppError> {
    if !repository.has_model(model)? {
        return Ok(None);
    }
    let definition = repository.definition(model.as_str())?;
    Ok(Some(definition.type_name.value))
}

/// Returns the error of the store. If the data belongs to another type, the error names both.
fn refused(error: StoreError, own: Option<TypeName>) -> AppError {
    match (error, own) {
        (StoreError::NotOwner { model, name, owner }, Some(type_name)) => {
            AppError::from(DataUseError::OtherType {
                model,
                name,
                owner,
                type_name,
            })
        }
        (error, _) => error.into(),
    }
}
