//! Runs, the processes that work on them, and their logs of events.

use std::fmt::Display;
use std::str::FromStr;

use sedge_model::names::{NameError, RunId};
use sedge_model::run::{RunError, RunEvent, RunKind, RunStatus, StepPath};
use sedge_sys::clock::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Store;
use crate::data::Scan;
use crate::door::{Durability, RowFlow, SqlRow, SqlValue, Tx, TxFault, values};
use crate::error::StoreError;
use crate::format::{StoredEvent, StoredWord, read_word};
use crate::statements;

/// A run to be created.
#[derive(Debug, Clone)]
pub struct RunStart {
    /// Its id, which was not used before.
    pub id: RunId,
    /// Its kind.
    pub kind: RunKind,
    /// The name of the model or workflow.
    pub subject: String,
    /// The method, for a run of kind [`RunKind::Method`].
    pub method: Option<String>,
    /// The content of the workflow's file. The run uses it even if the file changes later.
    pub source: Option<String>,
    /// The inputs of a workflow's run, with the defaults; `None` if its workflow declares none, and
    /// for a method's run. They must not contain values of secrets.
    pub inputs: Option<Map<String, Value>>,
    /// Whether the run locks the whole datastore while a process works on it.
    pub exclusive: bool,
    /// The process that will work on it.
    pub session: String,
    /// The actor that requested it.
    pub by: String,
}

/// The right to work on a run. The next process that claims the run gets a higher number, and from
/// then on nothing more is accepted under this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The run.
    pub run: RunId,
    /// Counts the processes that claimed the run.
    pub number: u64,
}

/// The author of an event of a run.
#[derive(Debug, Clone, Copy)]
pub enum Author<'a> {
    /// The process that works on the run.
    Process(&'a Claim),
    /// A user, from outside of the run.
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

/// The record of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// Its kind.
    pub kind: RunKind,
    /// The name of the model or workflow.
    pub subject: String,
    /// The method, for a run of kind [`RunKind::Method`].
    pub method: Option<String>,
    /// Whether the run locks the whole datastore while a process works on it.
    pub exclusive: bool,
    /// Its status after its last event. The process of a `running` run may be gone.
    pub status: RunStatus,
    /// The process that works on it, if it is running.
    pub session: String,
    /// See [`Claim`].
    pub claim: u64,
    /// The actor that requested it.
    pub by: String,
    /// When it was created.
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

/// A filter for runs.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only those of this kind and subject.
    pub subject: Option<(RunKind, String)>,
    /// Only those of a model or workflow of this name, or of a method: `MODEL.METHOD`.
    pub of: Option<String>,
    /// Only those that stand there, as stored.
    pub status: Option<RunStatus>,
    /// Only those that were made then or later.
    pub since: Option<Timestamp>,
    /// Only those whose id begins so.
    pub id_prefix: Option<String>,
}

/// A gate that waits for a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateRecord {
    /// The run.
    pub run: RunRecord,
    /// The gate.
    pub gate: StepPath,
    /// When it was opened.
    pub opened_at: Timestamp,
}

impl Store {
    /// Creates a running run with its first events. It is durable.
    ///
    /// # Errors
    /// The id is taken, or the database fails.
    pub fn run_start(&self, start: &RunStart, events: &[RunEvent]) -> Result<Claim, StoreError> {
        self.door
            .write("create a run", Durability::PowerLoss, |tx| {
                run_insert(tx, start, events)
            })
    }

    /// Claims a run: all former claims become invalid. It is durable.
    ///
    /// `seen` is the record on which the caller based its decision to claim the run.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if another process has claimed the run since then.
    pub fn run_claim(
        &self,
        seen: &RunRecord,
        session: &str,
        event: &RunEvent,
    ) -> Result<Claim, StoreError> {
        self.door.write("claim a run", Durability::PowerLoss, |tx| {
            let claimed = values![session, seen.id.as_str(), seen.claim, seen.status.stored()];
            let n_changed = tx.execute(statements::RUN_CLAIM, &claimed)?;
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

    /// Appends the events that `decide` returns, given the events after number `known`, and updates
    /// the status of the run. No other process can append in between. It is durable.
    ///
    /// Returns the events after `known`, including the appended ones.
    ///
    /// # Errors
    /// [`StoreError::RunMissing`]; [`StoreError::Fenced`] if the author's claim is no longer valid;
    /// the error of `decide`.
    pub fn run_append<E: From<StoreError>>(
        &self,
        author: Author<'_>,
        known: u64,
        decide: impl FnOnce(&[EventRecord]) -> Result<Vec<RunEvent>, E>,
    ) -> Result<Vec<EventRecord>, E> {
        let run = author.run();
        self.door
            .write("append to a run", Durability::PowerLoss, |tx| {
                match author {
                    Author::Process(claim) => claim_check(tx, claim)?,
                    Author::Person(run) => run_check(tx, run)?,
                }
                let news = events_after(tx, run, known)?;
                let events = match decide(&news) {
                    Ok(events) => events,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                events_insert(tx, run, &events)?;
                if let Some(status) = events.iter().rev().find_map(RunEvent::status) {
                    let ended_at = status.is_final().then(|| tx.now().0);
                    let update = values![status.stored(), ended_at, run.as_str()];
                    tx.execute(statements::RUN_STATUS_SET, &update)?;
                }
                events_after(tx, run, known).map(Ok)
            })?
    }

    /// Ends a run of one method. It becomes durable with the next durable transaction.
    ///
    /// The call's own commit is what counts; if this is lost, so is the run's process, and the
    /// call's record says how it ended. `error` is written to the run's log if the call's record
    /// says of no failure: a call that could not begin has no record.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the claim is no longer valid.
    pub fn run_end(
        &self,
        claim: &Claim,
        status: RunStatus,
        error: Option<&RunError>,
    ) -> Result<(), StoreError> {
        self.door
            .write("end a run", Durability::ProcessCrash, |tx| {
                claim_check(tx, claim)?;
                if let Some(error) = error {
                    end_explain(tx, &claim.run, status, error)?;
                }
                let update = values![status.stored(), tx.now().0, claim.run.as_str()];
                tx.execute(statements::RUN_STATUS_SET, &update)?;
                Ok(())
            })
    }

    /// Returns one run.
    ///
    /// # Errors
    /// [`StoreError::RunMissing`].
    pub fn run_get(&self, id: &RunId) -> Result<RunRecord, StoreError> {
        self.door.read("read a run", |tx| {
            tx.first(statements::RUN_GET, &values![id.as_str()], run_record)?
                .ok_or_else(|| StoreError::RunMissing(id.clone()).into())
        })
    }

    /// Returns the content of the workflow's file when the run was created; `None` for a method's
    /// run.
    ///
    /// # Errors
    /// [`StoreError::RunMissing`].
    pub fn run_source(&self, id: &RunId) -> Result<Option<String>, StoreError> {
        self.door.read("read a run", |tx| {
            tx.first(statements::RUN_SOURCE, &values![id.as_str()], |row| {
                row.get(0)
            })?
            .ok_or_else(|| StoreError::RunMissing(id.clone()).into())
        })
    }

    /// Returns the inputs that a run was created with; `None` if its workflow declared none, and
    /// for a method's run.
    ///
    /// # Errors
    /// [`StoreError::RunMissing`].
    pub fn run_inputs(&self, id: &RunId) -> Result<Option<Map<String, Value>>, StoreError> {
        self.door.read("read a run", |tx| {
            let text = tx.first(statements::RUN_INPUTS, &values![id.as_str()], |row| {
                row.get::<Option<String>>(0)
            })?;
            match text {
                Some(text) => text.map(|text| run_inputs(&text)).transpose(),
                None => Err(StoreError::RunMissing(id.clone()).into()),
            }
        })
    }

    /// Returns the newest runs that match the filter, newest first, at most `n_max`.
    ///
    /// # Errors
    /// The database fails.
    pub fn run_list(&self, filter: &RunFilter, n_max: usize) -> Result<Vec<RunRecord>, StoreError> {
        let (sql, mut given) = statements::runs_selected(filter);
        given.push(SqlValue::from(n_max as u64));
        let sql = format!("{sql} LIMIT ?{}", given.len());
        self.door
            .read("list runs", |tx| tx.all(&sql, &given, run_record))
    }

    /// Hands over the runs that pass the filter, newest first, as long as `take` wants more. No
    /// more of them are read than it takes. They are as they were when the first one was handed
    /// over.
    ///
    /// # Errors
    /// The database fails, or whatever `take` fails with.
    pub fn run_scan<E: From<StoreError>>(
        &self,
        filter: &RunFilter,
        mut take: impl FnMut(RunRecord) -> Result<Scan, E>,
    ) -> Result<(), E> {
        let (sql, given) = statements::runs_selected(filter);
        let mut failure = None;
        let scanned = self.door.read("list runs", |tx| {
            tx.each(&sql, &given, |row| {
                Ok(match take(run_record(row)?) {
                    Ok(Scan::More) => RowFlow::More,
                    Ok(Scan::Enough) => RowFlow::Enough,
                    Err(error) => {
                        failure = Some(error);
                        RowFlow::Enough
                    }
                })
            })
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(scanned?),
        }
    }

    /// Returns the events of a run, oldest first.
    ///
    /// # Errors
    /// The database fails, or a newer Sedge wrote an event that this version does not know.
    pub fn run_events(&self, id: &RunId) -> Result<Vec<EventRecord>, StoreError> {
        self.door
            .read("read a run's events", |tx| events_after(tx, id, 0))
    }

    /// Returns the gates that wait for a person: the run that was made first has its gates first,
    /// in the order in which they were opened.
    ///
    /// # Errors
    /// The database fails.
    pub fn gates_open(&self) -> Result<Vec<GateRecord>, StoreError> {
        self.door.read("list open gates", |tx| {
            let mut gates = Vec::new();
            for run in tx.all(statements::RUNS_WITH_GATES, &[], run_record)? {
                for (gate, opened_at) in gates_of(&events_after(tx, &run.id, 0)?) {
                    let run = run.clone();
                    gates.push(GateRecord {
                        run,
                        gate,
                        opened_at,
                    });
                }
            }
            Ok(gates)
        })
    }
}

fn run_check(tx: &Tx<'_>, run: &RunId) -> Result<(), TxFault> {
    match claim_number(tx, run)? {
        Some(_) => Ok(()),
        None => Err(StoreError::RunMissing(run.clone()).into()),
    }
}

/// Refuses a claim that is no longer valid.
pub(crate) fn claim_check(tx: &Tx<'_>, claim: &Claim) -> Result<(), TxFault> {
    if claim_number(tx, &claim.run)? == Some(claim.number) {
        Ok(())
    } else {
        Err(StoreError::Fenced(claim.run.clone()).into())
    }
}

fn claim_number(tx: &Tx<'_>, run: &RunId) -> Result<Option<u64>, TxFault> {
    tx.first(
        statements::RUN_CLAIM_NUMBER,
        &values![run.as_str()],
        |row| row.get(0),
    )
}

/// Creates a running run with its first events.
pub(crate) fn run_insert(
    tx: &Tx<'_>,
    start: &RunStart,
    events: &[RunEvent],
) -> Result<Claim, TxFault> {
    let run = values![
        start.id.as_str(),
        start.kind.stored(),
        &start.subject,
        start.method.as_ref(),
        start.source.as_ref(),
        start.exclusive,
        &start.session,
        &start.by,
        tx.now().0,
    ];
    tx.execute(statements::RUN_INSERT, &run)?;
    if let Some(inputs) = &start.inputs {
        let text = serde_json::to_string(inputs).expect("a JSON value is text");
        tx.execute(
            statements::RUN_INPUTS_INSERT,
            &values![start.id.as_str(), &text],
        )?;
    }
    events_insert(tx, &start.id, events)?;
    Ok(Claim {
        run: start.id.clone(),
        number: 1,
    })
}

/// Parses a text that the store wrote: a name, a digest, a lifetime.
pub(crate) fn word<T>(what: &'static str, text: String) -> Result<T, TxFault>
where
    T: FromStr,
    T::Err: Display,
{
    let parsed = text.parse();
    parsed.map_err(|error: T::Err| StoreError::unreadable(what, error).into())
}

/// Reads an event that the store wrote.
pub(crate) fn run_event(text: &str) -> Result<RunEvent, TxFault> {
    let event = json::<StoredEvent>("run event", text)?.try_into();
    event.map_err(unreadable("run event"))
}

/// Reads the inputs of a run, which the store wrote.
pub(crate) fn run_inputs(text: &str) -> Result<Map<String, Value>, TxFault> {
    json("inputs of a run", text)
}

/// Returns a function that makes the error for a stored value with an invalid name.
pub(crate) fn unreadable(what: &'static str) -> impl FnOnce(NameError) -> TxFault {
    move |error| StoreError::unreadable(what, error).into()
}

/// Reads JSON that the store wrote.
pub(crate) fn json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, TxFault> {
    serde_json::from_str(text).map_err(|error| StoreError::unreadable(what, error).into())
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

pub(crate) fn run_record(row: &SqlRow<'_>) -> Result<RunRecord, TxFault> {
    Ok(RunRecord {
        id: word("run id", row.get(0)?)?,
        kind: row.text(1, |text| read_word("run kind", text))??,
        subject: row.get(2)?,
        method: row.get(3)?,
        status: row.text(4, |text| read_word("run status", text))??,
        session: row.get(5)?,
        claim: row.get(6)?,
        by: row.get(7)?,
        started_at: Timestamp(row.get(8)?),
        ended_at: row.get::<Option<u64>>(9)?.map(Timestamp),
        exclusive: row.get(10)?,
    })
}

fn end_explain(
    tx: &Tx<'_>,
    run: &RunId,
    status: RunStatus,
    error: &RunError,
) -> Result<(), TxFault> {
    let is_known = tx.first(statements::RUN_CALL_FAILED, &values![run.as_str()], |_| {
        Ok(())
    })?;
    if is_known.is_some() {
        return Ok(());
    }
    let error = Some(Box::new(error.clone()));
    events_insert(tx, run, &[RunEvent::Ended { status, error }])
}

fn events_insert(tx: &Tx<'_>, run: &RunId, events: &[RunEvent]) -> Result<(), TxFault> {
    for event in events {
        let text =
            serde_json::to_string(&StoredEvent::from(event)).expect("an event has a form in JSON");
        let event = values![run.as_str(), tx.now().0, &text];
        tx.execute(statements::RUN_EVENT_INSERT, &event)?;
    }
    Ok(())
}

pub(crate) fn events_after(
    tx: &Tx<'_>,
    run: &RunId,
    seq: u64,
) -> Result<Vec<EventRecord>, TxFault> {
    tx.all(
        statements::RUN_EVENTS_AFTER,
        &values![run.as_str(), seq],
        |row| {
            Ok(EventRecord {
                seq: row.get(0)?,
                at: Timestamp(row.get(1)?),
                event: row.text(2, run_event)??,
            })
        },
    )
}
