//! Changes the definition of a model to a text that the user edited.

use std::path::PathBuf;

use sedge_api::view::model::ModelEdited;
use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::{Diagnostic, SourceFile};
use sedge_lang::yaml;
use sedge_model::audit::AuditWord;
use sedge_model::permission::grants::Grants;
use sedge_sys::folder::Folder;

use crate::audit::{audit_grants, audit_note};
use crate::cx::Cx;
use crate::error::{AppError, DatastoreError, ModelError, PluginUseError, RepositoryError};
use crate::model::grant::definitions_queue;
use crate::repository::files::ModelFile;
use crate::repository::snapshot::RepositorySnapshot;
use crate::repository::unsaved::is_unsaved;
use crate::repository::{Repository, STATE_FOLDER};
use crate::run::cx::ReadyModel;
use crate::structure::{Held, locked, one};

/// The folder of texts that are edited or were refused.
const EDITS_FOLDER: &str = "edits";

/// A copy of a definition for the user's editor.
#[derive(Debug, Clone)]
pub struct ModelEditing {
    /// The text of the definition.
    pub text: String,
    /// The file of the copy.
    pub path: PathBuf,
}

/// A text that is to become the definition of a model.
#[derive(Debug, Clone)]
pub struct ModelEditRequest {
    /// The model.
    pub name: String,
    /// The text of the definition when the user began to edit it; `None` if that does not matter.
    pub former: Option<String>,
    /// The new text.
    pub text: String,
}

/// Copies a definition, which may be invalid, for the user's editor.
///
/// # Errors
/// Returns an error if there is no such model, or if the copy cannot be written.
pub fn model_edit_begin(cx: &Cx, name: &str) -> Result<ModelEditing, AppError> {
    let model = found(&cx.repository, name)?;
    let copies = cx.repository.state_folder(EDITS_FOLDER)?;
    let copy = copy_name(&model);
    copies.write(&copy, model.file.text.as_bytes())?;
    Ok(ModelEditing {
        text: model.file.text.clone(),
        path: copies.path_of(&copy),
    })
}

/// Reads the copy after the user edited it.
///
/// # Errors
/// Returns an error if there is no such model, or if the copy cannot be read as text.
pub fn model_edit_text(cx: &Cx, name: &str) -> Result<String, AppError> {
    let model = found(&cx.repository, name)?;
    let copies = cx.repository.state_folder(EDITS_FOLDER)?;
    let text = copies.read_text(&copy_name(&model), yaml::FILE_BYTES_MAX as u64)?;
    // An editor that removed the file has not changed the definition.
    Ok(text.unwrap_or_else(|| model.file.text.clone()))
}

/// Checks a new text of a definition, and writes it to the definition's file.
///
/// # Errors
/// Returns an error if there is no such model, if the text is not a definition of this model, if
/// its global arguments do not fit the schema of its type, if it has another type than the model's
/// data, if it has another type and the model's calls did not end before the deadline, or if another
/// process has changed the file meanwhile. Then the file is unchanged, and the error names a file
/// that has the new text.
pub async fn model_edit(cx: &Cx, request: &ModelEditRequest) -> Result<ModelEdited, AppError> {
    let snapshot = cx.repository.snapshot()?;
    let model = found(&snapshot, &request.name)?;
    let copies = cx.repository.state_folder(EDITS_FOLDER)?;
    let copy = copy_name(&model);
    match edited(cx, &snapshot, &model, request).await {
        Ok(edited) => {
            copies.remove(&copy)?;
            Ok(edited)
        }
        // The definition has the new text.
        Err(error @ AppError::Datastore(DatastoreError::NotAudited { .. })) => {
            copies.remove(&copy)?;
            Err(error)
        }
        Err(refusal) => Err(kept(&copies, &copy, &request.text, refusal)?),
    }
}

async fn edited(
    cx: &Cx,
    repository: &RepositorySnapshot,
    model: &ModelFile,
    request: &ModelEditRequest,
) -> Result<ModelEdited, AppError> {
    let file = SourceFile::new(model.file.name.as_str(), request.text.as_str());
    let definition = Definition::parse(&file)?;
    if definition.name != model.name {
        return Err(renamed(&definition, model).into());
    }
    let _held = type_check(cx, repository, &definition, model).await?;
    let type_name = definition.type_name.value.to_string();
    let grants = definition.grants.clone();
    match ReadyModel::of(repository, definition).await {
        // A fresh clone may lack the component. The definition is checked before its next call.
        Ok(_) | Err(AppError::Plugin(PluginUseError::Gone { .. })) => {}
        Err(error) => return Err(error),
    }
    let queue = definitions_queue(repository)?;
    let _lock = queue.enter()?;
    let now = found(repository, &request.name)?;
    let former = request.former.as_ref().unwrap_or(&model.file.text);
    if now.file.text != *former {
        return Err(AppError::from(ModelError::EditedMeanwhile {
            name: model.name.clone(),
            file: model.file.name.clone(),
        }));
    }
    let is_changed = now.file.text != request.text;
    if is_changed {
        repository
            .folder()
            .write_through(&model.file.name, request.text.as_bytes())?;
        let detail = Some(model.file.name.clone());
        audit_note(cx, AuditWord::ModelEdited, model.name.as_str(), detail)?;
        audit_grants(cx, model.name.as_str(), &former_grants(&now), &grants)?;
    }
    Ok(ModelEdited {
        name: model.name.to_string(),
        type_name,
        file: model.file.name.clone(),
        changed: is_changed,
    })
}

/// Returns the grants of a definition before an edit. A text that is not a definition granted
/// nothing: its model could not be called.
fn former_grants(former: &ModelFile) -> Grants {
    match Definition::parse(&former.file) {
        Ok(definition) => definition.grants,
        Err(_) => Grants::default(),
    }
}

/// Checks that the new text does not give another type to a model that has data: its data has the
/// schemas of its type. A former text that is not a definition has no type to compare with.
///
/// Returns the lock of a model whose type changes, so that no call writes its first data before the
/// new text is written.
async fn type_check(
    cx: &Cx,
    repository: &RepositorySnapshot,
    definition: &Definition,
    model: &ModelFile,
) -> Result<Option<Held>, AppError> {
    // ignored: the faults of the former text are what the user corrects.
    let Ok(former) = Definition::parse(&model.file) else {
        return Ok(None);
    };
    let (from, to) = (&former.type_name.value, &definition.type_name.value);
    if from == to {
        return Ok(None);
    }
    let what = format!("model edit {}", model.name);
    let held = locked(cx, &what, &one(&model.name)).await?;
    let with_data = repository.store()?.data_models()?;
    if with_data.iter().all(|it| it.model != model.name) {
        return Ok(Some(held));
    }
    Err(AppError::from(ModelError::TypeChanged {
        name: model.name.clone(),
        from: from.clone(),
        to: to.clone(),
    }))
}

/// Keeps a refused text, and returns the error that names its file.
fn kept(copies: &Folder, copy: &str, text: &str, refusal: AppError) -> Result<AppError, AppError> {
    copies.write(copy, text.as_bytes())?;
    Ok(AppError::from(ModelError::EditRefused {
        refusal: Box::new(refusal),
        kept: format!("{STATE_FOLDER}/{EDITS_FOLDER}/{copy}"),
    }))
}

fn found(repository: &Repository, name: &str) -> Result<ModelFile, AppError> {
    match repository.model_file(name)? {
        Some(found) if is_unsaved(&found.file) => {
            Err(AppError::from(ModelError::Unsaved { name: found.name }))
        }
        Some(found) => Ok(found),
        None => Err(repository.model_missing(name)),
    }
}

/// Returns the name of the copy's file. The name of a model has no `+`, so two models have two
/// copies.
fn copy_name(model: &ModelFile) -> String {
    format!("{}.yaml", model.name.as_str().replace('/', "+"))
}

/// Returns the fault of a text that gives the model another name.
fn renamed(definition: &Definition, model: &ModelFile) -> RepositoryError {
    let message = format!("the new text names the model `{}`", definition.name);
    let fault = Diagnostic::new(&definition.file, definition.place("/name"), message);
    fault
        .with_hint(format!(
            "name it `{}`: its data belongs to this name; `sedge model create` makes another model",
            model.name
        ))
        .into()
}
