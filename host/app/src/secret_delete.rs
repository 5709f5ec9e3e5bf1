//! Deletes a secret.

use sedge_api::view::secret::SecretDeleted;
use sedge_model::names::SecretName;

use crate::error::{AppError, SecretError};
use crate::repository::{Repository, near_one};
use crate::secret_put::person;

/// Deletes a secret permanently, and returns its name. The value does not have to be readable.
///
/// # Errors
/// Returns an error if there is no such secret.
pub fn secret_delete(repository: &Repository, name: &str) -> Result<SecretDeleted, AppError> {
    let secrets = repository.secrets()?;
    if let Ok(name) = name.parse::<SecretName>()
        && secrets.delete(&name, &person())?
    {
        return Ok(SecretDeleted {
            name: name.to_string(),
        });
    }
    Err(AppError::from(SecretError::Missing {
        name: name.to_owned(),
        near: near_one(name, &secrets.names()?),
    }))
}
