//! Lists secrets.

use sedge_secrets::ListedSecret;

use crate::error::AppError;
use crate::repository::Repository;

/// Returns what is known of each secret, by name: whether its value can be opened and whether it
/// is weak, but nothing else of the value.
///
/// # Errors
/// The folder of secrets cannot be read.
pub fn secret_list(repository: &Repository) -> Result<Vec<ListedSecret>, AppError> {
    // A user who only looks need not be able to make the folder.
    if !repository.has_state_folder("secrets")? {
        return Ok(Vec::new());
    }
    Ok(repository.secrets()?.list()?)
}
