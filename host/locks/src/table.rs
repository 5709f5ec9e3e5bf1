//! The lock table decides which requests are granted and which wait.
//!
//! The table is a pure function of the requests and releases that were applied to it, in their
//! order. Two processes that apply the same operations have the same table. The table does no
//! I/O, reads no clock and never blocks; the times in it are only displayed. PROTOCOL.md
//! describes the rules and names their sources.

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

/// A request for a lock.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LockRequest {
    /// The owner that makes the request.
    pub owner: Owner,
    /// The resource to lock.
    pub resource: Resource,
    /// The mode in which to lock the resource.
    pub mode: Mode,
    /// The method that needs the lock, for display: `sink.run`.
    pub what: String,
}

/// The table's decision about a batch of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// All requests are granted at once.
    Granted,
    /// At least one request has to wait.
    Wait,
    /// The batch would close a cycle of owners that wait for each other.
    Deadlock(Cycle),
}

/// The state of a request in the queue of its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueuePlace {
    /// The request is granted.
    Granted,
    /// The request waits ahead of all requests that do not overtake, because its lineage holds
    /// the resource already.
    Overtaking,
    /// The request waits in the order of arrival.
    Waiting,
}

/// A request in the table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableEntry {
    /// The number of the request.
    pub id: RequestId,
    /// The state of the request in its queue.
    pub place: QueuePlace,
    /// The time at which the request got this place, in milliseconds since 1970-01-01T00:00:00Z.
    pub since: u64,
    /// The request itself.
    pub request: LockRequest,
}

/// All requests that were made and are not released yet.
#[derive(Debug, Clone, Default)]
pub struct LockTable {
    queues: BTreeMap<Resource, Queue>,
    resources: BTreeMap<RequestId, Resource>,
    /// The waiting requests, ordered by owner, so that the requests of an owner and its
    /// descendants are adjacent.
    waiting: BTreeSet<(Owner, RequestId)>,
    n_requests: u64,
}

/// Decides whether a batch of requests made now would be granted, would wait, or would close a
/// cycle.
///
/// All requests of a batch have the same owner, and each has another resource. The owner begins
/// when all of them are granted. An intention is a batch of its own: see PROTOCOL.md.
#[must_use]
pub fn decide(table: &LockTable, batch: &[LockRequest]) -> Decision {
    let placed: Vec<(&LockRequest, QueuePlace)> = batch
        .iter()
        .map(|request| (request, table.place(request)))
        .collect();
    if placed
        .iter()
        .all(|(_, place)| *place == QueuePlace::Granted)
    {
        return Decision::Granted;
    }
    match graph::cycle_closed_by(table, &placed) {
        Some(cycle) => Decision::Deadlock(cycle),
        None => Decision::Wait,
    }
}

impl LockTable {
    /// Returns whether an ancestor's lock already allows what a request asks for.
    ///
    /// The request must be for an intention, and an ancestor must hold the resource in a mode
    /// that includes it. Intentions do not conflict with each other, so siblings do not exclude
    /// each other by them. An ancestor in another process does not count: that process may die
    /// first, and its locks are released with it.
    #[must_use]
    pub fn is_included(&self, request: &LockRequest) -> bool {
        request.mode.is_intention()
            && self.queues.get(&request.resource).is_some_and(|queue| {
                let includes = |held: &TableEntry| {
                    held.request.mode.includes(request.mode)
                        && held.request.owner.session == request.owner.session
                        && held.request.owner.covers(&request.owner)
                };
                queue.granted().any(includes)
            })
    }

    /// Returns the place that a request made now would get.
    fn place(&self, request: &LockRequest) -> QueuePlace {
        match self.queues.get(&request.resource) {
            Some(queue) => queue.place(request),
            None => QueuePlace::Granted,
        }
    }

    /// Adds a request, whatever [`decide`] returns for its batch.
    ///
    /// Returns the number of the request and its place. `now` is the time that is recorded for
    /// it.
    pub fn insert(&mut self, request: LockRequest, now: u64) -> (RequestId, QueuePlace) {
        let id = RequestId(self.n_requests);
        self.n_requests += 1;
        self.resources.insert(id, request.resource.clone());
        let owner = request.owner.clone();
        let queue = self.queues.entry(request.resource.clone()).or_default();
        let place = queue.place(&request);
        queue.push(TableEntry {
            id,
            place,
            since: now,
            request,
        });
        if place != QueuePlace::Granted {
            self.waiting.insert((owner, id));
        }
        (id, place)
    }

    /// Removes requests, granted or waiting, and grants the requests that they blocked.
    ///
    /// Returns the requests that are granted, in order of arrival. Numbers that are not in the
    /// table are ignored.
    pub fn release(&mut self, ids: &[RequestId], now: u64) -> Vec<RequestId> {
        let mut touched = BTreeSet::new();
        for id in ids {
            let Some(entry) = self.take(*id) else {
                continue;
            };
            if entry.place != QueuePlace::Granted {
                self.waiting.remove(&(entry.request.owner, *id));
            }
            touched.insert(entry.request.resource);
        }
        let mut granted = Vec::new();
        for resource in touched {
            // A resource without a queue has no requests, so there is nothing to grant.
            let Some(queue) = self.queues.get_mut(&resource) else {
                continue;
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

    /// Removes a request from the queue of its resource. Returns `None` if it is not in the table.
    fn take(&mut self, id: RequestId) -> Option<TableEntry> {
        let resource = self.resources.remove(&id)?;
        self.queues.get_mut(&resource)?.remove(id)
    }

    /// Returns the request with this number, or `None` if it is not in the table.
    #[must_use]
    pub fn entry(&self, id: RequestId) -> Option<&TableEntry> {
        self.queues.get(self.resources.get(&id)?)?.entry(id)
    }

    /// Returns all requests, resource by resource.
    ///
    /// For each resource, the holders come first, then the waiters, the next one to be granted
    /// first.
    pub fn entries(&self) -> impl Iterator<Item = &TableEntry> {
        self.queues.values().flat_map(Queue::entries)
    }

    /// Returns the number of requests that were ever made.
    #[must_use]
    pub fn n_requests(&self) -> u64 {
        self.n_requests
    }

    /// Returns the requests of a session.
    #[must_use]
    pub fn of_session(&self, session: SessionId) -> Vec<RequestId> {
        let is_of = |entry: &&TableEntry| entry.request.owner.session == session;
        self.entries().filter(is_of).map(|entry| entry.id).collect()
    }

    /// Returns the requests that block a waiting request.
    ///
    /// These are the holders of the resource and the requests ahead of it in the queue. The
    /// list is empty if the request does not wait. If a request for `X` is in front, the requests
    /// ahead of that one are left out, because it waits for all of them.
    #[must_use]
    pub fn blockers(&self, id: RequestId) -> Vec<&TableEntry> {
        let Some(entry) = self.entry(id) else {
            return Vec::new();
        };
        match self.queues.get(&entry.request.resource) {
            Some(queue) => queue.blockers(&entry.request, entry.place, entry.id),
            None => Vec::new(),
        }
    }

    /// Returns the sessions that hold a resource or wait for it.
    #[must_use]
    pub fn sessions_at(&self, resource: &Resource) -> BTreeSet<SessionId> {
        let queue = self.queues.get(resource);
        let entries = queue.into_iter().flat_map(Queue::entries);
        entries.map(|entry| entry.request.owner.session).collect()
    }

    /// Returns what the calls of a lineage are doing, from the run down: `a.run`, `b.run`.
    ///
    /// A call that neither holds nor wants a lock appears as its number. If the lineage belongs
    /// to a joined process, the calls of the process that waits for it come first.
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
