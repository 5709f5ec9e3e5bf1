//! Finds versions of data by what is known of them.

use sedge_model::query::Selection;
use sedge_store::{DataRecord, Scan};

use crate::data_scan::data_scan;
use crate::error::AppError;
use crate::repository::Repository;

/// Hands over the versions that pass a selection, sorted by model, name and number, until
/// `take` says that it is enough.
///
/// # Errors
/// The datastore cannot be read, or whatever `take` fails with.
pub fn data_search<E: From<AppError>>(
    repository: &Repository,
    selection: &Selection,
    mut take: impl FnMut(&DataRecord) -> Result<Scan, E>,
) -> Result<(), E> {
    data_scan(repository, selection, |scanned| take(&scanned.record))
}
