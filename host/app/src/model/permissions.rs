//! Explains what a model may do and why, and when it last used each permission.

use sedge_api::view::model::{ModelPermissionView, ModelPermissions};
use sedge_lang::repository::Config;
use sedge_model::names::CommandName;
use sedge_model::permission::PermissionKind;
use sedge_model::permission::effective::Explained;

use crate::cx::Cx;
use crate::error::AppError;
use crate::run::cx::ReadyModel;
use crate::views::permission::permission_view;
use crate::views::time;

/// Joins the permissions that a model's plugin requests with those that are granted and those that
/// were used.
///
/// # Errors
/// Returns an error if there is no such model, or if its file or plugin is invalid.
pub async fn model_permissions(cx: &Cx, name: &str) -> Result<ModelPermissions, AppError> {
    let repository = &cx.repository.snapshot()?;
    let model = ReadyModel::load(repository, name).await?;
    let uses = repository
        .store()?
        .permission_uses(&model.definition.name)?;
    let view = |explained: Explained| {
        let request = &explained.request;
        let last_used = uses.get(&request.permission.to_string());
        let mut effective = explained.effective;
        if request.permission.kind() == PermissionKind::Commands {
            let granted = effective.iter();
            effective = granted
                .map(|name| pinned(repository.config(), name))
                .collect();
        }
        ModelPermissionView {
            permission: permission_view(&request.permission),
            reason: request.reason.raw().into(),
            effective,
            last_used: last_used.copied().map(time),
        }
    };
    Ok(ModelPermissions {
        model: model.definition.name.to_string(),
        type_name: model.definition.type_name.value.to_string(),
        permissions: model.permissions.explain().into_iter().map(view).collect(),
    })
}

/// Returns the pinned program and arguments of a granted command, so that the user sees what the
/// name grants.
fn pinned(config: &Config, granted: &str) -> String {
    let Ok(name) = granted.parse::<CommandName>() else {
        let every = config.commands.iter();
        let every: Vec<String> = every.map(|(name, pin)| format!("{name}: {pin}")).collect();
        return match every.is_empty() {
            true => format!("{granted}: no command is pinned"),
            false => every.join(", "),
        };
    };
    match config.commands.get(&name) {
        Some(pin) => format!("{name}: {pin}"),
        None => format!("{name}: not pinned"),
    }
}
