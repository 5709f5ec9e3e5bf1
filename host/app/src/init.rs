//! Makes a repository.

use std::path::{Path, PathBuf};

use sedge_model::repository::{CONFIG_FILE, config_file_text};
use sedge_sys::folder::Folder;

use crate::error::AppError;
use crate::repository::Repository;

/// Makes a repository of a folder, making the folder too if need be. Returns its absolute path.
///
/// # Errors
/// It is one already, or cannot be written.
pub fn init(folder: &Path) -> Result<PathBuf, AppError> {
    let made = Folder::create(folder)?;
    if made.has(CONFIG_FILE)? {
        return Err(AppError::RepositoryExists(made.path().to_owned()));
    }
    made.create_folder("models")?;
    made.create_folder("workflows")?;
    // Last: a folder with this file is a repository, one without it is not.
    made.write_new(CONFIG_FILE, config_file_text().as_bytes())?;
    let repository = Repository::open(made.path())?;
    repository.store()?;
    Ok(repository.path().to_owned())
}
