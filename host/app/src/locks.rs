//! Locks on behalf of a person: for how long, and what they are told meanwhile.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sedge_locks::error::LockError;
use sedge_locks::joined::{Joined, Pass};
use sedge_locks::manager::{Ask, LockGuard, LockManager};
use sedge_locks::mode::{Mode, Resource};
use sedge_locks::owner::Owner;
use sedge_model::lineage::Lineage;
use sedge_sys::clock::{self, Moment};
use sedge_sys::host;

use crate::error::AppError;
use crate::events::{Event, Events};
use crate::repository::Repository;

/// From when a wait is worth a word, and how often what is told is brought up to date.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// The locks of one use case.
pub(crate) struct Locks {
    repository: Arc<Repository>,
    manager: Arc<LockManager>,
    /// The call of another process that all of this is below.
    joined: Option<Joined>,
    wait_max: Duration,
    events: Arc<dyn Events>,
    waits: Mutex<Waits>,
}

/// Who has waited long enough for people to be told.
#[derive(Default)]
struct Waits {
    /// Since when, and who; the longest waiting first.
    lineages: BTreeSet<(Moment, Lineage)>,
    /// Whether a task tells of them.
    is_told: bool,
}

/// One of those in `waits`, until this is dropped.
struct Wait<'a> {
    locks: &'a Locks,
    key: (Moment, Lineage),
}

impl Locks {
    pub(crate) fn new(
        repository: &Arc<Repository>,
        events: Arc<dyn Events>,
    ) -> Result<Arc<Self>, AppError> {
        Ok(Arc::new(Self {
            repository: Arc::clone(repository),
            manager: Arc::clone(repository.locks()?),
            joined: repository.joined()?,
            wait_max: repository.lock_timeout(),
            events,
            waits: Mutex::default(),
        }))
    }

    /// Returns the call of another process that all of this is below.
    pub(crate) fn joined(&self) -> Option<&Joined> {
        self.joined.as_ref()
    }

    /// Returns who asked for the run, for records.
    pub(crate) fn by(&self) -> String {
        let user = host::user();
        match &self.joined {
            Some(joined) => format!("{user}, by a command of the call {}", joined.caller),
            None => user,
        }
    }

    /// Lets a process that a call of this one waits for work below it, until the pass is dropped.
    ///
    /// # Errors
    /// It cannot be written down.
    pub(crate) fn pass(&self, lineage: &Lineage, only_reads: bool) -> Result<Pass, AppError> {
        let session = self.repository.session()?;
        let above = self.joined.as_ref();
        let joined = Joined {
            caller: Owner {
                under: above.map(|joined| Box::new(joined.caller.clone())),
                session: session.id(),
                lineage: lineage.clone(),
            },
            only_reads: only_reads || above.is_some_and(|joined| joined.only_reads),
        };
        Ok(Pass::issue(session, &joined)?)
    }

    /// Locks what `wants` says, in its order, for `lineage`, which does `what`. Waits as long
    /// as the person wants, and not beyond `latest`.
    ///
    /// Whoever locks first in this process after the table was made anew tells the datastore
    /// so: what was locked in the former one counts no more. If that is this lock itself, it
    /// is locked again.
    pub(crate) async fn acquire(
        self: &Arc<Self>,
        lineage: &Lineage,
        what: &str,
        wants: &[(Resource, Mode)],
        latest: Option<Moment>,
    ) -> Result<LockGuard, AppError> {
        let since = Moment::now();
        let own = since.after(self.wait_max);
        let deadline = latest.map_or(own, |latest| latest.min(own));
        let ask = Ask {
            lineage,
            under: self.joined.as_ref().map(|joined| &joined.caller),
            what,
            wants,
            deadline,
        };
        loop {
            let guard = self.acquire_one(ask, since).await?;
            let epoch = guard.epoch();
            if self.repository.lock_epoch_note(epoch, deadline).await? {
                return Ok(guard);
            }
        }
    }

    async fn acquire_one(
        self: &Arc<Self>,
        ask: Ask<'_>,
        since: Moment,
    ) -> Result<LockGuard, LockError> {
        let lineage = ask.lineage;
        let mut acquired = std::pin::pin!(self.manager.acquire(ask));
        match clock::until(since.after(TELL_EVERY), acquired.as_mut()).await {
            Ok(acquired) => acquired,
            Err(clock::TimeIsUp) => {
                let _wait = self.wait(since, lineage);
                acquired.await
            }
        }
    }

    fn wait(self: &Arc<Self>, since: Moment, lineage: &Lineage) -> Wait<'_> {
        let key = (since, lineage.clone());
        let mut waits = self.waits();
        waits.lineages.insert(key.clone());
        if !std::mem::replace(&mut waits.is_told, true) {
            tokio::spawn(tell(Arc::downgrade(self)));
        }
        drop(waits);
        Wait { locks: self, key }
    }

    /// Tells of the longest wait; false if nobody waits any more.
    fn tell(&self) -> bool {
        let mut waits = self.waits();
        let Some((since, lineage)) = waits.lineages.first().cloned() else {
            waits.is_told = false;
            drop(waits);
            self.events.event(Event::LockWaitEnded);
            return false;
        };
        let n_others = waits.lineages.len() - 1;
        drop(waits);
        // It may have been granted just now.
        if let Some(waiting) = self.manager.waiting(&lineage) {
            self.events.event(Event::LockWaiting {
                call: lineage,
                resource: waiting.resource.to_string(),
                blockers: waiting.blockers.iter().map(ToString::to_string).collect(),
                waited: since.elapsed(),
                n_others,
            });
        }
        true
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.locks.waits().lineages.remove(&self.key);
    }
}

async fn tell(locks: Weak<Locks>) {
    while locks.upgrade().is_some_and(|locks| locks.tell()) {
        clock::pause(TELL_EVERY).await;
    }
}
