//! Lists data.

use sedge_api::view::data::DataVersionView;
use sedge_lang::query::Selection;
use sedge_model::names::ModelName;
use sedge_store::Scan;

use crate::cx::Cx;
use crate::data::scan::data_scan;
use crate::data::view::version_view;
use crate::error::AppError;
use crate::repository::Repository;

/// Passes every piece of data with its latest version to `take`, sorted by model and name. If a
/// model is given, only its data is listed.
///
/// The model itself may be gone; its data is retained.
///
/// # Errors
/// Returns an error if the model neither exists nor has data. Errors of `take` are passed on.
pub fn data_list<E: From<AppError>>(
    cx: &Cx,
    model: Option<&str>,
    take: impl FnMut(DataVersionView) -> Result<Scan, E>,
) -> Result<(), E> {
    data_latest(&cx.repository, model, take)
}

/// Passes what [`data_list`] lists to `take`.
///
/// # Errors
/// The same as for [`data_list`].
pub(crate) fn data_latest<E: From<AppError>>(
    repository: &Repository,
    model: Option<&str>,
    mut take: impl FnMut(DataVersionView) -> Result<Scan, E>,
) -> Result<(), E> {
    let mut selection = Selection {
        latest: Some(true),
        ..Selection::default()
    };
    if let Some(model) = model {
        selection.model = Some(model_with_data(repository, model)?.to_string());
    }
    data_scan(repository, &selection, |scanned| {
        take(version_view(&scanned.record))
    })
}

/// Returns the checked name of a model that has a definition or data.
pub(crate) fn model_with_data(repository: &Repository, name: &str) -> Result<ModelName, AppError> {
    // Data can be read although a file in `models/` cannot.
    // ignored: a text that is not a name has no data.
    if let Ok(model) = name.parse::<ModelName>()
        && has_data(repository, &model)?
    {
        return Ok(model);
    }
    match repository.model_file(name)? {
        Some(found) => Ok(found.name),
        None => Err(repository.model_missing(name)),
    }
}

fn has_data(repository: &Repository, model: &ModelName) -> Result<bool, AppError> {
    let selection = Selection {
        model: Some(model.to_string()),
        ..Selection::default()
    };
    let mut found = false;
    data_scan::<AppError>(repository, &selection, |_| {
        found = true;
        Ok(Scan::Enough)
    })?;
    Ok(found)
}
