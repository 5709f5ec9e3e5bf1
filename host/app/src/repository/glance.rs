//! Opens parts of a repository as they are, for readers that must neither wait nor change anything.

use std::sync::Arc;

use sedge_lang::diagnostic::SourceFile;
use sedge_store::{Medium, Store, StoreError};
use sedge_sys::folder::Folder;

use super::files::source;
use super::{Repository, STATE_FOLDER};
use crate::error::AppError;

impl Repository {
    /// Reads a text file of the repository. Returns `None` if it does not exist.
    pub(crate) fn source_file(&self, path: &str) -> Result<Option<Arc<SourceFile>>, AppError> {
        source(&self.folder, path)
    }

    /// Returns a folder of run-time state as it is; `None` if it does not exist.
    pub(crate) fn state_folder_kept(&self, name: &str) -> Result<Option<Folder>, AppError> {
        match self.folder.kept(STATE_FOLDER, self.keeping)? {
            Some(state) => Ok(state.kept(name, self.keeping)?),
            None => Ok(None),
        }
    }

    /// Opens the datastore for a reader that must not wait; `None` if there is none. One that would
    /// have to be created or migrated first is refused by the first read.
    pub(crate) fn store_for_glance(&self) -> Result<Option<Store>, AppError> {
        let Some(folder) = self.state_folder_kept("store")? else {
            return Ok(None);
        };
        match Store::open_on(Medium::new(&folder)?.for_glance()) {
            Err(StoreError::Missing(_)) => Ok(None),
            opened => Ok(Some(opened?)),
        }
    }
}
