//! Opens the database: creates, migrates or refuses it.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use sedge_sys::disk::SYNC_ENDS_AT_THE_DEVICE;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::trust::{check_schema, harden};
use super::{DATABASE_FILE, Durability, Tx, TxFault, queue};
use crate::error::StoreError;
use crate::medium::Medium;
use crate::migrate;
use crate::schema::{APPLICATION_ID, PRESENT_TABLES, SCHEMA_VERSION, SCHEMA_VERSION_OLDEST};

/// How long SQLite itself waits for a lock. Writers already wait in the queue, so this covers only
/// other tools that open the file, and a checkpoint that ends at this moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The most bytes of the file that are memory-mapped, which is SQLite's maximum. Reads of the
/// mapped part need no system call. A scan of the whole file is charged to the process as memory,
/// but the kernel can reclaim it at any time. With a million versions, reading the latest ones of a
/// thousand names takes two thirds of the time that it takes with a sixth of the file mapped.
const MAPPED_BYTES_MAX: i64 = (2 << 30) - (64 << 10);

/// The number of compiled statements that are cached, somewhat more than exist.
const STATEMENTS_CACHED: usize = 128;

/// Opens a connection to a datastore of this version.
///
/// An empty file was left by a process that is about to create the tables, or crashed before that.
/// They are created here, with the lock of the writers' queue. An older version is migrated with
/// that lock, in one transaction.
///
/// The first connection of a process also checks that the schema is one that Sedge makes.
pub(crate) fn connect(medium: &Medium, extra: OpenFlags) -> Result<Connection, StoreError> {
    connected(medium, extra).map_err(|error| error.explained(medium))
}

fn connected(medium: &Medium, extra: OpenFlags) -> Result<Connection, StoreError> {
    let mut connection = open(medium, extra)?;
    if is_current(medium, &connection)? {
        if !medium.is_trusted.load(Ordering::Relaxed) {
            check_schema(&path_of(medium), &connection, SCHEMA_VERSION)?;
        }
    } else if medium.is_for_glance {
        let found = pragma(medium, &connection, "user_version")?;
        let known = SCHEMA_VERSION;
        return Err(StoreError::Schema { found, known });
    } else {
        let queue = queue(medium)?;
        let _lock = queue.enter()?;
        match pragma(medium, &connection, "user_version")? {
            // Another process created or migrated the tables meanwhile.
            SCHEMA_VERSION => {}
            0 => create_tables(&connection)
                .map_err(|source| StoreError::of_database("make its tables", source))?,
            found => update(medium, &mut connection, found)
                .map_err(|fault| fault.into_error("migrate the datastore"))?,
        }
        check_schema(&path_of(medium), &connection, SCHEMA_VERSION)?;
    }
    medium.is_trusted.store(true, Ordering::Relaxed);
    Ok(connection)
}

pub(super) fn set_durability(
    connection: &Connection,
    durability: Durability,
) -> Result<(), rusqlite::Error> {
    connection.execute_batch(match durability {
        Durability::PowerLoss => "PRAGMA synchronous = FULL",
        Durability::ProcessCrash => "PRAGMA synchronous = NORMAL",
    })
}

/// Copies the log into the database if it has more than `n_pages_max` pages and no other connection
/// is using it.
pub(super) fn log_left(connection: &Connection, n_pages_max: i64) -> Result<(), rusqlite::Error> {
    let n_pages: i64 = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))?;
    if n_pages > n_pages_max {
        connection.busy_timeout(Duration::ZERO)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(())
}

fn open(medium: &Medium, extra: OpenFlags) -> Result<Connection, StoreError> {
    let path = path_of(medium);
    let open = || -> Result<Connection, rusqlite::Error> {
        // SQLite needs no mutex, because each connection is used by one thread at a time.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | extra;
        let connection = match &medium.vfs {
            // A link may have come with a clone, and can lead anywhere.
            None => Connection::open_with_flags(&path, flags | OpenFlags::SQLITE_OPEN_NOFOLLOW)?,
            Some(vfs) => Connection::open_with_flags_and_vfs(&path, flags, vfs.as_str())?,
        };
        harden(&connection)?;
        connection.busy_timeout(match medium.is_for_glance {
            true => Duration::ZERO,
            false => BUSY_TIMEOUT,
        })?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "mmap_size", MAPPED_BYTES_MAX)?;
        // Query plans must not depend on parameter values. Otherwise SQLite recompiles a statement
        // when its values change, which took half the time of a commit.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // An ending process checkpoints only if that is worth its syncs: see `WriterSql`.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        if SYNC_ENDS_AT_THE_DEVICE {
            connection.pragma_update(None, "fullfsync", true)?;
            connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        }
        set_durability(&connection, Durability::PowerLoss)?;
        Ok(connection)
    };
    open().map_err(|source| open_error(medium, source))
}

fn create_tables(connection: &Connection) -> Result<(), rusqlite::Error> {
    // The journal mode is a property of the file, and is set once, before it has content. SQLite
    // applies it after the row that returns it, so the result is read to its end.
    connection.pragma(None, "journal_mode", "WAL", |_| Ok(()))?;
    let tables = PRESENT_TABLES.concat();
    let make = format!(
        "BEGIN IMMEDIATE; {tables}
         PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"
    );
    connection.execute_batch(&make)
}

fn update(medium: &Medium, connection: &mut Connection, found: i64) -> Result<(), TxFault> {
    set_durability(connection, Durability::PowerLoss)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    check_schema(&path_of(medium), &transaction, found)?;
    migrate::migrate(
        medium,
        &Tx::new(&transaction, &medium.clock),
        &transaction,
        found,
    )?;
    check_schema(&path_of(medium), &transaction, SCHEMA_VERSION)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    Ok(transaction.commit()?)
}

fn path_of(medium: &Medium) -> PathBuf {
    medium.path.join(DATABASE_FILE)
}

/// Returns whether the file is a datastore of this version; false if it is empty or can be
/// migrated.
fn is_current(medium: &Medium, connection: &Connection) -> Result<bool, StoreError> {
    let mark = || pragma(medium, connection, "application_id");
    match mark()? {
        APPLICATION_ID => {}
        0 if is_empty(medium, connection)? => return Ok(false),
        // The two queries read different snapshots. Another process may have created the tables,
        // and set the id, between them.
        0 if mark()? == APPLICATION_ID => {}
        _ => return Err(StoreError::Foreign(path_of(medium))),
    }
    let known = SCHEMA_VERSION;
    match pragma(medium, connection, "user_version")? {
        SCHEMA_VERSION => Ok(true),
        found if (SCHEMA_VERSION_OLDEST..SCHEMA_VERSION).contains(&found) => Ok(false),
        found => Err(StoreError::Schema { found, known }),
    }
}

/// Returns whether a file without an application id has no tables either.
fn is_empty(medium: &Medium, connection: &Connection) -> Result<bool, StoreError> {
    connection
        .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
            row.get(0)
        })
        .map_err(|source| open_error(medium, source))
}

fn pragma(medium: &Medium, connection: &Connection, name: &str) -> Result<i64, StoreError> {
    connection
        .pragma_query_value(None, name, |row| row.get(0))
        .map_err(|source| open_error(medium, source))
}

fn open_error(medium: &Medium, source: rusqlite::Error) -> StoreError {
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign(path_of(medium)),
        _ => StoreError::of_database("open", source),
    }
}
