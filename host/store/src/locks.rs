//! Which locks are valid: the store's part of the lock table, which is stored elsewhere.
//!
//! A process may have lost its lock without noticing: it was suspended while an operator released
//! the lock by force, or the lock table was removed by hand. So each write names the lock that
//! permits it, and is refused if that lock is no longer valid. This is a *fence*. Gray and Cheriton
//! 1989 number leases for this purpose; this store keeps a list, because its locks do not expire.

use sedge_model::lineage::Lineage;

use crate::Store;
use crate::door::{Durability, Tx, TxFault, values};
use crate::error::StoreError;
use crate::statements;

impl Store {
    /// Returns the valid lock table; `None` if none was ever recorded.
    ///
    /// # Errors
    /// The database fails.
    pub fn lock_epoch(&self) -> Result<Option<u64>, StoreError> {
        let operation = "read the valid lock table";
        self.door.read_briefly(operation, epoch_known)
    }

    /// Makes `epoch` the valid lock table, so that locks of any other table become invalid. Returns
    /// false and changes nothing if the valid table is no longer `known`: another process has set
    /// it meanwhile, and may know a newer table.
    ///
    /// It becomes durable with the next durable transaction. A restart of the machine makes a new
    /// table anyway.
    ///
    /// # Errors
    /// The database fails.
    pub fn lock_epoch_set(&self, known: Option<u64>, epoch: u64) -> Result<bool, StoreError> {
        self.door.write(
            "record the valid lock table",
            Durability::ProcessCrash,
            |tx| {
                if epoch_known(tx)? != known {
                    return Ok(false);
                }
                tx.execute(statements::EPOCH_SET, &values![&text(epoch)])?;
                Ok(true)
            },
        )
    }

    /// Fences off calls whose locks are about to be taken away: their writes, and those of their
    /// callees, are refused from now on. It is durable.
    ///
    /// # Errors
    /// The database fails.
    pub fn fence(&self, lineages: &[Lineage]) -> Result<(), StoreError> {
        self.door
            .write("fence off calls", Durability::PowerLoss, |tx| {
                for lineage in lineages {
                    let (run, path) = (lineage.run().as_str(), lineage.path());
                    let fence = values![run, &path, tx.now().0];
                    tx.execute(statements::FENCE_INSERT, &fence)?;
                }
                Ok(())
            })
    }
}

/// Refuses a write whose lock is no longer valid. `claim` is that of the process that works on the
/// run, or 0 without a run.
pub(crate) fn lock_check(
    tx: &Tx<'_>,
    epoch: u64,
    lineage: &Lineage,
    claim: u64,
) -> Result<(), TxFault> {
    let lost = || Err(StoreError::LockLost(lineage.clone()).into());
    // If no table was ever recorded, the first one is still in use.
    if epoch_known(tx)?.is_some_and(|known| known != epoch) {
        return lost();
    }
    let own = lineage.path();
    let fenced = values![lineage.run().as_str(), claim];
    for path in tx.all(statements::FENCES_OF, &fenced, |row| row.get::<String>(0))? {
        let below = own.strip_prefix(path.as_str());
        if path.is_empty() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            return lost();
        }
    }
    Ok(())
}

fn epoch_known(tx: &Tx<'_>) -> Result<Option<u64>, TxFault> {
    let known: Option<String> = tx.first(statements::EPOCH_GET, &[], |row| row.get(0))?;
    let Some(known) = known else {
        return Ok(None);
    };
    let epoch = u64::from_str_radix(&known, 16)
        .map_err(|error| StoreError::unreadable("lock table", format!("`{known}`: {error}")))?;
    Ok(Some(epoch))
}

pub(crate) fn text(epoch: u64) -> String {
    format!("{epoch:016x}")
}
