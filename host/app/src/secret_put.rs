//! Puts a secret, or another value in its place.

use sedge_api::view::secret::SecretView;
use sedge_model::names::SecretName;
use sedge_secrets::{SecretValue, Weakness};
use sedge_sys::host;

use crate::error::{AppError, SecretError};
use crate::repository::Repository;
use crate::views::secret::secret_view;

/// Puts a value, sealed, and returns what is known of the secret. A weak one is put only if
/// `allow_weak` is set: it is kept out of logs and outcomes, but not out of names and tags.
///
/// # Errors
/// The value is weak, the key cannot be used, or the former file of the secret is damaged.
pub fn secret_put(
    repository: &Repository,
    name: &SecretName,
    value: &SecretValue,
    allow_weak: bool,
) -> Result<SecretView, AppError> {
    let weakness = Weakness::of(value);
    if let Some(weakness) = weakness
        && !allow_weak
    {
        return Err(AppError::from(SecretError::Weak {
            name: name.clone(),
            weakness,
        }));
    }
    let info = repository.secrets()?.put(name, value, &person())?;
    Ok(secret_view(&info, weakness))
}

/// Returns who does something with secrets from a terminal, for the record.
pub(crate) fn person() -> String {
    format!("{}@{}", host::user(), host::host_name())
}
