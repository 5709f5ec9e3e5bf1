//! Looks whether all that must hold in the datastore holds.

use sedge_store::CheckReport;

use crate::error::AppError;
use crate::repository::Repository;

/// Looks at everything; with `deep`, reads all content and compares it with its digest. Calls
/// `progress` with how many versions it has come by. Needs no lock.
///
/// # Errors
/// The datastore cannot be read at all.
pub fn datastore_check(
    repository: &Repository,
    deep: bool,
    progress: impl FnMut(u64),
) -> Result<CheckReport, AppError> {
    Ok(repository.store()?.check(deep, progress)?)
}
