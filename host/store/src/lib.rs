//! The datastore: runs, their events, calls, and versioned data.
//!
//! This is the only crate that knows the format on disk. Many threads and many processes can use a
//! [`Store`] at once. Each method is one transaction: once it returns, either everything that it
//! wrote is visible to all readers, or nothing is. Its documentation says whether the result is
//! also durable from then on.

mod audit;
mod backup;
mod blobs;
mod call_end;
mod calls;
mod changes;
mod data;
mod data_import;
mod data_restore;
mod data_snapshot;
mod door;
mod error;
mod format;
mod gates;
mod health;
mod locks;
mod medium;
mod migrate;
mod names;
mod retention;
mod run_log;
mod runs;
mod schema;
mod statements;
mod tasks;
mod unsaved;
mod uses;

use std::sync::Arc;

use sedge_model::call::StagedContent;
use sedge_model::digest::Digest;
use sedge_sys::folder::Folder;

pub use audit::{AuditEntry, AuditFilter, AuditRecord, ON_DATASTORE};
pub use backup::{BackupReport, RestoreReport};
pub use blobs::{BlobWriter, ContentReader, INLINE_BYTES_MAX, Passing};
pub use call_end::{CallEnd, Committed, PreparedEnd};
pub use calls::{CallRecord, CallStart, LogRecord};
pub use changes::{Change, Origin};
pub use data::{DataRecord, ModelData, Scan, Scanned};
pub use data_import::DataImport;
pub use data_restore::{DataRestore, DataRestoreEnd, RestoredFrom};
pub use data_snapshot::DataSnapshot;
pub use door::{Receipt, WriteSequence};
pub use error::StoreError;
pub use format::stored_json_check;
pub use gates::GateRecord;
pub use health::{CheckReport, RunningCall, Status, StoreFinding};
pub use locks::LockOwner;
pub use medium::Medium;
pub use names::{DataChosen, DataDelete, DataDeleted, DataRename, WritePermit};
pub use retention::{GcReport, GcRules};
pub use run_log::{Author, EventRecord, FollowUp, LogEntry, RunEdits, UnsavedStart};
pub use runs::{CalledRun, Claim, RunClaimant, RunFilter, RunRecord, RunStart};
pub use tasks::{DirectModel, StartedTask};
pub use unsaved::{UnsavedModel, UnsavedPut};

use blobs::Blobs;
use door::SqlDoor;

/// A datastore in a folder.
#[derive(Debug)]
pub struct Store {
    door: SqlDoor,
    blobs: Arc<Blobs>,
}

impl Store {
    /// Creates the datastore in `folder`, or opens the existing one. Two processes may do this at
    /// once.
    ///
    /// # Errors
    /// The folder cannot be written, or it contains something other than a datastore of this
    /// version.
    pub fn create(folder: &Folder) -> Result<Self, StoreError> {
        Self::create_on(Medium::new(folder)?)
    }

    /// Creates a datastore as [`Store::create`] does, on any medium.
    ///
    /// # Errors
    /// The same as for [`Store::create`].
    pub fn create_on(medium: Medium) -> Result<Self, StoreError> {
        SqlDoor::create(medium).map(Self::with_door)
    }

    /// Opens the datastore in `folder`. Its version is checked by the first read or write.
    ///
    /// # Errors
    /// The datastore does not exist ([`StoreError::Missing`]).
    pub fn open(folder: &Folder) -> Result<Self, StoreError> {
        Self::open_on(Medium::new(folder)?)
    }

    /// Opens a datastore as [`Store::open`] does, on any medium.
    ///
    /// # Errors
    /// The same as for [`Store::open`].
    pub fn open_on(medium: Medium) -> Result<Self, StoreError> {
        SqlDoor::open(medium).map(Self::with_door)
    }

    fn with_door(door: SqlDoor) -> Self {
        let blobs = Arc::new(Blobs::new(Arc::clone(&door.medium().disk)));
        Self { door, blobs }
    }

    /// Returns the medium of the datastore.
    #[must_use]
    pub fn medium(&self) -> &Medium {
        self.door.medium()
    }

    /// Returns the number of durable transactions that this process has committed through this
    /// store. Each has cost one sync of the disk at least.
    #[must_use]
    pub fn n_durable_commits(&self) -> u64 {
        self.door.n_durable()
    }

    /// Starts a file, which becomes data when a call that stages it commits.
    #[must_use]
    pub fn file_create(&self) -> BlobWriter {
        BlobWriter::new(&self.blobs)
    }

    /// Opens staged content, which no other call can see yet.
    ///
    /// # Errors
    /// The file no longer exists or cannot be read.
    pub fn staged_open(&self, content: &StagedContent) -> Result<ContentReader, StoreError> {
        let in_memory = |bytes: &[u8]| ContentReader::of_bytes(bytes.to_vec(), Digest::of(bytes));
        match content {
            StagedContent::Text(text) => Ok(in_memory(text.as_bytes())),
            StagedContent::Bytes(bytes) => Ok(in_memory(bytes)),
            StagedContent::File {
                passing, digest, ..
            } => match self.blobs.open_passing(passing)? {
                Some(file) => Ok(ContentReader::of_file(file, *digest)),
                None => Err(StoreError::ContentMissing(*digest)),
            },
        }
    }
}
