//! Plugins: pinning components, and what they provide.

pub(crate) mod asked;
pub(crate) mod author;
pub(crate) mod download;
pub(crate) mod error;
pub(crate) mod first_party;
pub(crate) mod loaded;
pub(crate) mod vendor;
pub(crate) mod version;
pub(crate) mod view;

pub mod add;
pub mod build;
pub mod component;
pub mod dev;
pub mod import_swamp;
pub mod list;
pub mod new;
pub mod remove;
pub mod restore;
pub mod test;

use std::convert::Infallible;
use std::io;
use std::path::Path;

use sedge_api::view::plugin::PluginView;
use sedge_model::permission::grants::AddressRange;

use crate::cx::Cx;
use crate::error::AppError;
use crate::plugin::add::component_check;
use crate::plugin::component::{ComponentSource, component_read};
use crate::plugin::view::plugin_view;

/// Returns the description of a plugin: of the one that provides the type `name`, or else of the
/// first-party plugin of that name, or of the component in the file or at the URL `name`. A plugin
/// that is not pinned stays so.
///
/// A download connects to public addresses, and to those in `private_addresses`.
///
/// # Errors
/// Returns an error if there is no such plugin, or if its component cannot be used.
pub async fn plugin_describe(
    cx: &Cx,
    name: &str,
    private_addresses: &[AddressRange],
) -> Result<PluginView, AppError> {
    let repository = &cx.repository.snapshot()?;
    let source = match ComponentSource::from(Path::new(name)) {
        ComponentSource::FirstParty(type_name) => {
            let is_pinned = repository.plugin_lock().plugins.contains_key(&type_name);
            let is_known = repository.first_party().plugin(&type_name).is_some();
            (!is_pinned && is_known).then_some(ComponentSource::FirstParty(type_name))
        }
        ComponentSource::Url(url) => Some(ComponentSource::Url(url)),
        ComponentSource::File(path) => is_file_name(name).then_some(ComponentSource::File(path)),
    };
    let Some(source) = source else {
        let plugin = repository.plugin(name).await?;
        return Ok(plugin_view(plugin.description()));
    };
    let component = component_read(repository, &source, private_addresses).await?;
    let description = component_check(repository, &component, cx.events.clone()).await?;
    Ok(plugin_view(&description))
}

/// Returns whether a text that is not the name of a type is meant as a path.
fn is_file_name(text: &str) -> bool {
    text.contains('/') || text.ends_with(".wasm")
}

/// Compiles the component on stdin with at most `memory_bytes` of memory, writes the result to
/// stdout, and ends the process.
///
/// # Errors
/// Returns an error if the process was not started as the compiler of another process.
pub fn compile_component(memory_bytes: u64) -> io::Result<Infallible> {
    sedge_runtime::compile_serve(memory_bytes)
}

/// Evaluates the script on stdin with at most `memory_bytes` of memory, writes the component that results
/// to stdout, and ends the process.
///
/// # Errors
/// Returns an error if the process was not started by another process that builds a plugin.
pub fn snapshot_script(memory_bytes: u64) -> io::Result<Infallible> {
    sedge_runtime::snapshot_serve(memory_bytes)
}
