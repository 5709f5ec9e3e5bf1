//! Lists who has what locked, and who waits for whom.

use sedge_locks::status::{LockStatus, lock_status};

use crate::error::AppError;
use crate::repository::Repository;

/// Returns all locks and all requests for locks, of all processes: resource by resource, first
/// who has it, then who waits, the next one first. Locks nothing, and waits for nobody.
///
/// # Errors
/// The lock table cannot be read.
pub fn datastore_lock_status(repository: &Repository) -> Result<Vec<LockStatus>, AppError> {
    Ok(lock_status(&repository.state_folder("locks")?)?)
}
