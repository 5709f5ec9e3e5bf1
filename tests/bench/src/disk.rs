//! The cost of making something durable without our store.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use rusqlite::{Connection, TransactionBehavior};

use crate::Result;
use crate::figures::Figures;
use crate::subjects::{DISK_APPEND, DISK_COMMIT};

/// The size of a small record.
const ROW: [u8; 100] = [b'x'; 100];

/// A separate file and database, on the disk of the repository.
#[derive(Debug)]
pub(crate) struct Disk {
    file: File,
    database: Connection,
}

impl Disk {
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let database = Connection::open(folder.join("baseline.db"))?;
        database.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        database.pragma_update(None, "synchronous", "FULL")?;
        database.execute_batch(
            "CREATE TABLE rows (id INTEGER PRIMARY KEY, content TEXT NOT NULL) STRICT",
        )?;
        Ok(Self {
            file: File::create(folder.join("baseline.log"))?,
            database,
        })
    }

    /// Commits one row, durably.
    pub(crate) fn commit(&mut self) -> Result<()> {
        let transaction = self
            .database
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let row = str::from_utf8(&ROW)?;
        transaction
            .prepare_cached("INSERT INTO rows (content) VALUES (?)")?
            .execute([row])?;
        Ok(transaction.commit()?)
    }

    pub(crate) fn sample(&mut self, figures: &mut Figures) -> Result<()> {
        let since = Instant::now();
        self.file.write_all(&ROW)?;
        self.file.sync_data()?;
        let since = figures.lap(DISK_APPEND, since);
        self.commit()?;
        figures.lap(DISK_COMMIT, since);
        Ok(())
    }
}
