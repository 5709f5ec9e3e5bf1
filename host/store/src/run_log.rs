//! The logs of runs: who appends to them, and what.

use std::io;
use std::sync::Arc;

use sedge_model::names::RunId;
use sedge_model::run::{Expansion, ExpansionItem, RunEvent, RunStatus};
use sedge_sys::clock::Timestamp;
use serde_json::{Map, Value};

use crate::Store;
use crate::audit::audit_event;
use crate::blobs::Blobs;
use crate::door::{Durability, Receipt, SqlRow, Tx, TxFault, WriteSequence, values};
use crate::error::StoreError;
use crate::format::{StoredEvent, StoredWord};
use crate::runs::{Claim, claim_check, inputs_text, json, run_check};
use crate::statements;
use crate::tasks::{StartText, StartedTask};
use crate::unsaved::{UnsavedPut, unsaved_put};

/// The most bytes that the values of a step with `forEach` take in its event.
///
/// An expression chooses the values, and each reader of the log reads the events as a whole: also to
/// show a run, and to find out whether a gate was decided.
const ITEMS_IN_EVENT_BYTES_MAX: usize = 4 << 10;

/// The author of an event of a run.
#[derive(Debug, Clone, Copy)]
pub enum Author<'a> {
    /// The driver of the run.
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

    /// Refuses a claim that is no longer valid, and a run that does not exist.
    fn check(self, tx: &Tx<'_>) -> Result<(), TxFault> {
        match self {
            Self::Process(claim) => claim_check(tx, claim),
            Self::Person(run) => run_check(tx, run),
        }
    }
}

/// An event and when it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRecord {
    /// Its number in the run, from 1.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    pub event: RunEvent,
}

/// An event to be appended to the log of a run, with what it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// The event.
    pub event: RunEvent,
    /// What the step runs that the event starts. It is stored with the event, and [`Store::step_task`]
    /// returns it. Only a [`RunEvent::StepStarted`] has one; that of another event is not stored.
    pub task: Option<StartedTask>,
    /// The definition of an unsaved model that the step runs a method on. It is stored with the
    /// event, unless another process has changed the stored one since: then that one stays.
    pub unsaved: Option<UnsavedStart>,
}

/// The definition of an unsaved model that a step creates or changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsavedStart {
    /// The definition.
    pub put: UnsavedPut,
    /// The actor that creates it.
    pub by: String,
}

impl From<RunEvent> for LogEntry {
    fn from(event: RunEvent) -> Self {
        Self {
            event,
            task: None,
            unsaved: None,
        }
    }
}

/// Entries to be appended to a log whose last event is known.
#[derive(Debug, Clone, PartialEq)]
pub struct FollowUp {
    /// The number of the last event that their author knows.
    pub known: u64,
    /// The entries.
    pub entries: Vec<LogEntry>,
}

/// A change of what a run executes, which is made when the run is claimed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunEdits {
    /// The new text of its workflow; the former one stays if `None`.
    pub source: Option<String>,
    /// Its new inputs; the former ones stay if `None`. They must not contain values of secrets, and
    /// sensitive ones must be sealed.
    pub inputs: Option<Map<String, Value>>,
}

impl RunEdits {
    /// Makes the change.
    pub(crate) fn write(&self, tx: &Tx<'_>, run: &RunId) -> Result<(), TxFault> {
        if let Some(source) = &self.source {
            tx.execute(statements::RUN_SOURCE_SET, &values![run.as_str(), source])?;
        }
        if let Some(inputs) = &self.inputs {
            let text = inputs_text(inputs);
            tx.execute(statements::RUN_INPUTS_SET, &values![run.as_str(), &text])?;
        }
        Ok(())
    }
}

impl Store {
    /// Appends the entries that `decide` returns, given the events after number `known`, and
    /// updates the status of the run. No other process can append in between. It is durable.
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
        decide: impl FnOnce(&[EventRecord]) -> Result<Vec<LogEntry>, E>,
    ) -> Result<Vec<EventRecord>, E> {
        let run = author.run();
        self.door
            .write("append to a run", Durability::PowerLoss, |tx| {
                author.check(tx)?;
                let mut news = events_after(tx, run, known)?;
                let entries = match decide(&news) {
                    Ok(entries) => entries,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                let last = last_seq(tx, run)?;
                let entries = prepare(&self.blobs, entries)?;
                news.extend(entries_insert(tx, &self.blobs, run, last, entries)?);
                Ok(Ok(news))
            })?
    }

    /// Appends entries to a run as its driver, and updates the status of the run. It is a write of a
    /// sequence, and it is durable. The write is made when the receipt is awaited, or together with
    /// another write before that; other writes of the process may share the transaction. Nothing
    /// waits here for the disk, unless an entry has a large task. Returns the appended events.
    ///
    /// # Errors
    /// Nothing is written after an error: [`StoreError::Fenced`] if the claim is no longer valid,
    /// [`StoreError::LogMoved`] if `known` is not the last event of the log, or if an earlier write
    /// of the sequence has failed.
    pub fn run_append_queue(
        &self,
        claim: &Claim,
        follow: FollowUp,
        sequence: &WriteSequence,
    ) -> Receipt<Vec<EventRecord>> {
        let FollowUp { known, entries } = follow;
        let entries = match prepare(&self.blobs, entries) {
            Ok(entries) => entries,
            Err(error) => return Receipt::refused(error, sequence),
        };
        let (claim, blobs) = (claim.clone(), Arc::clone(&self.blobs));
        let moved = StoreError::LogMoved(claim.run.clone());
        self.door
            .queue("append to a run", sequence, moved, move |tx| {
                claim_check(tx, &claim)?;
                follow_insert(tx, &blobs, &claim.run, known, entries)
            })
    }

    /// Ends the work of a driver on a run that has not ended: appends [`RunEvent::Released`], and
    /// no session works on the run any more, so it is interrupted. A run that is suspended or has
    /// ended stays as it is. It is durable.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the claim is no longer valid.
    pub fn run_release(&self, claim: &Claim) -> Result<(), StoreError> {
        self.door
            .write("release a run", Durability::PowerLoss, |tx| {
                claim_check(tx, claim)?;
                let run = values![claim.run.as_str()];
                if tx.execute(statements::RUN_RELEASE, &run)? > 0 {
                    events_insert(tx, &claim.run, &[RunEvent::Released])?;
                }
                Ok(())
            })
    }

    /// Returns the events of a run, oldest first.
    ///
    /// # Errors
    /// The database fails, or a newer Sedge wrote an event that this version does not know.
    pub fn run_events(&self, id: &RunId) -> Result<Vec<EventRecord>, StoreError> {
        self.run_events_after(id, 0)
    }

    /// Returns the events of a run after number `known`, oldest first. Earlier ones are not read.
    ///
    /// # Errors
    /// The same as for [`Store::run_events`].
    pub fn run_events_after(&self, id: &RunId, known: u64) -> Result<Vec<EventRecord>, StoreError> {
        self.door
            .read("read a run's events", |tx| events_after(tx, id, known))
    }

    /// Returns the number of the last event of a run; 0 if it has none. This reads one entry of an
    /// index, so that a driver can ask often whether another process has appended an event.
    ///
    /// # Errors
    /// The database fails.
    pub fn run_seq(&self, id: &RunId) -> Result<u64, StoreError> {
        self.door
            .read_briefly("read a run's events", |tx| last_seq(tx, id))
    }
}

/// An entry whose large task has been written to a file.
#[derive(Debug)]
pub(crate) struct PreparedEntry {
    event: RunEvent,
    task: Option<StartText>,
    /// The values of a step with `forEach`, if they are too large for its event.
    items: Option<StartText>,
    unsaved: Option<UnsavedStart>,
}

/// Writes the files that the entries need. They are durable; a collection removes them if no row
/// refers to them.
pub(crate) fn prepare(
    blobs: &Arc<Blobs>,
    entries: Vec<LogEntry>,
) -> Result<Vec<PreparedEntry>, StoreError> {
    let prepared = entries.into_iter().map(|entry| {
        let mut event = entry.event;
        let task = entry.task.map(|task| StartText::of_task(blobs, &task));
        Ok(PreparedEntry {
            items: items_taken(blobs, &mut event)?,
            event,
            task: task.transpose()?,
            unsaved: entry.unsaved,
        })
    });
    prepared.collect()
}

/// Takes the values of a step with `forEach` out of its event if they are large.
fn items_taken(blobs: &Arc<Blobs>, event: &mut RunEvent) -> Result<Option<StartText>, StoreError> {
    let RunEvent::Expanded { items, .. } = event else {
        return Ok(None);
    };
    let values = items.iter().map(|it| match &it.item {
        ExpansionItem::Value(value) => Some(&**value),
        ExpansionItem::Stored => None,
    });
    let values: Option<Vec<&Value>> = values.collect();
    let Some(values) = values.filter(|it| is_large(it)) else {
        return Ok(None);
    };
    let text = StartText::of_items(blobs, &values)?;
    for Expansion { item, .. } in items {
        *item = ExpansionItem::Stored;
    }
    Ok(Some(text))
}

/// Returns whether values take more than [`ITEMS_IN_EVENT_BYTES_MAX`] as JSON.
fn is_large(values: &[&Value]) -> bool {
    serde_json::to_writer(SmallWriter(0), values).is_err()
}

/// Counts bytes, and fails as soon as there are too many for an event.
struct SmallWriter(usize);

impl io::Write for SmallWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        match self.0 > ITEMS_IN_EVENT_BYTES_MAX {
            true => Err(io::Error::other("it is large")),
            false => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Appends entries to a log whose last event has the number `known`. Returns the events.
pub(crate) fn follow_insert(
    tx: &Tx<'_>,
    blobs: &Blobs,
    run: &RunId,
    known: u64,
    entries: Vec<PreparedEntry>,
) -> Result<Vec<EventRecord>, TxFault> {
    if last_seq(tx, run)? != known {
        return Err(StoreError::LogMoved(run.clone()).into());
    }
    entries_insert(tx, blobs, run, known, entries)
}

/// Appends entries after the event `last`, which is the last one, and sets the status of the run.
/// Returns the events.
fn entries_insert(
    tx: &Tx<'_>,
    blobs: &Blobs,
    run: &RunId,
    last: u64,
    entries: Vec<PreparedEntry>,
) -> Result<Vec<EventRecord>, TxFault> {
    let mut records = Vec::with_capacity(entries.len());
    for (seq, entry) in (last + 1..).zip(entries) {
        let PreparedEntry {
            event,
            task,
            items,
            unsaved,
        } = entry;
        if let Some(unsaved) = unsaved {
            unsaved_put(tx, &unsaved.put, &unsaved.by)?;
        }
        if let (Some(task), RunEvent::StepStarted { call, .. }) = (&task, &event) {
            task.task_insert(tx, blobs, run, *call)?;
        }
        if let Some(items) = &items {
            items.items_insert(tx, blobs, run, seq)?;
        }
        let at = event_insert(tx, run, seq, &event)?;
        audit_event(tx, run, &event)?;
        records.push(EventRecord { seq, at, event });
    }
    let mut newest = records.iter().rev();
    if let Some(status) = newest.find_map(|record| record.event.status()) {
        status_set(tx, run, status)?;
    }
    Ok(records)
}

/// Appends events without a task. The caller sets the status of the run.
pub(crate) fn events_insert(tx: &Tx<'_>, run: &RunId, events: &[RunEvent]) -> Result<(), TxFault> {
    let last = last_seq(tx, run)?;
    for (seq, event) in (last + 1..).zip(events) {
        event_insert(tx, run, seq, event)?;
        audit_event(tx, run, event)?;
    }
    Ok(())
}

fn event_insert(
    tx: &Tx<'_>,
    run: &RunId,
    seq: u64,
    event: &RunEvent,
) -> Result<Timestamp, TxFault> {
    let at = tx.now();
    let text =
        serde_json::to_string(&StoredEvent::from(event)).expect("an event has a form in JSON");
    let row = values![run.as_str(), seq, at.0, &text];
    tx.execute(statements::RUN_EVENT_INSERT, &row)?;
    Ok(at)
}

/// Sets the status of a run, and when it ended.
pub(crate) fn status_set(tx: &Tx<'_>, run: &RunId, status: RunStatus) -> Result<(), TxFault> {
    let ended_at = status.is_final().then(|| tx.now().0);
    let update = values![status.stored(), ended_at, run.as_str()];
    tx.execute(statements::RUN_STATUS_SET, &update)?;
    Ok(())
}

pub(crate) fn last_seq(tx: &Tx<'_>, run: &RunId) -> Result<u64, TxFault> {
    tx.value(statements::RUN_SEQ, &values![run.as_str()])
}

/// Reads the events of a run after a number.
pub(crate) fn events_after(
    tx: &Tx<'_>,
    run: &RunId,
    seq: u64,
) -> Result<Vec<EventRecord>, TxFault> {
    let after = values![run.as_str(), seq];
    tx.all(statements::RUN_EVENTS_AFTER, &after, event_record)
}

/// Reads a row of the columns `seq`, `at` and `event`.
pub(crate) fn event_record(row: &SqlRow<'_>) -> Result<EventRecord, TxFault> {
    Ok(EventRecord {
        seq: row.get(0)?,
        at: Timestamp(row.get(1)?),
        event: row.text(2, run_event)??,
    })
}

/// Reads an event that the store wrote.
pub(crate) fn run_event(text: &str) -> Result<RunEvent, TxFault> {
    let event = json::<StoredEvent>("run event", text)?.try_into();
    event.map_err(|error| StoreError::unreadable("run event", error).into())
}
