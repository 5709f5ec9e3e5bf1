//! Deletes a model: its file, never its data.

use std::sync::Arc;

use sedge_locks::mode::{Mode, Resource};
use sedge_model::lineage::Lineage;
use sedge_model::names::{ModelName, RunId};
use sedge_sys::random;

use crate::error::AppError;
use crate::events::Events;
use crate::locks::Locks;
use crate::repository::Repository;

/// A model that was deleted.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its name.
    pub name: ModelName,
    /// What was its file, within the repository.
    pub file: String,
    /// How many pieces of data it leaves behind.
    pub n_data: usize,
}

/// Deletes a model once no call of it is under way. Its data stays, and can be read and
/// deleted by the model's name.
///
/// A file that is at fault is deleted like any other.
///
/// # Errors
/// There is no such model, or calls of it did not end in time; then it is as before.
pub async fn model_delete(
    repository: &Arc<Repository>,
    name: &str,
    events: Arc<dyn Events>,
) -> Result<Report, AppError> {
    let Ok(model) = name.parse::<ModelName>() else {
        return Err(repository.model_missing(name)?);
    };
    let file = model.file();
    if !repository.folder().has(&file) {
        return Err(repository.model_missing(name)?);
    }
    let locks = Locks::new(repository, events)?;
    let lineage = Lineage::root(RunId::from_bits(random::bits()));
    let what = format!("model delete {model}");
    let _lock = locks
        .acquire(&lineage, &what, &to_change(&model), None)
        .await?;
    let n_data = repository.store()?.data_list(Some(&model))?.len();
    // Somebody else may have been faster.
    if !repository.folder().has(&file) {
        return Err(repository.model_missing(name)?);
    }
    repository.folder().remove(&file)?;
    Ok(Report {
        name: model,
        file,
        n_data,
    })
}

/// Returns what is locked, and how, by who changes a model or its data without a call.
pub(crate) fn to_change(model: &ModelName) -> [(Resource, Mode); 2] {
    [
        (Resource::Datastore, Mode::IX),
        (Resource::Model(model.clone()), Mode::X),
    ]
}
