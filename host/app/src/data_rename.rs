//! Gives data another name.

use std::sync::Arc;

use sedge_api::view::data::DataRenamed;
use sedge_model::names::DataName;
use sedge_store::{DataRename, StoreError};

use crate::data_get::{data_key, data_missing, present_name};
use crate::error::AppError;
use crate::events::Events;
use crate::repository::Repository;
use crate::structure::{locked, one};

/// What is to be renamed.
#[derive(Debug, Clone)]
pub struct Request {
    /// The model. It may be gone.
    pub model: String,
    /// The name that the data has.
    pub from: String,
    /// The name that it gets.
    pub to: String,
    /// Whether the former name goes on leading to it.
    pub forward: bool,
}

/// Gives data another name, with all its versions, once no call of the model is under way.
///
/// # Errors
/// There is no such data, the name is taken, or calls of the model did not end in time; then
/// nothing was changed.
pub async fn data_rename(
    repository: &Arc<Repository>,
    request: &Request,
    events: Arc<dyn Events>,
) -> Result<DataRenamed, AppError> {
    let (model, from) = data_key(repository, &request.model, &request.from)?;
    let to: DataName = request.to.parse()?;
    let missing = || data_missing(repository, model.clone(), &request.from);
    // A request that cannot be carried out fails before it waits for anything.
    if present_name(repository, &model, &from)?.is_none() {
        return Err(missing());
    }
    let taken = repository.store()?.data_get(&model, &to, None)?;
    if taken.is_some_and(|taken| taken.name != from || to == from) {
        let name = to;
        return Err(StoreError::NameTaken { model, name }.into());
    }
    let told = format!("data rename {model}");
    let held = locked(repository, &told, &one(&model), events).await?;
    // It may have been renamed while this waited; from here on, the lock keeps it from that.
    present_name(repository, &model, &from)?;
    let rename = DataRename {
        model: model.clone(),
        from: from.clone(),
        to: to.clone(),
        forward: request.forward,
    };
    if !repository.store()?.data_rename(&held.permit, &rename)? {
        return Err(missing());
    }
    Ok(DataRenamed {
        model: model.to_string(),
        from: from.to_string(),
        to: to.to_string(),
        forward: request.forward,
    })
}
