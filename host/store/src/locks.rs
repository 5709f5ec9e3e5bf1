//! Which locks are valid: the store's part of the lock table, which is stored elsewhere.
//!
//! A process may have lost its lock without noticing: it was suspended while an operator released
//! the lock by force, or the lock table was removed by hand. So each write names the lock that
//! permits it, and is refused if that lock is no longer valid. This is a *fence*. Gray and Cheriton
//! 1989 number leases for this purpose; this store keeps a list, because its locks do not expire.

use std::sync::Arc;

use sedge_model::lineage::Lineage;

use crate::Store;
use crate::audit::{AuditEntry, audit_insert};
use crate::call_end::CallEnd;
use crate::door::{Durability, Tx, TxFault, values};
use crate::error::StoreError;
use crate::runs::Claim;
use crate::statements;

/// The owner of the lock under which a call writes, if the call and its claim alone do not say it.
///
/// The calls of a nested workflow's run have locks below the step that the run is for: the lock
/// table knows them as calls of the outermost run. The locks of a process that a command of a call
/// has started are below that call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockOwner {
    /// The call as the lock table knows it, in the outermost run.
    pub lineage: Lineage,
    /// The number of the claim under which the process works on the outermost run.
    pub claim: u64,
    /// The call of another process whose command the owner's process is part of, if any.
    pub under: Option<Arc<LockOwner>>,
}

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
    /// callees, are refused from now on. So are the writes of processes that their commands have
    /// started or will start. The lineages are those of the lock table, so the calls of a nested
    /// workflow's run are fenced off with the calls above it. `entry` is added to the audit. All of
    /// it is one durable transaction.
    ///
    /// # Errors
    /// The database fails.
    pub fn fence(&self, lineages: &[Lineage], entry: &AuditEntry) -> Result<(), StoreError> {
        self.door
            .write("fence off calls", Durability::PowerLoss, |tx| {
                audit_insert(tx, entry)?;
                for lineage in lineages {
                    let (run, path) = (lineage.run().as_str(), lineage.path());
                    let fence = values![run, &path, tx.now().0];
                    tx.execute(statements::FENCE_INSERT, &fence)?;
                }
                Ok(())
            })
    }

    /// Returns the call that was fenced off: the owner, or the outermost one of the calls of other
    /// processes that it is under. Returns `None` if none of them was.
    ///
    /// # Errors
    /// The database fails.
    pub fn fenced(&self, owner: &LockOwner) -> Result<Option<Lineage>, StoreError> {
        self.door
            .read_briefly("look for fences", |tx| fenced(tx, owner))
    }

    /// Removes the fences of the callees of a call that is rolled back: they are called again, with
    /// new locks. `call` is the call as the lock table knows it.
    ///
    /// # Errors
    /// The database fails.
    pub fn fences_forget(&self, call: &Lineage) -> Result<(), StoreError> {
        let (run, path) = (call.run().as_str(), call.path());
        // See `call_roll_back` for the range.
        let (from, to) = (format!("{path}/"), format!("{path}0"));
        self.door
            .write("remove fences", Durability::ProcessCrash, |tx| {
                tx.execute(statements::FENCES_FORGET, &values![run, &from, &to])?;
                Ok(())
            })
    }
}

/// Which lock permits a write.
pub(crate) struct WriteLock<'a> {
    /// The lock table that it is in.
    pub(crate) epoch: u64,
    /// The owner as the lock table knows it.
    pub(crate) owner: &'a Lineage,
    /// The claim of the process that works on the owner's run, or 0 without a run.
    pub(crate) claim: u64,
    /// The call of another process whose command the owner's process is part of, if any.
    pub(crate) under: Option<&'a LockOwner>,
    /// The call or the operation that writes.
    pub(crate) writer: &'a Lineage,
}

impl<'a> WriteLock<'a> {
    /// Returns the lock of a call that is committed under a claim.
    pub(crate) fn of_call(end: &'a CallEnd, claim: &Claim) -> Self {
        let (owner, claim, under) = match &end.lock_owner {
            Some(owner) => (&owner.lineage, owner.claim, owner.under.as_deref()),
            None => (&end.lineage, claim.number, None),
        };
        Self {
            epoch: end.lock_epoch,
            owner,
            claim,
            under,
            writer: &end.lineage,
        }
    }
}

/// Refuses a write whose lock is no longer valid.
pub(crate) fn lock_check(tx: &Tx<'_>, lock: &WriteLock<'_>) -> Result<(), TxFault> {
    let lost = || Err(StoreError::LockLost(lock.writer.clone()).into());
    // If no table was ever recorded, the first one is still in use.
    if epoch_known(tx)?.is_some_and(|known| known != lock.epoch) {
        return lost();
    }
    if is_fenced(tx, lock.owner, lock.claim)? {
        return lost();
    }
    let caller = lock.under.map(|under| fenced(tx, under)).transpose()?;
    match caller.flatten() {
        Some(caller) => Err(StoreError::CallerLockLost {
            call: lock.writer.clone(),
            caller,
        }
        .into()),
        None => Ok(()),
    }
}

/// Returns the call that was fenced off: the owner, or the outermost one of the calls of other
/// processes that it is under.
fn fenced(tx: &Tx<'_>, owner: &LockOwner) -> Result<Option<Lineage>, TxFault> {
    let mut outermost = None;
    for owner in std::iter::successors(Some(owner), |it| it.under.as_deref()) {
        if is_fenced(tx, &owner.lineage, owner.claim)? {
            outermost = Some(owner.lineage.clone());
        }
    }
    Ok(outermost)
}

/// Returns whether a call, or one of its callers in the same run, was fenced off under this claim.
fn is_fenced(tx: &Tx<'_>, call: &Lineage, claim: u64) -> Result<bool, TxFault> {
    let own = call.path();
    let fenced = values![call.run().as_str(), claim];
    let paths = tx.all(statements::FENCES_OF, &fenced, |row| row.get::<String>(0))?;
    Ok(paths.iter().any(|path| {
        let below = own.strip_prefix(path.as_str());
        path.is_empty() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }))
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
