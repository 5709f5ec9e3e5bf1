//! Creates a repository.

use std::path::Path;

use sedge_api::view::repository::RepositoryMade;
use sedge_lang::json_schema::SchemaOf;
use sedge_lang::repository::{CONFIG_FILE, config_file_text};
use sedge_sys::folder::Folder;

use crate::error::{AppError, RepositoryError};
use crate::repository::trust::trust_check;
use crate::repository::{MODELS_FOLDER, Repository, Settings, WORKFLOWS_FOLDER};
use crate::schema::schemas_write;

/// Creates a repository in a folder, and the folder itself if necessary.
///
/// # Errors
/// Returns an error if the folder is a repository already, or if it cannot be written.
pub fn init(folder: &Path) -> Result<RepositoryMade, AppError> {
    init_with(folder, Settings::default())
}

/// Creates a repository as [`init`] does, with the user's settings.
///
/// # Errors
/// Returns the same errors, and an error if a repository in this folder would not be trusted.
pub fn init_with(folder: &Path, settings: Settings) -> Result<RepositoryMade, AppError> {
    let made = Folder::create(folder)?;
    trust_check(&made, &settings.trust)?;
    if made.has(CONFIG_FILE)? {
        return Err(AppError::from(RepositoryError::Exists(
            made.path().to_owned(),
        )));
    }
    made.create_folder(MODELS_FOLDER)?;
    made.create_folder(WORKFLOWS_FOLDER)?;
    // This file comes last, because it is what makes the folder a repository.
    made.write_new(CONFIG_FILE, config_file_text().as_bytes())?;
    let repository = Repository::open_with(made.path(), settings)?;
    schemas_write(&repository, &SchemaOf::ALL)?;
    repository.store()?;
    Ok(RepositoryMade {
        path: repository.path().to_string_lossy().into_owned(),
    })
}
