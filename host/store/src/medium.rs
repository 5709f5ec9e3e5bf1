//! The medium of a datastore: a folder, or in tests a disk that fails on demand or a clock that the
//! test sets.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use sedge_sys::clock::Clock;
use sedge_sys::disk::Disk;
use sedge_sys::folder::{FileError, Folder};

/// The default for how long a process waits in the queue of writers. A write takes milliseconds, so
/// a process that waits this long is behind a stopped process.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// The medium of a datastore.
#[derive(Debug, Clone)]
pub struct Medium {
    /// The folder of SQLite's files.
    pub(crate) path: PathBuf,
    /// The same folder, for the files of the writers' queue.
    pub(crate) folder: Arc<Folder>,
    /// How long a process waits in the queue of writers.
    pub(crate) wait_max: Duration,
    /// The disk for large content.
    pub(crate) disk: Arc<dyn Disk>,
    /// The folder of the database on that disk; the empty path is the top folder.
    pub(crate) below: &'static str,
    /// Whether its readers take the datastore as it is, or not at all.
    pub(crate) is_for_glance: bool,
    /// Whether this process has checked the schema of the database.
    pub(crate) is_trusted: Arc<AtomicBool>,
    /// The name of the SQLite VFS; `None` for the default.
    pub(crate) vfs: Option<String>,
    /// The clock for the times of new rows.
    pub(crate) clock: Clock,
}

impl Medium {
    /// Returns a medium for a folder.
    ///
    /// # Errors
    /// The process has no descriptors left.
    pub fn new(folder: &Folder) -> Result<Self, FileError> {
        Ok(Self {
            path: folder.path().to_owned(),
            folder: Arc::new(folder.share()?),
            wait_max: WAIT_MAX,
            disk: Arc::new(folder.share()?),
            below: "",
            is_for_glance: false,
            is_trusted: Arc::default(),
            vfs: None,
            clock: Clock::machine(),
        })
    }

    /// Returns the same medium with another limit for waiting in the queue of writers.
    #[must_use]
    pub fn with_wait_max(self, wait_max: Duration) -> Self {
        Self { wait_max, ..self }
    }

    /// Returns the same medium for a reader that must not wait. A datastore that another process is
    /// creating, or that has to be migrated, is refused.
    #[must_use]
    pub fn for_glance(self) -> Self {
        Self {
            is_for_glance: true,
            ..self
        }
    }

    /// Returns the medium for another database, in a folder of this one.
    pub(crate) fn below(&self, folder: &'static str) -> Result<Self, FileError> {
        Ok(Self {
            path: self.path.join(folder),
            folder: Arc::new(self.folder.inner(folder)?),
            below: folder,
            is_trusted: Arc::default(),
            ..self.clone()
        })
    }

    /// Returns the same medium with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Returns the folder's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the disk for the files beside the database.
    #[must_use]
    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// Returns a medium that uses `disk` for the files of large content, and the SQLite VFS
    /// registered as `vfs` for the database. Tests use it.
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
