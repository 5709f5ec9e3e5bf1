//! Runs, the processes that work on them, and their logs of events.

use rusqlite::{OptionalExtension, Row, Transaction, params};
use sedge_model::names::RunId;
use sedge_model::run::{RunEvent, RunKind, RunStatus, StepPath};
use sedge_sys::clock::Timestamp;
use serde::de::DeserializeOwned;

use crate::Store;
use crate::door::{Durability, Fault};
use crate::error::StoreError;

/// A run to be made.
#[derive(Debug, Clone)]
pub struct RunStart {
    /// Its id, not used before.
    pub id: RunId,
    /// What it is the run of.
    pub kind: RunKind,
    /// The name of the model or workflow.
    pub subject: String,
    /// The method, of a run of kind [`RunKind::Method`].
    pub method: Option<String>,
    /// The workflow's file as it is now: the run keeps to it, whatever becomes of the file.
    pub source: Option<String>,
    /// Whether it has the whole datastore to itself while a process works on it.
    pub exclusive: bool,
    /// The process that will work on it.
    pub session: String,
    /// Who asked for it.
    pub by: String,
}

/// The right to work on a run. The next process that takes the run up has a higher number,
/// and from then on nothing more is accepted under this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The run.
    pub run: RunId,
    /// Counts the processes that took the run up.
    pub number: u64,
}

/// Who writes to a run's log.
#[derive(Debug, Clone, Copy)]
pub enum Author<'a> {
    /// The process that works on the run.
    Process(&'a Claim),
    /// A person, from outside.
    Person(&'a RunId),
}

impl<'a> Author<'a> {
    fn run(self) -> &'a RunId {
        match self {
            Self::Process(claim) => &claim.run,
            Self::Person(run) => run,
        }
    }
}

/// A run as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// What it is the run of.
    pub kind: RunKind,
    /// The name of the model or workflow.
    pub subject: String,
    /// The method, of a run of kind [`RunKind::Method`].
    pub method: Option<String>,
    /// Whether it has the whole datastore to itself while a process works on it.
    pub exclusive: bool,
    /// Where it stood at its last event. A run that is `running` may have lost its process.
    pub status: RunStatus,
    /// The process that works on it, if it is running.
    pub session: String,
    /// See [`Claim`].
    pub claim: u64,
    /// Who asked for it.
    pub by: String,
    /// When it was made.
    pub started_at: Timestamp,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
}

/// An event and when it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Its number in the run, from 1.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    pub event: RunEvent,
}

/// Which runs are wanted.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only those of this kind and subject.
    pub subject: Option<(RunKind, String)>,
    /// Only those that stand there, as stored.
    pub status: Option<RunStatus>,
    /// Only those whose id begins so.
    pub id_prefix: Option<String>,
}

/// A gate that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateRecord {
    /// The run.
    pub run: RunRecord,
    /// The gate.
    pub gate: StepPath,
    /// Since when it waits.
    pub opened_at: Timestamp,
}

const COLUMNS: &str = "id, kind, subject, method, status, session, claim, started_by, started_at, ended_at, exclusive";

impl Store {
    /// Makes a run that is running, with its first events. It survives a power cut.
    ///
    /// # Errors
    /// The id is taken, or the database refuses.
    pub fn run_start(&self, start: &RunStart, events: &[RunEvent]) -> Result<Claim, StoreError> {
        self.door.write("make a run", Durability::PowerCut, |tx| {
            tx.prepare_cached(
                "INSERT INTO runs (id, kind, subject, method, source, exclusive, status, session, claim, started_by,
                                   started_at)
                 VALUES (?, ?, ?, ?, ?, ?, 'running', ?, 1, ?, ?)",
            )?
            .execute(params![
                start.id.as_str(), start.kind.as_str(), start.subject, start.method, start.source,
                start.exclusive, start.session, start.by, Timestamp::now().0,
            ])?;
            events_insert(tx, &start.id, events)?;
            Ok(Claim { run: start.id.clone(), number: 1 })
        })
    }

    /// Takes a run up: nobody else's claim counts any more. It survives a power cut.
    ///
    /// `seen` is the record by which the caller decided that it may.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when another process took the run up since then.
    pub fn run_claim(
        &self,
        seen: &RunRecord,
        session: &str,
        event: &RunEvent,
    ) -> Result<Claim, StoreError> {
        self.door.write("claim a run", Durability::PowerCut, |tx| {
            let n_changed = tx
                .prepare_cached(
                    "UPDATE runs SET claim = claim + 1, session = ?, status = 'running', ended_at = NULL
                     WHERE id = ? AND claim = ? AND status = ?",
                )?
                .execute(params![
                    session,
                    seen.id.as_str(),
                    seen.claim,
                    seen.status.as_str()
                ])?;
            if n_changed == 0 {
                return Err(StoreError::Fenced(seen.id.clone()).into());
            }
            events_insert(tx, &seen.id, std::slice::from_ref(event))?;
            Ok(Claim {
                run: seen.id.clone(),
                number: seen.claim + 1,
            })
        })
    }

    /// Appends what `decide` makes of the events after number `known`; the run stands where
    /// they say then. Nobody else can append in between. It survives a power cut.
    ///
    /// Returns the events after `known`, those that were appended included.
    ///
    /// # Errors
    /// [`StoreError::RunMissing`]; [`StoreError::Fenced`] when the author's claim no longer
    /// counts; whatever `decide` refuses with.
    pub fn run_append<E: From<StoreError>>(
        &self,
        author: Author<'_>,
        known: u64,
        decide: impl FnOnce(&[EventRecord]) -> Result<Vec<RunEvent>, E>,
    ) -> Result<Vec<EventRecord>, E> {
        let run = author.run();
        let mut refusal = None;
        let appended = self
            .door
            .write("append to a run", Durability::PowerCut, |tx| {
                match author {
                    Author::Process(claim) => claim_check(tx, claim)?,
                    Author::Person(run) => run_check(tx, run)?,
                }
                let news = events_after(tx, run, known)?;
                let events = match decide(&news) {
                    Ok(events) => events,
                    Err(error) => {
                        refusal = Some(error);
                        return Ok(None);
                    }
                };
                events_insert(tx, run, &events)?;
                if let Some(status) = events.iter().rev().find_map(RunEvent::status) {
                    let ended_at = status.is_final().then(|| Timestamp::now().0);
                    tx.prepare_cached("UPDATE runs SET status = ?, ended_at = ? WHERE id = ?")?
                        .execute(params![status.as_str(), ended_at, run.as_str()])?;
                }
                events_after(tx, run, known).map(Some)
            });
        match (appended, refusal) {
            (_, Some(error)) => Err(error),
            (Ok(Some(events)), None) => Ok(events),
            (Ok(None), None) => unreachable!("without a refusal there are events"),
            (Err(error), None) => Err(error.into()),
        }
    }

    /// Ends a run of one method. It survives a power cut as soon as anything later does.
    ///
    /// The call's own commit is what counts; if this is lost, so is the run's process, and
    /// the call's record tells how it ended.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when the claim no longer counts.
    pub fn run_end(&self, claim: &Claim, status: RunStatus) -> Result<(), StoreError> {
        self.door
            .write("end a run", Durability::ProcessDeath, |tx| {
                claim_check(tx, claim)?;
                tx.prepare_cached("UPDATE runs SET status = ?, ended_at = ? WHERE id = ?")?
                    .execute(params![
                        status.as_str(),
                        Timestamp::now().0,
                        claim.run.as_str()
                    ])?;
                Ok(())
            })
    }

    /// Returns one run.
    ///
    /// # Errors
    /// [`StoreError::RunMissing`].
    pub fn run_get(&self, id: &RunId) -> Result<RunRecord, StoreError> {
        self.door.read("read a run", |tx| {
            tx.prepare_cached(&format!("SELECT {COLUMNS} FROM runs WHERE id = ?"))?
                .query_row([id.as_str()], |row| Ok(run_record(row)))
                .optional()?
                .unwrap_or_else(|| Err(StoreError::RunMissing(id.clone()).into()))
        })
    }

    /// Returns the workflow's file as it was when the run was made; none of a method's run.
    ///
    /// # Errors
    /// [`StoreError::RunMissing`].
    pub fn run_source(&self, id: &RunId) -> Result<Option<String>, StoreError> {
        self.door.read("read a run", |tx| {
            tx.prepare_cached("SELECT source FROM runs WHERE id = ?")?
                .query_row([id.as_str()], |row| row.get(0))
                .optional()?
                .ok_or_else(|| StoreError::RunMissing(id.clone()).into())
        })
    }

    /// Returns the newest runs that pass the filter, newest first, at most `n_max`.
    ///
    /// # Errors
    /// The database refuses.
    pub fn run_list(&self, filter: &RunFilter, n_max: usize) -> Result<Vec<RunRecord>, StoreError> {
        let (kind, subject) = match &filter.subject {
            Some((kind, subject)) => (Some(kind.as_str()), Some(subject.as_str())),
            None => (None, None),
        };
        let status = filter.status.map(RunStatus::as_str);
        // SQLite's integers are signed.
        let n_max = i64::try_from(n_max).unwrap_or(i64::MAX);
        self.door.read("list runs", |tx| {
            let mut statement = tx.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM runs
                 WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR subject = ?2)
                   AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR substr(id, 1, length(?4)) = ?4)
                 ORDER BY started_at DESC, rowid DESC LIMIT ?5"
            ))?;
            let rows = statement.query_map(
                params![kind, subject, status, filter.id_prefix, n_max],
                |row| Ok(run_record(row)),
            )?;
            rows.map(|row| row?).collect()
        })
    }

    /// Returns the events of a run, oldest first.
    ///
    /// # Errors
    /// The database refuses, or a newer Sedge wrote an event that this one does not know.
    pub fn run_events(&self, id: &RunId) -> Result<Vec<EventRecord>, StoreError> {
        self.door
            .read("read a run's events", |tx| events_after(tx, id, 0))
    }

    /// Returns the gates that wait for a person, the longest waiting first.
    ///
    /// # Errors
    /// The database refuses.
    pub fn gates_open(&self) -> Result<Vec<GateRecord>, StoreError> {
        self.door.read("list open gates", |tx| {
            let mut statement = tx.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM runs WHERE status IN ('running', 'suspended')
                 ORDER BY started_at, rowid"
            ))?;
            let mut rows = statement.query([])?;
            let mut gates = Vec::new();
            while let Some(row) = rows.next()? {
                let run = run_record(row)?;
                for (gate, opened_at) in gates_of(&events_after(tx, &run.id, 0)?) {
                    let run = run.clone();
                    gates.push(GateRecord {
                        run,
                        gate,
                        opened_at,
                    });
                }
            }
            gates.sort_by_key(|gate| gate.opened_at);
            Ok(gates)
        })
    }
}

fn run_check(tx: &Transaction<'_>, run: &RunId) -> Result<(), Fault> {
    let found = tx
        .prepare_cached("SELECT 1 FROM runs WHERE id = ?")?
        .exists([run.as_str()])?;
    if found {
        Ok(())
    } else {
        Err(StoreError::RunMissing(run.clone()).into())
    }
}

/// Refuses a claim that no longer counts.
pub(crate) fn claim_check(tx: &Transaction<'_>, claim: &Claim) -> Result<(), Fault> {
    let number: Option<u64> = tx
        .prepare_cached("SELECT claim FROM runs WHERE id = ?")?
        .query_row([claim.run.as_str()], |row| row.get(0))
        .optional()?;
    if number == Some(claim.number) {
        Ok(())
    } else {
        Err(StoreError::Fenced(claim.run.clone()).into())
    }
}

/// Reads a word that the store wrote into one of our enums.
pub(crate) fn word<T: DeserializeOwned>(what: &'static str, text: String) -> Result<T, Fault> {
    json(what, &serde_json::Value::String(text).to_string())
}

/// Reads JSON that the store wrote.
pub(crate) fn json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| {
        StoreError::Unreadable {
            what,
            reason: error.to_string(),
        }
        .into()
    })
}

fn gates_of(events: &[EventRecord]) -> Vec<(StepPath, Timestamp)> {
    let mut open = Vec::new();
    for record in events {
        match &record.event {
            RunEvent::GateOpened { gate } => open.push((gate.clone(), record.at)),
            RunEvent::GateDecided { gate, .. } => open.retain(|(other, _)| other != gate),
            RunEvent::Started
            | RunEvent::Resumed
            | RunEvent::StepStarted { .. }
            | RunEvent::StepSucceeded { .. }
            | RunEvent::StepFailed { .. }
            | RunEvent::StepSkipped { .. }
            | RunEvent::Suspended
            | RunEvent::Ended { .. } => {}
        }
    }
    open
}

fn run_record(row: &Row<'_>) -> Result<RunRecord, Fault> {
    Ok(RunRecord {
        id: word("run id", row.get(0)?)?,
        kind: word("run kind", row.get(1)?)?,
        subject: row.get(2)?,
        method: row.get(3)?,
        status: word("run status", row.get(4)?)?,
        session: row.get(5)?,
        claim: row.get(6)?,
        by: row.get(7)?,
        started_at: Timestamp(row.get(8)?),
        ended_at: row.get::<_, Option<u64>>(9)?.map(Timestamp),
        exclusive: row.get(10)?,
    })
}

fn events_insert(tx: &Transaction<'_>, run: &RunId, events: &[RunEvent]) -> Result<(), Fault> {
    let mut statement = tx.prepare_cached(
        "INSERT INTO run_events (run, seq, at, event)
         VALUES (?1, (SELECT coalesce(max(seq), 0) + 1 FROM run_events WHERE run = ?1), ?2, ?3)",
    )?;
    for event in events {
        let text = serde_json::to_string(event).expect("an event has a form in JSON");
        statement.execute(params![run.as_str(), Timestamp::now().0, text])?;
    }
    Ok(())
}

fn events_after(tx: &Transaction<'_>, run: &RunId, seq: u64) -> Result<Vec<EventRecord>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT seq, at, event FROM run_events WHERE run = ? AND seq > ? ORDER BY seq",
    )?;
    let mut rows = statement.query(params![run.as_str(), seq])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(2)?;
        let event = json("run event", &text)?;
        events.push(EventRecord {
            seq: row.get(0)?,
            at: Timestamp(row.get(1)?),
            event,
        });
    }
    Ok(events)
}
