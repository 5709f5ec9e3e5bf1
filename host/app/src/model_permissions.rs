//! Explains what a model may do, and why.

use sedge_model::names::{CommandName, TypeName};
use sedge_model::permission::PermissionKind;
use sedge_model::permission::effective::Explained;
use sedge_model::repository::Config;

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
    let mut asked = model.permissions.explain();
    for explained in &mut asked {
        if explained.request.permission.kind() == PermissionKind::Commands {
            let granted = std::mem::take(&mut explained.effective).into_iter();
            let pinned = granted.map(|name| pinned(repository.config(), &name));
            explained.effective = pinned.collect();
        }
    }
    Ok(Report {
        type_name: model.definition.type_name.value.clone(),
        asked,
    })
}

/// Returns what a command that is granted stands for: what a person grants who grants its name.
fn pinned(config: &Config, granted: &str) -> String {
    let Ok(name) = granted.parse::<CommandName>() else {
        let every = config.commands.iter();
        let every: Vec<String> = every.map(|(name, pin)| format!("{name}: {pin}")).collect();
        return match every.is_empty() {
            true => format!("{granted}: none is pinned"),
            false => every.join(", "),
        };
    };
    match config.commands.get(&name) {
        Some(pin) => format!("{name}: {pin}"),
        None => format!("{name}: not pinned"),
    }
}
