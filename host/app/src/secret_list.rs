//! Lists secrets.

use sedge_secrets::SecretInfo;

use crate::error::AppError;
use crate::repository::Repository;

/// Returns what is known of each secret, by name; nothing of its value.
///
/// # Errors
/// The file of a secret is damaged.
pub fn secret_list(repository: &Repository) -> Result<Vec<SecretInfo>, AppError> {
    // A user who only looks need not be able to make the folder.
    if !repository.has_state_folder("secrets")? {
        return Ok(Vec::new());
    }
    Ok(repository.secrets()?.list()?)
}
