//! Lists the holders of locks, and the calls that wait for them.

use sedge_api::view::datastore::LockView;
use sedge_locks::status::{LockStatus, lock_status};
use sedge_store::Scan;

use crate::cx::Cx;
use crate::datastore::view::lock_view;
use crate::error::AppError;
use crate::repository::Repository;

/// Passes all locks and all requests for locks, of all processes, to `take`, until `take` needs no
/// more.
///
/// They are sorted by resource: the holders first, then the waiters in the order of the queue. This
/// acquires no lock, and does not wait.
///
/// # Errors
/// Returns an error if the lock table cannot be read. Errors of `take` are passed on.
pub fn datastore_lock_status<E: From<AppError>>(
    cx: &Cx,
    mut take: impl FnMut(LockView) -> Result<Scan, E>,
) -> Result<(), E> {
    for lock in locks(&cx.repository)? {
        if take(lock_view(&lock))? == Scan::Enough {
            break;
        }
    }
    Ok(())
}

/// Returns all locks and all requests for locks, in the same order.
pub(crate) fn locks(repository: &Repository) -> Result<Vec<LockStatus>, AppError> {
    Ok(lock_status(&repository.state_folder("locks")?)?)
}
