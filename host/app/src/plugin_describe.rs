//! Shows what a plugin says of its type.

use sedge_api::view::plugin::PluginView;

use crate::error::AppError;
use crate::repository::Repository;
use crate::views::plugin::plugin_view;

/// Returns the description of the plugin that provides a type.
///
/// # Errors
/// No plugin provides it, or its component cannot be used.
pub async fn plugin_describe(
    repository: &Repository,
    type_name: &str,
) -> Result<PluginView, AppError> {
    let plugin = repository.plugin(type_name).await?;
    Ok(plugin_view(plugin.description()))
}
