//! Which locks count: the store's side of the lock table, which is kept elsewhere.
//!
//! A process that lost its lock may not know it: it was stopped while somebody released the
//! lock by force, or the lock table was removed by hand. So each write that a lock allows
//! says which lock that was, and is refused if it counts no more (a *fence*: Gray and
//! Cheriton 1989 give leases such a number; here it is a list, for nothing expires).

use rusqlite::{OptionalExtension, Transaction, params};
use sedge_model::lineage::Lineage;
use sedge_sys::clock::Timestamp;

use crate::Store;
use crate::door::{Durability, Fault};
use crate::error::StoreError;

impl Store {
    /// Returns which lock table counts; none if that was never said.
    ///
    /// # Errors
    /// The database refuses.
    pub fn lock_epoch(&self) -> Result<Option<u64>, StoreError> {
        self.door.read("read which locks count", epoch_known)
    }

    /// Says which lock table counts from now on: what was locked in another one does not.
    /// False, and nothing is changed, if it is not `known` any more that counts: somebody was
    /// faster, and may have seen a newer table.
    ///
    /// It survives a power cut as soon as anything later does; after one, there is another
    /// table anyway.
    ///
    /// # Errors
    /// The database refuses.
    pub fn lock_epoch_set(&self, known: Option<u64>, epoch: u64) -> Result<bool, StoreError> {
        self.door
            .write("note which locks count", Durability::ProcessDeath, |tx| {
                if epoch_known(tx)? != known {
                    return Ok(false);
                }
                tx.prepare_cached(
                    "INSERT INTO lock_table (one, epoch) VALUES (1, ?1)
                     ON CONFLICT (one) DO UPDATE SET epoch = ?1",
                )?
                .execute([text(epoch)])?;
                Ok(true)
            })
    }

    /// Refuses from now on what these calls, and those below them, would write: their locks
    /// are about to be taken away. It survives a power cut.
    ///
    /// # Errors
    /// The database refuses.
    pub fn fence(&self, lineages: &[Lineage]) -> Result<(), StoreError> {
        self.door
            .write("fence off calls", Durability::PowerCut, |tx| {
                let mut statement = tx.prepare_cached(
                    "INSERT INTO fences (run, claim, path, at)
                     VALUES (?1, (SELECT coalesce(max(claim), 0) FROM runs WHERE id = ?1), ?2, ?3)
                     ON CONFLICT DO NOTHING",
                )?;
                for lineage in lineages {
                    let (run, path) = (lineage.run().as_str(), lineage.path());
                    statement.execute(params![run, path, Timestamp::now().0])?;
                }
                Ok(())
            })
    }
}

/// Refuses a write whose lock does not count any more. `claim` is that of the process that
/// works on the run; 0 without a run.
pub(crate) fn lock_check(
    tx: &Transaction<'_>,
    epoch: u64,
    lineage: &Lineage,
    claim: u64,
) -> Result<(), Fault> {
    let lost = || Err(StoreError::LockLost(lineage.clone()).into());
    // Where no table was ever noted, none was made anew.
    if epoch_known(tx)?.is_some_and(|known| known != epoch) {
        return lost();
    }
    let mut statement = tx.prepare_cached("SELECT path FROM fences WHERE run = ? AND claim = ?")?;
    let mut rows = statement.query(params![lineage.run().as_str(), claim])?;
    let own = lineage.path();
    while let Some(row) = rows.next()? {
        let path: String = row.get(0)?;
        let below = own.strip_prefix(path.as_str());
        if path.is_empty() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            return lost();
        }
    }
    Ok(())
}

fn epoch_known(tx: &Transaction<'_>) -> Result<Option<u64>, Fault> {
    let mut statement = tx.prepare_cached("SELECT epoch FROM lock_table WHERE one = 1")?;
    let known: Option<String> = statement.query_row([], |row| row.get(0)).optional()?;
    let Some(known) = known else {
        return Ok(None);
    };
    let epoch = u64::from_str_radix(&known, 16).map_err(|error| StoreError::Unreadable {
        what: "lock table",
        reason: format!("`{known}`: {error}"),
    })?;
    Ok(Some(epoch))
}

fn text(epoch: u64) -> String {
    format!("{epoch:016x}")
}
