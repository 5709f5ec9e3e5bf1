//! Finds versions of data by what is known of them.

use sedge_api::view::data::DataVersionView;
use sedge_model::query::Selection;
use sedge_store::Scan;

use crate::data_scan::data_scan;
use crate::error::AppError;
use crate::repository::Repository;
use crate::views::data::version_view;

/// Hands over the versions that pass a selection, sorted by model and name, the newest of a
/// name first, until `take` says that it is enough.
///
/// # Errors
/// The datastore cannot be read, or whatever `take` fails with.
pub fn data_search<E: From<AppError>>(
    repository: &Repository,
    selection: &Selection,
    mut take: impl FnMut(DataVersionView) -> Result<Scan, E>,
) -> Result<(), E> {
    data_scan(repository, selection, |scanned| {
        take(version_view(&scanned.record))
    })
}
