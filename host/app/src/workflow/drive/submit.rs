//! Writes to the log of the run: what follows from the state, in one transaction.
//!
//! A transaction is queued while the state is locked, so the order of the transactions is that of the
//! changes of the state. Nothing waits for the disk meanwhile: the lock is released, and the
//! transactions that several tasks have queued by then are committed together.
//!
//! Each transaction is refused unless the log ends with the event that the driver knew. The
//! transactions between two folds are a sequence of the store: a refused one is followed only by
//! refused ones, until the state is folded again.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use sedge_model::run::{RunEvent, StepAttempt};
use sedge_store::{FollowUp, LogEntry, StoreError, WriteSequence};
use sedge_workflow::{InstanceState, Next, RunPause, RunState, Todo};
use tokio::sync::oneshot;

use super::facts::{DriveFacts, InHand};
use super::hold::Room;
use super::step::StepStart;
use super::{Drive, DriveState};
use crate::call::StartPlace;
use crate::error::AppError;

/// Entries of the log that are written in one transaction, and what to do once they are durable.
pub(super) struct LogBatch {
    /// The number of the event before the first entry.
    known: u64,
    /// See `DriveState::n_folds`.
    n_folds: u64,
    /// The entries, until they are submitted.
    entries: Vec<LogEntry>,
    /// The events of the entries.
    events: Vec<RunEvent>,
    starts: Vec<StepStart>,
    /// What is evaluated once the entries are durable, because it may need what they commit.
    evaluations: Vec<PendingEvaluation>,
}

/// Something that a task evaluates.
pub(super) struct PendingEvaluation {
    pub(super) todo: Todo,
    /// The place of the step among those that wait, if its method starts then.
    pub(super) place: Option<Arc<StartPlace>>,
}

impl LogBatch {
    /// Takes the entries for a transaction. They may be large, so they are not copied.
    fn follow_up(&mut self) -> FollowUp {
        FollowUp {
            known: self.known,
            entries: std::mem::take(&mut self.entries),
        }
    }
}

/// The result of a submitted transaction.
pub(super) enum SubmitEnd<T> {
    /// It is durable.
    Done(T),
    /// The log has another event by now. Nothing was written, and the state was folded again.
    Moved,
    /// It was refused for another reason. Nothing was written, and the state was folded again.
    Refused(StoreError),
}

impl Drive {
    /// Applies entries and everything that follows from them and needs no evaluation of results.
    pub(super) fn batch(
        self: &Arc<Self>,
        state: &mut DriveState,
        first: Vec<LogEntry>,
    ) -> Result<LogBatch, AppError> {
        let mut batch = LogBatch {
            known: state.known,
            n_folds: state.n_folds,
            entries: Vec::new(),
            events: Vec::new(),
            starts: Vec::new(),
            evaluations: Vec::new(),
        };
        for entry in first {
            self.entry_apply(state, &mut batch, entry)?;
        }
        if self.deadline_is_over() && !state.is_stopping() && state.run.ended().is_none() {
            self.entry_apply(state, &mut batch, RunEvent::DeadlinePassed.into())?;
        }
        let is_written = !batch.entries.is_empty();
        self.held_release(state, is_written);
        loop {
            match state.run.next(self.now_ms()) {
                Next::Append(event) => self.entry_apply(state, &mut batch, event.into())?,
                // Nothing starts any more. The next driver does it.
                Next::Do(_) if self.cx.stop.is_interrupted() => return Ok(batch),
                Next::Do(todo) => match self.room(&todo) {
                    Room::Free(place) => self.todo_apply(state, &mut batch, todo, place)?,
                    Room::Full(reason) => self.hold(state, &todo, reason),
                },
                Next::Pause(_) => return Ok(batch),
            }
        }
    }

    /// Does something that is ready, or takes it in hand if it needs results.
    fn todo_apply(
        &self,
        state: &mut DriveState,
        batch: &mut LogBatch,
        todo: Todo,
        place: Option<Arc<StartPlace>>,
    ) -> Result<(), AppError> {
        if let Some((entry, start)) = self.now(state, &todo)? {
            self.entry_apply(state, batch, entry)?;
            batch.starts.extend(start.map(|it| it.with_place(place)));
        } else {
            state.run.take(&todo);
            state.in_hand.insert(InHand::of(&todo), todo.clone());
            batch.evaluations.push(PendingEvaluation { todo, place });
        }
        Ok(())
    }

    fn entry_apply(
        &self,
        state: &mut DriveState,
        batch: &mut LogBatch,
        entry: LogEntry,
    ) -> Result<(), AppError> {
        let event = &entry.event;
        state
            .run
            .apply(event)
            .map_err(|source| self.log_error(source))?;
        state.facts.note(event);
        let seq = state.known + 1;
        self.items_note(state, seq, event)?;
        if let Some(known) = InHand::of_event(event) {
            state.in_hand.remove(&known);
        }
        state.known += 1;
        batch.events.push(entry.event.clone());
        batch.entries.push(entry);
        Ok(())
    }

    /// Writes entries and everything that follows from them.
    ///
    /// # Errors
    /// The run was claimed by another driver, or the datastore failed.
    pub(super) async fn append(self: &Arc<Self>, first: Vec<LogEntry>) -> Result<(), AppError> {
        self.append_if(first, |_| true).await.map(drop)
    }

    /// Writes entries and everything that follows from them, if `holds` for the state of the run at
    /// that time. Returns whether it does.
    ///
    /// # Errors
    /// The same as for [`Drive::append`].
    pub(super) async fn append_if(
        self: &Arc<Self>,
        first: Vec<LogEntry>,
        holds: impl Fn(&DriveState) -> bool,
    ) -> Result<bool, AppError> {
        self.append_made(|state| holds(state).then(|| (first.clone(), None)))
            .await
    }

    /// Writes the entries that `make` returns for the state of the run at that time, and everything
    /// that follows from them. Returns whether there were any; `make` returns `None` if not.
    ///
    /// # Errors
    /// The same as for [`Drive::append`].
    pub(super) async fn append_made(
        self: &Arc<Self>,
        mut make: impl FnMut(&mut DriveState) -> Option<(Vec<LogEntry>, Option<StepStart>)>,
    ) -> Result<bool, AppError> {
        loop {
            let settled = {
                let mut state = self.state();
                let Some((first, start)) = make(&mut state) else {
                    return Ok(false);
                };
                let mut batch = self.batch(&mut state, first)?;
                batch.starts.extend(start);
                if batch.entries.is_empty() {
                    drop(state);
                    self.begin(batch);
                    return Ok(true);
                }
                let store = self.cx.repository.store()?;
                let follow = batch.follow_up();
                let receipt = store.run_append_queue(&self.cx.claim, follow, &state.sequence);
                state.n_submitted += 1;
                self.settle(batch, receipt)
            };
            match settled.await? {
                SubmitEnd::Done(_) => return Ok(true),
                SubmitEnd::Moved => {}
                SubmitEnd::Refused(error) => return Err(error.into()),
            }
        }
    }

    /// Submits a transaction that ends the attempt at a step, if the attempt is still running.
    /// Returns `None` if it is not. `write` queues the transaction, and must not wait for the disk.
    pub(super) async fn submit_end<T, R>(
        self: &Arc<Self>,
        (step, call): (&StepAttempt, u32),
        end: LogEntry,
        write: impl FnOnce(FollowUp, &WriteSequence) -> R,
    ) -> Result<Option<SubmitEnd<T>>, AppError>
    where
        T: Send + 'static,
        R: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let settled = {
            let mut state = self.state();
            if !state.is_running(step, call) {
                return Ok(None);
            }
            let mut batch = self.batch(&mut state, vec![end])?;
            let receipt = write(batch.follow_up(), &state.sequence);
            state.n_submitted += 1;
            self.settle(batch, receipt)
        };
        settled.await.map(Some)
    }

    /// Waits until a submitted transaction is durable, and then begins what follows.
    ///
    /// If no other transaction is in progress, this one is made when its receipt is polled first, and
    /// is durable then. Otherwise, a task of its own waits, so that the steps that follow begin even
    /// if the call whose end they follow is dropped. Nothing can be dropped before: the first poll and
    /// the start of the task are one step of the caller. A task for each transaction would cost
    /// several changes of the thread.
    fn settle<T, R>(
        self: &Arc<Self>,
        batch: LogBatch,
        receipt: R,
    ) -> impl Future<Output = Result<SubmitEnd<T>, AppError>> + use<T, R>
    where
        T: Send + 'static,
        R: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let drive = Arc::clone(self);
        async move {
            let mut receipt = Box::pin(receipt);
            let polled = poll_fn(|cx| Poll::Ready(receipt.as_mut().poll(cx))).await;
            if let Poll::Ready(result) = polled {
                let settled = drive.settled(batch, result);
                drive.changed.notify_one();
                return settled;
            }
            let (sender, settled) = oneshot::channel();
            let settling = Arc::clone(&drive);
            drive.tasks.spawn(async move {
                let result = settling.settled(batch, receipt.await);
                // ignored: the receiver is gone if its call was stopped meanwhile.
                let _ = sender.send(result);
                settling.changed.notify_one();
            });
            // The task alone keeps the drive from here on.
            drop(drive);
            match settled.await {
                Ok(result) => result,
                // The task was aborted, because the work on the run ends.
                Err(_) => Ok(SubmitEnd::Moved),
            }
        }
    }

    fn settled<T>(
        self: &Arc<Self>,
        batch: LogBatch,
        result: Result<T, StoreError>,
    ) -> Result<SubmitEnd<T>, AppError> {
        let mut state = self.state();
        state.n_submitted -= 1;
        let error = match result {
            Ok(value) => {
                let last = batch.known + batch.events.len() as u64;
                state.durable = state.durable.max(last);
                drop(state);
                self.begin(batch);
                return Ok(SubmitEnd::Done(value));
            }
            Err(error) => error,
        };
        for evaluation in &batch.evaluations {
            state.put_back(&evaluation.todo);
        }
        if batch.n_folds == state.n_folds {
            self.fold_again(&mut state)?;
        }
        Ok(match matches!(error, StoreError::LogMoved(_)) {
            true => SubmitEnd::Moved,
            false => SubmitEnd::Refused(error),
        })
    }

    /// Begins what a durable batch has decided.
    fn begin(self: &Arc<Self>, batch: LogBatch) {
        for event in &batch.events {
            self.report(event);
        }
        for start in batch.starts {
            self.step_begin(start);
        }
        self.evaluations_begin(batch.evaluations);
    }

    /// Folds the state again from the log, and reports the events of other authors.
    pub(super) fn fold_again(&self, state: &mut DriveState) -> Result<(), AppError> {
        let mut log = std::mem::take(&mut state.read);
        let read = log.last().map_or(0, |it| it.seq);
        let store = self.cx.repository.store()?;
        log.extend(store.run_events_after(self.cx.run(), read)?);
        state.facts = DriveFacts::default();
        for record in &log {
            state.facts.note(&record.event);
            self.items_note(state, record.seq, &record.event)?;
        }
        let events = log.iter().map(|record| &record.event);
        let run = RunState::fold(Arc::clone(&self.plan), events);
        let mut run = run.map_err(|source| self.log_error(source))?;
        let in_hand = std::mem::take(&mut state.in_hand).into_iter();
        state.in_hand = in_hand.inspect(|(_, todo)| run.take(todo)).collect();
        let is_first = state.durable == 0;
        for record in log.iter().filter(|it| it.seq > state.durable && !is_first) {
            self.report_foreign(&record.event);
        }
        state.run = run;
        state.known = log.last().map_or(0, |it| it.seq);
        state.durable = state.known;
        state.n_folds += 1;
        state.sequence = WriteSequence::default();
        // The new state holds nothing back.
        state.held.clear();
        Ok(())
    }

    /// Returns why nothing else can be decided; `None` if something can, or if a transaction is
    /// outstanding.
    pub(super) fn pause(&self) -> Result<Option<RunPause>, AppError> {
        let state = self.state();
        if state.n_submitted > 0 {
            return Ok(None);
        }
        match state.run.next(self.now_ms()) {
            Next::Pause(pause) => Ok(Some(pause)),
            Next::Append(_) | Next::Do(_) => {
                self.changed.notify_one();
                Ok(None)
            }
        }
    }
}

impl DriveState {
    /// Returns whether an attempt at a step is running as this call.
    pub(super) fn is_running(&self, step: &StepAttempt, call: u32) -> bool {
        let found = self.run.instance(&step.step);
        found.and_then(InstanceState::running) == Some((step.attempt, call))
    }

    /// Gives up an evaluation: the state says again that it is to be done.
    pub(super) fn put_back(&mut self, todo: &Todo) {
        if self.in_hand.remove(&InHand::of(todo)).is_some() {
            self.run.put_back(todo);
        }
    }

    /// Returns whether the result of an evaluation is still awaited.
    pub(super) fn is_in_hand(&self, todo: &Todo) -> bool {
        self.in_hand.get(&InHand::of(todo)) == Some(todo)
    }
}
