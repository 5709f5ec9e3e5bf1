//! Seals all secrets again, by a new key.

use sedge_api::view::secret::SecretsRotated;

use crate::error::AppError;
use crate::repository::Repository;
use crate::secret_put::person;

/// Makes a new key, seals all secrets by it, and forgets the former key.
///
/// # Errors
/// A secret cannot be read; then all that could be read before can still be.
pub fn secret_rotate(repository: &Repository) -> Result<SecretsRotated, AppError> {
    let n_secrets = repository.secrets()?.rotate(&person())?;
    Ok(SecretsRotated {
        secrets: n_secrets as u64,
    })
}
