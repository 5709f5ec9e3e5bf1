//! The locks of one use case: how long it waits for them, and which waits it reports to the user.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sedge_lang::type_info::MethodKind;
use sedge_locks::error::LockError;
use sedge_locks::joined::{Joined, JoinedMethods, Pass};
use sedge_locks::manager::{AcquireRequest, LockGuard, LockManager};
use sedge_locks::mode::{Mode, Resource};
use sedge_locks::owner::Owner;
use sedge_model::lineage::Lineage;
use sedge_model::run::Actor;
use sedge_store::LockOwner;
use sedge_sys::clock::{self, Moment};

use crate::cx::Cx;
use crate::error::{AppError, LockUseError};
use crate::events::Event;
use crate::repository::snapshot::RepositorySnapshot;

/// How long a call waits for a lock.
///
/// Crashed processes and deadlocks are detected without this deadline. A call that holds a lock for
/// so long is working, and takes longer than most users want to wait.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a call waits before the wait is reported, and how often the report is refreshed.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// The locks of one use case.
pub(crate) struct Locks {
    cx: Cx,
    manager: Arc<LockManager>,
    /// The call of another process whose command this process is part of, if any.
    joined: Option<Joined>,
    /// The same call with those above it, as the store knows them.
    under: Option<Arc<LockOwner>>,
    /// The user who requested the use case, as records have it.
    actor: Actor,
    wait_max: Duration,
    waits: Mutex<Waits>,
}

/// The calls that have waited long enough to be reported.
#[derive(Default)]
struct Waits {
    /// The start of the wait and the call, the longest wait first.
    lineages: BTreeSet<(Moment, Lineage)>,
    /// Whether a task is reporting the waits.
    is_reporting: bool,
}

/// An entry in `waits`, which is removed when this is dropped.
struct Wait<'a> {
    locks: &'a Locks,
    key: (Moment, Lineage),
}

impl Locks {
    /// Returns the locks of a use case that begins.
    ///
    /// # Errors
    /// Returns an error if this process is part of a command of a call that has ended, or whose lock
    /// was released by force; or if the files cannot be used.
    pub(crate) fn new(cx: &Cx, repository: &RepositorySnapshot) -> Result<Arc<Self>, AppError> {
        let joined = repository.joined()?;
        let locks = Self {
            cx: cx.clone(),
            manager: Arc::clone(repository.locks()?),
            actor: cx.actor_below(joined.as_ref()),
            under: joined.as_ref().and_then(lock_owner_of),
            joined,
            wait_max: repository.lock_timeout(),
            waits: Mutex::default(),
        };
        locks.caller_check()?;
        Ok(Arc::new(locks))
    }

    /// Returns the call of another process whose command this process is part of, if any.
    pub(crate) fn joined(&self) -> Option<&Joined> {
        self.joined.as_ref()
    }

    /// Returns the kind of the method whose command this process is part of, if the methods that may
    /// run below it are limited for that reason.
    pub(crate) fn looking_kind(&self) -> Option<MethodKind> {
        match self.joined.as_ref()?.methods {
            JoinedMethods::Reads => Some(MethodKind::Read),
            JoinedMethods::Observations => Some(MethodKind::Observe),
            JoinedMethods::All => None,
        }
    }

    /// Returns the same call as the store knows it.
    pub(crate) fn under(&self) -> Option<&Arc<LockOwner>> {
        self.under.as_ref()
    }

    /// Returns an error if this process is part of a command of a call whose lock was released by
    /// force.
    fn caller_check(&self) -> Result<(), AppError> {
        let Some(under) = &self.under else {
            return Ok(());
        };
        match self.cx.repository.store()?.fenced(under)? {
            Some(caller) => Err(LockUseError::CallerLockLost(caller).into()),
            None => Ok(()),
        }
    }

    /// Returns the user who requested the use case, for records. If the command of a call did, the
    /// name of the call follows that of the user.
    pub(crate) fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Returns the call whose command requested the use case, if any.
    pub(crate) fn by_call(&self) -> Option<Lineage> {
        self.joined
            .as_ref()
            .map(|joined| joined.caller.lineage.clone())
    }

    /// Lets a child process work on behalf of the call `lineage`, until the pass is dropped. The
    /// lineage is the one that the lock table knows, so the locks of the process are below the call.
    /// `claim` is the number of the claim on the run of this lineage, and `methods` are those that
    /// may run below the call.
    ///
    /// # Errors
    /// Returns an error if the pass cannot be written.
    pub(crate) fn pass(
        &self,
        lineage: &Lineage,
        claim: u64,
        methods: JoinedMethods,
    ) -> Result<Pass, AppError> {
        let session = self.cx.repository.session()?;
        let above = self.joined.as_ref();
        let claims = above.map(|joined| joined.claims.iter().copied());
        let joined = Joined {
            caller: Owner {
                under: above.map(|joined| Box::new(joined.caller.clone())),
                session: session.id(),
                lineage: lineage.clone(),
            },
            claims: claims.into_iter().flatten().chain([claim]).collect(),
            methods: above.map_or(methods, |joined| joined.methods.min(methods)),
        };
        Ok(Pass::issue(session, &joined)?)
    }

    /// Acquires the locks in `wants` for the call `lineage`, which does `what`. The datastore comes
    /// first in `wants`; all models are requested at once when it is granted.
    /// Waits as long as the user allows, and not beyond `latest`.
    ///
    /// The first lock that this process acquires in a lock table records the epoch of that table in
    /// the datastore: locks of former tables are stale from then on. If the table was recreated
    /// after it granted this lock, the lock is acquired again.
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
        let request = AcquireRequest {
            lineage,
            under: self.joined.as_ref().map(|joined| &joined.caller),
            what,
            wants,
            deadline,
        };
        loop {
            let guard = self.acquire_one(request, since).await?;
            let epoch = guard.epoch();
            if self.cx.repository.lock_epoch_note(epoch, deadline).await? {
                // The lock of a caller may have been released while this call waited, and another
                // call may hold it now.
                self.caller_check()?;
                return Ok(guard);
            }
        }
    }

    async fn acquire_one(
        self: &Arc<Self>,
        request: AcquireRequest<'_>,
        since: Moment,
    ) -> Result<LockGuard, LockError> {
        let lineage = request.lineage;
        let mut acquired = std::pin::pin!(self.manager.acquire(request));
        match clock::until(since.after(REPORT_EVERY), acquired.as_mut()).await {
            Ok(acquired) => acquired,
            Err(clock::DeadlinePassed) => {
                let _wait = self.wait(since, lineage);
                acquired.await
            }
        }
    }

    fn wait(self: &Arc<Self>, since: Moment, lineage: &Lineage) -> Wait<'_> {
        let key = (since, lineage.clone());
        let mut waits = self.waits();
        waits.lineages.insert(key.clone());
        if !std::mem::replace(&mut waits.is_reporting, true) {
            tokio::spawn(report_wait(Arc::downgrade(self)));
        }
        drop(waits);
        Wait { locks: self, key }
    }

    /// Reports the longest wait. Returns false if no call waits any more.
    fn report_wait(&self) -> bool {
        let mut waits = self.waits();
        let Some((since, lineage)) = waits.lineages.first().cloned() else {
            waits.is_reporting = false;
            drop(waits);
            self.cx.event(Event::LockWaitEnded);
            return false;
        };
        let n_others = waits.lineages.len() - 1;
        drop(waits);
        // The lock may have been granted just now.
        if let Some(waiting) = self.manager.waiting(&lineage) {
            self.cx.event(Event::LockWaiting {
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

/// Returns the call whose command a process is part of as the store knows it, with those above it.
fn lock_owner_of(joined: &Joined) -> Option<Arc<LockOwner>> {
    joined.callers().fold(None, |under, (lineage, claim)| {
        Some(Arc::new(LockOwner {
            lineage: lineage.clone(),
            claim,
            under,
        }))
    })
}

async fn report_wait(locks: Weak<Locks>) {
    while locks.upgrade().is_some_and(|locks| locks.report_wait()) {
        clock::pause(REPORT_EVERY).await;
    }
}
