//! The one narrow door to SQL: transactions, statements, and nothing of what is in them.
//!
//! What is behind it knows that it is SQLite; what is before it (all other modules) knows
//! that there are transactions ([`Tx`]), statements by name ([`crate::statements`]) and rows.
//!
//! A process has one connection that writes, and some that read. Writers of all processes
//! queue at a lock of the operating system before they begin: SQLite's own way of waiting
//! (sleep and try again) lets one hot process starve the others. What tasks of one process
//! write at the same time becomes one transaction with one sync: see [`group`].

mod group;
mod open;
mod trust;
mod values;

use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use sedge_sys::file_lock::FileQueue;
use sedge_sys::folder::FileError;

use crate::error::StoreError;
use crate::medium::Medium;

pub use group::Receipt;
pub(crate) use open::connect;
pub(crate) use trust::{check_schema, harden, shown};
pub(crate) use values::{Next, Row, Tx, Value, values};

pub(crate) const DATABASE_FILE: &str = "sedge.db";
const QUEUE_FILE: &str = "write.lock";

/// Connections that are kept for readers. More can be open at once: each long read has its
/// own, so that nobody waits for it.
const READERS_KEPT: usize = 4;

/// Pages of the write-ahead log that a process leaves behind when it ends. The next one
/// reads them all when it opens the file (half a millisecond for so many); to copy them
/// into the database now would cost this one two syncs.
const LOG_PAGES_LEFT_MAX: i64 = 128;

/// What a transaction promises once it has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Durability {
    /// It survives the death of the process. It survives a power cut as soon as any later
    /// transaction does.
    ProcessDeath,
    /// It survives a power cut.
    PowerCut,
}

#[derive(Debug)]
pub(crate) struct Door {
    medium: Medium,
    writer: Arc<group::Group>,
    readers: Mutex<Vec<Connection>>,
}

/// The connection that writes.
#[derive(Debug)]
struct Writer {
    sql: WriterSql,
    queue: FileQueue,
}

#[derive(Debug)]
struct WriterSql {
    connection: Connection,
    durability: Durability,
}

impl Door {
    /// Makes a datastore, or opens the one that is there.
    pub(crate) fn create(medium: Medium) -> Result<Self, StoreError> {
        if sedge_sys::host::is_network_file_system(&medium.path) {
            return Err(StoreError::NetworkFileSystem(medium.path));
        }
        let is_there = trust::check_files(&medium)?;
        if medium.vfs.is_none() && !is_there {
            // SQLite gives its other files the mode that this one has.
            match medium.folder.write_new_private(DATABASE_FILE, b"") {
                Err(error) if error.source.kind() != ErrorKind::AlreadyExists => {
                    return Err(error.into());
                }
                Ok(()) | Err(_) => {}
            }
        }
        let door = Self::at(medium);
        let reader = open::connect(&door.medium, OpenFlags::SQLITE_OPEN_CREATE)?;
        door.readers().push(reader);
        Ok(door)
    }

    /// Opens the datastore that is there. Nothing is read of it yet.
    pub(crate) fn open(medium: Medium) -> Result<Self, StoreError> {
        // Not by opening the file: to close it would let go of SQLite's locks on it.
        if !trust::check_files(&medium)? {
            return Err(StoreError::Missing(medium.path));
        }
        Ok(Self::at(medium))
    }

    /// Returns the door to the database on a medium. Nothing is opened yet.
    fn at(medium: Medium) -> Self {
        Self {
            writer: Arc::new(group::Group::new(medium.clone())),
            medium,
            readers: Mutex::default(),
        }
    }

    /// Returns what the datastore is kept on.
    pub(crate) fn medium(&self) -> &Medium {
        &self.medium
    }

    /// Runs `body` in one transaction that excludes every other writer, and commits it,
    /// unless `body` fails. Blocks the thread for as long as that takes.
    pub(crate) fn write<T>(
        &self,
        operation: &'static str,
        durability: Durability,
        body: impl FnOnce(&Tx<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.writer.alone(|writer| {
            let _turn = writer.queue.enter()?;
            let commit = |sql: &mut WriterSql| -> Result<T, Fault> {
                let transaction = sql.begin(durability)?;
                let value = body(&Tx::new(&transaction, &self.medium.clock))?;
                transaction.commit()?;
                Ok(value)
            };
            commit(&mut writer.sql).map_err(|fault| fault.into_error(operation))
        })
    }

    /// Has `body` run in a transaction that excludes every other writer, together with what
    /// others submit at the same time, each as if it were alone.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        operation: &'static str,
        durability: Durability,
        body: impl FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Receipt<T> {
        group::submit(&self.writer, operation, durability, body)
    }

    /// Runs `body` on the connection that writes, outside of any transaction, while every
    /// other writer waits: for what SQLite does with the file as a whole. It survives a power
    /// cut.
    pub(crate) fn maintain<T>(
        &self,
        operation: &'static str,
        body: impl FnOnce(&mut Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.writer.alone(|writer| {
            let _turn = writer.queue.enter()?;
            let maintain = |sql: &mut WriterSql| -> Result<T, Fault> {
                sql.set_durability(Durability::PowerCut)?;
                body(&mut sql.connection)
            };
            maintain(&mut writer.sql).map_err(|fault| fault.into_error(operation))
        })
    }

    /// Runs `body` on a snapshot. Never waits for a writer, nor for another reader.
    pub(crate) fn read<T>(
        &self,
        operation: &'static str,
        body: impl FnOnce(&Tx<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let mut connection = self.reader()?;
        let read = |connection: &mut Connection| -> Result<T, Fault> {
            let snapshot = connection.transaction()?;
            body(&Tx::new(&snapshot, &self.medium.clock))
        };
        let value = read(&mut connection).map_err(|fault| fault.into_error(operation));
        self.keep(connection);
        value
    }

    /// Runs `body` on a connection that reads, outside of any transaction.
    pub(crate) fn look<T>(
        &self,
        operation: &'static str,
        body: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let connection = self.reader()?;
        let value = body(&connection).map_err(|fault| fault.into_error(operation));
        self.keep(connection);
        value
    }

    fn reader(&self) -> Result<Connection, StoreError> {
        let kept = self.readers().pop();
        match kept {
            Some(connection) => Ok(connection),
            None => open::connect(&self.medium, OpenFlags::empty()),
        }
    }

    fn keep(&self, connection: Connection) {
        let mut readers = self.readers();
        if readers.len() < READERS_KEPT {
            readers.push(connection);
        }
    }

    fn readers(&self) -> MutexGuard<'_, Vec<Connection>> {
        lock(&self.readers)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.writer.close();
    }
}

impl Writer {
    fn open(medium: &Medium) -> Result<Self, StoreError> {
        Ok(Self {
            sql: WriterSql {
                connection: open::connect(medium, OpenFlags::empty())?,
                durability: Durability::PowerCut,
            },
            queue: queue(medium)?,
        })
    }
}

impl WriterSql {
    fn begin(
        &mut self,
        durability: Durability,
    ) -> Result<rusqlite::Transaction<'_>, rusqlite::Error> {
        self.set_durability(durability)?;
        self.connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
    }

    fn set_durability(&mut self, durability: Durability) -> Result<(), rusqlite::Error> {
        if self.durability != durability {
            open::set_durability(&self.connection, durability)?;
            self.durability = durability;
        }
        Ok(())
    }
}

impl Drop for WriterSql {
    fn drop(&mut self) {
        // ignored: nothing is lost, as the log stays and the next process tries.
        let _ = open::log_left(&self.connection, LOG_PAGES_LEFT_MAX);
    }
}

/// Opens the queue of writers.
fn queue(medium: &Medium) -> Result<FileQueue, FileError> {
    FileQueue::open(&medium.folder, QUEUE_FILE, medium.wait_max)
}

/// Why a transaction's body gave up.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database said no.
    Database(rusqlite::Error),
    /// What was asked for is not to be done.
    Refused(StoreError),
}

impl Fault {
    pub(crate) fn into_error(self, operation: &'static str) -> StoreError {
        match self {
            Self::Database(source) => StoreError::of_database(operation, source),
            Self::Refused(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl<E: Into<StoreError>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic inside a transaction rolls it back; the connection stays good.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
