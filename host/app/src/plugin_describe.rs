//! Shows what a plugin says of its type.

pub use sedge_runtime::PluginDescription;

use crate::error::AppError;
use crate::repository::Repository;

/// Returns the description of the plugin that provides a type.
///
/// # Errors
/// No plugin provides it, or its component cannot be used.
pub async fn plugin_describe(
    repository: &Repository,
    type_name: &str,
) -> Result<PluginDescription, AppError> {
    Ok(repository.plugin(type_name).await?.description().clone())
}
