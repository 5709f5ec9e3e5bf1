//! The only access to SQL: transactions and statements, independent of their content.
//!
//! The modules below this one use SQLite. All other modules see only transactions ([`Tx`]),
//! statements by name ([`crate::statements`]) and rows.
//!
//! A process has one connection for writes, and several for reads. The writers of all processes
//! queue for a lock of the operating system before they begin, because SQLite's own waiting (sleep
//! and retry) lets one busy process starve the others. Writes that tasks of one process submit at
//! the same time share one transaction and one sync: see [`group`].

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

use group::QueuedWrite;
pub use group::{Receipt, WriteSequence};
pub(crate) use open::connect;
pub(crate) use trust::{check_schema, harden, shown};
pub(crate) use values::{RowFlow, SqlRow, SqlValue, Tx, values};

pub(crate) const DATABASE_FILE: &str = "sedge.db";
const QUEUE_FILE: &str = "write.lock";

/// The number of idle connections that are kept for readers. More can be open at once: each long
/// read has its own, so that no other read waits for it.
const READERS_KEPT: usize = 4;

/// The most pages of the write-ahead log that a process leaves behind when it ends. The next
/// process reads them all when it opens the file, which takes half a millisecond. Copying them into
/// the database would cost the ending process two syncs.
const LOG_PAGES_LEFT_MAX: i64 = 128;

/// What survives once a transaction has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Durability {
    /// It survives a crash of the process. It becomes durable with the next durable transaction.
    ProcessCrash,
    /// It is durable: it survives a power loss.
    PowerLoss,
}

#[derive(Debug)]
pub(crate) struct SqlDoor {
    medium: Medium,
    writer: Arc<group::Group>,
    readers: Mutex<Vec<Connection>>,
}

/// The connection for writes.
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

impl SqlDoor {
    /// Creates a datastore, or opens the existing one.
    pub(crate) fn create(medium: Medium) -> Result<Self, StoreError> {
        if sedge_sys::host::is_network_file_system(&medium.path) {
            return Err(StoreError::NetworkFileSystem(medium.path));
        }
        let is_there = trust::check_files(&medium)?;
        if medium.vfs.is_none() && !is_there {
            // SQLite gives its other files the same mode as this one.
            match medium.folder.write_new_private(DATABASE_FILE, b"") {
                Err(error) if error.source.kind() != ErrorKind::AlreadyExists => {
                    return Err(error.into());
                }
                Ok(()) | Err(_) => {}
            }
        }
        let door = Self::new(medium);
        let reader = open::connect(&door.medium, OpenFlags::SQLITE_OPEN_CREATE)?;
        door.readers().push(reader);
        Ok(door)
    }

    /// Opens an existing datastore, without reading it yet.
    pub(crate) fn open(medium: Medium) -> Result<Self, StoreError> {
        // The file is not opened for this check: closing it would release SQLite's locks on it.
        if !trust::check_files(&medium)? {
            return Err(StoreError::Missing(medium.path));
        }
        Ok(Self::new(medium))
    }

    /// Returns the door to the database on a medium. No connection is opened yet.
    fn new(medium: Medium) -> Self {
        Self {
            writer: Arc::new(group::Group::new(medium.clone())),
            medium,
            readers: Mutex::default(),
        }
    }

    /// Returns the medium of the datastore.
    pub(crate) fn medium(&self) -> &Medium {
        &self.medium
    }

    /// Runs `body` in one transaction that excludes every other writer, and commits it unless
    /// `body` fails. Blocks the thread until it is committed.
    pub(crate) fn write<T>(
        &self,
        operation: &'static str,
        durability: Durability,
        body: impl FnOnce(&Tx<'_>) -> Result<T, TxFault>,
    ) -> Result<T, StoreError> {
        self.writer.exclusive(|writer| {
            let _lock = writer.queue.enter()?;
            let commit = |sql: &mut WriterSql| -> Result<T, TxFault> {
                let transaction = sql.begin(durability)?;
                let value = body(&Tx::new(&transaction, &self.medium.clock))?;
                transaction.commit()?;
                Ok(value)
            };
            let value = commit(&mut writer.sql).map_err(|fault| self.error(fault, operation))?;
            self.writer.committed(durability);
            Ok(value)
        })
    }

    /// Queues `body` for a transaction that excludes every other writer. Other submitted writes may
    /// share the transaction; each fails or succeeds independently.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        operation: &'static str,
        durability: Durability,
        body: impl FnOnce(&Tx<'_>) -> Result<T, TxFault> + Send + 'static,
    ) -> Receipt<T> {
        let write = QueuedWrite {
            operation,
            durability,
            sequence: None,
            body,
        };
        group::submit(&self.writer, write)
    }

    /// Queues `body` as a durable write of a sequence. It is made when the receipt is awaited, or
    /// together with another write before that. Writes are made in the order in which they were
    /// queued.
    ///
    /// After a write of the sequence has failed, `refused` is the error of all later ones.
    pub(crate) fn queue<T: Send + 'static>(
        &self,
        operation: &'static str,
        sequence: &WriteSequence,
        refused: StoreError,
        body: impl FnOnce(&Tx<'_>) -> Result<T, TxFault> + Send + 'static,
    ) -> Receipt<T> {
        let of_body = sequence.clone();
        let body = move |tx: &Tx<'_>| match of_body.has_failed() {
            true => Err(refused.into()),
            false => body(tx),
        };
        let write = QueuedWrite {
            operation,
            durability: Durability::PowerLoss,
            sequence: Some(sequence.clone()),
            body,
        };
        group::queue(&self.writer, write)
    }

    /// Returns the number of durable transactions that this process has committed.
    pub(crate) fn n_durable(&self) -> u64 {
        self.writer.n_durable()
    }

    /// Runs `body` on the connection for writes, outside of any transaction, while every other
    /// writer waits. It is for SQLite's operations on the whole file, and the result is durable.
    pub(crate) fn maintain<T>(
        &self,
        operation: &'static str,
        body: impl FnOnce(&mut Connection) -> Result<T, TxFault>,
    ) -> Result<T, StoreError> {
        self.writer.exclusive(|writer| {
            let _lock = writer.queue.enter()?;
            let maintain = |sql: &mut WriterSql| -> Result<T, TxFault> {
                sql.set_durability(Durability::PowerLoss)?;
                body(&mut sql.connection)
            };
            maintain(&mut writer.sql).map_err(|fault| self.error(fault, operation))
        })
    }

    /// Runs `body` on a snapshot. Never waits for a writer or another reader.
    pub(crate) fn read<T>(
        &self,
        operation: &'static str,
        body: impl FnOnce(&Tx<'_>) -> Result<T, TxFault>,
    ) -> Result<T, StoreError> {
        let mut connection = self.reader()?;
        let read = |connection: &mut Connection| -> Result<T, TxFault> {
            let snapshot = connection.transaction()?;
            body(&Tx::new(&snapshot, &self.medium.clock))
        };
        let value = read(&mut connection).map_err(|fault| self.error(fault, operation));
        self.keep(connection);
        value
    }

    /// Runs `body`, which reads a row or two, on a snapshot. A process that has written, and reads
    /// no more than that, needs no second connection: while no write is under way, the one that
    /// writes is used.
    pub(crate) fn read_briefly<T>(
        &self,
        operation: &'static str,
        body: impl Fn(&Tx<'_>) -> Result<T, TxFault>,
    ) -> Result<T, StoreError> {
        if self.readers().is_empty()
            && let Some(read) = self.writer.if_idle(|writer| -> Result<T, TxFault> {
                let snapshot = writer.sql.connection.transaction()?;
                body(&Tx::new(&snapshot, &self.medium.clock))
            })
        {
            return read.map_err(|fault| self.error(fault, operation));
        }
        self.read(operation, body)
    }

    /// Runs `body` on a connection for reads, outside of any transaction.
    pub(crate) fn look<T>(
        &self,
        operation: &'static str,
        body: impl FnOnce(&Connection) -> Result<T, TxFault>,
    ) -> Result<T, StoreError> {
        let connection = self.reader()?;
        let value = body(&connection).map_err(|fault| self.error(fault, operation));
        self.keep(connection);
        value
    }

    fn error(&self, fault: TxFault, operation: &'static str) -> StoreError {
        fault.into_error(operation).explained(&self.medium)
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

impl Drop for SqlDoor {
    fn drop(&mut self) {
        self.writer.close();
    }
}

impl Writer {
    fn open(medium: &Medium) -> Result<Self, StoreError> {
        Ok(Self {
            sql: WriterSql {
                connection: open::connect(medium, OpenFlags::empty())?,
                durability: Durability::PowerLoss,
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
        // ignored: nothing is lost, because the log stays and the next process tries again.
        let _ = open::log_left(&self.connection, LOG_PAGES_LEFT_MAX);
    }
}

/// Opens the queue of writers.
fn queue(medium: &Medium) -> Result<FileQueue, FileError> {
    FileQueue::open(&medium.folder, QUEUE_FILE, medium.wait_max)
}

/// Why the body of a transaction failed.
#[derive(Debug)]
pub(crate) enum TxFault {
    /// The database returned an error.
    Database(rusqlite::Error),
    /// The store refused the operation.
    Refused(StoreError),
}

impl TxFault {
    pub(crate) fn into_error(self, operation: &'static str) -> StoreError {
        match self {
            Self::Database(source) => StoreError::of_database(operation, source),
            Self::Refused(error) => error,
        }
    }
}

impl From<rusqlite::Error> for TxFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl<E: Into<StoreError>> From<E> for TxFault {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic within a transaction rolls it back, and the connection stays usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
