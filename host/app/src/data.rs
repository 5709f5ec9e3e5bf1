//! Data: reading, finding, renaming and removing the versions that models wrote.

pub(crate) mod error;
pub(crate) mod matcher;
pub(crate) mod scan;
pub(crate) mod view;

pub mod delete;
pub mod diff;
pub mod gc;
pub mod get;
pub mod list;
pub mod prune;
pub mod query;
pub mod rename;
pub mod restore;
pub mod versions;

use sedge_api::view::data::DataVersionView;
use sedge_lang::query::Selection;
use sedge_store::Scan;

use crate::cx::Cx;
use crate::data::scan::data_scan;
use crate::data::view::version_view;
use crate::error::AppError;

/// Passes the versions that match a selection to `take`, until `take` needs no more. They are
/// sorted by model and name, the newest of a name first.
///
/// # Errors
/// Returns an error if the datastore cannot be read. Errors of `take` are passed on.
pub fn data_search<E: From<AppError>>(
    cx: &Cx,
    selection: &Selection,
    mut take: impl FnMut(DataVersionView) -> Result<Scan, E>,
) -> Result<(), E> {
    data_scan(&cx.repository, selection, |scanned| {
        take(version_view(&scanned.record))
    })
}
