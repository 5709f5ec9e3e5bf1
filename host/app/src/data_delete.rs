//! Deletes data, with all its versions.

use std::sync::Arc;

use sedge_model::lineage::Lineage;
use sedge_model::names::{DataName, ModelName, RunId};
use sedge_store::DataDelete;
use sedge_sys::random;

use crate::data_get::{data_key, data_missing};
use crate::data_list::data_list;
use crate::error::AppError;
use crate::events::Events;
use crate::locks::Locks;
use crate::model_delete::to_change;
use crate::repository::Repository;

/// Data that was deleted.
#[derive(Debug, Clone)]
pub struct Report {
    /// The model that it belonged to.
    pub model: ModelName,
    /// Each name, and how many versions it had.
    pub deleted: Vec<(DataName, u64)>,
}

/// Deletes all versions of `name`, or of all data of the model where none is named, once no
/// call of the model is under way. The model may be gone.
///
/// # Errors
/// There is no such model or data, or calls of the model did not end in time; then nothing
/// was deleted.
pub async fn data_delete(
    repository: &Arc<Repository>,
    model: &str,
    name: Option<&str>,
    events: Arc<dyn Events>,
) -> Result<Report, AppError> {
    let (model_name, data_name) = match name {
        Some(name) => {
            let (model, name) = data_key(repository, model, name)?;
            (model, Some(name))
        }
        None => {
            // The model has a file or data, or that is the error.
            data_list(repository, Some(model))?;
            (model.parse()?, None)
        }
    };
    // Who asks for what is not there is told at once.
    if let (Some(data_name), Some(name)) = (&data_name, name)
        && repository
            .store()?
            .data_get(&model_name, data_name, None)?
            .is_none()
    {
        return Err(data_missing(repository, model_name, name));
    }
    let locks = Locks::new(repository, events)?;
    let lineage = Lineage::root(RunId::from_bits(random::bits()));
    let what = format!("data delete {model_name}");
    let lock = locks
        .acquire(&lineage, &what, &to_change(&model_name), None)
        .await?;
    let deleted = repository.store()?.data_delete(&DataDelete {
        model: model_name.clone(),
        name: data_name,
        by: lineage,
        lock_epoch: lock.epoch().0,
    })?;
    match name {
        Some(name) if deleted.is_empty() => Err(data_missing(repository, model_name, name)),
        Some(_) | None => Ok(Report {
            model: model_name,
            deleted,
        }),
    }
}
