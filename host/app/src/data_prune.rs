//! Deletes the data of models that are gone.

use std::sync::Arc;

use sedge_store::{DataChosen, DataDelete, ModelData};

use crate::error::AppError;
use crate::events::Events;
use crate::repository::Repository;
use crate::structure::{locked, whole};

/// Deletes all data of models that have no file any more, and returns how much each had; with
/// `dry_run`, nothing is deleted.
///
/// # Errors
/// Calls did not end in time; then nothing was deleted.
pub async fn data_prune(
    repository: &Arc<Repository>,
    dry_run: bool,
    events: Arc<dyn Events>,
) -> Result<Vec<ModelData>, AppError> {
    let gone = models_gone(repository)?;
    if dry_run || gone.is_empty() {
        return Ok(gone);
    }
    let held = locked(repository, "data prune", &whole(), events).await?;
    // A model may have been made anew since.
    let gone = models_gone(repository)?;
    for data in &gone {
        let delete = DataDelete {
            model: data.model.clone(),
            what: DataChosen::All,
        };
        repository.store()?.data_delete(&held.permit, &delete)?;
    }
    Ok(gone)
}

fn models_gone(repository: &Repository) -> Result<Vec<ModelData>, AppError> {
    let mut data = repository.store()?.data_models()?;
    data.retain(|data| !repository.folder().has(&data.model.file()));
    Ok(data)
}
