//! Locks on behalf of a person: for how long, and what they are told meanwhile.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sedge_locks::error::LockError;
use sedge_locks::manager::{Ask, LockGuard, LockManager};
use sedge_locks::mode::{Mode, Resource};
use sedge_model::lineage::Lineage;
use sedge_sys::clock::{self, Moment};

use crate::error::AppError;
use crate::events::{Event, Events};
use crate::repository::Repository;

/// From when a wait is worth a word, and how often what is told is brought up to date.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// The locks of one use case.
pub(crate) struct Locks {
    repository: Arc<Repository>,
    manager: Arc<LockManager>,
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
            wait_max: repository.lock_timeout(),
            events,
            waits: Mutex::default(),
        }))
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
            under: None,
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
