//! Calls: their beginning, their end with all that they wrote, and their logs.

use rusqlite::{Transaction, params};
use sedge_model::call::{CallError, CallStatus, LogLine, Outcome, StagedWrite, Written};
use sedge_model::lineage::Lineage;
use sedge_model::names::{MethodName, ModelName, RunId};
use sedge_model::run::StepPath;
use sedge_sys::clock::Timestamp;
use serde_json::Value;

use crate::Store;
use crate::door::{Durability, Fault};
use crate::error::StoreError;
use crate::locks::lock_check;
use crate::runs::{Claim, claim_check, json, word};

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
    /// Its model, which its writes belong to.
    pub model: ModelName,
    /// What the method returned, or what went wrong.
    pub result: Result<Value, CallError>,
    /// What becomes visible.
    pub writes: Vec<StagedWrite>,
    /// What it logged.
    pub log: Vec<LogLine>,
    /// Microseconds since it was asked for; the commit itself is not in it.
    pub elapsed_us: u64,
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
    /// When it began.
    pub started_at: Timestamp,
    /// Microseconds that it took, waiting included, if it has ended.
    pub elapsed_us: Option<u64>,
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
    pub fn call_start(&self, claim: &Claim, start: &CallStart) -> Result<(), StoreError> {
        self.door.write("begin a call", Durability::ProcessDeath, |tx| {
            claim_check(tx, claim)?;
            tx.prepare_cached(
                "INSERT INTO calls (run, path, step, model, method, plugin, status, arguments, started_at, undone)
                 VALUES (?, ?, ?, ?, ?, ?, 'running', ?, ?, ?)",
            )?
            .execute(params![
                start.lineage.run().as_str(), start.lineage.path(),
                start.step.as_ref().map(ToString::to_string), start.model.as_str(),
                start.method.as_str(), start.plugin, start.arguments.to_string(), Timestamp::now().0,
                start.n_undone,
            ])?;
            Ok(())
        })
    }

    /// Makes a call that is under way as if it had just begun, and forgets the calls below
    /// it. Who calls this knows that none of them is under way, and that nothing that they
    /// wrote was seen.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when the claim no longer counts.
    pub fn call_undo(&self, claim: &Claim, lineage: &Lineage) -> Result<(), StoreError> {
        let (run, path) = (lineage.run().as_str(), lineage.path());
        // Digits and `/`, then `0`, the next sign after `/`: all paths that begin with `path/`.
        let (from, to) = (format!("{path}/"), format!("{path}0"));
        self.door.write("undo a call", Durability::ProcessDeath, |tx| {
            claim_check(tx, claim)?;
            for table in ["log_lines", "calls"] {
                tx.prepare_cached(&format!(
                    "DELETE FROM {table} WHERE run = ? AND path >= ? AND path < ?"
                ))?
                .execute(params![run, from, to])?;
            }
            tx.prepare_cached(
                "UPDATE calls SET undone = undone + 1 WHERE run = ? AND path = ? AND status = 'running'",
            )?
            .execute(params![run, path])?;
            Ok(())
        })
    }

    /// Commits a call: what it wrote, its log and how it ended become visible at once, and
    /// survive a power cut. Returns the versions that its writes got, in order.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when the claim no longer counts, [`StoreError::LockLost`] when
    /// the call's lock does not, and [`StoreError::CallNotRunning`]
    /// when the call has not begun or has ended: nothing was written then.
    pub fn call_commit(&self, claim: &Claim, end: &CallEnd) -> Result<Vec<Written>, StoreError> {
        self.door
            .write("commit a call", Durability::PowerCut, |tx| {
                claim_check(tx, claim)?;
                // A call that only says that it failed, or was stopped, needs no lock for that.
                if end.result.is_ok() || !end.writes.is_empty() {
                    lock_check(tx, end.lock_epoch, &end.lineage, claim.number)?;
                }
                let written = writes_insert(tx, end)?;
                let status = CallStatus::of(&end.result);
                let result = match &end.result {
                    Ok(value) => serde_json::to_string(&Outcome {
                        value: value.clone(),
                        written: written.clone(),
                    }),
                    Err(error) => serde_json::to_string(error),
                };
                let result = result.expect("outcomes and errors have a form in JSON");
                let n_changed = tx
                    .prepare_cached(
                        "UPDATE calls SET status = ?, result = ?, elapsed_us = ?, waited_us = ?
                 WHERE run = ? AND path = ? AND status = 'running'",
                    )?
                    .execute(params![
                        status.as_str(),
                        result,
                        end.elapsed_us,
                        end.waited_us,
                        end.lineage.run().as_str(),
                        end.lineage.path(),
                    ])?;
                if n_changed == 0 {
                    return Err(StoreError::CallNotRunning(end.lineage.clone()).into());
                }
                log_insert(tx, end)?;
                Ok(written)
            })
    }

    /// Returns the calls of a run: each caller before its callees, callees by ordinal.
    ///
    /// # Errors
    /// The database refuses.
    pub fn call_list(&self, run: &RunId) -> Result<Vec<CallRecord>, StoreError> {
        let mut calls = self.door.read("read a run's calls", |tx| {
            let mut statement = tx.prepare_cached(
                "SELECT path, step, model, method, status, arguments, result, started_at, elapsed_us,
                        waited_us, undone
                 FROM calls WHERE run = ?",
            )?;
            let mut rows = statement.query([run.as_str()])?;
            let mut calls = Vec::new();
            while let Some(row) = rows.next()? {
                calls.push(call_record(run, row)?);
            }
            Ok(calls)
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
            let mut statement = tx.prepare_cached(
                "SELECT log.path, level, message, fields, model, method
                 FROM log_lines AS log JOIN calls USING (run, path) WHERE run = ? ORDER BY log.path, n",
            )?;
            let mut rows = statement.query([run.as_str()])?;
            let mut lines = Vec::new();
            while let Some(row) = rows.next()? {
                let line = LogLine {
                    level: word("log level", row.get(1)?)?,
                    message: row.get(2)?,
                    fields: json("log line", &row.get::<_, String>(3)?)?,
                };
                lines.push(LogRecord {
                    lineage: lineage(run, &row.get::<_, String>(0)?)?,
                    model: word("model name", row.get(4)?)?,
                    method: word("method name", row.get(5)?)?,
                    line,
                });
            }
            Ok(lines)
        })?;
        lines.sort_by(|one, other| one.lineage.cmp(&other.lineage));
        Ok(lines)
    }
}

fn writes_insert(tx: &Transaction<'_>, end: &CallEnd) -> Result<Vec<Written>, Fault> {
    let mut statement = tx.prepare_cached(
        "INSERT INTO data_versions (model, name, version, spec, content, created_at, run, path)
         VALUES (?1, ?2,
                 (SELECT coalesce(max(version), 0) + 1 FROM data_versions WHERE model = ?1 AND name = ?2),
                 ?3, ?4, ?5, ?6, ?7)
         RETURNING version",
    )?;
    let mut written = Vec::with_capacity(end.writes.len());
    for write in &end.writes {
        let version = statement.query_row(
            params![
                end.model.as_str(),
                write.name.as_str(),
                write.spec.as_str(),
                write.content,
                Timestamp::now().0,
                end.lineage.run().as_str(),
                end.lineage.path(),
            ],
            |row| row.get(0),
        )?;
        written.push(Written {
            name: write.name.clone(),
            version,
        });
    }
    Ok(written)
}

fn log_insert(tx: &Transaction<'_>, end: &CallEnd) -> Result<(), Fault> {
    let mut statement = tx.prepare_cached(
        "INSERT INTO log_lines (run, path, n, level, message, fields) VALUES (?, ?, ?, ?, ?, ?)",
    )?;
    for (at, line) in end.log.iter().enumerate() {
        let fields = serde_json::to_string(&line.fields).expect("fields have a form in JSON");
        statement.execute(params![
            end.lineage.run().as_str(),
            end.lineage.path(),
            at as u64 + 1,
            line.level.as_str(),
            line.message,
            fields,
        ])?;
    }
    Ok(())
}

fn call_record(run: &RunId, row: &rusqlite::Row<'_>) -> Result<CallRecord, Fault> {
    let status: CallStatus = word("call status", row.get(4)?)?;
    let result: Option<String> = row.get(6)?;
    let result = result.unwrap_or_default();
    let (outcome, error) = match status {
        CallStatus::Running => (None, None),
        CallStatus::Succeeded => (Some(json("call outcome", &result)?), None),
        CallStatus::Failed | CallStatus::Cancelled => (None, Some(json("call error", &result)?)),
    };
    Ok(CallRecord {
        lineage: lineage(run, &row.get::<_, String>(0)?)?,
        step: row.get(1)?,
        model: word("model name", row.get(2)?)?,
        method: word("method name", row.get(3)?)?,
        status,
        arguments: json("call's arguments", &row.get::<_, String>(5)?)?,
        outcome,
        error,
        started_at: Timestamp(row.get(7)?),
        elapsed_us: row.get(8)?,
        waited_us: row.get(9)?,
        n_undone: row.get(10)?,
    })
}

fn lineage(run: &RunId, path: &str) -> Result<Lineage, Fault> {
    format!("{run}/{path}")
        .parse()
        .map_err(|error: sedge_model::names::NameError| {
            StoreError::Unreadable {
                what: "call",
                reason: error.to_string(),
            }
            .into()
        })
}
