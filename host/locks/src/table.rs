//! The lock table: who has what, who waits, and who may go.
//!
//! A pure function of the requests and releases that it was told of, in their order: every
//! process that is told the same has the same table. There is no I/O, no clock and no
//! waiting in it; times are numbers that it keeps for people. See PROTOCOL.md for the rules
//! and where they come from.

mod graph;
mod queue;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet};

pub use graph::{Cycle, Link};
pub use snapshot::Snapshot;

use crate::mode::{Mode, Resource};
use crate::owner::{Owner, SessionId};
use queue::Queue;

/// The number of a request. Later requests have higher numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u64);

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// Who.
    pub owner: Owner,
    /// What is to be locked.
    pub resource: Resource,
    /// How.
    pub mode: Mode,
    /// What for, to people: `sink.run`.
    pub what: String,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It has the lock at once.
    Granted,
    /// It has to wait.
    Wait,
    /// It would wait for somebody who waits for it.
    Deadlock(Cycle),
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// It has the lock.
    Granted,
    /// It waits, in front of all who do not overtake: its lineage has the lock already.
    Overtaking,
    /// It waits in the order of arrival.
    Waiting,
}

/// A request in the table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Its number.
    pub id: RequestId,
    /// Where it stands.
    pub place: Place,
    /// Since when, in milliseconds since 1970-01-01T00:00:00Z.
    pub since: u64,
    /// What was asked for.
    pub request: Request,
}

/// All requests that were made and not released.
#[derive(Debug, Clone, Default)]
pub struct LockTable {
    queues: BTreeMap<Resource, Queue>,
    resources: BTreeMap<RequestId, Resource>,
    /// The requests that wait, by owner, so that those below one owner are side by side.
    waiting: BTreeSet<(Owner, RequestId)>,
    n_requests: u64,
}

/// Decides what would become of a request that came now.
#[must_use]
pub fn decide(table: &LockTable, request: &Request) -> Decision {
    let place = match table.queues.get(&request.resource) {
        Some(queue) => queue.place(request),
        None => Place::Granted,
    };
    if place == Place::Granted {
        return Decision::Granted;
    }
    match graph::cycle_closed_by(table, request, place) {
        Some(cycle) => Decision::Deadlock(cycle),
        None => Decision::Wait,
    }
}

impl LockTable {
    /// Returns whether a request asks for nothing that its lineage has not: an intention
    /// where an ancestor has that resource in a mode that includes it. Intentions never
    /// conflict among themselves, so siblings need not take turns for them. An ancestor in
    /// another process does not count: it may die first, and its locks with it.
    #[must_use]
    pub fn is_included(&self, request: &Request) -> bool {
        request.mode.is_intention()
            && self.queues.get(&request.resource).is_some_and(|queue| {
                let includes = |held: &Entry| {
                    held.request.mode.includes(request.mode)
                        && held.request.owner.session == request.owner.session
                        && held.request.owner.covers(&request.owner)
                };
                queue.granted().any(includes)
            })
    }

    /// Adds a request, whatever [`decide`] says of it, and returns its number and where it
    /// stands from `now` on.
    pub fn insert(&mut self, request: Request, now: u64) -> (RequestId, Place) {
        let id = RequestId(self.n_requests);
        self.n_requests += 1;
        self.resources.insert(id, request.resource.clone());
        let owner = request.owner.clone();
        let queue = self.queues.entry(request.resource.clone()).or_default();
        let place = queue.place(&request);
        queue.push(Entry {
            id,
            place,
            since: now,
            request,
        });
        if place != Place::Granted {
            self.waiting.insert((owner, id));
        }
        (id, place)
    }

    /// Removes requests, granted or waiting, and returns those that are granted thereby, in
    /// order of arrival. Numbers of requests that are not there are passed over.
    pub fn release(&mut self, ids: &[RequestId], now: u64) -> Vec<RequestId> {
        let mut touched = BTreeSet::new();
        for id in ids {
            let Some(resource) = self.resources.remove(id) else {
                continue;
            };
            let Some(queue) = self.queues.get_mut(&resource) else {
                unreachable!("a request is in the queue of its resource")
            };
            let entry = queue.remove(*id);
            if entry.place != Place::Granted {
                self.waiting.remove(&(entry.request.owner, *id));
            }
            touched.insert(resource);
        }
        let mut granted = Vec::new();
        for resource in touched {
            let Some(queue) = self.queues.get_mut(&resource) else {
                unreachable!("a queue goes only here, and only once")
            };
            for entry in queue.grant(now) {
                self.waiting
                    .remove(&(entry.request.owner.clone(), entry.id));
                granted.push(entry.id);
            }
            if queue.is_empty() {
                self.queues.remove(&resource);
            }
        }
        granted.sort_unstable();
        granted
    }

    /// Returns the request of that number, if it is still there.
    #[must_use]
    pub fn entry(&self, id: RequestId) -> Option<&Entry> {
        self.queues.get(self.resources.get(&id)?)?.entry(id)
    }

    /// Returns all requests: resource by resource, and for each resource those that have the
    /// lock, then those that wait, the next one first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.queues.values().flat_map(Queue::entries)
    }

    /// Returns how many requests there ever were.
    #[must_use]
    pub fn n_requests(&self) -> u64 {
        self.n_requests
    }

    /// Returns the requests of a session.
    #[must_use]
    pub fn of_session(&self, session: SessionId) -> Vec<RequestId> {
        let is_of = |entry: &&Entry| entry.request.owner.session == session;
        self.entries().filter(is_of).map(|entry| entry.id).collect()
    }

    /// Returns those whom a waiting request waits for: who has the lock, and who is in front
    /// of it; none if it does not wait. Where a request for `X` is in front, those in front of
    /// that one are left out, for it waits for all of them.
    #[must_use]
    pub fn blockers(&self, id: RequestId) -> Vec<&Entry> {
        let Some(entry) = self.entry(id) else {
            return Vec::new();
        };
        match self.queues.get(&entry.request.resource) {
            Some(queue) => queue.blockers(&entry.request, entry.place, entry.id),
            None => Vec::new(),
        }
    }

    /// Returns the sessions that have a resource or wait for it.
    #[must_use]
    pub fn sessions_at(&self, resource: &Resource) -> BTreeSet<SessionId> {
        let queue = self.queues.get(resource);
        let entries = queue.into_iter().flat_map(Queue::entries);
        entries.map(|entry| entry.request.owner.session).collect()
    }

    /// Returns what the calls of a lineage are doing, from the run down, as far as they have
    /// or want locks: `a.run`, `b.run`. The number of a call stands for one that does not. Those
    /// of the process that waits for this one come first.
    #[must_use]
    pub fn chain(&self, owner: &Owner) -> Vec<String> {
        let mut whats: BTreeMap<usize, &str> = BTreeMap::new();
        for entry in self.entries() {
            let other = &entry.request.owner;
            if other.session == owner.session && other.covers(owner) {
                whats.insert(other.lineage.depth(), &entry.request.what);
            }
        }
        let mut chain = Vec::new();
        let mut lineage = Some(owner.lineage.clone());
        while let Some(at) = lineage {
            match (whats.get(&at.depth()), at.ordinal()) {
                (Some(what), _) => chain.push((*what).to_owned()),
                (None, Some(ordinal)) => chain.push(format!("call {ordinal}")),
                (None, None) => {}
            }
            lineage = at.parent();
        }
        chain.reverse();
        let mut above = owner
            .under
            .as_ref()
            .map_or_else(Vec::new, |it| self.chain(it));
        above.append(&mut chain);
        above
    }

    fn queue(&self, resource: &Resource) -> Option<&Queue> {
        self.queues.get(resource)
    }
}

#[cfg(test)]
mod tests;
