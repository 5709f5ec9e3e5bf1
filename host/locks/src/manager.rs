//! The lock manager: suspends tasks whose requests are not granted at once, and wakes them.
//!
//! A release wakes exactly the tasks whose requests it grants, in this process and in others. A
//! guard releases its locks when it is dropped, also by a panic or a cancelled task. A task that
//! is dropped while it waits leaves the queue. If a process dies, a process that waits for its
//! locks releases them as soon as the operating system reports the death.

mod state;
mod threads;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sedge_model::lineage::Lineage;
use sedge_sys::clock::{self, Moment};
use sedge_sys::shared_file::SharedFile;
use sedge_sys::thread;

use crate::error::{Blocker, LockError};
use crate::mode::{Mode, Resource};
use crate::owner::{Owner, SessionId};
pub use crate::replica::Epoch;
use crate::replica::TABLE_FILE;
use crate::session::Session;
use crate::table::{RequestId, TableEntry};
pub(crate) use state::blocker;
use state::{AcquireAnswer, Answer, Queued, State, Woken};

/// How long a task tries to take the table lock before a thread waits for it.
///
/// This is the length of several critical sections of other processes.
const TRY_TIME: Duration = Duration::from_micros(200);

/// A request for several locks.
#[derive(Debug, Clone, Copy)]
pub struct AcquireRequest<'a> {
    /// The lineage that will own the locks.
    pub lineage: &'a Lineage,
    /// The call of another process that waits for this lineage, or `None`.
    pub under: Option<&'a Owner>,
    /// The method that needs the locks, for display: `sink.run`.
    pub what: &'a str,
    /// The resources to lock, each once, with its mode. The datastore comes first.
    pub wants: &'a [(Resource, Mode)],
    /// The latest time until which the task waits.
    pub deadline: Moment,
}

/// A waiting request, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The resource that it waits for.
    pub resource: Resource,
    /// The requests that hold the resource or are ahead of it in the queue.
    pub blockers: Vec<Blocker>,
}

/// The locks of one process.
#[derive(Debug)]
pub struct LockManager {
    id: SessionId,
    session: Option<Arc<Session>>,
    /// How long a thread waits for the table lock if no task supplies a deadline.
    wait_max: Duration,
    state: Mutex<State>,
}

impl LockManager {
    /// Creates the manager of a process that shares its datastore with no other process.
    #[must_use]
    pub fn alone() -> Arc<Self> {
        Arc::new(Self {
            id: SessionId::from_bits(0),
            session: None,
            wait_max: Duration::MAX,
            state: Mutex::new(State::alone()),
        })
    }

    /// Creates the manager of a session, which shares the lock table of its folder with others.
    ///
    /// Releases the locks of sessions that died. No thread waits longer than `wait_max` for the
    /// table lock.
    ///
    /// # Errors
    /// The table cannot be used, or another process keeps the table lock for too long.
    pub fn shared(session: Arc<Session>, wait_max: Duration) -> Result<Arc<Self>, LockError> {
        let manager = Arc::new(Self {
            id: session.id(),
            wait_max,
            state: Mutex::new(State::shared(&session)?),
            session: Some(Arc::clone(&session)),
        });
        manager.with_table_blocking(&|_| {
            let files = session.files();
            if let Err(error) = SharedFile::leftovers_remove(files, TABLE_FILE) {
                tracing::debug!(%error, "failed to clean up after processes that ended");
            }
        })?;
        for dead in session.dead()? {
            if let Some(_claim) = session.claim(dead)? {
                manager.session_ended(dead)?;
            }
        }
        Ok(manager)
    }

    /// Acquires the locks, and waits until the deadline if necessary.
    ///
    /// An intention on the datastore is acquired first. All models are then requested in one
    /// critical section: each request takes its place in its queue at the same moment, so two
    /// tasks that hold nothing never wait for each other, whichever models they request.
    ///
    /// A request never waits for an ancestor of its lineage. While another call of the same run
    /// blocks it, the deadline is extended: a run with many calls of one model, each with a
    /// deadline of its own, must not fail because of their number.
    ///
    /// # Errors
    /// Returns [`LockError::Timeout`] at the deadline and [`LockError::Deadlock`] at once. In
    /// both cases none of the requested locks is held.
    pub async fn acquire(
        self: &Arc<Self>,
        request: AcquireRequest<'_>,
    ) -> Result<LockGuard, LockError> {
        let owner = Owner {
            under: request.under.cloned().map(Box::new),
            session: self.id,
            lineage: request.lineage.clone(),
        };
        // If the task is dropped or an error ends it, the guard releases granted and waiting
        // requests.
        let mut guard = LockGuard {
            manager: Arc::clone(self),
            epoch: Epoch(0),
            ids: Vec::new(),
        };
        let mut wants = request.wants;
        while !wants.is_empty() {
            let AcquireAnswer {
                epoch,
                ids,
                n_done,
                answer,
            } = self
                .with_table(request.deadline, &|state| {
                    let session = self.session.as_deref();
                    state.request(session, &owner, request.what, wants)
                })
                .await?;
            let is_lost = epoch != guard.epoch && !guard.ids.is_empty();
            if is_lost {
                // In the new table these numbers belong to other requests.
                guard.ids.clear();
            }
            guard.epoch = epoch;
            guard.ids.extend(ids);
            if is_lost {
                let resource = request.wants[0].0.clone();
                return Err(LockError::Lost { resource });
            }
            match answer {
                Answer::AllHeld => break,
                Answer::Deadlock(error) => return Err(*error),
                Answer::Wait { queued, watch } => {
                    self.watch(watch)?;
                    self.wait(&owner, queued, request.deadline).await?;
                }
            }
            wants = &wants[n_done..];
        }
        Ok(guard)
    }

    /// Waits until all requests of a batch are granted.
    async fn wait(
        &self,
        owner: &Owner,
        queued: Vec<Queued>,
        mut deadline: Moment,
    ) -> Result<(), LockError> {
        let since = Moment::now();
        let patience = since.until(deadline);
        let mut queued = VecDeque::from(queued);
        while let Some(next) = queued.front_mut() {
            match clock::until(deadline, &mut next.woken).await {
                Ok(Ok(Woken::Granted)) => {
                    queued.pop_front();
                }
                Ok(Ok(Woken::Lost) | Err(_)) => {
                    let resource = next.resource.clone();
                    return Err(LockError::Lost { resource });
                }
                Err(clock::DeadlinePassed) => {
                    self.check_blocked_by_own_run(owner, &queued, since)?;
                    deadline = Moment::now().after(patience);
                }
            }
        }
        Ok(())
    }

    /// Checks at the deadline that another call of the same run blocks one of the requests.
    fn check_blocked_by_own_run(
        &self,
        owner: &Owner,
        queued: &VecDeque<Queued>,
        since: Moment,
    ) -> Result<(), LockError> {
        let state = self.state();
        let blocked: Vec<(&Resource, Vec<Blocker>)> = queued
            .iter()
            .map(|it| (&it.resource, state.blockers(it.id)))
            .collect();
        drop(state);
        let is_own = |blocker: &Blocker| {
            blocker.owner.session == owner.session
                && blocker.owner.lineage.run() == owner.lineage.run()
        };
        if blocked
            .iter()
            .any(|(_, blockers)| blockers.iter().any(is_own))
        {
            return Ok(());
        }
        // Others of the batch may have been granted meanwhile.
        let is_granted = |(_, blockers): &(&Resource, Vec<Blocker>)| blockers.is_empty();
        let at = blocked.iter().position(|it| !is_granted(it)).unwrap_or(0);
        let mut blocked = blocked.into_iter().skip(at);
        let (resource, blockers) = blocked.next().expect("at least one request waits");
        Err(LockError::Timeout {
            resource: resource.clone(),
            blockers: self.with_sessions(blockers),
            waited_ms: ms(since),
        })
    }

    /// Returns what a lineage waits for at the moment, or `None` if it does not wait.
    ///
    /// If several of its requests wait, this is the first of them in the order of the resources.
    #[must_use]
    pub fn waiting(&self, lineage: &Lineage) -> Option<Waiting> {
        let mut waiting = self.state().waiting(self.id, lineage)?;
        waiting.blockers = self.with_sessions(waiting.blockers);
        Some(waiting)
    }

    /// Returns the epoch of the current table.
    ///
    /// # Errors
    /// The table cannot be used, or other processes kept the table lock until the deadline.
    pub async fn epoch(self: &Arc<Self>, deadline: Moment) -> Result<Epoch, LockError> {
        self.with_table(deadline, &|state| state.epoch()).await
    }

    /// Returns all requests, granted and waiting, and the epoch of their table.
    ///
    /// The list includes the requests of dead sessions that no process has released yet. Blocks
    /// the thread until this process has the table lock.
    ///
    /// # Errors
    /// The table cannot be used.
    pub fn entries(&self) -> Result<(Epoch, Vec<TableEntry>), LockError> {
        self.with_table_blocking(&|state| {
            (state.epoch(), state.table().entries().cloned().collect())
        })
    }

    /// Releases requests of any owner by force. Their guards then hold nothing.
    ///
    /// If the current table has another epoch than `epoch`, the numbers belong to other requests
    /// and nothing is released. Blocks the thread until this process has the table lock.
    ///
    /// The caller must fence off the owners first, so that their writes are refused.
    ///
    /// # Errors
    /// The table cannot be used.
    pub fn release_by_force(&self, epoch: Epoch, ids: &[RequestId]) -> Result<(), LockError> {
        self.with_table_blocking(&|state| {
            if state.epoch() == epoch {
                state.free(ids);
            }
        })
    }

    fn with_sessions(&self, mut blockers: Vec<Blocker>) -> Vec<Blocker> {
        if let Some(session) = &self.session {
            for blocker in &mut blockers {
                blocker.session = crate::session::info(session.files(), blocker.owner.session);
            }
        }
        blockers
    }

    /// Runs `work` on the table while holding the table lock.
    ///
    /// A task that waits for the table lock does not block a thread of the runtime.
    async fn with_table<T>(
        self: &Arc<Self>,
        deadline: Moment,
        work: &(dyn Fn(&mut State) -> T + Sync),
    ) -> Result<T, LockError> {
        let since = Moment::now();
        loop {
            if let Some(done) = self.try_with_table(work)? {
                return Ok(done);
            }
            let locked = clock::until(deadline, self.table_lock_begin()?).await;
            let Ok(locked) = locked else {
                let waited_ms = ms(since);
                return Err(LockError::TableBusy { waited_ms });
            };
            // If the thread found no file, it sent nothing, and the next attempt creates the
            // file.
            // ignored: the thread that waited sent nothing, which is no error of its own.
            if let Ok(locked) = locked
                && let Some(done) = self.with_table_now(Some(locked?), work)?
            {
                return Ok(done);
            }
        }
    }

    /// Runs `work` on the table while holding the table lock, and blocks the thread until then.
    fn with_table_blocking<T>(&self, work: &dyn Fn(&mut State) -> T) -> Result<T, LockError> {
        let since = Moment::now();
        let deadline = since.after(self.wait_max);
        loop {
            if let Some(done) = self.try_with_table(work)? {
                return Ok(done);
            }
            let Some(session) = &self.session else {
                continue;
            };
            let Some(locked) = threads::table_lock_until(session, deadline)? else {
                let waited_ms = ms(since);
                return Err(LockError::TableBusy { waited_ms });
            };
            if let Some(locked) = locked
                && let Some(done) = self.with_table_now(Some(locked), work)?
            {
                return Ok(done);
            }
        }
    }

    /// Tries for a short time to run `work`; returns `None` if other processes hold the table
    /// lock.
    fn try_with_table<T>(&self, work: &dyn Fn(&mut State) -> T) -> Result<Option<T>, LockError> {
        let since = Moment::now();
        loop {
            if let Some(done) = self.with_table_now(None, work)? {
                return Ok(Some(done));
            }
            if since.elapsed() > TRY_TIME {
                return Ok(None);
            }
            thread::yield_now();
        }
    }

    /// Runs `work` on the table if the table lock is free, or if `locked` holds it already.
    fn with_table_now<T>(
        &self,
        locked: Option<SharedFile>,
        work: &dyn Fn(&mut State) -> T,
    ) -> Result<Option<T>, LockError> {
        let mut state = self.state();
        if !state.enter(self.session.as_deref(), locked)? {
            return Ok(None);
        }
        let done = work(&mut state);
        let left = state.leave(self.session.as_deref());
        let others = state.others_granted();
        drop(state);
        if let Some(session) = &self.session {
            for other in others {
                session.ring(other);
            }
        }
        left?;
        Ok(Some(done))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave a step of the table half done: each step is one insert or remove.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LockManager {
    fn drop(&mut self) {
        if let Some(session) = &self.session
            && self.state().is_releasing()
        {
            session.stay();
        }
    }
}

/// Locks that are held until this guard is dropped.
#[derive(Debug)]
pub struct LockGuard {
    manager: Arc<LockManager>,
    epoch: Epoch,
    ids: Vec<RequestId>,
}

impl LockGuard {
    /// Returns the epoch of the table that the locks are in.
    ///
    /// Locks of another epoch than the current one exclude no other owner.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        if self.ids.is_empty() {
            return;
        }
        let (epoch, ids) = (self.epoch, std::mem::take(&mut self.ids));
        let manager = &self.manager;
        manager.state().release_later(epoch, &ids);
        // Every critical section releases what is pending.
        match manager.try_with_table(&|_| ()) {
            Ok(Some(())) => {}
            Ok(None) => manager.release_in_thread(),
            Err(error) => {
                tracing::warn!(%error, "failed to release a lock, which will be tried again");
            }
        }
    }
}

fn ms(since: Moment) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
