//! Finds versions of data by their metadata.

use sedge_api::view::data::DataVersionView;
use sedge_model::query::Selection;
use sedge_store::Scan;

use crate::data_scan::data_scan;
use crate::error::AppError;
use crate::repository::Repository;
use crate::views::data::version_view;

/// Passes the versions that match a selection to `take`, until `take` needs no more. They are
/// sorted by model and name, the newest of a name first.
///
/// # Errors
/// Returns an error if the datastore cannot be read. Errors of `take` are passed on.
pub fn data_search<E: From<AppError>>(
    repository: &Repository,
    selection: &Selection,
    mut take: impl FnMut(DataVersionView) -> Result<Scan, E>,
) -> Result<(), E> {
    data_scan(repository, selection, |scanned| {
        take(version_view(&scanned.record))
    })
}
