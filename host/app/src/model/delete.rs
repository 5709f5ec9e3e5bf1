//! Deletes a model: its definition, but not its data.

use std::sync::Arc;

use sedge_api::view::model::ModelDeleted;
use sedge_model::audit::AuditWord;

use crate::audit::audit_note;
use crate::error::AppError;
use crate::events::Events;
use crate::repository::Repository;
use crate::repository::unsaved::is_unsaved;
use crate::structure::{locked, one};

/// Deletes a model, saved or not, once no call of it is in progress.
///
/// Its data is retained, and can be read and deleted by the model's name. The record of the
/// permissions that it used is deleted. A definition that is invalid can be deleted too.
///
/// # Errors
/// Returns an error if there is no such model, or if its calls did not end before the deadline.
/// In both cases, nothing is changed.
pub async fn model_delete(
    repository: &Arc<Repository>,
    name: &str,
    events: Arc<dyn Events>,
) -> Result<ModelDeleted, AppError> {
    let Some(found) = repository.model_file(name)? else {
        return Err(repository.model_missing(name));
    };
    let (model, file) = (found.name, found.file);
    let what = format!("model delete {model}");
    let held = locked(repository, &what, &one(&model), events).await?;
    let data = repository.store()?.data_models()?;
    let data = data.into_iter().find(|data| data.model == model);
    // Another process may have deleted the model in the meantime.
    if !repository.definition_remains(&file)? {
        return Err(repository.model_missing(name));
    }
    let store = repository.store()?;
    store.permission_uses_forget(&held.permit, &model)?;
    // A model with a file may have such a definition, too, if a process was killed while it saved
    // the model.
    store.unsaved_delete(&held.permit, &model)?;
    let file = (!is_unsaved(&file)).then(|| file.name.clone());
    if let Some(file) = &file {
        repository.folder().remove(file)?;
    }
    let detail = Some(file.clone().unwrap_or_else(|| "unsaved".to_owned()));
    audit_note(repository, AuditWord::ModelDeleted, model.as_str(), detail)?;
    Ok(ModelDeleted {
        name: model.to_string(),
        file,
        data_kept: data.map_or(0, |data| data.n_names),
    })
}
