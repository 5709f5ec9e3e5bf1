//! Makes a repository.

use std::path::Path;

use sedge_api::view::repository::RepositoryMade;
use sedge_model::repository::{CONFIG_FILE, config_file_text};
use sedge_sys::folder::Folder;

use crate::error::{AppError, RepositoryError};
use crate::repository::{MODELS_FOLDER, Repository, Settings, WORKFLOWS_FOLDER};
use crate::trust::trust_check;

/// Makes a repository of a folder, making the folder too if need be.
///
/// # Errors
/// It is one already, or cannot be written.
pub fn init(folder: &Path) -> Result<RepositoryMade, AppError> {
    init_with(folder, Settings::default())
}

/// Makes a repository as [`init`] does, with the user's own settings.
///
/// # Errors
/// As there, or the folder is one that a repository in it would not be trusted for.
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
    // Last: a folder with this file is a repository, one without it is not.
    made.write_new(CONFIG_FILE, config_file_text().as_bytes())?;
    let repository = Repository::open_with(made.path(), settings)?;
    repository.store()?;
    Ok(RepositoryMade {
        path: repository.path().to_string_lossy().into_owned(),
    })
}
