//! Seals all secrets again with a new key.

use sedge_api::view::secret::SecretsRotated;

use crate::error::AppError;
use crate::repository::Repository;
use crate::secret_put::person;

/// Creates a new key, seals all secrets with it, and deletes the former key.
///
/// # Errors
/// Returns an error if a secret cannot be read. All secrets that could be read before still can be.
pub fn secret_rotate(repository: &Repository) -> Result<SecretsRotated, AppError> {
    let n_secrets = repository.secrets()?.rotate(&person())?;
    Ok(SecretsRotated {
        secrets: n_secrets as u64,
    })
}
