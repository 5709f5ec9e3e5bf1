//! Puts a secret, or another value in its place.

use sedge_model::names::SecretName;
use sedge_secrets::{SecretInfo, SecretValue};
use sedge_sys::host;

use crate::error::AppError;
use crate::repository::Repository;

/// Puts a value, sealed, and returns what is known of the secret.
///
/// # Errors
/// The key cannot be used, or the former file of the secret is damaged.
pub fn secret_put(
    repository: &Repository,
    name: &SecretName,
    value: &SecretValue,
) -> Result<SecretInfo, AppError> {
    Ok(repository.secrets()?.put(name, value, &person())?)
}

/// Returns who does something with secrets from a terminal, for the record.
pub(crate) fn person() -> String {
    format!("{}@{}", host::user(), host::host_name())
}
