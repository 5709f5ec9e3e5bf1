//! What a datastore is kept on: a folder, in life; in tests, one that fails on demand, or one with
//! a clock that the test sets.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use sedge_sys::clock::Clock;
use sedge_sys::disk::Disk;
use sedge_sys::folder::{FileError, Folder};

/// How long a process waits in the queue of writers, unless it says otherwise. A write takes some
/// milliseconds, so a process that waits so long is behind one that is stopped.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What a datastore is kept on.
#[derive(Debug, Clone)]
pub struct Medium {
    /// Where SQLite finds its files.
    pub(crate) path: PathBuf,
    /// The same folder, for the files by which processes take turns.
    pub(crate) folder: Arc<Folder>,
    /// How long a process waits in the queue of writers.
    pub(crate) wait_max: Duration,
    /// Where large content is.
    pub(crate) disk: Arc<dyn Disk>,
    /// The folder of the database on that disk; the empty path is the top.
    pub(crate) below: &'static str,
    /// Whether this process has found the schema of the database to be one of Sedge's.
    pub(crate) is_trusted: Arc<AtomicBool>,
    /// The name of SQLite's door to the operating system; none for its own.
    pub(crate) vfs: Option<String>,
    /// What dates everything that is written.
    pub(crate) clock: Clock,
}

impl Medium {
    /// Returns a folder as it is.
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
            is_trusted: Arc::default(),
            vfs: None,
            clock: Clock::machine(),
        })
    }

    /// Returns the same medium, on which this process waits no longer than this in the queue of
    /// writers.
    #[must_use]
    pub fn with_wait_max(self, wait_max: Duration) -> Self {
        Self { wait_max, ..self }
    }

    /// Returns the same medium for another database, in a folder of this one's.
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
