//! What a datastore is kept on: a folder, in life; in tests, one that fails when it is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sedge_sys::disk::Disk;
use sedge_sys::folder::{FileError, Folder};

/// What a datastore is kept on.
#[derive(Debug, Clone)]
pub struct Medium {
    /// Where SQLite finds its files.
    pub(crate) path: PathBuf,
    /// Where large content is.
    pub(crate) disk: Arc<dyn Disk>,
    /// The name of SQLite's door to the operating system; none for its own.
    pub(crate) vfs: Option<String>,
}

impl Medium {
    /// Returns a folder as it is.
    ///
    /// # Errors
    /// The process has no descriptors left.
    pub fn new(folder: &Folder) -> Result<Self, FileError> {
        Ok(Self {
            path: folder.path().to_owned(),
            disk: Arc::new(folder.share()?),
            vfs: None,
        })
    }

    /// Returns the folder's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns where the files beside the database are.
    #[must_use]
    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// Returns a folder with something between: `disk` for the files of large content, and
    /// the VFS that was registered with SQLite under the name `vfs` for the database.
    ///
    /// # Errors
    /// The process has no descriptors left.
    pub fn between(folder: &Folder, disk: Arc<dyn Disk>, vfs: &str) -> Result<Self, FileError> {
        Ok(Self {
            disk,
            vfs: Some(vfs.to_owned()),
            ..Self::new(folder)?
        })
    }
}
