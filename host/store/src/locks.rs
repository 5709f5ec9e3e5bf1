//! Which locks count: the store's side of the lock table, which is kept elsewhere.
//!
//! A process that lost its lock may not know it: it was stopped while somebody released the
//! lock by force, or the lock table was removed by hand. So each write that a lock allows
//! says which lock that was, and is refused if it counts no more (a *fence*: Gray and
//! Cheriton 1989 give leases such a number; here it is a list, for nothing expires).

use sedge_model::lineage::Lineage;

use crate::Store;
use crate::door::{Durability, Fault, Tx, values};
use crate::error::StoreError;
use crate::statements;

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
                tx.execute(statements::EPOCH_SET, &values![&text(epoch)])?;
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
                for lineage in lineages {
                    let (run, path) = (lineage.run().as_str(), lineage.path());
                    let fence = values![run, &path, tx.now().0];
                    tx.execute(statements::FENCE_INSERT, &fence)?;
                }
                Ok(())
            })
    }
}

/// Refuses a write whose lock does not count any more. `claim` is that of the process that
/// works on the run; 0 without a run.
pub(crate) fn lock_check(
    tx: &Tx<'_>,
    epoch: u64,
    lineage: &Lineage,
    claim: u64,
) -> Result<(), Fault> {
    let lost = || Err(StoreError::LockLost(lineage.clone()).into());
    // Where no table was ever noted, none was made anew.
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

fn epoch_known(tx: &Tx<'_>) -> Result<Option<u64>, Fault> {
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
