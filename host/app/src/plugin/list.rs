//! Lists plugins.

use sedge_api::view::plugin::PluginListed;
use sedge_store::Scan;

use crate::cx::Cx;
use crate::error::AppError;
use crate::plugin::view::plugin_listed;

/// Passes every pinned plugin to `take`, sorted by type, until `take` needs no more.
///
/// # Errors
/// Returns an error if the folder of components cannot be read. Errors of `take` are passed on.
pub fn plugin_list<E: From<AppError>>(
    cx: &Cx,
    mut take: impl FnMut(PluginListed) -> Result<Scan, E>,
) -> Result<(), E> {
    let repository = cx.repository.snapshot()?;
    for plugin in repository.plugins_pinned()? {
        match take(plugin_listed(&plugin))? {
            Scan::More => {}
            Scan::Enough => break,
        }
    }
    Ok(())
}
