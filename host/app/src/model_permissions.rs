//! Explains what a model may do, and why.

use sedge_model::names::TypeName;
use sedge_model::permission::effective::Explained;

use crate::error::AppError;
use crate::repository::Repository;
use crate::run_cx::ReadyModel;

/// What a model may do.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its type.
    pub type_name: TypeName,
    /// What its plugin asks for, and what is allowed of it.
    pub asked: Vec<Explained>,
}

/// Joins what a model's plugin asks for with what is granted.
///
/// # Errors
/// There is no such model, or its file or plugin is at fault.
pub async fn model_permissions(repository: &Repository, name: &str) -> Result<Report, AppError> {
    let model = ReadyModel::load(repository, name).await?;
    Ok(Report {
        type_name: model.definition.type_name.value.clone(),
        asked: model.permissions.explain(),
    })
}
