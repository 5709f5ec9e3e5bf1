//! What can go wrong with a datastore.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sedge_model::digest::Digest;
use sedge_model::lineage::Lineage;
use sedge_model::names::{DataName, ModelName, RunId, TypeName};
use sedge_sys::fault::Refusal;
use sedge_sys::file_lock::QueueError;
use sedge_sys::folder::FileError;

use crate::door::DATABASE_FILE;

/// Something that the store was asked for was not done. Nothing of it was.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no datastore in this folder.
    #[error("there is no datastore in `{}`", .0.display())]
    Missing(PathBuf),
    /// The file is a database of something else.
    #[error("`{}` is not a datastore of Sedge", .0.display())]
    Foreign(PathBuf),
    /// A file of the datastore is not as Sedge makes it: nothing of it is believed or run.
    #[error("`{}` is not as Sedge makes it, so nothing in it is used: {reason}", path.display())]
    Untrusted {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer Sedge made the datastore, or one that is older than any that can be migrated.
    #[error("the datastore has schema {found}, this Sedge knows schema {known}")]
    Schema {
        /// The version in the file.
        found: i64,
        /// The version that this code reads and writes.
        known: i64,
    },
    /// The datastore lies where processes cannot share it.
    #[error("`{}` is on a network file system, where a datastore cannot be shared safely", .0.display())]
    NetworkFileSystem(PathBuf),
    /// There is no such run.
    #[error("no run with the id `{0}`")]
    RunMissing(RunId),
    /// Another process has taken the run over since.
    #[error("the run `{0}` was taken over by another process")]
    Fenced(RunId),
    /// The lock that allowed a write is not held any more: it was released by force, or the
    /// lock table was made anew.
    #[error("the lock of `{0}` was taken away before it had ended: nothing of it was written")]
    LockLost(Lineage),
    /// A call is to end that has not begun, or has ended already.
    #[error("the call `{0}` is not under way")]
    CallNotRunning(Lineage),
    /// The data belongs to a model of another type, which had this name before.
    #[error("the data `{name}` of `{model}` belongs to the type `{owner}`, which wrote it first")]
    NotOwner {
        /// The model.
        model: ModelName,
        /// The name of the data.
        name: DataName,
        /// The type of the model that wrote it first.
        owner: TypeName,
    },
    /// A name that data is to get is taken.
    #[error("the model `{model}` has data named `{name}` already")]
    NameTaken {
        /// The model.
        model: ModelName,
        /// The name.
        name: DataName,
    },
    /// A file with content that is on record is not there.
    #[error("the file of the content `{0}` is missing")]
    ContentMissing(Digest),
    /// A file's content is not what is on record.
    #[error("the content `{0}` is damaged: its bytes do not give its digest")]
    ContentDamaged(Digest),
    /// A file is no backup of a datastore, or a damaged one.
    #[error("`{}` is no backup that can be restored: {reason}", path.display())]
    BadBackup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The datastore is damaged, so no backup was made of it.
    #[error("the datastore is damaged: {0}")]
    Damaged(String),
    /// What was read of a backup that was just written is not what was written.
    #[error("`{entry}` in the backup `{}` cannot be read again as it was written, so it was removed", path.display())]
    BadCopy {
        /// The file, which is gone.
        path: PathBuf,
        /// What is in it under this name differs.
        entry: String,
    },
    /// It was stopped on request.
    #[error("it was stopped before it had ended: nothing was changed")]
    Stopped,
    /// A file of the datastore cannot be used.
    #[error(transparent)]
    File(Arc<FileError>),
    /// Another program has the database locked.
    #[error("another program has the datastore locked, so that Sedge could not {operation}")]
    Busy {
        /// What was to be done: `commit a call`.
        operation: &'static str,
    },
    /// Another process has kept the turn to write.
    #[error("another process has kept the queue of writers to itself, `{}`, for {waited_ms} ms", path.display())]
    QueueBusy {
        /// The file by which processes take turns.
        path: PathBuf,
        /// How long this process waited, in milliseconds.
        waited_ms: u64,
    },
    /// The disk is full.
    #[error("the disk is full, so that Sedge could not {operation}")]
    DiskFull {
        /// What was to be done: `commit a call`.
        operation: &'static str,
    },
    /// The database refused.
    #[error("the database failed to {operation}")]
    Database {
        /// What was to be done: `commit a call`.
        operation: &'static str,
        /// What the database says.
        source: Arc<rusqlite::Error>,
    },
    /// A row holds what this version of Sedge cannot read.
    #[error("cannot read a {what} in the datastore: {reason}")]
    Unreadable {
        /// What the row is of.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Sedge has a fault: the code that was writing panicked.
    #[error("a write to the datastore ended in a panic")]
    Panicked,
}

impl StoreError {
    /// Returns what the database's word means.
    pub(crate) fn of_database(operation: &'static str, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull};
        if source.sqlite_error_code() == Some(CannotOpen)
            && let Err(source) = sedge_sys::host::descriptors_check()
        {
            return FileError::new("open", Path::new(DATABASE_FILE), source).into();
        }
        match source.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => Self::Busy { operation },
            Some(DiskFull) => Self::DiskFull { operation },
            _ => Self::Database {
                operation,
                source: Arc::new(source),
            },
        }
    }

    /// Returns what the operating system refused the database, as far as the database tells: it
    /// does not pass the error number on. `None` of all else.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        use rusqlite::ErrorCode;
        let Self::Database { source, .. } = self else {
            return None;
        };
        let code = source.sqlite_error_code()?;
        let known = [
            (ErrorCode::CannotOpen, Refusal::OutOfResources),
            (
                ErrorCode::FileLockingProtocolFailed,
                Refusal::OutOfResources,
            ),
            (ErrorCode::OutOfMemory, Refusal::OutOfResources),
            (ErrorCode::PermissionDenied, Refusal::Permission),
            (ErrorCode::ReadOnly, Refusal::ReadOnly),
            (ErrorCode::SystemIoFailure, Refusal::Other),
        ];
        let found = known.into_iter().find(|(known, _)| *known == code);
        found.map(|(_, refusal)| refusal)
    }

    /// Returns the same for somebody else that it kept from something.
    pub(crate) fn told_again(&self, operation: &'static str) -> Self {
        let mut again = self.clone();
        if let Self::Busy { operation: told }
        | Self::DiskFull { operation: told }
        | Self::Database {
            operation: told, ..
        } = &mut again
        {
            *told = operation;
        }
        again
    }

    pub(crate) fn unreadable(what: &'static str, reason: impl ToString) -> Self {
        Self::Unreadable {
            what,
            reason: reason.to_string(),
        }
    }
}

impl From<QueueError> for StoreError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Busy { path, waited_ms } => Self::QueueBusy { path, waited_ms },
            QueueError::File(error) => error.into(),
        }
    }
}

impl From<FileError> for StoreError {
    fn from(error: FileError) -> Self {
        if error.source.kind() == std::io::ErrorKind::StorageFull {
            return Self::DiskFull {
                operation: error.operation,
            };
        }
        Self::File(Arc::new(error))
    }
}
