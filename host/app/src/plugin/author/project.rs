//! The project of a plugin author: a folder with the source of one plugin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sedge_api::view::plugin_project::PluginLanguage;
use sedge_sys::folder::{Folder, is_named_file};
use sedge_sys::source_tree::{SourceStamp, stamps};

use super::error::AuthorError;
use super::sdk::COPY_FOLDER;
use crate::error::AppError;

/// The file that makes a folder a project in Rust.
pub(crate) const RUST_MANIFEST: &str = "Cargo.toml";

/// The file that makes a folder a project in Python.
pub(crate) const PYTHON_MODULE: &str = "plugin.py";

/// The file that makes a folder a project in TypeScript.
pub(crate) const TYPESCRIPT_MODULE: &str = "plugin.ts";

/// The project of a plugin author.
#[derive(Debug, Clone)]
pub(crate) struct PluginProject {
    /// Its absolute path.
    pub(crate) folder: PathBuf,
    /// Its path as the user gave it, for messages.
    pub(crate) named: PathBuf,
    pub(crate) language: PluginLanguage,
}

impl PluginProject {
    /// Opens the project in a folder.
    ///
    /// # Errors
    /// The folder cannot be read, or is not a project.
    pub(crate) fn open(named: &Path) -> Result<Self, AppError> {
        let folder = Folder::open(named)?.path().to_owned();
        let language = if is_named_file(&folder.join(PYTHON_MODULE))? {
            PluginLanguage::Python
        } else if is_named_file(&folder.join(TYPESCRIPT_MODULE))? {
            PluginLanguage::TypeScript
        } else if is_named_file(&folder.join(RUST_MANIFEST))? {
            PluginLanguage::Rust
        } else {
            let folder = named.to_owned();
            return Err(AuthorError::ProjectMissing { folder }.into());
        };
        Ok(Self {
            folder,
            named: named.to_owned(),
            language,
        })
    }

    /// Returns what shows whether the sources have changed. What a build writes is left out.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(crate) fn stamps(&self) -> Result<BTreeMap<String, SourceStamp>, AppError> {
        let mut stamps = stamps(&self.folder, &[COPY_FOLDER])?;
        stamps.retain(|name, _| !name.ends_with(".wasm") && name != "Cargo.lock");
        Ok(stamps)
    }
}
