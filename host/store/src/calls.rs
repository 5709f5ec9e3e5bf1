//! Calls: their beginning, their end with all that they wrote, and their logs.

use std::sync::Arc;

use sedge_model::call::{CallError, CallStatus, LogLine, Outcome, Undone, Written};
use sedge_model::lineage::Lineage;
use sedge_model::names::{MethodName, ModelName, NameError, RunId};
use sedge_model::permission::Permission;
use sedge_model::run::StepPath;
use sedge_sys::clock::Timestamp;
use serde_json::Value;

use crate::Store;
use crate::changes::{CallAuthor, Change, Origin, Prepared};
use crate::door::{Durability, Fault, Receipt, Row, Tx, values};
use crate::error::StoreError;
use crate::format::{StoredFailedCall, StoredOutcome, StoredWord, read_word};
use crate::locks::lock_check;
use crate::runs::{Claim, claim_check, json, unreadable, word};
use crate::statements;
use crate::uses::uses_note;

/// A call that is about to run.
#[derive(Debug, Clone)]
pub struct CallStart {
    /// Which call.
    pub lineage: Lineage,
    /// The step that it is part of, if any.
    pub step: Option<StepPath>,
    /// The model.
    pub model: ModelName,
    /// The method.
    pub method: MethodName,
    /// The SHA-256 of the component that will run.
    pub plugin: String,
    /// What it is given.
    pub arguments: Value,
    /// How often it was undone before it could begin.
    pub n_undone: u32,
}

/// A call that has ended.
#[derive(Debug, Clone)]
pub struct CallEnd {
    /// Which call.
    pub lineage: Lineage,
    /// The step that it is part of, if any.
    pub step: Option<StepPath>,
    /// Its model, which its data belongs to.
    pub model: ModelName,
    /// What ran.
    pub origin: Origin,
    /// What the method returned, or what went wrong.
    pub result: Result<Value, CallError>,
    /// What becomes visible.
    pub changes: Vec<Change>,
    /// What it had staged and does not become visible.
    pub undone: Undone,
    /// What it has published before.
    pub published: Vec<Written>,
    /// What it logged.
    pub log: Vec<LogLine>,
    /// What it used of what its plugin asks for.
    pub used: Vec<Permission>,
    /// Microseconds from the request until its commit began, waiting included.
    pub until_commit_us: u64,
    /// Microseconds of these that it waited for its locks.
    pub waited_us: u64,
    /// Which lock table the call's lock is in.
    pub lock_epoch: u64,
}

/// A call as the store knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRecord {
    /// Which call.
    pub lineage: Lineage,
    /// The step that it is part of, if any.
    pub step: Option<String>,
    /// The model.
    pub model: ModelName,
    /// The method.
    pub method: MethodName,
    /// Where it stands. One that is `running` may have lost its process.
    pub status: CallStatus,
    /// What it was given.
    pub arguments: Value,
    /// Its outcome, if it succeeded.
    pub outcome: Option<Outcome>,
    /// What went wrong, if something did.
    pub error: Option<CallError>,
    /// What was thrown away then.
    pub undone: Undone,
    /// When it began.
    pub started_at: Timestamp,
    /// Microseconds from the request until its commit began, waiting included, if it has ended.
    pub until_commit_us: Option<u64>,
    /// Microseconds of these that it waited for its locks.
    pub waited_us: Option<u64>,
    /// How often it was undone and started anew, because it and others waited for each other.
    pub n_undone: u32,
}

/// A line of a call's log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRecord {
    /// Which call.
    pub lineage: Lineage,
    /// The call's model.
    pub model: ModelName,
    /// The call's method.
    pub method: MethodName,
    /// The line.
    pub line: LogLine,
}

impl Store {
    /// Notes that a call begins. It survives the death of the process, and a power cut as
    /// soon as anything later does.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when the claim no longer counts.
    pub fn call_start(&self, claim: &Claim, start: CallStart) -> Receipt<()> {
        let claim = claim.clone();
        self.door
            .submit("begin a call", Durability::ProcessDeath, move |tx| {
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
                    start.n_undone,
                ];
                tx.execute(statements::CALL_INSERT, &call)?;
                Ok(())
            })
    }

    /// Makes a call that is under way as if it had just begun, and forgets the calls below
    /// it; false if none is under way. Who calls this knows that none of them is under way, and that nothing that they
    /// wrote was seen.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when the claim no longer counts.
    pub fn call_undo(&self, claim: &Claim, lineage: &Lineage) -> Result<bool, StoreError> {
        let (run, path) = (lineage.run().as_str(), lineage.path());
        // Digits and `/`, then `0`, the next sign after `/`: all paths that begin with `path/`.
        let (from, to) = (format!("{path}/"), format!("{path}0"));
        self.door
            .write("undo a call", Durability::ProcessDeath, |tx| {
                claim_check(tx, claim)?;
                for forget in statements::CALLS_FORGET {
                    tx.execute(forget, &values![run, &from, &to])?;
                }
                Ok(tx.execute(statements::CALL_UNDONE, &values![run, &path])? > 0)
            })
    }

    /// Commits a call: what it wrote and used, its log and how it ended become visible at once, and
    /// survive a power cut. Returns the versions that its writes got, in order, after those
    /// that it had published.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when the claim no longer counts, [`StoreError::LockLost`] when
    /// the call's lock does not, [`StoreError::NotOwner`] when it writes what belongs to a
    /// model of another type, and [`StoreError::CallNotRunning`] when the call has not begun
    /// or has ended: nothing was written then.
    pub fn call_commit(&self, claim: &Claim, end: CallEnd) -> Receipt<Vec<Written>> {
        let prepared = match Prepared::new(&self.blobs, &end.changes) {
            Ok(prepared) => prepared,
            Err(error) => return Receipt::ended(Err(error)),
        };
        let (claim, blobs) = (claim.clone(), Arc::clone(&self.blobs));
        self.door
            .submit("commit a call", Durability::PowerCut, move |tx| {
                claim_check(tx, &claim)?;
                // A call that only says that it failed, or was stopped, needs no lock for that.
                if end.result.is_ok() || !end.changes.is_empty() {
                    lock_check(tx, end.lock_epoch, &end.lineage, claim.number)?;
                }
                let author = CallAuthor::of_call(&end);
                let mut written = end.published.clone();
                written.extend(prepared.apply(tx, &blobs, &author, &end.changes)?);
                end_note(tx, &end, &written)?;
                log_insert(tx, &end)?;
                uses_note(tx, &end)?;
                Ok(written)
            })
    }

    /// Commits what a call that goes on has written so far. It survives a power cut.
    ///
    /// # Errors
    /// As of [`Store::call_commit`].
    pub fn call_publish(&self, claim: &Claim, so_far: CallEnd) -> Receipt<Vec<Written>> {
        let prepared = match Prepared::new(&self.blobs, &so_far.changes) {
            Ok(prepared) => prepared,
            Err(error) => return Receipt::ended(Err(error)),
        };
        let (claim, blobs) = (claim.clone(), Arc::clone(&self.blobs));
        self.door
            .submit("publish data", Durability::PowerCut, move |tx| {
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
                prepared.apply(tx, &blobs, &CallAuthor::of_call(&so_far), &so_far.changes)
            })
    }

    /// Returns the calls of a run: each caller before its callees, callees by ordinal.
    ///
    /// # Errors
    /// The database refuses.
    pub fn call_list(&self, run: &RunId) -> Result<Vec<CallRecord>, StoreError> {
        let mut calls = self.door.read("read a run's calls", |tx| {
            tx.all(statements::CALL_LIST, &values![run.as_str()], |row| {
                call_record(run, row)
            })
        })?;
        calls.sort_by(|one, other| one.lineage.cmp(&other.lineage));
        Ok(calls)
    }

    /// Returns the log lines of a run, call by call.
    ///
    /// # Errors
    /// The database refuses.
    pub fn log_list(&self, run: &RunId) -> Result<Vec<LogRecord>, StoreError> {
        let mut lines = self.door.read("read a run's log", |tx| {
            tx.all(statements::LOG_LIST, &values![run.as_str()], |row| {
                let line = LogLine {
                    level: row.text(1, |text| read_word("log level", text))??,
                    message: row.get(2)?,
                    fields: row.text(3, |text| json("log line", text))??,
                };
                Ok(LogRecord {
                    lineage: row.text(0, |path| lineage(run.as_str(), path))??,
                    model: word("model name", row.get(4)?)?,
                    method: word("method name", row.get(5)?)?,
                    line,
                })
            })
        })?;
        lines.sort_by(|one, other| one.lineage.cmp(&other.lineage));
        Ok(lines)
    }
}

fn end_note(tx: &Tx<'_>, end: &CallEnd, written: &[Written]) -> Result<(), Fault> {
    let result = match &end.result {
        Ok(value) => serde_json::to_string(&StoredOutcome::new(value, written)),
        Err(error) => serde_json::to_string(&StoredFailedCall::new(error, &end.undone)),
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

fn log_insert(tx: &Tx<'_>, end: &CallEnd) -> Result<(), Fault> {
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

pub(crate) fn call_record(run: &RunId, row: &Row<'_>) -> Result<CallRecord, Fault> {
    let status: CallStatus = row.text(4, |text| read_word("call status", text))??;
    let result: Option<String> = row.get(6)?;
    // ignored: there is no error here, only no value.
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
    let (error, undone) = failed.unzip();
    Ok(CallRecord {
        lineage: row.text(0, |path| lineage(run.as_str(), path))??,
        step: row.get(1)?,
        model: word("model name", row.get(2)?)?,
        method: word("method name", row.get(3)?)?,
        status,
        arguments: row.text(5, |text| json("call's arguments", text))??,
        outcome,
        error,
        // ignored: there is no error here, only no value.
        undone: undone.unwrap_or_default(),
        started_at: Timestamp(row.get(7)?),
        until_commit_us: row.get(8)?,
        waited_us: row.get(9)?,
        n_undone: row.get(10)?,
    })
}

/// Reads the name of a call that the store wrote.
pub(crate) fn lineage(run: &str, path: &str) -> Result<Lineage, Fault> {
    let parsed = format!("{run}/{path}").parse();
    parsed.map_err(|error: NameError| StoreError::unreadable("call", error).into())
}
