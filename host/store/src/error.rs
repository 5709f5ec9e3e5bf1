//! The errors of the datastore.

use std::path::PathBuf;
use std::sync::Arc;

use sedge_api::problem::details::RunDetails;
use sedge_api::problem::{Argument, Details, ErrorCode, Explain, Help, UseCase};
use sedge_model::digest::Digest;
use sedge_model::lineage::Lineage;
use sedge_model::names::{DataName, ModelName, RunId, TypeName};
use sedge_sys::fault::{Refusal, file_busy_help};
use sedge_sys::file_lock::QueueError;
use sedge_sys::folder::FileError;
use sedge_sys::{refused, shell};

use crate::door::DATABASE_FILE;
use crate::medium::Medium;

/// The reason why an operation of the store failed. A failed operation has no effect.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no datastore in this folder.
    #[error("there is no datastore in `{}`", .0.display())]
    Missing(PathBuf),
    /// The file is a database of another program.
    #[error("`{}` is not a datastore of Sedge", .0.display())]
    Foreign(PathBuf),
    /// A file of the datastore differs from what Sedge writes. Nothing in it is used, because
    /// another person may have prepared it.
    #[error("`{}` differs from what Sedge writes, so nothing in it is used: {reason}", path.display())]
    Untrusted {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer version of Sedge wrote the datastore, or a version that is too old for a migration.
    #[error("the datastore has schema {found}, this Sedge knows schema {known}")]
    Schema {
        /// The version in the file.
        found: i64,
        /// The version that this code reads and writes.
        known: i64,
    },
    /// The datastore is on a file system on which processes cannot share it.
    #[error("`{}` is on a network file system, where a datastore cannot be shared safely", .0.display())]
    NetworkFileSystem(PathBuf),
    /// The run does not exist.
    #[error("no run with the id `{0}`")]
    RunMissing(RunId),
    /// Another process has taken over the run.
    #[error("the run `{0}` was taken over by another process")]
    Fenced(RunId),
    /// The log of the run has other events than its writer knows: another process appended one.
    #[error("another process has changed the run `{0}` meanwhile, so nothing was written to it")]
    LogMoved(RunId),
    /// The lock that a write requires is no longer held: a user released it by force, or the lock
    /// table was created again.
    #[error("the call `{0}` lost its lock before it ended, so none of its changes were written")]
    LockLost(Lineage),
    /// The writer is part of a command of a call whose lock a user released by force.
    #[error(
        "the lock of the call `{caller}` was released by force, and `{call}` is part of a command of that call, so none of its changes were written"
    )]
    CallerLockLost {
        /// The call or the operation that writes.
        call: Lineage,
        /// The call whose lock was released.
        caller: Lineage,
    },
    /// The end of a call cannot be recorded, because it has not started or has ended already.
    #[error("the call `{0}` is not running")]
    CallNotRunning(Lineage),
    /// The data belongs to an earlier model of this name, which had another type.
    #[error("the data `{name}` of `{model}` belongs to the type `{owner}`, which wrote it first")]
    NotOwner {
        /// The model.
        model: ModelName,
        /// The name of the data.
        name: DataName,
        /// The type of the model that wrote it first.
        owner: TypeName,
    },
    /// Another call has changed the data since the call read it.
    #[error("{}", changed_reason(name, by.as_ref(), *version))]
    ChangedMeanwhile {
        /// The name.
        name: DataName,
        /// Its latest version now; 0 if it has none.
        version: u64,
        /// The call that wrote that version.
        by: Option<Lineage>,
    },
    /// The new name for data is in use already.
    #[error("the model `{model}` has data named `{name}` already")]
    NameTaken {
        /// The model.
        model: ModelName,
        /// The name.
        name: DataName,
    },
    /// A file of content that the database refers to does not exist.
    #[error("the file of the content `{0}` is missing")]
    ContentMissing(Digest),
    /// The content of a file does not match its digest.
    #[error("the content `{0}` is damaged: its bytes do not match the digest")]
    ContentDamaged(Digest),
    /// A file is not a backup of a datastore, or the backup is damaged.
    #[error("`{}` is not a backup that can be restored: {reason}", path.display())]
    BadBackup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The datastore is damaged, so no backup was made of it.
    #[error("the datastore is damaged: {0}")]
    Damaged(String),
    /// A new backup was read again to check it, and differs from what was written.
    #[error("`{entry}` in the backup `{}` differs from what was written, so the backup was removed", path.display())]
    BadCopy {
        /// The file, which was removed.
        path: PathBuf,
        /// The name of the entry that differs.
        entry: String,
    },
    /// The user stopped the operation.
    #[error("it was stopped before it ended, and nothing was changed")]
    Stopped,
    /// A file of the datastore cannot be used.
    #[error(transparent)]
    File(Arc<FileError>),
    /// Another program has the database locked.
    #[error("another program has the datastore locked, so that Sedge could not {operation}")]
    Busy {
        /// The operation, for example `commit a call`.
        operation: &'static str,
    },
    /// Another process has not released the queue of writers.
    #[error("another process has held the lock on the queue of writers, `{}`, for {waited_ms} ms", path.display())]
    QueueBusy {
        /// The lock file of the queue.
        path: PathBuf,
        /// How long this process waited, in milliseconds.
        waited_ms: u64,
    },
    /// The disk is full.
    #[error("the disk is full, so that Sedge could not {operation}")]
    DiskFull {
        /// The operation, for example `commit a call`.
        operation: &'static str,
    },
    /// The database reported an error.
    #[error("the database failed to {operation}")]
    Database {
        /// The operation, for example `commit a call`.
        operation: &'static str,
        /// The error of the database.
        source: Arc<rusqlite::Error>,
    },
    /// The operating system refused an operation of the database.
    #[error("the datastore could not {operation}")]
    Refused {
        /// The operation, for example `commit a call`.
        operation: &'static str,
        /// The error of the operating system.
        source: Arc<FileError>,
    },
    /// A row contains something that this version of Sedge cannot read.
    #[error("cannot read a {what} in the datastore: {reason}")]
    Unreadable {
        /// What the row describes.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The code that was writing panicked: a bug in Sedge.
    #[error("a write to the datastore ended in a panic")]
    Panicked,
}

impl StoreError {
    /// Converts an error of the database.
    pub(crate) fn of_database(operation: &'static str, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull};
        match source.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => Self::Busy { operation },
            Some(DiskFull) => Self::DiskFull { operation },
            _ => Self::Database {
                operation,
                source: Arc::new(source),
            },
        }
    }

    /// Replaces an error of the database by the error of the operating system that caused it, if
    /// that error is found. SQLite does not report the error number, so this function checks
    /// whether the files of the database can be used.
    pub(crate) fn explained(self, medium: &Medium) -> Self {
        let Self::Database { operation, source } = &self else {
            return self;
        };
        if refusal_of_database(source).is_none() {
            return self;
        }
        let files = ["", "-wal", "-shm", "-journal"].map(|end| format!("{DATABASE_FILE}{end}"));
        match refused::reason(&medium.path, &files) {
            Some(reason) => Self::Refused {
                operation,
                source: Arc::new(reason),
            },
            None => self,
        }
    }

    /// Returns the same error for another operation that failed for the same reason.
    pub(crate) fn for_operation(&self, operation: &'static str) -> Self {
        let mut again = self.clone();
        if let Self::Busy { operation: failed }
        | Self::DiskFull { operation: failed }
        | Self::Database {
            operation: failed, ..
        }
        | Self::Refused {
            operation: failed, ..
        } = &mut again
        {
            *failed = operation;
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

impl Explain for StoreError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Missing(_) => ErrorCode::StoreMissing,
            Self::Foreign(_) => ErrorCode::StoreForeign,
            Self::Untrusted { .. } => ErrorCode::StoreUntrusted,
            Self::Schema { .. } => ErrorCode::StoreVersion,
            Self::NetworkFileSystem(_) => ErrorCode::NetworkFileSystem,
            Self::RunMissing(_) => ErrorCode::RunMissing,
            Self::Fenced(_)
            | Self::LockLost(_)
            | Self::CallerLockLost { .. }
            | Self::ChangedMeanwhile { .. } => ErrorCode::Fenced,
            Self::NotOwner { .. } | Self::NameTaken { .. } => ErrorCode::NameTaken,
            Self::ContentMissing(_) | Self::ContentDamaged(_) | Self::Unreadable { .. } => {
                ErrorCode::StoreUnreadable
            }
            Self::BadBackup { .. } => ErrorCode::BadBackup,
            Self::Damaged(_) => ErrorCode::StoreDamaged,
            Self::BadCopy { .. } => ErrorCode::Io,
            Self::Stopped => ErrorCode::Interrupted,
            Self::File(error) => error.code(),
            Self::Busy { .. } | Self::QueueBusy { .. } | Self::LogMoved(_) => ErrorCode::StoreBusy,
            Self::DiskFull { .. } => ErrorCode::DiskFull,
            Self::Refused { source, .. } => source.code(),
            Self::Database { source, .. } => match refusal_of_database(source) {
                Some(refusal) => refusal.code(),
                None => code_of_database(source),
            },
            Self::CallNotRunning(_) | Self::Panicked => ErrorCode::Internal,
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::Untrusted { path, .. } | Self::Foreign(path) => vec![Help::advice(format!(
                "none of its content was used or changed; if it came with a clone, `rm -r {}` and \
                 restore a backup of your own",
                shell::word_of(path.parent().unwrap_or(path))
            ))],
            Self::Schema { found, known } if found > known => vec![Help::advice(
                "use the version of Sedge that made it, or a newer one",
            )],
            Self::Schema { .. } => vec![Help::advice(
                "migrate it with a version of Sedge between the two",
            )],
            Self::NetworkFileSystem(_) => {
                vec![Help::advice("keep the repository on a local disk")]
            }
            Self::RunMissing(_) => vec![Help::command("see the runs", UseCase::RunList)],
            Self::Fenced(run) => vec![run_help("see the state of the run", run)],
            Self::LockLost(call) => vec![run_help("see what was written before", call.run())],
            Self::CallerLockLost { caller, .. } => {
                vec![run_help("see the run of that call", caller.run())]
            }
            Self::NotOwner { model, name, .. } | Self::NameTaken { model, name } => vec![
                Help::advice("choose another name"),
                Help::command("or delete the data of that name", UseCase::DataDelete)
                    .with("model", model.as_str())
                    .with("name", name.as_str()),
            ],
            Self::ChangedMeanwhile { .. } => vec![Help::advice(
                "read the data again after the nested call, or run the nested call first",
            )],
            Self::Missing(_) => vec![Help::advice(
                "run a method or a workflow: the first run creates the datastore",
            )],
            Self::ContentMissing(_)
            | Self::ContentDamaged(_)
            | Self::Unreadable { .. }
            | Self::Damaged(_) => damaged_help(),
            Self::BadBackup { .. } => {
                vec![Help::advice("name a backup file that `sedge` wrote")]
            }
            Self::BadCopy { .. } => vec![Help::again("check the disk, and make the backup again")],
            Self::Stopped => vec![Help::again("start it again")],
            Self::LogMoved(_) => vec![Help::again("try again")],
            Self::File(error) => error.help(),
            Self::Busy { .. } => vec![Help::again("try again when the other program has ended")],
            Self::QueueBusy { path, .. } => file_busy_help(path),
            Self::DiskFull { .. } => Refusal::DiskFull.help(),
            Self::Refused { source, .. } => source.help(),
            Self::Database { source, .. } => match refusal_of_database(source) {
                Some(refusal) => refusal.help(),
                None if code_of_database(source) == ErrorCode::StoreUnreadable => damaged_help(),
                None => Vec::new(),
            },
            Self::CallNotRunning(_) | Self::Panicked => Vec::new(),
        }
    }

    fn details(&self) -> Option<Details> {
        let run = if let Self::RunMissing(run) | Self::Fenced(run) | Self::LogMoved(run) = self {
            run
        } else if let Self::LockLost(call)
        | Self::CallerLockLost { call, .. }
        | Self::CallNotRunning(call) = self
        {
            call.run()
        } else {
            return None;
        };
        Some(Details::Run(RunDetails {
            run: run.to_string(),
        }))
    }
}

/// Returns the kind of refusal by the operating system that an error of the database stands for.
/// Returns `None` for other errors.
fn refusal_of_database(source: &rusqlite::Error) -> Option<Refusal> {
    use rusqlite::ErrorCode;
    let code = source.sqlite_error_code()?;
    let known = [
        (ErrorCode::CannotOpen, Refusal::Other),
        (
            ErrorCode::FileLockingProtocolFailed,
            Refusal::OutOfResources,
        ),
        (ErrorCode::OutOfMemory, Refusal::OutOfResources),
        (ErrorCode::PermissionDenied, Refusal::Permission),
        (ErrorCode::ReadOnly, Refusal::Other),
        (ErrorCode::SystemIoFailure, Refusal::Other),
    ];
    let found = known.into_iter().find(|(known, _)| *known == code);
    found.map(|(_, refusal)| refusal)
}

/// Returns the code for an error that the operating system did not cause.
fn code_of_database(source: &rusqlite::Error) -> ErrorCode {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    if let Some(DatabaseCorrupt | NotADatabase) = source.sqlite_error_code() {
        ErrorCode::StoreUnreadable
    } else {
        ErrorCode::Internal
    }
}

fn damaged_help() -> Vec<Help> {
    vec![
        Help::command("see all that is damaged", UseCase::DatastoreCheck)
            .with("deep", Argument::on()),
        Help::command("restore a backup", UseCase::DatastoreRestore)
            .with("file", Argument::open())
            .with("replace", Argument::on()),
    ]
}

fn run_help(purpose: &str, run: &RunId) -> Help {
    Help::command(purpose, UseCase::RunShow).with("run", run.as_str())
}

fn changed_reason(name: &DataName, by: Option<&Lineage>, version: u64) -> String {
    let changed = match by {
        Some(by) => format!("the call `{by}` wrote version {version} of `{name}`"),
        None => format!("`{name}` was deleted"),
    };
    format!("{changed} after this call had read it, so none of this call's changes were written")
}
