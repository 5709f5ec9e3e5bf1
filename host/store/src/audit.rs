//! The audit: what users did, append-only.
//!
//! Other use cases append entries of their own. The start of a run, its resumption, a decision at a
//! gate, a request to cancel a run, a release of locks and what `run gc` deletes are appended here, in
//! the transaction that makes them.

use sedge_model::audit::AuditWord;
use sedge_model::names::RunId;
use sedge_model::run::{Actor, GateDecision, RunEvent};
use sedge_sys::clock::Timestamp;

use crate::Store;
use crate::data::Scan;
use crate::door::{Durability, SqlRow, Tx, TxFault, values};
use crate::error::StoreError;
use crate::runs::{RunRecord, RunStart};
use crate::statements;

/// What an entry is about if it is about the whole datastore.
pub const ON_DATASTORE: &str = "datastore";

/// Something that a user did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The user.
    pub actor: Actor,
    /// What they did, as a word of [`AuditWord`]. A later version of Sedge may have written other
    /// words.
    pub what: String,
    /// What they did it to: the name of a model or secret, a run, a gate as `RUN JOB/STEP`.
    pub on: String,
    /// More about it: a reason, a comment. It must not contain values of secrets.
    pub detail: Option<String>,
}

/// An entry of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number. Later entries have higher numbers.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What was done.
    pub entry: AuditEntry,
}

/// A filter for the audit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only what the user of this name did, also by the command of a call.
    pub actor: Option<String>,
    /// Only this word.
    pub what: Option<String>,
    /// Only what was done to this. The run alone also stands for its gates.
    pub on: Option<String>,
    /// Only what was done then or later.
    pub since: Option<Timestamp>,
}

impl Store {
    /// Appends an entry to the audit, with the current time. It is durable.
    ///
    /// # Errors
    /// The database fails.
    pub fn audit_append(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.door
            .write("append to the audit", Durability::PowerLoss, |tx| {
                audit_insert(tx, entry)
            })
    }

    /// Passes the entries that match the filter to `take`, newest first, until it returns
    /// [`Scan::Enough`]. They are read from one snapshot, one at a time.
    ///
    /// # Errors
    /// The database fails, or the error of `take`.
    pub fn audit_scan<E: From<StoreError>>(
        &self,
        filter: &AuditFilter,
        mut take: impl FnMut(AuditRecord) -> Result<Scan, E>,
    ) -> Result<(), E> {
        let (sql, given) = statements::audit_selected(filter);
        let mut failure = None;
        let scanned = self.door.read("read the audit", |tx| {
            tx.each(&sql, &given, |row| {
                Ok(Scan::flow(take(audit_record(row)?), &mut failure))
            })
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(scanned?),
        }
    }
}

pub(crate) fn audit_insert(tx: &Tx<'_>, entry: &AuditEntry) -> Result<(), TxFault> {
    let AuditEntry {
        actor: Actor { name, uid },
        what,
        on,
        detail,
    } = entry;
    let row = values![tx.now().0, name, *uid, what, on, detail.as_ref()];
    tx.execute(statements::AUDIT_INSERT, &row)?;
    Ok(())
}

/// Notes the start of a run by a user. A child run is a part of the run that the user started.
pub(crate) fn audit_start(tx: &Tx<'_>, start: &RunStart) -> Result<(), TxFault> {
    if start.options.parent.is_some() {
        return Ok(());
    }
    let subject = match &start.method {
        Some(method) => format!("{}.{method}", start.subject),
        None => start.subject.clone(),
    };
    let entry = AuditEntry {
        actor: start.actor.clone(),
        what: AuditWord::RunStarted.as_str().to_owned(),
        on: start.id.to_string(),
        detail: Some(subject),
    };
    audit_insert(tx, &entry)
}

/// Notes that a user resumes a run.
pub(crate) fn audit_resume(tx: &Tx<'_>, run: &RunRecord, user: &Actor) -> Result<(), TxFault> {
    let entry = AuditEntry {
        actor: user.clone(),
        what: AuditWord::RunResumed.as_str().to_owned(),
        on: run.id.to_string(),
        detail: Some(run.subject.clone()),
    };
    audit_insert(tx, &entry)
}

/// Notes that a user has deleted the records of old runs.
pub(crate) fn audit_runs_deleted(tx: &Tx<'_>, by: &Actor, n_deleted: u64) -> Result<(), TxFault> {
    let n_deleted = match n_deleted {
        1 => "1 run".to_owned(),
        n => format!("{n} runs"),
    };
    let entry = AuditEntry {
        actor: by.clone(),
        what: AuditWord::RunsDeleted.as_str().to_owned(),
        on: ON_DATASTORE.to_owned(),
        detail: Some(n_deleted),
    };
    audit_insert(tx, &entry)
}

/// Notes what a user did, if an event of a run says so.
pub(crate) fn audit_event(tx: &Tx<'_>, run: &RunId, event: &RunEvent) -> Result<(), TxFault> {
    if let RunEvent::CancelRequested { by, reason } = event {
        let entry = AuditEntry {
            actor: by.clone(),
            what: AuditWord::RunCancelled.as_str().to_owned(),
            on: run.to_string(),
            detail: reason.clone(),
        };
        return audit_insert(tx, &entry);
    }
    if let RunEvent::GateDecided {
        gate,
        decision,
        by,
        comment,
        ..
    } = event
    {
        let what = match decision {
            GateDecision::Approved => AuditWord::GateApproved,
            GateDecision::Rejected => AuditWord::GateRejected,
        };
        let entry = AuditEntry {
            actor: by.clone(),
            what: what.as_str().to_owned(),
            on: format!("{run} {gate}"),
            detail: comment.clone(),
        };
        return audit_insert(tx, &entry);
    }
    Ok(())
}

/// Reads a row of the columns of the audit.
pub(crate) fn audit_record(row: &SqlRow<'_>) -> Result<AuditRecord, TxFault> {
    Ok(AuditRecord {
        seq: row.get(0)?,
        at: Timestamp(row.get(1)?),
        entry: AuditEntry {
            actor: Actor {
                name: row.get(2)?,
                uid: row.get(3)?,
            },
            what: row.get(4)?,
            on: row.get(5)?,
            detail: row.get(6)?,
        },
    })
}
