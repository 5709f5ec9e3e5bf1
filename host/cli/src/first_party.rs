//! The plugins that are installed with Sedge: their digests, and the folders of their components.

use std::path::PathBuf;

use sedge_app::FirstParty;
use sedge_app::types::{program, setting};

/// The variable that lists folders with components, separated by colons. They have precedence over
/// the folder of the installation.
const PLUGIN_PATH_VARIABLE: &str = "SEDGE_PLUGIN_PATH";

/// The folder of the components, relative to the folder above the program's.
const PLUGINS_FOLDER: &str = "lib/sedge/plugins";

/// The plugins that this program was built with: see `build.rs`.
const LIST: &str = include_str!(concat!(env!("OUT_DIR"), "/plugin-digests"));

/// Returns the first-party plugins, and the folders in which their components are.
///
/// `<prefix>/bin/sedge` finds them in `<prefix>/lib/sedge/plugins`, and `target/release/sedge` in
/// `target/lib/sedge/plugins`, where the build puts them.
pub(crate) fn first_party() -> FirstParty {
    let named = setting(PLUGIN_PATH_VARIABLE).unwrap_or_default();
    let named = std::env::split_paths(&named).filter(|folder| !folder.as_os_str().is_empty());
    let installed = program().and_then(|program| {
        let prefix = program.parent()?.parent()?;
        Some(prefix.join(PLUGINS_FOLDER))
    });
    let folders: Vec<PathBuf> = named.chain(installed).collect();
    FirstParty::parse(LIST, folders).expect("the build script checked the list")
}
