//! Opening the database: making it, bringing it up to date, or refusing it.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::trust::{check_schema, harden};
use super::{DATABASE_FILE, Durability, Fault, Tx, queue};
use crate::error::StoreError;
use crate::medium::Medium;
use crate::migrate;
use crate::schema::{
    APPLICATION_ID, DATA_TABLES, RUN_TABLES, SCHEMA_VERSION, SCHEMA_VERSION_OLDEST, USE_TABLES,
};

/// How long SQLite itself waits for a lock. The queue makes this a mere net: it catches
/// tools that open the file beside us, and a checkpoint that ends as we begin.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The part of the file that is mapped, at most, and all that SQLite can map: reads of it
/// need no system call, and who looks at all of it has the kernel count it as their memory,
/// which is to be had back at any time. Of a million versions, the latest of a thousand names
/// are read in two thirds of the time that it takes with a sixth of the file mapped.
const MAPPED_BYTES_MAX: i64 = (2 << 30) - (64 << 10);

/// Statements that are kept compiled; a little more than there are.
const STATEMENTS_CACHED: usize = 128;

/// Opens a connection to a datastore of this version.
///
/// An empty file is one that somebody is about to fill, or died before they could: it is
/// filled here, in turn. One of an older version is migrated, in turn and in one transaction.
///
/// The first connection of a process checks that the schema is one of Sedge's.
pub(crate) fn connect(medium: &Medium, extra: OpenFlags) -> Result<Connection, StoreError> {
    let mut connection = open(medium, extra)?;
    if is_current(medium, &connection)? {
        if !medium.is_trusted.load(Ordering::Relaxed) {
            check_schema(&path_of(medium), &connection, SCHEMA_VERSION)?;
        }
    } else {
        let queue = queue(medium)?;
        let _turn = queue.enter()?;
        match pragma(medium, &connection, "user_version")? {
            // Somebody was faster.
            SCHEMA_VERSION => {}
            0 => make_tables(&connection)
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
        Durability::PowerCut => "PRAGMA synchronous = FULL",
        Durability::ProcessDeath => "PRAGMA synchronous = NORMAL",
    })
}

/// Copies the log into the database if it has more than so many pages and nobody is in the way.
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
        // No mutex of SQLite's: each connection is used by one thread at a time.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | extra;
        let connection = match &medium.vfs {
            // A link may have come with a clone, and lead anywhere.
            None => Connection::open_with_flags(&path, flags | OpenFlags::SQLITE_OPEN_NOFOLLOW)?,
            Some(vfs) => Connection::open_with_flags_and_vfs(&path, flags, vfs.as_str())?,
        };
        harden(&connection)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "mmap_size", MAPPED_BYTES_MAX)?;
        // A plan does not depend on what is looked for: else SQLite compiles a statement anew
        // whenever it is given other numbers, which took half the time of a commit.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // A process that ends tidies up only when that is worth its syncs: see `Writer`.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        set_durability(&connection, Durability::PowerCut)?;
        Ok(connection)
    };
    open().map_err(|source| told(medium, source))
}

fn make_tables(connection: &Connection) -> Result<(), rusqlite::Error> {
    // The journal mode is a property of the file; it is set once, before there is content.
    // It is committed behind the row that names it, so the answer is read to its end.
    connection.pragma(None, "journal_mode", "WAL", |_| Ok(()))?;
    let make = format!(
        "BEGIN IMMEDIATE; {RUN_TABLES} {DATA_TABLES} {USE_TABLES}
         PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"
    );
    connection.execute_batch(&make)
}

fn update(medium: &Medium, connection: &mut Connection, found: i64) -> Result<(), Fault> {
    set_durability(connection, Durability::PowerCut)?;
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

/// Returns whether the file is a datastore of this version; false if it can become one.
fn is_current(medium: &Medium, connection: &Connection) -> Result<bool, StoreError> {
    let mark = || pragma(medium, connection, "application_id");
    match mark()? {
        APPLICATION_ID => {}
        0 if is_empty(medium, connection)? => return Ok(false),
        // Each look is of a moment of its own: its tables, and the mark with them, may have
        // been made between the two.
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

/// Returns whether a file without a mark of who made it has no tables either.
fn is_empty(medium: &Medium, connection: &Connection) -> Result<bool, StoreError> {
    connection
        .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
            row.get(0)
        })
        .map_err(|source| told(medium, source))
}

fn pragma(medium: &Medium, connection: &Connection, name: &str) -> Result<i64, StoreError> {
    connection
        .pragma_query_value(None, name, |row| row.get(0))
        .map_err(|source| told(medium, source))
}

fn told(medium: &Medium, source: rusqlite::Error) -> StoreError {
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign(path_of(medium)),
        _ => StoreError::of_database("open", source),
    }
}
