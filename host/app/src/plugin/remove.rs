//! Removes a plugin: its pin, and with it the grants for all models of its type.

use sedge_api::view::plugin::PluginRemoved;
use sedge_lang::definition::Definition;
use sedge_lang::repository::{LOCK_FILE, LockedPlugin};
use sedge_model::audit::AuditWord;
use sedge_model::names::TypeName;
use sedge_model::permission::grants::Grants;

use crate::audit::{audit_grants, audit_note};
use crate::cx::Cx;
use crate::error::{AppError, PluginUseError, RepositoryError};
use crate::plugin::add::plugin_lock_queue;
use crate::plugin::loaded::component_file;
use crate::plugin::vendor::vendored_file;
use crate::repository::{Repository, plugin_lock_read};

/// Returns what [`plugin_remove`] would remove, without removing it.
///
/// # Errors
/// Returns the same errors.
pub fn plugin_remove_plan(
    cx: &Cx,
    type_name: &str,
    is_forced: bool,
) -> Result<PluginRemoved, AppError> {
    let repository = cx.repository.snapshot()?;
    let (type_name, pinned) = repository.plugin_pinned(type_name)?;
    let models = models_left(&repository, type_name, is_forced)?;
    Ok(removed_view(type_name, pinned, models))
}

/// Removes the plugin that provides a type. The models of the type and their data stay.
///
/// # Errors
/// Returns an error if no plugin provides the type, or if models of the type exist and `is_forced`
/// is false. Nothing was changed then.
pub fn plugin_remove(cx: &Cx, type_name: &str, is_forced: bool) -> Result<PluginRemoved, AppError> {
    let repository = &cx.repository.snapshot()?;
    let (type_name, _) = repository.plugin_pinned(type_name)?;
    let models = models_left(repository, type_name, is_forced)?;
    let queue = plugin_lock_queue(repository)?;
    let _lock = queue.enter()?;
    let mut lock = plugin_lock_read(repository.folder())?;
    // Another process may have removed it since this one has read the file.
    let Some(removed) = lock.plugins.remove(type_name) else {
        return Err(AppError::from(PluginUseError::TypeMissing {
            name: type_name.to_string(),
            near: None,
        }));
    };
    // The pin is removed first, so a crash leaves no pin without a component.
    let text = lock.file_text();
    repository.folder().write(LOCK_FILE, text.as_bytes())?;
    let components = repository.state_folder("plugins")?;
    components.remove(&component_file(&removed.sha256))?;
    let view = removed_view(type_name, &removed, models);
    if let Some(file) = &view.vendored_file {
        repository.folder().remove(file)?;
    }
    let (on, detail) = (type_name.as_str(), pin_text(&removed));
    audit_note(cx, AuditWord::PluginRemoved, on, Some(detail))?;
    audit_grants(cx, on, &removed.grants, &Grants::default())?;
    Ok(view)
}

/// Returns the version and the digest of a pin, for the audit.
pub(crate) fn pin_text(pinned: &LockedPlugin) -> String {
    format!("version {}, sha256 {}", pinned.version, pinned.sha256)
}

fn removed_view(type_name: &TypeName, pinned: &LockedPlugin, models: Vec<String>) -> PluginRemoved {
    PluginRemoved {
        type_name: type_name.to_string(),
        version: pinned.version.to_string(),
        sha256: pinned.sha256.to_string(),
        models,
        vendored_file: Some(vendored_file(type_name)).filter(|file| *file == pinned.source),
    }
}

/// Returns the models that cannot run without the plugin.
fn models_left(
    repository: &Repository,
    type_name: &TypeName,
    is_forced: bool,
) -> Result<Vec<String>, AppError> {
    let models = models_of(repository, type_name)?;
    if models.is_empty() || is_forced {
        return Ok(models);
    }
    Err(AppError::from(PluginUseError::ModelsLeft {
        type_name: type_name.clone(),
        models,
    }))
}

/// Returns the names of the models of a type. A definition that cannot be read is left out: its
/// model cannot run anyway.
fn models_of(repository: &Repository, type_name: &TypeName) -> Result<Vec<String>, AppError> {
    let mut models = Vec::new();
    for (_, definition) in repository.definitions()? {
        match definition {
            Ok(definition) if definition.type_name.value == *type_name => {
                models.push(definition.name.to_string());
            }
            Ok(_) | Err(AppError::Repository(RepositoryError::BadFile { .. })) => {}
            Err(other) => return Err(other),
        }
    }
    for unsaved in repository.unsaved_all()? {
        let name = unsaved.name.to_string();
        // An unsaved definition that cannot be parsed any more uses no type, like a file with faults.
        let Ok(definition) = Definition::parse(&unsaved.file) else {
            continue;
        };
        if definition.type_name.value == *type_name && !models.contains(&name) {
            models.push(name);
        }
    }
    Ok(models)
}
