//! Calls: their beginning, their records, and their logs.

use sedge_model::call::{
    CallError, CallStatus, DiscardedChanges, LogLine, Outcome, Refusals, Written,
};
use sedge_model::lineage::Lineage;
use sedge_model::names::{MethodName, ModelName, NameError, RunId};
use sedge_model::run::StepInstance;
use sedge_sys::clock::Timestamp;
use serde_json::Value;

use crate::Store;
use crate::data::Scan;
use crate::door::{Durability, Receipt, RowFlow, SqlRow, TxFault, values};
use crate::error::StoreError;
use crate::format::{StoredFailedCall, StoredOutcome, read_word};
use crate::runs::{Claim, claim_check, json, unreadable, word};
use crate::statements;

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

    /// Returns the log lines of one call. Those of a call that is running are stored when it ends or
    /// publishes.
    ///
    /// # Errors
    /// The database fails.
    pub fn log_of_call(&self, lineage: &Lineage) -> Result<Vec<LogLine>, StoreError> {
        let path = lineage.path();
        self.door.read("read a call's log", |tx| {
            let call = values![lineage.run().as_str(), &path];
            tx.all(statements::LOG_OF_CALL, &call, log_line)
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
