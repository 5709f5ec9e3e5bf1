//! Explains what a model may do and why, and when it last did.

use sedge_model::names::{CommandName, TypeName};
use sedge_model::permission::PermissionKind;
use sedge_model::permission::effective::Explained;
use sedge_model::repository::Config;
use sedge_sys::clock::Timestamp;

use crate::error::AppError;
use crate::repository::Repository;
use crate::run_cx::ReadyModel;

/// What a model may do.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its type.
    pub type_name: TypeName,
    /// What its plugin asks for.
    pub asked: Vec<Asked>,
}

/// One thing that a plugin asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What of it is allowed.
    pub explained: Explained,
    /// When a call that used it last ended, to the minute.
    pub last_used: Option<Timestamp>,
}

/// Joins what a model's plugin asks for with what is granted, and with what was used.
///
/// # Errors
/// There is no such model, or its file or plugin is at fault.
pub async fn model_permissions(repository: &Repository, name: &str) -> Result<Report, AppError> {
    let model = ReadyModel::load(repository, name).await?;
    let uses = repository
        .store()?
        .permission_uses(&model.definition.name)?;
    let asked = |mut explained: Explained| {
        let permission = &explained.request.permission;
        let last_used = uses.get(&permission.to_string()).copied();
        if permission.kind() == PermissionKind::Commands {
            let granted = explained.effective.into_iter();
            let pinned = granted.map(|name| pinned(repository.config(), &name));
            explained.effective = pinned.collect();
        }
        Asked {
            explained,
            last_used,
        }
    };
    Ok(Report {
        type_name: model.definition.type_name.value.clone(),
        asked: model.permissions.explain().into_iter().map(asked).collect(),
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
