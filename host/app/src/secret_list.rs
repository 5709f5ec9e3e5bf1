//! Lists secrets.

use sedge_secrets::SecretInfo;

use crate::error::AppError;
use crate::repository::Repository;

/// Returns what is known of each secret, by name; nothing of its value.
///
/// # Errors
/// The file of a secret is damaged.
pub fn secret_list(repository: &Repository) -> Result<Vec<SecretInfo>, AppError> {
    Ok(repository.secrets()?.list()?)
}
