//! Seals all secrets anew, by a fresh key.

use crate::error::AppError;
use crate::repository::Repository;
use crate::secret_put::person;

/// Makes a fresh key, seals all secrets by it, forgets the former key, and returns how many
/// secrets there are.
///
/// # Errors
/// A secret cannot be read; then all that could be read before can still be.
pub fn secret_rotate(repository: &Repository) -> Result<usize, AppError> {
    Ok(repository.secrets()?.rotate(&person())?)
}
