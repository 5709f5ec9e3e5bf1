//! Lists the versions of a piece of data.

use sedge_api::view::data::DataVersionView;
use sedge_lang::query::Selection;
use sedge_store::Scan;

use crate::cx::Cx;
use crate::data::get::{data_key, data_missing};
use crate::data::scan::data_scan;
use crate::data::view::version_view;
use crate::error::AppError;

/// Passes the versions of `name`, or of the name that it was renamed to, to `take`, the newest
/// first, until `take` needs no more.
///
/// # Errors
/// Returns an error if there is no such model or data. Errors of `take` are passed on.
pub fn data_versions<E: From<AppError>>(
    cx: &Cx,
    model: &str,
    name: &str,
    mut take: impl FnMut(DataVersionView) -> Result<Scan, E>,
) -> Result<(), E> {
    let (model_name, data_name) = data_key(&cx.repository, model, name)?;
    let store = cx.repository.store()?;
    let latest = store.data_get(&model_name, &data_name, None);
    let Some(latest) = latest.map_err(AppError::from)? else {
        return Err(data_missing(&cx.repository, model_name, name).into());
    };
    let selection = Selection {
        model: Some(model_name.to_string()),
        name: Some(latest.name.to_string()),
        ..Selection::default()
    };
    data_scan(&cx.repository, &selection, |scanned| {
        take(version_view(&scanned.record))
    })
}
