//! What can go wrong with a datastore.

use std::path::PathBuf;

use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_sys::folder::FileError;

/// Something that the store was asked for was not done. Nothing of it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no datastore in this folder.
    #[error("there is no datastore in `{}`", .0.display())]
    Missing(PathBuf),
    /// The file is a database of something else.
    #[error("`{}` is not a datastore of Sedge", .0.display())]
    Foreign(PathBuf),
    /// Another version of Sedge made the datastore.
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
    /// A file of the datastore cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The database refused.
    #[error("the database failed to {operation}")]
    Database {
        /// What was to be done: `commit a call`.
        operation: &'static str,
        /// What the database says.
        source: rusqlite::Error,
    },
    /// A row holds what this version of Sedge cannot read.
    #[error("cannot read a {what} in the datastore: {reason}")]
    Unreadable {
        /// What the row is of.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}
