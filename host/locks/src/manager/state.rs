//! What a manager knows: the table, who of this process waits, and what is yet to be done.
//!
//! Nothing here blocks. Whoever changes the table has entered it before.

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
use crate::replica::{Epoch, News, Replica};
use crate::session::{self, Session};
use crate::table::{Cycle, Decision, Entry, LockTable, Place, Request, RequestId, decide};

/// The epoch of a table that is shared with nobody, and so never made anew.
const ALONE: Epoch = Epoch(0);

/// How often a process that waits looks at the table although nobody told it to: a net, for
/// a process that is stopped between what it did and telling of it.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why a task that waited goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// It has the lock.
    Granted,
    /// Its request is not in the table any more.
    Lost,
}

/// What became of what was asked for.
pub(super) struct Asked {
    pub(super) epoch: Epoch,
    /// The requests that are held.
    pub(super) held: Vec<RequestId>,
    /// How many of the wants are held.
    pub(super) n_done: usize,
    /// What of the next one.
    pub(super) answer: Answer,
}

pub(super) enum Answer {
    AllHeld,
    Wait {
        id: RequestId,
        woken: oneshot::Receiver<Woken>,
        /// The sessions whose death matters from now on.
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
    /// What guards let go of, and is not yet released.
    to_release: Vec<RequestId>,
    /// Sessions that are watched, each by a thread.
    pub(super) watched: BTreeSet<SessionId>,
    /// When it was last looked for others who are to be watched.
    watch_since: Moment,
    /// Sessions in which somebody was granted a lock in this turn.
    others_granted: BTreeSet<SessionId>,
    /// Whether the bell is still to be made.
    lacks_bell: bool,
    /// From when this process first waits until a thread listens: the bell, if it could be
    /// made.
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

    /// Takes the turn at the table, wakes whom others let go, and releases what guards let
    /// go of; false if others have the turn.
    pub(super) fn enter(
        &mut self,
        session: Option<&Session>,
        turn: Option<SharedFile>,
    ) -> Result<bool, LockError> {
        let before = self.epoch();
        if let (Book::Shared(replica), Some(session)) = (&mut self.book, session) {
            let Some(news) = replica.enter(session, turn)? else {
                return Ok(false);
            };
            self.take_in(&news, before);
        }
        let to_release = self.to_release.clone();
        self.free(&to_release);
        Ok(true)
    }

    /// Ends the turn. If that fails, nothing of it was done.
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

    fn take_in(&mut self, news: &News, before: Epoch) {
        for id in &news.granted {
            self.wake(*id, Woken::Granted);
        }
        if !news.was_replaced {
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
                Some(Place::Granted) => self.wake(id, Woken::Granted),
                Some(Place::Overtaking | Place::Waiting) => {}
            }
        }
    }

    fn wake(&mut self, id: RequestId, woken: Woken) {
        if let Some(waiter) = self.waiters.remove(&id) {
            // ignored: a receiver that is gone belongs to a request that is about to be dropped, and
            // will pass the lock on itself.
            let _ = waiter.send(woken);
        }
    }

    pub(super) fn ask(
        &mut self,
        session: Option<&Session>,
        owner: &Owner,
        what: &str,
        wants: &[(Resource, Mode)],
    ) -> Asked {
        let mut held = Vec::new();
        for (n_done, (resource, mode)) in wants.iter().enumerate() {
            let request = Request {
                owner: owner.clone(),
                resource: resource.clone(),
                mode: *mode,
                what: what.to_owned(),
            };
            if self.table().is_included(&request) {
                continue;
            }
            let answer = match self.decide(session, &request) {
                Decision::Granted => {
                    held.push(self.insert(request));
                    continue;
                }
                Decision::Wait => self.begin_to_wait(session, request),
                Decision::Deadlock(cycle) => {
                    Answer::Deadlock(Box::new(self.deadlock(&request, cycle)))
                }
            };
            return Asked {
                epoch: self.epoch(),
                held,
                n_done,
                answer,
            };
        }
        Asked {
            epoch: self.epoch(),
            held,
            n_done: wants.len(),
            answer: Answer::AllHeld,
        }
    }

    /// Decides, with nobody in it who is dead: who only has locks watches nobody, and may be
    /// the first to come across one.
    fn decide(&mut self, session: Option<&Session>, request: &Request) -> Decision {
        loop {
            let decision = decide(self.table(), request);
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

    fn insert(&mut self, request: Request) -> RequestId {
        let now = Timestamp::now().0;
        match &mut self.book {
            Book::Alone(table) => table.insert(request, now).0,
            Book::Shared(replica) => replica.insert(request, now).0,
        }
    }

    fn begin_to_wait(&mut self, session: Option<&Session>, request: Request) -> Answer {
        let own = request.owner.session;
        // Whoever comes later comes behind, but for those below a call that is here already.
        let watch = self.unwatched_at(&request.resource, own);
        if let Some(session) = session
            && std::mem::take(&mut self.lacks_bell)
        {
            // Before another process can see the request, and would ring in vain.
            self.to_listen = Some(match session.bell() {
                Ok(bell) => Some(bell),
                Err(error) => {
                    tracing::warn!(%error, "waiting for other processes will be slow");
                    None
                }
            });
        }
        let id = self.insert(request);
        let (wake, woken) = oneshot::channel();
        self.waiters.insert(id, wake);
        Answer::Wait { id, woken, watch }
    }

    fn unwatched_at(&self, resource: &Resource, own: SessionId) -> Vec<SessionId> {
        let sessions = self.table().sessions_at(resource).into_iter();
        let new = sessions.filter(|id| *id != own && !self.watched.contains(id));
        new.collect()
    }

    /// Returns the sessions whose death matters to who waits, and that are not watched yet: a
    /// process that joined a call overtakes those who wait for it. It goes through all who wait,
    /// so it is not done more often than need be.
    pub(super) fn watch_more(&mut self, own: SessionId) -> Vec<SessionId> {
        if self.watch_since.elapsed() < LOOK_EVERY {
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

    fn deadlock(&self, request: &Request, cycle: Cycle) -> LockError {
        let mut ours = self.chain(&request.owner);
        if request.owner.lineage.depth() > 0 {
            // The call itself may have no lock yet by which the table would know it.
            ours.pop();
        }
        ours.push(request.what.clone());
        let theirs = cycle.links.get(1).unwrap_or(&cycle.links[0]);
        LockError::Deadlock {
            resource: request.resource.clone(),
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

    /// Releases requests, of whomever.
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

    /// Releases all that a session had which is dead.
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

    /// Notes what a guard let go of, unless it was of a table that is no more.
    pub(super) fn release_later(&mut self, epoch: Epoch, ids: &[RequestId]) {
        if epoch == self.epoch() {
            self.to_release.extend(ids);
        }
    }

    /// Returns whether anything could not be released yet.
    pub(super) fn is_releasing(&self) -> bool {
        !self.to_release.is_empty()
    }

    /// Returns the sessions in which somebody was granted a lock in this turn.
    pub(super) fn others_granted(&mut self) -> BTreeSet<SessionId> {
        std::mem::take(&mut self.others_granted)
    }

    /// Returns whom a request waits for.
    pub(super) fn blockers(&self, id: RequestId) -> Vec<Blocker> {
        let blockers = self.table().blockers(id);
        blockers
            .into_iter()
            .map(|it| blocker(self.table(), it))
            .collect()
    }

    /// Returns what a lineage of a session waits for.
    pub(super) fn waiting(&self, session: SessionId, lineage: &Lineage) -> Option<Waiting> {
        let waits = |entry: &&Entry| {
            let owner = &entry.request.owner;
            entry.place != Place::Granted && (owner.session, &owner.lineage) == (session, lineage)
        };
        let entry = self.table().entries().find(waits)?;
        Some(Waiting {
            resource: entry.request.resource.clone(),
            blockers: self.blockers(entry.id),
        })
    }
}

/// Returns a session in a cycle that is dead.
fn dead_one(session: &Session, cycle: &Cycle) -> Option<SessionId> {
    let others = cycle.links.iter().map(|link| link.waiter.session);
    let mut others = others.filter(|id| *id != session.id());
    others.find(|id| match session::is_dead(session.files(), *id) {
        Ok(is_dead) => is_dead,
        Err(error) => {
            // Of one that cannot be looked at nothing is known, so it keeps its locks.
            tracing::warn!(%error, "failed to look at the locks of other processes");
            false
        }
    })
}

/// Returns an entry as those are told who wait for it.
pub(crate) fn blocker(table: &LockTable, entry: &Entry) -> Blocker {
    Blocker {
        owner: entry.request.owner.clone(),
        mode: entry.request.mode,
        has_it: entry.place == Place::Granted,
        chain: table.chain(&entry.request.owner),
        since: entry.since,
        session: None,
    }
}
