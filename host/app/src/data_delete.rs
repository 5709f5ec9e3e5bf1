//! Deletes data: one version, a name, all names that begin so, or all of a model.

use std::sync::Arc;

use sedge_api::view::data::DataDeletion;
use sedge_model::names::ModelName;
use sedge_store::{DataChosen, DataDelete, DataDeleted};

use crate::data_get::{data_missing, present_name, version_missing};
use crate::data_list::model_with_data;
use crate::error::{AppError, DataUseError};
use crate::events::Events;
use crate::repository::Repository;
use crate::structure::{locked, one};
use crate::views::data::deleted_views;

/// What is to be deleted.
#[derive(Debug, Clone)]
pub struct Request {
    /// The model. It may be gone.
    pub model: String,
    /// Which of its data.
    pub chosen: Chosen,
    /// Whether only to say what would be deleted.
    pub dry_run: bool,
}

/// Which of a model's data, in a person's words.
#[derive(Debug, Clone)]
pub enum Chosen {
    /// All versions of a name, or one.
    Name(String, Option<u64>),
    /// All names that begin so. Every name begins with the empty text, so that is refused:
    /// an unset variable of a script must not become [`Chosen::All`].
    Prefix(String),
    /// All that the model has.
    All,
}

/// Deletes data for good, once no call of the model is under way.
///
/// # Errors
/// There is no such model or data, the prefix is empty, the name is a former one of data that
/// was renamed, or calls of the model did not end in time; then nothing was deleted.
pub async fn data_delete(
    repository: &Arc<Repository>,
    request: &Request,
    events: Arc<dyn Events>,
) -> Result<DataDeletion, AppError> {
    if matches!(&request.chosen, Chosen::Prefix(prefix) if prefix.is_empty()) {
        return Err(AppError::from(DataUseError::PrefixEmpty));
    }
    let model = model_with_data(repository, &request.model)?;
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
    // A request that cannot be carried out fails before it waits for anything.
    named_as_now(repository, &delete)?;
    let plan = repository.store()?.data_delete_plan(&delete)?;
    found(repository, &delete, &plan)?;
    if request.dry_run {
        return Ok(deletion(&model, true, &plan));
    }
    let told = format!("data delete {model}");
    let held = locked(repository, &told, &one(&model), events).await?;
    // It may have been renamed while this waited; from here on, the lock keeps it from that.
    named_as_now(repository, &delete)?;
    let deleted = repository.store()?.data_delete(&held.permit, &delete)?;
    // Another process may have been faster.
    found(repository, &delete, &deleted)?;
    Ok(deletion(&model, false, &deleted))
}

fn deletion(model: &ModelName, dry_run: bool, deleted: &[DataDeleted]) -> DataDeletion {
    DataDeletion {
        model: model.to_string(),
        dry_run,
        deleted: deleted_views(deleted),
    }
}

/// Checks that data which is named goes by that very name.
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
