//! Calls: their beginning, their end with everything that they wrote, and their logs.

use std::sync::Arc;

use sedge_model::call::{
    CallError, CallStatus, DiscardedChanges, LogLine, NameBase, Outcome, Refusals, Written,
};
use sedge_model::lineage::Lineage;
use sedge_model::names::{MethodName, ModelName, NameError, RunId};
use sedge_model::permission::Permission;
use sedge_model::run::StepInstance;
use sedge_sys::clock::Timestamp;
use serde_json::Value;

use crate::Store;
use crate::changes::{CallAuthor, Change, Origin, Prepared, bases_check};
use crate::data::Scan;
use crate::door::{Durability, Receipt, RowFlow, SqlRow, Tx, TxFault, values};
use crate::error::StoreError;
use crate::format::{StoredFailedCall, StoredOutcome, StoredWord, read_word};
use crate::locks::lock_check;
use crate::run_log::{EventRecord, FollowUp, follow_insert, prepare};
use crate::runs::{Claim, claim_check, json, unreadable, word};
use crate::statements;
use crate::uses::uses_note;

/// A call that is about to run.
#[derive(Debug, Clone)]
pub struct CallStart {
    /// The call.
    pub lineage: Lineage,
    /// The step that it is part of, if any.
    pub step: Option<StepInstance>,
    /// The model.
    pub model: ModelName,
    /// The method.
    pub method: MethodName,
    /// The SHA-256 of the component that will run.
    pub plugin: String,
    /// Its arguments.
    pub arguments: Value,
    /// How often it was rolled back before it could begin.
    pub n_rollbacks: u32,
}

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

/// The record of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRecord {
    /// The call.
    pub lineage: Lineage,
    /// The step that it is part of, if any.
    pub step: Option<String>,
    /// The model.
    pub model: ModelName,
    /// The method.
    pub method: MethodName,
    /// Its status. The process of a `running` call may be gone.
    pub status: CallStatus,
    /// Its arguments.
    pub arguments: Value,
    /// Its outcome, if it succeeded.
    pub outcome: Option<Outcome>,
    /// Its error, if it failed.
    pub error: Option<CallError>,
    /// The staged changes that were then discarded.
    pub discarded: DiscardedChanges,
    /// What the host had refused to it then.
    pub refusals: Refusals,
    /// When it began.
    pub started_at: Timestamp,
    /// Microseconds from the request until its commit began, waiting included, if it has ended.
    pub until_commit_us: Option<u64>,
    /// Microseconds of these that it waited for its locks.
    pub waited_us: Option<u64>,
    /// How often it was rolled back and retried because of a deadlock.
    pub n_rollbacks: u32,
}

/// A line of a call's log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRecord {
    /// The call.
    pub lineage: Lineage,
    /// The step that the call is part of, if any.
    pub step: Option<String>,
    /// The call's model.
    pub model: ModelName,
    /// The call's method.
    pub method: MethodName,
    /// The line.
    pub line: LogLine,
}

impl Store {
    /// Records that a call begins. It survives a crash of the process, and becomes durable with the
    /// next durable transaction.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the claim is no longer valid.
    pub fn call_start(&self, claim: &Claim, start: CallStart) -> Receipt<()> {
        let claim = claim.clone();
        self.door
            .submit("begin a call", Durability::ProcessCrash, move |tx| {
                claim_check(tx, &claim)?;
                let step = start.step.as_ref().map(ToString::to_string);
                let (path, arguments) = (start.lineage.path(), start.arguments.to_string());
                let call = values![
                    start.lineage.run().as_str(),
                    &path,
                    step.as_ref(),
                    start.model.as_str(),
                    start.method.as_str(),
                    &start.plugin,
                    &arguments,
                    tx.now().0,
                    start.n_rollbacks,
                ];
                tx.execute(statements::CALL_INSERT, &call)?;
                Ok(())
            })
    }

    /// Records that a call begins again that [`Store::call_roll_back_kept`] has left, because calls
    /// below it had ended.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the claim is no longer valid, and [`StoreError::CallNotRunning`] if
    /// there is no such call.
    pub fn call_restart(&self, claim: &Claim, lineage: &Lineage) -> Receipt<()> {
        let (claim, lineage) = (claim.clone(), lineage.clone());
        self.door
            .submit("begin a call again", Durability::ProcessCrash, move |tx| {
                claim_check(tx, &claim)?;
                let path = lineage.path();
                let call = values![lineage.run().as_str(), &path];
                match tx.execute(statements::CALL_RESTART, &call)? {
                    0 => Err(StoreError::CallNotRunning(lineage.clone()).into()),
                    _ => Ok(()),
                }
            })
    }

    /// Resets a running call to its beginning, and keeps the records of those callees that have
    /// ended, at any depth. Returns the calls that are left below it, each caller before its
    /// callees: those that have ended, and as `cancelled` those that were cut off and have such a
    /// call below them. Returns `None` if the call is not running.
    ///
    /// The caller must know that no callee is running, and that no callee that has ended has read
    /// what the call had staged.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the claim is no longer valid.
    pub fn call_roll_back_kept(
        &self,
        claim: &Claim,
        call: &Lineage,
    ) -> Result<Option<Vec<CallRecord>>, StoreError> {
        let (run, path) = (call.run().as_str(), call.path());
        // See `call_roll_back` for the range.
        let (from, to) = (format!("{path}/"), format!("{path}0"));
        let cut_off = StoredFailedCall::new(
            &CallError::Cancelled,
            &DiscardedChanges::default(),
            &Refusals::default(),
        );
        let cut_off = serde_json::to_string(&cut_off).expect("errors have a form in JSON");
        self.door
            .write("roll back a call", Durability::ProcessCrash, |tx| {
                claim_check(tx, claim)?;
                let below = values![run, &from, &to];
                tx.execute(statements::CALLS_CUT_OFF_FORGET, &below)?;
                tx.execute(
                    statements::CALLS_CUT_OFF,
                    &values![run, &from, &to, &cut_off],
                )?;
                if tx.execute(statements::CALL_ROLLED_BACK, &values![run, &path])? == 0 {
                    return Ok(None);
                }
                let mut left = tx.all(statements::CALL_LIST_BELOW, &below, |row| {
                    call_record(call.run(), row)
                })?;
                left.sort_by(|one, other| one.lineage.cmp(&other.lineage));
                Ok(Some(left))
            })
    }

    /// Resets a running call to its beginning, and deletes the records of its callees. Returns
    /// false if the call is not running. The caller must know that no callee is running, and that
    /// none of their writes was read.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the claim is no longer valid.
    pub fn call_roll_back(&self, claim: &Claim, lineage: &Lineage) -> Result<bool, StoreError> {
        let (run, path) = (lineage.run().as_str(), lineage.path());
        // Paths consist of digits and `/`, and `0` follows `/` in ASCII: this range has all paths
        // that begin with `path/`.
        let (from, to) = (format!("{path}/"), format!("{path}0"));
        self.door
            .write("roll back a call", Durability::ProcessCrash, |tx| {
                claim_check(tx, claim)?;
                for forget in statements::CALLS_FORGET {
                    tx.execute(forget, &values![run, &from, &to])?;
                }
                Ok(tx.execute(statements::CALL_ROLLED_BACK, &values![run, &path])? > 0)
            })
    }

    /// Commits a call: its changes, the permissions that it used, its log and its result become
    /// visible at once, and are durable. The entries of `follow` are appended to the log of the run
    /// in the same transaction, and set the run's status.
    ///
    /// # Errors
    /// Nothing is written after an error: [`StoreError::Fenced`] if the claim is no longer valid,
    /// [`StoreError::LockLost`] if the call's lock is no longer valid, [`StoreError::NotOwner`] if
    /// it writes data that belongs to another type, [`StoreError::ChangedMeanwhile`] if a name has
    /// another latest version than the call builds on, [`StoreError::CallNotRunning`] if the call
    /// has not begun or has ended, and [`StoreError::LogMoved`] if the last event of the log is not
    /// the one that `follow` knows. The same call can then be committed again.
    pub fn call_commit(
        &self,
        claim: &Claim,
        end: CallEnd,
        follow: Option<FollowUp>,
    ) -> Receipt<Committed> {
        let prepared = Prepared::new(&self.blobs, &end.changes).and_then(|changes| {
            let FollowUp { known, entries } = match follow {
                Some(follow) => follow,
                None => return Ok((changes, None)),
            };
            let entries = prepare(&self.blobs, entries)?;
            Ok((changes, Some((known, entries))))
        });
        let (changes, follow) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Receipt::ended(Err(error)),
        };
        let (claim, blobs) = (claim.clone(), Arc::clone(&self.blobs));
        self.door
            .submit("commit a call", Durability::PowerLoss, move |tx| {
                claim_check(tx, &claim)?;
                // A call that only records its failure or cancellation needs no lock.
                if end.result.is_ok() || !end.changes.is_empty() {
                    lock_check(tx, end.lock_epoch, &end.lineage, claim.number)?;
                }
                bases_check(tx, &end.model, &end.bases)?;
                let author = CallAuthor::of_call(&end);
                let mut written = end.published.clone();
                written.extend(changes.apply(tx, &blobs, &author, &end.changes)?);
                end_note(tx, &end, &written)?;
                log_insert(tx, &end)?;
                uses_note(tx, &end)?;
                let events = match follow {
                    Some((known, entries)) => {
                        follow_insert(tx, &blobs, &claim.run, known, entries)?
                    }
                    None => Vec::new(),
                };
                Ok(Committed { written, events })
            })
    }

    /// Commits the changes that a running call has made so far. They are durable. Returns their
    /// versions, in order.
    ///
    /// # Errors
    /// The same as for [`Store::call_commit`], without a log.
    pub fn call_publish(&self, claim: &Claim, so_far: CallEnd) -> Receipt<Vec<Written>> {
        let prepared = match Prepared::new(&self.blobs, &so_far.changes) {
            Ok(prepared) => prepared,
            Err(error) => return Receipt::ended(Err(error)),
        };
        let (claim, blobs) = (claim.clone(), Arc::clone(&self.blobs));
        self.door
            .submit("publish data", Durability::PowerLoss, move |tx| {
                claim_check(tx, &claim)?;
                lock_check(tx, so_far.lock_epoch, &so_far.lineage, claim.number)?;
                let path = so_far.lineage.path();
                let call = values![so_far.lineage.run().as_str(), &path];
                if tx
                    .first(statements::CALL_IS_RUNNING, &call, |_| Ok(()))?
                    .is_none()
                {
                    return Err(StoreError::CallNotRunning(so_far.lineage.clone()).into());
                }
                bases_check(tx, &so_far.model, &so_far.bases)?;
                prepared.apply(tx, &blobs, &CallAuthor::of_call(&so_far), &so_far.changes)
            })
    }

    /// Returns the calls of a run: each caller before its callees, callees by ordinal.
    ///
    /// # Errors
    /// The database fails.
    pub fn call_list(&self, run: &RunId) -> Result<Vec<CallRecord>, StoreError> {
        let mut calls = self.door.read("read a run's calls", |tx| {
            tx.all(statements::CALL_LIST, &values![run.as_str()], |row| {
                call_record(run, row)
            })
        })?;
        calls.sort_by(|one, other| one.lineage.cmp(&other.lineage));
        Ok(calls)
    }

    /// Returns one call; `None` if it has not begun.
    ///
    /// # Errors
    /// The database fails.
    pub fn call_get(&self, lineage: &Lineage) -> Result<Option<CallRecord>, StoreError> {
        let run = lineage.run();
        let path = lineage.path();
        // The range has exactly this path: `/` follows no digit and is before all of them.
        let (from, to) = (path.clone(), format!("{path}/"));
        self.door.read("read a call", |tx| {
            let range = values![run.as_str(), &from, &to];
            tx.first(statements::CALLS_IN_RANGE, &range, |row| {
                call_record(run, row)
            })
        })
    }

    /// Returns the calls of a run with these ordinals, and the calls below them, in the order of
    /// [`Store::call_list`]. Other calls are not read.
    ///
    /// # Errors
    /// The database fails.
    pub fn calls_of_attempts(
        &self,
        run: &RunId,
        ordinals: &[u32],
    ) -> Result<Vec<CallRecord>, StoreError> {
        let mut calls = self.door.read("read a run's calls", |tx| {
            let mut calls = Vec::new();
            for ordinal in ordinals {
                // Paths consist of digits and `/`, and `0` follows `/` in ASCII: this range has
                // the path itself and all paths that begin with it and `/`.
                let (from, to) = (ordinal.to_string(), format!("{ordinal}0"));
                let range = values![run.as_str(), &from, &to];
                tx.each(statements::CALLS_IN_RANGE, &range, |row| {
                    calls.push(call_record(run, row)?);
                    Ok(RowFlow::More)
                })?;
            }
            Ok(calls)
        })?;
        calls.sort_by(|one, other| one.lineage.cmp(&other.lineage));
        Ok(calls)
    }

    /// Passes to `take` the committed versions of those calls of a run that did not succeed: such a
    /// call may publish versions, or keep its writes when it fails. Versions of one name come in a
    /// row.
    ///
    /// # Errors
    /// The database fails.
    pub fn kept_scan(
        &self,
        run: &RunId,
        mut take: impl FnMut(Lineage, Written),
    ) -> Result<(), StoreError> {
        self.door.read("read what calls kept", |tx| {
            tx.each(statements::KEPT_OF_RUN, &values![run.as_str()], |row| {
                let call = row.text(0, |path| lineage(run.as_str(), path))??;
                let name = word("data name", row.get(1)?)?;
                let version = row.get(2)?;
                take(call, Written { name, version });
                Ok(RowFlow::More)
            })
        })
    }

    /// Hands over the log lines of a run, call by call, as long as `take` wants more.
    ///
    /// # Errors
    /// The database fails, or whatever `take` fails with.
    pub fn log_scan<E: From<StoreError>>(
        &self,
        run: &RunId,
        mut take: impl FnMut(LogRecord) -> Result<Scan, E>,
    ) -> Result<(), E> {
        let mut failure = None;
        let scanned = self.door.read("read a run's log", |tx| {
            let mut calls = tx.all(statements::CALLS_WITH_LOG, &values![run.as_str()], |row| {
                call_with_log(run, row)
            })?;
            calls.sort_by(|one, other| one.lineage.cmp(&other.lineage));
            let mut next = RowFlow::More;
            for logged in calls {
                let path = logged.lineage.path();
                let call = values![run.as_str(), &path];
                tx.each(statements::LOG_OF_CALL, &call, |row| {
                    let record = LogRecord {
                        lineage: logged.lineage.clone(),
                        step: logged.step.clone(),
                        model: logged.model.clone(),
                        method: logged.method.clone(),
                        line: log_line(row)?,
                    };
                    next = Scan::flow(take(record), &mut failure);
                    Ok(next)
                })?;
                if next == RowFlow::Enough {
                    break;
                }
            }
            Ok(())
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(scanned?),
        }
    }
}

/// A call that has log lines.
struct LoggedCall {
    lineage: Lineage,
    step: Option<String>,
    model: ModelName,
    method: MethodName,
}

fn call_with_log(run: &RunId, row: &SqlRow<'_>) -> Result<LoggedCall, TxFault> {
    Ok(LoggedCall {
        lineage: row.text(0, |path| lineage(run.as_str(), path))??,
        step: row.get(1)?,
        model: word("model name", row.get(2)?)?,
        method: word("method name", row.get(3)?)?,
    })
}

fn log_line(row: &SqlRow<'_>) -> Result<LogLine, TxFault> {
    Ok(LogLine {
        level: row.text(0, |text| read_word("log level", text))??,
        message: row.get(1)?,
        fields: row.text(2, |text| json("log line", text))??,
    })
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

pub(crate) fn call_record(run: &RunId, row: &SqlRow<'_>) -> Result<CallRecord, TxFault> {
    let status: CallStatus = row.text(4, |text| read_word("call status", text))??;
    let result: Option<String> = row.get(6)?;
    // ignored: an `Option`; a running call has no result.
    let result = result.unwrap_or_default();
    let (outcome, failed) = match status {
        CallStatus::Running => (None, None),
        CallStatus::Succeeded => {
            let outcome: StoredOutcome = json("call outcome", &result)?;
            let outcome = outcome.try_into();
            (Some(outcome.map_err(unreadable("call outcome"))?), None)
        }
        CallStatus::Failed | CallStatus::Cancelled => {
            let failed: StoredFailedCall = json("call error", &result)?;
            let failed = failed.into_parts();
            (None, Some(failed.map_err(unreadable("call error"))?))
        }
    };
    let (error, undone, refusals) = match failed {
        Some((error, undone, refusals)) => (Some(error), undone, refusals),
        None => (None, DiscardedChanges::default(), Refusals::default()),
    };
    Ok(CallRecord {
        lineage: row.text(0, |path| lineage(run.as_str(), path))??,
        step: row.get(1)?,
        model: word("model name", row.get(2)?)?,
        method: word("method name", row.get(3)?)?,
        status,
        arguments: row.text(5, |text| json("call's arguments", text))??,
        outcome,
        error,
        discarded: undone,
        refusals,
        started_at: Timestamp(row.get(7)?),
        until_commit_us: row.get(8)?,
        waited_us: row.get(9)?,
        n_rollbacks: row.get(10)?,
    })
}

/// Parses the path of a call that the store wrote.
pub(crate) fn lineage(run: &str, path: &str) -> Result<Lineage, TxFault> {
    let parsed = format!("{run}/{path}").parse();
    parsed.map_err(|error: NameError| StoreError::unreadable("call", error).into())
}
