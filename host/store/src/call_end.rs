//! The end of a call: everything that it wrote, its result, its log, and what follows in its run.

use std::sync::Arc;

use sedge_model::call::{
    CallError, CallStatus, DiscardedChanges, LogLine, NameBase, Refusals, Written,
};
use sedge_model::lineage::Lineage;
use sedge_model::names::ModelName;
use sedge_model::permission::Permission;
use sedge_model::run::StepInstance;
use serde_json::Value;

use crate::Store;
use crate::blobs::Blobs;
use crate::changes::{CallAuthor, Change, Origin, bases_check, changes_apply, changes_prepare};
use crate::door::{Durability, Receipt, Tx, TxFault, WriteSequence, values};
use crate::error::StoreError;
use crate::format::{StoredFailedCall, StoredOutcome, StoredWord};
use crate::locks::{LockOwner, WriteLock, lock_check};
use crate::run_log::{EventRecord, FollowUp, PreparedEntry, follow_insert, prepare};
use crate::runs::{Claim, claim_check};
use crate::statements;
use crate::uses::uses_note;

/// A call that has ended.
#[derive(Debug, Clone)]
pub struct CallEnd {
    /// The call.
    pub lineage: Lineage,
    /// The step that it is part of, if any.
    pub step: Option<StepInstance>,
    /// The model, which owns the data.
    pub model: ModelName,
    /// The origin of the data.
    pub origin: Origin,
    /// The value that the method returned, or the error.
    pub result: Result<Value, CallError>,
    /// The changes that become visible.
    pub changes: Vec<Change>,
    /// The staged changes that are discarded.
    pub discarded: DiscardedChanges,
    /// What the host refused to the call.
    pub refusals: Refusals,
    /// The latest versions of the changed names that the call builds on. If one of the names has
    /// another latest version by now, nothing is committed. A name that is not listed is not
    /// checked.
    pub bases: Vec<NameBase>,
    /// The versions that the call published before.
    pub published: Vec<Written>,
    /// The lines that it logged.
    pub log: Vec<LogLine>,
    /// The permissions that it used.
    pub used: Vec<Permission>,
    /// Microseconds from the request until its commit began, waiting included.
    pub until_commit_us: u64,
    /// Microseconds of these that it waited for its locks.
    pub waited_us: u64,
    /// The lock table that the call's lock is in.
    pub lock_epoch: u64,
    /// The owner of that lock; `None` if it is the call itself, under the claim of the commit, in a
    /// process that no other call has started.
    pub lock_owner: Option<LockOwner>,
}

/// A call that has ended and can be committed: its large content is in files, which are durable.
///
/// A copy of it shares everything, so the commit can be tried several times.
#[derive(Debug, Clone)]
pub struct PreparedEnd {
    end: Arc<CallEnd>,
}

/// What the commit of a call has written.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// The versions that the call published before, followed by the versions of its writes, in
    /// order.
    pub written: Vec<Written>,
    /// The events that were appended to the log of the run.
    pub events: Vec<EventRecord>,
}

impl Store {
    /// Commits a call: its changes, the permissions that it used, its log and its result become
    /// visible at once, and are durable. The entries of `follow` are appended to the log of the run
    /// in the same transaction, and set the run's status.
    ///
    /// # Errors
    /// Nothing is written after an error: [`StoreError::Fenced`] if the claim is no longer valid,
    /// [`StoreError::LockLost`] or [`StoreError::CallerLockLost`] if the call's lock is no longer
    /// valid, [`StoreError::NotOwner`] if it writes data that belongs to another type, [`StoreError::ChangedMeanwhile`] if a name has
    /// another latest version than the call builds on, [`StoreError::CallNotRunning`] if the call
    /// has not begun or has ended, and [`StoreError::LogMoved`] if the last event of the log is not
    /// the one that `follow` knows. The same call can then be committed again.
    pub fn call_commit(
        &self,
        claim: &Claim,
        end: CallEnd,
        follow: Option<FollowUp>,
    ) -> Receipt<Committed> {
        let prepared = self.call_end_prepare(end).and_then(|end| {
            let follow = follow.map(|follow| self.follow_prepare(follow));
            Ok((end, follow.transpose()?))
        });
        let (end, follow) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Receipt::ended(Err(error)),
        };
        let (claim, blobs) = (claim.clone(), Arc::clone(&self.blobs));
        self.door
            .submit("commit a call", Durability::PowerLoss, move |tx| {
                end_commit(tx, &blobs, &claim, &end.end, follow)
            })
    }

    /// Writes the large content of a call that has ended to files, which are durable.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn call_end_prepare(&self, mut end: CallEnd) -> Result<PreparedEnd, StoreError> {
        changes_prepare(&self.blobs, &mut end.changes)?;
        Ok(PreparedEnd { end: Arc::new(end) })
    }

    /// Queues the commit of a call as a write of a sequence: see [`Store::call_commit`]. It is
    /// made when the receipt is awaited, or together with another write before that. Nothing waits
    /// here for the disk, unless an entry has a large task.
    ///
    /// # Errors
    /// The same as for [`Store::call_commit`]; [`StoreError::LogMoved`] also if an earlier write of
    /// the sequence has failed.
    pub fn call_commit_queue(
        &self,
        claim: &Claim,
        end: &PreparedEnd,
        follow: FollowUp,
        sequence: &WriteSequence,
    ) -> Receipt<Committed> {
        let follow = match self.follow_prepare(follow) {
            Ok(follow) => follow,
            Err(error) => return Receipt::refused(error, sequence),
        };
        let (claim, blobs, end) = (claim.clone(), Arc::clone(&self.blobs), end.clone());
        let moved = StoreError::LogMoved(claim.run.clone());
        self.door
            .queue("commit a call", sequence, moved, move |tx| {
                end_commit(tx, &blobs, &claim, &end.end, Some(follow))
            })
    }

    /// Commits a call whose content was prepared, without entries for the log of the run: see
    /// [`Store::call_commit`].
    ///
    /// # Errors
    /// The same as for [`Store::call_commit`].
    pub fn call_commit_prepared(&self, claim: &Claim, end: &PreparedEnd) -> Receipt<Committed> {
        let (claim, blobs, end) = (claim.clone(), Arc::clone(&self.blobs), end.clone());
        self.door
            .submit("commit a call", Durability::PowerLoss, move |tx| {
                end_commit(tx, &blobs, &claim, &end.end, None)
            })
    }

    fn follow_prepare(&self, follow: FollowUp) -> Result<PreparedFollow, StoreError> {
        Ok(PreparedFollow {
            known: follow.known,
            entries: prepare(&self.blobs, follow.entries)?,
        })
    }

    /// Commits the changes that a running call has made so far. They are durable. Returns their
    /// versions, in order.
    ///
    /// # Errors
    /// The same as for [`Store::call_commit`], without a log.
    pub fn call_publish(&self, claim: &Claim, mut so_far: CallEnd) -> Receipt<Vec<Written>> {
        if let Err(error) = changes_prepare(&self.blobs, &mut so_far.changes) {
            return Receipt::ended(Err(error));
        }
        let (claim, blobs) = (claim.clone(), Arc::clone(&self.blobs));
        self.door
            .submit("publish data", Durability::PowerLoss, move |tx| {
                claim_check(tx, &claim)?;
                lock_check(tx, &WriteLock::of_call(&so_far, &claim))?;
                let path = so_far.lineage.path();
                let call = values![so_far.lineage.run().as_str(), &path];
                if tx
                    .first(statements::CALL_IS_RUNNING, &call, |_| Ok(()))?
                    .is_none()
                {
                    return Err(StoreError::CallNotRunning(so_far.lineage.clone()).into());
                }
                bases_check(tx, &so_far.model, &so_far.bases)?;
                changes_apply(tx, &blobs, &CallAuthor::of_call(&so_far), &so_far.changes)
            })
    }
}

/// Entries for the log of a run, whose large tasks are in files.
struct PreparedFollow {
    known: u64,
    entries: Vec<PreparedEntry>,
}

/// Makes the changes of a call, records its end, and appends to the log of its run.
fn end_commit(
    tx: &Tx<'_>,
    blobs: &Blobs,
    claim: &Claim,
    end: &CallEnd,
    follow: Option<PreparedFollow>,
) -> Result<Committed, TxFault> {
    claim_check(tx, claim)?;
    // A call that only records its failure or cancellation needs no lock.
    if end.result.is_ok() || !end.changes.is_empty() {
        lock_check(tx, &WriteLock::of_call(end, claim))?;
    }
    bases_check(tx, &end.model, &end.bases)?;
    let author = CallAuthor::of_call(end);
    let mut written = end.published.clone();
    written.extend(changes_apply(tx, blobs, &author, &end.changes)?);
    end_note(tx, end, &written)?;
    log_insert(tx, end)?;
    uses_note(tx, end)?;
    let events = match follow {
        Some(PreparedFollow { known, entries }) => {
            follow_insert(tx, blobs, &claim.run, known, entries)?
        }
        None => Vec::new(),
    };
    Ok(Committed { written, events })
}

fn end_note(tx: &Tx<'_>, end: &CallEnd, written: &[Written]) -> Result<(), TxFault> {
    let result = match &end.result {
        Ok(value) => serde_json::to_string(&StoredOutcome::new(value, written)),
        Err(error) => {
            serde_json::to_string(&StoredFailedCall::new(error, &end.discarded, &end.refusals))
        }
    };
    let result = result.expect("outcomes and errors have a form in JSON");
    let path = end.lineage.path();
    let ended = values![
        CallStatus::of(&end.result).stored(),
        &result,
        end.until_commit_us,
        end.waited_us,
        end.lineage.run().as_str(),
        &path,
    ];
    if tx.execute(statements::CALL_END, &ended)? == 0 {
        return Err(StoreError::CallNotRunning(end.lineage.clone()).into());
    }
    Ok(())
}

fn log_insert(tx: &Tx<'_>, end: &CallEnd) -> Result<(), TxFault> {
    let path = end.lineage.path();
    for (at, line) in end.log.iter().enumerate() {
        let fields = serde_json::to_string(&line.fields).expect("fields have a form in JSON");
        let line = values![
            end.lineage.run().as_str(),
            &path,
            at as u64 + 1,
            line.level.stored(),
            &line.message,
            &fields,
        ];
        tx.execute(statements::LOG_INSERT, &line)?;
    }
    Ok(())
}
