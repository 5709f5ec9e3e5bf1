//! Lists plugins.

use sedge_model::names::TypeName;
use sedge_model::repository::LockedPlugin;

use crate::error::AppError;
use crate::plugins::component_file;
use crate::repository::Repository;

/// A pinned plugin.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The type that it provides.
    pub type_name: TypeName,
    /// How it is pinned.
    pub pinned: LockedPlugin,
    /// Whether its component is on this machine.
    pub is_here: bool,
}

/// Returns every pinned plugin, by type.
///
/// # Errors
/// The folder of components cannot be read.
pub fn plugin_list(repository: &Repository) -> Result<Vec<Listed>, AppError> {
    let components = repository.state_folder("plugins")?;
    let listed = |(type_name, pinned): (&TypeName, &LockedPlugin)| {
        Ok(Listed {
            type_name: type_name.clone(),
            is_here: components.has(&component_file(&pinned.sha256))?,
            pinned: pinned.clone(),
        })
    };
    let plugins = repository.plugin_lock().plugins.iter();
    plugins.map(listed).collect()
}
