//! Renames data.

use sedge_api::view::data::DataRenamed;
use sedge_model::audit::AuditWord;
use sedge_model::names::DataName;
use sedge_store::{DataRename, StoreError};

use crate::audit::audit_note;
use crate::cx::Cx;
use crate::data::get::{data_key, data_missing, present_name};
use crate::error::AppError;
use crate::structure::{locked, one};

/// The data to rename, and its new name.
#[derive(Debug, Clone)]
pub struct DataRenameRequest {
    /// The model. The model itself may be gone.
    pub model: String,
    /// The current name of the data.
    pub from: String,
    /// The new name.
    pub to: String,
    /// Whether the former name still leads to the data.
    pub forward: bool,
}

/// Renames data with all its versions, once no call of the model is in progress.
///
/// # Errors
/// Returns an error if there is no such data, if the new name is taken, or if calls of the model
/// did not end before the deadline. Nothing was changed then.
pub async fn data_rename(cx: &Cx, request: &DataRenameRequest) -> Result<DataRenamed, AppError> {
    let (model, from) = data_key(&cx.repository, &request.model, &request.from)?;
    let to: DataName = request.to.parse()?;
    let missing = || data_missing(&cx.repository, model.clone(), &request.from);
    // An invalid request fails before it waits for a lock.
    if present_name(&cx.repository, &model, &from)?.is_none() {
        return Err(missing());
    }
    let taken = cx.repository.store()?.data_get(&model, &to, None)?;
    if taken.is_some_and(|taken| taken.name != from || to == from) {
        let name = to;
        return Err(StoreError::NameTaken { model, name }.into());
    }
    let operation = format!("data rename {model}");
    let held = locked(cx, &operation, &one(&model)).await?;
    // The data may have been renamed during the wait. The lock prevents that from here on.
    present_name(&cx.repository, &model, &from)?;
    let rename = DataRename {
        model: model.clone(),
        from: from.clone(),
        to: to.clone(),
        forward: request.forward,
    };
    if !cx.repository.store()?.data_rename(&held.permit, &rename)? {
        return Err(missing());
    }
    let detail = Some(format!("{from} to {to}"));
    audit_note(cx, AuditWord::DataRenamed, model.as_str(), detail)?;
    Ok(DataRenamed {
        model: model.to_string(),
        from: from.to_string(),
        to: to.to_string(),
        forward: request.forward,
    })
}
