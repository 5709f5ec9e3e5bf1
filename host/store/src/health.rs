//! The state of the datastore: sizes and counts, and checks of its invariants.

use sedge_model::lineage::Lineage;
use sedge_model::names::{MethodName, ModelName};
use sedge_sys::clock::Timestamp;

use crate::Store;
use crate::calls::lineage;
use crate::door::{DATABASE_FILE, Tx, TxFault};
use crate::error::StoreError;
use crate::runs::word;
use crate::schema::SCHEMA_VERSION;
use crate::statements;

mod checks;

pub(crate) use checks::first_fault;

/// Sizes and counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The folder of the datastore.
    pub folder: std::path::PathBuf,
    /// The database engine with its version: `SQLite 3.54.1`.
    pub engine: String,
    /// The version of its schema.
    pub schema: i64,
    /// Bytes of the database.
    pub n_database_bytes: u64,
    /// Bytes of these that are free; `compact` removes them.
    pub n_free_bytes: u64,
    /// Bytes of the write-ahead log that are not yet copied into the database.
    pub n_log_bytes: u64,
    /// Files of large content.
    pub n_files: u64,
    /// Bytes of these files.
    pub n_file_bytes: u64,
    /// Unfinished files, which are being written or were left by crashed processes.
    pub n_unfinished: u64,
    /// Runs on record.
    pub n_runs: u64,
    /// Calls on record.
    pub n_calls: u64,
    /// Lines of logs on record.
    pub n_log_lines: u64,
    /// Names of data.
    pub n_names: u64,
    /// Versions of data.
    pub n_versions: u64,
    /// Calls that are running or whose process is gone, the oldest first.
    pub running: Vec<RunningCall>,
}

/// A call that has begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningCall {
    /// The call.
    pub lineage: Lineage,
    /// Its model.
    pub model: ModelName,
    /// Its method.
    pub method: MethodName,
    /// When it began.
    pub started_at: Timestamp,
    /// The process that works on its run.
    pub session: String,
}

/// A violated invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFinding {
    /// The fault, with its place.
    pub what: String,
    /// Whether data is lost or wrong. If false, the finding only takes up space, and a collection
    /// removes it.
    pub is_fault: bool,
}

/// The result of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// The violated invariants.
    pub findings: Vec<StoreFinding>,
    /// The number of checked versions.
    pub n_versions: u64,
    /// The number of files.
    pub n_files: u64,
    /// The number of bytes that were compared with their digests.
    pub n_hashed_bytes: u64,
}

impl Store {
    /// Returns sizes and counts.
    ///
    /// # Errors
    /// The database or the disk fails.
    pub fn status(&self) -> Result<Status, StoreError> {
        let (counts, running) = self.door.read("count", |tx| {
            let mut counts = [0; statements::COUNTS.len()];
            for (count, sql) in counts.iter_mut().zip(statements::COUNTS) {
                *count = tx.value::<u64>(sql, &[])?;
            }
            Ok((counts, running(tx)?))
        })?;
        let pages = self.door.look("measure", |connection| {
            let pragma = |name: &str| -> Result<u64, TxFault> {
                Ok(connection.pragma_query_value(None, name, |row| row.get(0))?)
            };
            Ok([
                pragma("page_size")?,
                pragma("page_count")?,
                pragma("freelist_count")?,
            ])
        })?;
        let files = self.blobs.list()?;
        let log = format!("{DATABASE_FILE}-wal");
        let mut entries = self.door.medium().disk.entries("")?.into_iter();
        let log = entries.find(|entry| entry.name == log);
        let [page, n_pages, n_free] = pages;
        let [runs, calls, names, versions, log_lines] = counts;
        Ok(Status {
            folder: self.door.medium().path.clone(),
            engine: format!("SQLite {}", rusqlite::version()),
            schema: SCHEMA_VERSION,
            n_database_bytes: page * n_pages,
            n_free_bytes: page * n_free,
            n_log_bytes: log.map_or(0, |log| log.size),
            n_files: files.len() as u64,
            n_file_bytes: files.iter().map(|(_, size)| size).sum(),
            n_unfinished: self.blobs.passing_list()?.len() as u64,
            n_runs: runs,
            n_calls: calls,
            n_log_lines: log_lines,
            n_names: names,
            n_versions: versions,
            running,
        })
    }

    /// Checks the invariants of `FORMAT.md`. With `deep`, also compares all content with its
    /// digests, which reads everything. Calls `progress` with the number of checked versions.
    ///
    /// # Errors
    /// The database or the disk cannot be read.
    pub fn check(&self, deep: bool, progress: impl FnMut(u64)) -> Result<CheckReport, StoreError> {
        checks::check(self, deep, progress)
    }

    /// Rewrites the database without its free space, and empties its log. The caller must hold the
    /// exclusive lock on the datastore.
    ///
    /// # Errors
    /// The database fails, for example because the disk has no space for the copy. Nothing is then
    /// changed.
    pub fn compact(&self) -> Result<(), StoreError> {
        self.door.maintain("compact the datastore", |connection| {
            connection.execute_batch("VACUUM")?;
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(())
        })
    }
}

fn running(tx: &Tx<'_>) -> Result<Vec<RunningCall>, TxFault> {
    tx.all(statements::CALL_RUNNING_OLDEST, &[], |row| {
        let run: String = row.get(0)?;
        Ok(RunningCall {
            lineage: row.text(1, |path| lineage(&run, path))??,
            model: word("model name", row.get(2)?)?,
            method: word("method name", row.get(3)?)?,
            started_at: Timestamp(row.get(4)?),
            session: row.get(5)?,
        })
    })
}
