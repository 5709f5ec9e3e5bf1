//! Grants permissions to a model, in its definition.

use sedge_api::view::model::ModelGranted;
use sedge_lang::definition::Definition;
use sedge_lang::grants_edit::grants_edited;
use sedge_model::permission::choice::{self, Choice, ChosenPermission};
use sedge_model::permission::grants::Grants;
use sedge_sys::file_lock::FileQueue;

use crate::audit::audit_grants;
use crate::cx::Cx;
use crate::error::{AppError, ModelError};
use crate::model::permissions::model_permissions;
use crate::plugin::add::Undecided;
use crate::repository::Repository;
use crate::repository::snapshot::RepositorySnapshot;
use crate::repository::unsaved::saved_check;
use crate::run::cx::{ReadyModel, type_grants};
use crate::views::permission::{grants_view, permission_view};

/// The lock file of the processes that change definitions.
const QUEUE_FILE: &str = "models.lock";

/// A request to add grants to the definition of a model.
#[derive(Debug, Clone)]
pub struct ModelGrantRequest {
    /// The model.
    pub model: String,
    /// The permissions to grant, out of the requests of its plugin.
    pub choices: Vec<Choice>,
}

/// Returns what a model's plugin requests and is not granted, or not completely.
///
/// # Errors
/// Returns an error if there is no such model, or if its file or plugin is invalid.
pub async fn model_lacking(cx: &Cx, name: &str) -> Result<Vec<Undecided>, AppError> {
    let repository = &cx.repository.snapshot()?;
    let model = ReadyModel::load(repository, name).await?;
    saved_check(&model.definition)?;
    let granted = all_grants(repository, &model.definition);
    let requests = model.plugin.type_info().permissions.iter();
    let lacking = requests.filter(|request| !granted.has_all_of(&request.permission));
    Ok(lacking.map(Undecided::new).collect())
}

/// Adds grants to the definition of a model. Grants that the model or all models of its type have
/// already are not added again.
///
/// # Errors
/// Returns an error if there is no such model, if its file or plugin is invalid, if the plugin does
/// not request a permission, or if the grants in the file have a form that is not edited. The file
/// is unchanged then.
pub async fn model_grant(cx: &Cx, request: &ModelGrantRequest) -> Result<ModelGranted, AppError> {
    let snapshot = cx.repository.snapshot()?;
    let model = ReadyModel::load(&snapshot, &request.model).await?;
    let info = model.plugin.type_info();
    let chosen = choice::chosen(&info.permissions, &request.choices);
    let chosen = chosen.map_err(|source| {
        AppError::from(ModelError::GrantUnknown {
            model: model.definition.name.clone(),
            source,
        })
    })?;
    let (added, already) = grants_add(cx, &snapshot, &request.model, &chosen)?;
    let now = model_permissions(cx, &request.model).await?;
    Ok(ModelGranted {
        file: model.definition.file.name.clone(),
        added: grants_view(&added),
        already: already
            .iter()
            .map(|it| permission_view(&it.permission))
            .collect(),
        model: now.model,
        type_name: now.type_name,
        permissions: now.permissions,
    })
}

/// Adds grants to a definition. Returns the grants that are new, and the permissions that were
/// granted before.
fn grants_add<'a>(
    cx: &Cx,
    repository: &RepositorySnapshot,
    model: &str,
    chosen: &'a [ChosenPermission],
) -> Result<(Grants, Vec<&'a ChosenPermission>), AppError> {
    let queue = definitions_queue(repository)?;
    let _lock = queue.enter()?;
    // Another process may have changed the file meanwhile.
    let definition = repository.definition(model)?;
    saved_check(&definition)?;
    let granted = all_grants(repository, &definition);
    let (already, new): (Vec<_>, Vec<_>) = chosen.iter().partition(|one| has(&granted, one));
    let mut added = Grants::default();
    for one in new {
        added.extend(&one.grants);
    }
    let mut wanted = definition.grants.clone();
    wanted.extend(&added);
    grants_write(repository, &definition, &wanted)?;
    let name = definition.name.as_str();
    audit_grants(cx, name, &definition.grants, &wanted)?;
    Ok((added, already))
}

/// Returns whether a chosen permission is granted already, with the same folder.
fn has(granted: &Grants, one: &ChosenPermission) -> bool {
    let mut folders = one.grants.files.iter();
    granted.has_all_of(&one.permission) && folders.all(|folder| granted.files.contains(folder))
}

/// Returns the grants for all models of the type, and those of the definition.
fn all_grants(repository: &RepositorySnapshot, definition: &Definition) -> Grants {
    let mut granted = type_grants(repository, &definition.type_name.value);
    granted.extend(&definition.grants);
    granted
}

/// Returns the queue of the processes that change definitions. Without it, a change could be lost
/// between the read and the write of another process.
pub(crate) fn definitions_queue(repository: &RepositorySnapshot) -> Result<FileQueue, AppError> {
    let locks = repository.state_folder("locks")?;
    Ok(FileQueue::open(
        &locks,
        QUEUE_FILE,
        repository.lock_timeout(),
    )?)
}

/// Writes a definition with other grants, unless it has them already. The caller must hold the lock
/// of [`definitions_queue`].
pub(crate) fn grants_write(
    repository: &Repository,
    definition: &Definition,
    wanted: &Grants,
) -> Result<(), AppError> {
    if *wanted == definition.grants {
        return Ok(());
    }
    let text = grants_edited(definition, wanted).map_err(|source| {
        AppError::from(ModelError::NotEditable {
            file: definition.file.name.clone(),
            source,
        })
    })?;
    repository
        .folder()
        .write_through(&definition.file.name, text.as_bytes())?;
    Ok(())
}
