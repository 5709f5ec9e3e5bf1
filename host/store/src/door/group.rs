//! Group commit: writes that tasks submit at the same time share one transaction and one sync.
//!
//! If no write is in progress, a submitted write is made at once, on its caller's thread. If one is
//! in progress, the new write is queued. A caller that holds a lock of its own only queues its write,
//! and asks for the commit when it has released the lock, so that others can queue theirs meanwhile. When the write in progress ends, the writer thread of the
//! process takes the queue as a batch and commits it in one transaction, with a savepoint for each
//! write, so that each write can fail alone. The idea is from DeWitt et al. 1984. An idle process
//! does not use the writer thread, because the two wake-ups would cost a third of a commit.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use sedge_sys::clock::Clock;

use super::{Durability, Tx, TxFault, Writer, WriterSql, lock};
use crate::error::StoreError;
use crate::medium::Medium;

/// The most writes that share a transaction. In a larger batch, the sync is no longer the main
/// cost.
const BATCH_MAX: usize = 64;

/// The writes of this process.
#[derive(Debug)]
pub(super) struct Group {
    medium: Medium,
    writer: Mutex<Option<Writer>>,
    pending: Mutex<Pending>,
    /// Notified when a write has ended, and when a write or an exclusive writer is queued.
    changed: Condvar,
    /// The number of durable transactions that this process has committed.
    n_durable: AtomicU64,
}

/// A sequence of writes, each of which assumes that those before it succeed.
///
/// Once a write of a sequence fails, all later ones are refused, also those that are in the same
/// transaction. The author then begins a new sequence.
#[derive(Debug, Clone, Default)]
pub struct WriteSequence {
    has_failed: Arc<AtomicBool>,
}

impl WriteSequence {
    /// Returns whether a write of the sequence has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::SeqCst)
    }

    fn fail(&self) {
        self.has_failed.store(true, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Pending {
    /// Whether a write is in progress.
    is_busy: bool,
    /// The number of threads that wait to write exclusively. They alternate with batches.
    n_exclusive: usize,
    is_exclusive_next: bool,
    jobs: VecDeque<Box<dyn Job>>,
    has_thread: bool,
    is_closed: bool,
}

impl Pending {
    fn may_be_committed(&self) -> bool {
        let others_are_first = self.n_exclusive > 0 && self.is_exclusive_next;
        !self.is_busy && !self.jobs.is_empty() && !others_are_first
    }

    fn may_write_exclusively(&self) -> bool {
        let others_are_first = !self.jobs.is_empty() && !self.is_exclusive_next;
        !self.is_busy && !others_are_first
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} queued", self.jobs.len())
    }
}

/// A submitted write.
trait Job: Send {
    fn operation(&self) -> &'static str;
    fn durability(&self) -> Durability;
    /// Marks the write as running. Returns false if its caller has dropped the receipt.
    fn begin(&mut self) -> bool;
    /// Writes. Returns whether that succeeded; the result is kept until [`Job::end`].
    fn write(&mut self, tx: &Tx<'_>) -> bool;
    /// Reports the result: that of the write if the batch was committed, and the error otherwise.
    fn end(self: Box<Self>, committed: Result<(), StoreError>);
}

impl Group {
    pub(super) fn new(medium: Medium) -> Self {
        Self {
            medium,
            writer: Mutex::default(),
            pending: Mutex::default(),
            changed: Condvar::new(),
            n_durable: AtomicU64::new(0),
        }
    }

    /// Counts a transaction that was committed.
    pub(super) fn committed(&self, durability: Durability) {
        match durability {
            Durability::PowerLoss => self.n_durable.fetch_add(1, Ordering::Relaxed),
            Durability::ProcessCrash => 0,
        };
    }

    /// Returns the number of durable transactions that this process has committed.
    pub(super) fn n_durable(&self) -> u64 {
        self.n_durable.load(Ordering::Relaxed)
    }

    /// Runs `body` when no other thread of this process writes. Alternates with the queued batches.
    pub(super) fn exclusive<T>(
        self: &Arc<Self>,
        body: impl FnOnce(&mut Writer) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut pending = self.pending();
        pending.n_exclusive += 1;
        while !pending.may_write_exclusively() {
            pending = wait(&self.changed, pending);
        }
        pending.n_exclusive -= 1;
        pending.is_exclusive_next = false;
        pending.is_busy = true;
        drop(pending);
        let _busy = Busy(self);
        self.with_writer(body)
    }

    /// Runs `body` if the connection that writes is open, and nothing of this process uses it or
    /// waits for it; `None` otherwise.
    pub(super) fn if_idle<T>(self: &Arc<Self>, body: impl FnOnce(&mut Writer) -> T) -> Option<T> {
        let mut pending = self.pending();
        if pending.is_busy || pending.n_exclusive > 0 || !pending.jobs.is_empty() {
            return None;
        }
        pending.is_busy = true;
        drop(pending);
        let _busy = Busy(self);
        lock(&self.writer).as_mut().map(body)
    }

    /// Ends the writer thread once the queue is empty.
    pub(super) fn close(&self) {
        self.pending().is_closed = true;
        self.changed.notify_all();
    }

    fn with_writer<T>(
        &self,
        body: impl FnOnce(&mut Writer) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = lock(&self.writer);
        let writer = match &mut *writer {
            Some(writer) => writer,
            none => none.insert(Writer::open(&self.medium)?),
        };
        body(writer)
    }

    fn enqueue(&self, job: Box<dyn Job>) {
        self.pending().jobs.push_back(job);
    }

    /// Makes the writes that are queued: on this thread if no other write is in progress, and
    /// otherwise on the writer thread when that write has ended.
    fn commit_queued(self: &Arc<Self>) {
        self.commit_batch();
        let mut pending = self.pending();
        if pending.jobs.is_empty() {
            return;
        }
        let starts = !std::mem::replace(&mut pending.has_thread, true);
        drop(pending);
        if !starts {
            self.changed.notify_all();
            return;
        }
        // The thread holds its own reference to the group until the group is closed, so queued
        // writes are made even if the store is dropped before the thread has started.
        let group = Arc::clone(self);
        let work = move || group.work(|pending| pending.is_closed);
        if sedge_sys::thread::start("sedge-writer", work).is_err() {
            // No thread can be started, so this one commits the queue. Its caller has to wait
            // anyway.
            self.work(|_| true);
        }
    }

    /// Commits batches until the queue is empty and `is_enough` returns true.
    fn work(self: &Arc<Self>, is_enough: impl Fn(&Pending) -> bool) {
        loop {
            // A panic must not end the writer thread while writes are queued. It has been printed,
            // and the writes of its batch end with an error.
            let committed = catch_unwind(AssertUnwindSafe(|| self.commit_batch()));
            if committed.unwrap_or(true) {
                continue;
            }
            let mut pending = self.pending();
            if pending.jobs.is_empty() && is_enough(&pending) {
                pending.has_thread = false;
                return;
            }
            // The exclusive writer notifies `changed` when it has finished.
            if !pending.may_be_committed() {
                drop(wait(&self.changed, pending));
            }
        }
    }

    /// Commits a batch. Returns false if the queue is empty or another thread writes.
    fn commit_batch(self: &Arc<Self>) -> bool {
        let mut pending = self.pending();
        if !pending.may_be_committed() {
            return false;
        }
        pending.is_busy = true;
        pending.is_exclusive_next = true;
        let n = pending.jobs.len().min(BATCH_MAX);
        let jobs = pending.jobs.drain(..n).collect();
        drop(pending);
        let _busy = Busy(self);
        self.commit(jobs);
        true
    }

    /// Commits the jobs in one transaction, and reports the result to each.
    fn commit(&self, mut jobs: Vec<Box<dyn Job>>) {
        jobs.retain_mut(|job| job.begin());
        let Some(first) = jobs.first() else {
            return;
        };
        let operation = first.operation();
        let committed = self.with_writer(|writer| {
            let _lock = writer.queue.enter()?;
            write_batch(&mut writer.sql, &self.medium.clock, &mut jobs)
                .map_err(|fault| fault.into_error(operation).explained(&self.medium))
        });
        if let Ok(Some(durability)) = &committed {
            self.committed(*durability);
        }
        for job in jobs {
            let operation = job.operation();
            job.end(match &committed {
                Ok(_) => Ok(()),
                Err(error) => Err(error.for_operation(operation)),
            });
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        lock(&self.pending)
    }
}

/// Marks a write as in progress until it is dropped.
struct Busy<'a>(&'a Group);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.pending().is_busy = false;
        self.0.changed.notify_all();
    }
}

/// Makes all writes and commits them. A write that fails is rolled back alone. Returns the
/// durability of the transaction; `None` if there was a single write, and it failed.
fn write_batch(
    sql: &mut WriterSql,
    clock: &Clock,
    jobs: &mut [Box<dyn Job>],
) -> Result<Option<Durability>, TxFault> {
    let durability = jobs.iter().map(|job| job.durability()).max();
    let durability = durability.unwrap_or(Durability::PowerLoss);
    let mut transaction = sql.begin(durability)?;
    if let [job] = jobs {
        // A single write needs no savepoint: it is rolled back with its transaction.
        return if job.write(&Tx::new(&transaction, clock)) {
            transaction.commit()?;
            Ok(Some(durability))
        } else {
            transaction.rollback()?;
            Ok(None)
        };
    }
    for job in jobs {
        let savepoint = transaction.savepoint()?;
        if job.write(&Tx::new(&savepoint, clock)) {
            savepoint.commit()?;
        } else {
            // After some errors, such as a full disk, SQLite has rolled back the whole transaction.
            // This then fails, and with it the whole batch.
            savepoint.finish()?;
        }
    }
    transaction.commit()?;
    Ok(Some(durability))
}

fn wait<'a>(changed: &Condvar, pending: MutexGuard<'a, Pending>) -> MutexGuard<'a, Pending> {
    changed
        .wait(pending)
        .unwrap_or_else(PoisonError::into_inner)
}

/// The future result of a write. A task can await it, and a thread can wait for it.
///
/// A write may be queued only, and is then made when its receipt is first awaited, or together with
/// another write before that.
///
/// Dropping it removes the write from the queue if the write has not begun. Otherwise the drop
/// blocks until the write has ended, so nothing is written after the receipt is gone.
#[must_use = "the result of the write is reported here"]
#[derive(Debug)]
pub struct Receipt<T> {
    slot: Arc<Slot<T>>,
    /// The queue that the write is in, until its commit is requested.
    queued: Option<Arc<Group>>,
}

#[derive(Debug)]
struct Slot<T> {
    state: Mutex<State<T>>,
    ended: Condvar,
}

#[derive(Debug)]
enum State<T> {
    Queued(Option<Waker>),
    Running(Option<Waker>),
    Ended(Option<Result<T, StoreError>>),
    Withdrawn,
}

impl<T> Receipt<T> {
    /// Returns a receipt for a write that has already ended.
    pub(crate) fn ended(result: Result<T, StoreError>) -> Self {
        let slot = Arc::new(Slot {
            state: Mutex::new(State::Ended(Some(result))),
            ended: Condvar::new(),
        });
        Self { slot, queued: None }
    }

    /// Returns a receipt for a write of a sequence that could not be queued.
    pub(crate) fn refused(error: StoreError, sequence: &WriteSequence) -> Self {
        sequence.fail();
        Self::ended(Err(error))
    }

    /// Requests that the write is made now.
    fn commit(&mut self) {
        if let Some(group) = self.queued.take() {
            group.commit_queued();
        }
    }

    /// Blocks the thread until the write has ended.
    ///
    /// # Errors
    /// The error of the write.
    pub fn wait(mut self) -> Result<T, StoreError> {
        self.commit();
        let mut state = lock(&self.slot.state);
        loop {
            match &mut *state {
                State::Ended(result) => return take_result(result),
                State::Queued(_) | State::Running(_) | State::Withdrawn => {
                    state = self
                        .slot
                        .ended
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

impl<T> Future for Receipt<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.commit();
        match &mut *lock(&self.slot.state) {
            State::Ended(result) => Poll::Ready(take_result(result)),
            State::Queued(waker) | State::Running(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
            State::Withdrawn => Poll::Pending,
        }
    }
}

impl<T> Drop for Receipt<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.slot.state);
        if let State::Queued(_) = *state {
            *state = State::Withdrawn;
        }
        while let State::Running(_) = *state {
            state = self
                .slot
                .ended
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn take_result<T>(result: &mut Option<Result<T, StoreError>>) -> Result<T, StoreError> {
    result.take().expect("a result is taken once")
}

struct Submitted<T, F> {
    operation: &'static str,
    durability: Durability,
    body: Option<F>,
    result: Option<Result<T, TxFault>>,
    slot: Arc<Slot<T>>,
    sequence: Option<WriteSequence>,
}

impl<T, F> Submitted<T, F> {
    fn sequence_fail(&self) {
        if let Some(sequence) = &self.sequence {
            sequence.fail();
        }
    }
}

/// A write to be queued.
pub(super) struct QueuedWrite<F> {
    pub(super) operation: &'static str,
    pub(super) durability: Durability,
    /// The sequence that the write is part of. The body has to ask it whether it has failed.
    pub(super) sequence: Option<WriteSequence>,
    pub(super) body: F,
}

/// Queues a write. It is made when the receipt is awaited, or with the batch of another write.
pub(super) fn queue<T, F>(group: &Arc<Group>, write: QueuedWrite<F>) -> Receipt<T>
where
    T: Send + 'static,
    F: FnOnce(&Tx<'_>) -> Result<T, TxFault> + Send + 'static,
{
    let slot = Arc::new(Slot {
        state: Mutex::new(State::Queued(None)),
        ended: Condvar::new(),
    });
    let receipt = Receipt {
        slot: Arc::clone(&slot),
        queued: Some(Arc::clone(group)),
    };
    group.enqueue(Box::new(Submitted {
        operation: write.operation,
        durability: write.durability,
        body: Some(write.body),
        result: None,
        slot,
        sequence: write.sequence,
    }));
    receipt
}

/// Queues a write, and requests that it is made now.
pub(super) fn submit<T, F>(group: &Arc<Group>, write: QueuedWrite<F>) -> Receipt<T>
where
    T: Send + 'static,
    F: FnOnce(&Tx<'_>) -> Result<T, TxFault> + Send + 'static,
{
    let mut receipt = queue(group, write);
    receipt.commit();
    receipt
}

impl<T, F> Job for Submitted<T, F>
where
    T: Send,
    F: FnOnce(&Tx<'_>) -> Result<T, TxFault> + Send,
{
    fn operation(&self) -> &'static str {
        self.operation
    }

    fn durability(&self) -> Durability {
        self.durability
    }

    fn begin(&mut self) -> bool {
        let mut state = lock(&self.slot.state);
        match &mut *state {
            State::Queued(waker) => {
                let waker = waker.take();
                *state = State::Running(waker);
                true
            }
            State::Running(_) | State::Ended(_) | State::Withdrawn => {
                self.sequence_fail();
                false
            }
        }
    }

    fn write(&mut self, tx: &Tx<'_>) -> bool {
        let body = self.body.take().expect("a write is made once");
        // The write is rolled back, as after any other failure, and it has no access to the other
        // writes. So a panic affects this write alone.
        let result = catch_unwind(AssertUnwindSafe(|| body(tx)));
        let result = result.unwrap_or_else(|_| Err(StoreError::Panicked.into()));
        let is_good = result.is_ok();
        if !is_good {
            self.sequence_fail();
        }
        self.result = Some(result);
        is_good
    }

    fn end(mut self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (self.result.take(), committed) {
            // A write that was refused reports its own error, whatever the result of the batch.
            (Some(Err(fault)), _) => Err(fault.into_error(self.operation)),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(error)) => Err(error),
            (None, Ok(())) => unreachable!("every write of a committed batch has a result"),
        };
        if result.is_err() {
            // Before the next batch begins.
            self.sequence_fail();
        }
        let mut state = lock(&self.slot.state);
        let before = std::mem::replace(&mut *state, State::Ended(Some(result)));
        drop(state);
        self.slot.ended.notify_all();
        if let State::Running(Some(waker)) = before {
            waker.wake();
        }
    }
}

impl<T, F> Drop for Submitted<T, F> {
    fn drop(&mut self) {
        // After a panic during the commit of a batch, its writes must not wait forever.
        let mut state = lock(&self.slot.state);
        if let State::Running(waker) = &mut *state {
            if let Some(sequence) = &self.sequence {
                sequence.fail();
            }
            let waker = waker.take();
            *state = State::Ended(Some(Err(StoreError::Panicked)));
            drop(state);
            self.slot.ended.notify_all();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}
