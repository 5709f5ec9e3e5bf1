//! The one narrow door to SQL: opening, transactions, and nothing of what is in them.
//!
//! A process has one connection that writes and one that reads, each opened when it is
//! first needed. Writers of all processes queue at a lock of the operating system before
//! they begin: SQLite's own way of waiting (sleep and try again) lets one hot process
//! starve the others.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use sedge_sys::disk::Entry;
use sedge_sys::file_lock::FileQueue;

use crate::error::StoreError;
use crate::medium::Medium;
use crate::schema::{APPLICATION_ID, SCHEMA_VERSION, TABLES};

const DATABASE_FILE: &str = "sedge.db";
const QUEUE_FILE: &str = "write.lock";

/// How long SQLite itself waits for a lock. The queue makes this a mere net: it catches
/// tools that open the file beside us, and a checkpoint that ends as we begin.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The part of the file that is mapped, at most: reads of it need no system call.
const MAPPED_BYTES_MAX: i64 = 256 << 20;

/// Statements that are kept compiled; a little more than there are.
const STATEMENTS_CACHED: usize = 64;

/// Pages of the write-ahead log that a process leaves behind when it ends. The next one
/// reads them all when it opens the file (half a millisecond for so many); to copy them
/// into the database now would cost this one two syncs.
const LOG_PAGES_LEFT_MAX: i64 = 128;

/// What a transaction promises once it has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It survives a power cut.
    PowerCut,
    /// It survives the death of the process. It survives a power cut as soon as any later
    /// transaction does.
    ProcessDeath,
}

#[derive(Debug)]
pub(crate) struct Door {
    path: PathBuf,
    queue: PathBuf,
    vfs: Option<String>,
    writer: Mutex<Option<Writer>>,
    reader: OnceLock<Mutex<Connection>>,
}

#[derive(Debug)]
struct Writer {
    connection: Connection,
    queue: FileQueue,
    durability: Durability,
}

impl Door {
    pub(crate) fn create(medium: Medium) -> Result<Self, StoreError> {
        if sedge_sys::host::is_network_file_system(&medium.path) {
            return Err(StoreError::NetworkFileSystem(medium.path));
        }
        let door = Self::at(medium);
        door.connect(OpenFlags::SQLITE_OPEN_CREATE)?;
        Ok(door)
    }

    pub(crate) fn open(medium: Medium) -> Result<Self, StoreError> {
        let has_file = |entry: &Entry| entry.name == DATABASE_FILE;
        if !medium.disk.entries("")?.iter().any(has_file) {
            return Err(StoreError::Missing(medium.path));
        }
        Ok(Self::at(medium))
    }

    fn at(medium: Medium) -> Self {
        Self {
            path: medium.path.join(DATABASE_FILE),
            queue: medium.path.join(QUEUE_FILE),
            vfs: medium.vfs,
            writer: Mutex::new(None),
            reader: OnceLock::new(),
        }
    }

    /// Runs `body` in one transaction that excludes every other writer, and commits it,
    /// unless `body` fails. Blocks the thread for as long as that takes.
    pub(crate) fn write<T>(
        &self,
        operation: &'static str,
        durability: Durability,
        body: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer()?;
        let Some(writer) = writer.as_mut() else {
            unreachable!("`writer` has just made one")
        };
        let Writer {
            connection,
            queue,
            durability: current,
        } = writer;
        let _turn = queue.enter()?;
        let commit = || -> Result<T, Fault> {
            if *current != durability {
                set_durability(connection, durability)?;
                *current = durability;
            }
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = body(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        commit().map_err(|fault| fault.into_error(operation))
    }

    /// Runs `body` on a snapshot. Never waits for a writer.
    pub(crate) fn read<T>(
        &self,
        operation: &'static str,
        body: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        if self.reader.get().is_none() {
            let connection = self.connect(OpenFlags::empty())?;
            // If another thread was faster, its connection is as good.
            let _ = self.reader.set(Mutex::new(connection));
        }
        let Some(reader) = self.reader.get() else {
            unreachable!("it was set just now")
        };
        let mut connection = lock(reader);
        let read =
            |connection: &mut Connection| -> Result<T, Fault> { body(&connection.transaction()?) };
        read(&mut connection).map_err(|fault| fault.into_error(operation))
    }

    /// Opens a connection to a datastore of this version.
    ///
    /// An empty file is one that somebody is about to fill, or died before they could: it
    /// is filled here, in turn.
    fn connect(&self, extra: OpenFlags) -> Result<Connection, StoreError> {
        let connection = connect(&self.path, self.vfs.as_deref(), extra)?;
        if is_empty(&connection)? {
            let queue = FileQueue::open(&self.queue)?;
            let _turn = queue.enter()?;
            if is_empty(&connection)? {
                make_tables(&connection).map_err(|source| StoreError::Database {
                    operation: "make its tables",
                    source,
                })?;
            }
        }
        check(&self.path, &connection)?;
        Ok(connection)
    }

    fn writer(&self) -> Result<MutexGuard<'_, Option<Writer>>, StoreError> {
        let mut writer = lock(&self.writer);
        if writer.is_none() {
            let connection = self.connect(OpenFlags::empty())?;
            let queue = FileQueue::open(&self.queue)?;
            *writer = Some(Writer {
                connection,
                queue,
                durability: Durability::PowerCut,
            });
        }
        Ok(writer)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Whatever fails here, nothing is lost: the log stays, and the next one tries.
        let tidy = || -> Result<(), rusqlite::Error> {
            let n_pages: i64 =
                self.connection
                    .query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))?;
            if n_pages > LOG_PAGES_LEFT_MAX {
                self.connection.busy_timeout(Duration::ZERO)?;
                self.connection
                    .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            }
            Ok(())
        };
        let _ = tidy();
    }
}

/// Why a transaction's body gave up.
pub(crate) enum Fault {
    /// The database said no.
    Database(rusqlite::Error),
    /// What was asked for is not to be done.
    Refused(StoreError),
}

impl Fault {
    fn into_error(self, operation: &'static str) -> StoreError {
        match self {
            Self::Database(source) => StoreError::Database { operation, source },
            Self::Refused(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

fn connect(path: &Path, vfs: Option<&str>, extra: OpenFlags) -> Result<Connection, StoreError> {
    let open = || -> Result<Connection, rusqlite::Error> {
        // No mutex of SQLite's: each connection is behind one of ours.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | extra;
        let connection = match vfs {
            None => Connection::open_with_flags(path, flags)?,
            Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs)?,
        };
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "mmap_size", MAPPED_BYTES_MAX)?;
        // A process that ends tidies up only when that is worth its syncs: see `Writer`.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        set_durability(&connection, Durability::PowerCut)?;
        Ok(connection)
    };
    open().map_err(|source| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => StoreError::Foreign(path.to_owned()),
        _ => StoreError::Database {
            operation: "open",
            source,
        },
    })
}

fn set_durability(connection: &Connection, durability: Durability) -> Result<(), rusqlite::Error> {
    connection.execute_batch(match durability {
        Durability::PowerCut => "PRAGMA synchronous = FULL",
        Durability::ProcessDeath => "PRAGMA synchronous = NORMAL",
    })
}

fn make_tables(connection: &Connection) -> Result<(), rusqlite::Error> {
    // The journal mode is a property of the file; it is set once, before there is content.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    let make = format!(
        "BEGIN IMMEDIATE; {TABLES}
         PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"
    );
    connection.execute_batch(&make)
}

fn check(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    if pragma(connection, "application_id")? != APPLICATION_ID {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    match pragma(connection, "user_version")? {
        SCHEMA_VERSION => Ok(()),
        found => Err(StoreError::Schema {
            found,
            known: SCHEMA_VERSION,
        }),
    }
}

/// Returns whether a file has neither tables nor a mark of who made it.
fn is_empty(connection: &Connection) -> Result<bool, StoreError> {
    if pragma(connection, "application_id")? != 0 {
        return Ok(false);
    }
    connection
        .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
            row.get(0)
        })
        .map_err(|source| StoreError::Database {
            operation: "open",
            source,
        })
}

fn pragma(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    connection
        .pragma_query_value(None, name, |row| row.get(0))
        .map_err(|source| match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => {
                StoreError::Foreign(connection.path().unwrap_or_default().into())
            }
            _ => StoreError::Database {
                operation: "open",
                source,
            },
        })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic inside a transaction rolls it back; the connection stays good.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
