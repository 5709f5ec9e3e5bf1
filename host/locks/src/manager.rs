//! Makes tasks wait for what the table does not grant at once, and wakes them.
//!
//! Exactly those are woken that a release lets go, in this process and in others. A guard
//! releases when it is dropped, also by a panic or a cancelled task; a task that is dropped
//! while it waits leaves the queue. What a process that died had locked is released by
//! whoever waited for it, the moment that the operating system tells of its death.

mod state;
mod threads;

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
use crate::table::{Entry, RequestId};
pub(crate) use state::blocker;
use state::{Answer, Asked, State, Woken};

/// How long a task tries for its turn at the table before it has a thread wait for it:
/// several turns of other processes.
const TRY_TIME: Duration = Duration::from_micros(200);

/// What is to be locked, all at once or one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// For whom.
    pub lineage: &'a Lineage,
    /// The call of another process that waits for this lineage, if one does.
    pub under: Option<&'a Owner>,
    /// What for, to people: `sink.run`.
    pub what: &'a str,
    /// The resources, in the order in which they are to be locked, and how each.
    pub wants: &'a [(Resource, Mode)],
    /// How long to wait at the most.
    pub deadline: Moment,
}

/// A request that waits, as people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// What it waits for.
    pub resource: Resource,
    /// Who has it, or is in front.
    pub blockers: Vec<Blocker>,
}

/// The locks of one process.
#[derive(Debug)]
pub struct LockManager {
    id: SessionId,
    session: Option<Arc<Session>>,
    /// How long a thread waits for its turn at the table where no task says for how long.
    wait_max: Duration,
    state: Mutex<State>,
}

impl LockManager {
    /// Makes a manager of a process that shares its datastore with nobody.
    #[must_use]
    pub fn alone() -> Arc<Self> {
        Arc::new(Self {
            id: SessionId::from_bits(0),
            session: None,
            wait_max: Duration::MAX,
            state: Mutex::new(State::alone()),
        })
    }

    /// Makes the manager of a session, which shares the table of its folder with others.
    /// Sees to what sessions left behind that died. No thread waits longer than `wait_max` for
    /// its turn at the table.
    ///
    /// # Errors
    /// The table cannot be used, or another process keeps the turn.
    pub fn shared(session: Arc<Session>, wait_max: Duration) -> Result<Arc<Self>, LockError> {
        let manager = Arc::new(Self {
            id: session.id(),
            wait_max,
            state: Mutex::new(State::shared(&session)?),
            session: Some(Arc::clone(&session)),
        });
        manager.turn_blocking(&|_| {
            let files = session.files();
            if let Err(error) = SharedFile::leftovers_remove(files, TABLE_FILE) {
                tracing::debug!(%error, "failed to tidy up after processes that died");
            }
        })?;
        for dead in session.dead()? {
            if let Some(_claim) = session.claim(dead)? {
                manager.session_ended(dead)?;
            }
        }
        Ok(manager)
    }

    /// Locks what is asked for, one resource after the other, waiting until the deadline at
    /// the most.
    ///
    /// Never waits for an ancestor of the lineage. As long as another call of its own run is
    /// in the way, it is that call's turn and the deadline is put off: a run of many calls of
    /// one model, each with time of its own, must not fail for being many.
    ///
    /// # Errors
    /// [`LockError::Timeout`] at the deadline, [`LockError::Deadlock`] at once; nothing of
    /// what was asked for is held then.
    pub async fn acquire(self: &Arc<Self>, ask: Ask<'_>) -> Result<LockGuard, LockError> {
        let owner = Owner {
            under: ask.under.cloned().map(Box::new),
            session: self.id,
            lineage: ask.lineage.clone(),
        };
        let mut guard = LockGuard {
            manager: Arc::clone(self),
            epoch: Epoch(0),
            ids: Vec::new(),
        };
        let mut wants = ask.wants;
        while !wants.is_empty() {
            let Asked {
                epoch,
                held,
                n_done,
                answer,
            } = self
                .turn(ask.deadline, &|state| {
                    let session = self.session.as_deref();
                    state.ask(session, &owner, ask.what, wants)
                })
                .await?;
            let is_lost = epoch != guard.epoch && !guard.ids.is_empty();
            if is_lost {
                // Their numbers are those of others by now.
                guard.ids.clear();
            }
            guard.epoch = epoch;
            guard.ids.extend(held);
            if let Answer::Wait { id, .. } = &answer {
                guard.ids.push(*id);
            }
            if is_lost {
                let resource = ask.wants[0].0.clone();
                return Err(LockError::Lost { resource });
            }
            let Some((resource, _)) = wants.get(n_done) else {
                break;
            };
            match answer {
                Answer::AllHeld => break,
                Answer::Deadlock(error) => return Err(*error),
                Answer::Wait { id, woken, watch } => {
                    self.watch(watch)?;
                    self.wait(&owner, id, resource, (ask.deadline, woken))
                        .await?;
                }
            }
            wants = &wants[n_done + 1..];
        }
        Ok(guard)
    }

    /// Waits until a request is granted.
    async fn wait(
        &self,
        owner: &Owner,
        id: RequestId,
        resource: &Resource,
        (mut deadline, mut woken): (Moment, tokio::sync::oneshot::Receiver<Woken>),
    ) -> Result<(), LockError> {
        let since = Moment::now();
        let patience = since.until(deadline);
        loop {
            match clock::until(deadline, &mut woken).await {
                Ok(Ok(Woken::Granted)) => return Ok(()),
                Ok(Ok(Woken::Lost) | Err(_)) => {
                    let resource = resource.clone();
                    return Err(LockError::Lost { resource });
                }
                Err(clock::TimeIsUp) => {}
            }
            let blockers = self.state().blockers(id);
            let is_own = |blocker: &Blocker| {
                blocker.owner.session == owner.session
                    && blocker.owner.lineage.run() == owner.lineage.run()
            };
            if !blockers.iter().any(is_own) {
                return Err(LockError::Timeout {
                    resource: resource.clone(),
                    blockers: self.with_sessions(blockers),
                    waited_ms: ms(since),
                });
            }
            deadline = Moment::now().after(patience);
        }
    }

    /// Returns what a lineage waits for just now, if it waits.
    #[must_use]
    pub fn waiting(&self, lineage: &Lineage) -> Option<Waiting> {
        let mut waiting = self.state().waiting(self.id, lineage)?;
        waiting.blockers = self.with_sessions(waiting.blockers);
        Some(waiting)
    }

    /// Returns which table is the one of all processes now.
    ///
    /// # Errors
    /// The table cannot be used, or others used it until the deadline.
    pub async fn epoch(self: &Arc<Self>, deadline: Moment) -> Result<Epoch, LockError> {
        self.turn(deadline, &|state| state.epoch()).await
    }

    /// Returns who has and who wants which lock, and in which table; what died and nobody has
    /// seen to yet is among it. Blocks the thread until it is this process's turn at the table.
    ///
    /// # Errors
    /// The table cannot be used.
    pub fn entries(&self) -> Result<(Epoch, Vec<Entry>), LockError> {
        self.turn_blocking(&|state| (state.epoch(), state.table().entries().cloned().collect()))
    }

    /// Releases what others have, whoever they are: their guards hold nothing from then on.
    /// In another table than that of the `epoch`, these numbers are those of others, and
    /// nothing is released. Blocks the thread until it is this process's turn at the table.
    ///
    /// Who calls this has seen to it that their writes are refused from now on.
    ///
    /// # Errors
    /// The table cannot be used.
    pub fn release_by_force(&self, epoch: Epoch, ids: &[RequestId]) -> Result<(), LockError> {
        self.turn_blocking(&|state| {
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

    /// Does something with the table in this process's turn. A task waits for it without a
    /// thread of the runtime.
    async fn turn<T>(
        self: &Arc<Self>,
        deadline: Moment,
        work: &(dyn Fn(&mut State) -> T + Sync),
    ) -> Result<T, LockError> {
        let since = Moment::now();
        loop {
            if let Some(done) = self.try_turn(work)? {
                return Ok(done);
            }
            let turn = clock::until(deadline, self.turn_begin()?).await;
            let Ok(turn) = turn else {
                let waited_ms = ms(since);
                return Err(LockError::TableBusy { waited_ms });
            };
            // A thread that found no file sent nothing: then it is put back here.
            // ignored: the thread that waited sent nothing, which is no error of its own.
            if let Ok(turn) = turn
                && let Some(done) = self.turn_at(Some(turn?), work)?
            {
                return Ok(done);
            }
        }
    }

    /// Does something with the table in this process's turn, blocking the thread until then.
    fn turn_blocking<T>(&self, work: &dyn Fn(&mut State) -> T) -> Result<T, LockError> {
        let since = Moment::now();
        let deadline = since.after(self.wait_max);
        loop {
            if let Some(done) = self.try_turn(work)? {
                return Ok(done);
            }
            let Some(session) = &self.session else {
                continue;
            };
            let Some(turn) = threads::turn_until(session, deadline)? else {
                let waited_ms = ms(since);
                return Err(LockError::TableBusy { waited_ms });
            };
            if let Some(turn) = turn
                && let Some(done) = self.turn_at(Some(turn), work)?
            {
                return Ok(done);
            }
        }
    }

    /// Tries for a moment to do something with the table; none if others have the turn.
    fn try_turn<T>(&self, work: &dyn Fn(&mut State) -> T) -> Result<Option<T>, LockError> {
        let since = Moment::now();
        loop {
            if let Some(done) = self.turn_at(None, work)? {
                return Ok(Some(done));
            }
            if since.elapsed() > TRY_TIME {
                return Ok(None);
            }
            thread::give_way();
        }
    }

    /// Does something with the table, if it is this process's turn or `turn` makes it so.
    fn turn_at<T>(
        &self,
        turn: Option<SharedFile>,
        work: &dyn Fn(&mut State) -> T,
    ) -> Result<Option<T>, LockError> {
        let mut state = self.state();
        if !state.enter(self.session.as_deref(), turn)? {
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
        // No step of the table can be left half done by a panic: each is one insert or remove.
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

/// Locks that are held until this is dropped.
#[derive(Debug)]
pub struct LockGuard {
    manager: Arc<LockManager>,
    epoch: Epoch,
    ids: Vec<RequestId>,
}

impl LockGuard {
    /// Returns which table the locks are in: those of another one keep nobody out.
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
        // What is to be released is released in every turn.
        match manager.try_turn(&|_| ()) {
            Ok(Some(())) => {}
            Ok(None) => manager.turn_in_thread(),
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
