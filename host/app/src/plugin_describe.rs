//! Shows the description that a plugin gives of its type.

use sedge_api::view::plugin::PluginView;

use crate::error::AppError;
use crate::repository::Repository;
use crate::views::plugin::plugin_view;

/// Returns the description of the plugin that provides a type.
///
/// # Errors
/// Returns an error if no plugin provides the type, or if its component cannot be used.
pub async fn plugin_describe(
    repository: &Repository,
    type_name: &str,
) -> Result<PluginView, AppError> {
    let plugin = repository.plugin(type_name).await?;
    Ok(plugin_view(plugin.description()))
}
