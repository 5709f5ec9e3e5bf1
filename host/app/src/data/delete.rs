//! Deletes data: one version, one name, all names with a prefix, or all data of a model.

use sedge_api::view::data::DataDeletion;
use sedge_model::audit::AuditWord;
use sedge_model::names::ModelName;
use sedge_store::{DataChosen, DataDelete, DataDeleted};

use crate::audit::audit_note;
use crate::cx::Cx;
use crate::data::get::{data_missing, present_name, version_missing};
use crate::data::list::model_with_data;
use crate::data::view::deleted_views;
use crate::error::{AppError, DataUseError, count};
use crate::repository::Repository;
use crate::structure::{locked, one};

/// The data to delete.
#[derive(Debug, Clone)]
pub struct DataDeleteRequest {
    /// The model. The model itself may be gone.
    pub model: String,
    /// The chosen part of its data.
    pub chosen: Chosen,
    /// Whether to report only what would be deleted.
    pub dry_run: bool,
}

/// The part of a model's data that the user chose.
#[derive(Debug, Clone)]
pub enum Chosen {
    /// All versions of a name, or one version.
    Name(String, Option<u64>),
    /// All names that begin with a prefix.
    ///
    /// The empty prefix matches every name, so it is refused: an unset variable of a script must
    /// not act as [`Chosen::All`].
    Prefix(String),
    /// All data of the model.
    All,
}

/// Deletes data permanently, once no call of the model is in progress.
///
/// # Errors
/// Returns an error if there is no such model or data, if the prefix is empty, if the data was
/// renamed and the name is its former one, or if calls of the model did not end before the
/// deadline. Nothing was deleted then.
pub async fn data_delete(cx: &Cx, request: &DataDeleteRequest) -> Result<DataDeletion, AppError> {
    if matches!(&request.chosen, Chosen::Prefix(prefix) if prefix.is_empty()) {
        return Err(AppError::from(DataUseError::PrefixEmpty));
    }
    let model = model_with_data(&cx.repository, &request.model)?;
    let what = match &request.chosen {
        Chosen::Name(name, None) => DataChosen::Name(name.parse()?),
        Chosen::Name(name, Some(version)) => DataChosen::Version(name.parse()?, *version),
        Chosen::Prefix(prefix) => DataChosen::Prefix(prefix.clone()),
        Chosen::All => DataChosen::All,
    };
    let delete = DataDelete {
        model: model.clone(),
        what,
    };
    // An invalid request fails before it waits for a lock.
    named_as_now(&cx.repository, &delete)?;
    let plan = cx.repository.store()?.data_delete_plan(&delete)?;
    found(&cx.repository, &delete, &plan)?;
    if request.dry_run {
        return Ok(deletion(&model, true, &plan));
    }
    let operation = format!("data delete {model}");
    let held = locked(cx, &operation, &one(&model)).await?;
    // The data may have been renamed during the wait. The lock prevents that from here on.
    named_as_now(&cx.repository, &delete)?;
    let deleted = cx.repository.store()?.data_delete(&held.permit, &delete)?;
    // Another process may have deleted it in the meantime.
    found(&cx.repository, &delete, &deleted)?;
    if !deleted.is_empty() {
        let detail = Some(deleted_text(&delete.what, &deleted));
        audit_note(cx, AuditWord::DataDeleted, model.as_str(), detail)?;
    }
    Ok(deletion(&model, false, &deleted))
}

/// Returns what was deleted, for the audit.
fn deleted_text(what: &DataChosen, deleted: &[DataDeleted]) -> String {
    let n_versions = deleted.iter().map(|it| it.n_versions).sum();
    let versions = count(n_versions, "version");
    let names = count(deleted.len() as u64, "name");
    match what {
        DataChosen::Version(name, version) => format!("version {version} of {name}"),
        DataChosen::Name(name) => format!("{name}, {versions}"),
        DataChosen::Prefix(prefix) => format!("{names} with the prefix {prefix}, {versions}"),
        DataChosen::All => format!("all data: {names}, {versions}"),
    }
}

fn deletion(model: &ModelName, dry_run: bool, deleted: &[DataDeleted]) -> DataDeletion {
    DataDeletion {
        model: model.to_string(),
        dry_run,
        deleted: deleted_views(deleted),
    }
}

/// Checks that a name to delete is the current name of the data.
fn named_as_now(repository: &Repository, delete: &DataDelete) -> Result<(), AppError> {
    match &delete.what {
        DataChosen::Version(name, _) | DataChosen::Name(name) => {
            present_name(repository, &delete.model, name).map(drop)
        }
        DataChosen::Prefix(_) | DataChosen::All => Ok(()),
    }
}

fn found(
    repository: &Repository,
    delete: &DataDelete,
    deleted: &[DataDeleted],
) -> Result<(), AppError> {
    if !deleted.is_empty() {
        return Ok(());
    }
    let model = delete.model.clone();
    match &delete.what {
        DataChosen::Version(name, version) => {
            version_missing(repository, &model, name, *version)?;
            Err(data_missing(repository, model, name.as_str()))
        }
        DataChosen::Name(name) => Err(data_missing(repository, model, name.as_str())),
        DataChosen::Prefix(_) | DataChosen::All => Ok(()),
    }
}
