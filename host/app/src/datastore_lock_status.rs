//! Lists who has what locked, and who waits for whom.

use sedge_api::view::datastore::LockView;
use sedge_locks::status::{LockStatus, lock_status};
use sedge_store::Scan;

use crate::error::AppError;
use crate::repository::Repository;
use crate::views::datastore::lock_view;

/// Hands over all locks and all requests for locks, of all processes, until `take` says that it is
/// enough: resource by resource, the holders first, then the waiters in the order of the queue.
/// Locks nothing, and does not wait.
///
/// # Errors
/// The lock table cannot be read, or whatever `take` fails with.
pub fn datastore_lock_status<E: From<AppError>>(
    repository: &Repository,
    mut take: impl FnMut(LockView) -> Result<Scan, E>,
) -> Result<(), E> {
    for lock in locks(repository)? {
        if take(lock_view(&lock))? == Scan::Enough {
            break;
        }
    }
    Ok(())
}

/// Returns all locks and all requests for locks, in that order.
pub(crate) fn locks(repository: &Repository) -> Result<Vec<LockStatus>, AppError> {
    Ok(lock_status(&repository.state_folder("locks")?)?)
}
