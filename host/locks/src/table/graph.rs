//! Deadlock detection: searches the wait-for graph for a cycle.
//!
//! The nodes of the graph are the waiting requests. An edge leads from a request to each
//! conflicting request ahead of it in the queue. For each lineage that holds the resource, an
//! edge leads to every waiting request of that lineage and of the calls below it, because a call
//! cannot end before the calls that it made. It does not matter which of several parallel calls
//! the parent is waiting for at the moment, since it needs all of them to end.
//!
//! Only a new waiting request can close a cycle. A grant or a release adds no edge to a request
//! that already waits. A call that is granted a lock runs, and its next request is checked when
//! it is made. So one search, from the request that is about to wait, is enough (Knapp, "Deadlock
//! Detection in Distributed Databases", 1987, §2: detection by the path that the new edge
//! closes).

use std::collections::{BTreeMap, VecDeque};

use super::{LockRequest, LockTable, QueuePlace, RequestId, TableEntry};
use crate::mode::Resource;
use crate::owner::Owner;

/// Requests that wait for each other. The request that closes the cycle comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// The links of the cycle. Each waits for the next one, and the last one waits for the first.
    pub links: Vec<Link>,
    /// The topmost call in the first request's lineage that blocks the last request of the cycle.
    ///
    /// The cycle is broken when this call and all calls below it have ended.
    pub breaks_at: Owner,
}

/// One waiting request in a cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The owner that waits.
    pub waiter: Owner,
    /// The resource that it waits for.
    pub resource: Resource,
    /// The owner that blocks it: the waiter of the next link, or an ancestor of that waiter.
    pub blocker: Owner,
}

/// The request that is about to wait. It is part of the graph, but not yet of the table.
struct Candidate<'a> {
    request: &'a LockRequest,
    place: QueuePlace,
}

/// A node of the graph: a request in the table, or the candidate.
#[derive(Clone, Copy)]
enum Node<'a> {
    Candidate,
    Waiting(&'a TableEntry),
}

impl Node<'_> {
    /// Returns what identifies the node: the number of its request. The candidate has none yet.
    fn key(self) -> Option<RequestId> {
        match self {
            Self::Candidate => None,
            Self::Waiting(entry) => Some(entry.id),
        }
    }
}

/// For each node that the search has reached: the node before it, and the owner that blocks the
/// node before it.
type ReachedBy<'a> = BTreeMap<Option<RequestId>, (Node<'a>, Owner)>;

/// Returns the cycle that a request would close by waiting at `place`, or `None`.
pub(super) fn cycle_closed_by(
    table: &LockTable,
    request: &LockRequest,
    place: QueuePlace,
) -> Option<Cycle> {
    let is_waited_for = table.queues.values().any(|queue| {
        let has_it = |held: &TableEntry| held.request.owner.covers(&request.owner);
        queue.is_waited_for() && queue.granted().any(has_it)
    });
    // No request waits for a lineage that holds nothing, or nothing that is waited for.
    if !is_waited_for {
        return None;
    }
    let candidate = Candidate { request, place };
    let mut reached_by = ReachedBy::new();
    let mut next = VecDeque::from([Node::Candidate]);
    while let Some(node) = next.pop_front() {
        for (blocker, other) in edges(table, &candidate, node) {
            if other.key().is_none() {
                return Some(cycle(table, &candidate, (node, blocker), &reached_by));
            }
            if let std::collections::btree_map::Entry::Vacant(new) = reached_by.entry(other.key()) {
                new.insert((node, blocker));
                next.push_back(other);
            }
        }
    }
    None
}

/// Returns the edges that leave a node: each target, and the owner that blocks the node there.
fn edges<'a>(
    table: &'a LockTable,
    candidate: &Candidate<'_>,
    node: Node<'a>,
) -> Vec<(Owner, Node<'a>)> {
    let (request, place, id, waits_behind_candidate) = match node {
        Node::Candidate => (
            candidate.request,
            candidate.place,
            RequestId(u64::MAX),
            false,
        ),
        Node::Waiting(entry) => (
            &entry.request,
            entry.place,
            entry.id,
            candidate.overtakes(entry),
        ),
    };
    let Some(queue) = table.queue(&request.resource) else {
        return Vec::new();
    };
    let mut edges = Vec::new();
    if waits_behind_candidate {
        edges.push((candidate.request.owner.clone(), Node::Candidate));
    }
    for blocker in queue.blockers(request, place, id) {
        let owner = &blocker.request.owner;
        if blocker.place != QueuePlace::Granted {
            edges.push((owner.clone(), Node::Waiting(blocker)));
            continue;
        }
        if owner.covers(&candidate.request.owner) {
            edges.push((owner.clone(), Node::Candidate));
        }
        let from = (owner.clone(), RequestId(0));
        let below = table.waiting.range(from..);
        let below = below.take_while(|(other, _)| owner.covers(other));
        let below = below.filter_map(|(_, id)| table.entry(*id));
        edges.extend(below.map(|entry| (owner.clone(), Node::Waiting(entry))));
    }
    edges
}

impl Candidate<'_> {
    /// Returns whether the candidate would be queued ahead of a request that waits already.
    fn overtakes(&self, other: &TableEntry) -> bool {
        self.place == QueuePlace::Overtaking
            && other.place == QueuePlace::Waiting
            && other.request.resource == self.request.resource
            && !other.request.mode.is_compatible_with(self.request.mode)
    }
}

fn request_of<'a>(candidate: &Candidate<'a>, node: Node<'a>) -> &'a LockRequest {
    match node {
        Node::Candidate => candidate.request,
        Node::Waiting(entry) => &entry.request,
    }
}

/// Builds the cycle by following the search back from its last step.
fn cycle(
    table: &LockTable,
    candidate: &Candidate<'_>,
    (last, blocker): (Node<'_>, Owner),
    reached_by: &ReachedBy<'_>,
) -> Cycle {
    let link = |node: Node<'_>, blocker| {
        let request = request_of(candidate, node);
        Link {
            waiter: request.owner.clone(),
            resource: request.resource.clone(),
            blocker,
        }
    };
    let breaks_at = breaks_at(table, candidate, last);
    let mut links = vec![link(last, blocker)];
    let mut node = last;
    while let Some((before, blocker)) = reached_by.get(&node.key()) {
        links.push(link(*before, blocker.clone()));
        node = *before;
    }
    links.reverse();
    Cycle { links, breaks_at }
}

/// Returns the topmost owner in the candidate's lineage that blocks `last`.
///
/// The request `last` stays blocked until all such owners have ended.
fn breaks_at(table: &LockTable, candidate: &Candidate<'_>, last: Node<'_>) -> Owner {
    let wanted = request_of(candidate, last);
    let own = &candidate.request.owner;
    let queue = table.queue(&wanted.resource).into_iter();
    let held = queue.flat_map(|queue| queue.granted());
    let held = held.filter(|held| held.request.owner.covers(own));
    let overtaken = |held: &TableEntry| {
        candidate.place == QueuePlace::Overtaking
            && held.request.resource == candidate.request.resource
    };
    // A lock of a common ancestor blocks neither of the two.
    let in_the_way = |held: &&TableEntry| {
        !held.request.owner.covers(&wanted.owner)
            && (!held.request.mode.is_compatible_with(wanted.mode) || overtaken(held))
    };
    let topmost = held
        .filter(in_the_way)
        .map(|held| &held.request.owner)
        .min_by_key(|owner| owner.depth());
    topmost.unwrap_or(own).clone()
}
