//! Deletes a model: its definition, but not its data.

use sedge_api::view::model::ModelDeleted;
use sedge_model::audit::AuditWord;

use crate::audit::audit_note;
use crate::cx::Cx;
use crate::error::AppError;
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
pub async fn model_delete(cx: &Cx, name: &str) -> Result<ModelDeleted, AppError> {
    let Some(found) = cx.repository.model_file(name)? else {
        return Err(cx.repository.model_missing(name));
    };
    let (model, file) = (found.name, found.file);
    let what = format!("model delete {model}");
    let held = locked(cx, &what, &one(&model)).await?;
    let data = cx.repository.store()?.data_models()?;
    let data = data.into_iter().find(|data| data.model == model);
    // Another process may have deleted the model in the meantime.
    if !cx.repository.definition_remains(&file)? {
        return Err(cx.repository.model_missing(name));
    }
    let store = cx.repository.store()?;
    store.permission_uses_forget(&held.permit, &model)?;
    // A model with a file may have such a definition, too, if a process was killed while it saved
    // the model.
    store.unsaved_delete(&held.permit, &model)?;
    let file = (!is_unsaved(&file)).then(|| file.name.clone());
    if let Some(file) = &file {
        cx.repository.folder().remove(file)?;
    }
    let detail = Some(file.clone().unwrap_or_else(|| "unsaved".to_owned()));
    audit_note(cx, AuditWord::ModelDeleted, model.as_str(), detail)?;
    Ok(ModelDeleted {
        name: model.to_string(),
        file,
        data_kept: data.map_or(0, |data| data.n_names),
    })
}
