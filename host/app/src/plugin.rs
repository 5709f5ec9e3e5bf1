//! Plugins: pinning components, and what they provide.

pub(crate) mod error;
pub(crate) mod loaded;
pub(crate) mod view;

pub mod add;
pub mod list;

use std::convert::Infallible;
use std::io;

use sedge_api::view::plugin::PluginView;

use crate::error::AppError;
use crate::plugin::view::plugin_view;
use crate::repository::Repository;

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

/// Compiles the component on stdin with at most `memory_bytes` of memory, writes the result to
/// stdout, and ends the process.
///
/// # Errors
/// Returns an error if the process was not started as the compiler of another process.
pub fn compile_component(memory_bytes: u64) -> io::Result<Infallible> {
    sedge_runtime::compile_serve(memory_bytes)
}
