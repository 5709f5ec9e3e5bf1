//! The state of a manager: the table, the waiting tasks of this process, and the pending work.
//!
//! Nothing in this module blocks. Every caller that changes the table holds the table lock.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use sedge_model::lineage::Lineage;
use sedge_sys::bell::Bell;
use sedge_sys::clock::{Moment, Timestamp};
use sedge_sys::shared_file::SharedFile;
use tokio::sync::oneshot;

use super::Waiting;
use crate::error::{Blocker, LockError};
use crate::mode::{Mode, Resource};
use crate::owner::{Owner, SessionId};
use crate::replica::{Epoch, Replica, TableUpdate};
use crate::session::{self, Session};
use crate::table::{
    Cycle, Decision, LockRequest, LockTable, QueuePlace, RequestId, TableEntry, decide,
};

/// The epoch of a table that is not shared, and therefore is never replaced.
const ALONE: Epoch = Epoch(0);

/// How often a process with waiting tasks reads the table although its bell was not rung.
///
/// This covers a process that is stopped between its write and the ring.
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The reason why a waiting task is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// Its request was granted.
    Granted,
    /// Its request is not in the table any more.
    Lost,
}

/// The result of asking for several locks.
pub(super) struct AcquireAnswer {
    pub(super) epoch: Epoch,
    /// The requests that are in the table, granted or waiting.
    pub(super) ids: Vec<RequestId>,
    /// The number of wants that are granted or wait.
    pub(super) n_done: usize,
    pub(super) answer: Answer,
}

/// A request that waits, and the channel on which its task is woken.
pub(super) struct Queued {
    pub(super) id: RequestId,
    pub(super) resource: Resource,
    pub(super) woken: oneshot::Receiver<Woken>,
}

pub(super) enum Answer {
    AllHeld,
    Wait {
        /// The requests of the last batch that wait; at least one.
        queued: Vec<Queued>,
        /// The sessions that have to be watched from now on.
        watch: Vec<SessionId>,
    },
    Deadlock(Box<LockError>),
}

#[derive(Debug)]
enum Book {
    Alone(LockTable),
    Shared(Replica),
}

#[derive(Debug)]
pub(super) struct State {
    book: Book,
    waiters: HashMap<RequestId, oneshot::Sender<Woken>>,
    /// The requests that guards have given up and that are not released yet.
    to_release: Vec<RequestId>,
    /// The sessions that are watched, each by a thread.
    pub(super) watched: BTreeSet<SessionId>,
    /// When the table was last searched for more sessions to watch.
    watch_since: Moment,
    /// The other sessions that had a request granted in this critical section.
    others_granted: BTreeSet<SessionId>,
    /// Whether the bell has yet to be created.
    lacks_bell: bool,
    /// Set from the first wait of this process until a thread listens.
    ///
    /// The inner value is the bell, or `None` if it could not be created.
    pub(super) to_listen: Option<Option<Bell>>,
}

impl State {
    pub(super) fn alone() -> Self {
        Self::new(Book::Alone(LockTable::default()))
    }

    pub(super) fn shared(session: &Session) -> Result<Self, LockError> {
        let mut state = Self::new(Book::Shared(Replica::open(session)?));
        state.lacks_bell = true;
        Ok(state)
    }

    fn new(book: Book) -> Self {
        Self {
            book,
            waiters: HashMap::new(),
            to_release: Vec::new(),
            watched: BTreeSet::new(),
            watch_since: Moment::now(),
            others_granted: BTreeSet::new(),
            lacks_bell: false,
            to_listen: None,
        }
    }

    pub(super) fn table(&self) -> &LockTable {
        match &self.book {
            Book::Alone(table) => table,
            Book::Shared(replica) => replica.table(),
        }
    }

    pub(super) fn epoch(&self) -> Epoch {
        match &self.book {
            Book::Alone(_) => ALONE,
            Book::Shared(replica) => replica.epoch(),
        }
    }

    /// Takes the table lock, wakes tasks whose requests were granted, and releases pending locks.
    ///
    /// Returns false if another process holds the table lock.
    pub(super) fn enter(
        &mut self,
        session: Option<&Session>,
        locked: Option<SharedFile>,
    ) -> Result<bool, LockError> {
        let before = self.epoch();
        if let (Book::Shared(replica), Some(session)) = (&mut self.book, session) {
            let Some(update) = replica.enter(session, locked)? else {
                return Ok(false);
            };
            self.apply_update(&update, before);
        }
        let to_release = self.to_release.clone();
        self.free(&to_release);
        Ok(true)
    }

    /// Ends the critical section. If this fails, all changes made in it are discarded.
    pub(super) fn leave(&mut self, session: Option<&Session>) -> Result<(), LockError> {
        let left = match (&mut self.book, session) {
            (Book::Shared(replica), Some(session)) => replica.leave(session),
            (Book::Shared(_) | Book::Alone(_), _) => Ok(()),
        };
        match left {
            Ok(()) => self.to_release.clear(),
            Err(_) => {
                let table = match &self.book {
                    Book::Alone(table) => table,
                    Book::Shared(replica) => replica.table(),
                };
                self.waiters.retain(|id, _| table.entry(*id).is_some());
            }
        }
        left
    }

    fn apply_update(&mut self, update: &TableUpdate, before: Epoch) {
        for id in &update.granted {
            self.wake(*id, Woken::Granted);
        }
        if !update.was_replaced {
            return;
        }
        let is_new = self.epoch() != before;
        if is_new {
            self.to_release.clear();
        }
        let ids: Vec<RequestId> = self.waiters.keys().copied().collect();
        for id in ids {
            let entry = self.table().entry(id).filter(|_| !is_new);
            match entry.map(|entry| entry.place) {
                None => self.wake(id, Woken::Lost),
                Some(QueuePlace::Granted) => self.wake(id, Woken::Granted),
                Some(QueuePlace::Overtaking | QueuePlace::Waiting) => {}
            }
        }
    }

    fn wake(&mut self, id: RequestId, woken: Woken) {
        if let Some(waiter) = self.waiters.remove(&id) {
            // ignored: a receiver that is gone belongs to a request that is about to be dropped,
            // and dropping it passes the lock on.
            let _ = waiter.send(woken);
        }
    }

    /// Makes the requests of an owner, batch by batch, up to the first batch that waits.
    pub(super) fn request(
        &mut self,
        session: Option<&Session>,
        owner: &Owner,
        what: &str,
        wants: &[(Resource, Mode)],
    ) -> AcquireAnswer {
        let mut ids = Vec::new();
        let mut n_done = 0;
        let mut answer = Answer::AllHeld;
        while let Answer::AllHeld = answer
            && n_done < wants.len()
        {
            let wanted = first_batch(&wants[n_done..]);
            let requests = wanted.iter().map(|(resource, mode)| LockRequest {
                owner: owner.clone(),
                resource: resource.clone(),
                mode: *mode,
                what: what.to_owned(),
            });
            let batch: Vec<LockRequest> = requests
                .filter(|request| !self.table().is_included(request))
                .collect();
            match self.decide(session, &batch) {
                Decision::Granted => ids.extend(batch.into_iter().map(|it| self.insert(it).0)),
                Decision::Wait => answer = self.begin_to_wait(session, batch, &mut ids),
                Decision::Deadlock(cycle) => {
                    let error = self.deadlock(owner, what, cycle);
                    answer = Answer::Deadlock(Box::new(error));
                    break;
                }
            }
            n_done += wanted.len();
        }
        AcquireAnswer {
            epoch: self.epoch(),
            ids,
            n_done,
            answer,
        }
    }

    /// Decides on a batch, after releasing the locks of dead sessions in a cycle.
    ///
    /// A process that only holds locks watches no session, so it may be the first to notice that
    /// one is dead.
    fn decide(&mut self, session: Option<&Session>, batch: &[LockRequest]) -> Decision {
        loop {
            let decision = decide(self.table(), batch);
            let dead = match &decision {
                Decision::Deadlock(cycle) => session.and_then(|session| dead_one(session, cycle)),
                Decision::Granted | Decision::Wait => None,
            };
            match dead {
                Some(id) => self.session_ended(id),
                None => return decision,
            }
        }
    }

    fn insert(&mut self, request: LockRequest) -> (RequestId, QueuePlace) {
        let now = Timestamp::now().0;
        match &mut self.book {
            Book::Alone(table) => table.insert(request, now),
            Book::Shared(replica) => replica.insert(request, now),
        }
    }

    /// Makes all requests of a batch, of which at least one has to wait.
    fn begin_to_wait(
        &mut self,
        session: Option<&Session>,
        batch: Vec<LockRequest>,
        ids: &mut Vec<RequestId>,
    ) -> Answer {
        if let Some(session) = session
            && std::mem::take(&mut self.lacks_bell)
        {
            // The bell is created before another process can see the request and ring it.
            self.to_listen = Some(match session.bell() {
                Ok(bell) => Some(bell),
                Err(error) => {
                    tracing::warn!(%error, "waiting for other processes will be slow");
                    None
                }
            });
        }
        let (mut queued, mut watch) = (Vec::new(), BTreeSet::new());
        for request in batch {
            let (own, resource) = (request.owner.session, request.resource.clone());
            let (id, place) = self.insert(request);
            ids.push(id);
            if place == QueuePlace::Granted {
                continue;
            }
            // A later request is queued behind this one, unless it comes from below a call that is
            // already at the resource.
            watch.extend(self.unwatched_at(&resource, own));
            let (wake, woken) = oneshot::channel();
            self.waiters.insert(id, wake);
            queued.push(Queued {
                id,
                resource,
                woken,
            });
        }
        let watch = watch.into_iter().collect();
        Answer::Wait { queued, watch }
    }

    fn unwatched_at(&self, resource: &Resource, own: SessionId) -> Vec<SessionId> {
        let sessions = self.table().sessions_at(resource).into_iter();
        let new = sessions.filter(|id| *id != own && !self.watched.contains(id));
        new.collect()
    }

    /// Returns the sessions that have to be watched for this process's waiters and are not yet.
    ///
    /// A process that joins a call later may overtake these waiters, so the search is repeated.
    /// It visits all waiters, and is therefore done no more often than necessary.
    pub(super) fn watch_more(&mut self, own: SessionId) -> Vec<SessionId> {
        if self.watch_since.elapsed() < POLL_INTERVAL {
            return Vec::new();
        }
        self.watch_since = Moment::now();
        let waiting = self.waiters.keys().filter_map(|id| self.table().entry(*id));
        let resources: BTreeSet<&Resource> = waiting.map(|it| &it.request.resource).collect();
        let sessions = resources.into_iter();
        sessions
            .flat_map(|resource| self.unwatched_at(resource, own))
            .collect()
    }

    fn deadlock(&self, owner: &Owner, what: &str, cycle: Cycle) -> LockError {
        let mut ours = self.chain(owner);
        if owner.lineage.depth() > 0 {
            // The call itself may hold no lock yet, and then the table does not know it.
            ours.pop();
        }
        ours.push(what.to_owned());
        let theirs = cycle.links.get(1).unwrap_or(&cycle.links[0]);
        LockError::Deadlock {
            resource: cycle.links[0].resource.clone(),
            ours,
            theirs: self.chain(&theirs.waiter),
            cycle,
        }
    }

    fn chain(&self, owner: &Owner) -> Vec<String> {
        let mut top = owner;
        while let Some(above) = &top.under {
            top = above;
        }
        let mut chain = vec![format!("run {}", top.lineage.run())];
        chain.extend(self.table().chain(owner));
        chain
    }

    /// Releases requests of any owner.
    pub(super) fn free(&mut self, ids: &[RequestId]) {
        let now = Timestamp::now().0;
        for id in ids {
            self.waiters.remove(id);
        }
        let granted = match &mut self.book {
            Book::Alone(table) => table.release(ids, now),
            Book::Shared(replica) => replica.release(ids, now),
        };
        self.granted(&granted);
    }

    /// Releases all requests of a dead session.
    pub(super) fn session_ended(&mut self, id: SessionId) {
        self.watched.remove(&id);
        if let Book::Shared(replica) = &mut self.book {
            let granted = replica.session_ended(id, Timestamp::now().0);
            self.granted(&granted);
        }
    }

    fn granted(&mut self, ids: &[RequestId]) {
        for id in ids {
            if self.waiters.contains_key(id) {
                self.wake(*id, Woken::Granted);
            } else if let Some(entry) = self.table().entry(*id) {
                let session = entry.request.owner.session;
                self.others_granted.insert(session);
            }
        }
    }

    /// Records the requests that a guard has given up, unless their table was replaced.
    pub(super) fn release_later(&mut self, epoch: Epoch, ids: &[RequestId]) {
        if epoch == self.epoch() {
            self.to_release.extend(ids);
        }
    }

    /// Returns whether any release is still pending.
    pub(super) fn is_releasing(&self) -> bool {
        !self.to_release.is_empty()
    }

    /// Returns the other sessions that had a request granted in this critical section.
    pub(super) fn others_granted(&mut self) -> BTreeSet<SessionId> {
        std::mem::take(&mut self.others_granted)
    }

    /// Returns the requests that block a request.
    pub(super) fn blockers(&self, id: RequestId) -> Vec<Blocker> {
        let blockers = self.table().blockers(id);
        blockers
            .into_iter()
            .map(|it| blocker(self.table(), it))
            .collect()
    }

    /// Returns what a lineage of a session waits for, or `None` if it does not wait.
    pub(super) fn waiting(&self, session: SessionId, lineage: &Lineage) -> Option<Waiting> {
        let waits = |entry: &&TableEntry| {
            let owner = &entry.request.owner;
            entry.place != QueuePlace::Granted
                && (owner.session, &owner.lineage) == (session, lineage)
        };
        let entry = self.table().entries().find(waits)?;
        Some(Waiting {
            resource: entry.request.resource.clone(),
            blockers: self.blockers(entry.id),
        })
    }
}

/// Returns the wants that are requested at the same time: the next want if it is the datastore, and
/// otherwise all models up to the next want that is not a model.
///
/// The intention on the datastore is granted before any model is requested. Otherwise a call that
/// waits for structural work would already hold its model, and structural work may be waiting for
/// a call that is about to call this model.
fn first_batch(wants: &[(Resource, Mode)]) -> &[(Resource, Mode)] {
    let models = wants.iter().take_while(|(resource, _)| match resource {
        Resource::Datastore => false,
        Resource::Model(_) => true,
    });
    let n_models = models.count();
    &wants[..n_models.max(1).min(wants.len())]
}

/// Returns a session in a cycle that is dead, or `None`.
fn dead_one(session: &Session, cycle: &Cycle) -> Option<SessionId> {
    let others = cycle.links.iter().map(|link| link.waiter.session);
    let mut others = others.filter(|id| *id != session.id());
    others.find(|id| match session::is_dead(session.files(), *id) {
        Ok(is_dead) => is_dead,
        Err(error) => {
            // If the session's file cannot be read, its state is unknown, so it keeps its locks.
            tracing::warn!(%error, "failed to read the locks of other processes");
            false
        }
    })
}

/// Returns an entry in the form that is shown to its waiters.
pub(crate) fn blocker(table: &LockTable, entry: &TableEntry) -> Blocker {
    Blocker {
        owner: entry.request.owner.clone(),
        mode: entry.request.mode,
        has_it: entry.place == QueuePlace::Granted,
        chain: table.chain(&entry.request.owner),
        since: entry.since,
        session: None,
    }
}
