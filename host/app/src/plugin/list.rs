//! Lists plugins.

use sedge_api::view::plugin::PluginListed;
use sedge_store::Scan;

use crate::error::AppError;
use crate::plugin::loaded::component_file;
use crate::plugin::view::plugin_listed;
use crate::repository::Repository;

/// Passes every pinned plugin to `take`, sorted by type, until `take` needs no more.
///
/// # Errors
/// Returns an error if the folder of components cannot be read. Errors of `take` are passed on.
pub fn plugin_list<E: From<AppError>>(
    repository: &Repository,
    mut take: impl FnMut(PluginListed) -> Result<Scan, E>,
) -> Result<(), E> {
    let components = repository.state_folder("plugins")?;
    for (type_name, pinned) in &repository.plugin_lock().plugins {
        let is_here = components.has(&component_file(&pinned.sha256));
        let is_here = is_here.map_err(AppError::from)?;
        match take(plugin_listed(type_name, pinned, is_here))? {
            Scan::More => {}
            Scan::Enough => break,
        }
    }
    Ok(())
}
