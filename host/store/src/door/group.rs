//! Group commit: what tasks write at the same time shares one transaction and one sync.
//!
//! Who comes while nobody writes, writes at once, on its own thread. Who comes while somebody
//! does, is put in line; when the writing ends, one thread of the process takes the whole line
//! and commits it together, each write behind a savepoint of its own, as if it were alone.
//! (DeWitt et al. 1984 have the idea; that the idle case takes no detour by way of another
//! thread is worth two wake-ups, which here cost a third of a commit.)

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use sedge_sys::clock::Clock;

use super::{Durability, Fault, Tx, Writer, WriterSql, lock};
use crate::error::StoreError;
use crate::medium::Medium;

/// The most writes that share a transaction: beyond some, a sync is no longer what costs.
const GROUP_MAX: usize = 64;

/// All that writes in this process.
#[derive(Debug)]
pub(super) struct Group {
    medium: Medium,
    writer: Mutex<Option<Writer>>,
    line: Mutex<Line>,
    /// Rung whenever nobody writes any more, or the line has got its first member.
    changed: Condvar,
}

#[derive(Default)]
struct Line {
    /// Whether some thread writes just now.
    is_busy: bool,
    /// Threads that want to write alone. They and the line take turns.
    n_alone: usize,
    is_turn_of_alone: bool,
    jobs: VecDeque<Box<dyn Job>>,
    has_thread: bool,
    is_closed: bool,
}

impl Line {
    fn may_be_committed(&self) -> bool {
        let others_first = self.n_alone > 0 && self.is_turn_of_alone;
        !self.is_busy && !self.jobs.is_empty() && !others_first
    }

    fn may_write_alone(&self) -> bool {
        let others_first = !self.jobs.is_empty() && !self.is_turn_of_alone;
        !self.is_busy && !others_first
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in line", self.jobs.len())
    }
}

/// A write that was submitted.
trait Job: Send {
    fn operation(&self) -> &'static str;
    fn durability(&self) -> Durability;
    /// Begins, unless nobody wants it any more.
    fn begin(&mut self) -> bool;
    /// Writes. A fault is kept, to be told at the end; whether there was one is returned.
    fn write(&mut self, tx: &Tx<'_>) -> bool;
    /// Tells how it ended: as the write did if the group was committed.
    fn end(self: Box<Self>, committed: Result<(), StoreError>);
}

impl Group {
    pub(super) fn new(medium: Medium) -> Self {
        Self {
            medium,
            writer: Mutex::default(),
            line: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Runs `body` as soon as nobody else of this process writes, and what is in line does not
    /// come first.
    pub(super) fn alone<T>(
        self: &Arc<Self>,
        body: impl FnOnce(&mut Writer) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut line = self.line();
        line.n_alone += 1;
        while !line.may_write_alone() {
            line = wait(&self.changed, line);
        }
        line.n_alone -= 1;
        line.is_turn_of_alone = false;
        line.is_busy = true;
        drop(line);
        let _busy = Busy(self);
        self.with_writer(body)
    }

    /// Ends the thread, once the line is empty.
    pub(super) fn close(&self) {
        self.line().is_closed = true;
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

    fn put(self: &Arc<Self>, job: Box<dyn Job>) {
        let mut line = self.line();
        if !line.is_busy && line.n_alone == 0 && line.jobs.is_empty() {
            line.is_busy = true;
            drop(line);
            let _busy = Busy(self);
            self.commit(vec![job]);
            return;
        }
        line.jobs.push_back(job);
        let starts = !std::mem::replace(&mut line.has_thread, true);
        drop(line);
        if !starts {
            self.changed.notify_all();
            return;
        }
        // It has the group for its own until that is closed: what is in line is not to go with
        // a store that is dropped before the thread has begun.
        let group = Arc::clone(self);
        let work = move || group.work(|line| line.is_closed);
        if sedge_sys::thread::start("sedge-writer", work).is_err() {
            // No thread is to be had: then this one does the work, as the others wait anyway.
            self.work(|_| true);
        }
    }

    /// Commits what is in line, and what comes to it meanwhile, until the line is empty and
    /// that `is_enough`.
    fn work(self: &Arc<Self>, is_enough: impl Fn(&Line) -> bool) {
        loop {
            // Whatever panics, what is in line is not to wait for a thread that is gone. The
            // panic itself has been told, and who was in the group hears of it too.
            let committed = catch_unwind(AssertUnwindSafe(|| self.commit_line()));
            if committed.unwrap_or(true) {
                continue;
            }
            let mut line = self.line();
            if line.jobs.is_empty() && is_enough(&line) {
                line.has_thread = false;
                return;
            }
            // Who writes alone now, or wants to, rings at the end.
            if !line.may_be_committed() {
                drop(wait(&self.changed, line));
            }
        }
    }

    /// Commits what is in line; false if that is nothing, or somebody else writes.
    fn commit_line(self: &Arc<Self>) -> bool {
        let mut line = self.line();
        if !line.may_be_committed() {
            return false;
        }
        line.is_busy = true;
        line.is_turn_of_alone = true;
        let n = line.jobs.len().min(GROUP_MAX);
        let jobs = line.jobs.drain(..n).collect();
        drop(line);
        let _busy = Busy(self);
        self.commit(jobs);
        true
    }

    /// Commits these together, and tells each how it went.
    fn commit(&self, mut jobs: Vec<Box<dyn Job>>) {
        jobs.retain_mut(|job| job.begin());
        let Some(first) = jobs.first() else {
            return;
        };
        let operation = first.operation();
        let committed = self.with_writer(|writer| {
            let _turn = writer.queue.enter()?;
            together(&mut writer.sql, &self.medium.clock, &mut jobs)
                .map_err(|fault| fault.into_error(operation))
        });
        for job in jobs {
            let operation = job.operation();
            job.end(match &committed {
                Ok(()) => Ok(()),
                Err(error) => Err(error.told_again(operation)),
            });
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        lock(&self.line)
    }
}

/// Some thread writes until this is dropped.
struct Busy<'a>(&'a Group);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.line().is_busy = false;
        self.0.changed.notify_all();
    }
}

/// Writes all, and commits; what has a fault is undone alone.
fn together(sql: &mut WriterSql, clock: &Clock, jobs: &mut [Box<dyn Job>]) -> Result<(), Fault> {
    let durability = jobs.iter().map(|job| job.durability()).max();
    let mut transaction = sql.begin(durability.unwrap_or(Durability::PowerCut))?;
    if let [job] = jobs {
        // One that is alone is undone with the whole.
        return match job.write(&Tx::new(&transaction, clock)) {
            true => Ok(transaction.commit()?),
            false => Ok(transaction.rollback()?),
        };
    }
    for job in jobs {
        let savepoint = transaction.savepoint()?;
        if job.write(&Tx::new(&savepoint, clock)) {
            savepoint.commit()?;
        } else {
            // After some faults (a full disk) SQLite has undone everything by itself; then this
            // fails, and with it all that were in the group.
            savepoint.finish()?;
        }
    }
    Ok(transaction.commit()?)
}

fn wait<'a>(changed: &Condvar, line: MutexGuard<'a, Line>) -> MutexGuard<'a, Line> {
    changed.wait(line).unwrap_or_else(PoisonError::into_inner)
}

/// What a write will return: to be awaited by a task, or waited for by a thread.
///
/// Dropping it takes the write out of the line, if it has not begun; if it has, the thread
/// waits until it has ended, so that nothing is written any more once this is gone.
#[must_use = "what becomes of the write is told here"]
#[derive(Debug)]
pub struct Receipt<T> {
    slot: Arc<Slot<T>>,
}

#[derive(Debug)]
struct Slot<T> {
    state: Mutex<State<T>>,
    ended: Condvar,
}

#[derive(Debug)]
enum State<T> {
    InLine(Option<Waker>),
    UnderWay(Option<Waker>),
    Ended(Option<Result<T, StoreError>>),
    Withdrawn,
}

impl<T> Receipt<T> {
    /// Returns a receipt for what has ended already.
    pub(crate) fn ended(result: Result<T, StoreError>) -> Self {
        let slot = Arc::new(Slot {
            state: Mutex::new(State::Ended(Some(result))),
            ended: Condvar::new(),
        });
        Self { slot }
    }

    /// Blocks the thread until the write has ended.
    ///
    /// # Errors
    /// Why it was not made.
    pub fn wait(self) -> Result<T, StoreError> {
        let mut state = lock(&self.slot.state);
        loop {
            match &mut *state {
                State::Ended(result) => return taken(result),
                State::InLine(_) | State::UnderWay(_) | State::Withdrawn => {
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

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *lock(&self.slot.state) {
            State::Ended(result) => Poll::Ready(taken(result)),
            State::InLine(waker) | State::UnderWay(waker) => {
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
        if let State::InLine(_) = *state {
            *state = State::Withdrawn;
        }
        while let State::UnderWay(_) = *state {
            state = self
                .slot
                .ended
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn taken<T>(result: &mut Option<Result<T, StoreError>>) -> Result<T, StoreError> {
    result.take().expect("a receipt is asked once")
}

struct Submitted<T, F> {
    operation: &'static str,
    durability: Durability,
    body: Option<F>,
    result: Option<Result<T, Fault>>,
    slot: Arc<Slot<T>>,
}

pub(super) fn submit<T, F>(
    group: &Arc<Group>,
    operation: &'static str,
    durability: Durability,
    body: F,
) -> Receipt<T>
where
    T: Send + 'static,
    F: FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
{
    let slot = Arc::new(Slot {
        state: Mutex::new(State::InLine(None)),
        ended: Condvar::new(),
    });
    let receipt = Receipt {
        slot: Arc::clone(&slot),
    };
    group.put(Box::new(Submitted {
        operation,
        durability,
        body: Some(body),
        result: None,
        slot,
    }));
    receipt
}

impl<T, F> Job for Submitted<T, F>
where
    T: Send,
    F: FnOnce(&Tx<'_>) -> Result<T, Fault> + Send,
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
            State::InLine(waker) => {
                let waker = waker.take();
                *state = State::UnderWay(waker);
                true
            }
            State::UnderWay(_) | State::Ended(_) | State::Withdrawn => false,
        }
    }

    fn write(&mut self, tx: &Tx<'_>) -> bool {
        let body = self.body.take().expect("a write is made once");
        // What it has written is undone, as after any other fault, and nothing else is at
        // hand to it: so a panic is its own, and in nobody's way.
        let result = catch_unwind(AssertUnwindSafe(|| body(tx)));
        let result = result.unwrap_or_else(|_| Err(StoreError::Panicked.into()));
        let is_good = result.is_ok();
        self.result = Some(result);
        is_good
    }

    fn end(mut self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (self.result.take(), committed) {
            // What it refused, it refused, whatever became of the others.
            (Some(Err(fault)), _) => Err(fault.into_error(self.operation)),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(error)) => Err(error),
            (None, Ok(())) => unreachable!("all of a group that was committed was written"),
        };
        let mut state = lock(&self.slot.state);
        let before = std::mem::replace(&mut *state, State::Ended(Some(result)));
        drop(state);
        self.slot.ended.notify_all();
        if let State::UnderWay(Some(waker)) = before {
            waker.wake();
        }
    }
}

impl<T, F> Drop for Submitted<T, F> {
    fn drop(&mut self) {
        // After a panic in somebody's write, nobody is to wait for ever.
        let mut state = lock(&self.slot.state);
        if let State::UnderWay(waker) = &mut *state {
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
